import json
import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from kedit_memory.errors import InvalidInputError, UnknownNameError
from kedit_memory.routing.calibration import Basis, Calibration
from kedit_memory.routing.certify import (
    certify,
)
from kedit_memory.routing.labelled import Outcome, Scored
from kedit_memory.routing.strata import STRATA

BASIS = Basis(
    encoder="hashing", encoder_revision="1", verifier="v-12", namespace="default", edits=7, created="2025-03-01"
)
ENCODER = SimpleNamespace(name="hashing", revision="1")


def scored(scores, outcome=Outcome.OUTSIDE, stratum="linked"):
    return [Scored(score=float(score), stratum=stratum, outcome=outcome, source="facts") for score in scores]


def linked(*, outside=(), right=(), other=()):
    return scored(outside) + scored(right, Outcome.RIGHT) + scored(other, Outcome.OTHER)


def certified(cases, **options):
    return certify(cases, **({"basis": BASIS, "alphas": (0.01,)} | options))


# What is kept, and what is said.


@pytest.fixture(scope="module")
def calibration():
    generator = np.random.default_rng(1)
    cases = linked(outside=generator.beta(1, 20, 2300), right=generator.beta(8, 1, 400), other=generator.beta(1, 9, 30))
    return certified(cases)


def test_it_is_read_as_it_was_written(calibration):
    text = calibration.to_json()
    assert "\n" not in text
    assert Calibration.from_json(text) == calibration
    assert Calibration.from_json(text).to_json() == text
    assert json.loads(text)["version"] == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda given: given.update(version=1), "its version is not 2, the only one known"),
        (lambda given: given.pop("version"), "its version is not 2"),
        (lambda given: given.pop("confidence"), "missing field 'confidence'"),
        (lambda given: given.update(colour="red"), "unknown field 'colour'"),
        (lambda given: given.update(confidence="0.95"), "confidence is str"),
        (lambda given: given.update(confidence=math.nan), "NaN is no number"),
        (lambda given: given.update(confidence=2.0), "confidence 2.0 is not allowed"),
        (lambda given: given.update(cases=True), "cases is bool"),
        (lambda given: given.update(basis=None), "no object for its basis"),
        (lambda given: given["basis"].pop("verifier"), "missing field 'verifier'"),
        (lambda given: given.pop("thresholds"), "missing field 'thresholds'"),
        (lambda given: given.update(thresholds=[]), "thresholds is list"),
        (lambda given: given["thresholds"].update(linked=3), "no object for its threshold"),
        (lambda given: given["thresholds"]["linked"].pop("fired"), "missing field 'fired'"),
        (lambda given: given["thresholds"]["linked"].update(fired=9999), "more questions that fire than there are"),
        (lambda given: given["thresholds"]["linked"].update(value=0), "not between 0 and 1"),
        (lambda given: given["thresholds"]["linked"].update(value=1e999), "Infinity is no number"),
        (lambda given: given["thresholds"]["linked"].update(alpha=0), "alpha 0 is not allowed"),
        (lambda given: given["thresholds"]["linked"].update(sets={}), "the questions of the sets are not those"),
        (lambda given: given["thresholds"]["linked"].update(sets={"a": "b"}), "the questions of the sets are not"),
        (lambda given: given["thresholds"].pop("linked"), "certified or not, once"),
        (lambda given: given["uncertified"].update(fuzzy=None), "a reason is no text"),
    ],
)
def test_what_is_not_whole_is_refused_in_one_line(calibration, change, message):
    given = json.loads(calibration.to_json())
    change(given)
    with pytest.raises(InvalidInputError, match=message) as refused:
        Calibration.from_json(json.dumps(given))
    assert str(refused.value).startswith("the calibration cannot be used: ")
    assert str(refused.value).endswith("calibrate again with `kedit calibrate scope FILE`")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", ["", "[]", "null", "{", "[" * 100_000, '{"version": 2, "cases": 1e999}'])
def test_what_is_no_calibration_is_refused(text):
    with pytest.raises(InvalidInputError, match="the calibration cannot be used"):
        Calibration.from_json(text)


def test_the_promise_in_a_sentence(calibration):
    held = calibration.thresholds["linked"]
    assert calibration.statement("linked") == (
        "false fires ≤ 1.0% with 95% confidence on questions that name the edit's subject, measured on facts "
        f"(n 2,300 out of scope, {held.fired} fired)"
    )
    with pytest.raises(UnknownNameError, match="no stratum named 'exact'"):
        calibration.statement("exact")


@pytest.mark.parametrize(
    ("alpha", "confidence", "words"),
    [
        (0.0125, 0.975, "≤ 1.25% with 97.5% conf"),
        (0.0004, 0.999, "≤ 0.04% with 99.9% conf"),
        (0.2, 0.5, "≤ 20.0% with 50% "),
    ],
)
def test_no_promise_is_rounded(calibration, alpha, confidence, words):
    linked = replace(calibration.thresholds["linked"], alpha=alpha)
    changed = replace(calibration, thresholds={"linked": linked}, confidence=confidence)
    assert words in changed.statement("linked")


@pytest.mark.parametrize(
    ("sets", "words"),
    [
        ({"b": 100, "a": 2200}, "on a and b (n"),
        ({"a": 1000, "b": 900, "c": 300, "d": 100}, "on a, b, c and d (n"),
        ({"a": 1000, "b": 900, "c": 300, "d": 50, "e": 50}, "on a, b, c and 2 other sets (n"),
    ],
)
def test_a_promise_names_what_it_was_measured_on(calibration, sets, words):
    linked = replace(calibration.thresholds["linked"], sets=sets)
    assert words in replace(calibration, thresholds={"linked": linked}).statement("linked")


def test_what_is_not_certified_has_the_strictest_threshold_and_no_bound(calibration):
    values = replace(calibration.thresholds["linked"], value=0.99)
    uncertified = {name: reason for name, reason in calibration.uncertified.items() if name != "values"}
    two = replace(calibration, thresholds=calibration.thresholds | {"values": values}, uncertified=uncertified)
    assert two.threshold("meaning") == 0.99 > two.threshold("linked")
    assert two.statement("meaning").startswith("not certified for questions found by words and meaning: 0 out-of-")
    none = replace(calibration, thresholds={}, uncertified=dict.fromkeys(STRATA, "no cases"))
    assert none.threshold("linked") == 1
    assert "%" not in none.statement("linked")


def test_a_calibration_for_another_encoder_or_verifier_is_refused(calibration):
    calibration.check(ENCODER, "v-12")
    with pytest.raises(InvalidInputError, match="made with encoder hashing 1, not hashing 2; calibrate again"):
        calibration.check(SimpleNamespace(name="hashing", revision="2"), "v-12")
    with pytest.raises(InvalidInputError, match="made with verifier v-12, not v-13; calibrate again"):
        calibration.check(ENCODER, "v-13")
