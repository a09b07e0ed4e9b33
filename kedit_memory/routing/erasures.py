"""What erasures keep from being said, even where the erased value was never stored and so cannot be looked for.

An erasure covers a question that is in its scope, which is refused. In questions and passages about its subject it also
covers what answers its prompt, however that is worded: the pair model reads each sentence of a passage, and what the
model said, as an answer to the erased prompt. So the sentence with the address is cut out of a passage before "Where
does she live?" is answered from it, and a reply that tells it is not given. Where no pair model decides, the words of
the prompt have to be there.

A reply about the subject is not given either where it says a value that is known to be erased (`ErasedValues`), which
the question did not bring, whatever was asked; nor one that names the subject to whom a question about the value
leads, from a low score of the pair model on: "Who lives at 12 Elm Street?".

Where neither question nor reply names the subject nothing is covered, nor what answers only together with other texts.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from kedit_memory.memory.read import Reader
from kedit_memory.records import Edit, Kind, OutdatedPassage, RetrievedPassage
from kedit_memory.retrieval.splitting import sentences
from kedit_memory.routing.erased_values import ErasedValues, tells
from kedit_memory.routing.link import Linked
from kedit_memory.routing.said import holds
from kedit_memory.routing.verify import ScopeVerifier
from kedit_memory.text import fold
from kedit_memory.words import words

ANSWERS = 0.5  # the score from which a sentence answers an erased prompt
# The same where the value and the subject are both there, the subject in the reply. It is low since most questions from
# the value back score low; others that lead from it to the subject mostly score lower ("Paris is in which country?",
# the capital erased), but for relations that are nearly the same, as demonym and language.
_LEADS_BACK = 0.03
_SAYING = 4  # words of a sentence that says something by itself
_SENTENCES = 64  # of a passage that are read for one erasure
_NAME = re.compile(r"(?<=\w )[A-Z][\w.-]*(?: [A-Z][\w.-]*)*")  # capitalised within a sentence


@dataclass(frozen=True)
class _Erased:
    """An erasure with the ways in which its subject is written."""

    edit: Edit
    names: tuple[str, ...]
    stored: tuple[str, ...] = ()  # what the memory answered before

    def named_in(self, folded: str) -> bool:
        """Whether a folded text names the subject."""
        return any(re.search(rf"(?<!\w){re.escape(fold(name))}(?!\w)", folded) for name in self.names)


@dataclass(frozen=True)
class Erasures:
    """The erasures that hold against what a question may be answered with."""

    erased: tuple[_Erased, ...] = ()
    verifier: ScopeVerifier | None = None  # None where no pair model decides
    values: ErasedValues | None = None  # the model's own; None where it is not asked for them

    @classmethod
    def about(
        cls,
        reader: Reader,
        texts: Sequence[str],
        linked: Sequence[Linked],
        verifier: ScopeVerifier | None,
        values: ErasedValues | None = None,
    ) -> "Erasures":
        """Those about a name of some texts: one that is linked, or where no subject is known one of the prompt."""
        written = [surfaces for one in linked for surfaces in one.surfaces.values()]
        subjects = frozenset[str]().union(*written)
        found = [_Erased(edit, tuple(_written(edit, written))) for edit in reader.erasing(subjects)]
        folded = fold(" ; ".join(texts)) if found else ""
        named = [one for one in found if one.named_in(folded)]
        before = reader.replacing(subjects) if named else ()
        stored = {one.edit.id: one.values for one in before if one.edit.kind is Kind.ERASURE}
        return cls(tuple(replace(one, stored=stored.get(one.edit.id, ())) for one in named), verifier, values)

    def cleared(self, found: Sequence[RetrievedPassage]) -> tuple[list[RetrievedPassage], tuple[OutdatedPassage, ...]]:
        """The passages without the sentences that state what was erased, and those from which some were taken."""
        kept: list[RetrievedPassage] = []
        cut: list[OutdatedPassage] = []
        for one in found:
            passage = one.passage
            parts = list(islice(sentences(passage.text), _SENTENCES))
            stating = self._stating(passage.title, parts) if self.erased else {}
            cut += [OutdatedPassage(passage=passage, edit_id=edit.id, kind=edit.kind) for edit in stating.values()][:1]
            rest = " ".join(part for place, part in enumerate(parts) if place not in stating)
            if not stating:
                kept.append(one)
            elif rest:
                kept.append(replace(one, passage=replace(passage, text=rest)))
        return kept, tuple(cut)

    def told_by(self, question: str, answer: str) -> Edit | None:
        """The first erasure whose prompt an answer answers, alone or after its question, or whose value it tells."""
        stating = self._stating(question, [question, *sentences(answer), f"{question} {answer}"]) if self.erased else {}
        stating.pop(0, None)  # the question tells nothing
        asked = (one for one in self.erased if one.named_in(fold(question)) and self._reads(one, question, answer))
        found = next(iter(stating.values()), None) or next((one.edit for one in asked), None)
        return found or next((one.edit for one in self.erased if self._tells(one, question, answer)), None)

    def _tells(self, erased: _Erased, question: str, answer: str) -> bool:
        """Whether an answer and its question tell a value with its subject, of which the answer brings one or both."""
        asked, said = erased.named_in(fold(question)), erased.named_in(fold(answer))
        if not (asked or said):
            return False
        known = self.values.of(erased.edit) if self.values else ()
        for value in filter(tells, (*erased.stored, *known)):
            if asked:
                told = holds(answer, value) and not holds(question, value)
            else:
                told = holds(f"{question} {answer}", value) and self._reads(erased, question, answer, _LEADS_BACK)
            if told:
                return True
        return False

    def _stating(self, about: str, parts: Sequence[str]) -> dict[int, Edit]:
        """The places of the sentences of a text that answer an erased prompt, each with the erasure."""
        folded = fold(f"{about} {' '.join(parts)}")
        found: dict[int, Edit] = {}
        for one in self.erased:
            if parts and one.named_in(folded):
                found |= {place: one.edit for place in self._answering(one, parts) if place not in found}
        return found

    def _answering(self, erased: _Erased, parts: Sequence[str]) -> Iterator[int]:
        """The places of the sentences that answer one erased prompt."""
        if self.verifier is None:
            wanted = _content(erased)
            yield from (place for place, part in enumerate(parts) if wanted <= set(words(part)))
            return
        read = [part if erased.named_in(fold(part)) else _of(erased, part) for part in parts]
        scores = self.verifier.answering(erased.edit.prompt, [(part, part) for part in read], erased.names)
        yield from (place for place, score in enumerate(scores) if score >= ANSWERS)

    def _reads(self, erased: _Erased, question: str, answer: str, least: float = ANSWERS) -> bool:
        if self.verifier is None:
            return False
        read = [(question, answer), (f"{question} {answer}", f"{question} {answer}")]
        return max(self.verifier.answering(erased.edit.prompt, read, erased.names)) >= least


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


def _of(erased: _Erased, sentence: str) -> str:
    """A sentence that does not name its subject, with its name; with fewer words it would answer anything."""
    return f"{erased.names[0]}: {sentence}" if len(sentence.split()) >= _SAYING else sentence


def _content(erased: _Erased) -> set[str]:
    """The words of an erased prompt that say what is asked of the subject."""
    return set(words(erased.edit.prompt)) - {word for name in erased.names for word in words(name)}
