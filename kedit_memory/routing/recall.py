"""Which edits may answer a question: those about a subject that it names, and those without a known subject.

The names find every edit of their subjects, however far its keys; so no paraphrase is lost to a radius, and a
question that names no subject of any edit costs next to nothing. What is found is then verified.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from kedit_memory.memory import EditMemory
from kedit_memory.records import Edit, KeyKind, Match, Mention, Vectors
from kedit_memory.routing.calibration import EXACT, FUZZY, LINKED, UNLINKED
from kedit_memory.routing.link import Linker
from kedit_memory.routing.verify import MOST, Candidate, own_wording
from kedit_memory.text import fold

SHOWN = 5  # edits that a miss mentions as near
SAME = 1e-6  # a distance below it is the key's own wording


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A question with the names in it.

    Attributes:
        pieces: names of which it has only pieces; None where they were not looked for.
        own: the edits of which it is a wording.
        reaches: whether some edit may be about one of these names, so that its distance matters.
        vector: of shape (dim,); None where it is not needed.
    """

    question: str
    mentions: Sequence[Mention]
    pieces: Sequence[Mention] | None = None
    own: tuple[Match, ...] = ()
    reaches: bool = True
    vector: Vectors | None = None


@dataclass(frozen=True, kw_only=True)
class Recall:
    """The edits near a question: those that may answer it, nearest first, and those that were set aside."""

    candidates: tuple[Candidate, ...]
    set_aside: tuple[Match, ...] = ()  # where no candidate is: inside a radius, but about another name


def read(memory: EditMemory, linker: Linker, question: str, *, as_of: str | None, namespace: str) -> Asked:
    """The question's names, and whether they lead to an edit; most questions lead to none, and need no vector.

    Neither does one in an edit's own words, of which nothing has to be weighed.
    """
    mentions = linker.link(question)
    worded = memory.worded(_forms(question), as_of=as_of, namespace=namespace)
    if own := tuple(match for match in worded if _exact(match, question)):
        return Asked(question=question, mentions=mentions, own=own, reaches=False)
    if memory.has_about(_surfaces(linker, mentions), namespace):
        return Asked(question=question, mentions=mentions)
    pieces = linker.partly(question)
    reaches = memory.has_subjectless(namespace) or memory.has_about(_surfaces(linker, pieces), namespace)
    return Asked(question=question, mentions=mentions, pieces=pieces, reaches=reaches)


def recall(
    memory: EditMemory, linker: Linker, asked: Asked, *, as_of: str | None, namespace: str, near: bool = False
) -> Recall:
    """Every edit that agrees with the question on its names, or is asked in its own words.

    Names of which the question has only pieces are tried where the others lead to no edit. With `near`, which needs
    the question's vector, the edits in whose radius it lies are told where none of them may answer it.
    """
    vector = asked.vector
    if vector is None:
        return Recall(candidates=_own(asked))
    candidates = _agreeing(memory, linker, asked, vector, as_of, namespace)
    if not candidates:
        pieces = linker.partly(asked.question) if asked.pieces is None else asked.pieces
        if pieces:
            asked = replace(asked, mentions=(*asked.mentions, *pieces))
            candidates = _agreeing(memory, linker, asked, vector, as_of, namespace)
    if candidates:
        return Recall(candidates=candidates)
    aside = memory.in_scope(vector, as_of=as_of, namespace=namespace, limit=SHOWN) if near else ()
    return Recall(candidates=_own(asked), set_aside=tuple(aside))


def _own(asked: Asked) -> tuple[Candidate, ...]:
    return tuple(Candidate(match=match, stratum=EXACT) for match in asked.own)


def _surfaces(linker: Linker, mentions: Iterable[Mention]) -> set[str]:
    return {surface for mention in mentions for surface in linker.surfaces(mention.name)}


def _forms(question: str) -> set[str]:
    """How a question may stand in the store: with or without its mark and its capital."""
    bare = question.rstrip("?!. ")
    starts = {bare, bare[:1].upper() + bare[1:], bare[:1].lower() + bare[1:]}
    return {question, *(f"{start}{mark}" for start in starts for mark in ("", "?", "."))}


def _agreeing(
    memory: EditMemory, linker: Linker, asked: Asked, vector: Vectors, as_of: str | None, namespace: str
) -> tuple[Candidate, ...]:
    """The edits about a name of the question, and those without a subject whose radius holds it; nearest first."""
    names = _Names.of(asked, linker)
    subjects = _surfaces(linker, asked.mentions)
    found = memory.about(vector, subjects, as_of=as_of, namespace=namespace) if subjects else []
    if memory.has_subjectless(namespace):
        found += memory.in_scope(vector, as_of=as_of, namespace=namespace, subjects=(), limit=MOST)
    agreeing = (m for m in found if names.agree(m.edit) and (m.in_scope or not m.edit.radius_fixed))
    return _ordered(_candidate(match, asked, names) for match in agreeing)


def _candidate(match: Match, asked: Asked, names: "_Names") -> Candidate:
    if _exact(match, asked.question):
        return Candidate(match=match, stratum=EXACT)
    spelt = names.of_edit(match.edit)
    if not match.edit.subject:
        stratum = UNLINKED
    else:
        stratum = FUZZY if spelt and all(mention.fuzzy for mention in spelt) else LINKED
    return Candidate(match=match, stratum=stratum, names=tuple(mention.surface for mention in spelt))


def _exact(match: Match, question: str) -> bool:
    confirmed = match.key_kind is KeyKind.CONFIRMED and match.distance <= SAME
    return not match.rejected and (confirmed or own_wording(question, match))


def _ordered(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Own wordings first, then by distance."""
    return tuple(sorted(candidates, key=lambda one: (one.stratum != EXACT, one.match.distance)))


@dataclass(frozen=True)
class _Names:
    """The names of a question, and how they agree with those of an edit."""

    asked: Asked
    linker: Linker
    text: str  # the folded question
    named: frozenset[str]

    @classmethod
    def of(cls, asked: Asked, linker: Linker) -> "_Names":
        named = {mention.name for mention in asked.mentions} | {fold(mention.surface) for mention in asked.mentions}
        return cls(asked, linker, fold(asked.question), frozenset(named))

    def agree(self, edit: Edit) -> bool:
        """Whether the question names what the edit is about.

        With a subject: it, or one of its aliases, is among the question's names. Without: every name of the edit's
        prompt is; of a statement alone, which names its answer too, one. A prompt without any known name agrees with
        a question that names nothing else.
        """
        if edit.subject:
            return bool(self._known(edit) & self.named)
        wanted = {mention.name for mention in self.linker.link(edit.prompt, fuzzy=False)}
        if wanted:
            return bool(wanted & self.named) if edit.prompt == edit.target else wanted <= self.named
        return not self.named or fold(edit.prompt) == self.text

    def of_edit(self, edit: Edit) -> list[Mention]:
        """The question's mentions of what the edit is about."""
        known = self._known(edit)
        if not edit.subject:
            known = {mention.name for mention in self.linker.link(edit.prompt, fuzzy=False)}
        return [m for m in self.asked.mentions if m.name in known or fold(m.surface) in known]

    def _known(self, edit: Edit) -> set[str]:
        names = {mention.name for name in edit.names for mention in self.linker.link(name, fuzzy=False)}
        return names | {fold(name) for name in edit.names}
