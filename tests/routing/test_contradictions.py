"""Passages that speak against an edit are kept from the model, and the decision says which and why."""

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kedit_memory.memory import EditMemory
from kedit_memory.models.encoder import HashingEncoder
from kedit_memory.models.huggingface import HuggingFaceModel
from kedit_memory.models.named import load_model
from kedit_memory.popularity.table import PopularityTable
from kedit_memory.records import Decision, Passage, RetrievedPassage, Route
from kedit_memory.retrieval.bm25 import Bm25Retriever
from kedit_memory.routing.background import Background
from kedit_memory.routing.provenance import to_dict, to_lines
from kedit_memory.routing.router import Router, RouterConfig
from kedit_memory.world import background

ASKED = "When was Borgen founded?"  # no edit answers it
MAYOR = "Who is the mayor of Borgen?"
TODAY = datetime(2026, 6, 1, 12, tzinfo=UTC)


def passage(text: str, title: str = "Borgen", **fields: Any) -> Passage:
    return Passage(id=f"p-{text[:20]}", title=title, text=text, **fields)


OLD = passage("Borgen, founded in 1320, has had Ann Berg as its mayor since 2011.")
NEUTRAL = passage("Borgen was founded in 1320 on the river Lysa.")


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[EditMemory]:
    with EditMemory.open(tmp_path / "store", encoder=HashingEncoder(), clock=lambda: TODAY) as opened:
        yield opened


class Finds:
    """A search through passages that change from question to question."""

    passages: Sequence[Passage] = ()

    def search(self, question: str, k: int = 3) -> list[RetrievedPassage]:
        return Bm25Retriever(self.passages).search(question, k)


@pytest.fixture(scope="module")
def world() -> Background:
    return background()


@pytest.fixture
def explain(memory: EditMemory) -> Callable[..., Decision]:
    """What becomes of a question when these passages are there to be found."""
    return explaining(memory)


@pytest.fixture
def explain_in_world(memory: EditMemory, world: Background) -> Callable[..., Decision]:
    return explaining(memory, world)


def explaining(memory: EditMemory, beside: Background | None = None) -> Callable[..., Decision]:
    finds = Finds()
    table = PopularityTable({"Borgen": 5, "Indonesia": 5, "Jeff Bezos": 5})
    router = Router(memory, unloaded, background=beside, retriever=finds, popularity=table)

    def decide(*passages: Passage, question: str = ASKED, **options: Any) -> Decision:
        finds.passages = passages
        return router.explain(question, **options)

    return decide


def unloaded() -> Any:
    raise AssertionError("no model is needed to decide")


def used(decision: Decision) -> list[Passage]:
    return [found.passage for found in decision.passages]


def left_out(decision: Decision) -> list[tuple[Passage, str]]:
    return [(one.passage, one.edit_id) for one in decision.outdated]


def test_a_passage_with_the_superseded_value_is_left_out_and_named(memory: EditMemory, explain: Any) -> None:
    memory.add(MAYOR, "Ann Berg", subject="Borgen")
    assert set(used(explain(OLD, NEUTRAL))) == {OLD, NEUTRAL}  # until something replaces it
    memory.add(MAYOR, "Ida Lund", subject="Borgen")
    decision = explain(OLD, NEUTRAL)
    assert decision.route is Route.RETRIEVAL
    assert (used(decision), left_out(decision)) == ([NEUTRAL], [(OLD, "e2")])
    assert "Borgen was left out: it states what edit e2 has replaced, and is older" in decision.reason
    assert "left out: Borgen  (it states what edit e2 has replaced, and is older)" in to_lines(decision)
    assert to_dict(decision)["outdated"][0]["edit"] == "e2"
    assert decision.timings["compare"] > 0


def test_the_model_never_reads_it(memory: EditMemory, tiny_gpt2_folder: Path) -> None:
    memory.add(MAYOR, "Ann Berg", subject="Borgen")
    memory.add(MAYOR, "Ida Lund", subject="Borgen")
    model = load_model(str(tiny_gpt2_folder))
    assert isinstance(model, HuggingFaceModel)
    config = RouterConfig(max_new_tokens=4)
    table = PopularityTable({"Borgen": 5})
    router = Router(memory, model, retriever=Bm25Retriever([OLD, NEUTRAL]), popularity=table, config=config)
    assert router.query(ASKED).text == model.answer(ASKED, passages=[NEUTRAL.text], max_new_tokens=4)
    only_old = Router(memory, model, retriever=Bm25Retriever([OLD]), popularity=table, config=config).query(ASKED)
    assert (only_old.route, left_out(only_old)) == (Route.PARAMETRIC, [(OLD, "e2")])


def test_what_was_erased_is_told_nowhere(memory: EditMemory, explain: Any) -> None:
    memory.add(MAYOR, "Ann Berg", subject="Borgen")
    memory.erase(MAYOR, subject="Borgen")
    decision = explain(OLD, NEUTRAL)
    assert (used(decision), left_out(decision)) == ([NEUTRAL], [(OLD, "e2")])
    assert "Ann" not in json.dumps(to_dict(decision))
    assert not any("Ann" in line for line in to_lines(decision))
    assert "edit e2 has erased" in decision.reason


@pytest.mark.parametrize(
    ("date", "stays"),
    [
        (None, False),
        ("2025-05-31", False),
        ("2025", False),
        ("2025-06", True),
        ("2025-06-01", True),
        ("2025-06-02T08:00:00Z", True),
        ("long ago", False),
    ],
)
def test_a_passage_is_as_old_as_its_date_says(memory: EditMemory, explain: Any, date: str | None, stays: bool) -> None:
    memory.add(MAYOR, "Ann Berg", subject="Borgen", valid_until="2025-06-01")
    memory.add(MAYOR, "Ida Lund", subject="Borgen", valid_from="2025-06-01")
    dated = passage(OLD.text, date=date)
    assert used(explain(dated)) == ([dated] if stays else [])


def test_without_validity_the_day_on_which_the_edit_was_made_counts(memory: EditMemory, explain: Any) -> None:
    memory.add(MAYOR, "Ann Berg", subject="Borgen")
    memory.add(MAYOR, "Ida Lund", subject="Borgen")
    before, after = passage(OLD.text, date="2026-05-31"), passage(OLD.text, date="2026-06-01")
    assert (used(explain(before)), used(explain(after))) == ([], [after])


def test_a_question_about_the_past_is_compared_with_the_edits_of_then(memory: EditMemory, explain: Any) -> None:
    memory.add(MAYOR, "Ann Berg", subject="Borgen", valid_until="2025-06-01")
    memory.add(MAYOR, "Ida Lund", subject="Borgen", valid_from="2025-06-01")
    assert used(explain(OLD)) == []
    assert used(explain(OLD, as_of="2020-01-01")) == [OLD]


@pytest.mark.parametrize(
    ("text", "title", "stays"),
    [
        ("Borgen was founded in 1320. ANN  BERG is mayor.", "", False),  # folded, the subject in the text
        ("The Town of the Lysa was founded in 1320; mayor: Ann Berg.", "About Borgen", False),  # by its alias
        ("Borgen was founded in 1320 by Joann Bergson.", "Borgen", True),  # not as whole words
        ("Borgenfjord was founded when Ann Berg was mayor. See Borgen's neighbours.", "Borgenfjord", False),
        ("Borgen was founded in 1320. Ida Lund is mayor.", "Borgen", True),
    ],
)
def test_subject_and_value_are_found_as_names_are(
    memory: EditMemory, explain: Any, text: str, title: str, stays: bool
) -> None:
    memory.add(MAYOR, "Ann Berg", subject="Borgen", aliases=["Town of the Lysa"])
    memory.add(MAYOR, "Ida Lund", subject="Borgen", aliases=["Town of the Lysa"])
    found = passage(text, title)
    assert used(explain(found)) == ([found] if stays else [])


def test_another_subject_another_namespace_and_a_retracted_edit_leave_it(memory: EditMemory, explain: Any) -> None:
    for name, options in (("Borgenfjord", {}), ("Borgen", {"namespace": "other"})):
        memory.add("Which river flows past Borgen?", "Lysa", subject="Borgen", **options)  # so that it is known
        memory.add(f"Who is the mayor of {name}?", "Ann Berg", subject=name, **options)
        memory.add(f"Who is the mayor of {name}?", "Ida Lund", subject=name, **options)
    assert used(explain(OLD)) == [OLD]
    assert used(explain(OLD, namespace="other")) == []
    memory.retract("e6")
    assert used(explain(OLD, namespace="other")) == [OLD]


def test_edits_speak_against_the_facts_of_a_background(memory: EditMemory, explain_in_world: Any) -> None:
    question = "Which currency does Indonesia use?"
    shipped = passage("Indonesia has Jakarta as its capital and pays in rupiah, its currency.", "Indonesia")
    assert used(explain_in_world(shipped, question=question)) == [shipped]
    memory.add("What is the capital of Indonesia?", "Nusantara", subject="Indonesia", relation="capital")
    assert left_out(explain_in_world(shipped, question=question)) == [(shipped, "e1")]
    memory.undo()
    memory.add("What is the capital of Indonesia?", "Jakarta", subject="Indonesia", relation="capital")
    assert used(explain_in_world(shipped, question=question)) == [shipped]


def test_an_erasure_of_a_fact_of_the_world_hides_its_passage(memory: EditMemory, explain_in_world: Any) -> None:
    shipped = passage("Jeff Bezos, born in 1964, founded Amazon.", "Jeff Bezos")
    memory.erase("In which year was Jeff Bezos born?", subject="Jeff Bezos", relation="birth year")
    decision = explain_in_world(shipped, question="Which company did Jeff Bezos found?")
    assert left_out(decision) == [(shipped, "e1")]


def test_without_a_background_no_fact_is_known_but_those_of_the_edits(memory: EditMemory, explain: Any) -> None:
    shipped = passage("Jeff Bezos, born in 1964, founded Amazon.", "Jeff Bezos")
    memory.erase("In which year was Jeff Bezos born?", subject="Jeff Bezos", relation="birth year")
    assert used(explain(shipped, question="Which company did Jeff Bezos found?")) == [shipped]


def test_a_value_within_the_one_that_holds_is_not_stated(memory: EditMemory, explain: Any) -> None:
    memory.add(MAYOR, "Ann", subject="Borgen")
    memory.add(MAYOR, "Ann Berg", subject="Borgen")
    both = passage("Borgen was founded in 1320. Its mayor, Ann Berg, succeeded the late Ann.")
    assert used(explain(OLD)) == [OLD]
    assert used(explain(both)) == []


def test_a_value_that_is_part_of_a_longer_known_name_is_not_stated(memory: EditMemory, explain_in_world: Any) -> None:
    memory.add("Where does Borgen lie?", "York", subject="Borgen")
    memory.add("Where does Borgen lie?", "Leeds", subject="Borgen")
    far = passage("Borgen was founded in 1320 by settlers from New York City.")
    near = passage("Borgen was founded in 1320 near York.")
    assert used(explain_in_world(far)) == [far]
    assert used(explain_in_world(near)) == []
