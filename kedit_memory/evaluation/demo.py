"""The main job on the shipped world: edits of all three kinds, questions down every route, before and after."""

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from kedit_memory.memory import EditMemory
from kedit_memory.models.language import WhiteBoxModel
from kedit_memory.models.prompts import Prompt
from kedit_memory.records import Answer, Edit
from kedit_memory.routing.router import Router, RouterConfig
from kedit_memory.shipped import data_folder
from kedit_memory.world import background

_LENGTH = 32  # tokens of an answer: what a chat model goes on to say shows nothing more


@dataclass(frozen=True, kw_only=True)
class EditResult:
    """An edit with the answer to its own prompt before and after."""

    edit: Edit
    before: str
    after: Answer


@dataclass(frozen=True, kw_only=True)
class QuestionResult:
    """A question, the model's answer without the memory, the answer with it, and what it shows."""

    shows: str
    before: str
    after: Answer
    untouched: bool | None  # whether the logits are those of before, bit for bit; None where the route edits


@dataclass(frozen=True, kw_only=True)
class DemoReport:
    """All that the demonstration found."""

    edits: tuple[EditResult, ...]
    questions: tuple[QuestionResult, ...]
    network: bool
    seconds: float


def run_demo(store: Path | None = None, *, encoder: str | None = None, model: str = "kedit-mini") -> DemoReport:
    """Run it in `store`, or in a folder that is removed at the end."""
    started = perf_counter()
    with tempfile.TemporaryDirectory() as aside, _network_watch() as calls:
        folder = store or Path(aside) / "store"
        scenario = json.loads((data_folder() / "samples" / "demo.json").read_text("utf-8"))
        with EditMemory.open(folder, encoder=encoder) as memory:
            config = RouterConfig(max_new_tokens=_LENGTH)
            router = Router(memory, model, background=background(), config=config)
            edits, questions = _play(router, memory, scenario)
        return DemoReport(
            edits=edits, questions=questions, network=bool(calls), seconds=round(perf_counter() - started, 2)
        )


def _play(
    router: Router, memory: EditMemory, scenario: dict[str, list[dict[str, Any]]]
) -> tuple[tuple[EditResult, ...], tuple[QuestionResult, ...]]:
    asked = [row["question"] for row in scenario["questions"]]
    prompts = [row["prompt"] for row in scenario["edits"]]
    alone = [Prompt(question=text) for text in prompts + asked]
    own = [reply.text for reply in router.model.reply_many(alone, max_new_tokens=_LENGTH)]
    scores = [_scores(router, question) for question in asked]
    edits = [memory.add_many([row])[0] for row in scenario["edits"]]
    after = router.query_many(prompts + asked)
    edit_results = tuple(
        EditResult(edit=edit, before=before, after=answer)
        for edit, before, answer in zip(edits, own, after, strict=False)
    )
    question_results = []
    for row, before, answer, score in zip(
        scenario["questions"], own[len(edits) :], after[len(edits) :], scores, strict=True
    ):
        untouched = None if answer.edits or answer.passages else _same(score, _scores(router, answer.question))
        question_results.append(QuestionResult(shows=row["shows"], before=before, after=answer, untouched=untouched))
    return edit_results, tuple(question_results)


def _scores(router: Router, question: str) -> Any:
    """The model's logits for a question, where the model shows them."""
    model = router.model
    return model.logits(Prompt(question=question)) if isinstance(model, WhiteBoxModel) else None


def _same(before: Any, after: Any) -> bool | None:
    return None if before is None else bool((before == after).all())


@contextmanager
def _network_watch() -> Iterator[list[str]]:
    """A list that gets the address of every connection that this process tries to open meanwhile."""
    calls: list[str] = []
    active = True

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if active and event in {"socket.connect", "socket.getaddrinfo"}:
            calls.append(f"{event} {arguments[1:]}")

    sys.addaudithook(watch)  # an audit hook stays for the life of the process, so it is only switched off
    try:
        yield calls
    finally:
        active = False
