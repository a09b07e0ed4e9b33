"""Streams of edits: what is chosen, what is counted, what a stopped or failing run leaves."""

import json
import math
from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from kedit_memory.editors import EDITORS, load_editor
from kedit_memory.errors import InvalidInputError, NotFoundError, UnknownNameError
from kedit_memory.evaluation import intervals
from kedit_memory.evaluation.case import GENERALIZATION, Case, Question, own_question, rephrased
from kedit_memory.evaluation.datasets.selfcheck import passage_pairs
from kedit_memory.evaluation.datasets.zsre import trained_questions
from kedit_memory.evaluation.intervals import wilson
from kedit_memory.evaluation.judges import is_answer
from kedit_memory.evaluation.log import Log, Part, PartKey
from kedit_memory.evaluation.method import Bench
from kedit_memory.evaluation.methods import STREAMED, Unedited, method_of, opened
from kedit_memory.evaluation.report.pages import write_report
from kedit_memory.evaluation.report.saved import read_runs
from kedit_memory.evaluation.rows import Row, describe_run
from kedit_memory.evaluation.score import score
from kedit_memory.evaluation.tasks.lifelong import run as lifelong
from kedit_memory.evaluation.tasks.lifelong import timing as lifelong_timing
from kedit_memory.evaluation.tasks.lifelong.collapse import collapse_stream
from kedit_memory.evaluation.tasks.lifelong.hallucination import hallucination_stream
from kedit_memory.evaluation.tasks.lifelong.measures import Measures
from kedit_memory.evaluation.tasks.lifelong.run import LifelongPlan, run_lifelong
from kedit_memory.evaluation.tasks.lifelong.streams import (
    HELD_OUT,
    Stream,
    Wanted,
)
from kedit_memory.evaluation.tasks.lifelong.timing import EditClock, answer_times, time_row
from kedit_memory.evaluation.tasks.lifelong.world import world_stream
from kedit_memory.evaluation.tasks.lifelong.zsre import zsre_stream
from kedit_memory.models.named import load_model
from kedit_memory.models.prompts import Prompt
from kedit_memory.records import EditRequest

RUN = describe_run("lifelong", "world")
QUICK = {"stream": "world", "edits": 2, "every": 1, "questions": 4, "timed": 0, "seeds": (1,)}


def load():
    return load_model("kedit-mini", device="cpu")


@pytest.fixture(scope="module")
def mini():
    return load()


@dataclass
class FakeModel:
    """Answers from a table, and gives each text a loss for each of its tokens (words)."""

    answers: dict
    loss: float = 1.0
    name: str = "fake"
    fingerprint: str = "f"

    def answer_many(self, prompts, max_new_tokens):  # noqa: ARG002
        return [self.answers.get(prompt.question, "?") for prompt in prompts]

    def continuation(self, prompt, answer):  # noqa: ARG002
        return answer

    def log_probability(self, prompt, continuation):  # noqa: ARG002
        return [-self.loss] * len(continuation.split())

    def logits(self, prompt):
        return torch.tensor([[float(len(self.answers.get(prompt.question, "")))]])


def edit(number, kind="tier_1", rephrasings=()):
    accepted = (f"new {number}",)
    stored = EditRequest(prompt=f"edit {number}", target=f"new {number}")
    others = (rephrased(text, kind, accepted) for text, kind in rephrasings)
    return Case(edit=stored, questions=(own_question(stored, accepted), *others), kind=kind)


def unedited(model):
    return Unedited(Bench(model, max_new_tokens=24))


def values(rows):
    return {f"{row.metric}/{row.kind}": row.value for row in rows}


# What is counted


def test_every_figure_of_a_table_of_answers_by_hand():
    stream = Stream(
        name="hand",
        edits=(
            edit(1, "tier_1", [("how 1", HELD_OUT)]),
            edit(2, "tier_2", [("how 2", "rephrasing")]),
            edit(3, "tier_2"),
        ),
        tests=tuple(Question(text=f"test {i}", kind="tier_1", accepted=("old",)) for i in range(4)),
        outside=(Question(text="near", kind="same_relation"), Question(text="far", kind="mention")),
    )
    before = FakeModel({"test 0": "old", "test 1": "old", "near": "a", "far": "b"})
    after = FakeModel(
        {"edit 1": "new 1", "edit 2": "The new 2!", "how 1": "new 1", "test 1": "old", "near": "a", "far": "c"}
    )
    measures = Measures(stream, before, RUN, Wanted(edits=1, questions=10, seed=7), early=1)
    rows = measures.at(unedited(after), "m", 3, final=True)
    assert values(rows) == {
        "accuracy/test_data": 0.25, "trr/all": 0.5, "err/all": pytest.approx(2 / 3), "err/early": 1.0,
        "err/tier_1": 1.0, "err/tier_2": 0.5, "generalization/all": 0.5, "generalization/held_out": 1.0,
        "generalization/rephrasing": 0.0, "locality/all": 1.0, "locality/same_relation": 1.0,
        "hard_negative/mention": 0.0, "locality/logits": 1.0, "hard_negative/logits": 1.0,
    }  # fmt: skip
    by_name = {f"{row.metric}/{row.kind}": row for row in rows}
    assert (by_name["err/all"].n, by_name["trr/all"].n, by_name["err/early"].n) == (3, 4, 1)
    assert {row.edits for row in rows} == {3}
    assert {row.seed for row in rows} == {7}
    trr = by_name["trr/all"]
    assert trr.low <= trr.value <= trr.high
    changed = replace(after, answers={**after.answers, "far": "longer"})
    exact = values(measures.at(unedited(changed), "m", 3, final=True))
    assert (exact["locality/logits"], exact["hard_negative/logits"]) == (1.0, 0.0)


def test_only_past_edits_are_asked_and_early_ones_again():
    stream = Stream(name="hand", edits=tuple(edit(i) for i in range(6)))
    measures = Measures(stream, FakeModel({}), RUN, Wanted(edits=1, questions=10, seed=1), early=2)
    after = unedited(FakeModel({"edit 0": "new 0", "edit 5": "new 5", "edit 3": "new 3"}))
    assert values(measures.at(after, "m", 2, final=False)) == {"err/all": 0.5}
    assert values(measures.at(after, "m", 4, final=False)) == {"err/all": 0.5, "err/early": 0.5}


def test_perplexities_of_running_text_by_hand():
    stream = Stream(
        name="hand",
        edits=(edit(1), edit(2)),
        texts=(("a", "one two"), ("b", "three")),
        right=(("c", "four five six"),),
    )
    measures = Measures(stream, FakeModel({}, loss=2.0), RUN, Wanted(edits=1, questions=10, seed=1), early=2)
    found = values(measures.at(unedited(FakeModel({}, loss=3.0)), "m", 2, final=True))
    assert found["perplexity/test_data"] == pytest.approx(math.exp(3))
    assert found["perplexity/edits"] == pytest.approx(math.exp(3))
    assert found["arr/all"] == pytest.approx(math.exp(3))
    assert found["trr/all"] == pytest.approx(math.exp(-1))


def test_a_model_that_knows_nothing_has_nothing_to_lose():
    stream = Stream(name="hand", edits=(edit(1),), tests=(Question(text="q", kind="all", accepted=("a",)),))
    with pytest.raises(InvalidInputError, match="fake answers none of the 1 questions"):
        Measures(stream, FakeModel({}), RUN, Wanted(edits=1, questions=1, seed=1), early=1)


def test_intervals_by_drawing_again():
    assert intervals.share([True] * 20) == wilson(20, 20)
    low, high = intervals.share([True] * 80 + [False] * 20)
    assert (low, high) == pytest.approx((0.72, 0.88), abs=0.02)  # 0.8 ± 1.96 * 0.04
    ratio = intervals.interval(np.array([[1.0, 2.0]] * 5), lambda drawn: drawn[..., 0].sum(-1) / drawn[..., 1].sum(-1))
    assert ratio == (0.5, 0.5)
    assert intervals.ratio_of_means([6.0, 6.0], [2.0]) == (3.0, 3.0)


# Streams


def test_world_edits_are_wrong_before_even_by_tier_and_seeded(mini):
    wanted = Wanted(edits=20, questions=30)
    stream = world_stream(mini, wanted)
    again, other = world_stream(mini, wanted), world_stream(mini, replace(wanted, seed=2))
    assert stream == again
    assert stream.edits != other.edits
    assert len({one.prompt for one in stream.edits}) == 20
    tiers = [one.kind for one in stream.edits]
    assert {tiers.count(f"tier_{tier}") for tier in range(1, 6)} <= {3, 4, 5}
    answers = mini.answer_many([Prompt(question=one.prompt) for one in stream.edits])
    assert not any(is_answer(text, one.own.accepted) for text, one in zip(answers, stream.edits, strict=True))
    edited = {one.prompt for one in stream.edits}
    assert not edited & {probe.text for probe in (*stream.tests, *stream.outside)}
    assert len(stream.tests) == 30
    kinds = [probe.kind for probe in stream.outside]
    assert set(kinds) == {"same_subject", "same_relation", "mention"}
    assert all(HELD_OUT in {probe.kind for probe in one.of(GENERALIZATION)} for one in stream.edits)


def test_wordings_that_an_edit_is_given_are_not_asked(mini):
    stream = world_stream(mini, Wanted(edits=5, questions=4, phrasings=2))
    for one in stream.edits:
        given = {one.prompt, *one.edit.paraphrases}
        assert len(given) == 3
        assert not given & {probe.text for probe in one.of(GENERALIZATION)}


def test_more_edits_than_there_are_is_said(mini, tmp_path):
    write_zsre(tmp_path)
    with pytest.raises(InvalidInputError, match=r"9 edits were asked for; the stream has 3 that the model gets wrong"):
        zsre_stream(mini, Wanted(edits=9, questions=4), tmp_path)


def write_zsre(folder, count=3):
    (folder / "zsre").mkdir()
    rows = [
        {
            "subject": f"Zog {i}", "prompt": f"Who made Zog {i}?", "target_new": f"Maker {i}",
            "rephrase_prompt": f"Who was it that made Zog {i}?",
            "locality": {"Relation_Specificity": [{"prompt": f"The colour of Zog {i} is", "ground_truth": ["red"]}]},
        }
        for i in range(count)
    ]  # fmt: skip
    (folder / "zsre" / "ZsRE-test-all.json").write_text(json.dumps(rows), "utf-8")
    training = [
        {
            "src": f"Who wrote Zag {i}?", "rephrase": f"Zag {i} was written by whom?", "answers": [f"Pen {i}", "Ann"],
            "loc": f"nq question: who sang song {i}", "loc_ans": "Ann",
        }
        for i in range(5)
    ]  # fmt: skip
    (folder / "zsre" / "zsre_mend_train-1k.json").write_text(json.dumps(training), "utf-8")


def test_zsre_edits_with_their_rephrasings_and_other_properties(mini, tmp_path):
    write_zsre(tmp_path)
    stream = zsre_stream(mini, Wanted(edits=3, questions=6), tmp_path)
    assert {one.prompt for one in stream.edits} == {f"Who made Zog {i}?" for i in range(3)}
    assert all(one.of(GENERALIZATION)[0].accepted == (one.target,) for one in stream.edits)
    assert {probe.text for probe in stream.outside} == {f"The colour of Zog {i} is" for i in range(3)}
    kinds = [probe.kind for probe in stream.tests]
    assert (kinds.count("open_question"), kinds.count("trained"), len(kinds)) == (2, 2, 6)
    assert any(probe.text.startswith("Who sang song") and probe.text.endswith("?") for probe in stream.tests)


def test_what_a_trained_model_knows_of_zsre(tmp_path):
    write_zsre(tmp_path)
    probes = trained_questions(tmp_path / "zsre")
    assert len(probes) == 15
    assert [(probe.text, probe.kind, probe.accepted) for probe in probes[:3]] == [
        ("Who wrote Zag 0?", "trained", ("Pen 0", "Ann")),
        ("Zag 0 was written by whom?", "rephrasing", ("Pen 0", "Ann")),
        ("Who sang song 0?", "open_question", ("Ann",)),
    ]


def test_an_absent_or_damaged_set_is_said(mini, tmp_path):
    with pytest.raises(NotFoundError, match=r"no folder .*zsre"):
        zsre_stream(mini, Wanted(edits=1, questions=2), tmp_path)
    with pytest.raises(NotFoundError, match="name the folder of the public sets"):
        hallucination_stream(mini, Wanted(edits=1, questions=2), None)
    write_zsre(tmp_path)
    (tmp_path / "zsre" / "ZsRE-test-all.json").write_text("[", "utf-8")
    with pytest.raises(InvalidInputError, match="cannot be read as JSON"):
        zsre_stream(mini, Wanted(edits=1, questions=2), tmp_path)


PASSAGE = ("This is about Zog.", "Zog was a king.", "He lived in Oslo.")


def write_hallucinations(folder):
    (folder / "selfcheck_hallucination").mkdir()
    web = {"locality_prompt": "Old maps for", "locality_ground_truth": "sale at our shop"}
    rows = [
        {"prompt": " ".join(PASSAGE), "target_new": "He died in Rome.", "subject": "zog", **web},
        {"prompt": PASSAGE[0], "target_new": "Zog was a poet.", "subject": "zog", **web},
    ]
    for name, content in (("edit", rows), ("train", rows[:1])):
        path = folder / "selfcheck_hallucination" / f"hallucination-{name}.json"
        path.write_text(json.dumps(content), "utf-8")


def test_hallucinations_are_corrected_and_what_was_right_stays(tmp_path):
    write_hallucinations(tmp_path)
    folder = tmp_path / "selfcheck_hallucination"
    pairs = passage_pairs(folder)
    assert pairs == [(PASSAGE[0], PASSAGE[1]), (" ".join(PASSAGE[:2]), PASSAGE[2])]
    model = load()
    with pytest.raises(InvalidInputError, match="writes none of the passages' sentences itself"):
        hallucination_stream(model, Wanted(edits=2, questions=2), tmp_path)
    load_editor("ft").apply(model, [EditRequest(prompt=prompt, target=text) for prompt, text in pairs])
    stream = hallucination_stream(model, Wanted(edits=2, questions=2), tmp_path)
    assert {one.target for one in stream.edits} == {"He died in Rome.", "Zog was a poet."}
    # The sentence after the first one is what an edit corrects: it cannot be right as well.
    assert stream.right == ((" ".join(PASSAGE[:2]), PASSAGE[2]),)
    assert {probe.kind for probe in stream.outside} == {"unrelated", "right_before"}
    assert stream.max_new_tokens > 5
    measures = Measures(stream, model, RUN, Wanted(edits=1, questions=2, seed=1), early=2)
    bench = Bench(model, encoder="hashing", max_new_tokens=stream.max_new_tokens)
    exact = "grace-fast:questions=0:radius=0.01"  # random weights tell no question from another
    with opened(exact, bench) as method:
        before = values(measures.at(method, "grace-fast", 1, final=True))
        method.add([stream.edits[0].edit])
        after = values(measures.at(method, "grace-fast", 1, final=True))
    assert (before["err/all"], after["err/all"]) == (0.0, 1.0)
    assert after["perplexity/edits"] < 2 < before["perplexity/edits"]  # read with the value in its place
    assert after["arr/all"] == pytest.approx(before["arr/all"])
    assert after["trr/all"] == 1.0


# Methods


@pytest.mark.parametrize("name", ["grace-fast", "grace-fast:layer=3", "ft", "router:direct", "router:grace"])
def test_methods_take_edits_one_by_one_and_answer_them(name, mini):
    bench = Bench(load(), encoder="hashing", max_new_tokens=24)
    question = "What is the capital of Japan?"
    with opened(name, bench) as method:
        assert method.answers([question]) == ["Tokyo"]
        method.add([EditRequest(prompt=question, target="Osaka", subject="Japan")])
        method.add([EditRequest(prompt="What is the capital of Peru?", target="Bern", subject="Peru")])
        assert method.answers([question, "What is the capital of Peru?"]) == ["Osaka", "Bern"]
        assert method.stored_bytes() > 1000
        assert method.keys is None or method.keys >= 2
    assert mini.answer(question) == "Tokyo"


def test_an_editor_that_asks_for_past_edits_is_told(monkeypatch, mini):
    told = []

    @dataclass(frozen=True, kw_only=True)
    class Asking:
        name = "asking"
        past: tuple = ()

        def apply(self, model, edits):  # noqa: ARG002
            told.append(([one.prompt for one in self.past], [one.prompt for one in edits]))
            return SimpleNamespace(outcomes=())

    monkeypatch.setattr("kedit_memory.evaluation.method.named_editor", lambda *_: Asking())
    monkeypatch.setattr("kedit_memory.evaluation.methods.named_editor", lambda *_: Asking())
    monkeypatch.setitem(EDITORS, "asking", "")
    with opened("asking", Bench(mini, max_new_tokens=24)) as method:
        for number in range(3):
            method.add([EditRequest(prompt=f"q{number}", target="a")])
    assert told == [([], ["q0"]), (["q0"], ["q1"]), (["q0", "q1"], ["q2"])]


def test_an_encoder_decoder_is_edited_and_scored_as_well(tiny_t5_folder):
    def load_t5():
        return load_model(str(tiny_t5_folder), device="cpu")

    text = ("Who is it?", "Ann Bee")
    plain = load_t5()
    with opened("ft", Bench(load_t5(), max_new_tokens=12)) as method:
        before = method.score(text)
        assert before == unedited(plain).score(text)
        method.add([EditRequest(prompt=text[0], target=text[1])])
        assert sum(method.score(text)) > sum(before)
        assert method.stored_bytes() > 1000
    assert unedited(plain).score(text) == before


def test_names_are_refused_before_anything_is_loaded():
    with pytest.raises(UnknownNameError, match="did you mean 'grace'"):
        method_of("grase", STREAMED)
    with pytest.raises(UnknownNameError, match="no method named 'router:magic'"):
        method_of("router:magic", STREAMED)
    with pytest.raises(UnknownNameError, match="no method named 'oracle-edit'"):
        method_of("oracle-edit", STREAMED)
    with pytest.raises(InvalidInputError, match="grace has no option 'depth'; it has layer"):
        method_of("grace:depth=3", STREAMED)
    with pytest.raises(InvalidInputError, match="the option 'deep' is no NAME=VALUE"):
        method_of("grace:deep", STREAMED)
    method_of("grace-fast:stack=encoder:radius=0.1", STREAMED)
    method_of("unedited", STREAMED)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"edits": 0}, "edits is 0; it must be 1 or more"),
        ({"timed": -1}, "timed is -1"),
        ({"seeds": ()}, "seeds are none"),
        ({"seeds": (1, 1)}, "each once"),
        ({"every": 5, "batch": 2}, "multiple"),
        ({"stream": "word"}, "no stream named 'word'; did you mean 'world'?"),
    ],
)
def test_bad_plans_are_refused(changed, message):
    with pytest.raises((InvalidInputError, UnknownNameError), match=message):
        LifelongPlan(**{**QUICK, "methods": ("ft",), **changed})


# Time


def test_edits_a_second_against_the_peer(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(lifelong_timing, "perf_counter", lambda: now[0])

    def taking(seconds):
        def work(*_):
            now[0] += seconds
            return SimpleNamespace(undo=lambda: None)

        return work

    method = SimpleNamespace(add=taking(0.5))
    clock = EditClock(plain=None, edits=4, timed=2, peer=SimpleNamespace(apply=taking(3.0)))
    method.add = taking(9.0)
    clock.put(method, [edit(0).edit])  # the warm-up
    method.add = taking(0.5)
    for number in range(1, 4):
        clock.put(method, [edit(number).edit])
    row = Row(run=RUN, method="m", metric="rate", value=0.0, n=0, unit="")
    rows = {f"{one.metric}/{one.kind}": one for one in clock.rows(row)}
    assert rows["seconds/per_edit"].value == 0.5
    assert rows["seconds/per_edit"].n == 3
    assert rows["ratio/edits_per_second_of_grace"].value == 6.0
    assert len(clock.peer_seconds) == 2


def test_only_answers_of_one_length_are_timed_against_each_other(mini):
    class Longer(Unedited):
        def answers(self, questions):
            said = super().answers(questions)
            return [
                f"{text} and more" if "Japan" in question else text
                for text, question in zip(said, questions, strict=True)
            ]

    questions = ["What is the capital of Japan?", "What is the capital of France?", "What is the capital of Spain?"]
    ratios = answer_times(Longer(Bench(mini, max_new_tokens=8)), mini, questions, timed=2, max_new_tokens=8)
    assert len(ratios) == 2
    row = Row(run=RUN, method="m", metric="rate", value=0.0, n=0, unit="")
    (made,) = time_row(row, "time_per_answer_miss", ratios)
    assert 0.5 < made.value < 2
    assert list(time_row(row, "time_per_answer_hit", [])) == []


# Whole runs


def test_a_stream_is_measured_along_the_way_and_at_its_end():
    lines = []
    plan = LifelongPlan(**{**QUICK, "timed": 1}, methods=("grace-fast", "router:direct"))
    report = run_lifelong(plan, load, encoder="hashing", progress=lines.append)
    assert not report.failures
    assert [row.method for row in report.rows if (row.metric, row.kind) == ("seconds", "stream")] == [
        "unedited", "grace-fast", "router:direct",
    ]  # fmt: skip
    found = {(row.method, row.edits, row.metric, row.kind): row for row in report.rows}
    assert found["unedited", 2, "trr", "all"].value == 1.0
    assert found["unedited", 2, "err", "all"].value == 0.0
    assert found["grace-fast", 1, "err", "all"].n == 1
    assert found["grace-fast", 2, "err", "early"].n == 1
    assert found["grace-fast", 2, "err", "all"].value == 1.0
    assert found["grace-fast", 2, "reliability", "at_once"].value == 1.0
    assert found["grace-fast", 2, "rate", "keys_per_edit"].value == 1.0
    whole, beside = (found["grace-fast", 2, "bytes", f"per_entry{kind}"].value for kind in ("", "_beside_vectors"))
    assert whole - beside == 2 * 4 * 256  # two vectors of float32
    assert found["grace-fast", 2, "ratio", "edits_per_second_of_grace"].value > 1
    assert found["router:direct", 2, "err", "all"].value == 1.0
    assert ("router:direct", 2, "locality", "logits") not in found
    assert {row.run.task for row in report.rows} == {"lifelong"}
    assert any("choosing 2 edits" in line for line in lines)


def test_a_crash_costs_the_method_its_rows_only(monkeypatch):
    whole = lifelong.opened

    def failing(name, bench):
        if name == "ft":
            raise RuntimeError("out of luck\nand more")
        return whole(name, bench)

    monkeypatch.setattr(lifelong, "opened", failing)
    report = run_lifelong(LifelongPlan(**QUICK, methods=("ft", "grace-fast")), load, encoder="hashing")
    assert report.failures == {"ft, seed 1": "RuntimeError: out of luck"}
    assert {row.method for row in report.rows} == {"unedited", "grace-fast"}


def test_a_stopped_run_goes_on_and_is_scored_again(tmp_path, monkeypatch):
    file = tmp_path / "log.jsonl"
    plan = LifelongPlan(**QUICK, methods=("ft", "grace-fast"))
    made = []
    whole = lifelong.opened

    def opened_and_noted(name, bench):
        made.append(name)
        if made.count("grace-fast") == 1:
            raise KeyboardInterrupt
        return whole(name, bench)

    monkeypatch.setattr(lifelong, "opened", opened_and_noted)
    with pytest.raises(KeyboardInterrupt):
        run_lifelong(plan, load, encoder="hashing", log=file)
    kept = file.read_text("utf-8")
    assert [json.loads(line)["key"]["method"] for line in kept.splitlines()[1:]] == ["unedited", "ft"]
    file.write_text(kept + '{"key": {"method": "gr', "utf-8")  # cut off in the middle of a line
    report = run_lifelong(plan, load, encoder="hashing", log=file)
    assert made == ["unedited", "ft", "grace-fast", "grace-fast"]
    assert {row.method for row in report.rows} == {"unedited", "ft", "grace-fast"}
    assert file.read_text("utf-8").startswith(kept)
    assert score(file) == [row.flat() for row in report.rows]
    for other in (replace(plan, questions=8), replace(plan, questions=8, seeds=(2,))):
        with pytest.raises(InvalidInputError, match="holds a run with questions 4, and now it is 8"):
            run_lifelong(other, load, encoder="hashing", log=file)


def test_other_data_are_another_run(tmp_path):
    log = Log.open(tmp_path / "log.jsonl", "lifelong", {})
    log.record(Part(key=PartKey(method="ft", seed=1), run=replace(RUN, data="one")))
    log.check(replace(RUN, data=None))
    with pytest.raises(InvalidInputError, match="holds parts with data one, and this run has two"):
        log.check(replace(RUN, data="two"))


# The report


def result(method, metric, value, seed=1, edits=1000, kind="all"):
    return replace(
        Row(run=RUN, method=method, metric=metric, value=value, low=value - 0.01, high=value, n=500, unit="share"),
        kind=kind,
        seed=seed,
        edits=edits,
    ).flat()


def test_the_page_says_what_was_promised_and_whether_it_was_kept(tmp_path):
    pytest.importorskip("matplotlib")
    rows = [
        result("unedited", "trr", 1.0),
        *(result("router:grace", "err", value, seed) for seed, value in ((1, 1.0), (2, 0.98))),
        *(result("router:grace", "trr", 1.0, seed, edits) for seed in (1, 2) for edits in (500, 1000)),
        result("grace-fast", "ratio", 12.5, kind="edits_per_second_of_grace"),
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    output = tmp_path / "made" / "lifelong.md"
    write_report(read_runs([str(tmp_path / "rows.jsonl")]), output)
    text = output.read_text("utf-8")
    assert "## world: 1,000 edits" in text
    assert "| router:grace | 1.000 | 0.990 |  | 2 |" in text  # the mean over the seeds, and how many they are
    assert (
        "| router:grace | err/all | ≥ 0.99 | 0.9900 | 1.000 (0.990 to 1.000); 0.980 (0.970 to 0.980) | 500 | reached |"
        in text
    )
    assert (
        "| grace-fast | ratio/edits_per_second_of_grace | ≥ 10 | 12.5000 | 12.500 (12.490 to 12.500) | 500 | reached |"
        in text
    )
    assert (output.parent / "lifelong-world.png").stat().st_size > 5000


def test_the_page_shows_several_streams_each_with_its_model(tmp_path):
    pytest.importorskip("matplotlib")
    for name, dataset, model, value in (("a", "zsre", "m1", 0.25), ("b", "zsre", "m2", 0.5), ("c", "scotus", "m3", 1)):
        row = {**result("grace", "err", value, edits=100), "dataset": dataset, "model": model}
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(row) + "\n", "utf-8")
    output = tmp_path / "lifelong.md"
    given = [f"a small T5={tmp_path / 'a.jsonl'}", f"the embedded model={tmp_path / 'b.jsonl'}", tmp_path / "c.jsonl"]
    write_report(read_runs(map(str, given)), output)
    text = output.read_text("utf-8")
    heads = [line for line in text.splitlines() if line.startswith("## ")]
    assert heads == [
        "## zsre on a small T5: 100 edits", "## zsre on the embedded model: 100 edits", "## scotus: 100 edits",
    ]  # fmt: skip
    assert text.index("| grace | 0.250 |") < text.index("| grace | 0.500 |") < text.index("| grace | 1.000 |")
    assert text.count("Edits are questions of zsRE") == 2
    assert "Edits are labels of opinions" in text
    for picture in ("lifelong-zsre.png", "lifelong-zsre-1.png", "lifelong-scotus.png"):
        assert f"({picture})" in text
        assert (tmp_path / picture).stat().st_size > 5000
    write_report(read_runs([str(tmp_path / "rows" / "lifelong.csv")]), output)
    assert output.read_text("utf-8") == text


def test_rows_of_one_run_in_two_files_are_one_section(tmp_path):
    pytest.importorskip("matplotlib")
    for seed, value in ((1, 1.0), (2, 0.5)):
        (tmp_path / f"{seed}.jsonl").write_text(json.dumps(result("grace", "err", value, seed)) + "\n", "utf-8")
    output = tmp_path / "lifelong.md"
    write_report(read_runs(str(tmp_path / f"{seed}.jsonl") for seed in (1, 2)), output)
    text = output.read_text("utf-8")
    assert text.count("## ") == 1
    assert "| grace | 0.750 |" in text


def test_on_the_stream_of_collapse_text_is_read_and_general_questions_have_choices(mini, tmp_path):
    rows = [
        {
            "question": f"Who painted number {n}?",
            "mc1_targets": {"Ann": 1, "Ben": 0},
            "mc2_targets": {"Ann": 1, "Ben": 0},
        }
        for n in range(6)
    ]
    (tmp_path / "truthfulqa").mkdir()
    (tmp_path / "truthfulqa" / "mc_task.json").write_text(json.dumps(rows), "utf-8")
    wanted = Wanted(edits=2, questions=4)
    stream = collapse_stream(mini, wanted, tmp_path)
    assert len(stream.edits) == 2
    assert 0 < len(stream.texts) <= 4
    assert all(begun and rest for begun, rest in stream.texts)
    assert len(stream.tests) == 4
    assert all("(1)" in one.text and "(2)" in one.text and one.accepted[0] == "Ann" for one in stream.tests)
    assert collapse_stream(mini, wanted, None).tests == world_stream(mini, wanted).tests


def test_what_is_kept_of_questions_and_of_texts_are_two_figures():
    asked = Question(text="old?", accepted=("known",))
    stream = Stream(name="collapse", edits=(edit(1),), tests=(asked,), texts=(("It was", "a long day"),))
    model = FakeModel({"old?": "known"})
    measures = Measures(stream, model, RUN, Wanted(edits=1, questions=2), early=1)
    rows = measures.at(Unedited(Bench(replace(model, loss=2.0), max_new_tokens=24)), "ft", 1, final=True)
    kept = {row.kind: row.value for row in rows if row.metric == "trr"}
    assert kept == {"all": 1.0, "texts": pytest.approx(math.exp(-1))}
    assert not [row for row in rows if row.metric == "arr"]
