"""Teach a model answers by gradient: token batches, the loss on the answer's tokens, the loop, the verdict."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch

from kedit_memory.editors._progress import Tell, silent
from kedit_memory.editors.base import Fact, Outcome
from kedit_memory.errors import EditorError, InvalidInputError, PromptTooLongError
from kedit_memory.models.batches import pad
from kedit_memory.models.classifier import ClassifierModel, Editable
from kedit_memory.models.formats import clean
from kedit_memory.models.prompts import MAX_NEW_TOKENS, Prompt

# Rows of one backward pass; more are split, and their gradients added.
_ROWS = 32
# Scores by which each wanted token must lead: what rounding moves between batches is less.
_LEAD = 0.25
_IGNORED = -100

Weights: TypeAlias = Mapping[str, torch.nn.Parameter]
Pull: TypeAlias = Callable[[Weights], None]
Constrain: TypeAlias = Callable[[str, torch.Tensor], None]


@dataclass(frozen=True, kw_only=True)
class Descent:
    """How to step: Adam's rate, the most steps, and what a method adds to the plain loss."""

    rate: float
    steps: int
    pull: Pull | None = None  # may add to the gradients of the loss before each step
    constrain: Constrain | None = None  # may change a weight's float32 copy, by its name, after each step
    tell: Tell = silent  # told the steps taken and the most there are


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """The ids that the model is given, and those with which it should go on, the end of an answer included."""

    given: tuple[int, ...]
    wanted: tuple[int, ...]


def lesson(model: Editable, prompt: Prompt, answer: str) -> Lesson:
    """What teaches the model to answer `prompt` with `answer`, and to stop there where its form has answers end.

    A cloze prompt and a base model's text just go on, and a chat ends its turn. Of a classifier, one class.

    Raises:
        PromptTooLongError: both together do not fit the model's window.
        InvalidInputError: the model is a classifier that has no such label.
    """
    if isinstance(model, ClassifierModel):
        return Lesson(given=tuple(model.encode(prompt)), wanted=(model.class_of(answer),))
    given, wanted = model.join(prompt, model.continuation(prompt, answer))
    wanted = [*wanted, *model.ending(prompt)] or [int(model.tokenizer.eos_token_id)]  # a text of nothing ends
    if not model.fits(prompt, max_new_tokens=len(wanted)):
        raise PromptTooLongError(f"{prompt.question!r} and its answer do not fit the window of {model.name}")
    return Lesson(given=tuple(given), wanted=tuple(wanted))


def lessons(model: Editable, facts: Iterable[Fact], *, paraphrases: bool = False) -> list[Lesson]:
    """A lesson for each fact, and for each of its paraphrases where they are taught too; errors as in `lesson`."""
    return [
        lesson(model, Prompt(question=question), fact.target)
        for fact in facts
        for question in (fact.prompt, *(fact.paraphrases if paraphrases else ()))
    ]


def losses(model: Editable, batch: Sequence[Lesson]) -> tuple[torch.Tensor, torch.Tensor]:
    """The loss of each lesson, float32, and whether greedy decoding gives all of it, bool; both of shape (lessons,).

    The loss is the mean negative log-probability (nats) of the wanted tokens and has a gradient. Each of them has to
    lead the best of the others by a little, so that it still does in a batch of another shape.
    """
    scores, labels = _scores(model, batch)  # (lessons, tokens, vocabulary), (lessons, tokens)
    asked = labels != _IGNORED
    flat = torch.nn.functional.cross_entropy(
        scores.transpose(1, 2).float(), labels, ignore_index=_IGNORED, reduction="none"
    )
    with torch.no_grad():
        chosen = labels.clamp(min=0).unsqueeze(-1)
        others = scores.scatter(-1, chosen, float("-inf")).amax(-1)
        lead = (scores.gather(-1, chosen).squeeze(-1) - others).float()
    return flat.sum(1) / asked.sum(1), ((lead > _LEAD) | ~asked).all(1)


def backpropagate(model: Editable, taught: Sequence[Lesson]) -> bool:
    """Add the gradient of the mean loss to the weights; whether each lesson is decoded greedily already.

    Raises:
        EditorError: the loss is no number, as half precision gives when it overflows.
    """
    decoded = True
    for first in range(0, len(taught), _ROWS):
        loss, said = losses(model, taught[first : first + _ROWS])
        if not bool(torch.isfinite(loss).all()):
            raise EditorError(
                f"the loss is no number in {str(model.model.dtype).removeprefix('torch.')}: "
                "take a smaller rate, or load the model with dtype='float32'"
            )
        (loss.sum() / len(taught)).backward()  # type: ignore[no-untyped-call]
        decoded = decoded and bool(said.all())
    return decoded


def descend(model: Editable, weights: Weights, backward: Callable[[], bool], descent: Descent) -> int:
    """Adam steps on `weights` until `backward`, which leaves the gradients, says that all is learned.

    Half-precision weights have float32 copies that take the steps, or small ones would be rounded away.
    Returns the number of steps taken.
    """
    with gradients(model, weights.values()):
        copies = {name: weight.detach().to(_precise(weight.dtype)) for name, weight in weights.items()}
        optimizer = torch.optim.Adam(list(copies.values()), lr=descent.rate)
        for taken in range(descent.steps):
            descent.tell(taken, descent.steps)
            if backward():
                return taken
            if descent.pull is not None:
                descent.pull(weights)
            for name, copy in copies.items():
                gradient = weights[name].grad
                copy.grad = None if gradient is None else gradient.to(copy.dtype)
                weights[name].grad = None
            optimizer.step()
            _write(weights, copies, descent.constrain)
    return descent.steps


def learn(
    model: Editable, weights: Weights, facts: Sequence[Fact], descent: Descent, *, paraphrases: bool = False
) -> list[Outcome]:
    """Step `weights` until every fact is decoded greedily; how it went, by free generation.

    Errors as in `lesson` and `backpropagate`.
    """
    started = time.perf_counter()
    taught = lessons(model, facts, paraphrases=paraphrases)
    return judged(model, facts, teach(model, weights, taught, descent), started)


def teach(model: Editable, weights: Weights, taught: Sequence[Lesson], descent: Descent) -> int:
    """Step `weights` until every lesson is decoded greedily; the number of steps. Errors as in `backpropagate`."""
    return descend(model, weights, lambda: backpropagate(model, taught), descent)


def judged(model: Editable, facts: Sequence[Fact], steps: int, started: float) -> list[Outcome]:
    """What free generation says of each fact; `started` is a reading of `time.perf_counter`.

    Each outcome has its share of the seconds, the steps were taken for all.
    """
    answers = _answers(model, facts)
    seconds = (time.perf_counter() - started) / len(facts)
    return [
        _outcome(fact, answer, steps, seconds, learned=says(model, fact, answer))
        for fact, answer in zip(facts, answers, strict=True)
    ]


def says(model: Editable, fact: Fact, answer: str) -> bool:
    """Whether an answer of the model begins with the target, as whole words; of a classifier, whether it is the label.

    What follows is no part of the edit: a text goes on after the target, and a chat may put it in a sentence.
    """
    if isinstance(model, ClassifierModel):
        return answer == model.labels[model.class_of(fact.target)]
    target = clean(model.continuation(fact.asked, fact.target), fact.asked.cloze)
    after = answer[len(target) : len(target) + 1]
    return answer.startswith(target) and not after.isalnum()


def check_options(method: str, **allowed: tuple[Any, float, float]) -> None:
    """Refuse options, given as (value, least, most), that are no numbers or out of bounds.

    Raises:
        InvalidInputError: the first of them, named.
    """
    for option, (value, least, most) in allowed.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
            bounds = f"{least:g} to {most:g}" if most != float("inf") else f"{least:g} or more"
            raise InvalidInputError(f"{option} of {method} is {value!r}; it must be a number, {bounds}")
        if isinstance(least, int) and not isinstance(value, int):
            raise InvalidInputError(f"{option} of {method} is {value!r}; it must be a whole number")


@contextmanager
def gradients(model: Editable, weights: Iterable[torch.nn.Parameter]) -> Iterator[None]:
    """Within the block these weights of the model take gradients, and no other; nothing of it stays."""
    everything = list(model.model.parameters())
    needed = [weight.requires_grad for weight in everything]
    try:
        for weight in everything:
            weight.requires_grad_(requires_grad=False)
        for weight in weights:
            weight.requires_grad_()
        with torch.enable_grad():
            yield
    finally:
        for weight, flag in zip(everything, needed, strict=True):
            weight.requires_grad_(flag)
            weight.grad = None


@torch.no_grad()
def _write(weights: Weights, copies: Mapping[str, torch.Tensor], constrain: Constrain | None) -> None:
    for name, copy in copies.items():
        if constrain is not None:
            constrain(name, copy)
        weights[name].copy_(copy)


def _precise(dtype: torch.dtype) -> torch.dtype:
    return torch.promote_types(dtype, torch.float32)


def _scores(model: Editable, batch: Sequence[Lesson]) -> tuple[torch.Tensor, torch.Tensor]:
    """Scores and the ids that they should give, `_IGNORED` where none is wanted.

    Rows are padded on the right: positions then count from the first token in every family.
    """
    padding, device = int(model.tokenizer.pad_token_id), model.device
    if isinstance(model, ClassifierModel):
        ids, mask = pad([one.given for one in batch], padding, device=device)
        labels, _ = pad([one.wanted for one in batch], _IGNORED, device=device)
        return model.model(input_ids=ids, attention_mask=mask).logits[:, None], labels
    if model.model.config.is_encoder_decoder:
        ids, mask = pad([one.given for one in batch], padding, device=device)
        labels, _ = pad([one.wanted for one in batch], _IGNORED, device=device)
        start = torch.full_like(labels[:, :1], int(model.model.config.decoder_start_token_id))
        shifted = torch.cat([start, labels[:, :-1]], 1).masked_fill(labels == _IGNORED, padding)
        return model.model(input_ids=ids, attention_mask=mask, decoder_input_ids=shifted).logits, labels
    ids, mask = pad([(*one.given, *one.wanted) for one in batch], padding, device=device)
    labels, _ = pad([(*[_IGNORED] * len(one.given), *one.wanted) for one in batch], _IGNORED, device=device)
    scores = model.model(input_ids=ids, attention_mask=mask).logits
    labels = labels.to(scores.device)  # layers may be spread over devices
    return scores[:, :-1], labels[:, 1:]


def _answers(model: Editable, facts: Sequence[Fact]) -> list[str]:
    sizes = [len(lesson(model, fact.asked, fact.target).wanted) for fact in facts]
    prompts = [fact.asked for fact in facts]
    if isinstance(model, ClassifierModel):
        return model.answer_many(prompts)
    room = max(MAX_NEW_TOKENS, *sizes)
    if all(model.fits(prompt, max_new_tokens=room) for prompt in prompts):
        return model.answer_many(prompts, max_new_tokens=room)
    # Near the end of the window each is asked alone, for no more than it was taught.
    return [model.answer_many([prompt], max_new_tokens=size)[0] for prompt, size in zip(prompts, sizes, strict=True)]


def _outcome(fact: Fact, answer: str, steps: int, seconds: float, *, learned: bool) -> Outcome:
    reason = "" if learned else f"after {steps} steps the model says {answer!r}"
    return Outcome(fact=fact, learned=learned, seconds=seconds, steps=steps, reason=reason)
