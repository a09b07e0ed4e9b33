"""A model's own answers, and how sure it is of them: the signals of the policies `uncertainty` and `learned`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from kedit_memory.models.language import TextModel, white_box
from kedit_memory.models.prompts import Prompt
from kedit_memory.routing.signals import Signals

_USE = "a gate that weighs the model's uncertainty"


@dataclass(frozen=True, kw_only=True)
class OwnAnswer:
    """A greedy answer with nothing before the question.

    Attributes:
        text: the answer.
        entropy: the largest Shannon entropy of the distributions from which its tokens and its end were taken, in nats.
        log_probability: the mean over them, in nats, at most 0.
    """

    text: str
    entropy: float
    log_probability: float

    def told(self, signals: Signals) -> Signals:
        """The signals with this uncertainty."""
        return replace(signals, entropy=self.entropy, log_probability=self.log_probability, own=self.text)


def can_read(model: TextModel, question: str, *, max_new_tokens: int) -> bool:
    """Whether the question and an answer fit the model's window.

    Raises:
        CapabilityError: the model does not show its distributions.
    """
    return white_box(model, _USE).fits(Prompt(question=question), max_new_tokens=max_new_tokens)


def own_answers(model: TextModel, questions: Sequence[str], *, max_new_tokens: int) -> list[OwnAnswer]:
    """The model's own answers in order, one after the other: the distributions are read while it generates.

    Raises:
        CapabilityError: the model does not show its distributions.
    """
    import torch

    from kedit_memory.models.hooks import capture

    shown = white_box(model, _USE)
    head = shown.model.get_output_embeddings()
    answers = []
    for question in questions:
        with capture(head) as scores:
            (text,) = shown.answer_many([Prompt(question=question)], max_new_tokens=max_new_tokens)
        rows = torch.stack([step[0, -1] for step in scores]).float().log_softmax(-1)  # (steps, vocabulary)
        entropy = -(rows.exp() * rows).sum(-1)  # (steps,)
        chosen = rows.max(-1).values  # (steps,), as the choice is greedy
        answers.append(OwnAnswer(text=text, entropy=float(entropy.max()), log_probability=float(chosen.mean())))
    return answers
