"""Another model that answers some of a model's prompts: decided for a whole batch, answered in its order.

SERAC's counterfactual model stands in so. What is said here of prompts holds for each `Prompt`; a text given as a
plain string is never taken from the model that it was given to.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from kedit_memory.models.language import OnText, Reply, StandIn, Substitute, TextModel
from kedit_memory.models.prompts import MAX_NEW_TOKENS, AnswersOne, Prompt

T = TypeVar("T")


def told(prompt: Prompt, statement: str) -> Prompt:
    """The prompt as a counterfactual model reads it: behind the edit that covers it.

    Passages are left out: they were found for what held before the edit, and would speak against it.
    """
    return replace(prompt, facts=(statement, *prompt.facts), passages=())


def divided(
    prompts: Sequence[Prompt | str],
    stand_in: Callable[[Sequence[Prompt]], Sequence[Substitute | None]] | None,
    own: Callable[[list[int]], Sequence[T]],
    other: Callable[[TextModel, list[Prompt], list[int]], Sequence[T]],
) -> list[T]:
    """One result a prompt, in order: `own` gives those of the model itself, `other` those of each that stands in.

    Both are given the places of their prompts, and are not called where there are none; what the model itself
    answers stays one batch.
    """
    asked = [place for place, prompt in enumerate(prompts) if isinstance(prompt, Prompt)]
    found: Sequence[Substitute | None] = []
    if stand_in is not None and asked:
        found = stand_in([prompt for prompt in prompts if isinstance(prompt, Prompt)])
    taken = {place: one for place, one in zip(asked, found, strict=bool(found)) if one is not None}
    groups: dict[int, list[int]] = defaultdict(list)
    for place, one in taken.items():
        groups[id(one.model)].append(place)
    results: dict[int, T] = {}
    if mine := [place for place in range(len(prompts)) if place not in taken]:
        results |= dict(zip(mine, own(mine), strict=True))
    for places in groups.values():
        answers = other(taken[places[0]].model, [taken[place].prompt for place in places], places)
        results |= dict(zip(places, answers, strict=True))
    return [results[place] for place in range(len(prompts))]


class SubstitutedModel(AnswersOne):
    """A `TextModel` in front of another, of whatever strength: some prompts are answered in its place.

    Nothing of the model behind it is changed or needed but that it generates; a remote endpoint will do. It is asked
    only for what no other model answers.
    """

    def __init__(self, base: TextModel, stand_in: StandIn) -> None:
        self.base = base
        self.stand_in = stand_in

    @property
    def name(self) -> str:
        """The name of the model behind it."""
        return self.base.name

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits over the model behind it and what decides who answers."""
        return hashlib.sha256(f"{self.base.fingerprint}\n{self.stand_in.fingerprint}".encode()).hexdigest()[:16]

    def generate(
        self, prompts: Sequence[Prompt | str], *, max_new_tokens: int = MAX_NEW_TOKENS, stop: Sequence[str] = ()
    ) -> list[str]:
        """The raw continuations, in order; errors as in the models that answer."""
        return divided(
            prompts,
            self.stand_in,
            lambda mine: self.base.generate([prompts[i] for i in mine], max_new_tokens=max_new_tokens, stop=stop),
            lambda model, given, _: model.generate(given, max_new_tokens=max_new_tokens, stop=stop),
        )

    def answer_many(self, prompts: Sequence[Prompt], *, max_new_tokens: int = MAX_NEW_TOKENS) -> list[str]:
        """The answers to many questions, in order; errors as in `generate`."""
        return divided(
            prompts,
            self.stand_in,
            lambda mine: self.base.answer_many([prompts[i] for i in mine], max_new_tokens=max_new_tokens),
            lambda model, given, _: model.answer_many(given, max_new_tokens=max_new_tokens),
        )

    def reply_many(
        self, prompts: Sequence[Prompt], *, max_new_tokens: int | None = None, on_text: OnText | None = None
    ) -> list[Reply]:
        """The whole replies, in order; errors as in the models that answer."""
        how: dict[str, Any] = {"max_new_tokens": max_new_tokens, "on_text": on_text}
        return divided(
            prompts,
            self.stand_in,
            lambda mine: self.base.reply_many([prompts[i] for i in mine], **how),
            lambda model, given, _: model.reply_many(given, **how),
        )
