"""What users do: change the base URL of OpenAI's own client, and nothing else."""

from collections.abc import Iterator

import httpx
import openai
import pytest

from tests.server.conftest import Behind

COVERED = "Who leads Acme nowadays?"


@pytest.fixture
def client(served: httpx.Client) -> "Iterator[openai.OpenAI]":
    http = openai.DefaultHttpxClient(trust_env=False)
    with openai.OpenAI(base_url=f"{served.base_url}/v1", api_key="sk-mine", http_client=http, max_retries=0) as client:
        yield client


def test_chat_completions(client: "openai.OpenAI", behind: Behind) -> None:
    turns = [{"role": "user", "content": "Who leads Acme?"}]
    assert client.chat.completions.create(model="gpt-up", messages=turns).choices[0].message.content == "Ann Berg"
    with client.chat.completions.create(model="gpt-up", messages=turns, stream=True) as stream:
        pieces = [chunk.choices[0].delta.content or "" for chunk in stream]
    assert "".join(pieces) == "Ann Berg"
    behind.says = lambda text: "Ann Berg leads it." if "Ann Berg" in text else "Nobody."
    told = client.chat.completions.with_raw_response.create(
        model="gpt-up", messages=[{"role": "user", "content": COVERED}]
    )
    assert told.parse().choices[0].message.content == "Ann Berg leads it."
    assert told.headers["x-kedit-edit"] == "e1"


def test_completions_and_responses(client: "openai.OpenAI", behind: Behind) -> None:
    assert client.completions.create(model="gpt-up", prompt="Who leads Acme?").choices[0].text == "Ann Berg"
    response = client.responses.create(model="gpt-up", input="Who leads Acme?")
    assert (response.output_text, response.status) == ("Ann Berg", "completed")
    with client.responses.stream(model="gpt-up", input="Who leads Acme?") as stream:
        kinds = [event.type for event in stream]
        assert stream.get_final_response().output_text == "Ann Berg"
    assert kinds[0] == "response.created"
    assert kinds[-1] == "response.completed"
    assert not behind.sent


def test_errors_are_those_that_the_client_knows(client: "openai.OpenAI", behind: Behind) -> None:
    from starlette.responses import JSONResponse

    behind.raw = lambda: JSONResponse({"error": {"message": "no such model", "code": "gone"}}, 404)
    with pytest.raises(openai.NotFoundError, match="no such model"):
        client.chat.completions.create(model="gpt-up", messages=[{"role": "user", "content": "Hello?"}])
