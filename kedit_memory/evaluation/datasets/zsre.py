"""zsRE (Levy et al. 2017): edits in the editions of KnowEdit (Zhang et al. 2024) and of MEND (Mitchell et al. 2022)."""

from pathlib import Path
from typing import Any

from kedit_memory.evaluation.case import LOCALITY, Case, Question, own_question, rephrased
from kedit_memory.evaluation.datasets.kinds import OPEN_QUESTION, REPHRASING
from kedit_memory.evaluation.datasets.knowedit import probes
from kedit_memory.evaluation.datasets.loaded import Loaded, Row, loaded, text, texts
from kedit_memory.evaluation.datasets.public import present, read_rows
from kedit_memory.records import EditRequest

TRAINED = "trained"  # the origin of questions that a trained model knows, beside open questions

_TRAINING = "zsre_mend_train-1k.json"
_MEND = ("zsre_mend_eval.json", "zsre_mend_train_10000.json", _TRAINING)


def edits(folder: Path) -> Loaded[Case]:
    """One edit a question, with its rephrasing, other properties of its subject, and what follows from it."""
    (path,) = present(folder, ("ZsRE-test-all.json",))
    return loaded(rows(folder), _case, key=lambda case: case.prompt, last=True, files=(path.name,))


def rows(folder: Path) -> list[dict[str, Any]]:
    """The rows of KnowEdit's edition."""
    (path,) = present(folder, ("ZsRE-test-all.json",))
    return read_rows(path)


def mend_edits(folder: Path) -> Loaded[Case]:
    """One edit a question, with its rephrasing and a question of Natural Questions; of several files the first."""
    (path, *_) = present(folder, _MEND)
    return loaded(read_rows(path), mend_case, key=lambda case: case.prompt, files=(path.name,))


def trained_questions(folder: Path) -> list[Question]:
    """The questions of the training file: of zsRE in two wordings, and of Natural Questions."""
    return [
        Question(text=question, kind=kind, accepted=accepted)
        for row in read_rows(present(folder, (_TRAINING,))[0])
        for question, kind, accepted in (
            (row["src"], TRAINED, tuple(row["answers"])),
            (row["rephrase"], REPHRASING, tuple(row["answers"])),
            (as_asked(row["loc"]), OPEN_QUESTION, (row["loc_ans"],)),
        )
    ]


def open_questions(folder: Path) -> list[Question]:
    """Those of Natural Questions in the training file, which have nothing to do with an edit; none without the file."""
    if not (folder / _TRAINING).exists():
        return []
    return [one for one in trained_questions(folder) if one.kind == OPEN_QUESTION]


def mend_case(row: Row) -> Case:
    """A row of MEND's edition, which MzsRE has too."""
    edit = EditRequest(prompt=text(row, "src"), target=text(row, "alt"), subject=text(row, "subject"))
    accepted = (text(row, "alt"),)
    beside = Question(
        text=as_asked(text(row, "loc")), metric=LOCALITY, kind=OPEN_QUESTION, truth=(text(row, "loc_ans"),)
    )
    return Case(
        edit=edit,
        questions=(
            own_question(edit, accepted, texts(row.get("answers"))),
            rephrased(text(row, "rephrase"), REPHRASING, accepted),
            beside,
        ),
    )


def as_asked(question: str) -> str:
    """A question of Natural Questions as it is asked: with a capital and a question mark."""
    question = question.removeprefix("nq question: ").strip()
    return f"{question[:1].upper()}{question[1:]}{'' if question.endswith('?') else '?'}"


def _case(row: Row) -> Case:
    edit = EditRequest(prompt=text(row, "prompt"), target=text(row, "target_new"), subject=text(row, "subject"))
    accepted = (text(row, "target_new"),)
    return Case(
        edit=edit,
        questions=(
            own_question(edit, accepted, texts(row.get("ground_truth"))),
            rephrased(text(row, "rephrase_prompt"), REPHRASING, accepted),
            *probes(row),
        ),
    )
