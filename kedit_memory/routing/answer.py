"""Carry a decision out: say the stored answer, ask the model with or without context, or refuse.

What an edit in scope makes the model say is checked: where it leaves out what the edit says, the model is asked once
more, firmly, and where it still does, the stored answer is said itself.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from kedit_memory.models.language import OnText, Reply, TextModel, WhiteBoxModel
from kedit_memory.models.prompts import MAX_NEW_TOKENS, Prompt
from kedit_memory.models.substitution import divided
from kedit_memory.records import Answer, Decision, Route
from kedit_memory.routing.asking import fitted, prompt_of
from kedit_memory.routing.said import asks_for, says
from kedit_memory.routing.serac import reading

if TYPE_CHECKING:
    from kedit_memory.routing.learned_values import LearnedValues

REFUSAL = "I cannot answer that: the memory was told to forget it."


@dataclass(frozen=True, kw_only=True)
class Speakers:
    """Who can answer, each got when it is first needed; one thread at a time asks a model of this process.

    Attributes:
        model: that generates.
        counterfactual: that reads an edit and answers on the route serac.
        values: what the model learned of edits, for the route grace.
        max_new_tokens: where a reply is cut; None for as long as the model makes it.
    """

    model: Callable[[], TextModel]
    counterfactual: Callable[[], TextModel]
    values: "Callable[[], LearnedValues]"
    max_new_tokens: int | None
    lock: AbstractContextManager[object] = field(default_factory=threading.RLock)

    def asking(self) -> AbstractContextManager[object]:
        """A block in which the model is asked: an endpoint answers many threads at a time, any other model one."""
        return self.lock if isinstance(self.model(), WhiteBoxModel) else nullcontext()


def answer_many(decisions: Sequence[Decision], speakers: Speakers, on_text: OnText | None = None) -> list[Answer]:
    """The answers to the decisions, in order; models are asked in batches. `on_text` hears a single one as it comes."""
    with _asking(decisions, speakers):
        decisions = fitted(decisions, speakers.model, speakers.max_new_tokens)
        decisions, learned = by_values(decisions, speakers)
        replies = _carry_out(decisions, speakers, learned, on_text)
        decisions, replies = _checked(decisions, replies, speakers)
    if on_text is not None and decisions and not _heard_as_it_comes(decisions[0]):
        on_text(replies[0].text)
    return [Answer(**vars(one), text=reply.text, cut=reply.cut) for one, reply in zip(decisions, replies, strict=True)]


def _asking(decisions: Sequence[Decision], speakers: Speakers) -> AbstractContextManager[object]:
    """A block in which the models are asked that the decisions need; the counterfactual one is of this process."""
    routes = {one.route for one in decisions if _without_model(one) is None}
    if Route.SERAC in routes:
        return speakers.lock
    return speakers.asking() if routes else nullcontext()


def refused(answer: Answer, why: str) -> Answer:
    """A refusal in the place of an answer, without the passages that it was made with."""
    return replace(
        answer,
        route=Route.REFUSAL,
        reason=f"{answer.reason}; {why}",
        text=REFUSAL,
        passages=(),
        own_answer=None,
        cut=False,
    )


def _carry_out(
    decisions: Sequence[Decision], speakers: Speakers, learned: Mapping[int, Reply], on_text: OnText | None
) -> list[Reply]:
    """The reply to each decision, in order; `learned` holds those that are there already, by place."""
    replies = {place: reply for place, one in enumerate(decisions) if (reply := _without_model(one)) is not None}
    replies |= learned
    waiting = [place for place in range(len(decisions)) if place not in replies]
    asked = [decisions[place] for place in waiting]
    heard = on_text if asked and _heard_as_it_comes(asked[0]) else None
    generated = _generate([prompt_of(one) for one in asked], asked, speakers, heard)
    replies |= dict(zip(waiting, generated, strict=True))
    return [replies[place] for place in range(len(decisions))]


def _generate(
    prompts: Sequence[Prompt], decisions: Sequence[Decision], speakers: Speakers, on_text: OnText | None = None
) -> list[Reply]:
    """What is said to the prompts of these decisions: by the model, or on the route serac by the counterfactual one."""
    limit = speakers.max_new_tokens
    return divided(
        prompts,
        reading(decisions, speakers.counterfactual),
        lambda mine: speakers.model().reply_many([prompts[i] for i in mine], max_new_tokens=limit, on_text=on_text),
        lambda reader, given, _: reader.reply_many(given, max_new_tokens=limit),
    )


def _checked(
    decisions: Sequence[Decision], replies: Sequence[Reply], speakers: Speakers
) -> tuple[list[Decision], list[Reply]]:
    """The same, where every answer from an edit says what the edit says; the reason tells what that took."""
    found, said = list(decisions), list(replies)
    silent = []
    for place, one in enumerate(decisions):
        if one.route not in (Route.CONTEXT, Route.SERAC) or one.left:
            continue
        if not asks_for(one.question, one.edits[0].edit):
            found[place] = _because(one, "it does not ask for the fact itself, so the model's answer is not compared")
        elif not _says(replies[place], one):
            silent.append(place)
    again = _firmly([decisions[place] for place in silent], speakers)
    for place, reply in zip(silent, again, strict=True):
        one = decisions[place]
        if reply is not None and _says(reply, one):
            said[place] = reply
            found[place] = _because(one, "the first answer left it out, so the model was asked for it again")
        else:
            said[place] = Reply(text=one.edits[0].edit.target or "")
            found[place] = _because(
                replace(one, route=Route.DIRECT), "the model did not say it, so the stored answer is given"
            )
    return found, said


def _firmly(decisions: Sequence[Decision], speakers: Speakers) -> list[Reply | None]:
    """What the model says when it is told to say the target; None where it cannot be told, or another one answered."""
    tried = [
        place for place, one in enumerate(decisions) if one.route is Route.CONTEXT and _can_be_instructed(speakers)
    ]
    mine = [decisions[place] for place in tried]
    prompts = [replace(prompt_of(one), must_say=one.edits[0].edit.target) for one in mine]
    replies: list[Reply | None] = [None] * len(decisions)
    for place, reply in zip(tried, _generate(prompts, mine, speakers) if mine else [], strict=True):
        replies[place] = reply
    return replies


def _can_be_instructed(speakers: Speakers) -> bool:
    model = speakers.model()
    return not isinstance(model, WhiteBoxModel) or model.format.insists


def _says(reply: Reply, decision: Decision) -> bool:
    return says(reply.text, decision.edits[0].edit, decision.question)


def _because(decision: Decision, why: str) -> Decision:
    return replace(decision, reason=f"{decision.reason}; {why}")


def by_values(decisions: Sequence[Decision], speakers: Speakers) -> tuple[list[Decision], dict[int, Reply]]:
    """The decisions, and by place the replies of those that go by learned values, which are learned where needed.

    An edit that cannot be learned, or not in the wording of a question, goes into the context.
    """
    places: dict[str, list[int]] = defaultdict(list)
    for i, decision in enumerate(decisions):
        if decision.route is Route.GRACE:
            places[decision.edits[0].edit.id].append(i)
    if not places:
        return list(decisions), {}
    edits = {name: decisions[asked[0]].edits[0].edit for name, asked in places.items()}
    values = speakers.values()
    failed = values.learn(list(edits.values()))
    found, replies = list(decisions), {}
    for name, asked in places.items():
        said: Sequence[str | None] = [None] * len(asked)
        if name not in failed:
            prompts = [prompt_of(decisions[i]) for i in asked]
            said = values.answer_many(edits[name], prompts, max_new_tokens=speakers.max_new_tokens or MAX_NEW_TOKENS)
        for i, text in zip(asked, said, strict=True):
            if text is None:
                why = failed.get(name, "no value makes the model say the target in this wording")
                found[i] = _because(
                    replace(decisions[i], route=Route.CONTEXT), f"{why}: it is put before the question instead"
                )
            else:
                replies[i] = Reply(text=text)
    return found, replies


def _heard_as_it_comes(decision: Decision) -> bool:
    """Whether the reply is generated now, and nothing of it is compared afterwards."""
    return decision.route in (Route.PARAMETRIC, Route.RETRIEVAL) and _without_model(decision) is None


def _without_model(decision: Decision) -> Reply | None:
    """What is said on a route that says a fixed text, or was generated when the decision was made."""
    if decision.route is Route.PARAMETRIC and decision.own_answer is not None:
        return Reply(text=decision.own_answer)
    if decision.route is Route.DIRECT:
        return Reply(text=decision.edits[0].edit.target or "")
    return Reply(text=REFUSAL) if decision.route is Route.REFUSAL else None
