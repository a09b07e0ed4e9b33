"""Sentences that a model made up: SelfCheckGPT (Manakul et al. 2023) in the form of Hartvigsen et al. (2023)."""

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

from kedit_memory.evaluation.datasets.public import read_json
from kedit_memory.evaluation.method import Text

_SENTENCE = re.compile(r"(?<=[.!?]) +(?=[A-Z])")


def corrections(folder: Path) -> list[Any]:
    """The rows with a true sentence in place of one that was made up."""
    rows: list[Any] = read_json(folder / "hallucination-edit.json")
    return rows


def passage_pairs(folder: Path) -> list[Text]:
    """Each passage so far and the sentence that the model which made it up wrote next, over both files of the set."""
    passages: dict[str, list[str]] = defaultdict(list)
    for row in hallucinations(folder):
        passages[row["subject"]].append(row["prompt"].strip())
    pairs: dict[Text, None] = {}
    for prompts in passages.values():
        for passage in prompts:
            sentences = _SENTENCE.split(passage)
            for place in range(1, len(sentences)):
                pairs[" ".join(sentences[:place]), sentences[place]] = None
    return list(pairs)


def hallucinations(folder: Path) -> list[Any]:
    """The rows of both files of the set."""
    return [row for name in ("edit", "train") for row in read_json(folder / f"hallucination-{name}.json")]
