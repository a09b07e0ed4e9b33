"""`kedit chat`: one question after the other, each with the turns before it."""

import sys

from kedit_memory.cli import options as o
from kedit_memory.cli.output import emit, piece
from kedit_memory.cli.progress import TELLER, complain, step
from kedit_memory.cli.routers import make_router
from kedit_memory.cli.stdin import spoken
from kedit_memory.cli.store import open_store
from kedit_memory.errors import KeditError
from kedit_memory.records import Answer, Message


def chat(
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
    """Keep asking, one question a line, until quit, exit or Ctrl-D.

    The model reads the turns before. With --json each answer is one JSON object in a line.
    """
    from kedit_memory.routing.asking import check_dialogues
    from kedit_memory.routing.provenance import to_dict

    with open_store(store, encoder, create=False, device=o.one_device(device)) as memory:
        router = make_router(
            memory, model, path, device, dtype,
            related=related, rerank=rerank, passages_from=passages_from, max_new_tokens=max_new_tokens,
        )  # fmt: skip
        check_dialogues(router.model)
        TELLER.clear()
        turns: list[Message] = []
        for line in spoken():
            asked = Message("user", line)
            step("looking for an answer")
            try:
                answer = router.query(messages=[*turns, asked], namespace=namespace, on_text=None if as_json else piece)
            except KeditError as error:
                complain(str(error))
                continue
            turns += [asked, Message("assistant", answer.text)]
            emit(as_json=as_json, document=to_dict(answer), lines=_behind(answer))
            sys.stdout.flush()


def _behind(answer: Answer) -> list[str]:
    """What stands below an answer, which was printed as it came."""
    note = f"  [{answer.route.value}] {answer.reason}{'; cut' if answer.cut else ''}"
    return [""] if TELLER.quiet else ["", note]
