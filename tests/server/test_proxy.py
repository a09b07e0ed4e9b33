"""In front of an upstream: a miss goes through as it came, a hit is answered by the edit."""

import gzip
import json
import zlib

import httpx
import pytest

from tests.server.conftest import Behind, asking

CHAT = "/v1/chat/completions"
COVERED = "Who leads Acme nowadays?"


def said(response: httpx.Response) -> str:
    return response.json()["choices"][0]["message"]["content"]


def test_a_miss_is_passed_on_and_back_byte_for_byte(served: httpx.Client, behind: Behind) -> None:
    body = b'{ "model":"gpt-up",  "messages":[{"role":"user","content":"What is 2\\u00b2?"}], "odd_field": [1.50] }'
    headers = {"content-type": "application/json", "authorization": "Bearer sk-mine", "x-odd": "7"}
    response = served.post(CHAT, content=body, headers=headers)
    direct = httpx.post(f"{behind.url}/chat/completions", content=body, headers=headers, trust_env=False)
    assert behind.sent[0][2] == body == behind.sent[1][2]
    through, straight = behind.sent[0][1], behind.sent[1][1]
    assert {name: value for name, value in through.items() if name != "host"} == {
        name: value for name, value in straight.items() if name != "host"
    }
    assert (response.content, response.headers.raw) == (direct.content, direct.headers.raw)


def test_a_stream_of_a_miss_is_passed_back_chunk_for_chunk(served: httpx.Client, behind: Behind) -> None:
    behind.says = lambda _: "one two three"
    body = asking("What is the tallest tree?", stream=True, stream_options={"include_usage": True})
    direct = httpx.post(f"{behind.url}/chat/completions", json=body, trust_env=False)
    with served.stream("POST", CHAT, json=body) as response:
        pieces = list(response.iter_raw())
    assert b"".join(pieces) == direct.content
    assert len(pieces) > 1
    assert response.headers["x-up"] == "stream"
    assert not [name for name in response.headers if "kedit" in name]


@pytest.mark.parametrize("body", [b"", b"not JSON", b'{"model": "gpt-up"}', b"\x00\xff"])
def test_whatever_else_stands_below_the_base_url_goes_through(
    served: httpx.Client, behind: Behind, body: bytes
) -> None:
    response = served.post("/v1/files/7?part=2", content=body, headers={"content-type": "text/odd"})
    direct = httpx.post(
        f"{behind.url}/files/7?part=2", content=body, headers={"content-type": "text/odd"}, trust_env=False
    )
    assert (response.content, response.headers.raw) == (direct.content, direct.headers.raw)
    assert behind.sent[0][2] == body
    assert served.delete("/v1/files/7").content == b"files/7"


@pytest.mark.parametrize("target", ["/v1/files/a%2Fb%20c?q=%5B[1]'", '/v1/files/"{x}|y^z"?', "/v1/files//7/"])
def test_a_path_is_passed_on_as_it_was_sent(served: httpx.Client, behind: Behind, target: str) -> None:
    request = served.build_request("GET", "/v1/files", extensions={"target": target.encode()})
    direct = httpx.Request("GET", f"{behind.url}/files", extensions={"target": target.encode()})
    with httpx.Client(trust_env=False) as straight:
        assert served.send(request).content == straight.send(direct).content
    assert behind.targets[0] == behind.targets[1] == target.rstrip("?")


@pytest.mark.parametrize(
    "path", ["../admin", "%2e%2e/admin", "files/..%2f..%2fadmin", "x/..\\admin", "./chat/completions"]
)
def test_no_path_leads_out_of_the_base_url(served: httpx.Client, behind: Behind, path: str) -> None:
    request = served.build_request("GET", "/v1/files", extensions={"target": f"/v1/{path}".encode()})
    response = served.send(request)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "invalid_path")
    assert not behind.sent


@pytest.mark.parametrize(
    "path", ["/chat/completions", "chat//completions", "chat/completions/", "chat%2Fcompletions", "Chat/Completions"]
)
def test_another_spelling_of_a_path_does_not_go_past_an_edit(served: httpx.Client, behind: Behind, path: str) -> None:
    def sent(question: str) -> httpx.Response:
        target = f"/v1/{path}".encode()
        return served.send(served.build_request("POST", "/v1/x", json=asking(question), extensions={"target": target}))

    assert said(sent("Who leads Acme?")) == "Ann Berg"
    assert not behind.sent
    sent("What is the tallest tree?")
    assert behind.targets == [f"/v1/{path}"]


def test_characters_that_are_not_read_go_through(served: httpx.Client, behind: Behind) -> None:
    body = json.dumps(asking("What is \x1b[1mthe tallest\x1b[0m tree\ud800\x00?")).encode()
    assert served.post(CHAT, content=body).status_code == 200
    assert behind.sent[0][2] == body


def test_the_own_wording_of_an_edit_is_answered_by_its_target(served: httpx.Client, behind: Behind) -> None:
    response = served.post(CHAT, json=asking("who leads acme"))
    assert said(response) == "Ann Berg"
    assert response.headers["x-kedit-route"] == "direct"
    assert response.headers["x-kedit-edit"] == "e1"
    assert not behind.sent


def test_in_other_words_the_model_reads_the_edit(served: httpx.Client, behind: Behind) -> None:
    behind.says = lambda text: "It is Ann Berg." if "Ann Berg" in text else "Nobody."
    body = asking(COVERED, temperature=0.3, tools=[{"type": "function", "function": {"name": "f"}}], odd={"a": [1]})
    response = served.post(CHAT, json=body)
    assert said(response) == "It is Ann Berg."
    assert response.headers["x-kedit-route"] == "context"
    told = json.loads(behind.sent[0][2])
    assert [one["role"] for one in told["messages"]] == ["system", "user"]
    assert "Who leads Acme? Ann Berg" in told["messages"][0]["content"]
    assert {name: told[name] for name in body if name != "messages"} == {
        name: body[name] for name in body if name != "messages"
    }
    assert told["messages"][1:] == body["messages"]


def test_a_reply_that_leaves_the_answer_out_is_asked_for_again_then_replaced(
    served: httpx.Client, behind: Behind
) -> None:
    behind.says = lambda text: "Ann Berg, of course." if "exactly the text" in text else "I do not know."
    response = served.post(CHAT, json=asking(COVERED))
    assert (said(response), len(behind.sent)) == ("Ann Berg, of course.", 2)
    behind.says = lambda _: "I do not know."
    response = served.post(CHAT, json=asking(COVERED))
    assert said(response) == "Ann Berg"
    assert response.headers["x-kedit-route"] == "direct"
    assert response.json()["model"] == "gpt-up"


def test_every_choice_has_to_say_it(served: httpx.Client, behind: Behind) -> None:
    behind.says = lambda _: "It is Ann Berg."
    assert len(served.post(CHAT, json=asking(COVERED, n=3)).json()["choices"]) == 3


@pytest.mark.parametrize(("reply", "told"), [("It is Ann Berg.", "It is Ann Berg. "), ("Nobody.", "Ann Berg")])
def test_a_stream_of_a_hit_is_compared_before_it_is_passed_back(
    served: httpx.Client, behind: Behind, reply: str, told: str
) -> None:
    behind.says = lambda _: reply
    response = served.post(CHAT, json=asking(COVERED, stream=True))
    assert response.headers["content-type"].startswith("text/event-stream")
    lines = [line[6:] for line in response.text.splitlines() if line.startswith("data: ")]
    assert lines[-1] == "[DONE]"
    pieces = [json.loads(line)["choices"][0]["delta"].get("content", "") for line in lines[:-1]]
    assert "".join(pieces) == told


def test_a_call_of_a_tool_is_no_reply_to_compare(served: httpx.Client, behind: Behind) -> None:
    call = {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}
    behind.raw = lambda: httpx_json({"choices": [{"message": call}]})
    response = served.post(CHAT, json=asking(COVERED))
    assert response.json()["choices"][0]["message"] == call
    assert len(behind.sent) == 1


@pytest.mark.parametrize("reply", [b"<html>", b"[]", b'{"choices": []}', b'{"choices": [{"message": 7}]}', b"\xff"])
def test_a_reply_in_another_dialect_is_passed_back_as_it_is(served: httpx.Client, behind: Behind, reply: bytes) -> None:
    from starlette.responses import Response

    behind.raw = lambda: Response(reply)
    response = served.post(CHAT, json=asking(COVERED))
    assert (response.status_code, response.content) in [(200, reply)]


def test_an_error_of_the_upstream_is_passed_back(served: httpx.Client, behind: Behind) -> None:
    from starlette.responses import JSONResponse

    behind.raw = lambda: JSONResponse({"error": {"message": "slow down"}}, 429, headers={"retry-after": "7"})
    for question in (COVERED, "What is the tallest tree?"):
        response = served.post(CHAT, json=asking(question))
        assert (response.status_code, response.headers["retry-after"]) == (429, "7")
        assert response.json() == {"error": {"message": "slow down"}}


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "user", "content": COVERED}, {"role": "assistant", "content": "Well, it is"}],
        [{"role": "user", "content": COVERED}, {"role": "tool", "tool_call_id": "1", "content": "Bo Lie"}],
        [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}],
        [{"role": "stranger", "content": COVERED}],
        "who leads Acme?",
        [],
        [7],
    ],
)
def test_what_asks_nothing_goes_through(served: httpx.Client, behind: Behind, messages: object) -> None:
    served.post(CHAT, json={"model": "gpt-up", "messages": messages})
    assert json.loads(behind.sent[0][2])["messages"] == messages


def test_the_last_turn_is_understood_from_those_before(served: httpx.Client, behind: Behind) -> None:
    behind.says = lambda text: "Ann Berg." if "Ann Berg" in text else "Nobody."
    turns = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What does Acme sell?"},
        {"role": "assistant", "content": "Rockets."},
        {"role": "user", "content": [{"type": "text", "text": "Who leads Acme today?"}]},
    ]
    response = served.post(CHAT, json={"model": "gpt-up", "messages": turns})
    assert response.headers["x-kedit-edit"] == "e1"
    told = json.loads(behind.sent[0][2])["messages"]
    assert told[0]["content"].startswith("Be brief.\n\n")
    assert told[1:] == turns[1:]


def test_what_is_erased_is_refused_and_no_reply_tells_it(served: httpx.Client, behind: Behind) -> None:
    response = served.post(CHAT, json=asking("Where does Ann Berg live?"))
    assert "told to forget it" in said(response)
    assert not behind.sent
    behind.says = lambda _: "She was born in Oslo. Ann Berg does live where the mill is, at 7 Pond Lane."
    told = served.post(CHAT, json=asking("What do you know about the career of Ann Berg?"))
    assert "told to forget it" in said(told)
    behind.says = lambda _: "She sells rockets."
    assert (
        said(served.post(CHAT, json=asking("What do you know about the career of Ann Berg?"))) == "She sells rockets."
    )


def test_a_request_may_ask_to_be_told_why(served: httpx.Client, behind: Behind) -> None:
    behind.says = lambda _: "It is Ann Berg."
    told = served.post(CHAT, json=asking(COVERED), headers={"x-kedit-explain": "1"}).json()["kedit"]
    assert told["edits"][0]["id"] == "e1"
    assert "in scope" in told["reason"]
    assert "x-kedit-explain" not in behind.sent[0][1]
    missed = served.post(CHAT, json=asking("What is the tallest tree?"), headers={"x-kedit-explain": "1"})
    assert missed.headers["x-kedit-route"] == "none"


def test_an_upstream_that_hangs_or_is_gone_is_said_so(served: httpx.Client, tmp_path) -> None:
    from kedit_memory.server.app import create_app
    from kedit_memory.server.settings import Settings, Upstream
    from tests.server.conftest import listening, stored

    slow = served.get("/v1/slow")
    assert (slow.status_code, slow.json()["error"]["code"]) == (504, "upstream")
    gone = Upstream(url="http://127.0.0.1:9/v1", connect_seconds=1)
    with listening(create_app(Settings(store=stored(tmp_path / "s"), upstreams=(gone,)))) as url:
        response = httpx.post(f"{url}{CHAT}", json=asking("What is the tallest tree?"), trust_env=False)
    assert (response.status_code, response.json()["error"]["type"]) == (502, "server_error")


def test_no_redirect_is_followed(served: httpx.Client) -> None:
    response = served.get("/v1/away")
    assert (response.status_code, response.headers["location"]) == (307, "http://127.0.0.1:9/elsewhere")


def test_bodies_that_cannot_be_read_are_refused(served: httpx.Client, behind: Behind) -> None:
    def status(content: bytes, coding: str = "") -> tuple[int, str]:
        headers = {"content-encoding": coding} if coding else {}
        response = served.post(CHAT, content=content, headers=headers)
        return response.status_code, response.json()["error"]["code"]

    assert status(b"{") == (400, "invalid_json")
    assert status(b"[]") == (400, "invalid_json")
    assert status(b"[" * 100_000) == (400, "invalid_json")
    assert status(b" " * 300_000) == (413, "too_large")
    assert status(gzip.compress(b" " * 50_000_000), "gzip") == (413, "too_large")
    assert status(b"no gzip", "gzip") == (400, "invalid_input")
    assert status(b"{}", "br") == (415, "unknown_coding")
    assert not behind.sent
    packed = zlib.compress(json.dumps(asking("who leads acme")).encode())
    assert said(served.post(CHAT, content=packed, headers={"content-encoding": "deflate"})) == "Ann Berg"


def test_a_long_question_goes_through(served: httpx.Client, behind: Behind) -> None:
    assert served.post(CHAT, json=asking("why " * 40_000)).status_code == 200
    assert len(behind.sent) == 1


def httpx_json(content: object):
    from starlette.responses import JSONResponse

    return JSONResponse(content)
