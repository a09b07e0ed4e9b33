"""Find known names in a text: longest match, case and accents folded, on word boundaries; fuzzy only as a fallback.

An Aho-Corasick automaton (Aho and Corasick, 1975) reads a text once, whatever the number of names.
"""

import unicodedata
from collections.abc import Iterable, Mapping

import ahocorasick
from rapidfuzz import fuzz, process

from kedit_memory.records import Mention

FUZZY_SCORE = 88.0  # similarity of a misspelt name, 0 to 100
_FUZZY_LENGTH = 5  # a shorter name has too many neighbours to guess at


def fold(text: str) -> str:
    """Text as names are compared: without case, accents and typographic variants."""
    return fold_with_offsets(text)[0]


def fold_with_offsets(text: str) -> tuple[str, list[int]]:
    """The folded text and, for each of its characters, the place in `text` that it comes from."""
    folded: list[str] = []
    offsets: list[int] = []
    for place, character in enumerate(text):
        plain = _PLAIN.get(character, character)
        for part in unicodedata.normalize("NFKD", plain.casefold()):
            if not unicodedata.combining(part):
                folded.append(part)
                offsets.append(place)
    return "".join(folded), offsets


_PLAIN = {"’": "'", "‘": "'", "‐": "-", "‑": "-", "–": "-", "ø": "o", "Ø": "o", "ł": "l", "Ł": "l", "đ": "d", "ı": "i"}


class Linker:
    """Names of a store and of the popularity table, ready to be found in questions.

    Built from pairs (surface, canonical name); a surface that stands for several names keeps them all.
    """

    def __init__(self, names: Iterable[tuple[str, str]]) -> None:
        self._names: dict[str, tuple[str, ...]] = {}
        self._automaton = ahocorasick.Automaton()
        self._ready = False
        self._starts: dict[str, list[str]] = {}
        self.add(names)

    def add(self, names: Iterable[tuple[str, str]]) -> None:
        """Learn more names; the automaton is finished at the next search."""
        for surface, name in names:
            folded = fold(surface).strip()
            if not folded:
                continue
            known = self._names.get(folded, ())
            if not known:
                self._automaton.add_word(folded, folded)
                self._starts.setdefault(folded[0], []).append(folded)
                self._ready = False
            if name not in known:
                self._names[folded] = (*known, name)

    def __len__(self) -> int:
        return len(self._names)

    def link(self, text: str, *, fuzzy: bool = True) -> tuple[Mention, ...]:
        """The names in `text`, left to right, longest first where they overlap.

        A fuzzy match is tried only when no exact one is found.
        """
        folded, offsets = fold_with_offsets(text)
        if not self._names or not folded:
            return ()
        found = self._exact(folded)
        mentions = [self._mentions(text, offsets, start, end, surface) for start, end, surface in found]
        if not mentions and fuzzy:
            mentions = [self._mentions(text, offsets, *hit, fuzzy=True) for hit in self._fuzzy(folded)]
        return tuple(mention for group in mentions for mention in group)

    def _exact(self, folded: str) -> list[tuple[int, int, str]]:
        if not self._ready:
            self._automaton.make_automaton()
            self._ready = True
        hits = [
            (last + 1 - len(surface), last + 1, surface)
            for last, surface in self._automaton.iter(folded)
            if _is_word(folded, last + 1 - len(surface), last + 1)
        ]
        hits.sort(key=lambda hit: (hit[0] - hit[1], hit[0]))
        kept: list[tuple[int, int, str]] = []
        for start, end, surface in hits:
            if all(end <= other_start or start >= other_end for other_start, other_end, _ in kept):
                kept.append((start, end, surface))
        return sorted(kept)

    def _fuzzy(self, folded: str) -> list[tuple[int, int, str]]:
        """The best misspelt name: runs of one to five words against names with the same first letter."""
        words = _words(folded)
        best: tuple[float, int, int, str] | None = None
        for first in range(len(words)):
            for last in range(first, min(first + 5, len(words))):
                start, end = words[first][0], words[last][1]
                piece = folded[start:end]
                if len(piece) < _FUZZY_LENGTH:
                    continue
                names = [n for n in self._starts.get(piece[0], ()) if abs(len(n) - len(piece)) <= 2]
                match = process.extractOne(piece, names, scorer=fuzz.ratio, score_cutoff=FUZZY_SCORE)
                if match and (best is None or match[1] > best[0]):
                    best = (match[1], start, end, match[0])
        return [best[1:]] if best else []

    def _mentions(
        self, text: str, offsets: list[int], start: int, end: int, surface: str, *, fuzzy: bool = False
    ) -> list[Mention]:
        first, last = offsets[start], offsets[end - 1] + 1
        return [
            Mention(start=first, end=last, surface=text[first:last], name=name, fuzzy=fuzzy)
            for name in self._names[surface]
        ]


def world_names(entities: Mapping[str, tuple[str, ...]]) -> Iterable[tuple[str, str]]:
    """Pairs (surface, name) of a table name → aliases."""
    for name, aliases in entities.items():
        for surface in (name, *aliases):
            yield surface, name


def _is_word(text: str, start: int, end: int) -> bool:
    before = start == 0 or not text[start - 1].isalnum() or not text[start].isalnum()
    after = end == len(text) or not text[end].isalnum() or not text[end - 1].isalnum()
    return before and after


def _words(text: str) -> list[tuple[int, int]]:
    words: list[tuple[int, int]] = []
    start = None
    for place, character in enumerate(text + " "):
        if character.isalnum() or character in "'-.":
            start = place if start is None else start
        elif start is not None:
            words.append((start, place))
            start = None
    return words
