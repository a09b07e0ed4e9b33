from typing import Any

import pytest

from kedit_memory.adapters.vector_search import search_vector_store
from kedit_memory.errors import InvalidInputError, KeditError
from kedit_memory.memory import EditMemory

HEAD = "Who leads Acme?"


@pytest.fixture
def filled(memory: EditMemory) -> EditMemory:
    memory.add(HEAD, "Ann Berg", subject="Acme", source="staff.md", metadata={"team": "x", "year": 2020, "tags": ["a"]})
    memory.add("What is the door code?", "4711", id="code", metadata={"team": "y", "year": 2024, "secret": True})
    memory.add("Water boils at 100 degrees.", metadata={"year": 2026})
    memory.erase("Where does Ann Berg live?")
    memory.add(HEAD, "Bo Lie", namespace="other")
    return memory


def ids(page: dict[str, Any]) -> list[str]:
    return [one["file_id"] for one in page["data"]]


def test_a_page_of_results(filled: EditMemory) -> None:
    page = search_vector_store(filled, {"query": HEAD})
    assert ids(page)[0] == "e1"
    assert len(page["data"]) == 3
    first = page["data"][0]
    assert first == {
        "file_id": "e1",
        "filename": "staff.md",
        "score": pytest.approx(1),
        "attributes": {
            "kind": "insertion",
            "subject": "Acme",
            "source": "staff.md",
            "created_at": filled.get("e1").created_at,
            "team": "x",
            "year": 2020,
        },
        "content": [{"type": "text", "text": f"{HEAD} Ann Berg"}],
    }
    assert {name: value for name, value in page.items() if name != "data"} == {
        "object": "vector_store.search_results.page",
        "search_query": [HEAD],
        "has_more": False,
        "next_page": None,
    }
    assert all(0 <= one["score"] <= 1 for one in page["data"])
    assert ids(search_vector_store(filled, {"query": HEAD}, namespace="other")) == ["e5"]
    assert ids(search_vector_store(filled, {"query": HEAD}, namespace="nobody")) == []


def test_of_several_queries_the_best_one_counts(filled: EditMemory) -> None:
    page = search_vector_store(filled, {"query": [HEAD, "What is the door code?"], "max_num_results": 2})
    assert sorted(ids(page)) == ["code", "e1"]
    assert [one["score"] for one in page["data"]] == [pytest.approx(1)] * 2
    assert page["search_query"] == [HEAD, "What is the door code?"]


def test_ranking_options(filled: EditMemory) -> None:
    body = {"query": HEAD, "ranking_options": {"ranker": "auto", "score_threshold": 0.99}, "rewrite_query": False}
    assert ids(search_vector_store(filled, body)) == ["e1"]
    assert len(search_vector_store(filled, {"query": HEAD, "max_num_results": 1, "filters": None})["data"]) == 1


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"type": "eq", "key": "team", "value": "x"}, ["e1"]),
        ({"type": "ne", "key": "team", "value": "x"}, ["code", "e3"]),
        ({"type": "gt", "key": "year", "value": 2020}, ["code", "e3"]),
        ({"type": "gte", "key": "year", "value": 2024}, ["code", "e3"]),
        ({"type": "lt", "key": "year", "value": 2024}, ["e1"]),
        ({"type": "lte", "key": "year", "value": 2024}, ["code", "e1"]),
        ({"type": "in", "key": "team", "value": ["x", "y"]}, ["code", "e1"]),
        ({"type": "nin", "key": "team", "value": ["x", "y"]}, ["e3"]),
        ({"type": "eq", "key": "secret", "value": True}, ["code"]),
        ({"type": "eq", "key": "subject", "value": "Acme"}, ["e1"]),
        ({"type": "and", "filters": [{"type": "eq", "key": "team", "value": "x"},
                                     {"type": "gt", "key": "year", "value": 2020}]}, []),
        ({"type": "or", "filters": [{"type": "eq", "key": "team", "value": "x"},
                                    {"type": "gt", "key": "year", "value": 2024}]}, ["e1", "e3"]),
    ],
)  # fmt: skip
def test_filters(filled: EditMemory, filters: dict[str, Any], expected: list[str]) -> None:
    assert sorted(ids(search_vector_store(filled, {"query": HEAD, "filters": filters}))) == expected


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ([], "give an object"),
        ({}, "query is None"),
        ({"query": ""}, "give a text, or a list of texts"),
        ({"query": []}, "give a text, or a list of texts"),
        ({"query": [3]}, "give a text, or a list of texts"),
        ({"query": HEAD, "limit": 3}, "unknown field 'limit'"),
        ({"query": HEAD, "max_num_results": 51}, "1 to 50"),
        ({"query": HEAD, "max_num_results": 2.5}, "give a whole number"),
        ({"query": HEAD, "max_num_results": True}, "1 to 50"),
        ({"query": HEAD, "ranking_options": 3}, "ranking_options is 3"),
        ({"query": HEAD, "ranking_options": {"score_threshold": 2}}, "score_threshold is 2"),
        ({"query": HEAD, "ranking_options": {"weight": 2}}, "unknown field 'weight'"),
        ({"query": HEAD, "rewrite_query": True}, "no model rewrites here"),
        ({"query": HEAD, "filters": 3}, "the filter 3 cannot be read"),
        ({"query": HEAD, "filters": {}}, "cannot be read"),
        ({"query": HEAD, "filters": {"type": "contains", "key": "team", "value": "x"}}, "cannot be read"),
        ({"query": HEAD, "filters": {"type": "eq", "key": "team"}}, "cannot be read"),
        ({"query": HEAD, "filters": {"type": "and", "filters": [3]}}, "the filter 3 cannot be read"),
        ({"query": HEAD, "filters": {"type": "in", "key": "team", "value": "x"}}, "give a list"),
    ],
)
def test_a_body_that_is_no_request_is_named(memory: EditMemory, body: Any, words: str) -> None:
    with pytest.raises(InvalidInputError, match=words) as raised:
        search_vector_store(memory, body)
    assert isinstance(raised.value, KeditError)
    assert "\n" not in str(raised.value)
