"""DUnE (Akyürek et al. 2023): edits in plain words, each with questions by which one sees that it took hold.

Edits are statements. Answers of the two parts on bias are those that must not be given. Questions of the locality
files belong to no edit.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kedit_memory.errors import InvalidInputError
from kedit_memory.evaluation.case import GENERALIZATION, LOCALITY, Case, Question
from kedit_memory.evaluation.datasets.loaded import Loaded, Row, SkippedError, loaded, text
from kedit_memory.evaluation.datasets.public import present, read_json
from kedit_memory.records import EditRequest

_PARTS = ("arithmetic", "new_info", "scientific", "debiasing_I", "debiasing_II")
_BIASED = ("debiasing_I", "debiasing_II")


def cases(folder: Path) -> Loaded[Case]:
    """A case for each statement of all parts that are there, with all questions that any of its rows asks."""
    files = present(folder, (f"{part}.json" for part in _PARTS))
    asked: dict[tuple[str, str], dict[str, Any]] = {}
    for row in (row for path in files for row in _rows(path)):
        one = asked.setdefault((row["part"], row["edit"]), {"part": row["part"], "edit": row["edit"], "asked": []})
        one["asked"] += row["asked"]
    outside = [one for path in files for one in _outside(folder / f"{path.stem}_locality.json", path.stem)]
    return loaded(
        asked.values(),
        _case,
        key=lambda case: f"{case.kind}: {case.edit.statement}",
        outside=outside,
        files=(path.name for path in files),
    )


def _rows(path: Path) -> Iterator[Row]:
    found = read_json(path)
    try:
        edits = found.get("edits", found.get("edits:"))  # one file has its name so
        for edit, asked in zip(edits, found["test_inputs"], strict=True):
            yield {"part": path.stem.removesuffix("_locality"), "edit": edit, "asked": _pairs(edit, asked)}
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise InvalidInputError(
            f"{path} has not equally many edits and test_inputs, of its form ({error!r}); fetch the set anew"
        ) from error


def _pairs(edit: str, asked: Any) -> list[tuple[str, str]]:
    """Questions with their answers: a text whose answer is the edit's result, one pair, or several."""
    if isinstance(asked, str):
        return [(asked.strip(), edit.rpartition("=")[2].strip())]
    pairs = [asked] if asked and isinstance(asked[0], str) else asked
    return [(pair[0].strip(), pair[1].strip()) for pair in pairs]


def _case(row: Row) -> Case:
    edit = EditRequest(statement=text(row, "edit"))
    part, pairs = row["part"], dict.fromkeys(pair for pair in row["asked"] if all(pair))
    if not pairs:
        raise SkippedError("no question with an answer")
    return Case(
        edit=edit,
        questions=tuple(
            Question(
                text=question,
                metric=GENERALIZATION,
                kind=part,
                accepted=() if part in _BIASED else (answer,),
                rejected=(answer,) if part in _BIASED else (),
                covered=True,
            )
            for question, answer in pairs
        ),
        kind=part,
    )


def _outside(path: Path, part: str) -> Iterator[Question]:
    if path.is_file():
        for row in _rows(path):
            for question, answer in row["asked"]:
                yield Question(text=question, metric=LOCALITY, kind=part, truth=(answer,) if answer else ())
