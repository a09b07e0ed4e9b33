"""A text as names are looked for in it: folded, in tokens, with its words and their capitals."""

import re
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from kedit_memory.text import fold_with_offsets, part_places, tokens, words

_SHORT = range(2, 7)  # letters of an abbreviation
_POINTED = re.compile(r"(?<![\w.])[^\W\d_](?:\.[^\W\d_])+\.?(?!\w)")
_NO_NAMES = frozenset({"a.m.", "p.m.", "e.g.", "i.e.", "a.m", "p.m", "e.g", "i.e"})
_NEAR = 8  # characters before a word in which a sentence may end


@dataclass(frozen=True)
class Word:
    """A word at tokens [first, last) of a text; a possessive "'s" is not part of it."""

    first: int
    last: int
    text: str
    capital: bool  # whether it holds a capital, other than the text's first letter
    opens: bool  # whether it begins a sentence, where a capital says nothing


@dataclass(frozen=True)
class Respelt:
    """Tokens of a text written in another way; before each, and behind the last, where that is among its own tokens."""

    tokens: list[str]
    ends: list[int | None]  # None within what is one token of the text

    def place(self, start: int, end: int) -> tuple[int, int] | None:
        """The text's own tokens that some of these stand for; None where they stand for a part of one."""
        first, last = self.ends[start], self.ends[end]
        return None if first is None or last is None or first >= last else (first, last)


@dataclass(frozen=True)
class LinkedText:
    """A text, folded, with what its tokens are and where they come from."""

    text: str
    folded: str
    offsets: list[int]
    places: list[tuple[int, int]]  # of the tokens, in the folded text

    @classmethod
    def of(cls, text: str) -> "LinkedText":
        """The text, read once."""
        folded, offsets = fold_with_offsets(text)
        return cls(text, folded, offsets, tokens(folded))

    @cached_property
    def tokens(self) -> list[str]:
        """The tokens, folded."""
        return [self.folded[start:end] for start, end in self.places]

    @cached_property
    def respelt(self) -> "Respelt | None":
        """The tokens with every abbreviation written the other way, "UN" with points and "U.N." without; None for none.

        Letters are an abbreviation where they are capitals in a text that has others.
        """
        pointed = {self._first[one.start()]: one for one in _POINTED.finditer(self.folded) if one[0] not in _NO_NAMES}
        tokens, ends, place = list[str](), list[int | None]([0]), 0
        while place < len(self.tokens):
            token, last = self.tokens[place], place + 1
            if place in pointed:
                tokens.append(pointed[place][0].replace(".", ""))
                last = self._last[pointed[place].end()]
            elif self._is_abbreviation(place):
                tokens += [part for letter in token for part in (letter, ".")]
                ends += [None] * (2 * len(token) - 2) + [last]
            else:
                tokens.append(token)
            ends.append(last)
            place = last
        return Respelt(tokens, ends) if tokens != self.tokens else None

    def _is_abbreviation(self, place: int) -> bool:
        start, end = self.span(place, place + 1)
        token = self.text[start:end]
        return len(token) in _SHORT and token.isalpha() and token.isupper() and any(map(str.islower, self.text))

    @cached_property
    def words(self) -> list[Word]:
        """The words, left to right, without the "'s" of a possessive."""
        ends = ((start, end - 2 * self.folded.endswith("'s", start + 1, end)) for start, end in words(self.folded))
        return [self._word(start, end) for start, end in ends]

    @cached_property
    def parts(self) -> list[Word]:
        """The words, those apart that a sign joins."""
        return [self._word(start, end) for start, end in part_places(self.folded)]

    @cached_property
    def cased(self) -> bool:
        """Whether the writer uses capitals."""
        return any(map(str.isupper, self.text[1:]))

    def words_within(self, first: int, last: int) -> tuple[int, int]:
        """Which of the parts begin the tokens [first, last), and before which they end."""
        return self._part[first], self._part[last]

    def between(self, first: int, last: int) -> str:
        """The folded text at tokens [first, last)."""
        return self.folded[self.places[first][0] : self.places[last - 1][1]]

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Where tokens [first, last) lie in the text."""
        return self.characters(self.places[first][0], self.places[last - 1][1])

    def characters(self, start: int, end: int) -> tuple[int, int]:
        """Where folded characters [start, end) lie in the text, with the marks that follow the last of them."""
        return self.offsets[start], max(self.offsets[end], self.offsets[end - 1] + 1)

    def blank_before(self, place: int) -> bool:
        """Whether nothing but a blank stands between a token and the one before."""
        return self.folded[self.places[place - 1][1] : self.places[place][0]] == " "

    def length(self, first: int, last: int) -> int:
        """Characters of the folded text at tokens [first, last)."""
        return self.places[last - 1][1] - self.places[first][0]

    def _word(self, start: int, end: int) -> Word:
        before = self.folded[max(0, start - _NEAR) : start].rstrip(" \"'(")
        return Word(
            first=self._first[start],
            last=self._last[end],
            text=self.folded[start:end],
            capital=self.cased and self._has_capital(start, end),
            opens=not before or before[-1] in ".?!:;",
        )

    def _has_capital(self, start: int, end: int) -> bool:
        first, last = self.characters(start, end)
        return any(map(str.isupper, self.text[max(1, first) : last]))

    @cached_property
    def _part(self) -> list[int]:
        """How many parts begin before each token, and before the end."""
        begin = {part.first for part in self.parts}
        return [0, *accumulate(token in begin for token in range(len(self.places)))]

    @cached_property
    def _first(self) -> dict[int, int]:
        """The token that begins at a place."""
        return {start: token for token, (start, _) in enumerate(self.places)}

    @cached_property
    def _last(self) -> dict[int, int]:
        """The token before which one ends at a place."""
        return {end: token + 1 for token, (_, end) in enumerate(self.places)}
