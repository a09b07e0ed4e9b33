"""Passages that speak against a newer edit, found among those that were retrieved.

A passage is outdated when it names the subject of an edit, holds a value that the edit has replaced, and is older than
the edit. That it names both does not prove that it connects them: such a passage is lost for other questions, which
costs less than putting a false or an erased fact before one.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from kedit_memory.errors import InvalidInputError
from kedit_memory.memory.read import Reader
from kedit_memory.memory.replaced import Replacing
from kedit_memory.memory.requests import day
from kedit_memory.records import Edit, Kind, OutdatedPassage, Passage, RetrievedPassage
from kedit_memory.routing.background import Background
from kedit_memory.routing.link import Linked, Linker
from kedit_memory.text import fold

_DAY = len("2024-07-01")


class Contradictions:
    """What the edits of a memory speak against: each other's values, and the facts of a background's passages.

    Costs the linking of the passages, and a look into an index where no edit is about a subject that they name.
    """

    def __init__(
        self, reader: Reader, linker: Linker, background: Background, found: Sequence[RetrievedPassage]
    ) -> None:
        self._linker = linker
        self._background = background
        self.linked = linker.read_many([_whole(one.passage) for one in found])
        self._read = [_Read(one.passage, names) for one, names in zip(found, self.linked, strict=True)]
        subjects = {surface for names in self.linked for surface in names.written}
        self._edits = self._speaking(reader.replacing(subjects)) if subjects else []

    @property
    def outdated(self) -> tuple[OutdatedPassage, ...]:
        """Those of the passages that state what an edit has replaced, in order."""
        return tuple(outdated for one in self._read if (outdated := _outdated(one, self._edits)))

    def _speaking(self, edits: Sequence[Replacing]) -> list["_Speaking"]:
        """The edits with the values that hold no more, and what all values are the names of."""
        texts = {text for one in edits for text in (*one.values, *one.current, one.edit.subject or "")}
        known = self._names_of(texts)
        stated = [self._in_background(one.edit, known) for one in edits]
        known |= self._names_of({value for values in stated for value in values} - texts)
        return [
            _Speaking(one.edit, (*one.values, *_unlike(values, one.current, known)), one.current, known)
            for one, values in zip(edits, stated, strict=True)
        ]

    def _names_of(self, texts: Collection[str]) -> dict[str, frozenset[str]]:
        """The names that each text is as a whole."""
        ordered = sorted(texts)
        linked = self._linker.read_many(ordered) if ordered else []
        return {
            text: frozenset(mention.name for mention in names.mentions if mention.surface == text.strip())
            for text, names in zip(ordered, linked, strict=True)
        }

    def _in_background(self, edit: Edit, known: Mapping[str, Collection[str]]) -> list[str]:
        """What the background has for the edit's subject and relation."""
        if not edit.subject or not edit.relation:
            return []
        relation = fold(edit.relation.replace("_", " "))
        stated = [fact for name in known[edit.subject] for fact in self._background.facts.get(name, ())]
        return [value for of, value in stated if of.replace("_", " ") == relation]


@dataclass(frozen=True)
class _Speaking:
    """An edit with the values that hold no more and those that do, and the names that each value is."""

    edit: Edit
    gone: tuple[str, ...]
    current: tuple[str, ...]
    known: Mapping[str, Collection[str]]


@dataclass(frozen=True)
class _Read:
    """A passage with the names in it."""

    passage: Passage
    linked: Linked

    def states(self, value: str, edit: _Speaking) -> bool:
        """Whether the value stands in the passage: under one of its names where it is known, else as whole words.

        Where it stands only within a value that does hold, as "Olav" does in "Olav V", it is not stated.
        """
        if known := edit.known[value]:
            return not self.linked.surfaces.keys().isdisjoint(known)
        stated, text = _words(value), self.text
        for longer in edit.current:
            if stated.search(fold(longer)):
                text = _words(longer).sub(" ", text)
        return stated.search(text) is not None

    @cached_property
    def subjects(self) -> frozenset[str]:
        """Every way in which what it names is written, folded."""
        return frozenset(map(fold, self.linked.written))

    @cached_property
    def text(self) -> str:
        """Title and text, folded."""
        return fold(_whole(self.passage))


def without(found: Sequence[RetrievedPassage], outdated: Sequence[OutdatedPassage]) -> list[RetrievedPassage]:
    """The passages that may go before a question."""
    gone = {one.passage for one in outdated}
    return [one for one in found if one.passage not in gone]


def left_out(outdated: Sequence[OutdatedPassage]) -> str:
    """What an answer's reason adds about them; nothing where there are none."""
    return "".join(f"; {one.passage.title or one.passage.id} was left out: {why(one)}" for one in outdated)


def why(one: OutdatedPassage) -> str:
    """Why a passage was left out, without the value that it states: that may be what was to be forgotten."""
    if one.kind is Kind.ERASURE:
        return f"it states what edit {one.edit_id} has erased"
    return f"it states what edit {one.edit_id} has replaced, and is older"


def _outdated(read: _Read, edits: Sequence[_Speaking]) -> OutdatedPassage | None:
    """The passage with the first edit that speaks against it; None where none does."""
    for one in edits:
        about = fold(one.edit.subject or "") in read.subjects and _is_older(read.passage, one.edit)
        if about and any(read.states(value, one) for value in one.gone):
            return OutdatedPassage(passage=read.passage, edit_id=one.edit.id, kind=one.edit.kind)
    return None


def _unlike(values: Iterable[str], current: Sequence[str], known: Mapping[str, Collection[str]]) -> Iterator[str]:
    """The values that are none of those that hold, under whatever name."""
    holding = {name for target in current for name in (fold(target), *known[target])}
    return (value for value in values if holding.isdisjoint((fold(value), *known[value])))


def _whole(passage: Passage) -> str:
    return f"{passage.title}. {passage.text}"


def _words(value: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(fold(value))}(?!\w)")


def _is_older(passage: Passage, edit: Edit) -> bool:
    """Whether a passage was written before the edit holds, or was made where that is not known.

    One without a date that can be read counts as older: edits say what is right now, and nothing shows that it knew.
    """
    try:
        written = day((passage.date or "")[:_DAY])
    except InvalidInputError:
        return True
    return written < (edit.valid_from or edit.created_at[:_DAY])
