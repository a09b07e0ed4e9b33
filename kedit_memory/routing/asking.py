"""What the model is asked, cut to what it can read: of a dialogue the oldest turns go first, then passages."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from kedit_memory.errors import CapabilityError
from kedit_memory.memory.requests import fact_of
from kedit_memory.models.language import TextModel, WhiteBoxModel
from kedit_memory.models.prompts import Prompt
from kedit_memory.records import Decision, RetrievedPassage, Route
from kedit_memory.retrieval.splitting import sentences

_REPLY = 4  # a reply without a limit of its own is left at least a fourth of the window

Fits = Callable[[Decision], bool]


def prompt_of(decision: Decision) -> Prompt:
    """What the model is asked on a route that generates."""
    told = (*decision.edits[1:], *decision.edits[:1]) if decision.route is Route.CONTEXT else ()
    facts = tuple(fact_of(match.edit) for match in told)
    passages = tuple(found.passage.text for found in decision.passages)
    return Prompt(question=decision.left or decision.question, facts=facts, passages=passages, turns=decision.turns)


def fitted(decisions: Sequence[Decision], model: Callable[[], TextModel], max_new_tokens: int | None) -> list[Decision]:
    """The decisions with no more turns and passages each than the model can read before the question.

    Where not one passage fits the best is cut behind a sentence; where no sentence fits the model answers by itself.

    Raises:
        CapabilityError: a model without a chat template is asked to go on with a dialogue.
    """
    return [
        _fitted(one, model(), max_new_tokens) if (one.passages or one.turns) and _generates(one) else one
        for one in decisions
    ]


def check_dialogues(model: TextModel) -> None:
    """Refuses a model that cannot be given the turns of a dialogue.

    Raises:
        CapabilityError: it has no chat template.
    """
    if isinstance(model, WhiteBoxModel) and not (model.format.holds_dialogues or model.format.takes_questions_alone):
        raise CapabilityError(
            f"{model.name!r} has no chat template, so it cannot go on with a dialogue: ask one question, "
            "or take a chat model such as smollm2"
        )


def _generates(decision: Decision) -> bool:
    return decision.route not in (Route.DIRECT, Route.REFUSAL)


def _fitted(decision: Decision, model: TextModel, max_new_tokens: int | None) -> Decision:
    if not isinstance(model, WhiteBoxModel):
        return decision  # a model behind an endpoint does not tell its window, and takes every dialogue
    reserve = max_new_tokens or min(model.format.max_new_tokens, (model.window or 1) // _REPLY or 1)

    def fits(one: Decision) -> bool:
        return model.fits(prompt_of(one), max_new_tokens=reserve)

    return _with_passages(_with_turns(decision, model, fits), fits)


def _with_turns(decision: Decision, model: WhiteBoxModel, fits: Fits) -> Decision:
    if not decision.turns:
        return decision
    check_dialogues(model)
    if not model.format.holds_dialogues:
        return replace(decision, turns=(), reason=f"{decision.reason}; {model.name} takes each question by itself")
    without = replace(decision, passages=())  # turns are what the user sees, passages can be found again
    system = tuple(turn for turn in decision.turns[:1] if turn.role == "system")
    turns = decision.turns[len(system) :]
    kept = next((turns[i:] for i in range(len(turns)) if fits(replace(without, turns=(*system, *turns[i:])))), ())
    if kept == turns:
        return decision
    reason = f"{decision.reason}; the oldest {len(turns) - len(kept)} turns left out, too long for the model's window"
    return replace(decision, turns=(*system, *kept), reason=reason)


def _with_passages(decision: Decision, fits: Fits) -> Decision:
    if not decision.passages or fits(decision):
        return decision
    best, *others = decision.passages
    kept: tuple[RetrievedPassage, ...] = ()
    for found in decision.passages:
        if fits(replace(decision, passages=(*kept, found))):
            kept = (*kept, found)
    if kept:
        reason = f"{len(decision.passages) - len(kept)} of them left out, too long for the model's window"
    elif start := _start_of(best, lambda start: fits(replace(decision, passages=(start,)))):
        kept = (start,)
        reason = f"the best cut to the model's window, {len(others)} left out"
    else:
        reason = "none has a sentence that fits the model's window, so the model answers by itself"
    route = decision.route if kept else Route.PARAMETRIC
    return replace(decision, route=route, passages=kept, reason=f"{decision.reason}; {reason}")


def _start_of(found: RetrievedPassage, fits: Callable[[RetrievedPassage], bool]) -> RetrievedPassage | None:
    """The passage's first sentences, as many as fit; None where not one does."""
    start = None
    text = ""
    for sentence in sentences(found.passage.text):
        text = f"{text} {sentence}".lstrip()
        longer = replace(found, passage=replace(found.passage, text=text))
        if not fits(longer):
            break
        start = longer
    return start
