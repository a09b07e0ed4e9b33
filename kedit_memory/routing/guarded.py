"""Candidates under the guard: those whose values certainly are not the question's do not answer it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from kedit_memory.records import KeyKind
from kedit_memory.routing.consequences import other_side
from kedit_memory.routing.question import EXACT, Question, Weighed

if TYPE_CHECKING:
    from kedit_memory.routing.guard import Disagreement


def guarded(question: Question, weighed: Sequence[Weighed]) -> tuple[Weighed, ...]:
    """Weighed candidates, each with what it certainly differs in from the question; those that do come last."""
    told = [replace(one, differs=_difference(question, one)) for one in weighed]
    return tuple(sorted(told, key=lambda one: one.differs is not None))


def helps(question: Question, one: Weighed) -> bool:
    """Whether a candidate that does not answer may help whoever does.

    What two nights cost can be reckoned from what one does; the dose for 20 kg not from that for 10.
    """
    from kedit_memory.routing.guard import AMOUNTS

    if one.edit.target is None:
        return False
    found = _disagreement(question, one)
    return found is None or found.kind == AMOUNTS


def _difference(question: Question, one: Weighed) -> str | None:
    """What a question and an edit differ in, in words.

    Nothing where the question is a wording of the edit, or the edit an erasure, which rather refuses too much.
    """
    if one.candidate.found == EXACT or one.score == 0 or one.edit.target is None:
        return None
    found = _disagreement(question, one)
    return str(found) if found else other_side(question.text, one.edit, one.candidate.called)


def _disagreement(question: Question, one: Weighed) -> "Disagreement | None":
    from kedit_memory.routing.guard import across, disagreement  # loads Babel, which own wordings can do without

    edit, match = one.edit, one.candidate.match
    confirmed = (match.key,) if match.key_kind is KeyKind.CONFIRMED else ()
    wordings = (edit.prompt, *edit.paraphrases, *confirmed)
    found = disagreement(
        question.text,
        wordings,
        statement=edit.prompt if edit.prompt == edit.target else None,
        names=one.candidate.called,
        turns=question.turns,
    )
    return across(question.text, wordings) if found is None and one.promise else found
