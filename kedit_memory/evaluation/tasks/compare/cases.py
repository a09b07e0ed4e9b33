"""What a comparison edits and asks: each edit with the questions that it covers, those that follow from it, and others.

Of the shipped world, edits contradict facts that the model gives an answer to in at least one of three wordings; of the
public sets, edits and questions are those of `scope.sets`. What is put around a question is of other sentences than the
verifier was trained with, and about held-out relations questions written by hand are asked, too. Edits of relations on
which nothing in this project was trained come first, so that a comparison takes others only when it asks for more edits
than there are such.
"""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import compress, cycle, islice
from pathlib import Path

from kedit_memory.errors import InvalidInputError, UnknownNameError
from kedit_memory.evaluation import negatives
from kedit_memory.evaluation.case import ALL, GENERALIZATION, LOCALITY, PORTABILITY, Case, Question, own_question
from kedit_memory.evaluation.datasets import zsre
from kedit_memory.evaluation.datasets.kinds import ALIAS, ONE_HOP
from kedit_memory.evaluation.judges import contains
from kedit_memory.evaluation.probes import ASKED, NEAR, probe
from kedit_memory.evaluation.tasks.scope.cases import TEST, ScopeCase, ScopeEdit, ScopeSet
from kedit_memory.evaluation.tasks.scope.rows import DIALOGUE, PROMPT, REPHRASING
from kedit_memory.evaluation.tasks.scope.sets import FACTS, part_of
from kedit_memory.models.language import TextModel
from kedit_memory.models.prompts import Prompt
from kedit_memory.records import EditRequest
from kedit_memory.world import Fact, World, load_world

REVERSED, MENTION, PREFIX = "reversed", "mention", "prefix"
WRITTEN = "written"  # by hand, see `probes`

_REPHRASINGS = 2  # of an edit
_WORDINGS = 3  # in which a fact is asked to see whether the model has an idea of it
_SHARED = 0.1  # of a relation's facts: more objects of several subjects, and it has no inverse
_AT_ONCE = 64  # facts asked in one batch
_TRIED = 40  # facts for each that is wanted, after which a model is said to know too few
_LEAST_TRIED = 4 * _AT_ONCE
_TRIED_BESIDE = 8  # facts for each unrelated one that is wanted: a model that knows fewer is asked about those it knows
# Left out as in `scope.sets`: most of their answers can be read off the question.
_UNUSED = frozenset({"domain_of", "demonym_of", "symbol_of", "element_of_number"})

_LEFT_OUT = frozenset({PROMPT, "in_passing"})  # the edit's own, and questions in sentences that were trained with
# What the factory makes of a question in sentences of its own: here those that nothing was trained with.
_FRAMED: Mapping[str, Callable[[str, str, random.Random], str]] = {
    DIALOGUE: lambda question, subject, rng: negatives.in_passing(question, subject, rng, negatives.HELD_OUT),
    MENTION: lambda _, subject, rng: negatives.mention(subject, rng, negatives.HELD_OUT),
    PREFIX: lambda question, _, rng: negatives.dropped(question, rng, negatives.HELD_OUT),
}

FollowUps = Mapping[str, Sequence[Question]]  # more questions of an edit, by its prompt


def draw_cases(dataset: str, model: TextModel, data: Path | None, count: int, seed: int, *, beside: int) -> list[Case]:
    """So many cases of a set, in the order in which they are edited; `data` is the folder of the public sets.

    Public sets have few neighbours of an edit that a small model knows, and nothing can be lost of what it does not
    know. So each of the first `beside` cases also asks for a fact of the shipped world that the model knows.

    Raises:
        UnknownNameError: no set has the name.
        NotFoundError: its folder is not there.
        InvalidInputError: it has not so many edits that can be used.
    """
    if dataset not in FACTS:
        raise UnknownNameError("dataset", dataset, FACTS)
    if dataset == "world":
        return world_cases(load_world(), model, count, seed)
    found = FACTS[dataset](data, seed=seed)
    follow_ups = _FOLLOW_UPS[dataset](data) if dataset in _FOLLOW_UPS and data else {}
    cases = set_cases(found, count, seed, follow_ups)
    return with_unrelated(cases, load_world(), model, beside, seed)


def with_unrelated(cases: Sequence[Case], world: World, model: TextModel, most: int, seed: int) -> list[Case]:
    """The cases, each of the first `most` with a question about a fact of the world that the model answers right.

    None is about what is edited. Where the model knows fewer facts, the first cases have one.
    """
    rng = random.Random(f"compare:unrelated:{seed}")  # noqa: S311 - a sample, no secret
    taken = {name for case in cases for name in (case.edit.subject, case.target)}
    facts = (fact for fact in _candidates(world, rng, reported=True) if not taken & {fact.subject, fact.object})
    wanted = min(most, len(cases))
    found: list[Question] = []
    tried = islice(facts, max(_LEAST_TRIED, _TRIED_BESIDE * wanted))
    while len(found) < wanted and (some := list(islice(tried, _AT_ONCE))):
        asked = [_about("unrelated", world, fact, rng) for fact in some]
        said = model.answer_many([Prompt(question=one.text) for one in asked])
        known = (contains(text, replace(one, accepted=one.truth)) for one, text in zip(asked, said, strict=True))
        found += compress(asked, known)
    more = iter(found[:wanted])
    return [replace(case, questions=(*case.questions, *islice(more, 1))) for case in cases]


def _zsre_follow_ups(data: Path) -> FollowUps:
    """The reasoning questions of KnowEdit's zsRE, one hop from the edit, and an open question of MEND's beside each."""
    cases = zsre.edits(data / "zsre").found
    beside = [
        replace(one, metric=LOCALITY, accepted=(), truth=one.accepted) for one in zsre.open_questions(data / "zsre")
    ]
    opened = cycle([(one,) for one in beside] or [()])
    return {
        case.prompt: (*(one for one in case.of(PORTABILITY) if one.kind == ONE_HOP), *next(opened)) for case in cases
    }


# Sets whose rows hold questions that follow from their edits, or have nothing to do with them.
_FOLLOW_UPS: Mapping[str, Callable[[Path], FollowUps]] = {"zsre": _zsre_follow_ups}


def set_cases(one: ScopeSet, count: int, seed: int, follow_ups: FollowUps) -> list[Case]:
    """So many cases of a public set: of what reports are about first, and first those that are asked in other words.

    Raises:
        InvalidInputError: the set has not so many edits whose prompt names the subject.
    """
    rng = random.Random(f"compare:{one.name}:{seed}")  # noqa: S311 - a sample, no secret
    usable = [place for place, edit in enumerate(one.edits) if edit.subject and edit.subject in edit.prompt]
    if len(usable) < count:
        raise InvalidInputError(
            f"{one.name} has {len(usable):,} edits whose prompt names the subject; ask for at most that many"
        )
    reworded = {case.edit for case in one.cases if case.kind == REPHRASING}
    order = rng.sample(usable, len(usable))
    chosen = sorted(order, key=lambda place: (one.edits[place].part != TEST, place not in reworded))[:count]
    asked: dict[int, list[ScopeCase]] = {place: [] for place in chosen}
    for case in one.cases:
        if case.edit in asked and case.kind not in _LEFT_OUT:
            asked[case.edit].append(case)
    return [
        _set_case(one.edits[place], cases, follow_ups.get(one.edits[place].prompt, ()))
        for place, cases in asked.items()
    ]


def _set_case(edit: ScopeEdit, cases: Iterable[ScopeCase], follow_ups: Iterable[Question]) -> Case:
    request = EditRequest(prompt=edit.prompt, target=edit.target, subject=edit.subject, aliases=edit.aliases)
    probes = [own_question(request, (edit.target,), edit.truth)]
    for case in cases:
        # The router takes a question as one line, so a dialogue's turns follow each other.
        framed = _FRAMED.get(case.kind)
        text = framed(edit.prompt, edit.subject, random.Random(case.question)) if framed else case.question  # noqa: S311
        line = " ".join(text.split())
        if case.covered:
            kind = ALL if case.kind == REPHRASING else case.kind
            probes.append(replace(probes[0], text=line, metric=GENERALIZATION, kind=kind))
        else:
            probes.append(Question(text=line, metric=LOCALITY, kind=case.kind, truth=case.answers))
    probes += follow_ups
    return Case(edit=request, questions=tuple(probes), held_out=edit.part == TEST)


def world_cases(world: World, model: TextModel, count: int, seed: int, *, reported: bool = True) -> list[Case]:
    """Cases of the world, no two about one subject; those not `reported` are of relations that reports come to last.

    A model that knows little of the world would be asked all of it in vain, so that the search ends after `_TRIED`
    facts for each case.

    Raises:
        InvalidInputError: the model has an idea of fewer facts among those that it was asked.
    """
    rng = random.Random(f"compare:world:{seed}")  # noqa: S311 - a sample, no secret
    found = known_facts(world, model, count, rng, reported=reported)
    maker = WorldMaker(world, rng, frozenset(fact.subject for fact, _ in found))
    return [maker.case(fact, prompt) for fact, prompt in found]


def known_facts(
    world: World, model: TextModel, count: int, rng: random.Random, *, reported: bool = True
) -> list[tuple[Fact, str]]:
    """Facts of the world that a model has an idea of, each with a question about it; as `world_cases` takes them."""
    found: list[tuple[Fact, str]] = []
    most = max(_LEAST_TRIED, _TRIED * count)
    candidates = islice(_candidates(world, rng, reported=reported), most)
    while len(found) < count and (facts := list(islice(candidates, _AT_ONCE))):
        found += _half_known(world, model, facts, rng)
    if len(found) < count:
        raise InvalidInputError(
            f"{model.name} has an idea of {len(found):,} facts of the world that can be edited, of {most:,} at most "
            f"that it was asked, and {count:,} were asked for; give smaller --edits, or another --dataset"
        )
    return found[:count]


def _candidates(world: World, rng: random.Random, *, reported: bool) -> Iterator[Fact]:
    """Facts in the order in which they are tried, one of a subject: held-out relations first, or none of these."""
    facts = [fact for fact in world.facts if fact.relation not in _UNUSED and len(world.objects[fact.relation]) > 2]
    subjects: set[str] = set()
    for fact in sorted(rng.sample(facts, len(facts)), key=lambda fact: part_of(fact.relation) != TEST):
        if fact.subject not in subjects and (reported or part_of(fact.relation) != TEST):
            subjects.add(fact.subject)
            yield fact


def _half_known(
    world: World, model: TextModel, facts: Sequence[Fact], rng: random.Random
) -> Iterator[tuple[Fact, str]]:
    """The facts that the model says in one wording at least, each with a question to edit."""
    asked = []
    for fact in facts:
        relation = world.relations[fact.relation]
        own = world.fill(rng.choice(relation.questions), fact.subject)
        others = [world.fill(wording, fact.subject) for wording in relation.questions + relation.clozes]
        others = rng.sample([text for text in others if text != own], min(_WORDINGS - 1, len(others) - 1))
        if fact.subject in own:
            asked.append((fact, [own, *others]))
    texts = iter(model.answer_many([Prompt(question=text) for _, ways in asked for text in ways]))
    for fact, ways in asked:
        said = list(islice(texts, len(ways)))
        # In any form, since a model may know what it does not say in short.
        known = Question(text=ways[0], accepted=names_of(world, fact.object))
        if any(contains(text, known) for text in said):
            yield fact, ways[0]


def names_of(world: World, name: str) -> tuple[str, ...]:
    """The names of a thing, its own first."""
    return (name, *world.entities[name].aliases) if name in world.entities else (name,)


def wordings(world: World, fact: Fact) -> list[str]:
    """The questions and clozes of a fact, filled."""
    relation = world.relations[fact.relation]
    return [world.fill(wording, fact.subject) for wording in relation.questions + relation.clozes]


def _about(kind: str, world: World, fact: Fact, rng: random.Random) -> Question:
    """A question about a fact that should stay, with its answers."""
    text = " ".join(rng.choice(wordings(world, fact)).split())
    return Question(text=text, metric=LOCALITY, kind=kind, truth=names_of(world, fact.object))


class WorldMaker:
    """Makes cases of facts; none of their questions about other things is about an edited subject."""

    def __init__(self, world: World, rng: random.Random, edited: frozenset[str]) -> None:
        self.world = world
        self.rng = rng
        self.edited = edited
        self.names = sorted(set(world.entities) - edited)
        self.others = [fact for fact in world.facts if fact.subject not in edited and fact.relation not in _UNUSED]
        self.by_relation: dict[str, list[Fact]] = {}
        for fact in self.others:
            self.by_relation.setdefault(fact.relation, []).append(fact)

    def case(self, fact: Fact, prompt: str) -> Case:
        """The case that answers `prompt` about a fact with another object of the relation."""
        before = names_of(self.world, fact.object)
        target = self.rng.choice([name for name in self.world.objects[fact.relation] if name not in before])
        accepted = names_of(self.world, target)
        aliases = self.world.entities[fact.subject].aliases if fact.subject in self.world.entities else ()
        request = EditRequest(prompt=prompt, target=target, subject=fact.subject, aliases=aliases)
        own = own_question(request, accepted, before)
        probes = [own, *self._covered(fact, own), *self._following(fact, own, target)]
        probes += self._outside(fact, prompt, target)
        return Case(edit=request, questions=tuple(probes), held_out=part_of(fact.relation) == TEST)

    def _covered(self, fact: Fact, own: Question) -> Iterator[Question]:
        others = [text for text in wordings(self.world, fact) if text != own.text]
        for text in self.rng.sample(others, min(_REPHRASINGS, len(others))):
            yield replace(own, text=text, metric=GENERALIZATION)
        text = _FRAMED[DIALOGUE](own.text, fact.subject, self.rng)
        yield replace(own, text=text, metric=GENERALIZATION, kind=DIALOGUE)
        if written := probe(ASKED, fact.relation, fact.subject, self.rng):
            yield replace(own, text=written, metric=GENERALIZATION, kind=WRITTEN)

    def _following(self, fact: Fact, own: Question, target: str) -> Iterator[Question]:
        if turned := self.turned(fact, target):
            yield Question(text=turned, metric=PORTABILITY, kind=REVERSED, accepted=names_of(self.world, fact.subject))
        if aliases := [name for name in names_of(self.world, fact.subject)[1:] if name not in self.edited]:
            text = own.text.replace(fact.subject, self.rng.choice(aliases))
            yield replace(own, text=text, metric=PORTABILITY, kind=ALIAS)
        yield from self._hop(fact, target)

    def turned(self, fact: Fact, target: str) -> str | None:
        """Which subject the new object belongs to; None where it would belong to several after any edit.

        A relation has an inverse with questions of its own, or, where each of its objects belongs to one subject, the
        question is made of what the object is to it: "Anfield is the home venue of which club?"
        """
        relation = self.world.relations[fact.relation]
        if inverse := relation.inverse or relation.inverse_of:
            return self.world.fill(self.rng.choice(self.world.relations[inverse].questions), target)
        facts = [one for one in self.world.facts if one.relation == fact.relation]
        shared = len(facts) - len({one.object for one in facts})
        if shared > _SHARED * len(facts) or sum(one.object == target for one in facts) > 1:
            return None
        kind = f"which {relation.subject_type.replace('_', ' ')}"
        noun = relation.noun.replace("the {s}", kind).replace("{s}", kind)
        return f"{target[:1].upper()}{target[1:]} is {noun}?"

    def _hop(self, fact: Fact, target: str) -> Iterator[Question]:
        """A question about the new object through the subject, whose answer is another than before the edit."""
        before = {one.relation: one.object for one in self.world.by_subject.get(fact.object, ())}
        onward = [
            one
            for one in self.world.by_subject.get(target, ())
            if one.relation not in _UNUSED and one.subject not in self.edited and before.get(one.relation) != one.object
        ]
        if onward:
            second = self.rng.choice(onward)
            through = self.world.put(self.world.relations[fact.relation].noun, "{s}", fact.subject)
            wording = self.rng.choice(self.world.relations[second.relation].questions)
            text = wording.replace("{s}", through)
            accepted = names_of(self.world, second.object)
            yield Question(text=text[:1].upper() + text[1:], metric=PORTABILITY, kind=ONE_HOP, accepted=accepted)

    def _outside(self, fact: Fact, prompt: str, target: str) -> Iterator[Question]:
        """A question of each kind that the edit must leave alone."""
        yield from self.neighbours(fact, prompt)
        for kind, text in self._made(fact, prompt, target):
            if text and text != prompt:
                yield Question(text=" ".join(text.split()), metric=LOCALITY, kind=kind)
        yield from self.unrelated(prompt)

    def neighbours(self, fact: Fact, prompt: str) -> Iterator[Question]:
        """A question about another subject in the same relation, and one about another relation of the same subject."""
        fellows = self.by_relation.get(fact.relation, ())
        if fellows:
            yield from self._about("same_relation", self.rng.choice(fellows), prompt)
        own = [one for one in self.world.by_subject[fact.subject] if one.relation != fact.relation]
        if own := [one for one in own if one.relation not in _UNUSED]:
            yield from self._about("same_subject", self.rng.choice(own), prompt)

    def unrelated(self, prompt: str) -> Iterator[Question]:
        """A question about any other fact."""
        yield from self._about("unrelated", self.rng.choice(self.others), prompt)

    def _made(self, fact: Fact, prompt: str, target: str) -> Iterator[tuple[str, str | None]]:
        like = negatives.similar_name(fact.subject, self.names, self.rng)
        yield "similar_name", None if like in self.edited else prompt.replace(fact.subject, like)
        turned = None if target in self.edited else negatives.swapped(prompt, fact.subject, target)
        yield "swapped", turned
        yield "negation", negatives.negated(prompt, self.rng)
        yield MENTION, _FRAMED[MENTION](prompt, fact.subject, self.rng)
        yield PREFIX, _FRAMED[PREFIX](prompt, fact.subject, self.rng)
        yield WRITTEN, probe(NEAR, fact.relation, fact.subject, self.rng)

    def _about(self, kind: str, fact: Fact, prompt: str) -> Iterator[Question]:
        """A question about another fact, with its answers: what the model knew of it before can then be told."""
        if (found := _about(kind, self.world, fact, self.rng)).text != prompt:
            yield found
