"""A gate fitted for a user's model and store: no world, no popularity, an endpoint that answers."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from kedit_memory.errors import InvalidInputError
from kedit_memory.evaluation.tasks.adaptive.gate_fitting import calibrate_gate
from kedit_memory.memory import EditMemory
from kedit_memory.models.encoder import HashingEncoder
from kedit_memory.models.remote import OpenAIModel
from kedit_memory.records import Passage, Route
from kedit_memory.retrieval.corpus import Corpus
from kedit_memory.routing.gate.calibration import NOTE, GateQuestion
from kedit_memory.routing.router import Router

COLOURS, PRICES = "What colour has part {n}?", "How much does part {n} cost?"
ASKED = [
    GateQuestion(question=phrasing.format(n=number), answers=(answer,))
    for number in range(60)
    for phrasing, answer in ((COLOURS, "blue"), (PRICES, "nine euros"))
]


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[EditMemory]:
    """A store of passages that tell the price of each part, and a wrong colour."""
    with EditMemory.open(tmp_path / "store", encoder=HashingEncoder()) as opened, Corpus(opened.path) as corpus:
        parts = (f"Part {number} does cost nine euros, its colour has faded." for number in range(60))
        corpus.add(Passage(id=f"p{number}", title="", text=text) for number, text in enumerate(parts))
        yield opened


@pytest.fixture
def endpoint() -> Callable[[bool], OpenAIModel]:
    """A model that knows colours and is sure of them, says "grey" where a passage stands before, and reads prices."""

    def build(tells: bool) -> OpenAIModel:
        def answer(request: httpx.Request) -> httpx.Response:
            turns = json.loads(request.content)["messages"]
            knows, reads = "colour" in turns[-1]["content"], len(turns) > 1
            text = ("It is grey." if reads else "It is blue.") if knows else ("Nine euros." if reads else "Ten euros.")
            chances = {"content": [{"token": "t", "logprob": -0.01 if knows else -2.0}]} if tells else None
            choice = {"message": {"content": text}, "finish_reason": "stop", "logprobs": chances}
            return httpx.Response(200, json={"choices": [choice]})

        model = OpenAIModel("llama", "http://127.0.0.1:9/v1")
        model._client = httpx.Client(transport=httpx.MockTransport(answer))
        return model

    return build


@pytest.mark.parametrize(
    ("policy", "tells"), [("uncertainty", True), ("learned", True), ("form", True), ("form", False)]
)
def test_a_gate_is_fitted_without_a_world(
    memory: EditMemory, endpoint: Callable[[bool], OpenAIModel], policy: str, tells: bool
) -> None:
    router = Router(memory, endpoint(tells))
    calibration = calibrate_gate(router, ASKED, policy=policy, budget=1.0)
    held = calibration.held_out
    assert (held.questions, held.never_right, held.right) == (60, held.questions - held.always_right, 60)
    memory.set_note(NOTE, calibration.to_json())
    asks = Router(memory, endpoint(tells))
    colour, price = asks.query(COLOURS.format(n=7)), asks.query(PRICES.format(n=7))
    assert (colour.route, price.route) == (Route.PARAMETRIC, Route.RETRIEVAL)
    assert (colour.text, price.text) == ("It is blue.", "Nine euros.")
    assert "fitted on" not in colour.reason


def test_an_endpoint_that_does_not_tell_is_refused_before_it_is_asked_at_length(
    memory: EditMemory, endpoint: Callable[[bool], OpenAIModel]
) -> None:
    with pytest.raises(InvalidInputError, match="llama gives no log-probabilities, which the policy learned weighs"):
        calibrate_gate(Router(memory, endpoint(False)), ASKED, policy="learned", budget=1.0)


def test_asking_such_an_endpoint_does_not_fail(memory: EditMemory, endpoint: Callable[[bool], OpenAIModel]) -> None:
    calibration = calibrate_gate(Router(memory, endpoint(True)), ASKED, policy="uncertainty", budget=1.0)
    memory.set_note(NOTE, calibration.to_json())
    answer = Router(memory, endpoint(False)).query(PRICES.format(n=7))
    assert (answer.route, answer.text) == (Route.RETRIEVAL, "Nine euros.")
    assert "does not tell how sure it is" in answer.reason
