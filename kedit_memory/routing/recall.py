"""Which edits may answer a question: those about a subject that it names, and those without a known subject.

The names find every edit of their subjects, however far its keys; so no paraphrase is lost to a radius, and a
question that names no subject of any edit costs next to nothing. What is found is then verified.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from kedit_memory.memory.read import Reader
from kedit_memory.records import KeyKind, Match, Mention, Vectors
from kedit_memory.routing.link import Linked, Linker
from kedit_memory.routing.question import EXACT, FUZZY, LINKED, NEAR_SHOWN, UNLINKED, Candidate, Question
from kedit_memory.routing.verify import MOST_LIKENED, MOST_READ, own_wording
from kedit_memory.text import fold

_NO_DISTANCE = 1e-6  # a distance below it is the key's own wording


def link(reader: Reader, linker: Linker, question: Question) -> Question:
    """The question with its names, and whether they lead to an edit; most questions lead to none, and need no vector.

    Neither does one in an edit's own words, of which nothing has to be weighed.
    """
    worded = [match for match in reader.worded(_forms(question.text)) if _exact(match, question.text)]
    if worded:
        own = sorted(worded, key=lambda match: match.key != question.text)  # to the letter first
        return replace(question, candidates=tuple(Candidate(match=match, stratum=EXACT) for match in own))
    linked = linker.read(question.text)
    if _leads(reader, linked):
        return replace(question, linked=linked, reaches=True)
    pieces = linker.partly(question.text)
    reaches = _leads(reader, pieces) or reader.has_subjectless()
    return replace(question, linked=linked, pieces=pieces, reaches=reaches)


def recall(reader: Reader, linker: Linker, question: Question, *, near: bool = False) -> Question:
    """The question, which has a vector, with every edit that agrees with it on its names.

    Names of which it has only pieces are tried where the others lead to no edit. With `near` the edits in whose radius
    it lies are named where none of them may answer it.
    """
    vector = question.vector
    if vector is None:
        return question
    candidates = _agreeing(reader, linker, question, question.linked, vector)
    if not candidates:
        pieces = linker.partly(question.text) if question.pieces is None else question.pieces
        if pieces.mentions:
            candidates = _agreeing(reader, linker, question, question.linked + pieces, vector)
    if candidates:
        return replace(question, candidates=candidates)
    aside = reader.in_scope(vector, limit=NEAR_SHOWN) if near else ()
    return replace(question, set_aside=tuple(aside))


def _leads(reader: Reader, linked: Linked) -> bool:
    """Whether some edit is about one of these names."""
    return linked.edited or (bool(linked.mentions) and reader.has_about(linked.written))


def _forms(question: str) -> set[str]:
    """How a question may stand in the store: with or without its mark and its capital."""
    bare = question.rstrip("?!. ")
    starts = {bare, bare[:1].upper() + bare[1:], bare[:1].lower() + bare[1:]}
    return {question, *(f"{start}{mark}" for start in starts for mark in ("", "?", "."))}


def _agreeing(
    reader: Reader, linker: Linker, question: Question, linked: Linked, vector: Vectors
) -> tuple[Candidate, ...]:
    """The edits about a name of the question, and those without a subject whose radius holds it; nearest first."""
    about = reader.about(vector, linked.written, limit=MOST_LIKENED) if linked.mentions else []
    found = list(_named(about, linked))
    if reader.has_subjectless():
        found += _unnamed(reader.in_scope(vector, subjects=(), limit=MOST_READ), linker, question, linked)
    candidates = [
        replace(one, stratum=EXACT, names=()) if _exact(one.match, question.text) else one
        for one in found
        if one.match.in_scope or not one.match.edit.radius_fixed
    ]
    return tuple(sorted(candidates, key=lambda one: (one.stratum != EXACT, one.match.distance)))


def _named(about: Iterable[Match], linked: Linked) -> Iterator[Candidate]:
    """The edits with a subject, with the names by which the question calls it."""
    folded = {name: {fold(surface) for surface in surfaces} for name, surfaces in linked.surfaces.items()}
    for match in about:
        subject = fold(match.edit.subject or "")
        calls = [mention for mention in linked.mentions if subject in folded[mention.name]]
        guessed = bool(calls) and all(mention.fuzzy for mention in calls)
        yield _candidate(match, FUZZY if guessed else LINKED, calls)


def _unnamed(near: list[Match], linker: Linker, question: Question, linked: Linked) -> Iterator[Candidate]:
    """The edits without a subject that agree with the question on names.

    Every name of the edit's prompt is named by the question, or one of a statement alone, which names its answer too. A
    prompt without any known name agrees with a question that names nothing else.
    """
    named = {mention.name for mention in linked.mentions} | {fold(mention.surface) for mention in linked.mentions}
    prompts = linker.read_many([match.edit.prompt for match in near]) if near else []
    for match, prompt in zip(near, prompts, strict=True):
        wanted = {mention.name for mention in prompt.mentions}
        if not wanted:
            agrees = not named or fold(match.edit.prompt) == fold(question.text)
        else:
            agrees = bool(wanted & named) if match.edit.prompt == match.edit.target else wanted <= named
        if agrees:
            yield _candidate(match, UNLINKED, [mention for mention in linked.mentions if mention.name in wanted])


def _candidate(match: Match, stratum: str, calls: Iterable[Mention]) -> Candidate:
    return Candidate(match=match, stratum=stratum, names=tuple(mention.surface for mention in calls))


def _exact(match: Match, question: str) -> bool:
    confirmed = match.key_kind is KeyKind.CONFIRMED and match.distance <= _NO_DISTANCE
    return not match.rejected and (confirmed or own_wording(question, match))
