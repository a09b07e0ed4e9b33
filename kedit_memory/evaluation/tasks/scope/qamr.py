"""Single sentences as edits, with the many small questions that each of them answers."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from kedit_memory.evaluation.datasets.public import folder_of, read_text
from kedit_memory.evaluation.tasks.scope.answered import Answered, add_answered, statement
from kedit_memory.evaluation.tasks.scope.cases import ScopeSet, SetBuilder
from kedit_memory.evaluation.tasks.scope.paragraphs import alike, names_it, stands_alone

_SHARED = 3  # content words that a question has from its sentence, of which a name counts twice
_NAMED = re.compile(r"\s[A-Z]\w")
_UNCLEAR = re.compile(
    r"\s\s|\t|\b(someone|something|somewhere|this|that|it|they|he|she|them|him|her|his|their)\b", re.IGNORECASE
)


def qamr_set(data: Path, *, seed: int = 1) -> ScopeSet:
    """QAMR (Michael et al. 2018): sentences of Wikipedia and Wikinews, and questions that say what they are about."""
    text = read_text(folder_of(data, "qamr") / "dev_readable.tsv")
    found = [_sentence(*block.strip().split("\n")) for block in text.split("\n\n") if block.strip()]
    builder = SetBuilder("qamr", seed)
    kept = [one for one in found if one.questions and stands_alone(one.prompt)]
    add_answered(builder, kept, of="article", trains=True)
    return builder.finished()


def _sentence(head: str, text: str = "", *rows: str) -> Answered:
    """A sentence; its head ends with the article, the paragraph and the place in it."""
    article = ":".join(head.split(":")[1:3])
    return statement(article, text, *dict.fromkeys(_questions(rows, text)))


def _questions(rows: Sequence[str], sentence: str) -> Iterator[str]:
    """The questions that could not be asked of many sentences."""
    for row in rows:
        question, mark, _ = row.partition("?")
        shared = alike(question, sentence) + bool(_NAMED.search(question))
        if mark and shared >= _SHARED and names_it(question, sentence) and not _UNCLEAR.search(question):
            yield f"{question}?"
