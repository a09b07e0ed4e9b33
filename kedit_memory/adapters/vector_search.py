"""A memory searched as OpenAI's vector stores are: from the body of a request to the body of a response."""

from collections.abc import Mapping
from typing import Any

from kedit_memory.adapters.conditions import Passes, all_of, any_of, comparison, of_field
from kedit_memory.adapters.lookup import called, nearest, similarity
from kedit_memory.errors import InvalidInputError
from kedit_memory.memory import EditMemory
from kedit_memory.memory.arguments import shown
from kedit_memory.records import DEFAULT_NAMESPACE, Edit, Match

_MOST = 50  # results of a search
_FIELDS = {"query", "filters", "max_num_results", "ranking_options", "rewrite_query"}
_RANKING = {"ranker", "score_threshold"}
_COMPARISONS = {"eq", "ne", "gt", "gte", "lt", "lte", "in", "nin"}
_TOLD = ("subject", "relation", "source", "valid_from", "valid_until", "created_at")


def search_vector_store(
    memory: EditMemory, body: Mapping[str, Any], *, namespace: str = DEFAULT_NAMESPACE
) -> dict[str, Any]:
    """The page of results that `POST /v1/vector_stores/{id}/search` answers: the statements nearest to its queries.

    A file is an edit. Its attributes, by which `filters` choose, are its kind, subject, relation, source and dates, and
    the texts, numbers and truth values of its metadata. Scores are cosines, 0 at least; of several queries the best one
    counts. There is one ranking, whatever the ranker. Nothing rewrites a query.

    Raises:
        InvalidInputError: the body is no such request.
    """
    _check_names("the body", body, _FIELDS)
    if body.get("rewrite_query"):
        raise InvalidInputError("rewrite_query is true, but no model rewrites here; leave it out")
    queries = _queries(body.get("query"))
    count = _number("max_num_results", body.get("max_num_results"), 10, 1, _MOST)
    if not isinstance(count, int):
        raise InvalidInputError(f"max_num_results is {count}; give a whole number, 1 to {_MOST}")
    ranking = body.get("ranking_options") or {}
    _check_names("ranking_options", ranking, _RANKING)
    threshold = _number("score_threshold", ranking.get("score_threshold"), 0, 0, 1)
    passes = all_of([]) if body.get("filters") is None else _filter(body["filters"])
    best: dict[str, Match] = {}
    for query in queries:
        for match in nearest(
            memory, query, count, namespaces=[namespace], passes=lambda edit: passes(_attributes(edit))
        ):
            if match.edit.id not in best or match.distance < best[match.edit.id].distance:
                best[match.edit.id] = match
    ranked = sorted(best.values(), key=lambda match: match.distance)[:count]
    data = [_result(match) for match in ranked]
    return {
        "object": "vector_store.search_results.page",
        "search_query": queries,
        "data": [one for one in data if one["score"] >= threshold],
        "has_more": False,
        "next_page": None,
    }


def _result(match: Match) -> dict[str, Any]:
    edit = match.edit
    return {
        "file_id": called(edit),
        "filename": edit.source or called(edit),
        "score": max(0.0, similarity(match)),
        "attributes": _attributes(edit),
        "content": [{"type": "text", "text": edit.statement}],
    }


def _attributes(edit: Edit) -> dict[str, str | float | bool]:
    """What is known of an edit, without what is not; its metadata has the last word."""
    known = {"kind": edit.kind.value, **{name: getattr(edit, name) for name in _TOLD}, **edit.metadata}
    return {name: value for name, value in known.items() if isinstance(value, (str, int, float))}


def _queries(given: object) -> list[str]:
    queries = [given] if isinstance(given, str) else given
    if isinstance(queries, list) and queries and all(isinstance(one, str) and one.strip() for one in queries):
        return queries
    raise InvalidInputError(f"query is {shown(given)}; give a text, or a list of texts")


def _number(name: str, given: object, default: float, least: float, most: float) -> float:
    if given is None:
        return default
    if isinstance(given, (int, float)) and not isinstance(given, bool) and least <= given <= most:
        return given
    raise InvalidInputError(f"{name} is {shown(given)}; give a number, {least} to {most}")


def _check_names(what: str, given: object, known: set[str]) -> None:
    if not isinstance(given, Mapping):
        raise InvalidInputError(f"{what} is {shown(given)}; give an object")
    if unknown := sorted(set(given) - known):
        raise InvalidInputError(f"{what} has the unknown field {unknown[0]!r} (known: {', '.join(sorted(known))})")


def _filter(given: object) -> Passes:
    """A comparison of an attribute, or several filters joined by `and` or `or`."""
    kind = given.get("type") if isinstance(given, Mapping) else None
    if isinstance(given, Mapping) and kind in ("and", "or") and isinstance(given.get("filters"), (list, tuple)):
        parts = [_filter(one) for one in given["filters"]]
        return all_of(parts) if kind == "and" else any_of(parts)
    if isinstance(given, Mapping) and kind in _COMPARISONS and isinstance(given.get("key"), str) and "value" in given:
        return of_field(given["key"], comparison(kind, given["value"]))
    raise InvalidInputError(
        f"the filter {shown(given)} cannot be read; give type ({', '.join(sorted(_COMPARISONS))}), key and value, or "
        "type and, or with filters"
    )
