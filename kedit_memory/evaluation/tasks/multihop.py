"""Questions over two to four facts that are all stored: whether they are found, and whether the answer follows.

On `world` both facts of a question are edited, among three thousand where all are in force together. On MQuAKE the
facts that a case leaves as they are are stored as well: what a model knows of them is not what is measured.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from kedit_memory.errors import InvalidInputError
from kedit_memory.evaluation.case import LOCALITY, PORTABILITY, Case, Question, own_question
from kedit_memory.evaluation.datasets.kinds import MULTI_HOP, UNRELATED
from kedit_memory.evaluation.tasks.asked.sets import Chosen, Read, public
from kedit_memory.evaluation.tasks.nested import edit_of, names_of, through
from kedit_memory.records import EditRequest
from kedit_memory.world.tables import Fact, World, load_world

STORED = 3000  # edits in force together
_WORDINGS = 3
_TURNED = {"domain_of", "demonym_of", "symbol_of", "element_of_number"}  # relations whose subjects are no entities


def _of_world(chosen: Chosen) -> list[Case]:
    """Chains of the world with both objects changed; with all in force together, further edits up to `STORED`."""
    world = load_world()
    rng = random.Random(f"multihop:{chosen.seed}")  # noqa: S311 - a sample, no secret
    taken: set[tuple[str, str]] = set()
    facts = [one for one in world.facts if one.relation not in _TURNED]
    chains = _chains(world, rng.sample(facts, len(facts)), rng, taken)
    cases = [_case(world, *one, rng) for one, _ in zip(chains, range(chosen.cases), strict=False)]
    if len(cases) < chosen.cases:
        raise InvalidInputError(f"the world has {len(cases):,} such chains; give smaller --cases")
    kept = _kept(world, facts, rng, taken)
    cases = [replace(one, questions=(*one.questions, next(kept))) for one in cases]
    if chosen.together:
        edited = [fact for fact in facts if (fact.subject, fact.relation) not in taken]
        wanted = max(0, STORED - 2 * len(cases))
        others = [edit_of(world, fact, _other(world, fact, rng), rng) for fact in rng.sample(edited, wanted)]
        cases += [Case(edit=first, also=tuple(rest), questions=()) for first, *rest in [others] if others]
    return cases


def _chains(
    world: World, facts: Sequence[Fact], rng: random.Random, taken: set[tuple[str, str]]
) -> Iterator[tuple[Fact, str, Fact]]:
    """A fact, its new object, and a fact about that; no two share a slot, and no object leads back."""
    middles = set[str]()
    for first in facts:
        target = _other(world, first, rng)
        kind = world.relations[first.relation].object_type  # a name may stand for things of several types
        onward = [one for one in world.by_subject.get(target, ()) if world.relations[one.relation].subject_type == kind]
        onward = [
            one
            for one in onward
            if one.relation not in _TURNED and (one.subject, one.relation) not in taken and one.object != first.subject
        ]
        if (first.subject, first.relation) in taken or not onward or target in middles or target == first.subject:
            continue
        second = rng.choice(onward)
        middles.add(target)
        taken |= {(first.subject, first.relation), (second.subject, second.relation)}
        yield first, target, second


def _other(world: World, fact: Fact, rng: random.Random) -> str:
    """Another object of a fact's relation."""
    names = names_of(world, fact.object)
    return rng.choice([one for one in world.objects[fact.relation] if one not in names])


def _case(world: World, first: Fact, target: str, second: Fact, rng: random.Random) -> Case:
    led, answer = edit_of(world, first, target, rng), _other(world, second, rng)
    last = edit_of(world, second, answer, rng)
    accepted = names_of(world, answer)
    relation = world.relations[second.relation]
    asked = [
        Question(text=text, metric=PORTABILITY, kind=MULTI_HOP, accepted=accepted, group=MULTI_HOP, needs=(led, last))
        for text in through(world, first, relation, rng, _WORDINGS)
    ]
    own = own_question(led, names_of(world, target), names_of(world, first.object))
    return Case(edit=led, also=(last,), questions=(own, *asked))


def _kept(world: World, facts: Sequence[Fact], rng: random.Random, taken: set[tuple[str, str]]) -> Iterator[Question]:
    """Such questions over facts that no edit changes, which stay as they are; their facts are then taken, too."""
    for first in rng.sample(facts, len(facts)):
        onward = [one for one in world.by_subject.get(first.object, ()) if one.relation not in _TURNED]
        slots = {(one.subject, one.relation) for one in (first, *onward)}
        if onward and not slots & taken:
            taken |= slots
            relation = world.relations[rng.choice(onward).relation]
            (text,) = through(world, first, relation, rng, 1)
            yield Question(text=text, metric=LOCALITY, kind=UNRELATED)


def _with_facts(case: Case) -> Case:
    """A case whose questions over several facts rely on what is stored alone."""
    needed = dict.fromkeys(one.prompt for question in case.questions for one in question.needs)
    facts = {one.prompt: one for question in case.questions for one in question.needs}
    made = {one.prompt for one in (case.edit, *case.also)}
    further: tuple[EditRequest, ...] = tuple(facts[prompt] for prompt in needed if prompt not in made)
    asked = tuple(replace(one, given=()) if one.needs else one for one in case.questions)
    return replace(case, also=(*case.also, *further), questions=asked)


SETS: Mapping[str, Read] = {
    "world": _of_world,
    "mquake": public("mquake", _with_facts),
    "mquake-t": public("mquake-t", _with_facts),
}
