"""In-context editing: no weight changes, the edit and worked examples of its use stand before the question.

Zheng et al. (2023), "Can We Edit Factual Knowledge by In-Context Learning?". What is in force is a `context` of the
model, through which every `Prompt` goes before it is rendered.
"""

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from kedit_memory.editors._demonstrations import Demonstration, nearest, shipped_demonstrations
from kedit_memory.editors._progress import Options
from kedit_memory.editors._teaching import check_options, judged
from kedit_memory.editors._weights import outcome_from, read_record, write_aside, write_record
from kedit_memory.editors.base import Fact, Outcome, Wanted, facts, undone_on_failure
from kedit_memory.errors import EditorError
from kedit_memory.memory.requests import statement_of
from kedit_memory.models.encoder import load_encoder
from kedit_memory.models.language import WhiteBoxModel, white_box
from kedit_memory.models.prompts import MAX_NEW_TOKENS, Prompt
from kedit_memory.records import Encoder

_RECORD = "change.json"
# Tokens that a model's own format may put around a question and its context.
_FRAME = 32
# Questions whose vectors and edits are kept: one question is rendered several times on its way to an answer.
_REMEMBERED = 1024


@dataclass(frozen=True, kw_only=True)
class InContext(Options):
    """The nearest edits, and demonstrations of the nearest, before each question that is near enough.

    Attributes:
        demonstrations: How many worked examples stand before the edit; fewer where the window ends. The paper takes
            32, for models of billions of weights; a small one that cannot learn in context is led astray by them.
        edits: How many edits stand before a question, the nearest last.
        least: The cosine between question and edit below which a question is asked as it is; -1 puts edits before
            every question, as the paper does, and costs locality.
        encoder: What tells how near texts are: "minilm", "hashing", a folder or a Hub name.
        pool: The demonstrations to choose from; None takes those that ship.
    """

    name: ClassVar[str] = "ike"

    demonstrations: int = 0
    edits: int = 1
    least: float = 0.6
    encoder: str = "minilm"
    pool: tuple[Demonstration, ...] | None = None

    def __post_init__(self) -> None:
        check_options(
            self.name,
            demonstrations=(self.demonstrations, 0, float("inf")),
            edits=(self.edits, 1, float("inf")),
            least=(self.least, -1.0, 1.0),
        )

    def apply(self, model: WhiteBoxModel, edits: Sequence[Wanted]) -> "ContextChange":
        """Put the edits into the model's context; errors as in `Editor.apply`.

        Raises:
            MissingDependencyError: the encoder needs a package that is not installed.
        """
        started = time.perf_counter()
        wanted = facts(edits)
        model = white_box(model, self.name)
        encoder = _encoder(self.encoder)
        pool = self._pool() if self.demonstrations else ()
        entries = [
            Entry(fact=fact, shown=tuple(nearest(_statement(fact), pool, self.demonstrations, encoder)))
            for fact in wanted
        ]
        change = ContextChange(model, self, entries, ())
        tell = self.telling("edits asked for")
        tell(0, len(wanted))
        with undone_on_failure(change):
            change.outcomes = tuple(judged(model, wanted, 0, started))
        return change

    def load(self, model: WhiteBoxModel, folder: Path) -> "ContextChange":
        """Put a saved change back, with the options that it was made with; errors as in `Editor.load`."""
        model = white_box(model, self.name)
        record = read_record(Path(folder) / _RECORD, self.name, model)
        try:
            if record["checksum"] != _checksum(record["content"]):
                raise EditorError(f"the change saved in {folder} is damaged: make the edit again")
            content = json.loads(record["content"])
            outcomes = [outcome_from(row) for row in content["outcomes"]]
            shown = [tuple(Demonstration(**row) for row in rows) for rows in content["shown"]]
            entries = [Entry(fact=one.fact, shown=rows) for one, rows in zip(outcomes, shown, strict=True)]
            options = dict(content["options"])
            options.pop("seed", None)  # of changes that drew their demonstrations
            editor = replace(self, **options)
        except (KeyError, TypeError, ValueError) as error:
            raise EditorError(f"the change saved in {folder} is damaged: make the edit again") from error
        return ContextChange(model, editor, entries, outcomes)

    def _pool(self) -> Sequence[Demonstration]:
        return shipped_demonstrations() if self.pool is None else self.pool


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An edit with the demonstrations that stand before it, the nearest last."""

    fact: Fact
    shown: tuple[Demonstration, ...]


class ContextChange:
    """Edits in force as what a model reads before a question: an `Applied`."""

    def __init__(
        self, model: WhiteBoxModel, editor: InContext, entries: Sequence[Entry], outcomes: Sequence[Outcome]
    ) -> None:
        self.model = model
        self.editor = editor
        self.entries = tuple(entries)
        self.outcomes = tuple(outcomes)
        self._fingerprint = model.fingerprint
        self._before = model.context
        self._context = _context(model, editor, self.entries, model.context)
        self._undone = False
        model.context = self._context

    def undo(self) -> None:
        """Take the edits out of the context; a second call changes nothing.

        Raises:
            EditorError: another change of context came later: it comes out first.
        """
        if self._undone:
            return
        if self.model.context is not self._context:
            raise EditorError(
                f"the context of {self.model.name} was changed since this {self.editor.name} edit, "
                "which can not be taken out alone: undo the later change first"
            )
        self.model.context = self._before
        self._undone = True

    def save(self, folder: Path) -> None:
        """Write the edits and their demonstrations as JSON: there are no weights to write.

        Raises:
            EditorError: the folder holds something already, or cannot be written.
        """
        options = {name: value for name, value in self.editor.options.items() if name != "pool"}
        shown = [[asdict(one) for one in entry.shown] for entry in self.entries]
        outcomes = [asdict(outcome) for outcome in self.outcomes]
        content = json.dumps({"options": options, "shown": shown, "outcomes": outcomes}, ensure_ascii=False)
        record = {"method": self.editor.name, "fingerprint": self._fingerprint, "content": content}
        record["checksum"] = _checksum(content)
        write_aside(Path(folder), lambda place: write_record(place / _RECORD, record))


def _context(
    model: WhiteBoxModel, editor: InContext, entries: Sequence[Entry], before: Callable[[Prompt], Prompt] | None
) -> Callable[[Prompt], Prompt]:
    """What puts the entries that are near a prompt's question before it, then what was put there already."""
    encoder = _encoder(editor.encoder)
    owners = [place for place, entry in enumerate(entries) for _ in _keys(entry.fact)]
    keys = encoder.encode([key for entry in entries for key in _keys(entry.fact)])  # (keys, dim), unit length

    @lru_cache(maxsize=_REMEMBERED)
    def chosen(question: str) -> list[Entry]:
        near = np.full(len(entries), -1.0)
        np.maximum.at(near, owners, keys @ _query(editor.encoder, question))
        nearest_first = near.argsort(kind="stable")[::-1][: editor.edits]
        return [entries[place] for place in nearest_first if near[place] >= editor.least][::-1]

    def put(prompt: Prompt) -> Prompt:
        asked = prompt if before is None else before(prompt)
        return _before_question(model, asked, chosen(prompt.question))

    return put


def _before_question(model: WhiteBoxModel, prompt: Prompt, chosen: Sequence[Entry]) -> Prompt:
    """The prompt with the chosen edits, nearest last, and with as many demonstrations of the nearest as fit."""
    if not chosen:
        return prompt
    prompt = replace(prompt, facts=(*(_statement(entry.fact) for entry in chosen), *prompt.facts))
    left = _room(model, prompt)
    kept: list[str] = []
    for one in reversed(chosen[-1].shown):
        left -= _tokens(model, one.text)
        if left < 0:
            break
        kept.insert(0, one.text)
    return replace(prompt, passages=(*kept, *prompt.passages))


def _room(model: WhiteBoxModel, prompt: Prompt) -> float:
    """The tokens that remain for demonstrations, by a count of the prompt's parts alone."""
    window = model.window
    if window is None:
        return float("inf")
    parts = (*prompt.passages, *prompt.facts, prompt.question)
    return window - MAX_NEW_TOKENS - _FRAME - sum(_tokens(model, part) for part in parts)


def _tokens(model: WhiteBoxModel, text: str) -> int:
    # With what marks a line as a passage or a fact.
    return len(model.encode_text(f"Passage: {text}\n"))


def _statement(fact: Fact) -> str:
    return statement_of(fact.prompt, fact.target)


def _keys(fact: Fact) -> tuple[str, ...]:
    """The texts by which an edit is found."""
    return (fact.prompt, *fact.paraphrases)


def _checksum(content: str) -> str:
    return hashlib.sha256(content.encode("utf-8")).hexdigest()


@lru_cache(maxsize=_REMEMBERED)
def _query(encoder: str, question: str) -> NDArray[np.float32]:
    """The question as edits are compared with it, (dim,); edits made one after the other all ask for the same."""
    found: NDArray[np.float32] = _encoder(encoder).encode([question])[0]
    return found


@lru_cache(maxsize=2)
def _encoder(name: str) -> Encoder:
    """The encoder of a name; kept, since reading its weights costs more than an edit."""
    return load_encoder(name)
