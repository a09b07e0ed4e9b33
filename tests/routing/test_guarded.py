"""An edit with another value than the question's does not fire, whatever its score; the router says why."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from kedit_memory.memory import EditMemory
from kedit_memory.models.encoder import HashingEncoder
from kedit_memory.models.reader import Pair
from kedit_memory.records import Route
from kedit_memory.routing.provenance import to_dict, to_lines
from kedit_memory.routing.router import Router, RouterConfig
from kedit_memory.routing.verify import ScopeVerifier


class SureModel:
    """A stand-in for the pair model, to which all that it reads answers."""

    fingerprint = "sure"

    def scores(self, pairs: Sequence[Pair]) -> np.ndarray:
        return np.full(len(pairs), 0.99, np.float32)

    likeness = scores


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[EditMemory]:
    with EditMemory.open(tmp_path / "store", encoder=HashingEncoder()) as opened:
        opened.add("What is the dose of Calmol for a dog of 10 kg?", "5 ml", subject="Calmol")
        yield opened


@pytest.fixture
def router(memory: EditMemory) -> Router:
    return Router(memory, verifier=ScopeVerifier(SureModel()), config=RouterConfig(path="direct"))


def test_the_same_value_fires(router: Router) -> None:
    assert router.query("How much Calmol does a dog of ten kilograms get?").route is Route.DIRECT


def test_another_value_does_not_and_is_told(router: Router) -> None:
    answer = router.query("How much Calmol does a dog of 20 kg get?")
    assert answer.route is not Route.DIRECT
    assert answer.considered[0].differs == "20 kg against 10 kg"
    assert to_dict(answer)["considered"][0]["differs"] == "20 kg against 10 kg"
    assert any(line.endswith("does not answer: 20 kg against 10 kg") for line in to_lines(answer))
    assert router.judge_many(["How much Calmol does a dog of 20 kg get?"])[0].score == 0


def test_the_next_best_edit_answers(memory: EditMemory, router: Router) -> None:
    edit = memory.add("What is the dose of Calmol for a dog of 20 kg?", "10 ml", subject="Calmol")
    answer = router.query("How much Calmol does a dog of 20 kg get?")
    assert [match.edit.id for match in answer.edits] == [edit.id]


def test_its_own_wording_fires_whatever_it_says(memory: EditMemory, router: Router) -> None:
    memory.add("Wake me at 7", "Done", paraphrases=["Wake me at 8"])
    assert router.query("Wake me at 8?").route is Route.DIRECT


def test_a_question_that_was_confirmed_frees_its_value(memory: EditMemory, router: Router) -> None:
    edit = memory.list()[0]
    memory.confirm(edit.id, "How much Calmol does a dog of 12 kg get?")
    assert router.query("How much Calmol does a dog of 14 kg get?").route is Route.DIRECT


def test_an_erasure_covers_a_question_with_another_value(memory: EditMemory, router: Router) -> None:
    memory.erase("What did Ann Berg earn in 2020?", subject="Ann Berg")
    assert router.query("What did Ann Berg earn in 2021?").route is Route.REFUSAL


def test_the_radius_is_under_the_guard_too(memory: EditMemory) -> None:
    router = Router(memory, config=RouterConfig(path="direct", scope="radius"))
    assert router.query("What is the dose of Calmol for a dog of 20 kg?").route is not Route.DIRECT
