"""Names that are given once, such as those of a background, kept in memory; threads may share them."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import accumulate, pairwise

from kedit_memory.memory.names import RARE, InPieces, Name, Standing
from kedit_memory.memory.spellings import STEM, beginning, pairs_of, spellings, words_of
from kedit_memory.text import fold, name_key, words_key

Choices = Mapping[
    int, Collection[tuple[int, str]]
]  # at each word of a text: what it may be read as, and where that ends


class GivenNames:
    """Names from pairs (surface, what it is a name of); what finds misspelt ones is made when it is first needed."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        surfaces: dict[str, dict[str, None]] = defaultdict(dict)  # by subject
        for surface, subject in pairs:
            surfaces[subject][surface] = None
        self._names = [
            Name(surface=surface, subject=subject, surfaces=tuple(every), edited=False)
            for subject, every in surfaces.items()
            for surface in every
        ]
        self._by_tokens = _Spelt((name_key(name.surface), name) for name in self._names)

    def standing(self, text: Sequence[str]) -> list[Standing]:
        """Every name whose tokens stand in a text, given by its folded tokens; "" among these parts two texts."""
        choices = {place: [(place + 1, token)] for place, token in enumerate(text) if token}
        return list(self._by_tokens.found(choices, choices))

    def alike(self, text: Sequence[str], places: Collection[tuple[int, int]]) -> list[Standing]:
        """Every name of which the words [start, end) of a text may be a misspelling, for some of these places."""
        inside = {place for start, end in places for place in range(start, end)}
        choices: dict[int, set[tuple[int, str]]] = {}
        for place in inside:
            read = {text[place]}.union(*(self._words_like.get(one, ()) for one in spellings(text[place])))
            choices[place] = {(place + 1, word) for word in read}
        for place, after in pairwise(sorted(inside)):
            if after == place + 1:
                joined = self._words_like.get(beginning(text[place] + text[after]), ())
                choices[place] |= {(place + 2, word) for word in joined}
        found = self._by_words.found(choices, {start for start, _ in places})
        return [one for one in found if (one.start, one.end) in places]

    def in_pieces(self, pairs: Iterable[str]) -> list[InPieces]:
        """Every name that has one of these pairs of beginnings, unless very many have it."""
        rare = (held for pair in pairs if len(held := self._by_pair.get(pair, ())) <= RARE)
        return [self._in_pieces(self._names[place]) for place in sorted({place for held in rare for place in held})]

    def _in_pieces(self, name: Name) -> InPieces:
        holders = {word: self._holders[word[:STEM]] for word in words_of(name.surface)}
        return InPieces(name=name, holders={word: min(count, RARE) for word, count in holders.items()})

    @cached_property
    def _by_words(self) -> "_Spelt":
        return _Spelt((words_key(name.surface), name) for name in self._names)

    @cached_property
    def _words_like(self) -> Mapping[str, set[str]]:
        """The words of names by what is left of them when letters are left out."""
        found: dict[str, set[str]] = defaultdict(set)
        for name in self._names:
            for word, forms in words_of(name.surface).items():
                for form in forms:
                    found[form].add(word)
        return dict(found)

    @cached_property
    def _by_pair(self) -> Mapping[str, list[int]]:
        found: dict[str, list[int]] = defaultdict(list)
        for place, name in enumerate(self._names):
            for pair in pairs_of(fold(name.surface)):
                found[pair].append(place)
        return dict(found)

    @cached_property
    def _holders(self) -> Mapping[str, int]:
        """How many names have a word that begins so."""
        return Counter(stem for name in self._names for stem in {word[:STEM] for word in words_of(name.surface)})


class _Spelt:
    """Names by their words joined with blanks, and how they begin."""

    def __init__(self, names: Iterable[tuple[str, Name]]) -> None:
        self._names: dict[str, list[Name]] = defaultdict(list)
        for key, name in names:
            if key:
                self._names[key].append(name)
        self._begin = {begin for key in self._names for begin in _beginnings(key)}

    def found(self, choices: Choices, starts: Iterable[int]) -> Iterator[Standing]:
        """The names that begin at some words of a text, word by word as long as some name begins so."""
        for start in sorted(starts):
            begun = list(choices[start])
            while begun:
                end, key = begun.pop()
                for name in self._names.get(key, ()):
                    yield Standing(start=start, end=end, name=name)
                if key in self._begin:
                    begun += [(after, f"{key} {word}") for after, word in choices.get(end, ())]


def _beginnings(key: str) -> Iterable[str]:
    """A key up to each of its words but the last."""
    return accumulate(key.split(" ")[:-1], lambda begin, word: f"{begin} {word}")
