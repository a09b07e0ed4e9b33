from typing import Any

import pytest

from kedit_memory.adapters.conditions import comparison, with_dollars
from kedit_memory.errors import InvalidInputError, NotFoundError


@pytest.mark.parametrize(
    ("operator", "given", "passing", "failing"),
    [
        ("eq", 1, [1, 1.0], [True, "1", None]),
        ("eq", None, [None], [0, ""]),
        ("ne", "a", ["b", None, 1], ["a"]),
        ("gt", 4.99, [5, 5.5], [4.99, "5", None, True]),
        ("gte", "2024-05-01", ["2024-05-01", "2024-06"], ["2023", 3]),
        ("lt", 2, [1, -0.5], [2, None]),
        ("lte", 2, [2], [3]),
        ("in", [1, "a"], [1, "a"], [True, "b", None]),
        ("nin", ["a"], ["b", None], ["a"]),
        ("contains", "b", ["abc", ["a", "b"]], ["B", ["bc"], None, 3]),
        ("icontains", "B", ["abc", "ABC"], ["ac", ["b"], None]),
    ],
)
def test_values_that_pass(operator: str, given: Any, passing: list[Any], failing: list[Any]) -> None:
    check = comparison(operator, given)
    assert [check(value) for value in passing] == [True] * len(passing)
    assert [check(value) for value in failing] == [False] * len(failing)


@pytest.mark.parametrize(("operator", "given"), [("gt", None), ("lt", [1]), ("in", "ab"), ("contains", 3)])
def test_what_nothing_can_be_compared_with_is_named(operator: str, given: Any) -> None:
    with pytest.raises(InvalidInputError, match=f"{operator} is given .*; give a"):
        comparison(operator, given)


def test_a_comparison_that_is_not_known_is_named() -> None:
    with pytest.raises(NotFoundError, match="did you mean 'gte'"):
        comparison("gtee", 3)


@pytest.mark.parametrize(
    ("asked", "passes"),
    [
        ({}, True),
        ({"color": "red"}, True),
        ({"color": "blue"}, False),
        ({"missing": None}, True),
        ({"score": {"$gt": 3, "$lte": 4.5}}, True),
        ({"score": {"$gt": 4.5}}, False),
        ({"color": {"$ne": "blue"}, "score": 4.5}, True),
        ({"size": {"width": 2}}, True),
        ({"size": {"width": {"$gte": 3}}}, False),
        ({"color": {"width": 2}}, False),
        ({"tags": ["a", "b"]}, True),
        ({"tags": ["a"]}, False),
    ],
)
def test_filters_with_dollars(asked: dict[str, Any], passes: bool) -> None:
    record = {"color": "red", "score": 4.5, "size": {"width": 2, "height": 1}, "tags": ["a", "b"]}
    assert with_dollars(asked)(record) is passes


@pytest.mark.parametrize("asked", [["color"], {"score": {"$near": 3}}, {"size": {"width": {"$gt": None}}}])
def test_filters_that_cannot_be_read(asked: Any) -> None:
    with pytest.raises((InvalidInputError, NotFoundError)) as raised:
        with_dollars(asked)
    assert "\n" not in str(raised.value)
