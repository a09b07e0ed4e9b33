"""How a model would answer by itself, and how sure it is of that: the signals of policies that weigh uncertainty.

Only the beginning of a reply is generated. Where the model ends within it, that is its whole reply and need not be
generated again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kedit_memory.errors import ModelError
from kedit_memory.models.language import TextModel, WhiteBoxModel
from kedit_memory.models.prompts import Prompt
from kedit_memory.routing.gate.signals import Signals

if TYPE_CHECKING:
    from kedit_memory.models.remote import OpenAIModel

LOOK = 24  # tokens of a reply within which a model shows how sure it is


@dataclass(frozen=True, kw_only=True)
class OwnAnswer:
    """The beginning of a greedy reply with nothing before the question.

    Attributes:
        text: of it.
        entropy: the largest Shannon entropy of the distributions from which its tokens and its end were taken, in nats;
            None where the model does not show them.
        log_probability: the mean over its tokens, in nats, at most 0; None where the model does not tell.
        cut: whether the model would have gone on.
    """

    text: str
    entropy: float | None = None
    log_probability: float | None = None
    cut: bool = False

    def added_to(self, signals: Signals) -> Signals:
        """The signals with this uncertainty."""
        return replace(signals, entropy=self.entropy, log_probability=self.log_probability, own=self.text)


def can_read(model: TextModel, question: str, *, max_new_tokens: int | None) -> bool:
    """Whether the question and the beginning of a reply fit the model's window, where that is known."""
    if not isinstance(model, WhiteBoxModel):
        return True
    return model.fits(Prompt(question=question), max_new_tokens=_bound(max_new_tokens))


def tells(model: TextModel) -> bool:
    """Whether a model may tell how sure it is: a local one does, an endpoint if its server gives log-probabilities."""
    return isinstance(model, WhiteBoxModel) or _asked_at_endpoint(model) is not None


def own_answers(model: TextModel, questions: Sequence[str], *, max_new_tokens: int | None) -> list[OwnAnswer]:
    """What the model replies by itself, in order, one after the other, and how sure it is where it tells.

    Args:
        model: that is asked.
        questions: word for word.
        max_new_tokens: where a reply is cut, if that is before `LOOK`.
    """
    prompts = [Prompt(question=question) for question in questions]
    limit = _bound(max_new_tokens)
    if isinstance(model, WhiteBoxModel):
        return [_shown(model, prompt, limit) for prompt in prompts]
    return [_by_endpoint(model, prompt, limit) for prompt in prompts]


def _bound(max_new_tokens: int | None) -> int:
    return min(LOOK, max_new_tokens or LOOK)


def _shown(model: WhiteBoxModel, prompt: Prompt, limit: int) -> OwnAnswer:
    """By the distributions of a local model, which are read while it generates."""
    import torch

    from kedit_memory.models.hooks import capture

    with capture(model.model.get_output_embeddings()) as scores:
        (reply,) = model.reply_many([prompt], max_new_tokens=limit)
    rows = torch.stack([step[0, -1] for step in scores]).float().log_softmax(-1)  # (steps, vocabulary)
    entropy = -(rows.exp() * rows).sum(-1)  # (steps,)
    chosen = rows.max(-1).values  # (steps,), as the choice is greedy
    return OwnAnswer(text=reply.text, entropy=float(entropy.max()), log_probability=float(chosen.mean()), cut=reply.cut)


def _by_endpoint(model: TextModel, prompt: Prompt, limit: int) -> OwnAnswer:
    """By the log-probabilities of an endpoint; without numbers where it gives none, or refuses to be asked for them."""
    endpoint = _asked_at_endpoint(model)
    try:
        found = endpoint.complete(prompt, max_new_tokens=limit, log_probabilities=True) if endpoint else None
    except ModelError:  # a server that is down says so once more when it is asked for the answer itself
        found = None
    if found is None:
        return OwnAnswer(text="", cut=True)
    given = found.log_probabilities
    mean = sum(given) / len(given) if given else None
    return OwnAnswer(text=found.text, log_probability=mean, cut=found.cut)


def _asked_at_endpoint(model: TextModel) -> "OpenAIModel | None":
    from kedit_memory.models.remote import OpenAIModel

    return model if isinstance(model, OpenAIModel) else None
