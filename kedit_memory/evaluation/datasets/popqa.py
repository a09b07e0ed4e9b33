"""PopQA (Mallen et al. 2023): questions about entities of all degrees of popularity.

The published table is read where it is there, else a sample of it in the form of search-augmented readers.
"""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kedit_memory.errors import InvalidInputError
from kedit_memory.evaluation.case import Case
from kedit_memory.evaluation.datasets.asked import EntityQuestion, cases_of
from kedit_memory.evaluation.datasets.loaded import Loaded, texts
from kedit_memory.evaluation.datasets.public import present, read_json_lines, read_text

_TABLE, _SAMPLE = "popQA.tsv", "popqa_pop_1000_16relations.jsonl"


def cases(folder: Path) -> Loaded[Case]:
    """A case for each question, of several subjects of one name with the answers of all."""
    rows = ({"asked": one} for one in questions(folder))
    return cases_of(rows, lambda row: row["asked"], files=(file_of(folder).name,))


def file_of(folder: Path) -> Path:
    """The file that is read."""
    return present(folder, (_TABLE, _SAMPLE))[0]


def questions(folder: Path) -> list[EntityQuestion]:
    """The questions in the order of the file.

    Raises:
        InvalidInputError: the file is of another form.
    """
    path = file_of(folder)
    rows = _table(path) if path.name == _TABLE else _sample(path)
    try:
        return [
            EntityQuestion(
                text=row["question"],
                answers=answers,
                relation=row["prop"],
                subject=row["subj"],
                views=float(row["s_pop"]) if float(row["s_pop"]) >= 0 else None,  # a negative one stands for unknown
            )
            for row, answers in rows
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInputError(f"{path} is not in the form of PopQA ({error!r}); fetch the set anew") from error


def _table(path: Path) -> Iterator[tuple[dict[str, Any], tuple[str, ...]]]:
    for row in csv.DictReader(io.StringIO(read_text(path)), delimiter="\t"):
        yield row, texts(json.loads(row["possible_answers"]))


def _sample(path: Path) -> Iterator[tuple[dict[str, Any], tuple[str, ...]]]:
    for row in read_json_lines(path):
        yield row["metadata"] | {"question": row["question"]}, tuple(row["golden_answers"])
