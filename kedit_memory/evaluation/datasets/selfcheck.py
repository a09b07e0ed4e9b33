"""Sentences that a model made up: SelfCheckGPT (Manakul et al. 2023) in the form of Hartvigsen et al. (2023)."""

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

from kedit_memory.evaluation.case import LOCALITY, Case, Question, own_question
from kedit_memory.evaluation.datasets.kinds import UNRELATED
from kedit_memory.evaluation.datasets.loaded import Loaded, Row, loaded, text, texts
from kedit_memory.evaluation.datasets.public import read_rows
from kedit_memory.records import EditRequest

_SENTENCE = re.compile(r"(?<=[.!?]) +(?=[A-Z])")


def cases(folder: Path) -> Loaded[Case]:
    """A case for each true sentence in place of one that was made up, with a piece of web text that must stay."""
    return loaded(corrections(folder), _case, key=lambda case: case.prompt, files=("hallucination-edit.json",))


def corrections(folder: Path) -> list[Any]:
    """The rows with a true sentence in place of one that was made up."""
    return read_rows(folder / "hallucination-edit.json")


def passage_pairs(folder: Path) -> list[tuple[str, str]]:
    """Each passage so far and the sentence that the model which made it up wrote next, over both files of the set."""
    passages: dict[str, list[str]] = defaultdict(list)
    for row in hallucinations(folder):
        passages[row["subject"]].append(row["prompt"].strip())
    pairs: dict[tuple[str, str], None] = {}
    for prompts in passages.values():
        for passage in prompts:
            sentences = _SENTENCE.split(passage)
            for place in range(1, len(sentences)):
                pairs[" ".join(sentences[:place]), sentences[place]] = None
    return list(pairs)


def hallucinations(folder: Path) -> list[Any]:
    """The rows of both files of the set."""
    return [row for name in ("edit", "train") for row in read_rows(folder / f"hallucination-{name}.json")]


def _case(row: Row) -> Case:
    edit = EditRequest(prompt=text(row, "prompt"), target=text(row, "target_new"), subject=text(row, "subject"))
    kept = Question(
        text=text(row, "locality_prompt"),
        metric=LOCALITY,
        kind=UNRELATED,
        truth=texts(row.get("locality_ground_truth")),
    )
    return Case(edit=edit, questions=(own_question(edit, (text(row, "target_new"),)), kept))
