"""SERAC's explicit cache of edits: which of them covers a question, by a scope classifier."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from kedit_memory.editors._scope_classifier import ScopeClassifier
from kedit_memory.editors.base import Fact
from kedit_memory.records import Vectors
from kedit_memory.text import fold

_FIRST_ROWS = 64


class EditCache:
    """Edits in rows of a growing array; a removed edit's row is used again.

    Of several edits of one prompt the newest is in force; when it is removed, the one before it is again.
    """

    def __init__(self, classifier: ScopeClassifier, threshold: float) -> None:
        self.classifier = classifier
        self.threshold = threshold
        self._edits: list[Fact] = []
        self._vectors = np.empty((_FIRST_ROWS, classifier.width), np.float32)
        self._in_force = np.zeros(_FIRST_ROWS, np.bool_)
        self._of_prompt: dict[str, list[int]] = defaultdict(list)  # rows, oldest first
        self._free: list[int] = []

    def __len__(self) -> int:
        return len(self._edits) - len(self._free)

    def in_force(self, row: int) -> bool:
        """Whether the edit in a row can answer: no newer one has its prompt."""
        return bool(self._in_force[row])

    def edits(self) -> list[Fact]:
        """The edits in force."""
        return [edit for edit, answers in zip(self._edits, self._in_force, strict=False) if answers]

    def vector(self, row: int) -> Vectors:
        """The encoding kept of an edit, of shape (width,)."""
        kept: Vectors = self._vectors[row]
        return kept

    def add(self, edits: Sequence[Fact], vectors: Vectors | None = None) -> list[int]:
        """Rows of the new edits; they are encoded now unless their vectors (edits, width) are given."""
        if vectors is None:
            vectors = self.classifier.encode_edits(edits)
        return [self._enter(edit, vector) for edit, vector in zip(edits, vectors, strict=True)]

    def remove(self, row: int) -> None:
        """Take one edit out; an older one of its prompt answers again."""
        rows = self._of_prompt[_key(self._edits[row])]
        rows.remove(row)
        self._in_force[row] = False
        if rows:
            self._in_force[rows[-1]] = True
        else:
            del self._of_prompt[_key(self._edits[row])]
        self._free.append(row)

    def probabilities(self, questions: Sequence[str]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
        """G of each question and each edit in force, of shape (questions, rows); -1 in rows that are not."""
        count = len(self._edits)
        found = self.classifier.probabilities(questions, self._edits, self._vectors[:count])
        return np.where(self._in_force[:count], found, np.float32(-1))

    def covering(self, questions: Sequence[str]) -> list[Fact | None]:
        """For each question the edit most likely to cover it; None where none is as likely as the threshold."""
        if not len(self):
            return [None] * len(questions)
        found = self.probabilities(questions)
        best = found.argmax(1)
        return [
            self._edits[row] if found[place, row] >= self.threshold else None for place, row in enumerate(best.tolist())
        ]

    def _enter(self, edit: Fact, vector: Vectors) -> int:
        if self._free:
            row = self._free.pop()
            self._edits[row] = edit
        else:
            row = len(self._edits)
            self._edits.append(edit)
            self._grow(row + 1)
        self._vectors[row] = vector
        older = self._of_prompt[_key(edit)]
        self._in_force[older] = False
        self._in_force[row] = True
        older.append(row)
        return row

    def _grow(self, rows: int) -> None:
        if rows > len(self._vectors):
            wider = np.empty((2 * rows, self._vectors.shape[1]), np.float32)
            wider[: len(self._vectors)] = self._vectors
            self._vectors = wider
            self._in_force = np.concatenate([self._in_force, np.zeros(2 * rows - len(self._in_force), np.bool_)])


def _key(edit: Fact) -> str:
    """What makes two prompts one."""
    return fold(edit.prompt)
