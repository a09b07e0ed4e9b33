"""Where each family of models keeps its layers: the one table that knows.

Paths are relative to the model without its head (`model.base_model`), or to one layer. An editor or
hook asks for `family_of(model)` and never spells a path itself.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kedit_memory.errors import InvalidInputError, UnknownNameError

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedModel


@dataclass(frozen=True, kw_only=True)
class Family:
    """The places that editors need in one family of transformers."""

    name: str
    embedding: str  # token embedding, in the base model
    layers: str  # list of layers, in the base model; of an encoder-decoder, the decoder's
    final_norm: str | None  # in the base model; None where every layer ends normalised
    attention: str  # in a layer: the attention module
    attention_out: str  # in a layer: the projection that writes attention's result
    mlp_in: tuple[str, ...]  # in a layer: projections into the MLP, a gate first
    mlp_out: str  # in a layer: the projection that writes the MLP's result
    transposed: bool = False  # weights are stored (in, out), as Conv1D does, not (out, in)
    stack: str = ""  # in the base model: what takes the attention mask and runs the layers; "" is the base model

    def stack_module(self, model: "PreTrainedModel") -> "nn.Module":
        """The module whose forward pass takes the attention mask and runs the layers."""
        return model.base_model.get_submodule(self.stack)

    def layer_list(self, model: "PreTrainedModel") -> "nn.ModuleList":
        """The layers of `model`, first to last."""
        layers: nn.ModuleList = model.base_model.get_submodule(self.layers)  # type: ignore[assignment]
        return layers

    def count(self, model: "PreTrainedModel") -> int:
        """The number of layers."""
        return len(self.layer_list(model))

    def layer_name(self, model: "PreTrainedModel", index: int) -> str:
        """The full name of one layer, as `model.named_modules()` spells it; -1 is the last.

        Raises:
            InvalidInputError: The model has no such layer.
        """
        count = self.count(model)
        if not -count <= index < count:
            raise InvalidInputError(f"no layer {index}: {self.name} here has {count} layers, 0 to {count - 1}")
        return f"{_prefix(model)}{self.layers}.{index % count}"

    def layer(self, model: "PreTrainedModel", index: int) -> "nn.Module":
        """One layer; -1 is the last.

        Raises:
            InvalidInputError: The model has no such layer.
        """
        return model.get_submodule(self.layer_name(model, index))

    def mlp_out_weight(self, model: "PreTrainedModel", index: int) -> str:
        """The full name of the MLP's output matrix, which ROME and MEMIT change, of one layer."""
        return f"{self.layer_name(model, index)}.{self.mlp_out}.weight"


def _prefix(model: "PreTrainedModel") -> str:
    return "" if model.base_model is model else f"{model.base_model_prefix}."


_GPT2 = Family(
    name="gpt2",
    embedding="wte",
    layers="h",
    final_norm="ln_f",
    attention="attn",
    attention_out="attn.c_proj",
    mlp_in=("mlp.c_fc",),
    mlp_out="mlp.c_proj",
    transposed=True,
)
_GPT_NEOX = Family(
    name="gpt_neox",
    embedding="embed_in",
    layers="layers",
    final_norm="final_layer_norm",
    attention="attention",
    attention_out="attention.dense",
    mlp_in=("mlp.dense_h_to_4h",),
    mlp_out="mlp.dense_4h_to_h",
)
_LLAMA = Family(
    name="llama",
    embedding="embed_tokens",
    layers="layers",
    final_norm="norm",
    attention="self_attn",
    attention_out="self_attn.o_proj",
    mlp_in=("mlp.gate_proj", "mlp.up_proj"),
    mlp_out="mlp.down_proj",
)
_T5 = Family(
    name="t5",
    embedding="shared",
    layers="decoder.block",
    final_norm="decoder.final_layer_norm",
    attention="layer.0.SelfAttention",
    attention_out="layer.0.SelfAttention.o",
    mlp_in=("layer.2.DenseReluDense.wi",),
    mlp_out="layer.2.DenseReluDense.wo",
    stack="decoder",
)
_T5_GATED = replace(
    _T5,
    name="t5_gated",
    mlp_in=("layer.2.DenseReluDense.wi_0", "layer.2.DenseReluDense.wi_1"),
)
_BERT = Family(
    name="bert",
    embedding="embeddings.word_embeddings",
    layers="encoder.layer",
    final_norm=None,
    attention="attention",
    attention_out="attention.output.dense",
    mlp_in=("intermediate.dense",),
    mlp_out="output.dense",
)

_LIKE_LLAMA = ("qwen2", "qwen3", "mistral", "gemma", "gemma2")

# By `config.model_type`; T5 with gated MLPs (1.1, Flan) has a line of its own.
FAMILIES = {
    family.name: family
    for family in (
        _GPT2,
        _GPT_NEOX,
        _LLAMA,
        _T5,
        _T5_GATED,
        _BERT,
        *(replace(_LLAMA, name=name) for name in _LIKE_LLAMA),
    )
}


def family_of(model: "PreTrainedModel") -> Family:
    """The family of `model`, by its configuration.

    Raises:
        UnknownNameError: The table has no such family.
    """
    name = str(model.config.model_type)
    if name == "t5" and getattr(model.config, "is_gated_act", False):
        name = "t5_gated"
    if name not in FAMILIES:
        raise UnknownNameError("model family", name, FAMILIES)
    return FAMILIES[name]


def encoder_of(model: "PreTrainedModel") -> Family:
    """The same table for the encoder of an encoder-decoder; `family_of` gives its decoder's.

    Raises:
        UnknownNameError: The table has no such family.
        InvalidInputError: The model has no encoder beside its decoder.
    """
    family = family_of(model)
    if family.stack != "decoder":
        raise InvalidInputError(f"a {family.name} model has one stack of layers: it is not an encoder-decoder")
    return replace(
        family,
        layers="encoder.block",
        final_norm="encoder.final_layer_norm",
        mlp_in=tuple(path.replace("layer.2", "layer.1") for path in family.mlp_in),  # no cross-attention before it
        mlp_out=family.mlp_out.replace("layer.2", "layer.1"),
        stack="encoder",
    )
