"""What else changes with an edit, and what must not: the six criteria of RippleEdits (Cohen et al. 2024).

On `world`: the inverse of the edit (logical); a property of the new answer, named by the edit (one hop); the edit's
answer, asked of what leads to its subject (through); another name of the subject (alias); other relations of the
subject (same subject), and the facts of others that share the old answer (other answer), which stay as they are. A
question that relies on a fact beside the edit is asked only of a model that knows it.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import replace

from kedit_memory.errors import InvalidInputError
from kedit_memory.evaluation.case import LOCALITY, PORTABILITY, Case, Question, own_question
from kedit_memory.evaluation.datasets.kinds import ALIAS, LOGICAL, ONE_HOP, OTHER_ANSWER, SAME_SUBJECT, THROUGH
from kedit_memory.evaluation.tasks.asked.sets import Chosen, Read, public
from kedit_memory.evaluation.tasks.nested import edit_of, names_of, through
from kedit_memory.records import EditRequest
from kedit_memory.world.tables import Fact, World, load_world

_TIERS = 2  # tiers of fame of which subjects are taken: a model knows something of them


def _of_world(chosen: Chosen) -> list[Case]:
    """Edits of well-known subjects, every second one of a relation that has an inverse."""
    world = load_world()
    rng = random.Random(f"ripple:{chosen.seed}")  # noqa: S311 - a sample, no secret
    facts = [one for one in world.facts if one.tier <= _TIERS and not world.relations[one.relation].inverse_of]
    facts = [one for one in facts if one.object in world.entities or _inverse(world, one)]
    rng.shuffle(facts)
    turned = iter([one for one in facts if _inverse(world, one)])
    others = iter([one for one in facts if not _inverse(world, one)])
    made: list[Case] = []
    subjects: set[str] = set()
    while len(made) < chosen.cases:
        fact = next(turned if len(made) % 2 == 0 else others, None)
        if fact is None:
            raise InvalidInputError(f"the world has {len(made):,} such edits; give smaller --cases")
        if fact.subject not in subjects:
            subjects.add(fact.subject)
            made.append(_case(world, fact, rng))
    return made


def _inverse(world: World, fact: Fact) -> str | None:
    return world.relations[fact.relation].inverse


def _case(world: World, fact: Fact, rng: random.Random) -> Case:
    names = names_of(world, fact.object)
    target = rng.choice([one for one in world.objects[fact.relation] if one not in names])
    edit = edit_of(world, fact, target, rng)
    own = own_question(edit, names_of(world, target), names)
    asked = (*_changed(world, fact, edit, own, rng), *_kept(world, fact, rng))
    return Case(edit=edit, questions=(own, *asked))


def _changed(world: World, fact: Fact, edit: EditRequest, own: Question, rng: random.Random) -> Iterator[Question]:
    """What follows from the edit."""
    target = edit.target or ""
    if inverse := _inverse(world, fact):
        for text in rng.sample(world.relations[inverse].questions, 2):
            accepted = names_of(world, fact.subject)
            yield _following(LOGICAL, world.fill(text, target), accepted, (edit,))
    kind = world.relations[fact.relation].object_type  # a name may stand for things of several types
    onward = [one for one in world.by_subject.get(target, ()) if world.relations[one.relation].subject_type == kind]
    for one in _some([one for one in onward if not world.relations[one.relation].inverse_of], rng):
        relation, accepted = world.relations[one.relation], names_of(world, one.object)
        known = Question(text=world.fill(relation.questions[0], target), accepted=accepted)
        for text in through(world, fact, relation, rng, 2):
            yield replace(_following(ONE_HOP, text, accepted, (edit,)), given=(known,))
    leading = [one for one in world.facts if one.object == fact.subject and one.subject != fact.object]
    for before in _some(leading, rng):
        first = world.fill(world.relations[before.relation].questions[0], before.subject)
        known = Question(text=first, accepted=names_of(world, fact.subject))
        for text in through(world, before, world.relations[fact.relation], rng, 2):
            yield replace(_following(THROUGH, text, own.accepted, (edit,)), given=(known,))
    for alias in edit.aliases[:1]:
        yield replace(own, text=own.text.replace(fact.subject, alias), metric=PORTABILITY, kind=ALIAS, group=ALIAS)


def _following(kind: str, text: str, accepted: tuple[str, ...], needs: tuple[EditRequest, ...]) -> Question:
    return Question(text=text, metric=PORTABILITY, kind=kind, accepted=accepted, group=kind, needs=needs)


def _kept(world: World, fact: Fact, rng: random.Random) -> Iterator[Question]:
    """What the edit leaves alone."""
    same = [one for one in world.by_subject[fact.subject] if one.relation != fact.relation]
    fellows = [one for one in world.facts if one.relation == fact.relation and one.subject != fact.subject]
    sharing = [one for one in fellows if one.object == fact.object] or fellows
    for kind, facts in ((SAME_SUBJECT, same), (OTHER_ANSWER, sharing)):
        for one in _some(facts, rng):
            text = world.fill(rng.choice(world.relations[one.relation].questions), one.subject)
            yield Question(text=text, metric=LOCALITY, kind=kind, truth=names_of(world, one.object))


def _some(facts: "tuple[Fact, ...] | list[Fact]", rng: random.Random) -> list[Fact]:
    """One of the facts, if there is any."""
    return [rng.choice(facts)] if facts else []


SETS: Mapping[str, Read] = {"world": _of_world, "rippleedits": public("rippleedits")}
