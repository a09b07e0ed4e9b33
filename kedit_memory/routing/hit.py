"""Where a question goes that an edit answers."""

from kedit_memory.records import Decision, Edit, Kind, Route
from kedit_memory.routing.question import EXACT, NEAR_SHOWN, Question


def hit(question: Question, why: str, path: str) -> Decision:
    """By the path that was chosen: by default the stored target to the edit's own words, else the edit is read.

    Args:
        question: which its best candidate answers, by itself or once other edits are told.
        why: what made it.
        path: one of `config.PATHS`.
    """
    best, *others = question.weighed
    route, reason = _routed(best.edit, path, own_words=question.stratum == EXACT)
    if question.hops and route in (Route.GRACE, Route.SERAC):
        route, reason = Route.CONTEXT, ", and all are put before the question, as one alone does not answer it"
    turned = ", turned about" if best.candidate.follows else ""
    return Decision(
        question=question.text,
        route=route,
        reason=f"{_way(question)}edit {best.edit.id}{turned} is in scope ({why}){reason}",
        edits=(best.match, *(hop.by.match for hop in question.hops)),
        considered=tuple(one.match for one in others[:NEAR_SHOWN]),
        timings=question.timings,
    )


def unfinished(question: Question) -> Decision:
    """To the model, which is told the edits that say what phrases of the question stand for, and asked what is left."""
    return Decision(
        question=question.text,
        route=Route.CONTEXT,
        reason=f"{_way(question)}no edit answers what is left, “{question.left}”: the model is told and asked that",
        left=question.left,
        edits=tuple(hop.by.match for hop in reversed(question.hops)),
        considered=question.near,
        timings=question.timings,
    )


def _way(question: Question) -> str:
    """The edits that lead to what a question asks for, in words."""
    told = (
        f"“{hop.phrase}” is {hop.by.edit.target} by edit {hop.by.edit.id} (score {hop.by.score:.3f}); "
        for hop in question.hops
    )
    return "".join(told)


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
