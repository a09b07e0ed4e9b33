"""Policies on cases whose best decision is known by construction."""

import json
import math
import random
from dataclasses import replace

import numpy as np
import pytest

from kedit_memory.errors import InvalidInputError, UnknownNameError
from kedit_memory.routing.gate.policies import (
    POLICIES,
    GateCase,
    allowed,
    best_cut,
    calls_of,
    cases_needed,
    policy_class,
)
from kedit_memory.routing.gate.popularity_policy import PopularityPolicy
from kedit_memory.routing.gate.signals import Signals
from kedit_memory.routing.logistic import fit_logistic

BASE = Signals(
    words=6,
    mentions=1,
    popularity=-1.0,
    relation="capital",
    likeness=0.9,
    entropy=0.1,
    log_probability=-0.05,
    own="Rome",
    score=9.0,
    gap=0.4,
    titled=True,
    passages=3,
    grounded=True,
)


def cases(count: int = 600, seed: int = 1) -> list[GateCase]:
    """Popular capitals are known and hurt by passages, rare ones not; of years nothing is known, of symbols all.

    The model is sure exactly where it is right; passages that hurt score low.
    """
    rng = random.Random(seed)
    made = []
    for _ in range(count):
        relation, tier = rng.choice(["capital", "year", "symbol"]), rng.randint(1, 5)
        alone = relation == "symbol" or (relation == "capital" and tier <= 2)
        signals = replace(
            BASE,
            relation=relation,
            popularity=float(-tier),
            tier=tier,
            entropy=rng.uniform(0, 0.5) if alone else rng.uniform(0.6, 3),
            log_probability=-rng.uniform(0, 0.3) if alone else -rng.uniform(0.4, 2),
            score=rng.uniform(1, 5) if alone else rng.uniform(6, 12),
        )
        made.append(GateCase(signals=signals, alone=alone, read=not alone))
    return made


def accuracy(policy: object, judged: list[GateCase]) -> float:
    right = 0
    for case in judged:
        searched = policy.decide(case.signals.before_search()).retrieve
        right += case.read if searched and policy.decide(case.signals).retrieve else case.alone
    return right / len(judged)


@pytest.mark.parametrize(
    ("name", "least"), [("popularity", 0.99), ("uncertainty", 1.0), ("score", 1.0), ("learned", 0.99)]
)
def test_a_fitted_policy_decides_right_on_new_cases_and_outlives_json(name: str, least: float) -> None:
    kind = policy_class(name)
    policy = kind.fit(cases(), budget=1.0)
    new = cases(seed=2)
    assert policy.name == name
    assert accuracy(policy, new) >= least
    again = kind.of(json.loads(json.dumps(policy.parameters(), allow_nan=False)))
    assert [again.decide(one.signals) for one in new] == [policy.decide(one.signals) for one in new]


def test_the_fixed_policies_know_one_way() -> None:
    never, always = policy_class("never").fit([], budget=0.1), policy_class("always").fit([], budget=1.0)
    assert (never.decide(BASE).retrieve, always.decide(BASE).retrieve) == (False, True)
    assert never.parameters() == always.parameters() == {}


@pytest.mark.parametrize(("name", "least"), [("popularity", 0.8), ("uncertainty", 0.6), ("learned", 0.8)])
def test_a_budget_is_kept_on_new_cases_and_spent_where_it_pays(name: str, least: float) -> None:
    """Passages answer every rare capital and every other year: sure gains are a fifth of all questions."""
    made = [
        replace(one, read=one.read and (one.signals.relation != "year" or i % 2 == 0))
        for i, one in enumerate(cases(4000))
    ]
    fitted, new = made[:2000], made[2000:]
    policy = policy_class(name).fit(fitted, budget=0.3)
    assert calls_of(policy, fitted) <= allowed(0.3, 2000)
    assert 0.15 < calls_of(policy, new) <= 0.3
    called = [case for case in new if policy.decide(case.signals.before_search()).retrieve]
    assert sum(case.gain for case in called) / len(called) > least


@pytest.mark.parametrize("name", ["always", "score"])
def test_a_policy_that_always_searches_keeps_no_budget(name: str) -> None:
    with pytest.raises(InvalidInputError, match=rf"{name} searches for every question.*give --budget 1"):
        policy_class(name).fit(cases(), budget=0.6)


def test_a_signal_that_is_missing_is_said() -> None:
    blind = [replace(case, signals=replace(case.signals, entropy=None, log_probability=None)) for case in cases(60)]
    for name in ("uncertainty", "learned"):
        with pytest.raises(InvalidInputError, match="does not tell how sure"):
            policy_class(name).fit(blind, budget=1.0)
    unknown = [replace(case, signals=replace(case.signals, popularity=None)) for case in cases(60)]
    with pytest.raises(InvalidInputError, match="table of popularity"):
        PopularityPolicy.fit(unknown, budget=1.0)
    unsearched = [replace(case, signals=case.signals.before_search()) for case in cases(60)]
    for name in ("score", "learned"):
        with pytest.raises(InvalidInputError, match="not searched for"):
            policy_class(name).fit(unsearched, budget=1.0)


def test_an_unknown_policy_is_named_with_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'learned'"):
        policy_class("lerned")
    assert list(POLICIES) == ["never", "always", "popularity", "uncertainty", "score", "learned", "form"]


def test_popularity_thresholds_are_of_the_relation_and_of_all_where_it_is_rare() -> None:
    few = [replace(case, signals=replace(case.signals, relation="hapax")) for case in cases(10)]
    policy = PopularityPolicy.fit([*cases(), *few], budget=1.0)
    kept = policy.parameters()["by_relation"]
    assert set(kept) == {"capital", "year", "symbol"}
    assert kept["capital"] == -2.5
    assert (float(kept["year"]), float(kept["symbol"])) == (math.inf, -math.inf)
    nobody = replace(BASE, popularity=None)
    assert policy.decide(nobody).retrieve
    assert not PopularityPolicy(0.0, unknown=False).decide(nobody).retrieve


def test_the_best_cut_never_parts_equal_values() -> None:
    assert best_cut(np.array([1.0, 1.0, 2.0]), np.array([1.0, -3.0, 1.0])) == -math.inf
    assert best_cut(np.array([3.0, 1.0, 2.0]), np.array([-1.0, 1.0, 1.0])) == 2.5
    assert best_cut(np.array([1.0, 2.0]), np.array([1.0, 1.0])) == math.inf
    assert best_cut(np.array([1.0, 2.0, 2.0]), np.ones(3), most=2) == 1.5
    assert best_cut(np.array([1.0, 2.0]), np.ones(2), most=0) == -math.inf


def test_more_cases_allow_calls_nearer_to_the_budget() -> None:
    assert cases_needed(0.6) == 260
    assert cases_needed(1.0) == 50
    assert allowed(0.6, 260) == pytest.approx(0.55, abs=1e-3)
    assert allowed(0.6, 10**8) == pytest.approx(0.6, abs=1e-3)
    assert allowed(1.0, 50) == 1.0


def test_the_logistic_fit_finds_the_weights_that_made_the_outcomes() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(20_000, 3))
    wanted = np.array([1.0, -2.0, 0.0])
    outcomes = rng.random(20_000) < 1 / (1 + np.exp(-(features @ wanted + 0.5)))
    model = fit_logistic(features, outcomes, ridge=1e-3)
    assert model.bias == pytest.approx(0.5, abs=0.06)
    assert model.weights == pytest.approx(tuple(wanted), abs=0.08)
    assert abs(model.probability(features).mean() - outcomes.mean()) < 1e-6  # calibrated in the large


def test_the_ridge_keeps_a_fit_finite_where_classes_can_be_parted() -> None:
    features = np.array([[-1.0], [1.0]] * 20)
    model = fit_logistic(features, features[:, 0] > 0, ridge=1.0)
    assert 1 < model.weights[0] < 10
    one_class = fit_logistic(features, np.ones(40, bool), ridge=1.0)
    assert one_class.probability(features).min() > 0.99


@pytest.mark.parametrize(
    ("features", "outcomes", "ridge"),
    [
        (np.zeros((0, 2)), np.zeros(0, bool), 1.0),
        (np.zeros((3, 2)), np.zeros(2, bool), 1.0),
        (np.full((3, 2), np.nan), np.zeros(3, bool), 1.0),
        (np.zeros((3, 2)), np.zeros(3, bool), 0.0),
    ],
)
def test_a_fit_of_nothing_is_refused(features: np.ndarray, outcomes: np.ndarray, ridge: float) -> None:
    with pytest.raises(InvalidInputError, match="logistic model"):
        fit_logistic(features, outcomes, ridge=ridge)
