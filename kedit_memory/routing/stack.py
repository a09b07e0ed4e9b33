"""What the reader's estimates are worth beside the distances, where words and meaning found the candidates.

What is unlike the pairs that it was trained on the reader judges worse than the plain distance does. A logistic
regression over both (stacking: Wolpert 1992), fitted on questions that it was not trained on, is better than either.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import numpy as np

from kedit_memory.errors import ModelError
from kedit_memory.models.sources import PAIR_STACK
from kedit_memory.records import Encoder
from kedit_memory.routing.logistic import Logistic, Numbers
from kedit_memory.routing.question import Candidate

_SURE = 1e-4  # how near to 0 and 1 an estimate counts
_FAR = 0.3  # by which an edit stands behind the nearest one, beyond which more says nothing
_SCRIPT = "scripts/fit_scope_stack.py"


@dataclass(frozen=True, kw_only=True)
class Stack:
    """The regression over `features`, fitted on distances between vectors of one encoder."""

    encoder: str
    encoder_revision: str
    bias: float
    weights: tuple[float, float, float]

    @classmethod
    def of(cls, folder: Path) -> Self | None:
        """That of a reader's folder; None where it has none.

        Raises:
            ModelError: it cannot be read.
        """
        file = folder / PAIR_STACK
        try:
            told = json.loads(file.read_text("utf-8"))
            bias, logit, distance, behind = map(float, (told["bias"], *told["weights"]))
            encoder, revision = str(told["encoder"]), str(told["encoder_revision"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise ModelError(f"{file} is no stack ({error}); fit one with {_SCRIPT}") from error
        if not all(map(math.isfinite, (bias, logit, distance, behind))):
            raise ModelError(f"{file} is no stack (its numbers are not finite); fit one with {_SCRIPT}")
        return cls(encoder=encoder, encoder_revision=revision, bias=bias, weights=(logit, distance, behind))

    def write(self, folder: Path) -> None:
        """Put it into a reader's folder."""
        (folder / PAIR_STACK).write_text(json.dumps(asdict(self), indent=2, sort_keys=True) + "\n", encoding="utf-8")

    def fits(self, encoder: Encoder) -> bool:
        """Whether it was fitted on distances of this encoder."""
        return (self.encoder, self.encoder_revision) == (encoder.name, encoder.revision)

    def estimates(self, candidates: Sequence[Candidate], scores: Sequence[float]) -> list[float]:
        """New estimates for candidates of one question that words and meaning found; what was not read stays at 0."""
        if not candidates:
            return []
        chances = Logistic(bias=self.bias, weights=self.weights).probability(features(candidates, scores))
        return [float(chance) if score else 0.0 for chance, score in zip(chances, scores, strict=True)]


def features(candidates: Sequence[Candidate], scores: Sequence[float]) -> Numbers:
    """What the regression sees of each candidate of a question, shape (candidates, 3).

    The logit of the reader's estimate, the distance, and by how much the nearest edit is nearer. How far the next one
    is behind the nearest does not count: in a small store that is far.
    """
    nearest = min((one.match.distance for one in candidates), default=0.0)
    rows = []
    for one, score in zip(candidates, scores, strict=True):
        chance = min(max(score, _SURE), 1 - _SURE)
        behind = min(one.match.distance - nearest, _FAR)
        rows.append([math.log(chance / (1 - chance)), one.match.distance, behind])
    return np.array(rows, dtype=np.float64)
