"""Single sentences as edits, with the many small questions that each of them answers."""

import re
from collections.abc import Iterator
from pathlib import Path

from kedit_memory.errors import InvalidInputError
from kedit_memory.evaluation.public import folder_of
from kedit_memory.evaluation.scope.answered import Answered, add_answered, statement
from kedit_memory.evaluation.scope.cases import ScopeSet, SetBuilder
from kedit_memory.evaluation.scope.paragraphs import alike, names_it, stands_alone

_SHARED = 3  # content words that a question has from its sentence, of which a name counts twice
_NAMED = re.compile(r"\s[A-Z]\w")
_UNCLEAR = re.compile(
    r"\s\s|\t|\b(someone|something|somewhere|this|that|it|they|he|she|them|him|her|his|their)\b", re.IGNORECASE
)


def qamr_set(data: Path, *, seed: int = 1) -> ScopeSet:
    """QAMR (Michael et al. 2018): sentences of Wikipedia and Wikinews, and the questions that say what they are about.

    Raises:
        InvalidInputError: the file cannot be read as the set has it.
    """
    path = folder_of(data, "qamr") / "dev_readable.tsv"
    try:
        blocks = [block.strip().split("\n") for block in path.read_text("utf-8").split("\n\n") if block.strip()]
        found = [one for head, text, *rows in blocks if (one := _sentence(head, text, rows)).questions]
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"{path} cannot be read ({error}); fetch the set anew") from error
    builder = SetBuilder("qamr", seed)
    add_answered(builder, [one for one in found if stands_alone(one.prompt)], of="article", trains=True)
    return builder.finished()


def _sentence(head: str, text: str, rows: list[str]) -> Answered:
    """A sentence; its head ends with the article, the paragraph and the place in it."""
    article = ":".join(head.split(":")[1:3])
    return statement(article, text, *dict.fromkeys(_questions(rows, text)))


def _questions(rows: list[str], sentence: str) -> Iterator[str]:
    """The questions that could not be asked of many sentences."""
    for row in rows:
        question, mark, _ = row.partition("?")
        shared = alike(question, sentence) + bool(_NAMED.search(question))
        if mark and shared >= _SHARED and names_it(question, sentence) and not _UNCLEAR.search(question):
            yield f"{question}?"
