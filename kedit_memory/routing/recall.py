"""Which edits may answer a question, at most `MOST` of them: found by names, by words and by meaning.

The names find every edit of their subjects, however far its keys; so no paraphrase is lost to a radius. An edit whose
subject is a name is found by its names alone: among very many facts the nearest by meaning are the same relation of
other subjects. Those whose subject is a phrase, or that have none, are found by words and by meaning, too.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace

from kedit_memory.memory.read import Reader
from kedit_memory.questions import core
from kedit_memory.records import KeyKind, Match, Mention, Vectors
from kedit_memory.routing.dated import asked_alike, in_time
from kedit_memory.routing.link import Linked, Linker
from kedit_memory.routing.question import EXACT, FUZZY, LINKED, NEAR_SHOWN, UNLINKED, Candidate, Question
from kedit_memory.routing.verify import own_wording
from kedit_memory.text import fold
from kedit_memory.words import words

MOST = 32  # candidates of a question
_KEPT_FREE = 12  # of them for what words and meaning find, however many edits a name leads to
_WINDOW = 8  # turns before a question in which names are looked for
_RANK = 60  # softens the first ranks where several are fused (Cormack et al. 2009)
_NO_DISTANCE = 1e-6  # a distance below it is the key's own wording


def link(reader: Reader, linker: Linker, question: Question, *, across: bool = False) -> Question:
    """The question with its names, and whether any edit may answer it, so that it needs a vector.

    A question in an edit's own words needs none, since nothing has to be weighed. `across` as in `recall`.
    """
    if own := _in_time(question, own_words(reader, question.text)):
        return replace(question, candidates=own)
    linked = linker.read(question.text)
    if _leads(reader, linked):
        return replace(question, linked=linked, reaches=True)
    pieces = linker.partly(question.text)
    if _leads(reader, pieces):
        return replace(question, linked=linked, pieces=pieces, reaches=True)
    before = _named_before(reader, linker, question)
    doubtful = linked.doubtful is not None and _leads(reader, linked.doubtful)
    reaches = before.edited or doubtful or (reader.has_any() if across else reader.has_unnamed())
    return replace(question, linked=linked, pieces=pieces, before=before, reaches=reaches)


def own_words(reader: Reader, text: str) -> tuple[Candidate, ...]:
    """The edits of which a text is a wording, whatever its mark, case and courtesy, those to the letter first."""
    said = {text, core(text)}
    forms = {form for one in said for form in _forms(one)}
    worded = [match for match in reader.worded(forms) if _exact(match, said)]
    own = sorted(worded, key=lambda match: match.key != text)
    return tuple(Candidate(match=match, found=EXACT) for match in own)


def recall(
    reader: Reader, linker: Linker, question: Question, *, near: bool = False, reads: bool = True, across: bool = False
) -> Question:
    """The question, which has a vector, with the edits that may answer it: those that it names, then all others.

    Names of which it has only pieces are tried where the others lead to no edit, then those of turns before it.
    Where nothing `reads` the candidates, an edit without a subject must agree on names and its radius hold the
    question. With `near` the edits in whose radius it lies are named where none of them may answer it. With `across`
    meaning finds every edit, since in another language its subject has another name.
    """
    if question.vector is None:
        return question
    named = _in_time(question, _named(reader, linker, question, question.vector))
    free = _in_time(
        question,
        _free(reader, question, across=across) if reads else _agreeing(reader, linker, question, question.vector),
    )
    taken = {one.match.edit.id for one in named}
    others = [one for one in free if one.match.edit.id not in taken]
    kept = named[: MOST - min(len(others), _KEPT_FREE)]
    said = {question.text, core(question.text)}
    candidates = [_own(one, said, question) for one in (*kept, *others[: MOST - len(kept)])]
    if candidates:
        return replace(question, candidates=tuple(sorted(candidates, key=lambda one: one.found != EXACT)))
    aside = reader.in_scope(question.vector, limit=NEAR_SHOWN) if near else ()
    return replace(question, set_aside=tuple(aside))


def fused(rankings: Iterable[Sequence[Match]]) -> list[Match]:
    """The matches of several rankings, one an edit, by reciprocal ranks: first those that stand high in several."""
    weights: dict[str, float] = {}
    nearest: dict[str, Match] = {}
    for ranking in rankings:
        for rank, match in enumerate(ranking):
            name = match.edit.id
            weights[name] = weights.get(name, 0.0) + 1 / (_RANK + rank)
            nearest[name] = min(nearest.get(name, match), match, key=lambda one: one.distance)
    return sorted(nearest.values(), key=lambda match: (-weights[match.edit.id], match.distance))


def _in_time(question: Question, candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    return tuple(one for one in candidates if in_time(question, one))


def _leads(reader: Reader, linked: Linked) -> bool:
    """Whether some edit is about one of these names."""
    return linked.edited or (bool(linked.mentions) and reader.has_about(linked.written))


def _named_before(reader: Reader, linker: Linker, question: Question) -> Linked:
    """The names of the latest turn before a question of which one leads to an edit."""
    for turn in reversed(question.turns[-_WINDOW:]):
        if _leads(reader, linked := linker.read(turn)):
            return replace(linked, edited=True)
    return Linked()


def _forms(question: str) -> set[str]:
    """How a question may stand in the store: with or without its mark and its capital."""
    bare = question.rstrip("?!. ")
    starts = {bare, bare[:1].upper() + bare[1:], bare[:1].lower() + bare[1:]}
    return {question, *(f"{start}{mark}" for start in starts for mark in ("", "?", "."))}


def _named(reader: Reader, linker: Linker, question: Question, vector: Vectors) -> list[Candidate]:
    """The edits about a name of the question, or of a turn before it, nearest first."""

    def found(linked: Linked, vector: Vectors) -> list[Candidate]:
        about = reader.about(vector, linked.written, limit=MOST) if linked.mentions else []
        return [one for one in _about(about, linked) if _reaches(one.match)]

    if own := found(question.linked, vector):
        return own
    if question.linked.doubtful:
        alike = [one for one in found(question.linked.doubtful, vector) if _asks_alike(question.text, one)]
        if alike:
            return alike
    pieces = linker.partly(question.text) if question.pieces is None else question.pieces
    after_turn = vector if question.after_turn is None else question.after_turn
    return found(pieces, vector) or found(question.before, after_turn)


def _asks_alike(question: str, candidate: Candidate) -> bool:
    """Whether a question has a word of an edit besides its subject: "life" in "who directed life" is the film."""
    edit = candidate.match.edit
    named = {word for name in edit.names for word in words(name)}
    asked = {word for text in (edit.prompt, *edit.paraphrases) for word in words(text)}
    return not (asked - named).isdisjoint(words(question))


def _about(about: Iterable[Match], linked: Linked) -> Iterator[Candidate]:
    """The edits with a subject, with the names by which the question calls it."""
    folded = {name: {fold(surface) for surface in surfaces} for name, surfaces in linked.surfaces.items()}
    for match in about:
        subject = fold(match.edit.subject or "")
        calls = [mention for mention in linked.mentions if subject in folded[mention.name]]
        guessed = bool(calls) and all(mention.fuzzy for mention in calls)
        yield _candidate(match, FUZZY if guessed else LINKED, calls)


def _free(reader: Reader, question: Question, *, across: bool) -> list[Candidate]:
    """The nearest, by words and by meaning, of the edits that a question need not name; to it, and after its turn."""
    if not across and not reader.has_unnamed():
        return []
    asked = [(question.text, question.vector), (" ".join((*question.turns[-1:], question.text)), question.after_turn)]
    rankings = [
        ranking
        for text, vector in asked
        if vector is not None
        for ranking in (reader.by_meaning(vector, MOST, named=across), reader.by_words(text, vector, MOST))
    ]
    return [_candidate(match, UNLINKED, ()) for match in fused(rankings)]


def _agreeing(reader: Reader, linker: Linker, question: Question, vector: Vectors) -> list[Candidate]:
    """The edits without a subject whose radius holds a question and that agree with it on names.

    Every name of the edit's prompt is named by the question, or one of a statement alone, which names its answer too. A
    prompt without any known name agrees with a question that names nothing else.
    """
    near = reader.in_scope(vector, subjects=(), limit=MOST) if reader.has_subjectless() else []
    linked = question.linked
    named = {mention.name for mention in linked.mentions} | {fold(mention.surface) for mention in linked.mentions}
    prompts = linker.read_many([match.edit.prompt for match in near]) if near else []
    candidates = []
    for match, prompt in zip(near, prompts, strict=True):
        wanted = {mention.name for mention in prompt.mentions}
        if not wanted:
            agrees = not named or fold(match.edit.prompt) == fold(question.text)
        else:
            agrees = bool(wanted & named) if match.edit.prompt == match.edit.target else wanted <= named
        if agrees:
            calls = [mention for mention in linked.mentions if mention.name in wanted]
            candidates.append(_candidate(match, UNLINKED, calls))
    return candidates


def _candidate(match: Match, found: str, calls: Iterable[Mention]) -> Candidate:
    return Candidate(match=match, found=found, names=tuple(mention.surface for mention in calls))


def _reaches(match: Match) -> bool:
    """Whether a match lies within the radius that a caller gave, if any did."""
    return match.in_scope or not match.edit.radius_fixed


def _own(candidate: Candidate, said: Collection[str], question: Question) -> Candidate:
    exact = _exact(candidate.match, said) or asked_alike(question, candidate.match.edit)
    return replace(candidate, found=EXACT, names=()) if exact else candidate


def _exact(match: Match, said: Collection[str]) -> bool:
    """Whether a question, with or without its courtesy, is an edit's own wording, or one that was confirmed."""
    confirmed = match.key_kind is KeyKind.CONFIRMED and match.distance <= _NO_DISTANCE
    return not match.rejected and (confirmed or any(own_wording(text, match) for text in said))
