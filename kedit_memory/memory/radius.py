"""How far each key reaches: GRACE's rules (Hartvigsen et al. 2023, Algorithm 1); pure functions.

Distances and radii are Euclidean between unit vectors, 0 to 2.
"""

from collections.abc import Iterable
from dataclasses import dataclass

DEFAULT_RADIUS = 0.65
LARGEST_RADIUS = 2.0


@dataclass(frozen=True, kw_only=True)
class Neighbour:
    """A stored key near a new one, which the subject link cannot tell from it."""

    key: int
    distance: float
    radius: float
    same_label: bool  # its edit has the target of the new one
    fixed: bool = False  # its radius was given by a caller and is kept


@dataclass(frozen=True, kw_only=True)
class ScopeChange:
    """The radius of a new key and the radii that its neighbours get because of it."""

    radius: float
    neighbours: dict[int, float]  # key to radius; only those that change


def initial_radius(given: float | None) -> float:
    """The radius of a key that has no neighbour."""
    return DEFAULT_RADIUS if given is None else given


def expand(radius: float, distance: float) -> float:
    """A radius that reaches a key of the same label."""
    return max(radius, distance)


def split(radius: float, distance: float) -> float:
    """A radius that stops halfway to a key of a different label."""
    return min(radius, distance / 2)


def widened(radius: float, distance: float) -> float:
    """The radius of an edit's nearest key once a question at `distance` is confirmed to ask for the edit.

    GRACE expands the key up to the question where a new key there, of the default radius, would touch
    it. A key that an earlier split has narrowed is not expanded again.
    """
    if radius < DEFAULT_RADIUS or distance > radius + DEFAULT_RADIUS:
        return radius
    return min(expand(radius, distance), LARGEST_RADIUS)


def touches(radius: float, other: float, distance: float) -> bool:
    """Whether one of two keys lies in the scope of the other."""
    return distance <= max(radius, other)


def scope_of(given: float | None, neighbours: Iterable[Neighbour]) -> ScopeChange:
    """The radius of a new key among its neighbours, nearest first.

    A key that an earlier split has narrowed is not expanded again: it would swallow the neighbour
    that it was split from. Radii that callers gave are kept on both sides.
    """
    radius, changed = initial_radius(given), dict[int, float]()
    for near in sorted(neighbours, key=lambda one: (one.distance, one.key)):
        if not touches(radius, near.radius, near.distance):
            continue
        if near.same_label:
            wider = expand(near.radius, near.distance)
            if not near.fixed and near.radius >= DEFAULT_RADIUS and wider > near.radius:
                changed[near.key] = min(wider, LARGEST_RADIUS)
            continue
        if given is None:
            radius = split(radius, near.distance)
        narrower = split(near.radius, near.distance)
        if not near.fixed and narrower < near.radius:
            changed[near.key] = narrower
    return ScopeChange(radius=radius, neighbours=changed)
