"""Where a codebook sits in a model, and what it is given to learn, as batches of tokens.

The layer may be one of a causal model, of either half of an encoder-decoder, or of a classifier. What differs between
these is here: how a prompt and its target are laid out, where the query token is, and which scores judge the target.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from kedit_memory.editors.codebook import TOLERANCE
from kedit_memory.errors import InvalidInputError
from kedit_memory.models.batches import pad
from kedit_memory.models.families import Family, encoder_of, family_of, state_width

KeyToken = Literal["last", "first"]
Module = Literal["layer", "mlp_out"]
Stack = Literal["decoder", "encoder"]

_IGNORED = -100  # no target here
_DEPTH = 0.75


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What the model reads, and the tokens that it should then say, the end included; of a classifier, one class."""

    prompt: tuple[int, ...]
    target: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Samples laid out for one forward pass."""

    inputs: Mapping[str, torch.Tensor]
    queries: torch.Tensor  # (rows,): the column of the query token, at the codebook's layer
    prompts: torch.Tensor  # (rows, columns), truth values: tokens of the prompt, at the codebook's layer
    present: torch.Tensor  # (rows, columns), truth values: tokens of prompt or target, at the codebook's layer
    targets: torch.Tensor  # (rows, longest target), _IGNORED after a shorter one
    first: int | None  # the column whose scores judge the first target; None where a row has one row of scores

    def judged(self, logits: torch.Tensor, *, skipped: int = 0) -> torch.Tensor:
        """The scores (rows, longest target, vocabulary) that judge the targets; `skipped` columns were not run."""
        if self.first is None:
            return logits[:, None]
        first = self.first - skipped
        return logits[:, first : first + self.targets.shape[1]]

    def losses(self, judged: torch.Tensor) -> torch.Tensor:
        """The mean negative log-probability of each row's target tokens, of shape (rows,)."""
        each = cross_entropy(judged.float().transpose(1, 2), self.targets, ignore_index=_IGNORED, reduction="none")
        return each.sum(1) / self.counted.sum(1)

    def least_probability(self, judged: torch.Tensor) -> torch.Tensor:
        """The least probability among each row's target tokens, of shape (rows,)."""
        logs = cross_entropy(judged.float().transpose(1, 2), self.targets, ignore_index=_IGNORED, reduction="none")
        return (-logs.amax(1)).exp()

    def decoded(self, judged: torch.Tensor) -> torch.Tensor:
        """Whether greedy decoding says each row's target, of shape (rows,): every token has the best score."""
        return ((judged.argmax(-1) == self.targets) | ~self.counted).all(1)

    @cached_property
    def counted(self) -> torch.Tensor:
        """The places of targets that are tokens, of shape (rows, longest target)."""
        return self.targets != _IGNORED


@dataclass(frozen=True, kw_only=True)
class Site:
    """One layer of a model or the projection out of its MLP, with the token whose state is the key."""

    model: Any  # a transformers model
    layer: int
    stack: Stack = "decoder"
    key_token: KeyToken = "last"  # noqa: S105 - a place in the prompt
    part: Module = "layer"

    @cached_property
    def family(self) -> Family:
        """The places in the stack that the layer belongs to."""
        return encoder_of(self.model) if self.stack == "encoder" else family_of(self.model)

    @property
    def module(self) -> nn.Module:
        """What reads the key and gives way to a value.

        Raises:
            InvalidInputError: the model has no such layer; the message lists those that it has.
            CapabilityError: the layer has no such projection.
        """
        if self.part == "layer":
            return self.family.layer(self.model, self.layer)
        return self.family.part(self.model, self.layer, self.part)

    @property
    def stack_module(self) -> nn.Module:
        """The module that runs the layers and is given the attention mask."""
        return self.family.stack_module(self.model)

    @property
    def width(self) -> int:
        """The coordinates of a hidden state."""
        return state_width(self.model)

    @property
    def key_width(self) -> int:
        """The coordinates of a key: of a hidden state, or of what the projection reads."""
        if self.part == "layer":
            return self.width
        weight = self.model.get_parameter(self.family.mlp_out_weight(self.layer))
        return int(weight.shape[0 if self.family.transposed else 1])

    @property
    def device(self) -> torch.device:
        """Where the model takes its inputs."""
        device: torch.device = self.model.get_input_embeddings().weight.device
        return device

    @property
    def tolerance(self) -> float:
        """How far rounding may move a key, as a share of its length: more in half precision."""
        dtype: torch.dtype = self.model.get_input_embeddings().weight.dtype
        return max(TOLERANCE, 2 * torch.finfo(dtype).eps)

    @property
    def in_decoder(self) -> bool:
        """Whether the layer is in the decoder of an encoder-decoder, which begins with a start token, not a prompt."""
        return bool(self.model.config.is_encoder_decoder) and self.stack == "decoder"

    @property
    def classifies(self) -> bool:
        """Whether the model gives one row of scores for a text."""
        return type(self.model).__name__.endswith("ForSequenceClassification")

    @property
    def is_causal(self) -> bool:
        """Whether prompt and target stand in one row."""
        return not self.classifies and not self.model.config.is_encoder_decoder

    def query_columns(self, present: torch.Tensor) -> torch.Tensor:
        """The column of the query token in each row, of shape (rows,), where no row holds a target."""
        columns = torch.arange(present.shape[1], device=present.device)
        if self.in_decoder or self.key_token == "first":  # noqa: S105
            return present.to(torch.uint8).argmax(1)
        return (present * columns).argmax(1)

    def prompts(self, present: torch.Tensor, queries: torch.Tensor) -> torch.Tensor:
        """Which of the present tokens belong to the prompt, of shape (rows, columns)."""
        if self.key_token == "last" or self.in_decoder:  # noqa: S105
            return present & (torch.arange(present.shape[1], device=present.device) <= queries[:, None])
        return present

    def batch(self, samples: Sequence[Sample]) -> Batch:
        """The samples as one batch. Prompts are padded on the left where targets follow them, so that these align."""
        if self.is_causal:
            return self._causal(samples)
        ids, mask = pad([sample.prompt for sample in samples], self._filler, device=self.device)
        targets = self._targets(samples)
        inputs = {"input_ids": ids, "attention_mask": mask}
        present, first = mask.bool(), None
        if not self.classifies:
            start = int(self.model.config.decoder_start_token_id)
            said = [(start, *sample.target[:-1]) for sample in samples]
            inputs["decoder_input_ids"], decoder_mask = pad(said, self._filler, device=self.device)
            first = 0
            if self.in_decoder:
                present = decoder_mask.bool()
        queries = self.query_columns(present)
        prompts = self.prompts(present, queries)
        return Batch(inputs=inputs, queries=queries, prompts=prompts, present=present, targets=targets, first=first)

    def _causal(self, samples: Sequence[Sample]) -> Batch:
        prompts, before = pad([sample.prompt for sample in samples], self._filler, left=True, device=self.device)
        said = [sample.target[:-1] for sample in samples]
        followers, after = pad(said, self._filler, device=self.device)
        before, after = before.long(), after.long()  # of no column, where no target has a second token
        mask = torch.cat([before, after], 1)
        inputs = {
            "input_ids": torch.cat([prompts, followers.long()], 1),
            "attention_mask": mask,
            "position_ids": (mask.cumsum(1) - 1).clamp(min=0),
        }
        return Batch(
            inputs=inputs,
            queries=self.query_columns(before.bool()),
            prompts=torch.cat([before, torch.zeros_like(after)], 1).bool(),
            present=mask.bool(),
            targets=self._targets(samples),
            first=prompts.shape[1] - 1,
        )

    def _targets(self, samples: Sequence[Sample]) -> torch.Tensor:
        return pad([sample.target for sample in samples], _IGNORED, device=self.device)[0]

    @property
    def _filler(self) -> int:
        pad_token = getattr(self.model.config, "pad_token_id", None)
        return 0 if pad_token is None else int(pad_token)


def site_of(model: Any, *, layer: int | None, stack: Stack | None, key_token: KeyToken, part: Module = "layer") -> Site:
    """The site that the options of an editor mean in a transformers model.

    Where no half of an encoder-decoder is named it is the encoder, as for the T5 of Hartvigsen et al.: its states at
    the prompt's tokens tell prompts apart, while a decoder begins every answer with the same token.

    Raises:
        InvalidInputError: the model has no such layer; those that it has are listed.
    """
    chosen = stack or ("encoder" if model.config.is_encoder_decoder else "decoder")
    family = encoder_of(model) if chosen == "encoder" else family_of(model)
    place = _usual_layer(family) if layer is None else layer
    family.layer_name(place)  # refuses one that is not there
    return Site(model=model, layer=place % family.count, stack=chosen, key_token=key_token, part=part)


def _usual_layer(family: Family) -> int:
    """Three quarters of the depth, as in the paper's models: 35 of 48, 10 of 12, 4 of 6.

    Never the last layer of several: no other token reads what comes out of it at the query token, neither the tokens
    of a longer target nor the [CLS] of a classifier.
    """
    last = family.count - 1
    return min(round(_DEPTH * last), max(0, last - 1))


def one_of(option: str, value: object, allowed: Sequence[str]) -> None:
    """Refuses a value that an option does not have.

    Raises:
        InvalidInputError: it is none of those allowed.
    """
    if value not in allowed:
        raise InvalidInputError(f"{option} is {value!r}: it must be one of {', '.join(allowed)}")
