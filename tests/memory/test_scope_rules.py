"""GRACE's rules for radii, and the rules of conflicts, as pure functions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kedit_memory.memory.conflicts import contradicts, prompt_key, question_of, questions_of, same_question
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
        ({"subject": "X"}, True),
    ],
)
def test_the_same_question_by_prompt(fields: dict[str, object], expected: bool) -> None:
    old = edit("e1", **({"target": "y"} | fields))  # type: ignore[arg-type]
    assert same_question(question_of(edit("e2")), question_of(old)) is expected


def test_the_same_question_by_slot_whatever_the_prompt() -> None:
    old = edit("e1", "y", subject="United Kingdom", relation="head_of_government", prompt="PM of the UK?")
    new = edit("e2", "z", subject="united  kingdom", relation="Head of government")
    assert same_question(question_of(new), question_of(old))
    other = edit("e3", "z", subject="France", relation="head of government")
    assert not same_question(question_of(other), question_of(old))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"target": "x"}, False),
        ({"target": "X!"}, True),  # a correction of case or marks
        ({"target": None}, True),
        ({"status": Status.RETRACTED, "holds": False}, False),
        ({"status": Status.SUPERSEDED}, True),  # on days that are left to it
        ({"valid_until": "2020-01-01"}, True),
    ],
)
def test_what_contradicts(fields: dict[str, object], expected: bool) -> None:
    old = edit("e1", **({"target": "y"} | fields))  # type: ignore[arg-type]
    assert contradicts(edit("e2"), old) is expected
    assert contradicts(edit("e2", valid_from="2021-01-01"), old) is (expected and "valid_until" not in fields)


def test_a_question_under_other_names_is_the_same_in_slot_and_prompt() -> None:
    new = edit("e2", subject="NYC", relation="mayor", prompt="Who leads NYC (not NYCB)?")
    asked = questions_of(new, ["New York City", "The \\1 Apple"])
    assert asked[0] == question_of(new)
    assert {one.slot for one in asked} == {f"{name}\x1fmayor" for name in ("nyc", "new york city", "the \\1 apple")}
    assert "who leads new york city (not nycb)" in {one.prompt_key for one in asked}
    assert questions_of(edit("e3", prompt="Who leads NYC?"), ["New York City"]) == [
        question_of(edit("e3", prompt="Who leads NYC?"))
    ]


def test_prompt_key_of_punctuation_alone_is_kept() -> None:
    assert prompt_key("?!") == "?!"
