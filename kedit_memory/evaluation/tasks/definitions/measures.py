"""How probable a span is where the mask stands: after the text before it, and with the text behind it.

A causal model reads from left to right. As in Onoe et al. (ACL 2023) a span is scored after its left context; the
right context, which such a model cannot look at, is scored after both, so that span and right context together are
scored, too. Everything is plain text: what a method puts before a probe stands before it in the model's own format.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean

from kedit_memory.evaluation.datasets.onoe import Probe
from kedit_memory.models.formats import render
from kedit_memory.models.language import ScoringModel, WhiteBoxModel
from kedit_memory.models.prompts import Prompt
from kedit_memory.questions import is_cloze

# How an option is chosen: by the log-probability of its tokens, of it and what follows, or by their mean.
TOTAL, WITH_RIGHT, PER_TOKEN = "all", "with_right_context", "per_token"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A probe as a method gives it to the model: what stands before the mask, other text first."""

    prompt: Prompt
    probe: Probe


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Natural log-probabilities of the tokens of a span, and of span and right context together."""

    span: tuple[float, ...]
    whole: tuple[float, ...]

    @property
    def loss(self) -> float:
        """The mean negative log-probability of the span's tokens, in nats."""
        return -fmean(self.span)

    @property
    def right_loss(self) -> float | None:
        """The same of the right context's tokens, given the span; None where there are none of their own."""
        tokens = len(self.whole) - len(self.span)
        return (sum(self.span) - sum(self.whole)) / tokens if tokens > 0 else None


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What came out for a probe: the losses of its gold span and its right context, and which options were chosen."""

    loss: float
    right_loss: float | None
    chosen: Mapping[str, int] = field(default_factory=dict)  # by how it is chosen; empty where there is no choice


def judge(model: ScoringModel, asked: Sequence[Asked], *, right: bool = True) -> list[Judged]:
    """Score each probe's options, all in one batch, in order.

    Args:
        model: gives the probabilities.
        asked: the probes.
        right: whether the right context is scored, too, which takes twice the time.

    Raises:
        PromptTooLongError: a probe does not fit the model's window.
    """
    texts = [_texts(model, one, option) for one in asked for option in one.probe.options]
    spans = model.log_probabilities([(given, span) for given, span, _ in texts])
    wholes = model.log_probabilities([(given, whole) for given, _, whole in texts]) if right else spans
    found = (Scores(span=tuple(span), whole=tuple(whole)) for span, whole in zip(spans, wholes, strict=True))
    return [_judged(one.probe, [next(found) for _ in one.probe.options]) for one in asked]


def fits(model: ScoringModel, asked: Asked) -> bool:
    """Whether the model can read a probe with each of its options; one that tells no window can read all."""
    if not isinstance(model, WhiteBoxModel) or model.window is None:
        return True
    texts = (_texts(model, asked, option) for option in asked.probe.options)
    return all(sum(map(len, model.join(given, whole))) <= model.window for given, _, whole in texts)


def _judged(probe: Probe, options: Sequence[Scores]) -> Judged:
    gold = options[probe.gold]
    values = {
        TOTAL: [sum(one.span) for one in options],
        WITH_RIGHT: [sum(one.whole) for one in options],
        PER_TOKEN: [-one.loss for one in options],
    }
    chosen = {by: found.index(max(found)) for by, found in values.items()} if len(options) > 1 else {}
    return Judged(loss=gold.loss, right_loss=gold.right_loss, chosen=chosen)


def _texts(model: ScoringModel, asked: Asked, option: str) -> tuple[Prompt | str, str, str]:
    """What the model is given, the option as it goes on, and the option with the right context."""
    span = f"{_gap(model, asked)}{option}"
    return _given(asked.prompt), span, f"{span}{asked.probe.text.right}"


def _given(prompt: Prompt) -> Prompt | str:
    """The prompt, or its text where it would be taken for a question: after "St." a sentence goes on, too."""
    if is_cloze(prompt.question):
        return replace(prompt, question=prompt.question.rstrip())
    return f"{render('', prompt.facts, prompt.passages)}{prompt.question.rstrip()}"


def _gap(model: ScoringModel, asked: Asked) -> str:
    """The blank between left context and span, where the text has one and the model does not write its own."""
    left = asked.probe.text.left
    if not left.strip() or left == left.rstrip():
        return ""
    opened = model.continuation(Prompt(question="x"), "x")
    return opened[: len(opened) - len(opened.lstrip())]
