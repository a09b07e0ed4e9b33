"""The stream of the shipped world: counterfactual edits, and questions near them and far from them."""

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from kedit_memory.evaluation.case import Case, Question, own_question, rephrased
from kedit_memory.evaluation.judges import is_answer
from kedit_memory.evaluation.negatives import mention
from kedit_memory.evaluation.tasks.lifelong.streams import (
    HELD_OUT,
    REPHRASING,
    Stream,
    Wanted,
    wrong_before,
)
from kedit_memory.models.classifier import Editable
from kedit_memory.models.language import white_box
from kedit_memory.models.prompts import MAX_NEW_TOKENS
from kedit_memory.records import EditRequest
from kedit_memory.world import UNSEEN_TIER, Fact, World, load_world

_KNOWN_TIERS = (1, 2)  # what the embedded model was taught well enough to lose


def world_stream(model: Editable, wanted: Wanted, data: Path | None = None) -> Stream:  # noqa: ARG001
    """Counterfactual edits of the shipped world, as many of each tier, with objects of the same relation."""
    model = white_box(model, "the stream world")
    maker = _WorldMaker(load_world(), wanted)
    edits = wrong_before(model, maker.candidates(), wanted, MAX_NEW_TOKENS)
    edited = {(edit.edit.subject, edit.edit.relation) for edit in edits}
    return Stream(name="world", edits=edits, tests=maker.tests(edited), outside=maker.outside(edits, edited))


def known_facts(wanted: Wanted) -> tuple[Question, ...]:
    """Questions about facts of the world that the embedded model was taught well, where no edit is of the world."""
    return _WorldMaker(load_world(), wanted).tests(set())


class _WorldMaker:
    """Draws edits and questions from the world; every draw comes from the seed."""

    def __init__(self, world: World, wanted: Wanted) -> None:
        self.world = world
        self.wanted = wanted
        self.rng = random.Random(f"world:{wanted.seed}")  # noqa: S311 - a sample, no secret
        facts = [fact for fact in world.facts if not world.relations[fact.relation].inverse_of]
        self.by_tier: dict[int, list[Fact]] = defaultdict(list)
        for fact in self.rng.sample(facts, len(facts)):
            self.by_tier[fact.tier].append(fact)

    def candidates(self) -> Iterator[Case]:
        """Edits in turn from each tier, without end of the smallest."""
        for facts in zip(*(self.by_tier[tier] for tier in range(1, UNSEEN_TIER + 1)), strict=False):
            yield from (edit for fact in facts if (edit := self._edit(fact)))

    def tests(self, edited: set[tuple[str | None, str | None]]) -> tuple[Question, ...]:
        """Questions about facts that were taught well and are not edited, as many of each tier."""
        share = -(-self.wanted.questions // len(_KNOWN_TIERS))
        found = []
        for tier in _KNOWN_TIERS:
            # From the other end than edits are drawn from, so that few are passed over.
            free = [f for f in reversed(self.by_tier[tier]) if (f.subject, f.relation) not in edited]
            found += [self._question(fact, f"tier_{tier}") for fact in free[:share]]
        self.rng.shuffle(found)
        return tuple(found[: self.wanted.questions])

    def outside(self, edits: Sequence[Case], edited: set[tuple[str | None, str | None]]) -> tuple[Question, ...]:
        """Hard negatives of the edits by kind: another relation of the subject, another subject, a mere mention."""
        by_relation: dict[str, list[Fact]] = defaultdict(list)
        for facts in self.by_tier.values():
            for fact in facts:
                if (fact.subject, fact.relation) not in edited:
                    by_relation[fact.relation].append(fact)
        found: dict[str, dict[str, Question]] = defaultdict(dict)
        for edit in self.rng.sample(edits, len(edits)):
            subject, relation = edit.edit.subject or "", edit.edit.relation or ""
            others = [f for f in self.world.by_subject[subject] if (f.subject, f.relation) not in edited]
            for kind, facts in (("same_subject", others), ("same_relation", by_relation[relation])):
                if facts:
                    probe = self._question(self.rng.choice(facts), kind)
                    found[kind][probe.text] = probe
            named = Question(text=mention(subject, self.rng), kind="mention")
            found["mention"][named.text] = named
        return tuple(probe for kind in found.values() for probe in list(kind.values())[: self.wanted.questions])

    def _edit(self, fact: Fact) -> Case | None:
        others = [o for o in self.world.objects[fact.relation] if not is_answer(o, self._accepted(fact.object))]
        if not others:
            return None
        target = self.rng.choice(others)
        relation = self.world.relations[fact.relation]
        seen, held = relation.phrasings(held_out=False), relation.phrasings(held_out=True)
        first, *more = [self.world.fill(pattern, fact.subject) for pattern in seen]
        given, kept = more[: self.wanted.phrasings], more[self.wanted.phrasings :]
        accepted = self._accepted(target)
        # Wordings that the edit is given are not asked: it would be told what it is tested on.
        asked = [(self.world.fill(pattern, fact.subject), HELD_OUT) for pattern in held]
        asked += [(self.rng.choice(kept), REPHRASING)] if kept else []
        edit = EditRequest(
            prompt=first, target=target, subject=fact.subject, relation=fact.relation, paraphrases=tuple(given)
        )
        truth = self._accepted(fact.object)
        rephrasings = (rephrased(text, kind, accepted, truth) for text, kind in asked)
        return Case(edit=edit, questions=(own_question(edit, accepted, truth), *rephrasings), kind=f"tier_{fact.tier}")

    def _question(self, fact: Fact, kind: str) -> Question:
        phrasings = self.world.relations[fact.relation].phrasings(held_out=False)
        return Question(
            text=self.world.fill(self.rng.choice(phrasings), fact.subject),
            kind=kind,
            accepted=self._accepted(fact.object),
        )

    def _accepted(self, name: str) -> tuple[str, ...]:
        entity = self.world.entities.get(name)
        return (name, *(entity.aliases if entity else ()))
