"""Find known names in a text: longest match, case and accents folded, on word boundaries; fuzzy only as a fallback.

A name that is also an ordinary word ("Main", "US", "An") is found only as it is spelt.
An Aho-Corasick automaton (Aho and Corasick, 1975) reads a text once, whatever the number of names.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

import ahocorasick
from rapidfuzz import fuzz, process
from rapidfuzz.distance import OSA

from kedit_memory.records import Mention
from kedit_memory.routing.partial import PartialNames
from kedit_memory.text import fold, fold_with_offsets

FUZZY_SCORE = 88.0  # similarity of a misspelt name, 0 to 100
_FUZZY_LENGTH = 5  # a shorter name has too many neighbours to guess at
_LONG = 8  # letters; a longer word may hold two slips


# English words, common in questions, that are also names: without the name's own capitals they are words.
_WORDS = """
    alien aliens an arrival as at basic bath burning car demons do don first flights foundation go hero hope hunger i in
    inn is island it la lead main male may nice no on or parade persona pan rails raiding ran re reading rugby sequel
    split the-artist the-word time tours underground up us we web who
"""
_OPENERS = "an as at do don first i in is it no on or re up we who"  # begin a sentence too often to be a name there
_ARTICLES = frozenset({"the", "a", "an"})
_ORDINARY = frozenset(word.replace("-", " ") for word in _WORDS.split())
_OPENING = frozenset(_OPENERS.split())


class Linker:
    """Names of a store and of its background, ready to be found in questions.

    Built from pairs (surface, canonical name); a surface that stands for several names keeps them all.
    """

    def __init__(self, names: Iterable[tuple[str, str]]) -> None:
        self._names: dict[str, tuple[str, ...]] = {}  # by folded surface
        self._surfaces: dict[str, tuple[str, ...]] = {}  # by name
        self._automaton = ahocorasick.Automaton()
        self._ready = False
        self._alike: dict[tuple[str, int, str], list[str]] = {}  # names that a misspelling may stand for
        self._spellings: dict[str, set[str]] = {}  # of names that are also ordinary words
        self._partial = PartialNames()
        self.add(names)

    def add(self, names: Iterable[tuple[str, str]]) -> None:
        """Learn more names; the automaton is finished at the next search."""
        for surface, name in names:
            folded = fold(surface)
            if not folded:
                continue
            if folded in _ORDINARY:
                self._spellings.setdefault(folded, set()).add(_as_written(surface))
            known = self._names.get(folded, ())
            if not known:
                self._automaton.add_word(folded, folded)
                self._partial.add(folded)
                self._ready = False
                if len(folded) >= _FUZZY_LENGTH and folded not in _ORDINARY:
                    self._alike.setdefault(_likeness(folded, len(folded)), []).append(folded)
            if name not in known:
                self._names[folded] = (*known, name)
            if surface not in (surfaces := self._surfaces.get(name, ())):
                self._surfaces[name] = (*surfaces, surface)

    def __len__(self) -> int:
        return len(self._names)

    def surfaces(self, name: str) -> tuple[str, ...]:
        """Every way in which a name is written, itself among them where it was given."""
        return self._surfaces.get(name, ())

    def link(self, text: str, *, fuzzy: bool = True) -> tuple[Mention, ...]:
        """The names in `text`, left to right, longest first where they overlap.

        A fuzzy match is tried when no exact one is found, and where an exact one may be the end of a longer name.
        """
        folded, offsets = fold_with_offsets(text)
        if not self._names or not folded:
            return ()
        exact = self._exact(text, folded, offsets)
        longer = [self._longer(text, folded, offsets, *hit) if fuzzy else None for hit in exact]
        mentions = [
            self._mentions(text, offsets, *(better or hit), fuzzy=better is not None)
            for hit, better in zip(exact, longer, strict=True)
        ]
        if not mentions and fuzzy:
            mentions = [self._mentions(text, offsets, *hit, fuzzy=True) for hit in self._fuzzy(text, folded, offsets)]
        return tuple(mention for group in mentions for mention in group)

    def partly(self, text: str) -> tuple[Mention, ...]:
        """The name whose words stand in `text`, though not as it is written; a mention for each run of them.

        A last resort: for texts whose exact names lead nowhere.
        """
        folded, offsets = fold_with_offsets(text)
        pieces = self._partial.find(folded, [text[place].isupper() for place in offsets[:-1]])
        found = [self._mentions(text, offsets, one.start, one.end, one.name, fuzzy=True) for one in pieces]
        return tuple(mention for group in found for mention in group)

    def _exact(self, text: str, folded: str, offsets: list[int]) -> list[tuple[int, int, str]]:
        if not self._ready:
            self._automaton.make_automaton()
            self._ready = True
        hits = [
            (last + 1 - len(surface), last + 1, surface)
            for last, surface in self._automaton.iter(folded)
            if _is_word(folded, last + 1 - len(surface), last + 1)
        ]
        hits = [hit for hit in hits if hit[2] not in _ORDINARY or self._is_spelt(text, *_span(offsets, *hit[:2]))]
        hits.sort(key=lambda hit: (hit[0] - hit[1], hit[0]))
        kept: list[tuple[int, int, str]] = []
        for start, end, surface in hits:
            if all(end <= other_start or start >= other_end for other_start, other_end, _ in kept):
                kept.append((start, end, surface))
        return sorted([*kept, *self._without_article(kept)])

    def _without_article(self, hits: Iterable[tuple[int, int, str]]) -> Iterator[tuple[int, int, str]]:
        """What else a name with an article may be: "the piano" is a film, and an instrument."""
        for start, end, surface in hits:
            article, _, rest = surface.partition(" ")
            if article in _ARTICLES and rest in self._names and rest not in _ORDINARY:
                yield start + len(article) + 1, end, rest

    def _is_spelt(self, text: str, first: int, last: int) -> bool:
        """Whether an ordinary word is written as the name is, and not as the first word of a sentence."""
        word = text[first:last]
        opens = not text[:first].strip() and text[last:].strip() and fold(word) in _OPENING
        return word in self._spellings[fold(word)] and not opens

    def _fuzzy(self, text: str, folded: str, offsets: list[int]) -> list[tuple[int, int, str]]:
        """The best misspelt name: runs of one to five words against names with the same first letter and numerals.

        Where the writer uses capitals, a run without one is no name: "the world" is not "The Word"; and one with a
        capitalised neighbour is part of another name.
        """
        cased = _has_capital(text, 0, len(text))
        words = _words(folded)
        capital = [_has_capital(text, *_span(offsets, *word)) for word in words]
        best: tuple[float, int, int, str] | None = None
        for first in range(len(words)):
            for last in range(first, min(first + 5, len(words))):
                start, end = words[first][0], words[last][1]
                piece = folded[start:end]
                if len(piece) < _FUZZY_LENGTH or (cased and not any(capital[first : last + 1])):
                    continue
                if any(
                    capital[place] and not _opens_sentence(folded, words[place][0])
                    for place in (first - 1, last + 1)
                    if 0 <= place < len(words)
                ):
                    continue
                for name, score in self._spelt_like(piece):
                    inflected = not any(capital[first : last + 1]) and _is_inflected(piece, name)
                    if (best is None or score > best[0]) and not inflected:
                        best = (score, start, end, name)
        return [best[1:]] if best else []

    def _longer(
        self, text: str, folded: str, offsets: list[int], start: int, end: int, surface: str
    ) -> tuple[int, int, str] | None:
        """The misspelt name that ends with an exact one: in "the Democartic Republic of the Congo" another country."""
        before = [word for word in _words(folded[:start]) if _has_capital(text, *_span(offsets, *word))]
        if not before or folded[before[-1][1] : start] != " ":
            return None
        first = before[-1][0]
        names = [(score, name) for name, score in self._spelt_like(folded[first:end]) if name.endswith(f" {surface}")]
        return (first, end, max(names)[1]) if names else None

    def _spelt_like(self, piece: str) -> Iterator[tuple[str, float]]:
        """The names of which a piece of text may be a misspelling, each with its likeness."""
        for length in range(len(piece) - 2, len(piece) + 3):
            names = self._alike.get(_likeness(piece, length), ())
            for name, score, _ in process.extract(piece, names, scorer=fuzz.ratio, score_cutoff=FUZZY_SCORE):
                if _is_misspelt(piece, name):
                    yield name, score

    def _mentions(
        self, text: str, offsets: list[int], start: int, end: int, surface: str, *, fuzzy: bool = False
    ) -> list[Mention]:
        first, last = _span(offsets, start, end)
        return [
            Mention(start=first, end=last, surface=text[first:last], name=name, fuzzy=fuzzy)
            for name in self._names[surface]
        ]


def surfaces_of(names: Mapping[str, tuple[str, ...]]) -> Iterable[tuple[str, str]]:
    """Pairs (surface, name) of a table name → aliases."""
    for name, aliases in names.items():
        for surface in (name, *aliases):
            yield surface, name


def _as_written(surface: str) -> str:
    """The part of a name that its folded form stands for: of "I\u00af" the "I"."""
    folded, offsets = fold_with_offsets(surface)
    first, last = _span(offsets, 0, len(folded))
    return surface[first:last]


def _is_word(text: str, start: int, end: int) -> bool:
    before = start == 0 or not text[start - 1].isalnum() or not text[start].isalnum()
    after = end == len(text) or not text[end].isalnum() or not text[end - 1].isalnum()
    return before and after


def _span(offsets: list[int], start: int, end: int) -> tuple[int, int]:
    """Where folded characters [start, end) lie in the text, with the marks that follow the last of them."""
    return offsets[start], max(offsets[end], offsets[end - 1] + 1)


def _has_capital(text: str, first: int, last: int) -> bool:
    """Whether a capital stands in a part of the text, other than the text's first letter."""
    return any(character.isupper() for character in text[max(1, first) : last])


def _likeness(text: str, length: int) -> tuple[str, int, str]:
    """What a misspelling keeps of a name: its first letter and numerals; "Apollo 12" is no misspelt "Apollo 11"."""
    return text[0], length, " ".join(_NUMERAL.findall(text))


def _opens_sentence(text: str, place: int) -> bool:
    """Whether the word at a place begins a sentence, where a capital says nothing."""
    before = text[:place].rstrip(" \"'(")
    return not before or before[-1] in ".?!:;"


def _is_misspelt(piece: str, name: str) -> bool:
    """Whether no word of a piece is further from the name's than a slip of the pen; "Juhan" is not "Jaan"."""
    given, wanted = piece.split(" "), name.split(" ")
    if len(given) != len(wanted):  # written as one word, or as two
        given, wanted = [piece.replace(" ", "")], [name.replace(" ", "")]
    slips = ((OSA.distance(one, other), max(len(one), len(other))) for one, other in zip(given, wanted, strict=True))
    return all(slip <= 1 + (length > _LONG) for slip, length in slips)


def _is_inflected(piece: str, name: str) -> bool:
    """Whether two single words differ by an English ending: "fiction" is a word, not a misspelt "Fictions"."""
    short, long = sorted((piece, name), key=len)
    return " " not in long and long.startswith(short) and long[len(short) :] in {"s", "es", "d", "ed", "n", "r"}


_NUMERAL = re.compile(r"\d+|\b[ivx]+\b")
_RUN = re.compile(r"[^\W_]+(?:['.-][^\W_]+)*")


def _words(text: str) -> list[tuple[int, int]]:
    """Where the words are, a possessive "'s" not counted."""
    return [(found.start(), found.end() - 2 * found[0].endswith("'s")) for found in _RUN.finditer(text)]
