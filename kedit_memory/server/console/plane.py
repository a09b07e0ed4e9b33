"""Edits in the plane: the two directions in which their keys differ most, and which of them are near each other."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kedit_memory.records import Edit, Vectors


@dataclass(frozen=True, kw_only=True)
class Spot:
    """An edit in the plane.

    Attributes:
        x: in the plane, like `y` and `radius` in the units of the keys' distance.
        nearest: the other edit whose prompt is nearest, in the space of the keys; None where there is no other.
        distance: to that one.
        meets: whether the two radii reach each other.
    """

    edit: Edit
    x: float
    y: float
    radius: float
    nearest: Edit | None = None
    distance: float = 0.0
    meets: bool = False


def spots(edits: Sequence[Edit], vectors: Vectors, most: int) -> list[Spot]:
    """Those of the edits that lie nearest to another one, at most so many, the nearest first.

    `vectors` are of their prompts, of shape (edits, dim). The plane is that of the two largest principal components of
    those that are shown.
    """
    if not edits:
        return []
    squares = (vectors**2).sum(1)
    gaps = np.sqrt(np.maximum(squares[:, None] + squares[None] - 2 * vectors @ vectors.T, 0))  # (edits, edits)
    np.fill_diagonal(gaps, np.inf)
    near = gaps.argmin(1)
    order = np.argsort(gaps.min(1), kind="stable")[:most].tolist()
    plane = _plane(vectors[order])
    found = []
    for place, (x, y) in zip(order, plane.tolist(), strict=True):
        edit, other, gap = edits[place], edits[int(near[place])], float(gaps[place, near[place]])
        alone = len(edits) == 1
        found.append(
            Spot(
                edit=edit, x=x, y=y, radius=edit.radius, nearest=None if alone else other,
                distance=0.0 if alone else gap, meets=not alone and gap <= edit.radius + other.radius,
            )
        )  # fmt: skip
    return found


def _plane(vectors: Vectors) -> Vectors:
    """The coordinates of vectors along their two largest principal components, of shape (vectors, 2)."""
    centred = vectors - vectors.mean(0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    plane = np.zeros((len(vectors), 2), np.float32)
    found = centred @ axes[:2].T
    plane[:, : found.shape[1]] = found
    return plane
