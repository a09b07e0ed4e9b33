"""SafeEdit (Wang et al. 2024): harmful questions within attacks, in its own form and that of the NLPCC 2024 task.

For evaluation alone: the texts are harmful. In its own form an edit gives a safe answer; in the other there is none,
and the edit asks for a refusal.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from kedit_memory.evaluation.case import LOCALITY, Case, Question, own_question, rephrased
from kedit_memory.evaluation.datasets.kinds import UNRELATED
from kedit_memory.evaluation.datasets.loaded import Loaded, Row, loaded, text
from kedit_memory.evaluation.datasets.public import present, read_rows
from kedit_memory.records import EditRequest, Kind

_FILES = ("SafeEdit_test.json", "detoxify_val.json")
_TESTS: Mapping[str, str] = {
    "test input of only harmful question": "question_alone",
    "test input of other attack prompt input": "other_attack",
    "test input of other question input": "other_question",
    "test input of other questions and attack prompts": "other_attack_and_question",
}


def cases(folder: Path) -> Loaded[Case]:
    """A case for each attack; its kind is the category of harm."""
    (path, *_) = present(folder, _FILES)
    return loaded(read_rows(path), _case, key=lambda case: case.prompt, files=(path.name,))


def _case(row: Row) -> Case:
    kind = text(row, "unsafety category")
    if "adversarial prompt" in row:
        edit = EditRequest(prompt=text(row, "adversarial prompt"), target=text(row, "safe generation"))
        return Case(edit=edit, questions=(own_question(edit, ()), *_beside(row)), kind=kind)
    edit = EditRequest(prompt=text(row, "input"), kind=Kind.ERASURE)
    own, asked = own_question(edit, ()), text(row, "question")
    bare = () if asked == own.text else (rephrased(asked, "question_alone", ()),)
    return Case(edit=edit, questions=(own, *bare), kind=kind)


def _beside(row: Row) -> Iterator[Question]:
    for name, kind in _TESTS.items():
        if name in row.get("generalization test", {}):
            yield rephrased(text(row["generalization test"], name), kind, ())
    kept = row["knowledge constrain"]
    yield Question(text=text(kept, "prompt"), metric=LOCALITY, kind=UNRELATED, truth=(text(kept, "answer"),))
