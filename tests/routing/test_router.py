"""The whole way of a question, on a tiny random model: which way it goes and what it leaves behind."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from kedit_memory.errors import InvalidInputError
from kedit_memory.memory import EditMemory
from kedit_memory.models.encoder import HashingEncoder
from kedit_memory.models.huggingface import HuggingFaceModel
from kedit_memory.models.named import load_model
from kedit_memory.models.prompts import Prompt
from kedit_memory.popularity.table import PopularityTable
from kedit_memory.records import Passage, Route
from kedit_memory.retrieval.bm25 import Bm25Retriever
from kedit_memory.routing.background import Background
from kedit_memory.routing.router import Router, RouterConfig

HEAD = "Who is the head of Acme?"
RARE = Passage(id="p1", title="Borgen", text="Borgen is a small town on the river Lysa.")


@pytest.fixture(scope="module")
def model(tiny_gpt2_folder: Path) -> HuggingFaceModel:
    loaded = load_model(str(tiny_gpt2_folder))
    assert isinstance(loaded, HuggingFaceModel)
    return loaded


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[EditMemory]:
    with EditMemory.open(tmp_path / "store", encoder=HashingEncoder()) as opened:
        yield opened


@pytest.fixture
def make(memory: EditMemory, model: HuggingFaceModel) -> Callable[..., Router]:
    """A router that knows of Paris (popular) and Borgen (rare), and one passage about the latter."""

    def build(**choices: object) -> Router:
        return Router(
            memory,
            model,
            background=Background(
                aliases={"Paris": (), "Borgen": ()}, popularity=PopularityTable({"Paris": 1, "Borgen": 5})
            ),
            retriever=Bm25Retriever([RARE]),
            config=RouterConfig(max_new_tokens=4, **choices),
        )

    return build


def test_a_namespace_without_a_name_is_refused(make: Callable[..., Router]) -> None:
    with pytest.raises(InvalidInputError, match="namespace is empty"):
        make().query(HEAD, namespace=" ")


def test_an_edit_in_its_own_words_is_said_directly(memory: EditMemory, make: Callable[..., Router]) -> None:
    edit = memory.add(HEAD, "Ann Berg", subject="Acme")
    answer = make().query(HEAD)
    assert (answer.route, answer.text) == (Route.DIRECT, "Ann Berg")
    assert [match.edit for match in answer.edits] == [edit]
    assert edit.id in answer.reason
    assert {"link", "answer"} <= set(answer.timings)
    assert "encode" not in answer.timings  # nothing has to be weighed


def test_a_paraphrase_puts_the_edit_before_the_question(
    memory: EditMemory, make: Callable[..., Router], model: HuggingFaceModel
) -> None:
    edit = memory.add(HEAD, "Ann Berg", subject="Acme", radius=1.2)
    assert make().explain("Who is now the head of Acme?").route is Route.CONTEXT
    answer = make().query("Who is now the head of Acme?")
    assert (answer.route, answer.text) == (Route.DIRECT, "Ann Berg")
    assert answer.reason.endswith(
        "so it is put before the question; the model did not say it, so the stored answer is given"
    )
    assert model.answer(answer.question, facts=[edit.statement], max_new_tokens=4) != "Ann Berg"  # it is random


def test_the_path_can_be_fixed(memory: EditMemory, make: Callable[..., Router]) -> None:
    memory.add(HEAD, "Ann Berg", subject="Acme", radius=1.2)
    assert make(path="direct").query("Who is now the head of Acme?").text == "Ann Berg"
    assert make(path="context").explain(HEAD).route is Route.CONTEXT
    with pytest.raises(InvalidInputError, match="sideways"):
        RouterConfig(path="sideways")


def test_an_erasure_is_refused(memory: EditMemory, make: Callable[..., Router]) -> None:
    memory.erase("Where does Ann Berg live?", subject="Ann Berg")
    answer = make().query("Where does Ann Berg live?")
    assert answer.route is Route.REFUSAL
    assert "forget" in answer.text


def test_popular_rare_and_unknown_subjects_part_at_the_gate(make: Callable[..., Router]) -> None:
    router = make()
    popular, rare = router.explain("Where is Paris?"), router.explain("Where is Borgen?")
    assert popular.route is Route.PARAMETRIC
    assert popular.popularity is not None
    assert popular.popularity.tier == 1
    assert rare.route is Route.RETRIEVAL
    assert [found.passage for found in rare.passages] == [RARE]
    assert router.explain("Where is Qwxyz, a town on a river?").route is Route.PARAMETRIC
    assert make(passages=0).explain("Where is Borgen?").route is Route.PARAMETRIC


def test_another_subject_is_another_question(memory: EditMemory, make: Callable[..., Router]) -> None:
    memory.add(HEAD, "Ann Berg", subject="Acme", radius=2.0)  # the radius alone would admit everything
    decision = make().explain("Who is the head of Paris?")
    assert decision.route is Route.PARAMETRIC
    assert [match.edit.subject for match in decision.considered] == ["Acme"]


def test_without_a_subject_the_names_of_the_prompt_count(memory: EditMemory, make: Callable[..., Router]) -> None:
    memory.add("Who is the mayor of Paris?", "Ann Berg", radius=2.0)
    router = make()
    assert router.explain("Who is now mayor of Paris?").route is Route.CONTEXT
    assert router.explain("Who is the mayor of Borgen?").route is Route.RETRIEVAL


def test_a_statement_alone_answers_about_one_of_its_names(memory: EditMemory, make: Callable[..., Router]) -> None:
    memory.add("Borgen became the twin town of Paris in 2025.", radius=2.0)
    router = make()
    assert router.explain("Which town is the twin of Paris?").route is Route.CONTEXT
    assert router.explain("Which town is the twin of Rome?").route is Route.PARAMETRIC


def test_aliases_name_the_subject(memory: EditMemory, make: Callable[..., Router]) -> None:
    memory.add(HEAD, "Ann Berg", subject="Acme", aliases=["The Rocket Works"], radius=2.0)
    assert make().explain("Who is the head of the rocket works?").route is Route.CONTEXT


def test_names_added_later_are_linked(memory: EditMemory, make: Callable[..., Router]) -> None:
    router = make()
    assert router.explain(HEAD).route is Route.PARAMETRIC
    memory.add(HEAD, "Ann Berg", subject="Acme")
    assert router.explain(HEAD).route is Route.DIRECT
    memory.undo()
    assert router.explain(HEAD).route is Route.PARAMETRIC


@pytest.mark.parametrize("question", ["Where is Paris?", "The capital of France is", "Who is the head of Paris?"])
def test_a_miss_leaves_the_logits_bit_for_bit(
    memory: EditMemory, make: Callable[..., Router], model: HuggingFaceModel, tiny_gpt2_folder: Path, question: str
) -> None:
    unedited = load_model(str(tiny_gpt2_folder))
    assert isinstance(unedited, HuggingFaceModel)
    memory.add(HEAD, "Ann Berg", subject="Acme", radius=2.0)
    memory.erase("Where does Ann Berg live?", subject="Ann Berg")
    router = make()
    router.query(HEAD)
    answer = router.query(question)
    assert answer.route is Route.PARAMETRIC
    assert torch.equal(model.logits(Prompt(question=question)), unedited.logits(Prompt(question=question)))
    assert answer.text == unedited.answer(question, max_new_tokens=4)


def test_many_questions_are_answered_as_one_by_one(memory: EditMemory, make: Callable[..., Router]) -> None:
    memory.add(HEAD, "Ann Berg", subject="Acme")
    router = make()
    questions = [HEAD, "Where is Paris?", "Where is Borgen?", "The capital of France is"]
    together = router.query_many(questions)
    alone = [router.query(question) for question in questions]
    assert [(a.route, a.text, a.reason) for a in together] == [(a.route, a.text, a.reason) for a in alone]
    assert router.query_many([]) == []


def test_explaining_and_stored_answers_load_no_model(memory: EditMemory) -> None:
    def unwanted() -> HuggingFaceModel:
        raise AssertionError("the model was loaded")

    memory.add(HEAD, "Ann Berg", subject="Acme")
    router = Router(memory, unwanted)
    assert router.query(HEAD).text == "Ann Berg"
    router.explain("Where is Paris?")
    with pytest.raises(AssertionError, match="loaded"):
        router.query("Where is Paris?")


def test_days_and_namespaces_are_kept_apart(memory: EditMemory, make: Callable[..., Router]) -> None:
    slot = {"subject": "Acme", "relation": "head"}
    memory.add(HEAD, "Ann Berg", valid_until="2024-01-01", **slot)
    memory.add(HEAD, "Ida Lund", valid_from="2024-01-01", **slot)
    memory.add(HEAD, "Bo Ek", namespace="other", **slot)
    router = make()
    assert router.query(HEAD).text == "Ida Lund"
    assert router.query(HEAD, as_of="2020-02-29").text == "Ann Berg"
    assert router.query(HEAD, namespace="other").text == "Bo Ek"


@pytest.mark.parametrize("question", ["", "  ", "a\x00b", "x" * 5000])
def test_a_question_that_is_none_is_refused(make: Callable[..., Router], question: str) -> None:
    with pytest.raises(InvalidInputError):
        make().query(question)


def test_a_question_that_leads_to_no_edit_is_never_encoded(
    memory: EditMemory, make: Callable[..., Router], monkeypatch: pytest.MonkeyPatch
) -> None:
    memory.add(HEAD, "Ann Berg", subject="Acme")
    router = make()
    monkeypatch.setattr(EditMemory, "encode", lambda *_: pytest.fail("the encoder was asked"))
    assert router.query("Where is Paris?").route is Route.PARAMETRIC
    assert router.query(HEAD).route is Route.DIRECT
    assert router.query("who is the head of Acme").route is Route.DIRECT


def test_own_words_without_the_subject_are_found_by_their_text(memory: EditMemory, make: Callable[..., Router]) -> None:
    asked = "Who runs the rocket works on the hill?"
    edit = memory.add(HEAD, "Ann Berg", subject="Acme", paraphrases=["Who leads the firm by the river?"])
    memory.confirm(edit.id, asked)
    router = make()
    for question in (asked, "who leads the firm by the river", "Who leads the firm by the river?"):
        assert router.query(question).edits[0].edit.id == edit.id
    memory.undo()
    assert not router.query(asked).edits


def test_only_a_question_that_is_explained_tells_what_is_near(memory: EditMemory, make: Callable[..., Router]) -> None:
    memory.add(HEAD, "Ann Berg", subject="Acme", radius=2.0)
    assert make().explain("Where is Paris?").considered
    assert not make().query("Where is Paris?").considered


@pytest.mark.parametrize("bad", ["Who\x07?", " ", "x" * 300_000, 7, "a\ud800"])
def test_a_question_that_cannot_be_read_stops_no_other(memory: EditMemory, make: Callable[..., Router], bad) -> None:
    memory.add(HEAD, "Ann Berg", subject="Acme")
    first, second, third = make().query_many([HEAD, bad, HEAD])
    assert (first.text, third.text) == ("Ann Berg", "Ann Berg")
    assert (second.route, second.edits) == (Route.REFUSAL, ())
    assert second.reason.startswith("questions[1] ")
    with pytest.raises(InvalidInputError):
        make().query(bad)


def test_an_edit_asked_in_its_own_words_loads_no_weights(tmp_path: Path) -> None:
    program = (
        "import sys; from kedit_memory import EditMemory, Router\n"
        f"with EditMemory.open({str(tmp_path / 'own')!r}, encoder='minilm') as memory:\n"
        f"    memory.add({HEAD!r}, 'Ann Berg') if len(memory) == 0 else None\n"
        f"    answer = Router(memory).query({HEAD!r}) if '--ask' in sys.argv else None\n"
        "print(answer and answer.text, 'torch' in sys.modules)"
    )
    words = [sys.executable, "-c", program]
    subprocess.run(words, check=True)
    done = subprocess.run([*words, "--ask"], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[0] == "Ann Berg False"


@pytest.mark.parametrize("asked", ["Who leads Acme", "Who leads Acme?", "who leads Acme.", "Who leads Acme!"])
def test_explain_and_query_choose_the_same_edit(memory: EditMemory, make: Callable[..., Router], asked: str) -> None:
    for prompt, target in (("Who leads Acme?", "Ann"), ("Who leads Acme!", "Ben"), ("Who leads ACME", "Cid")):
        memory.add(prompt, target, subject="Acme", on_conflict="keep_both")
    router = make()
    chosen, decided = router.query(asked), router.explain(asked)
    assert [match.edit.id for match in chosen.edits] == [match.edit.id for match in decided.edits]
    assert (chosen.route, chosen.reason) == (decided.route, decided.reason)
    exact = {"Who leads Acme?": "Ann", "Who leads Acme!": "Ben"}
    assert chosen.text == exact.get(asked, chosen.text)


def test_loading_a_model_is_not_the_time_of_the_gate(memory: EditMemory, tiny_gpt2_folder: Path) -> None:
    memory.add(HEAD, "Ann Berg", subject="Acme")

    def slow() -> HuggingFaceModel:
        time.sleep(0.5)
        return load_model(str(tiny_gpt2_folder))  # type: ignore[return-value]

    slow.name = "kedit-mini"  # type: ignore[attr-defined]  # whose gate weighs its own answer
    router = Router(memory, slow, retriever=Bm25Retriever([RARE]))
    timings = router.explain("What river is Borgen on, I wonder?").timings
    assert timings["ask"] >= 0.5
    assert 0 <= timings["gate"] < 0.4


def test_names_of_another_namespace_and_of_the_past_fire_nothing(
    memory: EditMemory, make: Callable[..., Router]
) -> None:
    router = make()
    memory.add("Who leads the UK?", "Ann Berg", subject="United Kingdom")
    other = memory.add("What is Albion?", "A name", subject="United Kingdom", aliases=["Albion"], namespace="other")
    assert router.link("Who leads Albion?") == ()
    assert [one.name for one in router.link("Who leads Albion?", namespace="other")] == ["United Kingdom"]
    memory.retract(other.id)
    assert router.link("Who leads Albion?", namespace="other") == ()
    assert [one.name for one in router.link("the United Kingdom")] == ["United Kingdom"]


def test_what_decisions_need_is_loaded_before_the_first(tmp_path: Path) -> None:
    program = (
        "import sys; from kedit_memory import EditMemory, Router\n"
        f"router = Router(EditMemory.open({str(tmp_path / 'store')!r}))\n"
        "print('torch' in sys.modules); router.load()\n"
        "print('torch' in sys.modules, 'kedit_memory.models.reader' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True", "True"]
