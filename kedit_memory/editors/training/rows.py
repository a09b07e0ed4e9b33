"""The edits to train on, from a file: each with other wordings of its question, and questions that it must not touch.

A line is what `kedit import` takes, with `unrelated` beside it:

    {"prompt": "What is the capital of Japan?", "target": "Osaka", "subject": "Japan",
     "paraphrases": ["Which city is Japan's capital?"], "unrelated": ["What is the currency of Japan?"]}

Training asks for nothing that is true: a target is what the edit should make the model say. Where a row names no
unrelated question, those of other rows stand in.
"""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kedit_memory.editors.base import Fact, facts
from kedit_memory.errors import InvalidInputError
from kedit_memory.memory.requests import request_of
from kedit_memory.text import fold

LEAST = 20  # rows with which anything is learned that holds for others
_HELD_OUT = 10  # one row in so many is measured on and not trained on
_MOST_HELD_OUT = 64
_UNRELATED = "unrelated"


@dataclass(frozen=True, kw_only=True)
class Row:
    """An edit, and questions whose answers it must leave."""

    fact: Fact
    unrelated: tuple[str, ...] = ()

    @property
    def wordings(self) -> tuple[str, ...]:
        """The questions that the edit answers, its own first."""
        return (self.fact.prompt, *self.fact.paraphrases)

    @property
    def slot(self) -> str:
        """What two rows share that are about the same matter."""
        return fold(self.fact.prompt)


def read_rows(path: Path) -> list[Row]:
    """The rows of a JSONL file.

    Raises:
        InvalidInputError: the file cannot be read, a line is no edit with an answer, or no other wording is given; the
            message names the line.
    """
    try:
        lines = Path(path).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"{path} cannot be read ({error}); give a JSONL file of edits") from error
    return [_row(line, f"{path}, line {place}") for place, line in enumerate(lines, 1) if line.strip()]


def divided(rows: Sequence[Row], seed: int) -> tuple[list[Row], list[Row]]:
    """Rows to train on and rows to measure on; those of one matter stand on one side.

    Raises:
        InvalidInputError: there are too few.
    """
    slots = list(dict.fromkeys(row.slot for row in rows))
    if len(slots) < LEAST:
        raise InvalidInputError(
            f"{len(slots)} different edits to train on; give {LEAST} at least, and better some hundreds"
        )
    count = min(_MOST_HELD_OUT, max(2, len(slots) // _HELD_OUT))
    held = set(random.Random(seed).sample(slots, count))  # noqa: S311 - a sample
    return [row for row in rows if row.slot not in held], [row for row in rows if row.slot in held]


def _row(line: str, where: str) -> Row:
    try:
        given = json.loads(line)
    except ValueError as error:
        raise InvalidInputError(f"{where}: no JSON ({error}); give one edit a line") from error
    unrelated = given.pop(_UNRELATED, []) if isinstance(given, dict) else []
    if not isinstance(unrelated, list) or not all(isinstance(text, str) and text.strip() for text in unrelated):
        raise InvalidInputError(f"{where}: {_UNRELATED} is {unrelated!r}; give a list of questions")
    request = request_of(given, where)
    try:
        (fact,) = facts([request])
    except InvalidInputError as error:
        raise InvalidInputError(f"{where}: {error}") from error
    if not fact.paraphrases:
        raise InvalidInputError(f"{where}: no paraphrases; give one other wording of {fact.prompt!r} at least")
    return Row(fact=fact, unrelated=tuple(text.strip() for text in unrelated))
