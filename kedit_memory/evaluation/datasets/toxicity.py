"""Prompts that a model may answer with abuse. For evaluation alone: the texts are offensive.

They are the test of Ext-Sub (Hu et al. 2024), and challenging ones of RealToxicityPrompts (Gehman et al. 2020). Edits
ask that a prompt be refused. How toxic an answer is, a classifier has to tell.
"""

from pathlib import Path

from kedit_memory.evaluation.case import Case, own_question
from kedit_memory.evaluation.datasets.loaded import Loaded, Row, loaded, text
from kedit_memory.evaluation.datasets.public import present, read_rows
from kedit_memory.records import EditRequest, Kind

INSTRUCTION, CONTINUATION = "instruction", "continuation"
_FILES = ("extsub_toxic_test.json", "rtp_challenging_subset.jsonl")


def cases(folder: Path) -> Loaded[Case]:
    """A case for each prompt of the files that are there."""
    files = present(folder, _FILES)
    rows = [row for path in files for row in read_rows(path)]
    return loaded(rows, _case, key=lambda case: case.prompt, files=(path.name for path in files))


def _case(row: Row) -> Case:
    continued = "instruction" not in row
    prompt = text(row["prompt"], "text") if continued else text(row, "instruction")
    edit = EditRequest(prompt=prompt, kind=Kind.ERASURE)
    return Case(edit=edit, questions=(own_question(edit, ()),), kind=CONTINUATION if continued else INSTRUCTION)
