"""The streams of edits that a model learns one after the other, and what it is asked beside them.

A stream corrects what the unedited model gets wrong: an edit whose answer the model gives anyway is left out. What is
asked to see whether old knowledge stays never touches an edited fact.
"""

import math
import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kedit_memory.errors import InvalidInputError
from kedit_memory.evaluation.metrics import is_answer
from kedit_memory.evaluation.negatives import mention
from kedit_memory.evaluation.public import folder_of, read_json
from kedit_memory.models.language import WhiteBoxModel
from kedit_memory.models.prompts import MAX_NEW_TOKENS, Prompt
from kedit_memory.records import EditRequest
from kedit_memory.shipped import world_folder
from kedit_memory.world import UNSEEN_TIER, Fact, World, load_world

HELD_OUT, REPHRASING = "held_out", "rephrasing"  # wordings that the model was never trained on, and others
_KNOWN_TIERS = (1, 2)  # what the embedded model was taught well enough to lose
_SPARE = 1.5  # candidates for an edit, of which some are answered already
_SENTENCE = re.compile(r"(?<=[.!?]) +(?=[A-Z])")
_SURE = math.log(0.5)  # the least log-probability of a token that no other can beat
_LONGEST_TARGET = 96  # tokens; a longer correction is left out, since every answer is generated up to the longest


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A question of a kind and what counts as its answer; nothing counts where only a change is looked for."""

    question: str
    kind: str
    accepted: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class StreamEdit:
    """One edit of a stream: what an editor is given, what counts as its answer, and other ways to ask for it."""

    request: EditRequest
    accepted: tuple[str, ...]
    kind: str
    rephrasings: tuple[Probe, ...] = ()

    @property
    def prompt(self) -> str:
        """The question that the edit answers."""
        return self.request.prompt or ""

    @property
    def target(self) -> str:
        """The answer that it gives."""
        return self.request.target or ""


Text = tuple[str, str]  # a prompt and what follows it


@dataclass(frozen=True, kw_only=True)
class Stream:
    """Edits in their order, and what is asked at each measurement.

    Attributes:
        tests: questions on what the model was taught, none of them edited.
        outside: questions of each kind of out-of-scope prompt.
        texts: the model's original test data as running text, where that is what it is judged by.
        right: generations that the unedited model gets right, word for word.
        max_new_tokens: where answers are cut; long enough for every target.
        data: what the rows' checksum is taken of.
    """

    name: str
    edits: tuple[StreamEdit, ...]
    tests: tuple[Probe, ...] = ()
    outside: tuple[Probe, ...] = ()
    texts: tuple[Text, ...] = ()
    right: tuple[Text, ...] = ()
    max_new_tokens: int = MAX_NEW_TOKENS
    data: Path = field(default_factory=world_folder)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """How much of a stream: edits, the most questions of each kind, phrasings that each edit is given, the seed."""

    edits: int
    questions: int
    phrasings: int = 0
    seed: int = 1


def world_stream(model: WhiteBoxModel, wanted: Wanted, data: Path | None = None) -> Stream:  # noqa: ARG001
    """Counterfactual edits of the shipped world, as many of each tier, with objects of the same relation."""
    maker = _WorldMaker(load_world(), wanted)
    edits = _wrong_before(model, maker.candidates(), wanted.edits, MAX_NEW_TOKENS)
    edited = {(edit.request.subject, edit.request.relation) for edit in edits}
    return Stream(name="world", edits=edits, tests=maker.tests(edited), outside=maker.outside(edits, edited))


def zsre_stream(model: WhiteBoxModel, wanted: Wanted, data: Path | None) -> Stream:
    """The edits of zsRE (Levy et al. 2017) in the edition of KnowEdit, rephrased and about other properties.

    What must stay is half of the shipped world, half of Natural Questions (Kwiatkowski et al. 2019), on which the
    models of the GRACE paper were trained: each model knows one of the two.
    """
    folder = folder_of(data, "zsre")
    rng = random.Random(f"zsre:{wanted.seed}")  # noqa: S311 - a sample, no secret
    rows = {row["prompt"]: row for row in read_json(folder / "ZsRE-test-all.json")}  # one edit a question
    chosen = rng.sample(sorted(rows), len(rows))
    edits = _wrong_before(model, (_zsre_edit(rows[prompt]) for prompt in chosen), wanted.edits, MAX_NEW_TOKENS)
    beside = [
        Probe(question=probe["prompt"], kind="same_subject")
        for edit in edits
        for probe in rows[edit.prompt].get("locality", {}).get("Relation_Specificity", ())
    ]
    known = _WorldMaker(load_world(), wanted)
    half = wanted.questions // 2
    open_questions = [
        Probe(question=_asked(row["loc"]), kind="open_question", accepted=(row["loc_ans"],))
        for row in read_json(folder / "zsre_mend_train-1k.json")
    ]
    tests = known.tests(set())[: wanted.questions - half] + tuple(rng.sample(open_questions, half))
    return Stream(
        name="zsre",
        edits=edits,
        tests=tests,
        outside=tuple(rng.sample(beside, min(wanted.questions, len(beside)))),
        data=folder,
    )


def hallucination_stream(model: WhiteBoxModel, wanted: Wanted, data: Path | None) -> Stream:
    """True sentences in place of those that a model made up (SelfCheckGPT, Manakul et al. 2023; form of Hartvigsen's).

    The model is one that was trained on the passages (scripts/train_hallucination_model.py), so that it makes the same
    sentences up, and gets others right. What must stay are those, and web text.

    Raises:
        InvalidInputError: the model gives none of the passages' sentences itself.
        NotFoundError: the set is absent.
    """
    folder = folder_of(data, "selfcheck_hallucination")
    rng = random.Random(f"hallucination:{wanted.seed}")  # noqa: S311 - a sample, no secret
    rows = read_json(folder / "hallucination-edit.json")
    edits = [edit for row in rng.sample(rows, len(rows)) if (edit := _correction(row, model))]
    longest = max((_length(model, edit.prompt, edit.target) for edit in edits), default=0) + 1
    chosen = _wrong_before(model, iter(edits), wanted.edits, longest)
    made_up = {row["prompt"].strip() for row in _hallucinations(folder)}  # what follows these is false
    kept = [pair for pair in passage_pairs(folder) if pair[0] not in made_up]
    right = _given_itself(model, rng.sample(kept, len(kept)), wanted.questions)
    if not right:
        raise InvalidInputError(
            f"{model.name} writes none of the passages' sentences itself, so that nothing could be lost; give --model "
            "the folder of one that was trained on them by scripts/train_hallucination_model.py"
        )
    web = [(row["locality_prompt"], row["locality_ground_truth"]) for row in rows]
    texts = rng.sample([text for text in web if _fits(model, *text)], min(wanted.questions, len(web)))
    outside = [Probe(question=prompt, kind="unrelated") for prompt, _ in texts]
    outside += [Probe(question=prompt, kind="right_before") for prompt, _ in right]
    return Stream(
        name="hallucination",
        edits=chosen,
        outside=tuple(outside),
        texts=tuple(texts),
        right=right,
        max_new_tokens=longest,
        data=folder,
    )


def passage_pairs(folder: Path) -> list[Text]:
    """Each passage so far and the sentence that the model which made it up wrote next, over both files of the set."""
    passages: dict[str, list[str]] = defaultdict(list)
    for row in _hallucinations(folder):
        passages[row["subject"]].append(row["prompt"].strip())
    pairs: dict[Text, None] = {}
    for prompts in passages.values():
        for passage in prompts:
            sentences = _SENTENCE.split(passage)
            for place in range(1, len(sentences)):
                pairs[" ".join(sentences[:place]), sentences[place]] = None
    return list(pairs)


def _hallucinations(folder: Path) -> list[Any]:
    """The rows of both files of the set."""
    return [row for name in ("edit", "train") for row in read_json(folder / f"hallucination-{name}.json")]


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

    def candidates(self) -> Iterator[StreamEdit]:
        """Edits in turn from each tier, without end of the smallest."""
        for facts in zip(*(self.by_tier[tier] for tier in range(1, UNSEEN_TIER + 1)), strict=False):
            yield from (edit for fact in facts if (edit := self._edit(fact)))

    def tests(self, edited: set[tuple[str | None, str | None]]) -> tuple[Probe, ...]:
        """Questions about facts that were taught well and are not edited, as many of each tier."""
        share = -(-self.wanted.questions // len(_KNOWN_TIERS))
        found = []
        for tier in _KNOWN_TIERS:
            # From the other end than edits are drawn from, so that few are passed over.
            free = [f for f in reversed(self.by_tier[tier]) if (f.subject, f.relation) not in edited]
            found += [self._question(fact, f"tier_{tier}") for fact in free[:share]]
        self.rng.shuffle(found)
        return tuple(found[: self.wanted.questions])

    def outside(self, edits: Sequence[StreamEdit], edited: set[tuple[str | None, str | None]]) -> tuple[Probe, ...]:
        """Hard negatives of the edits by kind: another relation of the subject, another subject, a mere mention."""
        by_relation: dict[str, list[Fact]] = defaultdict(list)
        for facts in self.by_tier.values():
            for fact in facts:
                if (fact.subject, fact.relation) not in edited:
                    by_relation[fact.relation].append(fact)
        found: dict[str, dict[str, Probe]] = defaultdict(dict)
        for edit in self.rng.sample(edits, len(edits)):
            subject, relation = edit.request.subject or "", edit.request.relation or ""
            others = [f for f in self.world.by_subject[subject] if (f.subject, f.relation) not in edited]
            for kind, facts in (("same_subject", others), ("same_relation", by_relation[relation])):
                if facts:
                    probe = self._question(self.rng.choice(facts), kind)
                    found[kind][probe.question] = probe
            named = Probe(question=mention(subject, self.rng), kind="mention")
            found["mention"][named.question] = named
        return tuple(probe for kind in found.values() for probe in list(kind.values())[: self.wanted.questions])

    def _edit(self, fact: Fact) -> StreamEdit | None:
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
        return StreamEdit(
            request=EditRequest(
                prompt=first,
                target=target,
                subject=fact.subject,
                relation=fact.relation,
                paraphrases=tuple(given),
            ),
            accepted=accepted,
            kind=f"tier_{fact.tier}",
            rephrasings=tuple(Probe(question=text, kind=kind, accepted=accepted) for text, kind in asked),
        )

    def _question(self, fact: Fact, kind: str) -> Probe:
        phrasings = self.world.relations[fact.relation].phrasings(held_out=False)
        return Probe(
            question=self.world.fill(self.rng.choice(phrasings), fact.subject),
            kind=kind,
            accepted=self._accepted(fact.object),
        )

    def _accepted(self, name: str) -> tuple[str, ...]:
        entity = self.world.entities.get(name)
        return (name, *(entity.aliases if entity else ()))


def _wrong_before(
    model: WhiteBoxModel, candidates: Iterator[StreamEdit], count: int, max_new_tokens: int
) -> tuple[StreamEdit, ...]:
    """The first `count` edits whose answer the model does not give, one for each question.

    Raises:
        InvalidInputError: there are fewer.
    """
    kept: dict[str, StreamEdit] = {}
    while len(kept) < count:
        batch = [one for one, _ in zip(candidates, range(int(_SPARE * (count - len(kept))) + 1), strict=False)]
        if not batch:
            raise InvalidInputError(
                f"{count} edits were asked for; the stream has {len(kept)} that the model gets wrong"
            )
        answers = model.answer_many([Prompt(question=one.prompt) for one in batch], max_new_tokens=max_new_tokens)
        for edit, answer in zip(batch, answers, strict=True):
            if not is_answer(answer, edit.accepted):
                kept.setdefault(edit.prompt, edit)
    return tuple(kept.values())[:count]


def _given_itself(model: WhiteBoxModel, pairs: Iterable[Text], count: int) -> tuple[Text, ...]:
    """The first `count` texts that the model is sure to continue word for word.

    A token of more than half of the probability is the one that greedy decoding takes, so nothing is generated here.
    """
    found: list[Text] = []
    fitting = [pair for pair in pairs if _fits(model, *pair)]
    for start in range(0, len(fitting), count):
        batch = fitting[start : start + count]
        asked = [(Prompt(question=prompt), following) for prompt, following in batch]
        scores = model.log_probabilities([(prompt, model.continuation(prompt, text)) for prompt, text in asked])
        found += [pair for pair, tokens in zip(batch, scores, strict=True) if min(tokens) > _SURE]
        if len(found) >= count:
            break
    return tuple(found[:count])


def _zsre_edit(row: Mapping[str, Any]) -> StreamEdit:
    accepted = (row["target_new"],)
    return StreamEdit(
        request=EditRequest(prompt=row["prompt"], target=row["target_new"], subject=row["subject"]),
        accepted=accepted,
        kind="all",
        rephrasings=(Probe(question=row["rephrase_prompt"], kind=REPHRASING, accepted=accepted),),
    )


def _correction(row: Mapping[str, Any], model: WhiteBoxModel) -> StreamEdit | None:
    prompt, target = row["prompt"].strip(), row["target_new"].strip()
    if not _fits(model, prompt, target):
        return None
    request = EditRequest(prompt=prompt, target=target, subject=row["subject"])
    return StreamEdit(request=request, accepted=(target,), kind="all")


def _fits(model: WhiteBoxModel, prompt: str, following: str) -> bool:
    """Whether the text is short enough to be generated up to the longest target."""
    short = _length(model, prompt, following) <= _LONGEST_TARGET
    return short and model.fits(Prompt(question=prompt), max_new_tokens=_LONGEST_TARGET + 1)


def _length(model: WhiteBoxModel, prompt: str, following: str) -> int:
    asked = Prompt(question=prompt)
    return len(model.join(asked, model.continuation(asked, following))[1])


def _asked(text: str) -> str:
    """A question of Natural Questions as it is asked: with a capital and a question mark."""
    text = text.removeprefix("nq question: ").strip()
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('?') else '?'}"


# A line for each stream: the name that users give, and what draws it.
STREAMS: Mapping[str, Callable[[WhiteBoxModel, Wanted, Path | None], Stream]] = {
    "world": world_stream,
    "zsre": zsre_stream,
    "hallucination": hallucination_stream,
}
OF_PUBLIC_SETS = frozenset({"zsre", "hallucination"})
