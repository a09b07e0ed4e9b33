"""zsRE (Levy et al. 2017): edits in the edition of KnowEdit (Zhang et al. 2024), and training rows in that of MEND."""

from pathlib import Path

from kedit_memory.evaluation.case import LOCALITY, PORTABILITY, Case, Question, own_question, rephrased
from kedit_memory.evaluation.datasets.loaded import Loaded, Row, loaded
from kedit_memory.evaluation.datasets.public import read_json
from kedit_memory.records import EditRequest

REPHRASING, SAME_SUBJECT, ONE_HOP = "rephrasing", "same_subject", "one_hop"
_TRAINING = "zsre_mend_train-1k.json"
TRAINED, OPEN_QUESTION = "trained", "open_question"  # origins of questions that a trained model knows


def edits(folder: Path) -> Loaded[Case]:
    """One edit a question, with its rephrasing, other properties of its subject, and what follows from it."""
    return loaded(read_json(folder / "ZsRE-test-all.json"), _case, key=lambda case: case.prompt, last=True)


def trained_questions(folder: Path) -> list[Question]:
    """The questions of the training file: of zsRE in two wordings, and of Natural Questions."""
    rows = read_json(folder / _TRAINING)
    return [
        Question(text=question, kind=kind, accepted=accepted)
        for row in rows
        for question, kind, accepted in (
            (row["src"], TRAINED, tuple(row["answers"])),
            (row["rephrase"], REPHRASING, tuple(row["answers"])),
            (_asked(row["loc"]), OPEN_QUESTION, (row["loc_ans"],)),
        )
    ]


def open_questions(folder: Path) -> list[Question]:
    """Those of Natural Questions in the training file, which have nothing to do with an edit; none without the file."""
    if not (folder / _TRAINING).exists():
        return []
    return [one for one in trained_questions(folder) if one.kind == OPEN_QUESTION]


def _case(row: Row) -> Case:
    edit = EditRequest(prompt=row["prompt"], target=row["target_new"], subject=row["subject"])
    accepted, truth = (row["target_new"],), tuple(row.get("ground_truth", ()))
    beside = row.get("locality", {}).get("Relation_Specificity", ())
    following = row.get("portability", {}).get("Reasoning", ())
    return Case(
        edit=edit,
        questions=(
            own_question(edit, accepted, truth),
            rephrased(row["rephrase_prompt"], REPHRASING, accepted, truth),
            *(Question(text=one["prompt"], metric=LOCALITY, kind=SAME_SUBJECT) for one in beside),
            *(
                Question(text=one["prompt"], metric=PORTABILITY, kind=ONE_HOP, accepted=(one["ground_truth"],))
                for one in following
            ),
        ),
    )


def _asked(text: str) -> str:
    """A question of Natural Questions as it is asked: with a capital and a question mark."""
    text = text.removeprefix("nq question: ").strip()
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('?') else '?'}"
