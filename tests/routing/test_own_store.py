"""A router reads its store, and what it is given beside it: nothing of our own world has a say in a user's answers."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from kedit_memory.editors._samples import shipped_questions
from kedit_memory.memory import EditMemory
from kedit_memory.models.encoder import HashingEncoder
from kedit_memory.models.language import TextModel
from kedit_memory.models.named import load_model
from kedit_memory.records import Passage, Route
from kedit_memory.retrieval.corpus import Corpus
from kedit_memory.routing.background import Background
from kedit_memory.routing.gate.gate import Gate
from kedit_memory.routing.passages import Passages
from kedit_memory.routing.router import Router, RouterConfig
from kedit_memory.shipped import data_folder
from kedit_memory.text import fold
from kedit_memory.world import background, passages_file, world_folder

BADGE = "My badge stopped working, how can I reset it?"
EVERYDAY = (
    "What is the weather like?",
    BADGE,
    "How do I boil an egg?",
    "Where do I hand in my laptop?",
    "Is the canteen open on Friday?",
    "Who do I call when the lift is stuck?",
    "What does a tin of paint cost?",
    "Write me a haiku about the sea.",
)
OWN = Passage(id="p1", title="Badges", text="A badge is reset at the desk on the second floor.")


@pytest.fixture(scope="module")
def world() -> Background:
    return background()


@pytest.fixture(scope="module")
def asked() -> list[str]:
    """Questions about the world, whose names and passages are all known to it, and everyday ones."""
    return [question for question, _ in shipped_questions()[:300]] + list(EVERYDAY)


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[EditMemory]:
    with EditMemory.open(tmp_path / "store", encoder=HashingEncoder()) as opened:
        opened.add("Who is the head of Acme?", "Ann Berg", subject="Acme")
        opened.add("What is the door code of the annex?", "4711", subject="the annex")
        yield opened


@pytest.fixture
def make(memory: EditMemory, tiny_gpt2_folder: Path) -> Callable[..., Router]:
    config = RouterConfig(scope="radius", max_new_tokens=2)

    def model() -> TextModel:
        return load_model(str(tiny_gpt2_folder))

    return lambda **given: Router(memory, model, config=config, **given)


@contextmanager
def opened_files() -> Iterator[list[str]]:
    """The paths of all files that are opened meanwhile."""
    paths: list[str] = []
    active = True

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if active and event == "open":
            paths.append(str(arguments[0]))

    sys.addaudithook(watch)  # stays for the life of the process, so it is only switched off
    try:
        yield paths
    finally:
        active = False


def of_the_world(paths: list[str]) -> list[str]:
    folders = {str(world_folder()), str(passages_file().parent), str(data_folder() / "samples")}
    return [path for path in paths if any(path.startswith(folder) for folder in folders)]


def test_no_file_of_the_world_is_read_to_decide_or_to_answer(
    memory: EditMemory, make: Callable[..., Router], asked: list[str]
) -> None:
    with opened_files() as paths:
        background()
    assert of_the_world(paths)  # they would be seen
    with Corpus(memory.path) as corpus:
        corpus.add([OWN])
    with opened_files() as paths:
        router = make()
        router.query_many([*asked[:20], *EVERYDAY])
        for question in asked:
            router.explain(question)
    assert paths
    assert of_the_world(paths) == []


def test_no_name_of_the_world_is_known(make: Callable[..., Router], world: Background) -> None:
    router = make()
    surfaces = [surface for name, aliases in world.aliases.items() for surface in (name, *aliases)]
    found = [surface for surface in surfaces if router.link(f"What is known of {surface}?")]
    assert len(surfaces) > 6000
    assert found == []


def test_an_edit_answers_to_the_names_that_its_store_has_and_to_no_alias_of_the_world(
    memory: EditMemory, make: Callable[..., Router], world: Background
) -> None:
    motto = "What is the motto of {}?"
    apart = (
        (name, alias)
        for name, aliases in world.aliases.items()
        for alias in aliases[:1]
        if set(fold(name).split()).isdisjoint(fold(alias).split())
        and fold(name) not in fold(alias).replace(" ", "")  # "common house fly" is a spelling of "housefly"
    )
    pairs = list(islice(apart, 60))
    for name, _ in pairs:
        memory.add(motto.format(name), f"the motto {name}", subject=name, radius=2.0)
    alone, told = make(), make(background=world)
    questions = [motto.format(alias) for _, alias in pairs]
    assert sum(one.fires for one in told.judge_many(questions)) > 50  # the world's aliases would bring them up
    assert [one.question for one in alone.judge_many(questions) if one.fires] == []


def test_without_passages_nothing_is_searched_and_no_gate_is_asked(
    make: Callable[..., Router], asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Gate, "decide", lambda *_: pytest.fail("the gate was asked"))
    monkeypatch.setattr(Passages, "retriever", lambda *_: pytest.fail("passages were searched for"))
    router = make()
    for question in asked:
        decision = router.explain(question)
        assert (decision.route, decision.popularity) == (Route.PARAMETRIC, None)
        assert decision.reason == "no edit in scope; the store has no passages; the model answers alone"


def test_passages_ingested_meanwhile_are_found(memory: EditMemory, make: Callable[..., Router]) -> None:
    router = make()
    assert router.explain(BADGE).route is Route.PARAMETRIC
    with Corpus(memory.path) as corpus:
        corpus.add([OWN])
    decision = router.explain(BADGE)
    assert [one.passage for one in decision.passages] == [OWN]


def test_a_question_of_one_namespace_gets_no_passage_of_another(
    memory: EditMemory, make: Callable[..., Router]
) -> None:
    router = make()
    with Corpus(memory.path, "guests") as corpus:
        corpus.add([OWN])
    assert router.explain(BADGE).reason == "no edit in scope; the store has no passages; the model answers alone"
    assert [one.passage for one in router.explain(BADGE, namespace="guests").passages] == [OWN]
    with Corpus(memory.path) as corpus:
        corpus.add([replace(OWN, id="other")])
    for namespace, wanted in (("default", "other"), ("guests", OWN.id)):
        assert [one.passage.id for one in router.explain(BADGE, namespace=namespace).passages] == [wanted]


def test_no_passage_and_no_popularity_comes_from_elsewhere(
    memory: EditMemory, make: Callable[..., Router], asked: list[str]
) -> None:
    with Corpus(memory.path) as corpus:
        corpus.add([OWN])
    router = make()
    for question in asked:
        decision = router.explain(question)
        assert {one.passage for one in decision.passages} <= {OWN}
        assert decision.popularity is not None
        assert (decision.popularity.subject, decision.popularity.tier) == (None, None)


def test_the_gate_that_ships_is_used_with_the_world_alone(memory: EditMemory, world: Background) -> None:
    with Corpus(memory.path) as corpus:
        corpus.add([OWN])
    assert type(Router(memory, background=world).gate.policy).__name__ == "LearnedPolicy"
    assert type(Router(memory).gate.policy).__name__ == "TierPolicy"


def test_a_background_brings_names_passages_and_popularity(make: Callable[..., Router], world: Background) -> None:
    decision = make(background=world).explain("Which currency does Lesotho use?")
    assert decision.route is Route.RETRIEVAL
    assert decision.passages[0].passage.title == "Lesotho"
    assert decision.popularity is not None
    assert decision.popularity.subject == "Lesotho"


def test_passages_that_are_not_wanted_are_not_searched_for(memory: EditMemory, world: Background) -> None:
    router = Router(memory, background=world, config=RouterConfig(passages=0, scope="radius"))
    decision = router.explain("Which currency does Lesotho use?")
    assert decision.reason == "no edit in scope; no passages are wanted; the model answers alone"
