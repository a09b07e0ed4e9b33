"""The gate with policies that note what they were asked: which signals are got, and where a question goes."""

from typing import Any

import pytest

from kedit_memory.popularity.table import PopularityTable
from kedit_memory.records import Mention, Passage, Popularity, RetrievedPassage, Route
from kedit_memory.routing.gate.gate import Gate, GateDecision
from kedit_memory.routing.gate.policies import Verdict
from kedit_memory.routing.gate.popularity_policy import TierPolicy
from kedit_memory.routing.gate.relations import RelationClassifier
from kedit_memory.routing.gate.signals import Signal, Signals, Sources
from kedit_memory.routing.gate.uncertainty import OwnAnswer

TABLE = PopularityTable({"Paris": 1, "Rouen": 2, "Gisors": 4, "Étretat": 4})
SOURCES = Sources(table=TABLE, relations=RelationClassifier([("capital", "What is the capital of {s}?")]))
FOUND = (RetrievedPassage(passage=Passage(id="p1", title="Gisors", text="A town."), score=2.0),)
OWN = OwnAnswer(text="a town", entropy=0.5, log_probability=-0.1)


class Says:
    """A policy that says the same before a search and may say otherwise after it; it keeps what it saw."""

    def __init__(self, *needs: Signal, before: bool, after: bool | None = None) -> None:
        self.needs = frozenset(needs)
        self._before, self._after = before, before if after is None else after
        self.seen: list[Signals] = []

    def decide(self, signals: Signals) -> Verdict:
        self.seen.append(signals)
        searched = signals.score is not None
        return Verdict(retrieve=self._after if searched else self._before, reason="looked" if searched else "guessed")


def mentions(*names: str) -> list[Mention]:
    return [Mention(start=0, end=1, surface=name, name=name) for name in names]


def decide(
    policy: Any, names: tuple[str, ...] = ("Gisors",), found: Any = FOUND, question: str = "Where is it?"
) -> GateDecision:
    return Gate(policy, SOURCES).decide(question, mentions(*names), lambda: found, lambda _: OWN)


def unwanted(*_: Any) -> Any:
    raise AssertionError("this was not asked for")


def test_the_rarest_known_name_counts() -> None:
    assert TABLE.rarest(mentions("Paris", "Gisors", "Nowhere", "Rouen")) == Popularity(subject="Gisors", tier=4)
    assert TABLE.rarest(mentions("Nowhere")) == TABLE.rarest([]) == Popularity(subject=None, tier=None)


def test_without_a_classifier_no_relation_is_known_and_no_phrasing_is_near() -> None:
    told = Sources(table=TABLE, relations=None).before("Where is it?", [], frozenset({Signal.RELATION}))
    assert (told.relation, told.likeness) == (None, 0.0)


def test_a_question_for_the_model_costs_no_search_and_no_signal_that_is_not_needed() -> None:
    policy = Says(before=False)
    decision = Gate(policy, SOURCES).decide("What is the capital?", mentions("Paris"), unwanted, unwanted)
    assert (decision.route, decision.passages, decision.own_answer) == (Route.PARAMETRIC, (), None)
    assert policy.seen == [Signals(words=4, mentions=1)]


def test_the_signals_that_a_policy_needs_are_got() -> None:
    policy = Says(Signal.POPULARITY, Signal.RELATION, Signal.UNCERTAINTY, before=True)
    Gate(policy, SOURCES).decide("What is the capital of Paris?", mentions("Gisors"), lambda: FOUND, lambda _: OWN)
    before, after = policy.seen
    assert (before.popularity, before.tier, before.relation) == (-4.0, 4, "capital")
    assert (before.entropy, before.log_probability, before.own, before.score) == (0.5, -0.1, "a town", None)
    assert (after.score, after.gap, after.titled, after.passages, after.grounded) == (2.0, 1.0, True, 1, True)


def test_what_was_found_can_be_set_aside() -> None:
    used, aside = decide(Says(before=True)), decide(Says(before=True, after=False))
    assert (used.route, used.passages) == (Route.RETRIEVAL, FOUND)
    assert (aside.route, aside.passages) == (Route.PARAMETRIC, ())
    assert aside.reason == "no edit in scope; Gisors is of popularity tier 4; looked; the model answers alone"


def test_the_model_answers_alone_when_nothing_was_found() -> None:
    decision = decide(Says(Signal.UNCERTAINTY, before=True), names=(), found=())
    assert (decision.route, decision.own_answer) == (Route.PARAMETRIC, "a town")
    assert decision.reason == (
        "no edit in scope; its subject's popularity is unknown; guessed; no passage speaks of it; "
        "the model answers alone"
    )


def test_a_question_about_now_is_answered_by_dated_passages_newest_first() -> None:
    dated = [
        RetrievedPassage(passage=Passage(id=day, title=day, text="It is.", date=day), score=score)
        for day, score in (("2023-01-01", 9.0), ("2025-06-01", 1.0))
    ]
    found = (*dated, *FOUND)
    now = decide(Says(before=False), found=found, question="Who is currently the mayor of Gisors?")
    assert now.route is Route.RETRIEVAL
    assert [one.passage.date for one in now.passages] == ["2025-06-01", "2023-01-01"]
    assert "how things are now" in now.reason
    then = decide(Says(before=False), found=found, question="Who was the mayor of Gisors in 1900?")
    undated = decide(Says(before=False), question="Who is currently the mayor of Gisors?")
    assert then.route is undated.route is Route.PARAMETRIC


def test_where_no_popularity_is_known_the_store_is_searched_before_the_model_is_asked() -> None:
    gate = Gate(Says(before=False), SOURCES, unknown=Says(Signal.UNCERTAINTY, before=True))
    nothing = gate.decide("Where is it?", mentions("Nowhere"), tuple, unwanted)
    assert (nothing.route, nothing.own_answer) == (Route.PARAMETRIC, None)
    assert "popularity is unknown; no passage speaks of it" in nothing.reason
    something = gate.decide("Where is it?", mentions("Nowhere"), lambda: FOUND, lambda _: OWN)
    assert (something.route, something.own_answer) == (Route.RETRIEVAL, "a town")
    known = gate.decide("Where is it?", mentions("Paris"), unwanted, unwanted)
    assert known.route is Route.PARAMETRIC


def test_an_answer_that_goes_on_is_weighed_but_not_kept() -> None:
    policy = Says(Signal.UNCERTAINTY, before=False)
    cut = OwnAnswer(text="a town on", entropy=0.5, log_probability=-0.1, cut=True)
    decision = Gate(policy, SOURCES).decide("Where is it?", (), lambda: (), lambda _: cut)
    assert (decision.own_answer, policy.seen[0].own) == (None, "a town on")


@pytest.mark.parametrize(
    ("names", "max_tier", "wanted"),
    [
        (("Paris",), 2, False),
        (("Rouen",), 2, False),
        (("Rouen",), 1, True),
        (("Paris",), 0, True),
        (("Paris", "Gisors"), 2, True),
        (("Paris", "Nowhere"), 2, False),
        (("Nowhere",), 5, True),
        ((), 5, True),
    ],
)
def test_without_a_calibration_passages_are_for_the_rare_and_the_unknown(
    names: tuple[str, ...], max_tier: int, wanted: bool
) -> None:
    decision = decide(TierPolicy(max_tier), names=names)
    assert decision.route is (Route.RETRIEVAL if wanted else Route.PARAMETRIC)


def test_the_reason_says_who_how_known_and_what_was_found() -> None:
    popular, rare = decide(TierPolicy(2), names=("Paris",)), decide(TierPolicy(2))
    assert popular.reason == (
        "no edit in scope; Paris is of popularity tier 1; popular enough (tiers 1 to 2) for the model's own recall; "
        "the model answers alone"
    )
    assert popular.popularity == Popularity(subject="Paris", tier=1)
    assert rare.reason.startswith("no edit in scope; Gisors is of popularity tier 4; not popular enough")
    assert rare.reason.endswith("passages were retrieved: Gisors")


def test_a_passage_without_title_is_named_by_its_identifier() -> None:
    untitled = (RetrievedPassage(passage=Passage(id="p-07", title="", text="A town."), score=1.0),)
    assert decide(TierPolicy(2), found=untitled).reason.endswith("retrieved: p-07")
