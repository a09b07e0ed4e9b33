"""The GRACE path: values learned for edits, used where the router decides, and nowhere else."""

import gzip
import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from kedit_memory.editors._codebook_applied import CodebookApplied
from kedit_memory.editors.grace_fast import GraceFast
from kedit_memory.errors import CapabilityError
from kedit_memory.memory import EditMemory
from kedit_memory.models.encoder import HashingEncoder
from kedit_memory.models.language import Reply
from kedit_memory.models.named import load_model
from kedit_memory.models.prompts import Prompt
from kedit_memory.records import Route
from kedit_memory.routing.answer import Speakers, by_values
from kedit_memory.routing.learned_values import LearnedValues
from kedit_memory.routing.router import Router, RouterConfig

JAPAN = "What is the capital of Japan?"
FAR = ["Japan", "capital", "Japan, please"]  # what a value learned for the question does not answer
ASKED = "Japan has as its capital the city of"


@pytest.fixture(scope="module")
def model():
    return load_model("kedit-mini")


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[EditMemory]:
    with EditMemory.open(tmp_path / "store", encoder=HashingEncoder()) as opened:
        yield opened


@pytest.fixture
def router(memory, model) -> Router:
    return Router(memory, model, config=RouterConfig(path="grace"))


def test_the_edit_answers_and_nothing_else_changes(memory, router, model):
    before = model.logits(Prompt(question="What is the capital of France?"))
    edit = memory.add(JAPAN, "Osaka", subject="Japan", paraphrases=[ASKED])
    answers = router.query_many([JAPAN, ASKED, "What is the capital of France?"])
    assert [answer.text for answer in answers[:2]] == ["Osaka", "Osaka"]
    assert [answer.route for answer in answers] == [Route.GRACE, Route.GRACE, Route.PARAMETRIC]
    assert answers[0].edits[0].edit.id == edit.id
    assert model.answer(JAPAN) == "Tokyo"  # the value is in the model only while it answers
    assert torch.equal(before, model.logits(Prompt(question="What is the capital of France?")))


def test_values_are_kept_with_the_store_and_learned_once(memory, router, model, monkeypatch):
    memory.add(JAPAN, "Osaka", subject="Japan")
    assert router.query(JAPAN).text == "Osaka"
    again = Router(memory, model, config=RouterConfig(path="grace"))
    monkeypatch.setattr(LearnedValues, "_keep", lambda _: pytest.fail("it was learned a second time"))
    assert again.query(JAPAN).text == "Osaka"


def test_a_damaged_file_is_said_and_its_values_learned_again(memory, router, model, caplog):
    memory.add(JAPAN, "Osaka", subject="Japan")
    router.query(JAPAN)
    (file,) = memory.path.glob("values/*/codebook.safetensors")
    file.write_bytes(file.read_bytes()[:100])
    assert Router(memory, model, config=RouterConfig(path="grace")).query(JAPAN).text == "Osaka"
    assert "learned again" in caplog.text


def test_another_answer_is_learned_anew_and_a_purge_leaves_nothing(memory, router):
    edit = memory.add(JAPAN, "Osaka", subject="Japan")
    assert router.query(JAPAN).text == "Osaka"
    memory.update(edit.id, target="Kyoto")
    assert router.query(JAPAN).text == "Kyoto"
    memory.purge(edit.id)
    assert not [path for path in memory.path.glob("values/**/*") if path.is_file()]
    assert router.query(JAPAN).text == "Tokyo"
    memory.add("What is the capital of France?", "Lyon", subject="France")
    assert router.query("What is the capital of France?").text == "Lyon"
    (file,) = memory.path.glob("values/*/texts.json.gz")
    assert "Kyoto" not in gzip.decompress(file.read_bytes()).decode()


def test_writing_takes_a_small_part_of_the_time(memory, router, monkeypatch):
    written = []
    save = CodebookApplied.save
    clock = itertools.count()
    monkeypatch.setattr("kedit_memory.routing.learned_values.perf_counter", lambda: next(clock))
    monkeypatch.setattr(CodebookApplied, "save", lambda self, folder: (written.append(1), save(self, folder)))
    for year in range(12):  # each time that is asked for is a tick later, so that writing takes one
        memory.add(JAPAN, f"{1900 + year}", subject="Japan")
        assert router.query(JAPAN).text == f"{1900 + year}"
    assert len(written) == 2


def test_what_cannot_be_learned_goes_into_the_context(memory, router):
    target = "Zyqx Vwpfj the Ninth of Qrblt"
    memory.add(JAPAN, target, subject="Japan")
    answer = router.query(JAPAN)
    if answer.route is Route.GRACE:  # then it was learned after all
        assert answer.text == target
    else:
        assert (answer.route, answer.edits[0].edit.target) == (Route.CONTEXT, target)
        assert "does not say the target" in answer.reason


def test_an_erasure_refuses_on_this_path_too(memory, router):
    memory.erase(JAPAN, subject="Japan")
    assert router.query(JAPAN).route is Route.REFUSAL


def test_a_remote_model_has_no_states_to_replace(memory):
    memory.add(JAPAN, "Osaka", subject="Japan")
    router = Router(memory, "openai:x@http://127.0.0.1:9/v1", config=RouterConfig(path="grace"))
    with pytest.raises(CapabilityError, match="the path grace needs a model with hidden states"):
        router.query(JAPAN)


def test_a_wording_in_which_the_value_fails_learns_its_own(memory, router, model, monkeypatch):
    monkeypatch.setattr(
        "kedit_memory.routing.learned_values.perf_counter", lambda: 0.0
    )  # writing takes no time: all is kept
    odd = FAR[0]
    edit = memory.add(JAPAN, "Osaka", subject="Japan")
    router.query(JAPAN)
    alone = router.values._said([edit.id], [Prompt(question=odd)], 12)
    assert alone != ["Osaka"]
    prompts = [Prompt(question=odd), Prompt(question=JAPAN)]
    assert router.values.answer_many(edit, prompts, max_new_tokens=12) == ["Osaka", "Osaka"]
    again = LearnedValues(memory.path, model)
    monkeypatch.setattr(LearnedValues, "learn", lambda *_: pytest.fail("it was learned a second time"))
    assert again.answer_many(edit, prompts, max_new_tokens=12) == ["Osaka", "Osaka"]


def test_no_edit_learns_more_wordings_than_there_is_room_for(memory, router, monkeypatch):
    monkeypatch.setattr("kedit_memory.routing.learned_values.MOST_WORDINGS", 1)
    edit = memory.add(JAPAN, "Osaka", subject="Japan")
    router.query(JAPAN)
    odd = [Prompt(question=text) for text in FAR]
    said = router.values.answer_many(edit, odd, max_new_tokens=12)
    assert said[0] == "Osaka"
    assert "Osaka" not in said[1:]
    assert said[1:] == router.values._said([edit.id] * 2, odd[1:], 12)
    assert len(router.values._codebook.owners) == 2


def test_a_wording_that_cannot_be_learned_goes_into_the_context(memory, router, model):
    edit = memory.add(JAPAN, "Osaka", subject="Japan", paraphrases=[FAR[0]])
    asked = replace(router.explain(JAPAN), question=FAR[0])
    router.values.learn([replace(edit, paraphrases=())])  # the value is learned for the question alone
    router.values._codebook._learn = GraceFast(iterations=1, learning_rate=1e-6)._learn
    speakers = Speakers(
        model=router.model, counterfactual=router.model, values=lambda: router.values, max_new_tokens=12
    )
    (found,), replies = by_values([asked], speakers)
    assert (found.route, replies) == (Route.CONTEXT, {})
    assert "no value makes the model say the target in this wording" in found.reason
    own = replace(asked, question=JAPAN)
    assert by_values([own], speakers) == ([own], {0: Reply(text="Osaka")})
    assert model.answer(JAPAN) == "Tokyo"
