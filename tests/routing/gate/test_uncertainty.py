"""How sure a model is of its own reply: a local one by its distributions, an endpoint by what its server tells."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from kedit_memory.models.named import load_model
from kedit_memory.models.prompts import Prompt
from kedit_memory.models.remote import OpenAIModel
from kedit_memory.routing.gate.signals import Signals
from kedit_memory.routing.gate.thresholds import UncertaintyPolicy
from kedit_memory.routing.gate.uncertainty import LOOK, OwnAnswer, can_read, own_answers, tells

Endpoint = Callable[..., OpenAIModel]


@pytest.fixture
def endpoint() -> Endpoint:
    """Makes an endpoint that gives one reply to everything, and keeps what it was asked."""

    def build(reply: dict[str, Any], status: int = 200) -> OpenAIModel:
        def answer(request: httpx.Request) -> httpx.Response:
            asked.append(json.loads(request.content))
            return httpx.Response(status, json=reply)

        asked: list[dict[str, Any]] = []
        model = OpenAIModel("llama", "http://127.0.0.1:9/v1")
        model._client = httpx.Client(transport=httpx.MockTransport(answer))
        model.asked = asked  # type: ignore[attr-defined]
        return model

    return build


def completion(text: str, chances: list[float] | None = None, finish: str = "stop") -> dict[str, Any]:
    given = None if chances is None else {"content": [{"token": "t", "logprob": one} for one in chances]}
    message = {"role": "assistant", "content": text}
    return {"choices": [{"message": message, "finish_reason": finish, "logprobs": given}]}


def test_a_local_model_is_measured_on_the_distributions_that_it_drew_from(tiny_gpt2_folder: Path) -> None:
    model = load_model(str(tiny_gpt2_folder))
    (own,) = own_answers(model, ["Who is it?"], max_new_tokens=1)
    assert own.text == model.reply_many([Prompt(question="Who is it?")], max_new_tokens=1)[0].text
    chances = model.logits(Prompt(question="Who is it?"))[-1].log_softmax(-1)  # (vocabulary,)
    assert own.log_probability == pytest.approx(float(chances.max()), abs=1e-4)
    assert own.entropy == pytest.approx(-float((chances.exp() * chances).sum()), abs=1e-4)
    assert own.cut


def test_no_more_than_the_beginning_of_a_reply_is_generated(tiny_gpt2_folder: Path) -> None:
    model = load_model(str(tiny_gpt2_folder))
    (own,) = own_answers(model, ["Who is it?"], max_new_tokens=None)
    assert own.text == model.reply_many([Prompt(question="Who is it?")], max_new_tokens=LOOK)[0].text
    assert can_read(model, "Who is it?", max_new_tokens=None)
    assert not can_read(model, "Who is it? " * 200, max_new_tokens=None)


def test_an_endpoint_is_measured_by_its_log_probabilities(endpoint: Endpoint) -> None:
    model = endpoint(completion("Lima.", [-0.1, -0.3]))
    (own,) = own_answers(model, ["Where is it?"], max_new_tokens=None)
    assert (own.text, own.entropy, own.cut) == ("Lima.", None, False)
    assert own.log_probability == pytest.approx(-0.2)
    (asked,) = model.asked  # type: ignore[attr-defined]
    assert (asked["logprobs"], asked["max_tokens"]) == (True, LOOK)
    assert tells(model)
    assert can_read(model, "Where is it? " * 10_000, max_new_tokens=None)


def test_a_reply_that_the_endpoint_cut_is_no_answer(endpoint: Endpoint) -> None:
    (own,) = own_answers(endpoint(completion("It is", [-0.1], "length")), ["Where is it?"], max_new_tokens=None)
    assert own.cut


@pytest.mark.parametrize(("reply", "status"), [(completion("Lima."), 200), ({"error": "no logprobs here"}, 400)])
def test_an_endpoint_that_tells_nothing_leaves_it_unknown(
    endpoint: Endpoint, reply: dict[str, Any], status: int
) -> None:
    (own,) = own_answers(endpoint(reply, status), ["Where is it?"], max_new_tokens=None)
    assert (own.entropy, own.log_probability) == (None, None)
    verdict = UncertaintyPolicy("log_probability", -0.5).decide(own.added_to(Signals(words=3, mentions=0)))
    assert (verdict.retrieve, verdict.reason) == (True, "the model does not tell how sure it is of its own answer")


def test_a_model_of_another_kind_is_not_asked() -> None:
    class Says:
        name = fingerprint = "says"

    assert not tells(Says())  # type: ignore[arg-type]
    assert own_answers(Says(), ["Where?"], max_new_tokens=4) == [OwnAnswer(text="", cut=True)]  # type: ignore[arg-type]
