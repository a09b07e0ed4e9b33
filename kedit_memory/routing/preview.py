"""What an edit would do if it were added: it is tried in a store of its own, beside the one that it is meant for."""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from kedit_memory.errors import InvalidInputError
from kedit_memory.memory import EditMemory
from kedit_memory.memory.conflicts import prompt_key
from kedit_memory.memory.documents import edit_document
from kedit_memory.memory.subjects import is_unnamed
from kedit_memory.records import Edit, EditRequest, Floats, Rehearsal
from kedit_memory.retrieval.base import Progress, silent
from kedit_memory.routing.asked import LONGEST_MESSAGE
from kedit_memory.routing.dialogue import Dialogue, asked_of, window
from kedit_memory.routing.question import Question
from kedit_memory.routing.scope import Scope
from kedit_memory.text import clean
from kedit_memory.words import words

_BY_MEANING, _BY_WORDS = 600, 300  # questions of a log that are read, of those that do not name the subject
_AT_ONCE = 256
_ENCODED = 240  # characters of a question that are compared
_NEIGHBOURS = 32  # stored edits whose wordings are tried


@dataclass(frozen=True, kw_only=True)
class Fired:
    """A question that the edit would answer.

    Attributes:
        question: as it was logged first; of a dialogue the last turn.
        times: how often it was logged.
        score: 0 to 1, that the edit answers it, of which `threshold` is enough.
        stratum: how the question names the edit's subject.
        now: the id of the edit that answers it today; None where none does.
        keeps: whether that one goes on answering it, since it is likelier.
    """

    question: str
    times: int
    score: float
    threshold: float
    stratum: str
    now: str | None
    keeps: bool


@dataclass(frozen=True, kw_only=True)
class Shared:
    """A wording for which a stored edit and the new one compete.

    Attributes:
        edit: the stored one.
        wording: its own, which the new one would also cover; or with `own` one of the new edit, which it covers today.
        score: 0 to 1, of the edit that the wording is not of.
        own: whether the wording is the new edit's.
    """

    edit: Edit
    wording: str
    score: float
    own: bool


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What an edit would do if it were added.

    Attributes:
        rehearsal: what becomes of other answers to the same question.
        contradicts: the edits that it may contradict in other words.
        fires: the questions that it would answer, likeliest first.
        shares: the wordings that it would share with other edits, nearest first.
        asked: distinct questions of the log.
        read: those of them that were likely enough to be read.
        unread: rows of the log that are no question, or cannot be read.
    """

    rehearsal: Rehearsal
    contradicts: tuple[Edit, ...]
    fires: tuple[Fired, ...]
    shares: tuple[Shared, ...]
    asked: int
    read: int
    unread: int


def preview_document(preview: Preview) -> dict[str, Any]:
    """A preview as a JSON object."""
    rehearsal = preview.rehearsal
    return {
        "edit": edit_document(rehearsal.edit) | {"id": None if rehearsal.new else rehearsal.edit.id},
        "new": rehearsal.new,
        "gives_way": [one.id for one in rehearsal.giving_way],
        "may_contradict": [one.id for one in preview.contradicts],
        "shares": [vars(one) | {"edit": one.edit.id} for one in preview.shares],
        "fires": [vars(one) for one in preview.fires],
        "asked": preview.asked,
        "read": preview.read,
        "unread": preview.unread,
    }


def preview(
    scope: Scope,
    request: EditRequest,
    questions: Iterable[str | Dialogue],
    *,
    on_conflict: str,
    progress: Progress = silent,
) -> Preview:
    """What an edit would do if it were added to the memory of a scope; see `Router.preview`."""
    memory = scope.memory
    rehearsal = memory.rehearse(request, on_conflict=on_conflict)
    edit = rehearsal.edit
    logged, unread = _logged(questions)
    with TemporaryDirectory(prefix="kedit-") as folder, EditMemory.open(folder, memory.encoder) as store:
        store.add_many([replace(request, id=None)])
        alone = scope.beside(store)
        likely = _likely(alone, edit, [_asking(edit, *one) for one in logged], progress)
        judged = zip(likely, _judged(alone, likely, progress), strict=True)
        firing = [(asked, one) for asked, one in judged if one.fires]
        shares = _captured(alone, memory, rehearsal)
    today = _judged(scope, [asked for asked, _ in firing])
    gone = {edit.id, *(one.id for one in rehearsal.giving_way)}
    fires = [
        _fired(one, now, gone, asked=asked, times=logged[asked.text, asked.turns], threshold=scope.threshold(one))
        for (asked, one), now in zip(firing, today, strict=True)
        if not _is_longer(one, now)
    ]
    return Preview(
        rehearsal=rehearsal,
        contradicts=tuple(map(memory.get, edit.possible_conflicts)),
        fires=tuple(sorted(fires, key=lambda one: -one.score)),
        shares=tuple(sorted([*shares, *_covered(scope, edit, gone)], key=lambda one: -one.score)),
        asked=len(logged),
        read=len(likely),
        unread=unread,
    )


def _logged(questions: Iterable[str | Dialogue]) -> tuple[Counter[tuple[str, tuple[str, ...]]], int]:
    """The distinct questions with the turns before, each with how often it comes; and how many rows hold none."""
    found: Counter[tuple[str, tuple[str, ...]]] = Counter()
    unread = 0
    for one in questions:
        try:
            text, turns = asked_of(one)
            found[clean(text, "question", LONGEST_MESSAGE), window(turns)] += 1
        except InvalidInputError:
            unread += 1
    return found, unread


def _asking(edit: Edit, text: str, turns: tuple[str, ...] = ()) -> Question:
    """A question on the first day on which an edit holds."""
    return Question(text=text, turns=turns, as_of=edit.valid_from, namespace=edit.namespace)


def _likely(alone: Scope, edit: Edit, asked: Sequence[Question], progress: Progress) -> list[Question]:
    """The questions that may mean the only edit of a scope: by its names, and where they need not name it by others."""
    texts = [" ".join((*one.turns, one.text)) for one in asked]
    own = {prompt_key(text) for text in (edit.prompt, *edit.paraphrases)}
    named = {place for place, one in enumerate(asked) if prompt_key(one.text) in own}
    if edit.names:
        with alone.memory.reader(as_of=edit.valid_from, namespace=edit.namespace) as reader:
            linker = alone.linker(reader)
            named |= {n for n, text in enumerate(texts) if linker.read(text).edited or linker.partly(text).edited}
    if is_unnamed(edit.subject, edit.prompt, edit.statement):
        named.update(_first(_by_words(edit, texts), _BY_WORDS))
        named.update(_first(_by_meaning(alone.memory, edit, [one.text for one in asked], progress), _BY_MEANING))
    return [asked[place] for place in sorted(named)]


def _by_meaning(memory: EditMemory, edit: Edit, texts: Sequence[str], progress: Progress) -> Floats:
    """The cosine of each text with the key of the edit that is nearest to it, shape (texts,)."""
    keys = memory.encode([edit.prompt, edit.statement, *edit.paraphrases])  # (keys, dim)
    nearest = np.zeros(len(texts), np.float64)
    order = sorted(range(len(texts)), key=lambda place: len(texts[place]))  # texts of one length are encoded soonest
    for start in range(0, len(order), _AT_ONCE):
        places = order[start : start + _AT_ONCE]
        vectors = memory.encode([texts[place][-_ENCODED:] for place in places])  # (places, dim)
        nearest[places] = (vectors @ keys.T).max(1)
        progress("questions compared", start + len(places))
    return nearest


def _by_words(edit: Edit, texts: Sequence[str]) -> Floats:
    """How much of the words of an edit each text has, rare ones most, shape (texts,); 0 where it has none."""
    wanted = frozenset(words(" ".join((edit.prompt, edit.statement, *edit.paraphrases))))
    held = [wanted.intersection(words(text)) for text in texts]
    count = Counter(word for one in held for word in one)
    rarity = {word: math.log1p(len(texts) / number) for word, number in count.items()}
    return np.array([sum(rarity[word] for word in one) for one in held], np.float64)


def _first(scores: Floats, most: int) -> list[int]:
    """The places of the highest scores above 0, at most so many."""
    order = np.argsort(-scores, kind="stable")[:most].tolist()
    return [place for place in order if scores[place] > 0]


def _judged(scope: Scope, asked: Sequence[Question], progress: Progress = silent) -> list[Question]:
    judged: list[Question] = []
    for start in range(0, len(asked), _AT_ONCE):
        judged += scope.judge(asked[start : start + _AT_ONCE])
        progress("questions read", len(judged))
    return judged


def _captured(alone: Scope, memory: EditMemory, rehearsal: Rehearsal) -> list[Shared]:
    """The wordings of stored edits that the only edit of a scope would cover, too."""
    edit = rehearsal.edit
    gone = {one.id for one in (edit, *rehearsal.giving_way)}
    near = memory.search(edit.prompt, _NEIGHBOURS, namespace=edit.namespace) if len(memory) else []
    others = {match.edit.id: match.edit for match in near}
    if edit.subject:
        about = memory.list(subject=edit.subject, namespace=edit.namespace, limit=_NEIGHBOURS)
        others |= {one.id: one for one in about}
    wordings = [(one, text) for one in others.values() if one.id not in gone for text in (one.prompt, *one.paraphrases)]
    judged = _judged(alone, [_asking(edit, text) for _, text in wordings])
    return [
        Shared(edit=one, wording=text, score=asked.best.score, own=False)
        for (one, text), asked in zip(wordings, judged, strict=True)
        if asked.fires
    ]


def _covered(scope: Scope, edit: Edit, gone: Collection[str]) -> list[Shared]:
    """The wordings of a new edit that stored ones cover, which do not give way to it."""
    wordings = [edit.prompt, *edit.paraphrases]
    judged = _judged(scope, [_asking(edit, text) for text in wordings])
    return [
        Shared(edit=asked.best.edit, wording=text, score=asked.best.score, own=True)
        for text, asked in zip(wordings, judged, strict=True)
        if asked.fires and asked.best.edit.id not in gone
    ]


def _fired(
    one: Question, now: Question, gone: Collection[str], *, asked: Question, times: int, threshold: float
) -> Fired:
    best, answers = one.best, now.fires
    return Fired(
        question=asked.text,
        times=times,
        score=best.score,
        threshold=threshold,
        stratum=one.stratum,
        now=now.best.edit.id if answers else None,
        keeps=answers and now.best.edit.id not in gone and now.best.score >= best.score,
    )


def _is_longer(alone: Question, now: Question) -> bool:
    """Whether the name by which a question calls the edit is part of a longer one that the store knows."""
    called = set(alone.best.candidate.names)
    spans = [(one.start, one.end) for one in alone.mentions if one.surface in called]
    longer = [(one.start, one.end) for one in now.mentions]
    return bool(spans) and all(
        any(start <= first and last <= end and (start, end) != (first, last) for start, end in longer)
        for first, last in spans
    )
