"""Where a model keeps its embedding and layers, and each layer its attention and MLP: read from its module tree.

An editor or hook asks for `family_of(model)` and never spells a path itself. Nothing here lists the types of models:
see `module_tree` for how names and shapes tell what a module is for.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from kedit_memory.errors import CapabilityError, InvalidInputError
from kedit_memory.models.module_tree import Parts, layers_in, looks_back_only, parts_of

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedModel

# What a layer can be asked for: `mlp` is what writes the MLP's result, a projection or a mixture of experts.
Part: TypeAlias = Literal["attention", "attention_out", "mlp", "mlp_out"]

_CALLED = {
    "attention": "attention that can be told by its name",
    "attention_out": "projection that can be told to write the result of its attention",
    "mlp": "MLP that can be told by the shapes of its projections",
    "mlp_out": "projection that can be told to write the result of its MLP",
}


@dataclass(frozen=True, kw_only=True)
class Family:
    """The places in one model that editors need; names are those of `model.named_modules()`."""

    name: str  # the model's type
    embedding: str  # of tokens
    layers: str  # the list of layers; of an encoder-decoder, the decoder's
    parts: tuple[Parts, ...]  # of each layer
    stack: str  # what takes the attention mask and runs the layers
    decoder_only: bool  # one stack, in which tokens attend to earlier ones alone

    @property
    def count(self) -> int:
        """The number of layers."""
        return len(self.parts)

    @property
    def transposed(self) -> bool:
        """Whether weights are stored (in, out), as Conv1D does, not (out, in)."""
        return any(parts.transposed for parts in self.parts)

    def stack_module(self, model: "PreTrainedModel") -> "nn.Module":
        """The module whose forward pass takes the attention mask and runs the layers."""
        return model.get_submodule(self.stack)

    def layer_name(self, index: int) -> str:
        """The full name of one layer; -1 is the last.

        Raises:
            InvalidInputError: the model has no such layer.
        """
        return f"{self.layers}.{self._place(index)}"

    def layer(self, model: "PreTrainedModel", index: int) -> "nn.Module":
        """One layer; errors as in `layer_name`."""
        return model.get_submodule(self.layer_name(index))

    def part_name(self, index: int, part: Part) -> str:
        """The full name of a part of one layer.

        Raises:
            InvalidInputError: the model has no such layer.
            CapabilityError: the layer has no such part, or none that can be told.
        """
        parts = self.parts[self._place(index)]
        path: str | None = (parts.mlp_out or parts.experts) if part == "mlp" else getattr(parts, part)
        if path is None and part == "mlp_out" and parts.experts is not None:
            raise CapabilityError(
                f"layer {self._place(index)} of this {self.name} model holds a mixture of experts, and so no one "
                "projection that writes its MLP's result: ft, grace, ike, serac and lora with targets='attention' "
                "need none"
            )
        if path is None:
            raise CapabilityError(
                f"layer {self._place(index)} of this {self.name} model has no {_CALLED[part]}: "
                "grace, ike and serac need none"
            )
        return f"{self.layer_name(index)}.{path}"

    def part(self, model: "PreTrainedModel", index: int, part: Part) -> "nn.Module":
        """A part of one layer; errors as in `part_name`."""
        return model.get_submodule(self.part_name(index, part))

    def mlp_names(self, index: int) -> tuple[str, ...]:
        """The full names of all projections of a layer's MLP, the one out of it last; errors as in `part_name`."""
        out = self.part_name(index, "mlp_out")
        return (*(f"{self.layer_name(index)}.{path}" for path in self.parts[self._place(index)].mlp_in), out)

    def mlp_out_weight(self, index: int) -> str:
        """The full name of the MLP's output matrix, which ROME and MEMIT change; errors as in `part_name`."""
        return f"{self.part_name(index, 'mlp_out')}.weight"

    def _place(self, index: int) -> int:
        if not -self.count <= index < self.count:
            raise InvalidInputError(
                f"no layer {index}: {self.name} here has {self.count} layers, 0 to {self.count - 1}"
            )
        return index % self.count


def family_of(model: "PreTrainedModel") -> Family:
    """The places of `model`; of an encoder-decoder, those of its decoder.

    Raises:
        CapabilityError: its module tree shows no list of layers, or no embedding of tokens.
    """
    return _read(model, model.get_decoder())  # type: ignore[no-untyped-call]


def encoder_of(model: "PreTrainedModel") -> Family:
    """The same for the encoder of an encoder-decoder; errors as in `family_of`.

    Raises:
        InvalidInputError: the model has no encoder beside its decoder.
    """
    if not model.config.is_encoder_decoder:
        name = model.config.model_type
        raise InvalidInputError(f"a {name} model has one stack of layers: it is not an encoder-decoder")
    return _read(model, model.get_encoder())


def state_width(model: "PreTrainedModel") -> int:
    """How many coordinates a hidden state has; an embedding of tokens may be narrower."""
    return int(model.config.get_text_config(decoder=True).hidden_size)


def _read(model: "PreTrainedModel", stack: "nn.Module") -> Family:
    names = {id(module): name for name, module in model.named_modules()}
    layers = layers_in(stack)
    if layers is None or id(model.get_input_embeddings()) not in names:
        missing = "list of layers with projections" if layers is None else "embedding of tokens"
        raise CapabilityError(f"the module tree of a {model.config.model_type} model shows no {missing}")
    width = state_width(model)
    listed: nn.ModuleList = stack.get_submodule(layers)  # type: ignore[assignment]
    parts = tuple(parts_of(layer, width) for layer in listed)
    attending = [layer.get_submodule(p.attention) for layer, p in zip(listed, parts, strict=True) if p.attention]
    return Family(
        name=str(model.config.model_type),
        embedding=names[id(model.get_input_embeddings())],
        layers=names[id(listed)],
        parts=parts,
        stack=names[id(stack)],
        decoder_only=not model.config.is_encoder_decoder and all(map(looks_back_only, attending)),
    )
