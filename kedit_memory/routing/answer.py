"""Carry a decision out: say the stored answer, ask the model with or without context, or refuse."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from kedit_memory.models.language import TextModel, WhiteBoxModel
from kedit_memory.models.prompts import Prompt
from kedit_memory.models.substitution import divided
from kedit_memory.records import Decision, RetrievedPassage, Route
from kedit_memory.routing.serac import reading

if TYPE_CHECKING:
    from kedit_memory.routing.values import LearnedValues

REFUSAL = "I cannot answer that: the memory was told to forget it."


def fitted(decisions: Sequence[Decision], model: Callable[[], TextModel], max_new_tokens: int) -> list[Decision]:
    """The decisions, with no more passages each than the model can read before the question.

    Where not one fits the best stays, and the model says that it is too long.
    """
    return [_fitted(one, model(), max_new_tokens) if len(one.passages) > 1 else one for one in decisions]


def _fitted(decision: Decision, model: TextModel, max_new_tokens: int) -> Decision:
    if not isinstance(model, WhiteBoxModel) or model.fits(prompt_of(decision), max_new_tokens=max_new_tokens):
        return decision  # a model behind an endpoint does not tell its window
    kept: tuple[RetrievedPassage, ...] = ()
    for found in decision.passages:
        longer = replace(decision, passages=(*kept, found))
        if model.fits(prompt_of(longer), max_new_tokens=max_new_tokens):
            kept = longer.passages
    kept = kept or decision.passages[:1]
    left_out = len(decision.passages) - len(kept)
    reason = f"{decision.reason}; {left_out} of them left out, too long for the model's window"
    return replace(decision, passages=kept, reason=reason)


def carry_out(
    decisions: Sequence[Decision],
    model: Callable[[], TextModel],
    max_new_tokens: int,
    values: "Callable[[], LearnedValues] | None" = None,
    counterfactual: Callable[[], TextModel] | None = None,
) -> list[str]:
    """The text for each decision, in order; a model is got and asked once, in a batch, if one needs it.

    `values` gives what the route grace answers by, `counterfactual` the model that answers on the route serac.
    """
    texts = [_without_model(decision) for decision in decisions]
    if values is not None:
        for i, text in _by_values(decisions, values, max_new_tokens):
            texts[i] = text
    waiting = [i for i, text in enumerate(texts) if text is None]
    asked = [decisions[i] for i in waiting]
    prompts = [prompt_of(decision) for decision in asked]
    generated = divided(
        prompts,
        reading(asked, counterfactual or model),
        lambda mine: model().answer_many([prompts[i] for i in mine], max_new_tokens=max_new_tokens),
        lambda reader, given, _: reader.answer_many(given, max_new_tokens=max_new_tokens),
    )
    for i, text in zip(waiting, generated, strict=True):
        texts[i] = text
    return [text or "" for text in texts]


def taught(decisions: Sequence[Decision], values: "Callable[[], LearnedValues]") -> list[Decision]:
    """The decisions, with every value learned that they need; an edit that cannot be learned goes into the context."""
    needed = [one.edits[0].edit for one in decisions if one.route is Route.GRACE]
    failed = values().learn(needed) if needed else {}
    return [
        replace(one, route=Route.CONTEXT, reason=f"{one.reason}; {why}: it is put before the question instead")
        if one.route is Route.GRACE and (why := failed.get(one.edits[0].edit.id))
        else one
        for one in decisions
    ]


def _by_values(
    decisions: Sequence[Decision], values: "Callable[[], LearnedValues]", max_new_tokens: int
) -> Iterator[tuple[int, str]]:
    """The places and texts of what goes by learned values, an edit at a time."""
    places: dict[str, list[int]] = defaultdict(list)
    for i, decision in enumerate(decisions):
        if decision.route is Route.GRACE:
            places[decision.edits[0].edit.id].append(i)
    for asked in places.values():
        edit, prompts = decisions[asked[0]].edits[0].edit, [prompt_of(decisions[i]) for i in asked]
        yield from zip(asked, values().answer_many(edit, prompts, max_new_tokens=max_new_tokens), strict=True)


def prompt_of(decision: Decision) -> Prompt:
    """What the model is asked on a route that generates."""
    facts = (decision.edits[0].edit.statement,) if decision.route is Route.CONTEXT else ()
    passages = tuple(found.passage.text for found in decision.passages)
    return Prompt(question=decision.question, facts=facts, passages=passages)


def _without_model(decision: Decision) -> str | None:
    if decision.route is Route.PARAMETRIC and decision.own_answer is not None:
        return decision.own_answer
    if decision.route not in _STORED:
        return None
    return _STORED[decision.route] or decision.edits[0].edit.target


# Routes that say a fixed text; None stands for the target of the edit.
_STORED: Mapping[Route, str | None] = {Route.DIRECT: None, Route.REFUSAL: REFUSAL}
