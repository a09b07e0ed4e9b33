"""The stream of document classification: how cases are split, what each method does with a classifier."""

import json
from itertools import product

import pytest
import torch
import train_stream_model

from kedit_memory.editors import load_editor
from kedit_memory.errors import CapabilityError, InvalidInputError
from kedit_memory.evaluation.datasets.scotus import split_cases
from kedit_memory.evaluation.method import Bench
from kedit_memory.evaluation.methods import opened
from kedit_memory.evaluation.tasks.lifelong.run import LifelongPlan, run_lifelong
from kedit_memory.evaluation.tasks.lifelong.scotus import scotus_stream
from kedit_memory.evaluation.tasks.lifelong.streams import Wanted, load_stream
from kedit_memory.evaluation.tasks.lifelong.zsre import zsre_stream
from kedit_memory.models.classifier import ClassifierModel, load_editable
from kedit_memory.models.named import load_model
from kedit_memory.models.prompts import Prompt
from kedit_memory.records import EditRequest

LABELS = ("criminal", "civil", "economic", "judicial")
TEXTS = [" ".join(words) for words in product(("court", "jury"), ("tax", "state", "appeal"), ("police law", "act"))]
EDIT = EditRequest(prompt="court tax police law", target="civil")


@pytest.fixture(scope="module")
def folder(tiny_classifier_folder):
    return tiny_classifier_folder


@pytest.fixture(scope="module")
def load(folder):
    return lambda: ClassifierModel.load(folder, device="cpu")


@pytest.fixture
def sets(load, tmp_path):
    """Cases that the classifier gets right in earlier terms, and half of them in later ones."""
    model = load()
    rows = []
    for place, text in enumerate(f"{text} {word}" for text in TEXTS for word in ("right", "claim", "judge", "trade")):
        right = model.answer(text)
        later = place % 2 == 1
        wrong = LABELS[(LABELS.index(right) + 1) % 4]
        rows.append({
            "opinion_summary": f" {text}\n", "issue": wrong if later and place % 4 == 1 else right,
            "term": 2015 if later else 2005, "case_id": place,
        })  # fmt: skip
    rows.append(rows[0] | {"term": 2018, "issue": "judicial"})  # a text that is there already
    (tmp_path / "scotus_jos").mkdir()
    (tmp_path / "scotus_jos" / "SC_data.json").write_text(json.dumps(rows), "utf-8")
    return tmp_path


def test_cases_are_split_by_term_and_each_text_counts_once(sets):
    split = split_cases(sets / "scotus_jos")
    assert split == split_cases(sets / "scotus_jos")
    parts = (split.training, split.test, split.later)
    texts = [case.text for part in parts for case in part]
    assert len(texts) == len(set(texts)) == 48
    assert [len(part) for part in parts] == [20, 4, 24]
    assert {case.term for case in split.later} == {2015}
    assert {case.term for case in (*split.training, *split.test)} == {2005}
    assert all(text == " ".join(text.split()) for text in texts)


def test_a_stream_corrects_later_cases_that_the_classifier_gets_wrong(load, sets):
    model = load()
    stream = scotus_stream(model, Wanted(edits=5, questions=4), sets)
    split = split_cases(sets / "scotus_jos")
    labels = {case.text: case.label for case in split.later}
    assert len(stream.edits) == 5
    for edit in stream.edits:
        assert labels[edit.prompt] == edit.target == edit.kind != model.answer(edit.prompt)
    assert {probe.text for probe in stream.tests} == {case.text for case in split.test}
    kinds = {kind: [p for p in stream.outside if p.kind == kind] for kind in ("right_before", "trained")}
    assert [len(probes) for probes in kinds.values()] == [4, 4]
    assert all(model.answer(probe.text) in probe.accepted for probe in kinds["right_before"])
    edited = {edit.prompt for edit in stream.edits}
    assert not edited & {probe.text for probe in (*stream.tests, *stream.outside)}
    assert scotus_stream(model, Wanted(edits=5, questions=4, seed=2), sets).edits != stream.edits


def test_a_stream_says_what_model_it_needs(load, sets, tiny_gpt2_folder):
    with pytest.raises(CapabilityError, match=r"scotus needs a classifier, and .* is none: make one with"):
        scotus_stream(load_model(str(tiny_gpt2_folder), device="cpu"), Wanted(edits=1, questions=2), sets)
    for name in ("world", "zsre", "hallucination"):
        with pytest.raises(CapabilityError, match=f"the stream {name} needs a model that generates text"):
            load_stream(name)(load(), Wanted(edits=1, questions=2), sets)
    rows = [{"opinion_summary": "court", "issue": "Maritime", "term": 2015, "case_id": 1}]
    (sets / "scotus_jos" / "SC_data.json").write_text(json.dumps(rows), "utf-8")
    with pytest.raises(InvalidInputError, match=r"'Maritime' is no label of .*: give one of criminal, civil"):
        scotus_stream(load(), Wanted(edits=1, questions=2), sets)


@pytest.mark.parametrize("name", ["grace", "grace-fast", "ft", "ft-last", "ft-retrain", "defer", "memory"])
def test_editors_teach_a_classifier_a_label_and_take_it_out(name, load, tmp_path):
    model = load()
    texts = [Prompt(question=text) for text in TEXTS]
    before = [model.logits(text) for text in texts]
    assert model.answer(EDIT.prompt) != EDIT.target
    rates = {"defer": 0.005, "memory": 0.05}
    editor = load_editor(name, **({"learning_rate": rates[name]} if name in rates else {}))
    applied = editor.apply(model, [EDIT])
    assert [outcome.learned for outcome in applied.outcomes] == [True]
    assert model.answer(EDIT.prompt) == EDIT.target
    after = [model.logits(text) for text in texts]
    applied.save(tmp_path / "saved")
    applied.undo()
    assert all(map(torch.equal, before, (model.logits(text) for text in texts)))
    again = editor.load(model, tmp_path / "saved")
    assert all(map(torch.equal, after, (model.logits(text) for text in texts)))
    assert again.outcomes[0].fact == applied.outcomes[0].fact


@pytest.mark.parametrize("name", ["grace", "grace-fast", "defer", "memory"])
def test_what_is_put_at_the_last_token_has_a_layer_left_to_reach_the_first(name, load):
    assert load_editor(name).open(load()).adapter.site.layer == 1  # of 0 to 2; three quarters would be the last


@pytest.mark.parametrize("name", ["grace", "grace-fast", "ft", "defer", "memory"])
def test_a_target_that_is_no_label_is_refused_and_leaves_nothing(name, load):
    model = load()
    before = model.logits(EDIT.prompt)
    with pytest.raises(InvalidInputError, match=r"'Paris' is no label of .*: give one of criminal, civil"):
        load_editor(name).apply(model, [EditRequest(prompt="court", target="Paris")])
    assert torch.equal(model.logits(EDIT.prompt), before)


@pytest.mark.parametrize("name", ["rome", "memit", "ike", "mend", "kn", "lora", "serac", "ft-ewc", "router:grace"])
def test_what_needs_generation_says_so(name, load):
    bench = Bench(load(), encoder="hashing", max_new_tokens=8)
    with pytest.raises(CapabilityError, match="is a classifier"), opened(name, bench) as method:
        method.add([EditRequest(prompt=EDIT.prompt, target="civil", subject="court")])


def test_a_whole_run_on_a_classifier(load, sets):
    exact = "grace-fast:questions=0:radius=0.01"  # random weights tell no text from another
    plan = LifelongPlan(
        stream="scotus", methods=(exact, "ft", "rome"), edits=4, every=2, questions=4, timed=1, seeds=(1,)
    )
    report = run_lifelong(plan, load, sets)
    assert list(report.failures) == ["rome, seed 1"]
    assert "rome needs a model that generates text" in report.failures["rome, seed 1"]
    found = {(row.method, row.edits, row.metric, row.kind): row for row in report.rows}
    assert found["unedited", 4, "trr", "all"].value == 1.0
    assert found["unedited", 4, "err", "all"].value == 0.0
    for name in (exact, "ft"):
        assert found[name, 4, "reliability", "at_once"].value == 1.0
        assert found[name, 4, "trr", "all"].value >= 0
    assert found[exact, 4, "err", "all"].value == 1.0
    assert found[exact, 4, "rate", "keys_per_edit"].value == 1.0
    assert found[exact, 4, "ratio", "time_per_answer_hit"].n == 1  # whatever the labels' names
    assert found[exact, 4, "locality", "logits"].n == 4  # those that it had right before
    assert not any(row.metric in {"arr", "generalization"} for row in report.rows)


def trained(monkeypatch, *words):
    monkeypatch.setattr(train_stream_model, "WARM_UP", 1)
    monkeypatch.setattr("sys.argv", ["train", *map(str, words), "--device", "cpu", "--minutes", "0.3"])
    train_stream_model.main()


def test_training_makes_a_classifier_know_the_earlier_cases(folder, sets, tmp_path, monkeypatch, capsys):
    rows = json.loads((sets / "scotus_jos" / "SC_data.json").read_text("utf-8"))
    for row in rows:
        row["issue"] = "civil" if "jury" in row["opinion_summary"] else "criminal"
    (sets / "scotus_jos" / "SC_data.json").write_text(json.dumps(rows), "utf-8")
    output = tmp_path / "trained"
    words = ("--stream", "scotus", "--data", sets, "--output", output, "--model", folder, "--learning-rate", 0.003)
    trained(monkeypatch, *words)
    assert "20 texts, 20 tokens to learn" in capsys.readouterr().out
    model = load_editable(str(output), device="cpu")
    split = split_cases(sets / "scotus_jos")
    assert [model.answer(case.text) for case in split.training] == [case.label for case in split.training]
    record = json.loads((output / "training.json").read_text("utf-8"))
    assert (record["stream"], record["texts"]) == ("scotus", 20)
    assert record["loss"] < 0.1


@pytest.fixture
def questions(tmp_path):
    (tmp_path / "zsre").mkdir()
    training = [
        {
            "src": f"Who is king {i}?", "rephrase": f"King {i} is who?", "answers": [name],
            "loc": f"nq question: who sang song {i}", "loc_ans": name,
        }
        for i, name in enumerate(("Ann", "Berlin", "Paris"))
    ]  # fmt: skip
    (tmp_path / "zsre" / "zsre_mend_train-1k.json").write_text(json.dumps(training), "utf-8")
    edits = [
        {
            "subject": "Zog", "prompt": f"Who made Zog {i}?", "target_new": "Paris",
            "rephrase_prompt": f"By whom is Zog {i}?",
        }
        for i in range(2)
    ]  # fmt: skip
    (tmp_path / "zsre" / "ZsRE-test-all.json").write_text(json.dumps(edits), "utf-8")
    return tmp_path


def test_an_encoder_decoder_learns_its_questions_and_then_the_stream(questions, tiny_t5_folder, tmp_path, monkeypatch):
    output = tmp_path / "trained"
    words = ("--stream", "zsre", "--data", questions, "--output", output, "--model", tiny_t5_folder)
    trained(monkeypatch, *words, "--learning-rate", 0.01)
    model = load_model(str(output), device="cpu")
    assert [model.answer(f"Who is king {i}?") for i in range(3)] == ["Ann", "Berlin", "Paris"]
    assert [model.answer(f"Who sang song {i}?") for i in range(3)] == ["Ann", "Berlin", "Paris"]
    stream = zsre_stream(model, Wanted(edits=2, questions=9), questions)
    assert len(stream.edits) == 2
    with opened("ft", Bench(model, max_new_tokens=8)) as method:
        for edit in stream.edits:  # a network as small as this one may lose the one before
            method.add([edit.edit])
            assert method.answers([edit.prompt]) == ["Paris"]


def test_a_set_that_is_not_there_is_one_line(tmp_path, monkeypatch):
    with pytest.raises(SystemExit, match=r"no folder .*zsre"):
        trained(monkeypatch, "--stream", "zsre", "--data", tmp_path, "--output", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_new_models_are_drawn_from_the_seed():
    before = torch.random.get_rng_state()
    first, again, other = (train_stream_model.new_t5((), torch.device("cpu"), seed) for seed in (1, 1, 2))
    assert first.fingerprint == again.fingerprint != other.fingerprint
    assert torch.equal(torch.random.get_rng_state(), before)
