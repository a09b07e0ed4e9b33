"""Whether the values of a question speak against an edit, whatever a model makes of the two."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations

from kedit_memory.routing.guard.codes import NAMED
from kedit_memory.routing.guard.names import units
from kedit_memory.routing.guard.opposites import against
from kedit_memory.routing.guard.reading import Value
from kedit_memory.routing.guard.values import values_in

_EDITION = re.compile(
    r"\bthe (?P<year>[12]\d{3}) (?P<kind>edition|version|issue|model|release|season|series|remake)\b", re.IGNORECASE
)

_ByKind = dict[str, tuple[Value, ...]]


@dataclass(frozen=True)
class Disagreement:
    """What a question and an edit differ in: how each of them puts it.

    Of `AMOUNTS` one may be reckoned from the other: what two nights cost from what one does.
    """

    kind: str
    asked: str
    stored: str

    def __str__(self) -> str:
        return f"{self.asked} against {self.stored}"


def disagreement(
    question: str,
    wordings: Sequence[str],
    *,
    statement: str | None = None,
    names: Sequence[str] = (),
    turns: Sequence[str] = (),
) -> Disagreement | None:
    """The first value or opposite in which a question and an edit certainly differ; None where there is none.

    Kinds of value that only one of them names say nothing. Nor do those that the edit's own wordings leave open: which
    differ among them, or which one of them does without.

    Args:
        question: what is asked.
        wordings: the prompt of the edit and its paraphrases.
        statement: of an edit that is one, which has to hold every value that is asked with; wordings are left aside.
        names: of the subject, in which numbers and opposites mean nothing.
        turns: what was said before the question, oldest first; the last one tells the values that the question leaves
            out.
    """
    known = tuple(names)
    stored = [_by_kind(one, known) for one in ([statement] if statement else wordings)]
    asked = _by_kind(question, known)
    if turns:
        asked = _by_kind(turns[-1], known) | asked
    for one in stored:
        _make_comparable(asked, one, counting=not statement)
    for kind, values in asked.items():
        bound = () if kind == NAMED or (statement and kind == "ordinal") else _bound(kind, stored)
        if statement and bound:
            agreeing = _within(_general(values), _general(sum(stored[0].values(), ())), inside=True)
        else:
            agreeing = not bound or _within(values, bound) or _within(bound, values)
        if not agreeing:
            return Disagreement(kind, _said(values, bound), _said(bound, values))
    for one in stored if len(stored) == 1 else ():
        if units := _other_units(asked, one):
            return units
    if edition := _of_an_edition(question, [statement] if statement else wordings):
        return edition
    texts = [statement] if statement else wordings
    differing = against(question, texts, known, stating=bool(statement), before=turns[-1] if turns else "")
    return Disagreement(*differing) if differing else None


def _of_an_edition(question: str, wordings: Sequence[str]) -> Disagreement | None:
    """That a question is about the edition of a year, where an edit says of none which it is."""
    found = _EDITION.search(question)
    told = found is None or any(found["year"] in one or found["kind"] in one.casefold() for one in wordings)
    return None if found is None or told else Disagreement("edition", found[0], "none of a year")


def _by_kind(text: str, names: tuple[str, ...]) -> _ByKind:
    found: _ByKind = {}
    for value in values_in(text, names):
        kind = value.kind.partition(" ")[0] if value.kind.startswith("money") else value.kind
        found[kind] = (*found.get(kind, ()), value)
    return found


def _make_comparable(asked: _ByKind, stored: _ByKind, *, counting: bool) -> None:
    """Values of unlike kinds under one kind, where each text has just one: a version and the number after a name.

    Where `counting`, also two bare numbers that count things called differently.
    """
    for one, other in ((asked, stored), (stored, asked)):
        if "version" in one and "version" not in other and len(other.get(NAMED, ())) == 1:
            other["version"] = tuple(replace(value, kind="version") for value in other[NAMED])
    if counting:
        numbers = [[kind for kind in one if kind.startswith("number")] for one in (asked, stored)]
        if all(map(_single, numbers)) and numbers[0] != numbers[1]:
            for one, kinds in zip((asked, stored), numbers, strict=True):
                one["number"] = tuple(replace(value, kind="number") for value in one[kinds[0]])


def _general(values: Sequence[Value]) -> tuple[Value, ...]:
    """Numbers whatever they count, and ordinals of whatever: a statement may call things by other words."""
    return tuple(replace(value, kind=value.kind.partition(" ")[0]) for value in values)


def _other_units(asked: _ByKind, stored: _ByKind) -> Disagreement | None:
    """The same number of another unit, where neither text has the other's: 5 mg against 5 ml."""
    alone, others = (
        {_numeral(value): value for kind in kinds for value in one[kind]}
        for one, kinds in ((asked, _measured() & asked.keys() - stored), (stored, _measured() & stored.keys() - asked))
    )
    found = next((number for number in alone if number and number in others), None)
    return Disagreement("unit", alone[found].text, others[found].text) if found else None


@cache
def _measured() -> frozenset[str]:
    """The kinds of values that have units."""
    return frozenset(kind for kind, _ in units().values()) | {"temperature", "money"}


def _numeral(value: Value) -> str:
    return "".join(re.findall(r"\d[\d.,/]*", value.text)[:1])


def _single(kinds: Sequence[str]) -> bool:
    return len(kinds) == 1


def _bound(kind: str, stored: Sequence[dict[str, tuple[Value, ...]]]) -> tuple[Value, ...]:
    """The values of a kind that every wording of an edit has; none where they differ."""
    if not all(kind in one for one in stored):
        return ()
    alike = all(_within(a[kind], b[kind]) or _within(b[kind], a[kind]) for a, b in combinations(stored, 2))
    return tuple(value for one in stored for value in one[kind]) if alike else ()


def _within(some: Sequence[Value], others: Sequence[Value], *, inside: bool = False) -> bool:
    """Whether each of some values agrees with one of the others."""
    return all(any(one.kind == other.kind and one.agrees(other, inside=inside) for other in others) for one in some)


def _said(values: Sequence[Value], others: Sequence[Value]) -> str:
    """The values that agree with none of the others, as they are written."""
    alone = [one.text for one in values if not _within((one,), others)]
    return " and ".join(dict.fromkeys(alone or [one.text for one in values]))
