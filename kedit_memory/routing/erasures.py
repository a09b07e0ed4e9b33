"""What erasures keep from being said, even where the erased value was never stored and so cannot be looked for.

An erasure covers a question that is in its scope, which is refused. In questions and passages about its subject it also
covers what answers its prompt, however that is worded: the pair model reads each sentence of a passage, and what the
model said, as an answer to the erased prompt. So a passage with the address is left out of an answer to "Where does she
live?", and a reply that tells it is not given. Where no pair model decides, the words of the prompt have to be there.

What does not name the subject is not covered, nor what answers the prompt only together with other texts.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from kedit_memory.memory.read import Reader
from kedit_memory.records import Edit, OutdatedPassage, RetrievedPassage
from kedit_memory.retrieval.splitting import sentences
from kedit_memory.retrieval.words import words
from kedit_memory.routing.link import Linked
from kedit_memory.routing.verify import ScopeVerifier
from kedit_memory.text import fold

ANSWERS = 0.5  # the score from which a sentence answers an erased prompt
_SENTENCES = 64  # of a passage that are read for one erasure
_NAME = re.compile(r"(?<=\w )[A-Z][\w.-]*(?: [A-Z][\w.-]*)*")  # capitalised within a sentence


@dataclass(frozen=True)
class _Erased:
    """An erasure with the ways in which its subject is written."""

    edit: Edit
    names: tuple[str, ...]

    def named_in(self, folded: str) -> bool:
        """Whether a folded text names the subject."""
        return any(re.search(rf"(?<!\w){re.escape(fold(name))}(?!\w)", folded) for name in self.names)


@dataclass(frozen=True)
class Erasures:
    """The erasures that hold against what a question may be answered with."""

    erased: tuple[_Erased, ...] = ()
    verifier: ScopeVerifier | None = None  # None where no pair model decides

    @classmethod
    def about(cls, reader: Reader, linked: Sequence[Linked], verifier: ScopeVerifier | None) -> "Erasures":
        """Those about a name of some texts, and those about no known subject."""
        written = [surfaces for one in linked for surfaces in one.surfaces.values()]
        edits = reader.erasing(frozenset[str]().union(*written))
        return cls(tuple(_Erased(edit, tuple(_written(edit, written))) for edit in edits), verifier)

    def among(self, found: Sequence[RetrievedPassage]) -> tuple[OutdatedPassage, ...]:
        """Those of the passages that state what was erased."""
        stated = ((one.passage, self.stated_in(f"{one.passage.title}. {one.passage.text}")) for one in found)
        return tuple(
            OutdatedPassage(passage=passage, edit_id=edit.id, kind=edit.kind) for passage, edit in stated if edit
        )

    def stated_in(self, text: str) -> Edit | None:
        """The first erasure whose prompt a sentence of the text answers."""
        folded = fold(text) if self.erased else ""
        return next((one.edit for one in self.erased if one.named_in(folded) and self._is_in(one, text)), None)

    def told_by(self, question: str, answer: str) -> Edit | None:
        """The first erasure whose prompt an answer answers: by itself, or read after its question."""
        folded = fold(question) if self.erased else ""
        asked = (one for one in self.erased if one.named_in(folded) and self._scored(one, [(question, answer)]))
        return self.stated_in(f"{question} {answer}") or next((one.edit for one in asked), None)

    def _is_in(self, erased: _Erased, text: str) -> bool:
        if self.verifier is None:
            return _content(erased) <= set(words(text))
        parts = islice(sentences(text), _SENTENCES)
        read = [one if erased.named_in(fold(one)) else f"{erased.names[0]}: {one}" for one in parts]
        return self._scored(erased, [(one, one) for one in read])

    def _scored(self, erased: _Erased, texts: Sequence[tuple[str, str]]) -> bool:
        """Whether one of some texts, each with what it says, answers the erased prompt."""
        if self.verifier is None or not texts:
            return False
        return max(self.verifier.answering(erased.edit.prompt, texts, erased.names)) >= ANSWERS


def _written(edit: Edit, written: Iterable[Collection[str]]) -> Iterator[str]:
    """How the subject of an erasure is written; where it is not known, the proper names of its prompt."""
    if not edit.subject:
        yield from _NAME.findall(edit.prompt)
        return
    yield from edit.names
    subject = fold(edit.subject)
    for surfaces in written:
        if subject in map(fold, surfaces):
            yield from sorted(surfaces)


def _content(erased: _Erased) -> set[str]:
    """The words of an erased prompt that say what is asked of the subject."""
    return set(words(erased.edit.prompt)) - {word for name in erased.names for word in words(name)}
