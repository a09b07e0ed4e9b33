"""What a value is, and a text from which values are taken one kind after the other."""

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

Reading = Fraction | str
Bound = Fraction | float  # a float is infinite
TAKEN = " ¤ "  # stands where a value was


@dataclass(frozen=True)
class Value:
    """A value as a text names it.

    Attributes:
        kind: what it can be compared with.
        readings: what it may mean; none where it is a range.
        text: as it is written, with numbers in digits.
        low: the lower end of a range.
        high: its upper end; both belong to it, since "over 10" and "10" are said of the same.
    """

    kind: str
    readings: frozenset[Reading]
    text: str
    low: Bound = math.nan
    high: Bound = math.nan

    def agrees(self, other: "Value", *, inside: bool = False) -> bool:
        """Whether two values of a kind may be the same: they are equal, or one is a number in the other, a range.

        With `inside`, also where this one is a range within the other.
        """
        if self.readings and other.readings:
            return not self.readings.isdisjoint(other.readings)
        if self.readings or other.readings:
            point, span = (self, other) if self.readings else (other, self)
            return any(span.holds(one) for one in point.readings if isinstance(one, Fraction))
        return (self.low, self.high) == (other.low, other.high) or (inside and self._within(other))

    def holds(self, number: Fraction) -> bool:
        """Whether a number is in the range."""
        return self.low <= number <= self.high

    def _within(self, other: "Value") -> bool:
        """Whether a range with two ends is part of another one with two."""
        ends = (self.low, self.high, other.low, other.high)
        return not any(map(math.isinf, ends)) and other.low <= self.low and self.high <= other.high


class Text:
    """A text from which each step takes the values that it knows, so that later ones do not see them.

    Args:
        text: with its numbers in digits.
        decimal_comma: whether its language writes 1,5 for one and a half.
    """

    def __init__(self, text: str, *, decimal_comma: bool) -> None:
        self.text = text
        self.shouted = text.isupper()  # capitals mean nothing
        self.found: list[Value] = []
        self.decimal_comma = decimal_comma

    def take(self, step: "Step") -> None:
        """The values that a step reads where its pattern matches, unless it reads None there."""
        self.text = step.pattern.sub(lambda match: self._taken(match, step.read), self.text)

    def _taken(self, match: re.Match[str], read: "Read") -> str:
        values = read(match, self)
        if values is None:
            return match[0]
        self.found += values
        return TAKEN

    def number(self, said: str) -> Fraction:
        """A number in digits: points and commas as its language has them, or as they must be meant."""
        if " " in said and "/" in said:
            whole, _, part = said.partition(" ")
            return int(whole) + self.number(part)
        said = re.sub(r"[ ']", "", said)
        if "/" in said:
            over, under = said.split("/")
            return Fraction(int(over), int(under) or 1)
        marks = re.findall(r"[.,]", said)
        if not marks:
            return Fraction(int(said))
        whole, _, rest = said.rpartition(marks[-1])
        thousands = len(rest) == 3 and not said.startswith("0") and len(set(marks)) == 1
        if marks.count(marks[-1]) > 1 or (thousands and (marks[-1] == ".") == self.decimal_comma):
            return Fraction(int(re.sub(r"[.,]", "", said)))
        return Fraction(re.sub(r"[.,]", "", whole) + f".{rest}")


Read = Callable[[re.Match[str], Text], list[Value] | None]  # None leaves the match to later steps


class Step(NamedTuple):
    """A pattern with what reads its matches; `needs` says what a text has to hold for it, see `values_in`."""

    needs: str
    pattern: re.Pattern[str]
    read: Read


def value(kind: str, said: re.Match[str] | str, *readings: Reading | int) -> Value:
    """A value with its readings, as a match or a text says it."""
    exact = frozenset(Fraction(one) if isinstance(one, int) else one for one in readings)
    return Value(kind, exact, bare(said if isinstance(said, str) else said[0]))


def bare(said: str) -> str:
    """What was said, without the marks around it."""
    return said.strip(" ,;:()")


def word_set(text: str) -> frozenset[str]:
    """The words of a list that is written as a text."""
    return frozenset(text.split())


def any_of(words: Iterable[str]) -> str:
    """A pattern for any of some words, the longest first; beginnings that words share are looked at once."""
    tree: dict[str, Any] = {}
    for word in words:
        node = tree
        for character in word:
            node = node.setdefault(character, {})
        node[""] = {}
    return _branches(tree)


def _branches(node: dict[str, Any]) -> str:
    parts = [re.escape(character) + _branches(rest) for character, rest in node.items() if character]
    if "" in node:
        return f"(?:{'|'.join(parts)})?" if parts else ""
    return parts[0] if len(parts) == 1 else f"(?:{'|'.join(parts)})"


def pattern(text: str, *, case: bool = False) -> re.Pattern[str]:
    """A pattern for which capitals matter or not."""
    return re.compile(text, 0 if case else re.IGNORECASE)


def hidden(_match: re.Match[str], _text: Text) -> list[Value]:
    """No value, and none for later steps."""
    return []
