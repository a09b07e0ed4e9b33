"""Demonstrations of in-context editing (Zheng et al., 2023): a new fact, a question, the answer that follows.

Three kinds teach three things: "copy" asks for the fact in its own words, "update" in others, and "retain" asks
something else, whose old answer stays.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from kedit_memory.errors import InvalidInputError
from kedit_memory.memory.add import statement_of
from kedit_memory.records import Encoder
from kedit_memory.world import Fact, World

# By nearness, nearest first: of each eight, one copies, three update and four retain, as in the paper.
_ORDER = ("update", "retain", "retain", "update", "retain", "copy", "retain", "update")
_BEST_KNOWN = 1

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Demonstration:
    """One worked example; `kind` is "copy", "update" or "retain"."""

    fact: str
    question: str
    answer: str
    kind: str

    def __post_init__(self) -> None:
        if self.kind not in _ORDER:
            raise InvalidInputError(f"a demonstration is of kind {self.kind!r}; it must be copy, update or retain")

    @property
    def text(self) -> str:
        """As it is put before a question, on one line."""
        return f"New fact: {self.fact} Question: {self.question} Answer: {self.answer}"


def from_world(world: World, count: int, generator: np.random.Generator) -> list[Demonstration]:
    """One demonstration of each kind for `count` well-known facts, each with another object put in."""
    known = [fact for fact in world.facts if fact.tier == _BEST_KNOWN and len(world.objects[fact.relation]) > 1]
    chosen = generator.permutation(len(known))[:count]
    return [made for place in chosen for made in _three(world, known[place], _pick(known, generator), generator)]


def nearest(statement: str, pool: Sequence[Demonstration], count: int, encoder: Encoder) -> list[Demonstration]:
    """The `count` demonstrations whose facts are most like the statement, nearest last, kinds in turn."""
    if not pool or not count:
        return []
    texts = list(dict.fromkeys(one.fact for one in pool))
    likeness = encoder.encode(texts) @ encoder.encode([statement])[0]  # (facts,) cosines
    by_fact: dict[str, dict[str, Demonstration]] = {}
    for one in pool:
        by_fact.setdefault(one.fact, {})[one.kind] = one
    ranked = [by_fact[texts[place]] for place in likeness.argsort(kind="stable")[::-1]]
    return [_of_kind(kinds, _ORDER[place % len(_ORDER)]) for place, kinds in enumerate(ranked[:count])][::-1]


def _of_kind(kinds: Mapping[str, Demonstration], wanted: str) -> Demonstration:
    return kinds.get(wanted) or next(iter(kinds.values()))


def _three(world: World, fact: Fact, other: Fact, generator: np.random.Generator) -> list[Demonstration]:
    target = _pick([name for name in world.objects[fact.relation] if name != fact.object], generator)
    questions = world.relations[fact.relation].questions
    first, second = generator.permutation(len(questions))[:2]
    asked, again = (world.fill(questions[place], fact.subject) for place in (first, second))
    statement = statement_of(asked, target)
    elsewhere = world.fill(_pick(world.relations[other.relation].questions, generator), other.subject)
    return [
        Demonstration(fact=statement, question=asked, answer=target, kind="copy"),
        Demonstration(fact=statement, question=again, answer=target, kind="update"),
        Demonstration(fact=statement, question=elsewhere, answer=other.object, kind="retain"),
    ]


def _pick(items: Sequence[T], generator: np.random.Generator) -> T:
    return items[int(generator.integers(len(items)))]
