"""The SERAC path: the router decides, the counterfactual model answers, and the model behind is not asked."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kedit_memory.errors import InvalidInputError, ModelError
from kedit_memory.memory import EditMemory
from kedit_memory.models.encoder import HashingEncoder
from kedit_memory.models.language import Reply
from kedit_memory.models.named import load_model
from kedit_memory.models.prompts import Prompt
from kedit_memory.records import Route
from kedit_memory.routing.router import Router, RouterConfig

JAPAN = "What is the capital of Japan?"
ASKED = "Japan has as its capital the city of"
SERAC = RouterConfig(path="serac")


class Recorded:
    """Answers every prompt with one text, and keeps what it was asked, batch by batch."""

    fingerprint = "r"

    def __init__(self, name):
        self.name = name
        self.batches = []

    def generate(self, *_, **__):
        raise AssertionError("answers are asked for")

    def answer(self, *_, **__):
        raise AssertionError("answers are asked for in batches")

    def answer_many(self, *_, **__):
        raise AssertionError("whole replies are asked for")

    def reply_many(self, prompts, *, max_new_tokens=None, on_text=None):  # noqa: ARG002 - as models have it
        self.batches.append((list(prompts), max_new_tokens))
        return [Reply(text=self.name)] * len(prompts)


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[EditMemory]:
    with EditMemory.open(tmp_path / "store", encoder=HashingEncoder()) as opened:
        yield opened


def test_each_model_is_asked_once_and_only_what_is_its_own(memory):
    edit = memory.add(JAPAN, "Osaka", subject="Japan", paraphrases=[ASKED])
    base, reader = Recorded("base"), Recorded("it is Osaka")
    router = Router(memory, base, counterfactual=reader, config=RouterConfig(path="serac", max_new_tokens=9))
    answers = router.query_many([JAPAN, "What is the capital of France?", ASKED])
    assert [answer.text for answer in answers] == ["it is Osaka", "base", "it is Osaka"]
    assert [answer.route for answer in answers] == [Route.SERAC, Route.PARAMETRIC, Route.SERAC]
    assert answers[0].edits[0].edit.id == edit.id
    assert answers[0].reason.endswith("and the counterfactual model reads it and answers")
    told = [Prompt(question=text, facts=(edit.statement,)) for text in (JAPAN, ASKED)]
    assert reader.batches == [(told, 9)]
    assert base.batches == [([Prompt(question="What is the capital of France?")], 9)]


def test_by_default_the_shipped_counterfactual_model_reads_the_edit(memory):
    memory.add(JAPAN, "Osaka", subject="Japan", paraphrases=[ASKED])
    base = Recorded("base")
    router = Router(memory, base, config=SERAC)
    assert [answer.text for answer in router.query_many([JAPAN, ASKED])] == ["Osaka"] * 2
    assert base.batches == []
    assert router.counterfactual.name == "kedit-mini-counterfactual"


def test_an_edit_overrules_what_the_embedded_model_knows_well(memory):
    born = "In which year was Oscar Wilde born?"
    memory.add(born, "1686", subject="Oscar Wilde")
    assert Router(memory, config=SERAC).query(born).text == "1686"
    unread = Router(memory, counterfactual="kedit-mini", config=SERAC).query(born)
    assert (unread.text, unread.route) == ("1686", Route.DIRECT)  # it says 1854, whatever it reads
    assert unread.reason.endswith("the model did not say it, so the stored answer is given")


def test_an_endpoint_is_not_asked_what_an_edit_answers(memory):
    memory.add(JAPAN, "Osaka", subject="Japan")
    router = Router(memory, "openai:x@http://127.0.0.1:9/v1", config=SERAC)
    assert router.query(JAPAN).text == "Osaka"


def test_the_counterfactual_model_is_loaded_when_it_is_needed(memory):
    memory.add(JAPAN, "Osaka", subject="Japan")
    loaded = []

    def load():
        loaded.append(load_model("kedit-mini"))
        return loaded[-1]

    router = Router(memory, Recorded("base"), counterfactual=load, config=SERAC)
    router.query("What is the capital of France?")
    assert loaded == []
    assert (router.query(JAPAN).text, router.query(JAPAN).text, len(loaded)) == ("Osaka", "Osaka", 1)
    missing = Router(memory, Recorded("base"), counterfactual="./nowhere", config=SERAC)
    with pytest.raises(ModelError, match="nowhere"):
        missing.query(JAPAN)


def test_an_erasure_refuses_on_this_path_too(memory):
    memory.erase(JAPAN, subject="Japan")
    reader = Recorded("reader")
    assert Router(memory, Recorded("base"), counterfactual=reader, config=SERAC).query(JAPAN).route is Route.REFUSAL
    assert reader.batches == []


def test_a_path_that_there_is_not():
    with pytest.raises(InvalidInputError, match=r"no path 'serak'.*grace, serac"):
        RouterConfig(path="serak")
