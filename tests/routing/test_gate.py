import pytest

from kedit_memory.records import Mention, Passage, Popularity, RetrievedPassage, Route
from kedit_memory.routing.gate import PopularityGate
from kedit_memory.routing.popularity import PopularityTable

TABLE = PopularityTable({"Paris": 1, "Rouen": 2, "Gisors": 4, "Étretat": 4})
FOUND = (RetrievedPassage(passage=Passage(id="p1", title="Gisors", text="A town."), score=2.0),)


def mentions(*names):
    return [Mention(start=0, end=1, surface=name, name=name) for name in names]


def test_the_rarest_known_name_counts():
    assert TABLE.rarest(mentions("Paris", "Gisors", "Nowhere", "Rouen")) == Popularity(subject="Gisors", tier=4)
    assert TABLE.rarest(mentions("Nowhere")) == TABLE.rarest([]) == Popularity(subject=None, tier=None)


@pytest.mark.parametrize(
    ("names", "max_tier", "wanted"),
    [
        (["Paris"], 2, False),
        (["Rouen"], 2, False),
        (["Rouen"], 1, True),
        (["Paris"], 0, True),
        (["Paris", "Gisors"], 2, True),
        (["Paris", "Nowhere"], 2, False),
        (["Nowhere"], 5, True),
        ([], 5, True),
    ],
)
def test_passages_are_wanted_for_the_rare_and_the_unknown(names, max_tier, wanted):
    gate = PopularityGate(TABLE, max_tier)
    assert gate.wants_passages(mentions(*names)) is wanted
    decision = gate.decide(mentions(*names), FOUND if wanted else ())
    assert decision.route is (Route.RETRIEVAL if wanted else Route.PARAMETRIC)


def test_the_reason_says_who_how_known_and_what_was_found():
    gate = PopularityGate(TABLE, 2)
    popular = gate.decide(mentions("Paris"), ())
    assert popular.reason == (
        "no edit in scope; Paris is of popularity tier 1, popular enough (tiers 1 to 2) for the model's own recall"
    )
    assert popular.popularity == Popularity(subject="Paris", tier=1)
    rare = gate.decide(mentions("Gisors"), FOUND)
    assert rare.reason == "no edit in scope; Gisors is of popularity tier 4, so passages were retrieved: Gisors"


def test_the_model_answers_alone_when_nothing_was_found():
    decision = PopularityGate(TABLE, 2).decide([], ())
    assert decision.route is Route.PARAMETRIC
    assert "no known subject, and no passage was found" in decision.reason


def test_a_popular_subject_is_left_to_the_model_even_with_passages_at_hand():
    assert PopularityGate(TABLE, 2).decide(mentions("Paris"), FOUND).route is Route.PARAMETRIC


def test_a_passage_without_title_is_named_by_its_identifier():
    untitled = (RetrievedPassage(passage=Passage(id="p-07", title="", text="A town."), score=1.0),)
    assert PopularityGate(TABLE, 2).decide([], untitled).reason.endswith("retrieved: p-07")
