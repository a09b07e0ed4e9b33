"""Questions."""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from kedit_memory.cli import options as o
from kedit_memory.cli.memory import open_store
from kedit_memory.cli.output import emit, piece
from kedit_memory.errors import KeditError
from kedit_memory.memory import EditMemory
from kedit_memory.records import Message

if TYPE_CHECKING:
    from kedit_memory.models.language import TextModel
    from kedit_memory.routing.router import Router

Question = Annotated[str, typer.Argument(help="A question or a cloze prompt.")]


@dataclass(frozen=True)
class _Named:
    """A model that is loaded when it is first asked, known by name before: what was calibrated for it goes by that."""

    name: str
    load: "Callable[[], TextModel]"

    def __call__(self) -> "TextModel":
        return self.load()


def make_router(
    memory: EditMemory,
    model: str,
    path: str,
    device: str | None,
    dtype: str | None,
    *,
    rerank: str | None = None,
    passages_from: str = "retrieved",
    max_new_tokens: int | None = None,
) -> "Router":
    """A router over an open store; the key of an endpoint comes from KEDIT_API_KEY."""
    from kedit_memory.models.cross_encoder import load_cross_encoder
    from kedit_memory.models.named import load_model
    from kedit_memory.routing.router import Router, RouterConfig

    config = RouterConfig(path=path, passages_from=passages_from, max_new_tokens=max_new_tokens)
    return Router(
        memory,
        _Named(model, lambda: load_model(model, device=device, dtype=dtype, api_key=os.environ.get("KEDIT_API_KEY"))),
        reranker=load_cross_encoder(rerank, device=device) if rerank is not None else None,
        config=config,
    )


def ask(
    question: Question,
    explain: Annotated[bool, typer.Option("--explain", help="Say where it goes and why, without an answer.")] = False,
    as_of: o.AsOf = None,
    model: o.Model = "kedit-mini",
    path: o.PathChoice = "auto",
    rerank: o.Rerank = None,
    passages_from: o.PassagesFrom = "retrieved",
    max_new_tokens: o.MaxNewTokens = None,
    device: o.Device = None,
    dtype: o.Dtype = None,
    store: o.Store = o.STORE,
    namespace: o.Namespace = o.NAMESPACE,
    encoder: o.Encoder = None,
    as_json: o.Json = False,
) -> None:
    """Ask one question, and say which way it went and why."""
    from kedit_memory.routing.provenance import to_dict, to_lines

    with open_store(store, encoder) as memory:
        router = make_router(
            memory, model, path, device, dtype,
            rerank=rerank, passages_from=passages_from, max_new_tokens=max_new_tokens,
        )  # fmt: skip
        if explain:
            decision = router.explain(question, as_of=as_of, namespace=namespace)
            emit(as_json=as_json, document=to_dict(decision), lines=to_lines(decision))
        else:
            answer = router.query(question, as_of=as_of, namespace=namespace, on_text=None if as_json else piece)
            emit(as_json=as_json, document=to_dict(answer), lines=["", "", *to_lines(answer)])


def chat(
    model: o.Model = "kedit-mini",
    path: o.PathChoice = "auto",
    rerank: o.Rerank = None,
    passages_from: o.PassagesFrom = "retrieved",
    max_new_tokens: o.MaxNewTokens = None,
    device: o.Device = None,
    dtype: o.Dtype = None,
    store: o.Store = o.STORE,
    namespace: o.Namespace = o.NAMESPACE,
    encoder: o.Encoder = None,
    as_json: o.Json = False,
) -> None:
    """Keep asking, one question a line, until the input ends; the model reads the turns before.

    With --json each answer is one JSON object in a line.
    """
    from kedit_memory.routing.asking import check_dialogues
    from kedit_memory.routing.provenance import to_dict

    with open_store(store, encoder) as memory:
        router = make_router(
            memory, model, path, device, dtype,
            rerank=rerank, passages_from=passages_from, max_new_tokens=max_new_tokens,
        )  # fmt: skip
        check_dialogues(router.model)
        turns: list[Message] = []
        for line in _questions():
            asked = Message("user", line)
            try:
                answer = router.query(messages=[*turns, asked], namespace=namespace, on_text=None if as_json else piece)
            except KeditError as error:
                print(f"kedit: {error}", file=sys.stderr)
                continue
            turns += [asked, Message("assistant", answer.text)]
            note = f"  [{answer.route.value}] {answer.reason}{'; cut' if answer.cut else ''}"
            emit(as_json=as_json, document=to_dict(answer), lines=["", note])
            sys.stdout.flush()


def _questions() -> Iterator[str]:
    """The lines of standard input that hold something, asked for where somebody sits at a terminal."""
    if sys.stdin is None:  # closed before the program began
        return
    sign = "? " if sys.stdin.isatty() and sys.stdout.isatty() else ""
    while True:
        try:
            line = input(sign).strip()
        except EOFError:
            return
        if line:
            yield line
