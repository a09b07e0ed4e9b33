"""Where a question goes that an edit answers."""

from kedit_memory.records import Decision, Edit, Kind, Route
from kedit_memory.routing.question import EXACT, NEAR_SHOWN, Question


def hit(question: Question, why: str, path: str) -> Decision:
    """By the path that was chosen: by default the stored target to the edit's own words, else the edit is read.

    Args:
        question: which its best candidate answers.
        why: what made it.
        path: one of `config.PATHS`.
    """
    best, *others = question.weighed
    route, reason = _routed(best.edit, path, own_words=question.stratum == EXACT)
    return Decision(
        question=question.text,
        route=route,
        reason=f"edit {best.edit.id} is in scope ({why}){reason}",
        edits=(best.match,),
        considered=tuple(one.match for one in others[:NEAR_SHOWN]),
        timings=question.timings,
    )


def consolidated(question: Question, why: str) -> Decision:
    """The model's own answer, without passages: they were written before the edit, and would speak against it."""
    return Decision(
        question=question.text,
        route=Route.PARAMETRIC,
        reason=f"edit {question.best.edit.id} is in scope ({why}) and consolidated: the model's weights hold it",
        considered=tuple(one.match for one in question.weighed[:NEAR_SHOWN]),
        timings=question.timings,
    )


def _routed(edit: Edit, path: str, *, own_words: bool) -> tuple[Route, str]:
    if edit.kind is Kind.ERASURE:
        return Route.REFUSAL, " and erases the fact"
    if path == "direct" or (path == "auto" and own_words):
        return Route.DIRECT, ""
    if path == "grace":
        return Route.GRACE, ", and its learned value takes the place of the model's state"
    if path == "serac":
        return Route.SERAC, ", and the counterfactual model reads it and answers"
    return Route.CONTEXT, ", so it is put before the question"
