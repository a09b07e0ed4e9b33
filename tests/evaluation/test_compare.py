"""A comparison from edits to rows: what is counted, what a method may do wrong, and how a stopped run goes on."""

import json
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import ClassVar

import pytest
import torch

from kedit_memory.editors import EDITORS
from kedit_memory.editors.base import Outcome, facts
from kedit_memory.errors import CapabilityError, InvalidInputError, UnknownNameError
from kedit_memory.evaluation.case import (
    ALL,
    GENERALIZATION,
    HARD_NEGATIVE,
    LOCALITY,
    PORTABILITY,
    RELIABILITY,
    Case,
    Question,
)
from kedit_memory.evaluation.judges import DEFAULT, judge_of
from kedit_memory.evaluation.log import Log
from kedit_memory.evaluation.method import Said
from kedit_memory.evaluation.methods import SIDE_BY_SIDE, Edited, chosen_methods
from kedit_memory.evaluation.report.compare_tables import tables
from kedit_memory.evaluation.report.saved import Measured
from kedit_memory.evaluation.rows import Run
from kedit_memory.evaluation.score import score
from kedit_memory.evaluation.tasks.compare import attempt as compare_attempt
from kedit_memory.evaluation.tasks.compare import measures as compare_measures
from kedit_memory.evaluation.tasks.compare import run as compare
from kedit_memory.evaluation.tasks.compare.measures import Observation, Summary, chosen_questions, tokens_right
from kedit_memory.evaluation.tasks.compare.model import WatchedBench, peak_memory
from kedit_memory.evaluation.tasks.compare.run import ComparePlan, run_compare
from kedit_memory.models.caches import cache_of, reading_on
from kedit_memory.models.huggingface import HuggingFaceModel
from kedit_memory.models.named import load_model
from kedit_memory.models.prompts import Prompt
from kedit_memory.records import EditRequest

PLACES = ("France", "Spain", "Italy", "Japan", "Egypt", "Chad")


def case(place: str, target: str = "Bob") -> Case:
    prompt = f"Who is the king of {place}?"
    return Case(
        edit=EditRequest(prompt=prompt, target=target, subject=place),
        questions=(
            Question(text=prompt, metric=RELIABILITY, accepted=(target,), covered=True),
            Question(text=f"Who rules {place}?", metric=GENERALIZATION, accepted=(target,), covered=True),
            Question(text=f"What is the capital of {place}?", metric=LOCALITY, kind="same_subject"),
            Question(text="Who is the king of Peru?", metric=LOCALITY, kind="same_relation"),
            Question(text=f"Who was the king of {place}?", metric=LOCALITY, kind="unrelated", truth=("Ann",)),
            Question(text=f"Who is the queen of {place}?", metric=PORTABILITY, kind="one_hop", accepted=("Ann",)),
        ),
    )


CASES = [case(place) for place in PLACES]


@pytest.fixture(autouse=True)
def _drawn(monkeypatch):
    """The cases above in place of facts of the world, of which a random model knows none."""
    monkeypatch.setattr(compare, "draw_cases", lambda *words, **_: CASES[: words[3]])
    # A random model never ends a text, so little is written, timed and read.
    for name, few in (("_LONGEST_TEXT", 4), ("_WRITTEN", 2), ("_TIMED", 1), ("_ADDED", 2)):
        monkeypatch.setattr(compare_measures, name, few)
    monkeypatch.setattr(compare, "_TEXTS", 2)


@pytest.fixture
def load(tiny_gpt2_folder):
    loaded = []

    def fresh():
        loaded.append(HuggingFaceModel.load(tiny_gpt2_folder, device="cpu"))
        return loaded[-1]

    fresh.loaded = loaded
    return fresh


def plan(*names: str, **options) -> ComparePlan:
    return ComparePlan(methods=names, **({"edits": (1, 3), "encoder": "hashing"} | options))


def values(comparison, method, mode, planned):
    return {
        (row["metric"], row["kind"]): row
        for row in comparison.rows
        if (row["method"], row["mode"], row["planned"]) == (method, mode, planned)
    }


# Editors that a test sees at work


class Applied:
    """Edits in force by nothing at all."""

    def __init__(self, edits, log):
        self.outcomes = tuple(Outcome(fact=fact, learned=True, seconds=0.0) for fact in facts(edits))
        self.log = log

    def undo(self):
        self.log.append("undo")


class Growing(Applied):
    def add(self, edits):
        self.log.append(("add", len(edits)))
        return ()


@dataclass(frozen=True, kw_only=True)
class Told:
    """Writes down what it is given."""

    name: ClassVar[str] = "told"
    log: ClassVar[list] = []
    past: tuple = ()

    def apply(self, _model, edits):
        self.log.append(([edit.subject for edit in self.past], [edit.subject for edit in edits]))
        return Applied(edits, self.log)


@dataclass(frozen=True, kw_only=True)
class Grows(Told):
    log: ClassVar[list] = []

    def apply(self, _model, edits):
        self.log.append(("apply", len(edits)))
        return Growing(edits, self.log)


@dataclass(frozen=True, kw_only=True)
class Breaks:
    """Fails at the third edit on top of others."""

    made: ClassVar[list] = []

    def apply(self, _model, edits):
        self.made.append(edits)
        if len(edits) > 1:
            raise ZeroDivisionError("no\nbatch")
        return Applied(edits, [])


@dataclass(frozen=True, kw_only=True)
class Leaks:
    """Moves a weight for good."""

    def apply(self, model, edits):
        with torch.no_grad():
            model.model.get_parameter("transformer.h.0.mlp.c_proj.weight")[0, 0] += 1
        return Applied(edits, [])


@dataclass(frozen=True, kw_only=True)
class Collapses:
    """Makes all scores no numbers, until it is undone."""

    def apply(self, model, edits):
        weight = model.model.get_parameter("transformer.ln_f.weight")
        kept = weight.detach().clone()
        with torch.no_grad():
            weight.fill_(float("nan"))

        class Collapsed(Applied):
            def undo(self):
                with torch.no_grad():
                    weight.copy_(kept)

        return Collapsed(edits, [])


@dataclass(frozen=True, kw_only=True)
class Sleeps:
    """Takes two seconds for an edit, by a clock of its own."""

    now: ClassVar[list] = [0.0]

    def apply(self, _model, edits):
        self.now[0] += 2 * len(edits)
        return Applied(edits, [])


@pytest.fixture(autouse=True)
def editors(monkeypatch):
    for kind in (Told, Grows, Breaks, Leaks, Collapses, Sleeps):
        monkeypatch.setitem(EDITORS, kind.__name__.lower(), f"{__name__}:{kind.__name__}")
    for log in (Told.log, Grows.log, Breaks.made):
        log.clear()


# What is counted


def test_controls_and_methods_stand_where_they_must(load):
    names = ("unedited", "oracle-scope", "oracle-edit", "retrieve-edits", "memory:direct", "ft")
    found = run_compare(plan(*names, edits=(2,)), load=load)
    assert not found.failed
    assert not found.traced
    assert len(found.parts) == len(names) * 3
    for mode, size in (("single", 2), ("sequential", 2), ("batch", 2)):
        unedited = values(found, "unedited", mode, size)
        assert unedited[RELIABILITY, ALL]["value"] == 0
        for kind in (ALL, "same_relation", "logits", "logits/same_relation"):
            assert unedited[LOCALITY, kind]["value"] == 1
        for kind in ("same_subject", "logits/same_subject", "unrelated_guessed"):
            assert unedited[HARD_NEGATIVE, kind]["value"] == 1
        assert unedited[LOCALITY, ALL]["n"] == size, "neither of the same subject, nor of what was guessed"
        assert (HARD_NEGATIVE, ALL) not in unedited
        assert unedited["rate", "taken_over"]["value"] == 0
        assert ("rate", "still_right") not in unedited, "the right answer to the neighbour is not told"
        assert (unedited[RELIABILITY, ALL]["judge"], unedited[LOCALITY, ALL]["judge"]) == (DEFAULT, "same")
        assert unedited[LOCALITY, "logits"]["judge"] is unedited["perplexity", ALL]["judge"] is None
        assert unedited["ratio", "perplexity"]["value"] == 1
        assert ("seconds", "edit") not in unedited
        told = values(found, "oracle-scope", mode, size)
        assert (told[RELIABILITY, ALL]["value"], told[GENERALIZATION, ALL]["value"]) == (1, 1)
        assert told[LOCALITY, "logits"]["value"] == 1
        memory = values(found, "memory:direct", mode, size)
        assert memory[RELIABILITY, ALL]["value"] == memory[RELIABILITY, "teacher_forced"]["value"] == 1
        tuned = values(found, "ft", mode, size)
        assert tuned[LOCALITY, "logits"]["value"] == 0, "other weights give other scores"
        assert tuned["seconds", "edit"]["value"] > 0
        assert tuned["ratio", "edit_time_of_memory"]["value"] > 0
        assert tuned[RELIABILITY, ALL]["n"] == size
        assert tuned[RELIABILITY, ALL]["edits"] == (1 if mode == "single" else size)
        assert tuned["perplexity", "before"]["value"] == unedited["perplexity", ALL]["value"]
    way = [row for row in found.compared if (row["method"], row["kind"]) == ("memory:direct", "way/reliability")]
    assert {(row["mode"], row["value"], row["cases"]) for row in way} == {
        ("single", 1, 2), ("sequential", 1, 2), ("batch", 1, 2),
    }  # fmt: skip
    retrieved = values(found, "retrieve-edits", "batch", 2)
    assert retrieved[LOCALITY, "logits"]["value"] == 0, "an edit stands before every question"
    row = found.rows[0]
    assert set(row) >= {
        "task", "dataset", "method", "metric", "kind", "value", "low", "high", "n", "unit", "edits", "seed", "commit",
        "config", "data", "model", "machine", "mode", "planned",
    }  # fmt: skip


def test_rows_name_the_settings_of_their_editor(load):
    found = run_compare(plan("unedited", "ft-l", "told", preset="paper", edits=(1,), modes=("batch",)), load=load)
    named = {row["method"]: row["preset"] for row in found.rows}
    assert named == {"unedited": None, "ft-l": "paper", "told": "default"}
    with pytest.raises(UnknownNameError, match="no preset named 'best'"):
        plan("ft-l", preset="best")


def test_the_judge_that_is_asked_for_is_the_one_that_counts(load):
    with pytest.raises(UnknownNameError, match="no judge named 'equals'; did you mean 'equal'"):
        plan("unedited", judge="equals")
    found = run_compare(plan("oracle-scope", judge="token_f1", edits=(1,), modes=("batch",)), load=load)
    assert {row["judge"] for row in found.rows if row["metric"] == RELIABILITY and row["kind"] == ALL} == {"token_f1"}
    assert values(found, "oracle-scope", "batch", 1)[RELIABILITY, ALL]["value"] == 1


def test_the_model_is_what_it_was(load):
    run_compare(plan("ft", "grace-fast", edits=(2,)), load=load)
    (model,) = load.loaded
    fresh = load()
    assert all(torch.equal(a, b) for a, b in zip(model.model.parameters(), fresh.model.parameters(), strict=True))
    prompt = Prompt(question="Who is the king of Peru?")
    assert torch.equal(model.logits(prompt), fresh.logits(prompt))


def test_a_stream_tells_an_editor_of_earlier_edits(load):
    run_compare(plan("told", edits=(3,), modes=("sequential",)), load=load)
    first, stream = Told.log[:2], Told.log[2:]
    assert first == [([], ["France"]), "undo"]
    assert stream == [
        ([], ["France"]), (["France"], ["Spain"]), (["France", "Spain"], ["Italy"]), "undo", "undo", "undo",
    ]  # fmt: skip


def test_batches_follow_each_other_and_end_where_it_is_measured(load):
    found = run_compare(plan("told", edits=(3, 4), modes=("batches",), batch=2), load=load)
    first, second, third = ([], ["France", "Spain"]), (["France", "Spain"], ["Italy"]), ["France", "Spain", "Italy"]
    assert Told.log[2:5] == [first, second, (third, Told.log[4][1])]
    assert len(Told.log[4][1]) == 1
    assert {row["planned"] for row in found.rows if row["method"] == "told"} == {3, 4}
    assert next(iter(tables(Measured(rows=found.rows)))).title == "3 edits in batches"
    with pytest.raises(InvalidInputError, match="edits of a batch"):
        plan("told", batch=0)


def test_edits_that_can_grow_are_added_to(load):
    run_compare(plan("grows", edits=(3,), modes=("sequential",)), load=load)
    assert Grows.log == [("apply", 1), "undo", ("apply", 1), ("add", 1), ("add", 1), "undo"]


def test_a_chain_of_weight_changes_is_put_back_whole(load):
    bench = WatchedBench(load, encoder="hashing", cache=None)
    method = Edited("ft", bench)
    for one in CASES[:3]:
        method.add([one.edit])
    assert bench.traces()
    assert len(method._applied) == 0, "no link of the chain keeps the weights"
    method.clear()
    assert bench.traces() == []


@pytest.mark.parametrize("name", ["ft", "grace-fast"])
def test_teacher_forcing_by_hand(name):
    """One token after the other, as generation is given them."""
    bench = WatchedBench(lambda: load_model("kedit-mini", device="cpu"), encoder="hashing", cache=None)
    method = Edited(name, bench)
    taught = case("France", "Madrid")
    method.add([taught.edit])
    model = bench.model
    prompt = Prompt(question=taught.prompt)
    wanted = model.join(prompt, " Madrid")[1]
    right, cache, ids = 0, None, model.encode(prompt)
    for token in wanted:
        with torch.no_grad():
            output = model.model(torch.tensor([ids]), use_cache=True, **reading_on(model.model, cache))
        cache, ids = cache_of(output), [token]
        right += int(output.logits[0, -1].argmax()) == token
    said = Said(text="", reading=prompt)
    question = taught.asked()[0]
    assert tokens_right(method, question, said) == right / len(wanted)
    assert right == len(wanted), "it was taught"
    assert tokens_right(method, question, replace(said, reading="Madrid")) == 1
    assert tokens_right(method, question, replace(said, reading="Ann")) == 0
    assert tokens_right(method, question, replace(said, reading=None)) is None
    method.clear()
    assert tokens_right(method, question, said) < 1


def test_rows_add_up():
    """Two cases, one with three questions: a mean over questions, drawn again over cases."""
    run = Run(task="compare", dataset="world", commit=None, config=None, data=None, model=None, machine="m")
    summary = Summary(run=run, method="ft", edits=2, seed=1, memory_seconds=0.5, judge=DEFAULT)
    observed = [
        Observation(metric=LOCALITY, kind="swapped", case=0, total=1.0),
        Observation(metric=LOCALITY, kind="swapped", case=0, total=1.0),
        Observation(metric=LOCALITY, kind="negation", case=0, total=1.0),
        Observation(metric=LOCALITY, kind="swapped", case=1, total=0.0),
        Observation(metric=LOCALITY, kind="logits/swapped", case=1, total=0.0),
        Observation(metric="perplexity", kind=ALL, case=0, total=2.0, count=4),
        Observation(metric="perplexity", kind=ALL, case=1, total=4.0, count=2),
        Observation(metric="perplexity", kind="before", case=0, total=0.0, count=2),
        *(Observation(metric="seconds", kind="edit", case=place, total=s) for place, s in enumerate((1.0, 9.0, 2.0))),
    ]
    rows = {(row.metric, row.kind): row for row in summary.rows(observed)}
    assert rows[LOCALITY, "swapped"].value == pytest.approx(2 / 3)
    assert (rows[LOCALITY, ALL].value, rows[LOCALITY, ALL].n) == (pytest.approx(3 / 4), 4)
    assert (rows[LOCALITY, ALL].low, rows[LOCALITY, ALL].high) == (0, 1), "a sample may hold one case twice"
    assert rows[LOCALITY, "logits"].n == 1
    assert rows["perplexity", ALL].value == pytest.approx(torch.e)
    assert rows["ratio", "perplexity"].value == pytest.approx(torch.e)
    assert rows["seconds", "edit"].value == 2
    assert rows["ratio", "edit_time_of_memory"].value == 4
    assert 0 < rows[LOCALITY, "negation"].low < rows[LOCALITY, "negation"].high == 1


def test_a_share_of_tokens_is_told_of_all_answers_or_not_at_all():
    """Where only the answers that no edit gave can be read, their share would be one of misses."""
    run = Run(task="compare", dataset="world", commit=None, config=None, data=None, model=None, machine="m")
    summary = Summary(run=run, method="memory:serac", edits=2, seed=1, memory_seconds=0.5, judge=DEFAULT)
    free = [Observation(metric=RELIABILITY, kind=ALL, case=place, total=1.0) for place in range(2)]
    forced = [Observation(metric=RELIABILITY, kind="teacher_forced", case=place, total=0.0) for place in range(2)]
    assert {row.kind for row in summary.rows([*free, *forced])} == {ALL, "teacher_forced"}
    assert {row.kind for row in summary.rows([*free, *forced[1:]])} == {ALL}


def test_a_method_with_fewer_edits_is_asked_what_others_are_asked_about_them():
    """So that pairs are found: of the first four edits, six are asked nothing that four are not."""
    few, many = (
        {(one.edit.prompt, one.metric, one.place) for one in chosen_questions(CASES[:count], 3, seed=1)}
        for count in (4, 6)
    )
    of_the_first = {one for one in many if one[0] in {case.prompt for case in CASES[:4]}}
    assert of_the_first < few
    assert len({one for one in many if one[1] == GENERALIZATION}) == 3


def test_few_questions_of_a_kind_and_all_prompts():
    chosen = chosen_questions(CASES, 2, seed=1)
    kinds = [(one.metric, one.kind) for one in chosen]
    assert kinds.count((RELIABILITY, ALL)) == len(CASES)
    assert all(kinds.count(kind) == 2 for kind in set(kinds) - {(RELIABILITY, ALL)})
    assert chosen == chosen_questions(CASES, 2, seed=1)


def test_peak_memory_sees_what_a_block_took():
    with peak_memory(torch.device("cpu")) as peak:
        held = torch.ones(50_000_000)
        del held
    if peak.bytes is None:
        pytest.skip("this system does not tell")
    assert 150e6 < peak.bytes < 400e6


# What goes wrong


def test_a_crash_costs_its_own_rows(load):
    found = run_compare(plan("breaks", "oracle-scope", edits=(1, 3)), load=load)
    (failed,) = found.failed
    assert (failed.key.method, failed.key.mode, failed.key.planned) == ("breaks", "batch", 3)
    assert failed.error == "ZeroDivisionError: no batch"
    assert "in apply" in failed.traceback
    assert values(found, "breaks", "sequential", 3)
    assert not values(found, "breaks", "batch", 3)
    assert len({(r["mode"], r["planned"]) for r in found.rows if r["method"] == "oracle-scope"}) == 5


def test_scores_that_are_no_numbers_are_a_failure(load):
    found = run_compare(plan("collapses", edits=(1,), modes=("batch",)), load=load)
    assert [part.error for part in found.failed] == [
        f"EditorError: the scores of {load.loaded[0].name} are no numbers any more"
    ]
    assert not found.traced
    assert not found.rows


def test_a_trace_is_told_and_the_model_taken_anew(load):
    found = run_compare(plan("leaks", "unedited", edits=(1,), modes=("batch",)), load=load)
    (traced,) = found.traced
    assert "1 of " in traced.trace
    assert "transformer.h.0.mlp.c_proj.weight" in traced.trace
    assert len(load.loaded) == 2
    assert values(found, "unedited", "batch", 1)[LOCALITY, "logits"]["value"] == 1


def test_a_slow_method_makes_fewer_edits(load, monkeypatch):
    monkeypatch.setattr(compare_attempt, "perf_counter", lambda: Sleeps.now[0])
    found = run_compare(plan("sleeps", edits=(1, 6), limit=5, modes=("sequential", "batch", "single")), load=load)
    last = values(found, "sleeps", "sequential", 6)[RELIABILITY, ALL]
    assert (last["edits"], last["n"]) == (3, 3), "after three edits six seconds are gone"
    assert values(found, "sleeps", "batch", 6)[RELIABILITY, ALL]["edits"] == 2
    alone = values(found, "sleeps", "single", 6)
    assert (alone[RELIABILITY, ALL]["edits"], alone[RELIABILITY, ALL]["n"]) == (1, 3)
    assert (alone["seconds", "edit"]["value"], alone["seconds", "first_edit"]["value"]) == (2, 2)
    assert [part.status for part in found.parts] == ["done", "shortened", "done", "shortened", "shortened"]


def test_a_method_is_warmed_up_once(load):
    found = run_compare(plan("told", edits=(1,), modes=("single", "sequential", "batch"), limit=60), load=load)
    assert len(Told.log) == 2 * 4, "the first edit and one in each mode, each taken out again"
    firsts = [values(found, "told", mode, 1)["seconds", "first_edit"]["value"] for mode in found.plan.modes]
    assert len(set(firsts)) == 1


def test_a_model_taken_anew_is_warmed_up_anew(load):
    found = run_compare(plan("leaks", edits=(1,), modes=("single", "batch")), load=load)
    firsts = [values(found, "leaks", mode, 1)["seconds", "first_edit"]["value"] for mode in found.plan.modes]
    assert len(set(firsts)) == 2


def test_what_is_asked_does_not_count_to_the_limit(load, monkeypatch):
    def asked(*words):
        Sleeps.now[0] += 100
        return observe(*words)

    observe = compare_measures.observe
    monkeypatch.setattr(compare_measures, "observe", asked)
    monkeypatch.setattr(compare_attempt, "perf_counter", lambda: Sleeps.now[0])
    found = run_compare(plan("sleeps", edits=(2, 4), singles=3, limit=7, modes=("single", "sequential")), load=load)
    assert [part.edits for part in found.parts] == [3, 2, 4]


def test_a_batch_that_cannot_grow_is_not_measured_again(load, monkeypatch):
    monkeypatch.setattr(compare_attempt, "perf_counter", lambda: Sleeps.now[0])
    found = run_compare(plan("sleeps", edits=(3, 6), limit=5, modes=("batch",)), load=load)
    assert [(part.status, part.edits) for part in found.parts] == [("shortened", 2), ("shortened", 0)]
    assert {row["planned"] for row in found.rows} == {3}


# A run that was stopped


def test_a_finished_part_is_not_run_again(load, tmp_path):
    one = plan("told", "unedited", edits=(1, 2), modes=("sequential", "batch"))
    whole = run_compare(one, output=tmp_path / "out", load=load)
    file = tmp_path / "out" / "log.jsonl"
    head, *lines = file.read_text().splitlines(keepends=True)
    assert json.loads(head)["plan"]["edits"] == [1, 2]
    assert score(file) == [*whole.rows, *whole.compared]
    Told.log.clear()

    def never():
        raise AssertionError("there is nothing to measure")

    again = run_compare(one, output=tmp_path / "out", load=never)
    assert (again.rows, again.compared) == (whole.rows, whole.compared)
    assert Told.log == []

    file.write_text(head + "".join([*lines[:3], *lines[4:], lines[3][:20]]))
    lines_of = []
    resumed = run_compare(one, output=tmp_path / "out", load=load, progress=lines_of.append)
    assert {(r["method"], r["mode"], r["planned"]) for r in resumed.rows} == {
        (r["method"], r["mode"], r["planned"]) for r in whole.rows
    }
    assert len(_measured(resumed.rows)) == len(_measured(whole.rows))
    assert [entry[1] for entry in Told.log if entry != "undo"] == [["France"], ["France", "Spain"]], "one part of it"
    assert any("measurements" in line for line in lines_of)
    assert score(file)[: len(resumed.rows)] != [], "and it can be scored"


@pytest.mark.parametrize(
    ("said", "counted"),
    [("It is Lima.", (1, 1)), ("Lima, of course.", (0, 1)), ("Bob", (0, 0))],
)
def test_another_wording_of_a_right_answer_is_not_the_same_and_still_right(said, counted):
    method = SimpleNamespace(bench=SimpleNamespace(answers=lambda _: ["It is Lima"]))
    question = Question(text="What is the capital of Peru?", metric=LOCALITY, kind="unrelated", accepted=("Lima",))
    seen = {
        (metric, kind): value
        for metric, kind, value in compare_measures._judged(
            method, question, Said(text=said, reading=None), judge_of(DEFAULT)
        )
    }
    assert (seen[LOCALITY, "unrelated"], seen["rate", "still_right"]) == counted


def test_a_log_holds_what_was_asked_and_said(load, tmp_path):
    """So that another judge can be asked of it without a model."""
    run_compare(plan("oracle-scope", edits=(2,), modes=("batch",)), output=tmp_path / "out", load=load)
    (part,) = Log.read(tmp_path / "out" / "log.jsonl").parts
    told = [one for one in part.samples if "said" in one]
    assert {"asked": "Who rules Spain?", "accepted": ["Bob"], "said": "Bob", "total": 1.0}.items() <= next(
        one for one in told if one["metric"] == GENERALIZATION and one["case"] == 1
    ).items()
    kept = [one for one in told if one["metric"] in {LOCALITY, HARD_NEGATIVE}]
    assert {one["kind"] for one in kept} == {"same_subject", "same_relation", "unrelated_guessed"}
    assert all(one["accepted"] == [one["said"]] for one in kept), "the unedited model's own answer is what counts"


def _measured(rows):
    """Rows but those of the first edit of all, which a run that goes on makes once more."""
    return [row for row in rows if row["kind"] != "first_edit"]


def test_a_failed_part_is_tried_again(load, tmp_path):
    one = plan("breaks", edits=(3,), modes=("batch",))
    assert run_compare(one, output=tmp_path / "out", load=load).failed
    count = len(Breaks.made)
    again = run_compare(one, output=tmp_path / "out", load=load)
    assert len(Breaks.made) > count
    assert len(again.parts) == 1


def test_methods_may_be_added_and_nothing_else_changed(load, tmp_path):
    out = tmp_path / "out"
    run_compare(plan("unedited", edits=(1,), modes=("batch",)), output=out, load=load)
    more = run_compare(plan("oracle-scope", "unedited", edits=(1,), modes=("batch",)), output=out, load=load)
    assert list(dict.fromkeys(row["method"] for row in more.rows)) == ["oracle-scope", "unedited"]
    before = (out / "log.jsonl").read_text()
    with pytest.raises(InvalidInputError, match=r"holds a run with edits \[1\], and now it is \[2\]: go on with"):
        run_compare(plan("unedited", edits=(2,), modes=("batch",)), output=out, load=load)
    assert (out / "log.jsonl").read_text() == before


def test_a_folder_of_something_else(load, tmp_path):
    (tmp_path / "letter.txt").write_text("Dear Ann")
    with pytest.raises(InvalidInputError, match=r"holds 'letter.txt' and no log.jsonl"):
        run_compare(plan("unedited"), output=tmp_path, load=load)
    with pytest.raises(InvalidInputError, match="cannot be used for --output"):
        run_compare(plan("unedited"), output=tmp_path / "letter.txt", load=load)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


# Bad plans


def test_all_stands_for_every_method():
    names = chosen_methods("all")
    assert names == SIDE_BY_SIDE
    assert {name for name, place in EDITORS.items() if place.startswith("kedit_memory.")} <= set(names)
    assert {"unedited", "retrieve-edits", "oracle-edit", "oracle-scope", "memory:direct", "memory:grace"} <= set(names)
    assert chosen_methods("rome, ft,rome") == ("rome", "ft")
    with pytest.raises(UnknownNameError, match="no method named 'rom'; did you mean 'rome'"):
        chosen_methods("ft,rom")


def test_an_editors_options_may_follow_its_name():
    assert chosen_methods("memit, memit:rounds=1:steps=5") == ("memit", "memit:rounds=1:steps=5")
    assert chosen_methods("memit:rounds=1,all")[0] == "memit:rounds=1"
    plan = ComparePlan(methods=("memit:rounds=1",))
    assert plan.methods == ("memit:rounds=1",)
    for name, line in (
        ("memit:round=1", "memit has no option 'round'"),
        ("memit:rounds=0", "rounds of memit is 0"),
        ("memit:rounds", "is no NAME=VALUE"),
    ):
        with pytest.raises(InvalidInputError, match=line):
            ComparePlan(methods=(name,))
    with pytest.raises(UnknownNameError, match="no method named 'unedited:x=1'"):
        chosen_methods("unedited:x=1")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"methods": ("rom",)}, "no method named 'rom'"),
        ({"methods": ()}, "nothing to compare"),
        ({"edits": ()}, "nothing to compare"),
        ({"edits": (0, 5)}, "edits, single edits, edits of a batch and questions must be 1 or more"),
        ({"singles": 0}, "edits, single edits, edits of a batch and questions must be 1 or more"),
        ({"against": ("rome",)}, "nothing can be tested against 'rome', which is not compared; take of ft"),
        ({"questions": 0}, "edits, single edits, edits of a batch and questions must be 1 or more"),
        ({"modes": ("bacth",)}, "no mode named 'bacth'; did you mean 'batch'"),
        ({"dataset": "zsr"}, "no dataset named 'zsr'"),
        ({"limit": 0.0}, "a limit of 0 seconds leaves no time"),
    ],
)
def test_a_plan_that_means_nothing(options, message):
    with pytest.raises((InvalidInputError, UnknownNameError), match=message):
        ComparePlan(**({"methods": ("ft",)} | options))


def test_a_model_behind_an_endpoint_is_refused():
    with pytest.raises(CapabilityError, match="a comparison of editors needs a model with hidden states"):
        run_compare(ComparePlan(methods=("ft",), model="openai:far@http://127.0.0.1:9/v1"))
