"""Values of the wrong kind, anywhere in the interface: one line that says so, and nothing is lost."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest
from conftest import state  # type: ignore[attr-defined]

from kedit_memory.errors import InvalidInputError, KeditError
from kedit_memory.memory.memory import EditMemory

ODD: list[Any] = [
    -1, True, b"bytes", "\ud800", "a\nb", " ", ["\ud800"], {"a": 1}, object(), float("nan"), "x" * 40_000, None
]  # fmt: skip
GOOD: dict[str, dict[str, Any]] = {
    "add": {"prompt": "Who?", "target": "Ann"},
    "erase": {"prompt": "Who?"},
    "add_many": {"rows": [{"prompt": "Who?", "target": "Ann"}]},
    "update": {"edit_id": "e1", "target": "Bo"},
    "confirm": {"edit_id": "e1", "question": "Whoever?"},
    "reject": {"edit_id": "e1", "question": "Whoever?"},
    "about": {"query": "Who?", "subjects": ["Acme"]},
    "in_scope": {"query": "Who?"},
    "worded": {"texts": ["Who?"]},
    "search": {"query": "Who?"},
    "replacing": {"subjects": ["Acme"]},
    "has_about": {"subjects": ["Acme"]},
    "held_by": {"fingerprint": "f", "edit_ids": ["e1"]},
    "undo_consolidation": {"operation": 1},
    "note": {"name": "x"},
    "set_note": {"name": "x", "value": "y"},
    "encode": {"texts": ["Who?"]},
    **{name: {"edit_id": "e1"} for name in ("get", "retract", "delete", "purge")},
    **{name: {} for name in ("undo", "history", "list", "all", "has_subjectless")},
}
PLACES = [
    (verb, name) for verb in GOOD for name in inspect.signature(getattr(EditMemory, verb)).parameters if name != "self"
]


def refusal(call: Callable[[], object]) -> str | None:
    """What a call is refused with; any error that is none of ours goes on."""
    try:
        call()
    except KeditError as error:
        return str(error)
    return None


@pytest.mark.parametrize(("verb", "name"), PLACES)
def test_a_value_of_the_wrong_kind_gives_one_line(open_memory: Callable[..., EditMemory], verb: str, name: str) -> None:
    memory = open_memory()
    memory.add("Who leads Acme?", "Cy", subject="Acme")
    memory.add("Who sold it?", "Di")
    for value in ODD:
        before, error = (
            state(memory),
            refusal(lambda given=value: getattr(memory, verb)(**(GOOD[verb] | {name: given}))),
        )
        if error is not None:
            assert "\n" not in error.replace(str(value), ""), value  # a file may be called so
            assert state(memory) == before, value
    assert memory.verify().ok


@pytest.mark.parametrize("name", ["e9", "x"])
@pytest.mark.parametrize("kind", [3, None, b"e1", ["e1"]])
def test_an_id_that_is_no_text_is_told_from_one_that_is_missing(memory: EditMemory, name: str, kind: object) -> None:
    for verb in (memory.get, memory.retract, memory.delete):
        with pytest.raises(InvalidInputError, match="not text"):
            verb(kind)
        with pytest.raises(KeditError, match=f"no edit '{name}'"):
            verb(name)


@pytest.mark.parametrize("rows", [[3], "\ud800", [{"prompt": "\ud800", "target": "x"}], [{3: 4}], 3, None, [[]], b"x"])
def test_rows_of_the_wrong_kind(memory: EditMemory, rows: Any) -> None:
    with pytest.raises(KeditError):
        memory.add_many(rows)
    assert memory.history() == []


@pytest.mark.parametrize("path", [3, None, "\ud800", b"x", "", "a\0b"])
def test_paths_of_the_wrong_kind(memory: EditMemory, path: Any) -> None:
    for verb in (memory.export, memory.import_, memory.import_file, memory.backup, EditMemory.open):
        with pytest.raises(KeditError) as raised:
            verb(path)
        assert "\n" not in str(raised.value)


def test_every_verb_is_explained() -> None:
    """`help(EditMemory)` is where people look first."""
    verbs = {name for name, value in vars(EditMemory).items() if callable(value) and not name.startswith("_")}
    assert {
        "add",
        "add_many",
        "get",
        "list",
        "search",
        "update",
        "delete",
        "erase",
        "undo",
        "history",
        "export",
        "import_",
    } <= verbs
    for name in verbs:
        explained = inspect.getdoc(getattr(EditMemory, name))
        assert explained, name
        assert not any(
            one.kind is inspect.Parameter.VAR_KEYWORD
            for one in inspect.signature(getattr(EditMemory, name)).parameters.values()
        )
    for keyword in set(inspect.signature(EditMemory.add).parameters) - {"self"}:
        assert f"    {keyword}: " in str(inspect.getdoc(EditMemory.add))
