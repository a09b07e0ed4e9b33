"""Hooks that read or replace what goes into or comes out of a module, removed on exit, errors included."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Literal

import torch
from torch import nn

Side = Literal["input", "output"]


@contextmanager
def capture(module: nn.Module, side: Side = "output", *, rows: int | None = None) -> Iterator[list[torch.Tensor]]:
    """A list that gets the tensor at one side of `module`, of each forward pass within the block.

    Of a tuple (some layers give one), the first tensor, the hidden state, is meant. Tensors are not detached, and
    nothing that the model does to them later changes them: Falcon adds attention into what its MLP gave. `rows` is as
    for `replace`.
    """
    seen: list[torch.Tensor] = []

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        seen.append(tensor)
        return tensor.clone()

    with replace(module, keep, side, rows=rows):
        yield seen


@contextmanager
def replace(
    module: nn.Module,
    function: Callable[[torch.Tensor], torch.Tensor],
    side: Side = "output",
    *,
    rows: int | None = None,
) -> Iterator[None]:
    """Within the block, `function` changes the tensor at one side of `module` in each forward pass.

    With the `rows` of the batch, `function` has (rows, tokens, width) also where a module has all tokens in one row, as
    the MLP of OPT.
    """

    def change(tensor: torch.Tensor) -> torch.Tensor:
        if rows is None or tensor.dim() == 3:
            return function(tensor)
        return function(tensor.reshape(rows, -1, tensor.shape[-1])).flatten(0, 1)

    def before(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if args:
            return (change(args[0]), *args[1:]), kwargs
        name = next(key for key, value in kwargs.items() if isinstance(value, torch.Tensor))
        return args, kwargs | {name: change(kwargs[name])}

    def after(_: nn.Module, __: tuple[Any, ...], output: Any) -> Any:
        if isinstance(output, tuple):
            return (change(output[0]), *output[1:])
        return change(output)

    if side == "input":
        handle = module.register_forward_pre_hook(before, with_kwargs=True)
    else:
        handle = module.register_forward_hook(after)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def revise(module: nn.Module, function: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> Iterator[None]:
    """Within the block, a module that reads one tensor gives what `function` makes of that and of its own output."""
    handle = module.register_forward_hook(lambda _, args, output: function(args[0], output))
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def no_further_than(module: nn.Module) -> Iterator[None]:
    """A block that a forward pass within it ends where `module` would begin, so that what is above costs nothing.

    Hooks that were set before see what goes into the module.
    """

    def end(_: nn.Module, __: tuple[Any, ...]) -> None:
        raise _FarEnough

    handle = module.register_forward_pre_hook(end)
    try:
        with suppress(_FarEnough):
            yield
    finally:
        handle.remove()


class _FarEnough(Exception):  # noqa: N818 - no error: it takes a pass back to where it was begun
    pass


@contextmanager
def watch(
    module: nn.Module, before: Callable[[Mapping[str, Any]], None], after: Callable[[Any], None]
) -> Iterator[None]:
    """Within the block, `before` is told each forward pass's arguments by name, and `after` what came out of it."""
    names = tuple(inspect.signature(module.forward).parameters)

    def enter(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        before(dict(zip(names, args, strict=False), **kwargs))

    def leave(_: nn.Module, __: tuple[Any, ...], output: Any) -> None:
        after(output)

    handles = (module.register_forward_pre_hook(enter, with_kwargs=True), module.register_forward_hook(leave))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def bypass(module: nn.Module, function: Callable[..., Any]) -> Iterator[None]:
    """Within the block, `function` gives the module's output in place of its own computation; hooks still run."""
    own = module.__dict__.get("forward")  # set on the module itself where its layers are spread over devices
    module.forward = function
    try:
        yield
    finally:
        if own is None:
            del module.forward
        else:
            module.forward = own


def has_hooks(modules: Iterable[nn.Module]) -> bool:
    """Whether hooks see or change what goes into or comes out of these modules, or of modules within them."""
    parts = (part for module in modules for part in module.modules())
    return any(part._forward_hooks or part._forward_pre_hooks for part in parts)
