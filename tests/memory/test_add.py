"""What can be added, in which forms, and the one line that bad input gives."""

from typing import Any

import pytest

from kedit_memory.errors import InvalidInputError
from kedit_memory.memory.requests import day, request_of, statement_of, validate
from kedit_memory.records import EditRequest, Kind
from kedit_memory.text import LONGEST_TEXT


def made(**fields: Any) -> Any:
    return validate(EditRequest(**fields))


@pytest.mark.parametrize(
    ("fields", "prompt", "target", "statement", "keys"),
    [
        ({"prompt": "Who?", "target": "Ann"}, "Who?", "Ann", "Who? Ann", ["Who?"]),
        ({"prompt": "It is", "target": "red"}, "It is", "red", "It is red.", ["It is"]),
        ({"statement": "It is red."}, "It is red.", "It is red.", "It is red.", ["It is red."]),
        (
            {"subject": "France", "relation": "head_of_state", "target": "Ann"},
            "What is the head of state of France?",
            "Ann",
            "The head of state of France is Ann.",
            ["What is the head of state of France?"],
        ),
        (
            {"prompt": "Who?", "target": "Ann", "statement": "Ann it is.", "paraphrases": ("Say who", "Who?")},
            "Who?",
            "Ann",
            "Ann it is.",
            ["Who?", "Ann it is.", "Say who"],
        ),
        ({"prompt": " Who?\u00a0", "target": "Ann "}, "Who?", "Ann", "Who? Ann", ["Who?"]),
        ({"prompt": "Cafe\u0301?", "target": "yes"}, "Café?", "yes", "Café? yes", ["Café?"]),
        ({"prompt": "How?", "target": "1. A\r\n  2. B"}, "How?", "1. A\n  2. B", "How?\n1. A\n  2. B", ["How?"]),
        ({"prompt": "It\n is", "target": "red"}, "It\n is", "red", "It\n is red.", ["It\n is"]),
        ({"statement": " e\u0301\n - b"}, "\u00e9\n - b", " e\u0301\n - b", " e\u0301\n - b", ["\u00e9\n - b"]),
        ({"prompt": "Ann's phone?"}, "Ann's phone?", None, "Ann's phone?", ["Ann's phone?"]),
        (
            {"subject": "Ann", "relation": "phone", "kind": Kind.ERASURE},
            "What is the phone of Ann?",
            None,
            "What is the phone of Ann?",
            ["What is the phone of Ann?"],
        ),
    ],
)
def test_forms(fields: dict[str, Any], prompt: str, target: str | None, statement: str, keys: list[str]) -> None:
    draft = made(**fields)
    assert (draft.edit.prompt, draft.edit.target, draft.edit.statement) == (prompt, target, statement)
    assert [key.text for key in draft.keys] == keys
    assert draft.edit.kind is (Kind.ERASURE if target is None else Kind.INSERTION)


GOOD = {"prompt": "Who?", "target": "Ann"}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"prompt": ""}, "prompt is empty"),
        ({"target": " \n "}, "target is empty"),
        ({"prompt": "x" * (LONGEST_TEXT + 1)}, "32001 characters, 32000 are allowed"),
        ({"prompt": "a\0b"}, "control character U[+]0000"),
        ({"target": "a\x1bb"}, "control character U[+]001B; only printable text, line breaks and tabs"),
        ({"subject": "a\nb"}, "control character U[+]000A; only printable text in one line"),
        ({"aliases": ("a\tb",)}, r"aliases\[0\] holds the control character U[+]0009"),
        ({"target": "\ud800"}, "not valid UTF-8"),
        ({"prompt": 3}, "prompt is int, not text"),
        ({"radius": float("nan")}, "radius nan is not allowed; give a number from 0 to 2"),
        ({"radius": -0.1}, "radius -0.1"),
        ({"radius": 2.5}, "radius 2.5"),
        ({"radius": float("inf")}, "radius inf"),
        ({"radius": "1"}, "radius '1'"),
        ({"radius": True}, "radius True"),
        ({"valid_from": "yesterday"}, "valid_from 'yesterday' is no date"),
        ({"valid_until": "2024-13"}, "is no date"),
        ({"valid_from": "2024", "valid_until": "2024-01-01"}, "is not before valid_until"),
        ({"paraphrases": tuple(map(str, range(65)))}, "65 paraphrases, 64 are allowed"),
        ({"paraphrases": "one"}, "paraphrases is str; give a list"),
        ({"paraphrases": ("",)}, r"paraphrases\[0\] is empty"),
        ({"aliases": (3,)}, r"aliases\[0\] is int"),
        ({"metadata": {"x": object()}}, "metadata is no JSON"),
        ({"metadata": {"x": float("nan")}}, "metadata is no JSON"),
        ({"metadata": {"x": "\ud800"}}, "metadata is no JSON"),
        ({"metadata": {"x": "y" * 20_000}}, "16000 are allowed"),
        ({"metadata": 3}, "metadata is int"),
        ({"namespace": ""}, "namespace is empty"),
        ({"namespace": None}, "namespace is None"),
        ({"kind": "removal"}, "kind 'removal' is unknown"),
        ({"kind": Kind.ERASURE}, "an erasure has no target"),
        ({"target": None, "kind": Kind.MODIFICATION}, "no target for kind 'modification'"),
        ({"prompt": None, "target": "Ann"}, "nothing to remember"),
    ],
)
def test_bad_input_gives_one_line(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInputError, match=words) as raised:
        made(**(GOOD | fields))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (3, "row 1: 3 is no object"),
        ({"prompt": "x", "tarqet": "y"}, "row 1: unknown field 'tarqet'"),
        ({"prompt": "x"}, "row 1: no target"),
        ({"prompt": "x", "target": "y", "aliases": "z"}, "aliases is str"),
        ({"prompt": "x", "target": "y", "kind": "z"}, "kind 'z' is unknown"),
    ],
)
def test_bad_rows_are_named(row: object, words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        request_of(row, "row 1")


def test_days() -> None:
    assert [day("2024"), day("2024-02"), day(" 2024-02-29 ")] == ["2024-01-01", "2024-02-01", "2024-02-29"]
    with pytest.raises(InvalidInputError):
        day("2023-02-29")


def test_statement_of_does_not_double_a_full_stop() -> None:
    assert statement_of("It is", "J. R.") == "It is J. R."
