"""The policy for models that nothing was calibrated for: what it sees of a question, and what it says of itself."""

import random

import pytest

from kedit_memory.errors import InvalidInputError
from kedit_memory.popularity.table import PopularityTable
from kedit_memory.routing.background import Background
from kedit_memory.routing.gate.choice import choose_gate, general_calibration
from kedit_memory.routing.gate.form import FEATURES, form_of
from kedit_memory.routing.gate.form_policy import FormPolicy
from kedit_memory.routing.gate.policies import GateCase
from kedit_memory.routing.gate.signals import Signals

WHO, WHEN = "Who wrote it?", "When was the song written?"


def signals(question: str, log_probability: float | None = None) -> Signals:
    return Signals(words=3, mentions=0, form=form_of(question), log_probability=log_probability)


@pytest.fixture(scope="module")
def policy() -> FormPolicy:
    """Fitted on a model that is right where it is sure, and on one of which only answers are known: it knows who."""
    rng = random.Random(1)
    cases = []
    for place in range(400):
        sure, question = rng.random() < 0.5, rng.choice([WHO, WHEN])
        known = signals(question, -0.05 if sure else -2.0) if place % 2 else signals(question)
        alone = sure if place % 2 else question == WHO
        cases.append(GateCase(signals=known, alone=alone, read=not alone))
    return FormPolicy.fit(cases, budget=1.0)


def seen(question: str) -> dict[str, float]:
    return dict(zip(FEATURES, form_of(question), strict=True))


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("Who wrote Hamlet?", "who"),
        ("How many moons has Mars?", "how_many"),
        ("How do I boil an egg?", "how"),
        ("Is Rouen older than Gisors?", "yes_or_no"),
        ("In what year did it end?", "when"),
        ("The author of Hamlet was born in which town?", "asks_late"),
        ("where is it", "lower_case"),
        ("Who is the mother of the man who wrote it?", "steps"),
        ("Was it in 1897?", "year"),
    ],
)
def test_the_form_tells_how_a_question_is_asked(question: str, name: str) -> None:
    assert seen(question)[name] == 1.0
    assert seen("Tell me of the sea.")[name] == 0.0


def test_a_question_without_words_has_a_form() -> None:
    assert len(form_of("")) == len(FEATURES)


def test_a_search_is_made_where_the_model_is_unsure(policy: FormPolicy) -> None:
    assert policy.decide(signals(WHO, -2.0)).retrieve
    assert not policy.decide(signals(WHO, -0.05)).retrieve


def test_a_model_that_does_not_tell_is_judged_by_the_question_and_the_reason_says_so(policy: FormPolicy) -> None:
    who, when = policy.decide(signals(WHO)), policy.decide(signals(WHEN))
    assert (who.retrieve, when.retrieve) == (False, True)
    assert "the model does not tell how sure it is" in who.reason
    assert "does not tell" not in policy.decide(signals(WHO, -2.0)).reason


def test_what_was_learned_can_be_saved(policy: FormPolicy) -> None:
    again = FormPolicy.of(policy.parameters())
    assert again.decide(signals(WHEN, -0.5)) == policy.decide(signals(WHEN, -0.5))
    parameters = policy.parameters()
    parameters["alone"]["weights"] = parameters["alone"]["weights"][1:]
    with pytest.raises(InvalidInputError, match="differ in number"):
        FormPolicy.of(parameters)


def test_the_general_gate_says_on_what_models_it_was_fitted() -> None:
    general = general_calibration()
    assert "SmolLM2" in general.model
    assert "Llama-3.1-8B" in general.model
    gate = choose_gate(None, Background(), PopularityTable({}), 2)
    assert gate.unknown is not None
    verdict = gate.unknown.decide(signals(WHO, -1.0))
    assert verdict.reason.endswith(f"(fitted on {general.model})")
