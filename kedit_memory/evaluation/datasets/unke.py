"""UnKE (Deng et al. 2025): long answers to be learned whole, with questions about their parts."""

from pathlib import Path

from kedit_memory.evaluation.case import PORTABILITY, Case, Question, own_question, rephrased
from kedit_memory.evaluation.datasets.kinds import PART, REPHRASING
from kedit_memory.evaluation.datasets.loaded import Loaded, Row, SkippedError, loaded, text
from kedit_memory.evaluation.datasets.public import present, read_rows
from kedit_memory.records import EditRequest


def cases(folder: Path) -> Loaded[Case]:
    """A case for each question, of the third edition where it is there, else of the second."""
    (path, *_) = present(folder, ("final_data_v3.json", "final_data_v2.json"))
    return loaded(read_rows(path), _case, key=lambda case: case.prompt, files=(path.name,))


def _case(row: Row) -> Case:
    edit = EditRequest(prompt=text(row, "question"), target=text(row, "answer"))
    parts, answers = row["sub_question"], row["sub_answer"]
    if len(parts) != len(answers):
        raise SkippedError("not as many answers as questions about parts")
    accepted = (text(row, "answer"),)
    return Case(
        edit=edit,
        questions=(
            own_question(edit, accepted),
            rephrased(text(row, "para_question"), REPHRASING, accepted),
            *(
                Question(text=part.strip(), metric=PORTABILITY, kind=PART, accepted=(answer.strip(),), covered=True)
                for part, answer in zip(parts, answers, strict=True)
            ),
        ),
    )
