"""Fine-tuning that holds on to the weights that matter: elastic weight consolidation (Kirkpatrick et al., 2017)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from kedit_memory.editors._progress import Tell, silent
from kedit_memory.editors._teaching import Lesson, Weights, check_options, gradients, learn, losses
from kedit_memory.editors._tuning import Tuning, every_weight
from kedit_memory.editors._weights import Snapshot
from kedit_memory.editors.base import Fact, Outcome
from kedit_memory.errors import CapabilityError, InvalidInputError
from kedit_memory.models.caches import cache_of, reading_on
from kedit_memory.models.classifier import ClassifierModel, Editable
from kedit_memory.models.language import WhiteBoxModel


@dataclass(frozen=True, kw_only=True)
class ElasticTuning(Tuning):
    """All weights, each pulled back by (strength / 2) F (w - w0)^2 (equation 3), F its Fisher information.

    F is the mean over `samples` texts of the squared gradient of a text's log-probability. The texts are given, or
    drawn from the model itself, which is what F is defined on: no training data is needed. Each `apply` takes F
    and w0 from the model that it meets, edits in it included; that costs `samples` backward passes and as much
    memory as the weights.

    Attributes:
        strength: The weight of the penalty; 0 is plain fine-tuning.
        samples: How many texts F is taken from.
        length: The most tokens of each.
        texts: Texts to take F from, the first `samples` of them; where none is given, they are drawn.
        seed: Of the drawing.
    """

    name: ClassVar[str] = "ft-ewc"

    strength: float = 1e4
    samples: int = 32
    length: int = 32
    texts: tuple[str, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_options(
            self.name,
            strength=(self.strength, 0.0, float("inf")),
            samples=(self.samples, 1, float("inf")),
            length=(self.length, 2, float("inf")),
        )
        if not all(text.strip() for text in self.texts):
            raise InvalidInputError(f"one of the texts of {self.name} is empty: leave it out")

    def names(self, model: Editable) -> Sequence[str]:
        """Every weight."""
        return every_weight(model)

    def tune(self, model: Editable, weights: Snapshot, wanted: Sequence[Fact]) -> list[Outcome]:
        """Step the weights against the pull of the penalty."""
        information = fisher(model, weights, self._texts(model), self.telling("texts by which weights are weighed"))

        @torch.no_grad()
        def pull(weights_: Weights) -> None:
            for name, weight in weights_.items():
                if weight.grad is not None:
                    moved = weight.float() - weights.before[name].float()
                    weight.grad += (self.strength * information[name] * moved).to(weight.dtype)

        return learn(model, weights, wanted, self.descent(pull=pull), paraphrases=self.paraphrases)

    def _texts(self, model: Editable) -> list[Lesson]:
        if isinstance(model, ClassifierModel):
            raise CapabilityError(f"{self.name} takes texts that a model writes, and {model.name} is a classifier")
        if model.model.config.is_encoder_decoder:
            raise CapabilityError(f"{self.name} knows no way to take texts from the encoder-decoder {model.name}")
        if not self.texts:
            self.telling("texts drawn from the model")(0, self.samples)
            return drawn(model, self.samples, self.length, torch.Generator().manual_seed(self.seed))
        rows = [model.encode(text)[: self.length] for text in self.texts[: self.samples]]
        start = int(model.tokenizer.eos_token_id)
        return [_text(row if len(row) > 1 else [start, *row]) for row in rows]


def fisher(model: Editable, weights: Weights, texts: Sequence[Lesson], tell: Tell = silent) -> dict[str, torch.Tensor]:
    """The diagonal of the Fisher information, float32, of each weight's shape: mean squares over the texts."""
    found = {name: torch.zeros_like(weight, dtype=torch.float32) for name, weight in weights.items()}
    with gradients(model, weights.values()):
        for place, text in enumerate(texts):
            tell(place, len(texts))
            loss = losses(model, [text])[0][0] * len(text.wanted)  # of the text, not of its mean token
            loss.backward()  # type: ignore[no-untyped-call]
            for name, weight in weights.items():
                if weight.grad is not None:
                    found[name] += weight.grad.float().square() / len(texts)
                    weight.grad = None
    return found


@torch.no_grad()
def drawn(model: WhiteBoxModel, samples: int, length: int, generator: torch.Generator) -> list[Lesson]:
    """Texts that the model writes when each token is drawn by its probability, from the start of a text on."""
    start = model.tokenizer.bos_token_id
    end = int(model.tokenizer.eos_token_id)
    ids = torch.full((samples, 1), end if start is None else int(start), device=model.device)
    cache = None
    for _ in range(length):
        output = model.model(
            input_ids=ids[:, -1:], attention_mask=torch.ones_like(ids), use_cache=True, **reading_on(model.model, cache)
        )
        cache = cache_of(output)
        shares = output.logits[:, -1].float().softmax(-1).cpu()
        following = torch.multinomial(shares, 1, generator=generator)
        ids = torch.cat([ids, following.to(ids.device)], 1)
    return [_text(_ended(row, end)) for row in ids.tolist()]


def _ended(row: list[int], end: int) -> list[int]:
    """The row up to and with the first end after its start."""
    return row[: row.index(end, 1) + 1] if end in row[1:] else row


def _text(ids: Sequence[int]) -> Lesson:
    return Lesson(given=tuple(ids[:1]), wanted=tuple(ids[1:]))
