"""Fields of a row under the names that other programs give them."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from kedit_memory.errors import InvalidInputError
from kedit_memory.records import REQUEST_FIELDS

NamedRow: TypeAlias = tuple[str, object]  # what messages call it, such as "line 3", and what it holds

_NUMBER = "id"
OTHER_NAMES = {
    "question": "prompt", "query": "prompt", "q": "prompt",
    "answer": "target", "answers": "target", "response": "target", "completion": "target", "a": "target",
    "fact": "statement", "alias": "aliases", "paraphrase": "paraphrases",
}  # fmt: skip


def field_of(name: str) -> str:
    """The field that a name stands for; any other name as it is."""
    plain = name.strip().casefold().replace(" ", "_").replace("-", "_")
    known = OTHER_NAMES.get(plain, plain)
    return known if known in REQUEST_FIELDS else name


def renamed(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with the fields' own names, where these are free."""
    result: dict[str, Any] = {}
    for name, value in row.items():
        field = OTHER_NAMES.get(name, name)
        result[name if field in row or field in result else field] = value
    return result


def with_metadata(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with what is no field of an edit moved into its metadata; an id there tells rows of one file apart."""
    known = {name: value for name, value in row.items() if name in REQUEST_FIELDS and name != _NUMBER}
    others = {name: value for name, value in row.items() if name not in known and value is not None}
    if not others:
        return known
    metadata = known.get("metadata") or {}
    if not isinstance(metadata, Mapping):
        raise InvalidInputError(f"metadata is {type(metadata).__name__}; give an object of JSON values")
    return known | {"metadata": others | dict(metadata)}
