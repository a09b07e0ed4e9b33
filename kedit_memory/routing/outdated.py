"""Passages that speak against a newer edit, found among those that were retrieved.

A passage is outdated when it names the subject of an edit, holds a value that the edit has replaced, and is older than
the edit. That it names both does not prove that it connects them: such a passage is lost for other questions, which
costs less than putting a false or an erased fact before one.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from kedit_memory.errors import InvalidInputError
from kedit_memory.memory import EditMemory
from kedit_memory.memory.replaced import Replacing
from kedit_memory.memory.requests import day
from kedit_memory.records import Edit, Kind, OutdatedPassage, Passage, RetrievedPassage
from kedit_memory.routing.background import Background
from kedit_memory.routing.link import Linker
from kedit_memory.text import fold

_DAY = len("2024-07-01")


@dataclass(frozen=True)
class Contradictions:
    """What the edits of a memory speak against: each other's values, and the facts of a background's passages."""

    memory: EditMemory
    linker: Linker
    background: Background

    def among(
        self, found: Sequence[RetrievedPassage], *, as_of: str | None, namespace: str
    ) -> tuple[OutdatedPassage, ...]:
        """The outdated ones of these passages, in order, by the edits that hold today, or on a day.

        Costs the linking of each passage, and a look into an index where no edit is about a subject that they name.
        """
        read = [_Read.of(one.passage, self.linker) for one in found]
        subjects = {surface for one in read for surface in one.surfaces}
        edits = self.memory.replacing(subjects, as_of=as_of, namespace=namespace) if subjects else []
        return tuple(outdated for one in read if (outdated := self._speaking_against(one, edits)))

    def _speaking_against(self, read: "_Read", edits: Sequence[Replacing]) -> OutdatedPassage | None:
        for one in edits:
            about = fold(one.edit.subject or "") in read.subjects and _is_older(read.passage, one.edit)
            if about and any(read.states(value, one.current, self.linker) for value in self._replaced(one)):
                return OutdatedPassage(passage=read.passage, edit_id=one.edit.id, kind=one.edit.kind)
        return None

    def _replaced(self, one: Replacing) -> Iterator[str]:
        """The values that hold no more, those of the background among them unless an edit says that they do."""
        yield from one.values
        current = {name for target in one.current for name in (fold(target), *_known(target, self.linker))}
        for value in self._in_background(one.edit):
            if current.isdisjoint((fold(value), *_known(value, self.linker))):
                yield value

    def _in_background(self, edit: Edit) -> Iterator[str]:
        """What the background has for the edit's subject and relation."""
        if not edit.subject or not edit.relation:
            return
        relation = fold(edit.relation.replace("_", " "))
        for name in _known(edit.subject, self.linker):
            for stated, value in self.background.facts.get(name, ()):
                if stated.replace("_", " ") == relation:
                    yield value


def without(found: Sequence[RetrievedPassage], outdated: Sequence[OutdatedPassage]) -> list[RetrievedPassage]:
    """The passages that may go before a question."""
    gone = {one.passage for one in outdated}
    return [one for one in found if one.passage not in gone]


def told(outdated: Sequence[OutdatedPassage]) -> str:
    """What an answer's reason adds about them; nothing where there are none."""
    return "".join(f"; {one.passage.title or one.passage.id} was left out: {why(one)}" for one in outdated)


def why(one: OutdatedPassage) -> str:
    """Why a passage was left out, without the value that it states: that may be what was to be forgotten."""
    return f"it states what edit {one.edit_id} has {'erased' if one.kind is Kind.ERASURE else 'replaced'}, and is older"


@dataclass(frozen=True)
class _Read:
    """A passage with what it names.

    Attributes:
        names: that stand in it, each as its known name.
        surfaces: every way in which these are written.
    """

    passage: Passage
    names: frozenset[str]
    surfaces: frozenset[str]

    @classmethod
    def of(cls, passage: Passage, linker: Linker) -> "_Read":
        names = frozenset(mention.name for mention in linker.link(_whole(passage), fuzzy=False))
        surfaces = frozenset(surface for name in names for surface in linker.surfaces(name))
        return cls(passage, names, surfaces)

    def states(self, value: str, current: Sequence[str], linker: Linker) -> bool:
        """Whether the value stands in the passage: under one of its names where it is known, else as whole words.

        Where it stands only within a value that does hold, as "Olav" does in "Olav V", it is not stated.
        """
        if known := _known(value, linker):
            return not known.isdisjoint(self.names)
        stated, text = _words(value), self.text
        for longer in current:
            if stated.search(fold(longer)):
                text = _words(longer).sub(" ", text)
        return stated.search(text) is not None

    @cached_property
    def subjects(self) -> frozenset[str]:
        """The surfaces, folded as the memory folds subjects."""
        return frozenset(map(fold, self.surfaces))

    @cached_property
    def text(self) -> str:
        """Title and text, folded."""
        return fold(_whole(self.passage))


def _whole(passage: Passage) -> str:
    return f"{passage.title}. {passage.text}"


def _words(value: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(fold(value).strip())}(?!\w)")


def _known(text: str, linker: Linker) -> set[str]:
    """The names that a text is as a whole."""
    return {mention.name for mention in linker.link(text, fuzzy=False) if mention.surface == text.strip()}


def _is_older(passage: Passage, edit: Edit) -> bool:
    """Whether a passage was written before the edit holds, or was made where that is not known.

    One without a date that can be read counts as older: edits say what is right now, and nothing shows that it knew.
    """
    try:
        written = day((passage.date or "")[:_DAY])
    except InvalidInputError:
        return True
    return written < (edit.valid_from or edit.created_at[:_DAY])
