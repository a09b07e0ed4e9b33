import pytest

from kedit_memory.errors import InvalidInputError
from kedit_memory.records import Mention
from kedit_memory.routing.gate.now import asks_about_now
from kedit_memory.routing.gate.relations import RelationClassifier, classifier, masked
from kedit_memory.world import background, load_world

KNOWN = [
    ("capital", "What is the capital of {s}?"),
    ("capital", "{s} has its capital in"),
    ("birth_year", "In which year was {s} born?"),
    ("author", "Who wrote {s}?"),
]


def named(question: str, name: str) -> list[Mention]:
    start = question.index(name)
    return [Mention(start=start, end=start + len(name), surface=name, name=name)]


@pytest.mark.parametrize(
    ("question", "name", "wanted"),
    [
        ("What is the capital of Peru?", "Peru", "capital"),
        ("And what is the capital of Peru", "Peru", "capital"),
        ("What year was Ida Lund born?", "Ida Lund", "birth_year"),
        ("Who wrote Capital?", "Capital", "author"),
        ("How far away is Peru?", "Peru", None),
        ("Peru", "Peru", None),
    ],
)
def test_the_relation_is_that_of_the_nearest_phrasing_or_none(question: str, name: str, wanted: str | None) -> None:
    assert RelationClassifier(KNOWN).classify(question, named(question, name)).name == wanted


def test_a_known_phrasing_is_as_near_as_can_be() -> None:
    asked = RelationClassifier(KNOWN).classify("Who wrote Emma?", named("Who wrote Emma?", "Emma"))
    assert asked.likeness == pytest.approx(1.0)
    assert RelationClassifier(KNOWN).classify("").likeness == 0.0


def test_names_leave_one_slot_each_and_overlapping_ones_one() -> None:
    question = "Is Prince Andrew in Peru?"
    mentions = [*named(question, "Prince Andrew"), *named(question, "Andrew"), *named(question, "Peru")]
    assert masked(question, mentions) == "Is {s} in {s}?"


def test_the_phrasings_of_the_world_are_known_but_not_those_held_out() -> None:
    world = load_world()
    taught = RelationClassifier([*background(world).phrasings, ("mood", "How does {s} feel?")])
    assert set(taught.relations) == {*world.relations, "mood"}
    right = held = 0
    for name, relation in world.relations.items():
        for phrasing in relation.phrasings(held_out=True):
            question = world.fill(phrasing, "Zzyzx")
            found = taught.classify(question, named(question, "Zzyzx")).name
            held += 1
            right += found is not None and found.split("_")[-1] == name.split("_")[-1]
    assert 0.4 < right / held < 1  # of one word pattern in each relation, none of which it has seen


@pytest.mark.parametrize(("phrasings", "sure"), [([], 0.5), (KNOWN, -0.1), (KNOWN, 1.5)])
def test_a_classifier_of_nothing_is_refused(phrasings: list[tuple[str, str]], sure: float) -> None:
    with pytest.raises(InvalidInputError, match="classifier"):
        RelationClassifier(phrasings, at_least=sure)


def test_without_phrasings_there_is_no_classifier() -> None:
    assert classifier([]) is None
    assert classifier(KNOWN).relations == RelationClassifier(KNOWN).relations


@pytest.mark.parametrize(
    ("question", "now"),
    [
        ("Who is the president of France?", True),
        ("Who's the CEO of Acme?", True),
        ("Where does Ann Berg currently live?", True),
        ("What is the latest film of Ann Berg?", True),
        ("How many people is the population of Paris?", True),
        ("Who was the president of France in 1958?", False),
        ("Who is the first president of France?", False),
        ("What is the capital of France?", False),
        ("Who wrote The President?", False),
    ],
)
def test_questions_about_now_are_known_by_their_words(question: str, now: bool) -> None:
    assert asks_about_now(question) is now
