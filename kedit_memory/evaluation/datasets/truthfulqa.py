"""TruthfulQA (Lin et al. 2022): questions that people often answer wrong, in its two forms.

Edits say the right answer; the questions alone are what a model is asked before and after edits of other things.
"""

import csv
import io
from dataclasses import replace
from pathlib import Path

from kedit_memory.evaluation.case import Case, Question, own_question
from kedit_memory.evaluation.datasets.loaded import Loaded, Row, SkippedError, loaded, text
from kedit_memory.evaluation.datasets.public import present, read_rows, read_text
from kedit_memory.records import EditRequest

ONE_RIGHT, SEVERAL_RIGHT = "mc1", "mc2"


def generation(folder: Path) -> Loaded[Case]:
    """Questions to be answered freely, with the answers that are right and those that are wrong."""
    (path,) = present(folder, ("TruthfulQA.csv",))
    rows = csv.DictReader(io.StringIO(read_text(path)))
    return loaded(rows, _case, key=lambda case: case.prompt, files=(path.name,))


def multiple_choice(folder: Path) -> Loaded[Case]:
    """The same with answers to choose from: `mc1` has one that is right, `mc2` several."""
    (path,) = present(folder, ("mc_task.json",))
    return loaded(read_rows(path), _choosing, key=lambda case: case.prompt, files=(path.name,))


def _case(row: Row) -> Case:
    right, wrong = _listed(row, "Correct Answers"), _listed(row, "Incorrect Answers")
    edit = EditRequest(prompt=text(row, "Question"), target=text(row, "Best Answer"))
    accepted = tuple(dict.fromkeys((text(row, "Best Answer"), *right)))
    own = replace(own_question(edit, accepted), rejected=wrong)
    return Case(edit=edit, questions=(own,), kind=text(row, "Category"))


def _listed(row: Row, name: str) -> tuple[str, ...]:
    return tuple(one.strip() for one in text(row, name).split(";") if one.strip())


def _choosing(row: Row) -> Case:
    asked = tuple(_choice(row, kind) for kind in (ONE_RIGHT, SEVERAL_RIGHT))
    edit = EditRequest(prompt=text(row, "question"), target=asked[0].accepted[0])
    return Case(edit=edit, questions=asked)


def _choice(row: Row, kind: str) -> Question:
    judged = row[f"{kind}_targets"]
    right, wrong = (tuple(answer for answer, label in judged.items() if label == one) for one in (1, 0))
    if not right or not wrong:
        raise SkippedError(f"no right or no wrong answer in {kind}")
    return Question(
        text=text(row, "question"), metric="accuracy", kind=kind, accepted=right, rejected=wrong, covered=True
    )
