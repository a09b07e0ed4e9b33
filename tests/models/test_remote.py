import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from kedit_memory.errors import InvalidInputError, ModelError
from kedit_memory.models.language import ScoringModel, TextModel
from kedit_memory.models.named import load_model
from kedit_memory.models.prompts import Prompt
from kedit_memory.models.remote import OpenAIModel
from kedit_memory.records import Message

KEY = "sk-very-secret"


def completion(text, logprobs=None, finish="stop"):
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
    if logprobs is not None:
        choice["logprobs"] = {"content": [{"token": "t", "logprob": x} for x in logprobs]}
    return json.dumps({"choices": [choice]})


class Endpoint:
    """A real server on this machine that plays back `replies`: (status, body, headers, delay)."""

    def __init__(self):
        self.replies = []
        self.requests = []
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                endpoint.requests.append((self.path, dict(self.headers), json.loads(body)))
                status, text, headers, delay = endpoint.replies.pop(0)
                time.sleep(delay)
                data = text.encode()
                try:
                    self.send_response(status)
                    for key, value in headers.items():
                        self.send_header(key, value)
                    self.send_header("Content-Length", str(len(data)))
                    self.end_headers()
                    self.wfile.write(data)
                except ConnectionError:
                    pass  # the client gave up, as the timeout test means it to

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def reply(self, text, status=200, headers=None, delay=0.0):
        self.replies.append((status, text, headers or {}, delay))

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def endpoint():
    endpoint = Endpoint()
    yield endpoint
    endpoint.close()


@pytest.fixture
def model(endpoint):
    model = OpenAIModel("far", endpoint.url + "/", api_key=KEY, timeout=5, pause=0.01, attempts=3)
    yield model
    model.close()


def test_a_question_is_asked_as_chat_messages(endpoint, model):
    endpoint.reply(completion("\nAnn.\nAnd more"))
    assert model.answer("The king is", facts=["Ann rules."], max_new_tokens=7) == "Ann"
    ((path, headers, body),) = endpoint.requests
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert body["model"] == "far"
    assert body["temperature"] == 0
    assert body["max_tokens"] == 7
    assert "stop" not in body
    system, user = body["messages"]
    assert system["role"] == "system"
    assert system["content"].endswith("Ann rules.")
    assert user == {"role": "user", "content": "The king is"}


def test_a_question_alone_is_all_that_is_sent(endpoint, model):
    endpoint.reply(completion("Ann.\n\nShe rules.", finish="length"))
    (reply,) = model.reply_many([Prompt(question="Who rules?\n", turns=(Message("user", "Hi"),))])
    assert (reply.text, reply.cut) == ("Ann.\n\nShe rules.", True)
    ((_, _, body),) = endpoint.requests
    turns = [{"role": "user", "content": text} for text in ("Hi", "Who rules?\n")]
    assert body == {"model": "far", "messages": turns, "temperature": 0}


def test_a_reply_comes_in_pieces(endpoint, model):
    chunks = [{"choices": [{"delta": {"role": "assistant"}}]}, {"choices": []}]
    chunks += [{"choices": [{"delta": {"content": text}}]} for text in ("An", "n ", "rules")]
    chunks += [{"choices": [{"delta": {}, "finish_reason": "length"}]}]
    lines = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks)
    endpoint.reply(f": keep-alive\n\n{lines}data: [DONE]\n\n")
    pieces = []
    (reply,) = model.reply_many([Prompt(question="Who?")], on_text=pieces.append)
    assert pieces == ["An", "n ", "rules"]
    assert (reply.text, reply.cut) == ("Ann rules", True)
    assert endpoint.requests[0][2]["stream"] is True


@pytest.mark.parametrize("line", ["data: no json", 'data: {"error": "overloaded"}', "data: []"])
def test_a_piece_that_is_none_is_told(endpoint, model, line):
    endpoint.reply(f"{line}\n\n")
    with pytest.raises(ModelError, match="sent a piece that is none of a chat completion"):
        model.reply_many([Prompt(question="Who?")], on_text=print)


def test_a_stream_that_is_refused_is_told_like_any_answer(endpoint, model):
    endpoint.reply("no such model", status=404)
    with pytest.raises(ModelError, match="answered 404"):
        model.reply_many([Prompt(question="Who?")], on_text=print)


def test_raw_text_stop_and_order(endpoint, model):
    for text in ("one", "two"):
        endpoint.reply(completion(text))
    prompts = ["say one", Prompt(question="Two?")]
    assert model.generate(prompts, stop=["\n"]) == ["one", "two"]
    assert endpoint.requests[0][2]["messages"] == [{"role": "user", "content": "say one"}]
    assert endpoint.requests[0][2]["stop"] == ["\n"]


def test_log_probabilities_where_the_server_gives_them(endpoint, model):
    endpoint.reply(completion("Ann", [-0.5, -0.25]))
    endpoint.reply(completion("Ann"))
    assert model.complete("Who?", log_probabilities=True).log_probabilities == (-0.5, -0.25)
    assert model.complete("Who?", log_probabilities=True).log_probabilities is None
    assert endpoint.requests[0][2]["logprobs"] is True


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_passing_failure_is_tried_again(endpoint, model, status):
    endpoint.reply("busy", status=status, headers={"Retry-After": "0"})
    endpoint.reply(completion("Ann"))
    assert model.answer("Who?") == "Ann"
    assert len(endpoint.requests) == 2


def test_attempts_are_bounded(endpoint, model):
    for _ in range(3):
        endpoint.reply("first line\nsecond line", status=500)
    with pytest.raises(ModelError, match=r"answered 500 \(first line\)$"):
        model.answer("Who?")
    assert len(endpoint.requests) == 3


def test_a_refusal_is_told_once_and_without_the_key(endpoint, model):
    endpoint.reply(f"Incorrect API key: {KEY}", status=401)
    with pytest.raises(ModelError, match=r"answered 401 .*: give the endpoint's API key") as caught:
        model.answer("Who?")
    assert KEY not in str(caught.value)
    assert len(endpoint.requests) == 1


def test_an_unknown_model(endpoint, model):
    endpoint.reply("", status=404)
    with pytest.raises(ModelError, match=r"answered 404: check the URL and that .* named 'far'"):
        model.answer("Who?")


@pytest.mark.parametrize(
    "body",
    ["{", "", "[]", "{}", '{"choices": []}', '{"choices": [{"message": {"content": null}}]}', "1"],
)
def test_malformed_answers(endpoint, model, body):
    endpoint.reply(body)
    with pytest.raises(ModelError, match="answered with no chat completion") as caught:
        model.answer("Who?")
    assert "\n" not in str(caught.value)


def test_a_timeout(endpoint):
    model = OpenAIModel("far", endpoint.url, timeout=0.05, attempts=2, pause=0.01)
    endpoint.reply(completion("late"), delay=0.3)
    endpoint.reply(completion("late"), delay=0.3)
    with pytest.raises(ModelError, match=r"no answer from .* after 2 attempts"):
        model.answer("Who?")
    model.close()


def test_a_server_that_is_not_there():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    model = OpenAIModel("far", f"http://127.0.0.1:{port}/v1", attempts=2, pause=0.01)
    with pytest.raises(ModelError, match="check that the server runs"):
        model.answer("Who?")
    model.close()


def test_a_remote_model_by_name(endpoint):
    model = load_model(f"openai:org/far@2:b@{endpoint.url}", api_key=KEY)
    endpoint.reply(completion("Ann"))
    assert (model.name, model.answer("Who?")) == ("org/far@2:b", "Ann")
    assert isinstance(model, TextModel)
    assert not isinstance(model, ScoringModel)
    assert model.fingerprint != OpenAIModel("other", endpoint.url).fingerprint


@pytest.mark.parametrize("name", ["openai:far", "openai:@http://x/v1", "openai:far@ftp://x"])
def test_a_name_that_is_no_endpoint(name):
    with pytest.raises(InvalidInputError, match="write openai:NAME@URL"):
        load_model(name)


def test_unusable_settings():
    with pytest.raises(InvalidInputError, match="is no URL"):
        OpenAIModel("far", "http://")
    with pytest.raises(InvalidInputError, match="holds a password"):
        OpenAIModel("far", "http://me:pw@host/v1")
    with pytest.raises(InvalidInputError, match="API key holds a space") as caught:
        OpenAIModel("far", "http://host/v1", api_key="sk secret\n")
    assert "secret" not in str(caught.value)
    with pytest.raises(InvalidInputError, match="do not apply"):
        load_model("openai:far@http://host/v1", device="cpu")


# What does harm


def refused(model, *, stream=False):
    with pytest.raises(ModelError) as caught:
        model.reply_many([Prompt(question="Who?")], on_text=str if stream else None)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_pause_without_end_is_not_waited_for(endpoint, model):
    began = time.monotonic()
    endpoint.reply("busy", status=429, headers={"Retry-After": "9999999"})
    assert "asks for a pause of 9999999 seconds: try again after it" in refused(model)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("asked", ["\u00b2", "-5", "1e9", "Wed, 21 Oct 2099 07:28:00 GMT", "9" * 5000])
def test_a_pause_that_is_no_number_of_seconds_is_not_read(endpoint, model, asked):
    endpoint.reply("busy", status=503, headers={"Retry-After": asked})
    endpoint.reply(completion("Ann"))
    assert model.answer("Who?") == "Ann"


@pytest.mark.parametrize("stream", [False, True])
def test_json_nested_without_end_is_one_line(endpoint, model, stream):
    deep = "[" * 100_000
    endpoint.reply(f"data: {deep}\n\n" if stream else deep)
    assert "chat completion" in refused(model, stream=stream)


def test_a_piece_that_is_no_text_is_one_line(endpoint, model):
    endpoint.reply(f"data: {json.dumps({'choices': [{'delta': {'content': 5}}]})}\n\n")
    assert "sent a piece that is none of a chat completion: its content is no text" in refused(model, stream=True)


def test_an_answer_that_is_packed_wrongly_is_one_line(endpoint, model):
    for _ in range(3):
        endpoint.reply("no gzip", headers={"Content-Encoding": "gzip"})
    assert "no answer from" in refused(model)


def test_an_answer_without_end_is_given_up(endpoint, model, monkeypatch):
    monkeypatch.setattr("kedit_memory.models.remote._LARGEST", 1000)
    monkeypatch.setattr("kedit_memory.models.remote._LONGEST_LINE", 1000)
    endpoint.reply(completion("a" * 2000))
    assert "answers with more than 1,000 bytes: check what it is" in refused(model)
    endpoint.reply("data: " + "a" * 2000)
    assert "it has more than 1,000 characters" in refused(model, stream=True)
