"""Demonstrations of in-context editing (Zheng et al., 2023): a new fact, a question, the answer that follows.

Three kinds teach three things: "copy" asks for the fact in its own words, "update" in others, and "retain" asks
something else, whose old answer stays.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kedit_memory.errors import InvalidInputError
from kedit_memory.records import Encoder
from kedit_memory.shipped import sample_demonstrations

# By nearness, nearest first: of each eight, one copies, three update and four retain, as in the paper.
_ORDER = ("update", "retain", "retain", "update", "retain", "copy", "retain", "update")


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


def shipped_demonstrations() -> list[Demonstration]:
    """Those that ship: one of each kind for each of some well-known facts, with another object put in."""
    return [Demonstration(**json.loads(line)) for line in sample_demonstrations().read_text("utf-8").splitlines()]


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
