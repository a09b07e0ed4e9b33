"""Each API: what of a request is asked, where a correction goes, what a reply says, and replies of our own."""

import json
from typing import Any

import pytest

from kedit_memory.records import Message
from kedit_memory.routing.asked import LONGEST_MESSAGE
from kedit_memory.server.dialects.base import Dialect, Stamp
from kedit_memory.server.dialects.chat import Chat
from kedit_memory.server.dialects.completions import Completions
from kedit_memory.server.dialects.messages import Messages
from kedit_memory.server.dialects.responses import Responses
from kedit_memory.server.relay import events_of

DIALECTS = (Chat(), Completions(), Responses(), Messages())
EVERY = pytest.mark.parametrize("dialect", DIALECTS, ids=lambda one: one.path)
ASKED = {
    "chat/completions": {"messages": [{"role": "user", "content": "Who leads Acme?"}]},
    "completions": {"prompt": "Who leads Acme?"},
    "responses": {"input": "Who leads Acme?"},
    "messages": {"messages": [{"role": "user", "content": "Who leads Acme?"}]},
}


def events(dialect: Dialect, text: str) -> list[dict[str, Any]]:
    raw = b"".join(dialect.events(text, Stamp(model="m", prefix=dialect.prefix))).decode()
    assert raw.endswith("\n\n")
    data = [line[6:] for line in raw.splitlines() if line.startswith("data: ")]
    return [json.loads(one) for one in data if one != "[DONE]"]


@EVERY
def test_the_question_is_found(dialect: Dialect) -> None:
    assert dialect.dialogue(ASKED[dialect.path]) == [Message("user", "Who leads Acme?")]


@EVERY
@pytest.mark.parametrize(
    "body", [{}, {"messages": None, "prompt": None, "input": None}, {"messages": 7, "prompt": 7, "input": 7}]
)
def test_a_request_without_a_question_asks_nothing(dialect: Dialect, body: dict) -> None:
    assert dialect.dialogue(body) is None


@EVERY
def test_a_correction_is_told_and_the_rest_stays(dialect: Dialect) -> None:
    body = {**ASKED[dialect.path], "model": "m", "odd": [1]}
    before = json.dumps(body)
    told = dialect.told(body, "Ann Berg leads Acme.")
    assert json.dumps(body) == before
    assert "Ann Berg leads Acme." in json.dumps(told)
    assert {name: told[name] for name in ("model", "odd")} == {"model": "m", "odd": [1]}


@EVERY
@pytest.mark.parametrize("text", ["Ann Berg", "", 'a "quoted"\nline — ü', "data: [DONE]\n\n", "a\u2028b\x85c"])
def test_our_own_reply_says_what_it_should(dialect: Dialect, text: str) -> None:
    stamp = Stamp(model="m", prefix=dialect.prefix)
    assert dialect.texts(dialect.reply(text, stamp)) == [text]
    assert dialect.streamed(events(dialect, text)) == [text]
    assert dialect.reply(text, stamp)["id"] == stamp.id


def test_a_system_message_of_the_request_goes_first() -> None:
    chat = Chat()
    for content in ("Be brief.", [{"type": "text", "text": "Be brief."}]):
        body = {"messages": [{"role": "system", "content": content}, {"role": "user", "content": "Who?"}]}
        told = chat.told(body, "X leads.")["messages"]
        assert [one["role"] for one in told] == ["system", "user"]
        assert json.dumps(told[0]).index("Be brief.") < json.dumps(told[0]).index("X leads.")
    assert Messages().told({"system": "Be brief."}, "X")["system"] == "Be brief.\n\nX"
    blocks = [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]
    assert Messages().told({"system": blocks}, "X")["system"] == [*blocks, {"type": "text", "text": "X"}]
    assert Responses().told({"instructions": "Be brief."}, "X")["instructions"] == "Be brief.\n\nX"


def test_what_tools_say_asks_nothing() -> None:
    result = [{"type": "tool_result", "tool_use_id": "t", "content": "Who leads Acme?"}]
    assert Messages().dialogue({"messages": [{"role": "user", "content": result}]}) is None
    called = [{"role": "user", "content": "Who leads Acme?"}, {"type": "function_call_output", "output": "Bo"}]
    assert Responses().dialogue({"input": called}) is None


def test_a_response_whose_dialogue_is_kept_upstream() -> None:
    responses = Responses()
    kept = {"previous_response_id": "resp_1"}
    assert responses.dialogue({"input": "Who leads Acme?", **kept}) is not None
    assert responses.dialogue({"input": "And who was it before her?", **kept}) is None
    assert responses.dialogue({"input": "Who leads Acme?", "background": True}) is None


@pytest.mark.parametrize(
    "turn",
    [
        7,
        {"role": "stranger", "content": "Hello"},
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "assistant", "content": None, "refusal": "No."},
        {"role": "tool", "tool_call_id": "1", "content": [{"type": "text", "text": 7}]},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]},
    ],
)
def test_no_turn_before_a_question_hides_it(turn: object) -> None:
    body = {"messages": [turn, *ASKED["chat/completions"]["messages"]]}
    assert Chat().dialogue(body) == [Message("user", "Who leads Acme?")]
    assert Chat().told(body, "X leads.")["messages"][1:] == body["messages"]


@EVERY
@pytest.mark.parametrize("text", ["Who leads\x1b Ac\x00me?", "Who leads\x0bAcme?", "Who leads Acme\ud800?"])
def test_characters_that_are_not_read_do_not_hide_a_question(dialect: Dialect, text: str) -> None:
    body = json.loads(json.dumps(ASKED[dialect.path]).replace("Who leads Acme?", json.dumps(text)[1:-1]))
    assert dialect.dialogue(body) == [Message("user", "Who leads Acme?")]


def test_of_a_very_long_question_the_end_is_read() -> None:
    text = "x" * 300_000 + " Who leads Acme?"
    found = Completions().dialogue({"prompt": text})
    assert found is not None
    assert found[0].content == text[-LONGEST_MESSAGE:]


def test_events_end_where_lines_do() -> None:
    """JSON may hold what Unicode, too, counts as the end of a line."""
    raw = 'data: {"a": "b\u2028c\x85d"}\r\n\r\ndata: {"a": "e"}\n\ndata: [DONE]\n\n'.encode()
    assert events_of(raw) == [{"a": "b\u2028c\x85d"}, {"a": "e"}]


def test_calls_of_tools_are_no_text() -> None:
    assert Chat().texts({"choices": [{"message": {"content": None, "tool_calls": [{}]}}]}) is None
    assert Chat().streamed([{"choices": [{"index": 0, "delta": {"tool_calls": [{}]}}]}]) is None
    assert Messages().texts({"content": [{"type": "tool_use"}]}) is None
    assert Messages().streamed([{"type": "content_block_start", "content_block": {"type": "tool_use"}}]) is None
    assert Responses().texts({"output": [{"type": "function_call"}]}) is None
    assert Responses().streamed([{"type": "response.created"}]) is None


def test_choices_are_told_apart() -> None:
    chunks = [{"choices": [{"index": n % 2, "delta": {"content": str(n)}}]} for n in range(4)]
    assert Chat().streamed(chunks) == ["02", "13"]
