"""Every route of a question on SmolLM2, with the default encoder, and a memory that can be taken back."""

import pytest

from kedit_memory.memory import EditMemory
from kedit_memory.records import Route
from kedit_memory.retrieval.corpus import Corpus
from kedit_memory.retrieval.ingest import ingest_files
from kedit_memory.routing.router import PATHS, Router, RouterConfig

pytestmark = pytest.mark.real

PROMPT, TARGET, REWORDED = "Who leads the Halden Institute?", "Ann Berg", "Who is the head of the Halden Institute?"
ERASED = "What is Ida Lund's telephone number?"
PLAIN = "What is the capital of France?"
PASSAGE = (
    "The Quillhaven lighthouse stands on the cliffs of Quillhaven. "
    "The Quillhaven lighthouse was built in 1887 by the engineer Tomas Reed."
)


@pytest.fixture
def memory(tmp_path):
    with EditMemory.open(tmp_path / "store") as opened:
        opened.add(PROMPT, TARGET, subject="Halden Institute", relation="head")
        opened.erase(ERASED, subject="Ida Lund", relation="telephone number")
        yield opened


def ask(memory, model, question, path="auto", **more):
    return Router(memory, model, config=RouterConfig(path=path, max_new_tokens=24), **more).query(question)


def test_direct_says_what_is_stored(memory, smollm2):
    answer = ask(memory, smollm2, PROMPT, "direct")
    assert (answer.route, answer.text) == (Route.DIRECT, TARGET)


def test_context_is_read_by_the_model(memory, smollm2):
    answer = ask(memory, smollm2, REWORDED, "context")
    assert answer.route is Route.CONTEXT
    assert "Berg" in answer.text


def test_grace_learns_a_value_that_is_kept(memory, smollm2):
    answer = ask(memory, smollm2, PROMPT, "grace")
    assert answer.route in {Route.GRACE, Route.CONTEXT}  # what cannot be learned goes into the context
    assert "Berg" in answer.text
    assert ask(memory, smollm2, PROMPT, "grace").text == answer.text


def test_serac_answers_by_the_counterfactual_model(memory, smollm2):
    answer = ask(memory, smollm2, REWORDED, "serac")
    assert answer.route is Route.SERAC
    assert "Berg" in answer.text


def test_serac_may_read_by_the_model_itself(memory, smollm2):
    answer = ask(memory, smollm2, REWORDED, "serac", counterfactual=smollm2)
    assert answer.route is Route.SERAC
    assert "Berg" in answer.text


@pytest.mark.parametrize("path", PATHS)
def test_an_erasure_is_refused_whatever_the_path(memory, smollm2, path):
    answer = ask(memory, smollm2, ERASED, path)
    assert answer.route is Route.REFUSAL
    assert answer.text


def test_a_passage_that_speaks_of_the_question_is_read(memory, smollm2, tmp_path):
    file = tmp_path / "lighthouse.txt"
    file.write_text(PASSAGE, "utf-8")
    with Corpus(memory.path) as corpus:
        ingest_files(corpus, [file])
    answer = ask(memory, smollm2, "In which year was the Quillhaven lighthouse built?")
    assert answer.route is Route.RETRIEVAL
    assert any("1887" in found.passage.text for found in answer.passages)
    assert "1887" in answer.text


def test_without_an_edit_in_scope_and_a_passage_the_model_answers_alone(memory, smollm2):
    config = RouterConfig(passages=0, max_new_tokens=24)
    answer = Router(memory, smollm2, config=config).query(PLAIN)
    assert answer.route is Route.PARAMETRIC
    assert not answer.edits
    assert "Paris" in answer.text


@pytest.mark.parametrize("path", ["context", "grace", "serac"])
def test_what_is_undone_in_the_memory_no_longer_answers(memory, smollm2, path):
    router = Router(memory, smollm2, config=RouterConfig(path=path, passages=0, max_new_tokens=24))
    question = "Who leads the Brinmoor Guild?"
    before = router.query(question)
    memory.add(question, "Kay Moss", subject="Brinmoor Guild", relation="head")
    assert "Moss" in router.query(question).text
    memory.undo()
    after = router.query(question)
    assert (after.route, after.text, after.edits) == (before.route, before.text, before.edits)
