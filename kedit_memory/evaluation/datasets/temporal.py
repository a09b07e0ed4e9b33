"""The temporal set of WISE (Wang et al. 2024; from Gangadhar and Stratos 2024): long texts about things that are new.

The test of generalization asks for the edit's text after another one about the same thing, as its authors do.
"""

from pathlib import Path

from kedit_memory.evaluation.case import LOCALITY, Case, Question, own_question, rephrased
from kedit_memory.evaluation.datasets.kinds import UNRELATED
from kedit_memory.evaluation.datasets.loaded import Loaded, Row, loaded, text
from kedit_memory.evaluation.datasets.public import present, read_rows
from kedit_memory.records import EditRequest

OTHER_TEXT = "other_text"


def cases(folder: Path) -> Loaded[Case]:
    """A case for each beginning of a text."""
    (path,) = present(folder, ("temporal-edit.json",))
    return loaded(read_rows(path), _case, key=lambda case: case.prompt, files=(path.name,))


def _case(row: Row) -> Case:
    edit = EditRequest(prompt=text(row, "prompt"), target=text(row, "target_new"), subject=text(row, "subject"))
    accepted = (text(row, "target_new"),)
    return Case(
        edit=edit,
        questions=(
            own_question(edit, accepted),
            rephrased(text(row, "ood_rephrase"), OTHER_TEXT, accepted),
            Question(
                text=text(row, "locality_prompt"),
                metric=LOCALITY,
                kind=UNRELATED,
                truth=(text(row, "locality_ground_truth"),),
            ),
        ),
    )
