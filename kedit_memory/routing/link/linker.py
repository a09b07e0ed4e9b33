"""Find known names in a text: the longest ones, on word boundaries; misspelt or in pieces only as a fallback."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate

from kedit_memory.memory.names import Name, Names
from kedit_memory.records import Mention
from kedit_memory.routing.link.given import GivenNames
from kedit_memory.routing.link.longer import begins_longer
from kedit_memory.routing.link.ordinary import is_ordinary, is_spelt
from kedit_memory.routing.link.pieces import best_in_pieces, pairs_in
from kedit_memory.routing.link.spelling import is_inflected, likeness
from kedit_memory.routing.link.text import LinkedText, Respelt
from kedit_memory.text import fold

_ARTICLES = frozenset({"the", "a", "an"})
_WORDS = 5  # of a misspelt name

Place = tuple[int, int]  # tokens [first, last)
Hits = dict[Place, list[Name]]


@dataclass(frozen=True, kw_only=True)
class Linked:
    """The names in a text.

    Attributes:
        mentions: left to right; longest first where they overlap.
        surfaces: every way in which the name of a mention is written.
        edited: whether an edit is about one of them.
        doubtful: ordinary words that are names elsewhere and are not written as such here; nothing of `mentions`.
    """

    mentions: tuple[Mention, ...] = ()
    surfaces: Mapping[str, frozenset[str]] = field(default_factory=dict)
    edited: bool = False
    doubtful: "Linked | None" = None

    @property
    def written(self) -> frozenset[str]:
        """Every way in which any of the names is written."""
        return frozenset[str]().union(*self.surfaces.values())

    def __add__(self, other: "Linked") -> "Linked":
        return Linked(
            mentions=(*self.mentions, *other.mentions),
            surfaces={**self.surfaces, **other.surfaces},
            edited=self.edited or other.edited,
            doubtful=self.doubtful,
        )


class Linker:
    """Finds the names of some sources, such as a background and the edits of a namespace; threads may share it."""

    def __init__(self, *sources: Names) -> None:
        self._sources = sources

    @classmethod
    def of(cls, names: Iterable[tuple[str, str]]) -> "Linker":
        """A linker of pairs (surface, canonical name); a surface that stands for several names keeps them all."""
        return cls(GivenNames(names))

    def link(self, text: str, *, fuzzy: bool = True) -> tuple[Mention, ...]:
        """The names in a text, left to right."""
        return self.read(text, fuzzy=fuzzy).mentions

    def read(self, text: str, *, fuzzy: bool = True) -> Linked:
        """The names in a text with their surfaces.

        A misspelt name is looked for where no exact one is found, and where an exact one may end a longer name.
        """
        read = LinkedText.of(text)
        (every,) = self._standing([read])
        exact = _longest(read, every)
        return replace(self._certain(read, exact, fuzzy=fuzzy), doubtful=_doubtful(read, every, exact))

    def _certain(self, read: LinkedText, exact: Hits, *, fuzzy: bool) -> Linked:
        if not fuzzy:
            return _linked(read, exact)
        longer = self._longer(read, exact)
        if exact:
            ends = {end for _, end in longer}
            return _linked(read, {place: names for place, names in exact.items() if place[1] not in ends}, longer)
        return _linked(read, {}, self._misspelt(read))

    def read_many(self, texts: Sequence[str]) -> list[Linked]:
        """The names in each text, exact ones only."""
        read = [LinkedText.of(text) for text in texts]
        return [_linked(one, _longest(one, hits)) for one, hits in zip(read, self._standing(read), strict=True)]

    def partly(self, text: str) -> Linked:
        """The name whose words stand in a text, though not as it is written; a mention for each run of them.

        A last resort: for texts whose other names lead nowhere.
        """
        read = LinkedText.of(text)
        pairs = pairs_in(read)
        found = [one for source in self._sources for one in source.in_pieces(pairs)] if pairs else []
        names, places = best_in_pieces(read, found)
        return _linked(read, {}, dict.fromkeys(places, names))

    def _standing(self, texts: Sequence[LinkedText]) -> list[Hits]:
        """Every exact name of each text, overlapping ones too; all texts are looked up together."""
        hits: list[Hits] = [{} for _ in texts]
        written: list[tuple[int, list[str], Respelt | None]]
        written = [(place, text.tokens, None) for place, text in enumerate(texts)]
        written += [(place, other.tokens, other) for place, text in enumerate(texts) if (other := text.respelt)]
        joined = [token for _, tokens, _ in written for token in (*tokens, "")]  # no name goes on behind a text
        owner = [which for which, (_, tokens, _) in enumerate(written) for _ in (*tokens, "")]
        begin = [0, *accumulate(len(tokens) + 1 for _, tokens, _ in written)]
        for source in self._sources if any(joined) else ():
            for one in source.standing(joined):
                text, _, other = written[owner[one.start]]
                place = one.start - begin[owner[one.start]], one.end - begin[owner[one.start]]
                own = other.place(*place) if other else place
                if own and one.name not in (found := hits[text].setdefault(own, [])):
                    found.append(one.name)
        return hits

    def _alike(self, text: LinkedText, places: Collection[Place]) -> Iterator[tuple[float, Place, Name]]:
        """The names of which the tokens at some places may be a misspelling, each with its likeness."""
        words = {text.words_within(*place): place for place in places}
        for source in self._sources if words else ():
            for one in source.alike([word.text for word in text.parts], words):
                place, name = words[one.start, one.end], fold(one.name.surface)
                if not is_ordinary(name) and (score := likeness(text.between(*place), name)):
                    yield score, place, one.name

    def _longer(self, text: LinkedText, exact: Hits) -> Hits:
        """The misspelt names that end with an exact one: in "the Democartic Republic of the Congo" another country."""
        before = {word.last: word.first for word in text.words if word.capital}
        endings = {
            (before[first], last): text.between(first, last)
            for first, last in exact
            if first in before and text.blank_before(first) and (before[first], last) not in exact
        }
        best = _best(
            (score, place, name)
            for score, place, name in self._alike(text, endings)
            if fold(name.surface).endswith(f" {endings[place]}")
        )
        return {place: names for place, (_, names) in best.items()}

    def _misspelt(self, text: LinkedText) -> Hits:
        """The best misspelt name: runs of one to five words against names with the same first letter and numerals."""
        runs = dict(_runs(text))
        best = _best(
            (score, place, name)
            for score, place, name in self._alike(text, runs)
            if runs[place] or not is_inflected(text.between(*place), fold(name.surface))
        )
        if not best:
            return {}
        place = min(best, key=lambda place: (-best[place][0], place))
        return {place: best[place][1]}


def surfaces_of(names: Mapping[str, tuple[str, ...]]) -> Iterable[tuple[str, str]]:
    """Pairs (surface, name) of a table name → aliases."""
    for name, aliases in names.items():
        for surface in (name, *aliases):
            yield surface, name


def _longest(text: LinkedText, hits: Hits) -> Hits:
    """The names that stand in a text: of those that overlap the longest.

    An ordinary word is one only where it is spelt so. What a name with an article may be besides is kept, too: "the
    piano" is a film, and an instrument.
    """
    spelt = {place: names for place, hit in hits.items() if (names := _spelt(text, place, hit))}
    kept: Hits = {}
    taken = [False] * len(text.tokens)
    for first, last in sorted(spelt, key=lambda place: (-text.length(*place), place)):
        if not any(taken[first:last]):
            kept[first, last] = spelt[first, last]
            taken[first:last] = [True] * (last - first)
    for first, last in [*kept]:
        rest = (first + 1, last)
        if text.tokens[first] in _ARTICLES and rest in spelt and not is_ordinary(text.between(*rest)):
            kept[rest] = spelt[rest]
    return dict(sorted(kept.items()))


def _spelt(text: LinkedText, place: Place, names: Sequence[Name]) -> list[Name]:
    """Those of the names at a place that the text writes as names, and not as the beginning of a longer one."""
    if begins_longer(text, place[1]):
        return []
    if not is_ordinary(text.between(*place)):
        return list(names)
    return [name for name in names if is_spelt(text, *place, name.surface)]


def _doubtful(text: LinkedText, hits: Hits, exact: Hits) -> Linked | None:
    """The ordinary words among the hits that are not written as a name is, outside of those that are."""
    taken = {token for first, last in exact for token in range(first, last)}
    found = {
        place: rest
        for place, names in hits.items()
        if is_ordinary(text.between(*place))
        and taken.isdisjoint(range(*place))
        and (rest := [name for name in names if name not in _spelt(text, place, names)])
    }
    return _linked(text, found) if found else None


def _runs(text: LinkedText) -> Iterator[tuple[Place, bool]]:
    """Runs of words that may be a misspelt name, and whether a capital stands in each.

    Where the writer uses capitals, a run without one is no name: "the world" is not "The Word"; and one with a
    capitalised neighbour is part of another name.
    """
    words = text.words
    for first in range(len(words)):
        for last in range(first, min(first + _WORDS, len(words))):
            capital = text.cased and any(word.capital for word in words[first : last + 1])
            if capital == text.cased and not (capital and _goes_on(text, first, last)):
                yield (words[first].first, words[last].last), capital


def _goes_on(text: LinkedText, first: int, last: int) -> bool:
    """Whether a neighbour of a run of words, with no mark between, is capitalised, as the rest of a name is."""
    words = text.words
    ahead = [word for word in words[max(0, first - 1) : first] if word.last == words[first].first]
    behind = [word for word in words[last + 1 : last + 2] if word.first == words[last].last]
    return any(word.capital and not word.opens for word in (*ahead, *behind))


def _best(found: Iterable[tuple[float, Place, Name]]) -> dict[Place, tuple[float, list[Name]]]:
    """At each place the likeness of the likeliest surface, with all that it is a name of."""
    surfaces: dict[Place, dict[tuple[float, str], list[Name]]] = {}
    for score, place, name in found:
        surfaces.setdefault(place, {}).setdefault((score, fold(name.surface)), []).append(name)
    best = {place: max(alike) for place, alike in surfaces.items()}
    return {place: (best[place][0], alike[best[place]]) for place, alike in surfaces.items()}


def _linked(text: LinkedText, exact: Hits, fuzzy: Hits | None = None) -> Linked:
    mentions: dict[Mention, None] = {}
    surfaces: dict[str, frozenset[str]] = {}
    edited = False
    every = [(place, names, False) for place, names in exact.items()]
    every += [(place, names, True) for place, names in (fuzzy or {}).items()]
    for place, names, guessed in sorted(every, key=lambda one: one[0]):
        start, end = text.span(*place)
        for name in names:
            mentions[Mention(start=start, end=end, surface=text.text[start:end], name=name.subject, fuzzy=guessed)] = (
                None
            )
            surfaces[name.subject] = surfaces.get(name.subject, frozenset()).union(name.surfaces)
            edited = edited or name.edited
    return Linked(mentions=tuple(mentions), surfaces=surfaces, edited=edited)
