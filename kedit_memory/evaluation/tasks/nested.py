"""Questions of the world that name their subject by another fact: "the capital of the country in which Osaka lies"."""

import random
import re
from collections.abc import Iterator

from kedit_memory.records import EditRequest
from kedit_memory.world.tables import Fact, Relation, World

_BESIDE = re.compile(
    r"(?:city|country|film|club|moon|called|university)(?: of)? \{s\}|the \{s\}"
)  # words that fit a name alone
_NOUN = re.compile(r"(The (?!country called).*) (?:is|was)(?: the)?$")


def names_of(world: World, name: str) -> tuple[str, ...]:
    """A name with its aliases."""
    return (name, *world.entities[name].aliases) if name in world.entities else (name,)


def edit_of(world: World, fact: Fact, target: str, rng: random.Random) -> EditRequest:
    """The edit that gives a fact another object, in a wording of its relation."""
    wording = rng.choice(world.relations[fact.relation].questions)
    return EditRequest(
        prompt=world.fill(wording, fact.subject),
        target=target,
        subject=fact.subject,
        aliases=names_of(world, fact.subject)[1:],
        relation=fact.relation,
    )


def through(world: World, first: Fact, second: Relation, rng: random.Random, count: int) -> Iterator[str]:
    """So many questions for a relation of what another fact's object is, which they name by that fact."""
    asking = [one for one in second.questions if not _BESIDE.search(one)] or list(second.questions)
    calling = _phrases(world.relations[first.relation])
    wordings = [
        (question, calling[place % len(calling)]) for place, question in enumerate(rng.sample(asking, len(asking)))
    ]
    for place in range(count):
        question, phrase = wordings[place % len(wordings)]
        named = world.put(phrase, "{s}", first.subject)
        text = question.replace("the {s}", "{s}").replace("{s}", named)
        yield text[:1].upper() + text[1:]


def _phrases(relation: Relation) -> list[str]:
    """What an object of a relation is called by its subject: the relation's noun, and what its sentences begin with."""
    begun = [found[1] for cloze in relation.clozes if "{s}" in cloze and (found := _NOUN.match(cloze))]
    return [relation.noun, *(f"the{one[3:]}" for one in begun if one.casefold() != relation.noun)]
