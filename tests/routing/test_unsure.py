"""Questions near the threshold, of which the user's own model says whether an edit answers them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from kedit_memory.errors import CapabilityError
from kedit_memory.memory import EditMemory
from kedit_memory.models.encoder import HashingEncoder
from kedit_memory.models.language import Reply
from kedit_memory.models.named import load_model
from kedit_memory.models.prompts import AnswersOne, Prompt
from kedit_memory.models.reader import Pair
from kedit_memory.records import Route
from kedit_memory.routing.router import Router, RouterConfig
from kedit_memory.routing.verify import ScopeVerifier


class FixedScore:
    """A stand-in for the reader that finds everything equally likely."""

    fingerprint = "fixed"

    def __init__(self, score: float) -> None:
        self.score = score

    def scores(self, pairs: Sequence[Pair]) -> np.ndarray:
        return np.full(len(pairs), self.score, np.float32)

    likeness = scores


class Scripted(AnswersOne):
    """A chat model that says one thing, and remembers what it was asked."""

    name = fingerprint = "scripted"

    def __init__(self, says: str) -> None:
        self.says = says
        self.asked: list[str] = []

    def generate(self, prompts: Sequence[Prompt | str], **_: object) -> list[str]:
        return [self.says] * len(prompts)

    def answer_many(self, prompts: Sequence[Prompt], **_: object) -> list[str]:
        return [self.says] * len(prompts)

    def reply_many(self, prompts: Sequence[Prompt], **_: object) -> list[Reply]:
        self.asked += [one.question for one in prompts]
        return [Reply(text=self.says)] * len(prompts)


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[EditMemory]:
    with EditMemory.open(tmp_path / "store", encoder=HashingEncoder()) as opened:
        opened.add("Who is the head of Acme?", "Ann Berg", subject="Acme")
        yield opened


def router_of(memory: EditMemory, model: object, score: float, scope: str = "model") -> Router:
    return Router(
        memory, model, verifier=ScopeVerifier(FixedScore(score)), config=RouterConfig(path="direct", scope=scope)
    )


@pytest.mark.parametrize("says", ["Yes", "yes, it does", " **Yes**"])
def test_where_the_score_leaves_a_doubt_the_model_decides(memory, says):
    model = Scripted(says)
    router = router_of(memory, model, 0.4)
    decision = router.explain("Who runs Acme?")
    assert (decision.route, decision.edits[0].edit.target) == (Route.DIRECT, "Ann Berg")
    assert "the model, asked, says yes" in decision.reason
    assert "Who runs Acme?" in model.asked[0]
    assert "Ann Berg" in model.asked[0]
    router.explain("Who runs Acme?")
    assert len(model.asked) == 1  # once for a question and an edit


def test_where_the_model_says_no_nothing_fires_and_the_reason_tells(memory):
    decision = router_of(memory, Scripted("No, it does not"), 0.4).explain("Who runs Acme?")
    assert not decision.edits
    assert decision.reason.endswith("the model was asked whether edit e1 answers it, and says no")


@pytest.mark.parametrize(
    ("score", "scope", "fires"), [(0.9, "model", True), (0.2, "model", False), (0.4, "verified", False)]
)
def test_the_model_is_asked_in_doubt_alone(memory, score, scope, fires):
    model = Scripted("yes")
    (judged,) = router_of(memory, model, score, scope).judge_many(["Who runs Acme?"])
    assert (judged.fires, model.asked) == (fires, [])


def test_an_edit_that_changes_is_asked_about_again(memory):
    model = Scripted("yes")
    router = router_of(memory, model, 0.4)
    router.explain("Who runs Acme?")
    memory.update("e1", target="Bo Lie")
    assert router.explain("Who runs Acme?").edits[0].edit.target == "Bo Lie"
    assert "Bo Lie" in model.asked[1]


def test_the_model_reads_what_a_question_leans_on(memory):
    model = Scripted("yes")
    turns = [{"role": "user", "content": "A word on Acme."}, {"role": "user", "content": "Who runs it?"}]
    assert router_of(memory, model, 0.4).explain(messages=turns).edits
    assert "A word on Acme.\nWho runs it?" in model.asked[0]


def test_an_erasure_is_compared_as_a_question(memory):
    memory.erase("What is the telephone number of Umbra?", subject="Umbra")
    model = Scripted("yes")
    assert router_of(memory, model, 0.4).explain("How can I ring Umbra?").route is Route.REFUSAL
    assert "Do both questions ask for exactly the same?" in model.asked[0]


def test_a_model_that_follows_no_instructions_is_refused_in_one_line(memory, tiny_gpt2_folder):
    with pytest.raises(CapabilityError, match="scope 'model' needs a model that follows instructions"):
        router_of(memory, load_model(str(tiny_gpt2_folder)), 0.4).explain("Who runs Acme?")
