"""`kedit ask`: questions, each on its own."""

from typing import TYPE_CHECKING, Annotated

import typer

from kedit_memory.cli import options as o
from kedit_memory.cli.output import emit, piece
from kedit_memory.cli.progress import TELLER, step
from kedit_memory.cli.routers import make_router
from kedit_memory.cli.stdin import questions_of
from kedit_memory.cli.store import open_store

if TYPE_CHECKING:
    from kedit_memory.records import Answer, Decision


def ask(
    question: Annotated[
        str, typer.Argument(help="A question or a cloze prompt; - answers each line of standard input.")
    ],
    explain: Annotated[bool, typer.Option("--explain", help="Say where it goes and why, without an answer.")] = False,
    as_of: o.AsOf = None,
    model: o.Model = o.MODEL,
    path: o.PathChoice = "auto",
    related: o.Related = 0,
    rerank: o.Rerank = None,
    passages_from: o.PassagesFrom = "retrieved",
    max_new_tokens: o.MaxNewTokens = None,
    device: o.Device = None,
    dtype: o.Dtype = None,
    store: o.ExistingStore = o.STORE,
    namespace: o.Namespace = o.NAMESPACE,
    encoder: o.Encoder = None,
    as_json: o.Json = False,
) -> None:
    """Ask a question, and say which way it went and why.

    With --quiet the answer stands alone. Questions from standard input know nothing of each other, and with --json
    each answer is one object in a line.
    """
    asked = questions_of(question)
    with open_store(store, encoder, create=False, device=o.one_device(device)) as memory:
        router = make_router(
            memory, model, path, device, dtype,
            related=related, rerank=rerank, passages_from=passages_from, max_new_tokens=max_new_tokens,
        )  # fmt: skip
        for one in asked:
            step("looking for an answer")
            if explain:
                _tell(router.explain(one, as_of=as_of, namespace=namespace), as_json=as_json)
            else:
                answer = router.query(one, as_of=as_of, namespace=namespace, on_text=None if as_json else piece)
                _tell(answer, as_json=as_json, behind=["", ""])


def _tell(result: "Answer | Decision", *, as_json: bool, behind: list[str] | None = None) -> None:
    """Print what an answer rests on, behind its text, which is printed as it comes."""
    from kedit_memory.routing.provenance import to_dict, to_lines

    lines = behind[:1] if behind and TELLER.quiet else [*(behind or []), *to_lines(result)]
    emit(as_json=as_json, document=to_dict(result), lines=lines)
