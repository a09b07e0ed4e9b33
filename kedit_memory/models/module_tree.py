"""What a transformer's modules are for, told by their names and shapes: its layers, and what each layer holds."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import nn
from transformers.pytorch_utils import Conv1D

_ATTENTION = re.compile(r"att(entio)?n", re.IGNORECASE)  # self_attn, attention, SelfAttention …, and norms near them
_WRITES = re.compile(r"o|wo|o_.*|out.*|c_proj|dense|proj")  # what attention's last projection is called
_EXPERTS = "experts"


@dataclass(frozen=True, kw_only=True)
class Projection:
    """A linear map within a layer."""

    path: str
    inputs: int
    outputs: int
    transposed: bool  # its weight is stored (in, out), as Conv1D does, not (out, in)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Where one layer keeps what its result is made of, as paths from the layer; None where it has no such thing."""

    attention: str | None  # the module that attends to the layer's own stack
    attention_out: str | None  # the projection that writes attention's result
    mlp_in: tuple[str, ...]  # projections into the MLP, a gate first
    mlp_out: str | None  # the projection that writes the MLP's result
    experts: str | None  # a mixture of experts in place of an MLP, whole; it has no projections of its own here
    transposed: bool


def layers_in(stack: nn.Module) -> str | None:
    """The path of the list of layers: the longest list of modules with projections; of several, that with the most."""
    lists: dict[str, nn.ModuleList] = {}
    for path, module in stack.named_modules():
        within = any(path.startswith(f"{outer}.") for outer in lists)
        if isinstance(module, nn.ModuleList) and not within and any(True for _ in projections(module)):
            lists[path] = module
    return max(lists, key=lambda path: (len(lists[path]), len(list(projections(lists[path])))), default=None)


def parts_of(layer: nn.Module, width: int) -> Parts:
    """What a layer holds, in a model whose states have `width` coordinates."""
    found = list(projections(layer))
    attention = _attention(layer)
    inside = [p for p in found if attention is not None and p.path.startswith(f"{attention}.")]
    outside = [p for p in found if not _attends(p.path)]
    experts = _experts(layer)
    mlp_in, mlp_out = ((), None) if experts is not None else _mlp(outside, width)
    return Parts(
        attention=attention,
        attention_out=_writer(inside, width),
        mlp_in=mlp_in,
        mlp_out=mlp_out,
        experts=experts,
        transposed=any(p.transposed for p in found),
    )


def projections(module: nn.Module) -> Iterator[Projection]:
    """The linear maps within a module, in the order in which it names them."""
    for path, part in module.named_modules():
        if isinstance(part, nn.Linear):
            yield Projection(path=path, inputs=part.in_features, outputs=part.out_features, transposed=False)
        elif isinstance(part, Conv1D):
            yield Projection(path=path, inputs=part.nx, outputs=part.nf, transposed=True)


def looks_back_only(attention: nn.Module) -> bool:
    """Whether no token attends to a later one; attention that says nothing of itself is a decoder's."""
    return all(getattr(part, "is_causal", True) for part in attention.modules())


def _named(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    yield from module.named_modules()


def _attention(layer: nn.Module) -> str | None:
    """The first attention of a layer: what reads another stack comes after it."""
    for path, part in _named(layer):
        if _ATTENTION.search(_last(path)) and _projects(part):
            return path
    return None


def _writer(inside: Sequence[Projection], width: int) -> str | None:
    writers = [p.path for p in inside if p.outputs == width and _WRITES.fullmatch(_last(p.path))]
    return writers[-1] if writers else None


def _mlp(outside: Sequence[Projection], width: int) -> tuple[tuple[str, ...], str | None]:
    """The widest pair of projections there and back: what comes in may be twice as wide, a gate and a value as one."""
    best: tuple[tuple[str, ...], str | None] = ((), None)
    widest = 0
    for down in (p for p in outside if p.outputs == width):
        wide = (down.inputs, 2 * down.inputs)
        into = tuple(p.path for p in outside if p is not down and p.inputs == width and p.outputs in wide)
        if into and down.inputs >= widest:  # of equals, as where all are square, the last is the way back
            best, widest = (into, down.path), down.inputs
    return best


def _experts(layer: nn.Module) -> str | None:
    """The module around a layer's experts: they are named so, or their matrices are stacked in one weight."""
    for path, part in _named(layer):
        stacked = any(weight.dim() == 3 for weight in part.parameters(recurse=False)) and not _convolves(part)
        if not _attends(path) and (_last(path) == _EXPERTS or stacked):
            block, _, own = path.rpartition(".")
            return block or own
    return None


def _convolves(part: nn.Module) -> bool:
    return isinstance(part, nn.Conv1d | nn.Conv2d)


def _attends(path: str) -> bool:
    return any(_ATTENTION.search(name) for name in path.split("."))


def _projects(part: nn.Module) -> bool:
    return any(True for _ in projections(part))


def _last(path: str) -> str:
    return path.rpartition(".")[2]
