"""Where a question goes that no edit answers: to passages, or to the model alone, as the gate decides."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from kedit_memory.records import Decision, RetrievedPassage, Route
from kedit_memory.retrieval.passages import told_aside
from kedit_memory.routing.answer import Speakers
from kedit_memory.routing.contradictions import left_out
from kedit_memory.routing.gate.gate import Gate
from kedit_memory.routing.gate.uncertainty import OwnAnswer, can_read, own_answers
from kedit_memory.routing.hit import unfinished
from kedit_memory.routing.passages import Passages, Retrieved
from kedit_memory.routing.question import Question, timed


@dataclass(frozen=True, kw_only=True)
class Misses:
    """Decides about questions that no edit answers.

    Attributes:
        passages: what finds them.
        gate: what decides whether they are looked for, and used.
        speakers: the model among them, whose own answer the gate may weigh.
    """

    passages: Passages
    gate: Callable[[], Gate]
    speakers: Speakers

    def decide(self, question: Question) -> Decision:
        """The route of one question; the model is also asked what is left where edits say what its phrases stand for.

        Where all that was found for it states what was erased, it asks for that, and is refused. Edits that speak of it
        without answering it need no gate: what they say is newer than what the model recalls.
        """
        related = self.passages.related(question)
        if question.left:
            return _with_related(unfinished(question), related)
        if nothing := self.passages.none_to_find(question.namespace):
            return _with_related(_alone(question, nothing, related), related)
        decision = self._by_gate(question)
        return decision if decision.route is Route.REFUSAL else _with_related(decision, related)

    def _by_gate(self, question: Question) -> Decision:
        timings, looked = dict(question.timings), list[Retrieved]()

        def search() -> list[RetrievedPassage]:
            looked.append(self.passages.about(question, timings))
            return list(looked[-1].kept)

        def ask(asked: str) -> OwnAnswer | None:
            limit = self.speakers.max_new_tokens
            with timed(timings, "ask"), self.speakers.asking():  # with the time in which the model is loaded
                model = self.speakers.model()
                if not can_read(model, asked, max_new_tokens=limit):
                    return None
                return own_answers(model, [asked], max_new_tokens=limit)[0]

        with timed(timings, "gate"):
            chosen = self.gate().decide(question.text, question.mentions, search, ask)
        timings["gate"] -= sum(timings.get(step, 0.0) for step in ("retrieve", "compare", "ask"))
        found = looked[-1] if looked else Retrieved()
        if found.erased and not found.kept:
            return _refused(question, found, timings)
        return Decision(
            question=question.text,
            route=chosen.route,
            reason=f"{chosen.reason}{told_aside(found.aside)}{left_out((*found.outdated, *found.erased))}{_cut(found)}",
            considered=question.near,
            passages=chosen.passages,
            outdated=(*found.outdated, *found.erased),
            popularity=chosen.popularity,
            own_answer=chosen.own_answer,
            timings=timings,
        )


def _refused(question: Question, found: Retrieved, timings: dict[str, float]) -> Decision:
    """No answer to a question that what was erased would answer."""
    outdated = (*found.outdated, *found.erased)
    return Decision(
        question=question.text,
        route=Route.REFUSAL,
        reason=f"no edit in scope, but all that was found states what was erased{left_out(outdated)}",
        considered=question.near,
        outdated=outdated,
        timings=timings,
    )


def _cut(found: Retrieved) -> str:
    """What a reason adds about sentences that were cut out of passages."""
    cut = ((one.passage.title or one.passage.id, one.edit_id) for one in found.cut)
    return "".join(f"; what edit {edit} has erased was cut out of {title}" for title, edit in cut)


def _alone(question: Question, why: str, related: Sequence[RetrievedPassage]) -> Decision:
    """The model's own answer, without a gate: there is nothing to choose."""
    return Decision(
        question=question.text,
        route=Route.PARAMETRIC,
        reason=f"no edit in scope; {why}{'' if related else '; the model answers alone'}",
        considered=question.near,
        timings=question.timings,
    )


def _with_related(decision: Decision, related: Sequence[RetrievedPassage]) -> Decision:
    """The decision with edits put before the question, and before other passages; as it is where there are none."""
    if not related:
        return decision
    named = ", ".join(str(one.edit_id) for one in related)
    speaking = f"edit {named} speaks" if len(related) == 1 else f"edits {named} speak"
    return replace(
        decision,
        route=Route.CONTEXT if decision.left else Route.RETRIEVAL,
        reason=f"{decision.reason}; {speaking} of what is asked, so the model is told",
        passages=(*related, *decision.passages),
        own_answer=None,
    )
