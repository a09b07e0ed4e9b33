"""The methods of a stream by name, each with a model of its own: those of the table, and `router:PATH` for the memory.

An edit counts as taken in once it has answered its own question, so every path of the router is asked it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from kedit_memory.editors import named_editor
from kedit_memory.evaluation.method import Bench, Method
from kedit_memory.evaluation.methods import UNEDITED, Edited, Make, Remembered, Unedited
from kedit_memory.models.classifier import Editable
from kedit_memory.routing.background import Background
from kedit_memory.routing.router import RouterConfig

ROUTER = "router:"  # before the path by which an edit in scope answers

LoadModel = Callable[[], Editable]


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What methods are made from.

    Attributes:
        load: gives a fresh model.
        encoder: of memories.
        max_new_tokens: where answers are cut.
        background: what the router is given beside its memory.
        preset: the kind of settings that editors take where they have it.
    """

    load: LoadModel
    encoder: str | None
    max_new_tokens: int
    background: Background | None = None
    preset: str | None = None


def check_method(name: str) -> None:
    """Refuse a name that stands for no method, before anything is loaded.

    Raises:
        UnknownNameError: no editor has the name.
        InvalidInputError: the router has no such path, or the editor no such option.
    """
    if name.startswith(ROUTER):
        RouterConfig(path=name.removeprefix(ROUTER))
    elif name != UNEDITED:
        named_editor(name)


@contextmanager
def opened(name: str, setting: Setting) -> Iterator[Method]:
    """The method of a name, with a model of its own, within the block."""
    bench = Bench(
        setting.load(),
        encoder=setting.encoder,
        background=setting.background,
        max_new_tokens=setting.max_new_tokens,
        preset=setting.preset,
    )
    method = _made(name)(bench)
    try:
        method.prepare()
        yield method
    finally:
        method.close()


def _made(name: str) -> Make:
    if name.startswith(ROUTER):
        return partial(Remembered, name.removeprefix(ROUTER), asks=True)
    return Unedited if name == UNEDITED else partial(Edited, name)
