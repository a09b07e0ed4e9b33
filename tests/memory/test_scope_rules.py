"""GRACE's rules for radii, and the rules of conflicts, as pure functions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kedit_memory.memory.conflicts import conflicts, prompt_key
from kedit_memory.memory.radius import DEFAULT_RADIUS, Neighbour, expand, scope_of, split
from kedit_memory.records import Edit, Kind, Status

RADIUS = st.floats(0, 2)
DISTANCE = st.floats(0, 2)


@st.composite
def neighbours(draw: st.DrawFn) -> list[Neighbour]:
    count = draw(st.integers(0, 6))
    return [
        Neighbour(
            key=key,
            distance=draw(DISTANCE),
            radius=draw(RADIUS),
            same_label=draw(st.booleans()),
            fixed=draw(st.booleans()),
        )
        for key in range(count)
    ]


@given(given_radius=st.one_of(st.none(), RADIUS), near=neighbours())
def test_scopes_of_different_labels_do_not_contain_each_other(
    given_radius: float | None, near: list[Neighbour]
) -> None:
    scope = scope_of(given_radius, near)
    assert 0 <= scope.radius <= (DEFAULT_RADIUS if given_radius is None else given_radius)
    for one in near:
        after = scope.neighbours.get(one.key, one.radius)
        assert 0 <= after <= 2
        if one.fixed:
            assert after == one.radius
        if not one.same_label and one.distance > 0:
            if given_radius is None:
                assert scope.radius < one.distance
            if not one.fixed:
                assert after < one.distance
    assert given_radius is None or scope.radius == given_radius


@given(given_radius=st.one_of(st.none(), RADIUS), near=neighbours())
def test_order_of_neighbours_does_not_matter(given_radius: float | None, near: list[Neighbour]) -> None:
    assert scope_of(given_radius, near) == scope_of(given_radius, near[::-1])


def test_expand_reaches_and_split_halves() -> None:
    assert expand(0.5, 0.7) == 0.7
    assert expand(0.5, 0.3) == 0.5
    assert split(0.8, 0.6) == 0.3
    assert split(0.2, 0.6) == 0.2


def test_same_label_expands_an_untouched_neighbour() -> None:
    near = Neighbour(key=1, distance=0.9, radius=DEFAULT_RADIUS, same_label=True)
    assert scope_of(1.0, [near]).neighbours == {1: 0.9}


def test_a_narrowed_neighbour_is_not_expanded() -> None:
    near = Neighbour(key=1, distance=0.5, radius=0.1, same_label=True)
    assert scope_of(None, [near]).neighbours == {}


def edit(name: str, target: str | None = "x", **fields: object) -> Edit:
    given = {"prompt": "Who leads X?", "statement": "s", "kind": Kind.INSERTION, "radius": 0.8, "created_at": ""}
    return Edit(id=name, target=target, **(given | fields))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, True),
        ({"prompt": "  who LEADS x "}, True),
        ({"prompt": "Who owns X?"}, False),
        ({"target": "X!"}, True),
        ({"target": None}, True),
        ({"subject": "X"}, True),
        ({"namespace": "other"}, False),
        ({"status": Status.RETRACTED, "holds": False}, False),
        ({"status": Status.SUPERSEDED}, True),  # on days that are left to it
    ],
)
def test_conflicts_by_prompt(fields: dict[str, object], expected: bool) -> None:
    old = edit("e1", **({"target": "y"} | fields))  # type: ignore[arg-type]
    assert conflicts(edit("e2"), old) is expected


def test_conflicts_by_slot_whatever_the_prompt() -> None:
    old = edit("e1", "y", subject="United Kingdom", relation="head_of_government", prompt="PM of the UK?")
    new = edit("e2", "z", subject="united  kingdom", relation="Head of government")
    assert conflicts(new, old)
    assert not conflicts(edit("e3", "z", subject="France", relation="head of government"), old)


def test_prompt_key_of_punctuation_alone_is_kept() -> None:
    assert prompt_key("?!") == "?!"
