"""KnowEdit (Zhang et al. 2024): edits with questions about the subject, and of what follows from the edit.

WikiRecent and WikiCounterfact take their questions from RippleEdits; WikiBio corrects biographies that a model made up.
Of a set's test and training files the test file is read where it is there.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from kedit_memory.evaluation.case import LOCALITY, PORTABILITY, Case, Question, own_question
from kedit_memory.evaluation.datasets.kinds import ALIAS, LOGICAL, ONE_HOP, OTHER_ANSWER, SAME_SUBJECT
from kedit_memory.evaluation.datasets.loaded import Loaded, Row, SkippedError, loaded, text, texts
from kedit_memory.evaluation.datasets.public import present, read_rows
from kedit_memory.records import EditRequest

_KINDS: Mapping[str, str] = {
    "Reasoning": ONE_HOP,
    "Logical_Generalization": LOGICAL,
    "Subject_Aliasing": ALIAS,
    "Relation_Specificity": SAME_SUBJECT,
    "Forgetfulness": OTHER_ANSWER,
}


def wiki_recent(folder: Path) -> Loaded[Case]:
    """Facts that became true lately."""
    return _read(folder, "wiki_recent")


def wiki_counterfact(folder: Path) -> Loaded[Case]:
    """Facts turned false."""
    return _read(folder, "wiki_counterfact")


def wikibio(folder: Path) -> Loaded[Case]:
    """True sentences that go on from what a model wrote about a person."""
    (path, *_) = present(folder, ("wikibio-test-all.json", "wikibio-train-all.json"))
    return loaded(read_rows(path), _biography, key=lambda case: case.prompt, files=(path.name,))


def probes(row: Row) -> Iterator[Question]:
    """What the rows of KnowEdit ask beside the edit's own question: what must stay, then what follows from it."""
    for name, asked in row.get("locality", {}).items():
        for one in asked:
            yield Question(
                text=text(one, "prompt"), metric=LOCALITY, kind=_kind(name), truth=texts(one["ground_truth"])
            )
    for name, asked in row.get("portability", {}).items():
        for one in asked:
            if not texts(one["ground_truth"]):
                raise SkippedError("a question of what follows without an answer")
            yield Question(
                text=text(one, "prompt"),
                metric=PORTABILITY,
                kind=_kind(name),
                accepted=texts(one["ground_truth"]),
                covered=_kind(name) == ALIAS,
            )


def _kind(name: str) -> str:
    return _KINDS.get(name, name.casefold())


def _read(folder: Path, name: str) -> Loaded[Case]:
    (path, *_) = present(folder, (f"{name}_test.json", f"{name}_train.json"))
    return loaded(read_rows(path), _case, key=lambda case: case.prompt, files=(path.name,))


def _case(row: Row) -> Case:
    edit = EditRequest(prompt=text(row, "prompt"), target=text(row, "target_new"), subject=text(row, "subject"))
    own = own_question(edit, (text(row, "target_new"),), texts(row.get("ground_truth")))
    return Case(edit=edit, questions=(own, *probes(row)))


def _biography(row: Row) -> Case:
    edit = EditRequest(prompt=text(row, "text"), target=text(row, "labels"), subject=text(row, "concept"))
    return Case(edit=edit, questions=(own_question(edit, (text(row, "labels"),)), *probes(row)))
