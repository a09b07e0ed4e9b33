"""Carry a decision out: say the stored answer, ask the model with or without context, or refuse."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from kedit_memory.models.language import TextModel, WhiteBoxModel
from kedit_memory.models.prompts import Prompt
from kedit_memory.models.substitution import divided
from kedit_memory.records import Decision, RetrievedPassage, Route
from kedit_memory.retrieval.splitting import sentences
from kedit_memory.routing.serac import reading

if TYPE_CHECKING:
    from kedit_memory.routing.values import LearnedValues

REFUSAL = "I cannot answer that: the memory was told to forget it."


def fitted(decisions: Sequence[Decision], model: Callable[[], TextModel], max_new_tokens: int) -> list[Decision]:
    """The decisions, with no more passages each than the model can read before the question.

    Where not one fits the best is cut behind a sentence; where no sentence fits the model answers by itself.
    """
    return [_fitted(one, model(), max_new_tokens) if one.passages else one for one in decisions]


def _fitted(decision: Decision, model: TextModel, max_new_tokens: int) -> Decision:
    if not isinstance(model, WhiteBoxModel):
        return decision  # a model behind an endpoint does not tell its window

    def fits(passages: tuple[RetrievedPassage, ...]) -> bool:
        return model.fits(prompt_of(replace(decision, passages=passages)), max_new_tokens=max_new_tokens)

    if fits(decision.passages):
        return decision
    best, *others = decision.passages
    kept: tuple[RetrievedPassage, ...] = ()
    for found in decision.passages:
        if fits((*kept, found)):
            kept = (*kept, found)
    if kept:
        reason = f"{len(decision.passages) - len(kept)} of them left out, too long for the model's window"
    elif start := _start_of(best, lambda start: fits((start,))):
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


def carry_out(
    decisions: Sequence[Decision],
    model: Callable[[], TextModel],
    max_new_tokens: int,
    said: Mapping[int, str] | None = None,
    counterfactual: Callable[[], TextModel] | None = None,
) -> list[str]:
    """The text for each decision, in order; a model is got and asked once, in a batch, if one needs it.

    `said` holds the texts that are there already, by place; `counterfactual` gives the model that answers on the route
    serac.
    """
    texts = [
        _without_model(decision) if said is None or i not in said else said[i] for i, decision in enumerate(decisions)
    ]
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


def by_values(
    decisions: Sequence[Decision], values: "Callable[[], LearnedValues]", max_new_tokens: int
) -> tuple[list[Decision], dict[int, str]]:
    """The decisions, and by place the texts of those that go by learned values, which are learned where needed.

    An edit that cannot be learned, or not in the wording of a question, goes into the context.
    """
    places: dict[str, list[int]] = defaultdict(list)
    for i, decision in enumerate(decisions):
        if decision.route is Route.GRACE:
            places[decision.edits[0].edit.id].append(i)
    if not places:
        return list(decisions), {}
    edits = {name: decisions[asked[0]].edits[0].edit for name, asked in places.items()}
    failed = values().learn(list(edits.values()))
    found, texts = list(decisions), {}
    for name, asked in places.items():
        said: Sequence[str | None] = [None] * len(asked)
        if name not in failed:
            prompts = [prompt_of(decisions[i]) for i in asked]
            said = values().answer_many(edits[name], prompts, max_new_tokens=max_new_tokens)
        for i, text in zip(asked, said, strict=True):
            if text is None:
                why = failed.get(name, "no value makes the model say the target in this wording")
                reason = f"{decisions[i].reason}; {why}: it is put before the question instead"
                found[i] = replace(decisions[i], route=Route.CONTEXT, reason=reason)
            else:
                texts[i] = text
    return found, texts


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
