"""A question and the whole decision on it: what it names, which edits came near, what the thresholds promise."""

from dataclasses import dataclass

from starlette.responses import Response

from kedit_memory.models.prompts import Prompt
from kedit_memory.records import Answer, Decision, Message
from kedit_memory.routing.dialogue import ASKED, TOLD, turns_of, window
from kedit_memory.routing.question import EXACT, Question
from kedit_memory.routing.router import Router
from kedit_memory.server.console import facts
from kedit_memory.server.console.visit import FAULTS, Visit
from kedit_memory.server.errors import Refused
from kedit_memory.text import LONGEST_TEXT, clean

_TOKENS = 120  # of an answer


@dataclass(frozen=True, kw_only=True)
class Told:
    """A question with all that is known of how it was decided.

    Attributes:
        threshold: the score from which its best candidate answers; None where no score decides.
        promise: what the threshold certifies, or why nothing.
        answer: with the memory, of a model of this machine; None where none is served.
        before: what the same model says without it.
    """

    question: Question
    decision: Decision
    threshold: float | None
    promise: str
    answer: Answer | None
    before: str | None


def asked(visit: Visit) -> Response:
    """The form; filled in, the decision."""
    names = visit.parts.models.names
    given = {name: visit.said(name) for name in ("question", "turns", "as_of", "model")}
    told = None
    if not given["question"] and visit.request.method == "GET":
        return visit.page("ask.html", given=given, models=names, told=None)
    try:
        told = _told(visit, given)
    except FAULTS as fault:
        return visit.page("ask.html", given=given, models=names, told=None, fault=fault)
    return visit.page("ask.html", given=given, models=names, told=told)


def _told(visit: Visit, given: dict[str, str]) -> Told:
    turns = [*_turns(given["turns"]), Message(ASKED, given["question"])]
    as_of = given["as_of"] or None
    router = visit.parts.router
    decision = router.explain(messages=turns, as_of=as_of, namespace=visit.namespace)
    question, before = turns_of(None, turns)
    asked = Question(
        text=clean(question, "question", LONGEST_TEXT), turns=window(before), as_of=as_of, namespace=visit.namespace
    )
    judged = router.scope.judge([asked], near=True)[0]
    scored = bool(judged.weighed) and judged.stratum != EXACT and router.scope.verifies
    name = given["model"] or next(iter(visit.parts.models.names), None)
    answer = alone = None
    if name is not None:
        if not visit.parts.models.has(name):
            raise Refused(404, f"no model {name[:40]!r} on this machine", code="model_not_found")
        answer, alone = _answered(visit.parts.models.router(name), turns, as_of, visit.namespace)
    return Told(
        question=judged,
        decision=decision,
        threshold=router.scope.threshold(judged) if scored else None,
        promise=router.scope.verifier.statement(judged.stratum, judged.best.promise) if scored else "",
        answer=answer,
        before=alone,
    )


def _answered(router: Router, turns: list[Message], as_of: str | None, namespace: str) -> tuple[Answer, str]:
    """What a model says with the memory, and without it."""
    answer = router.query(messages=turns, as_of=as_of, namespace=namespace, max_new_tokens=_TOKENS)
    prompt = Prompt(question=turns[-1].content, turns=answer.turns)
    return answer, router.model.reply_many([prompt], max_new_tokens=_TOKENS)[0].text


def _turns(text: str) -> list[Message]:
    """The turns before a question, one a line, each with who says it."""
    turns = []
    for line in facts.lines(text):
        role, colon, said = line.partition(":")
        if not colon or role.strip().lower() not in (ASKED, TOLD):
            raise Refused(422, f"the turn {line[:60]!r} does not begin with 'user:' or 'assistant:'", code="invalid")
        turns.append(Message(role.strip().lower(), said.strip()))
    return turns
