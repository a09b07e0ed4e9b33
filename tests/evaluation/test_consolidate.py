"""`consolidate`: edits into the weights if the limits hold, else nothing; and back, bit for bit."""

import json
import math
import os
import shutil
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import torch

from kedit_memory.editors import load_editor
from kedit_memory.editors.ft import FineTuning
from kedit_memory.errors import ConflictError, EditorError, InvalidInputError, NotFoundError
from kedit_memory.evaluation.case import Question
from kedit_memory.evaluation.judges import JUDGES, STRICT
from kedit_memory.evaluation.rows import Row, describe_run
from kedit_memory.evaluation.tasks.consolidate import folder as folders
from kedit_memory.evaluation.tasks.consolidate import run as act
from kedit_memory.evaluation.tasks.consolidate.choice import Wanted, age_of, choose
from kedit_memory.evaluation.tasks.consolidate.measures import (
    Examination,
    Limits,
    Reading,
    fitting,
    perplexity,
    read_canary,
    world_questions,
)
from kedit_memory.evaluation.tasks.consolidate.run import Plan, consolidate, take_back
from kedit_memory.memory import EditMemory
from kedit_memory.models.huggingface import HuggingFaceModel
from kedit_memory.models.prompts import Prompt
from kedit_memory.records import Edit, Kind
from kedit_memory.routing.router import Router, RouterConfig
from kedit_memory.world import load_world

FRANCE, KING = "The capital of France is", "Who is the king of the north?"
# A tiny random model says something else to every question as soon as a weight moves.
LAX = Limits(reliability=0.9, locality=0.0, perplexity_ratio=1e9)
PLAN = Plan(method="ft", options={"rate": 1e-2, "paraphrases": True}, limits=LAX, questions=4, texts=2)


def quiet(_: str) -> None:
    """Progress that nobody reads."""


@pytest.fixture(scope="session")
def world():
    return load_world()


@pytest.fixture(autouse=True)
def small_world(world, monkeypatch):
    """A few well-known facts: nothing here depends on more, and reading all of them takes most of a test's time."""
    known = tuple(fact for fact in world.facts if fact.tier == 1)[:50]
    small = replace(world, entities={}, facts=known)
    monkeypatch.setattr(act, "load_world", lambda: small)


@pytest.fixture
def memory(tmp_path):
    with EditMemory.open(tmp_path / "store", "hashing") as opened:
        opened.add(FRANCE, "Rome", subject="France", paraphrases=["France is ruled from"])
        opened.add(KING, "Bob", subject="the north")
        yield opened


@pytest.fixture(scope="session")
def ending_folder(tiny_gpt2_folder, tmp_path_factory):
    """A tiny model whose form ends its answers, as a base model's does not."""
    folder = tmp_path_factory.mktemp("ending") / "tiny"
    shutil.copytree(tiny_gpt2_folder, folder)
    config = folder / "tokenizer_config.json"
    config.write_text(json.dumps(json.loads(config.read_text("utf-8")) | {"prompt_format": "trained"}), "utf-8")
    return folder


@pytest.fixture
def load(ending_folder):
    return lambda: HuggingFaceModel.load(ending_folder, device="cpu", name="tiny")


@pytest.fixture
def output(tmp_path):
    return tmp_path / "edited"


def weights(model):
    return {name: tensor.clone() for name, tensor in model.model.state_dict().items()}


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def opened(folder):
    return HuggingFaceModel.load(folder, device="cpu")


def routed(memory, model, question=FRANCE):
    return Router(memory, model, config=RouterConfig(scope="radius", passages=0)).query(question)


def stored(memory, tmp_path):
    memory.export(tmp_path / "export.jsonl")
    return (tmp_path / "export.jsonl").read_text("utf-8"), memory.history(), memory.consolidations()


# Kept


def test_a_checkpoint_answers_by_itself_and_the_memory_for_every_other_model(memory, load, output):
    model, plain = load(), load()
    report = consolidate(memory, model, PLAN, output, quiet)
    assert (report.kept, report.failed, report.finished) == (True, (), False)
    checkpoint = opened(output)
    assert report.consolidation.checkpoint.fingerprint == checkpoint.fingerprint == model.fingerprint
    assert report.consolidation.checkpoint.base == plain.fingerprint
    assert not list(output.parent.glob(".edited*"))

    for question, target in ((FRANCE, "Rome"), (KING, "Bob")):
        own = routed(memory, checkpoint, question)
        assert (own.route, own.text.strip(" ."), own.edits) == ("parametric", target, ())
        assert "consolidated" in own.reason
        assert own.considered[0].edit.prompt == question
        kept = routed(memory, plain, question)
        assert (kept.route, kept.text) == ("direct", target)
    assert [edit.target for edit in memory.all()] == ["Rome", "Bob"]
    assert [one.verb for one in memory.history("e1")] == ["add", "consolidate"]

    card = (output / "README.md").read_text("utf-8")
    assert f"| {FRANCE} | Rome | yes |" in card
    assert "| reliability | all | 0.000 (n = 2) | 1.000 (n = 2) |" in card


def test_the_figures(memory, load, output):
    report = consolidate(memory, load(), PLAN, output, quiet)
    found = {(row["metric"], row["kind"], row["edits"]): row for row in report.rows}
    assert found["reliability", "all", 0]["value"] == 0
    assert (found["reliability", "all", 2]["value"], found["reliability", "all", 2]["n"]) == (1, 2)
    assert found["generalization", "all", 2]["n"] == 1
    kept = [
        row for (metric, kind, _), row in found.items() if metric in {"locality", "hard_negative"} and kind != "all"
    ]
    assert sum(row["n"] for row in kept) == 4
    assert {row["judge"] for row in kept} == {"same"}
    assert found["reliability", "all", 2]["judge"] == "begins", "a checkpoint is held to what its model says first"
    before, after = (found["perplexity", "running_text", edits]["value"] for edits in (0, 2))
    assert math.isclose(found["ratio", "perplexity", 2]["value"], after / before)
    assert found["seconds", "per_edit", 2]["value"] > 0
    assert {row["model"] for row in report.rows} == {report.consolidation.checkpoint.base}


def test_an_edit_that_is_updated_answers_from_the_memory_again(memory, load, output):
    model = load()
    consolidate(memory, model, PLAN, output, quiet)
    memory.update("e1", target="Oslo")
    found = routed(memory, model)
    assert (found.route, found.text) == ("direct", "Oslo")
    assert routed(memory, model, KING).route == "parametric"


def test_a_decision_without_such_edits_loads_no_model(memory, load, output):
    def refuse():
        raise AssertionError("a model was loaded")

    asked = Router(memory, refuse, config=RouterConfig(scope="radius", passages=0))
    assert asked.explain(FRANCE).route == "direct"
    consolidate(memory, load(), PLAN, output, quiet)
    with pytest.raises(AssertionError, match="a model was loaded"):
        asked.explain(FRANCE)
    assert asked.explain("Who wrote Hamlet?").edits == ()


def test_one_consolidation_on_top_of_another(memory, load, output, tmp_path):
    model = load()
    consolidate(memory, model, replace(PLAN, wanted=Wanted(limit=1)), output, quiet)
    first = weights(model)
    report = consolidate(memory, model, PLAN, tmp_path / "second", quiet)
    assert [edit.id for edit in report.choice.edits] == ["e2"]
    assert [edit.id for edit in report.choice.past] == ["e1"]
    asked = [row for row in report.rows if (row["metric"], row["kind"]) == ("accuracy", "past")]
    assert [(row["n"], row["edits"]) for row in asked] == [(1, 0), (1, 1)]
    second = opened(tmp_path / "second")
    assert memory.held_by(second.fingerprint, ["e1", "e2"]) == {"e1", "e2"}
    with pytest.raises(InvalidInputError, match="in this model's weights already"):
        consolidate(memory, model, PLAN, tmp_path / "third", quiet)
    take_back(memory, tmp_path / "second")
    assert same(weights(opened(tmp_path / "second")), first)
    assert memory.held_by(second.fingerprint, ["e1", "e2"]) == frozenset()
    assert memory.held_by(opened(output).fingerprint, ["e1", "e2"]) == {"e1"}


@dataclass(frozen=True, kw_only=True)
class Told(FineTuning):
    """Plain tuning that notes what it is told."""

    past: tuple[Edit, ...] = ()
    calls: list = field(default_factory=list, compare=False)

    def apply(self, model, edits):
        self.calls.append(([edit.id for edit in self.past], [edit.id for edit in edits]))
        return super().apply(model, edits)


def test_in_lots_each_is_told_of_those_before(memory, load, output, monkeypatch):
    editor = Told(rate=1e-2, paraphrases=True)
    monkeypatch.setattr(act, "load_editor", lambda *_, **__: editor)
    model, before = load(), weights(load())
    report = consolidate(memory, model, replace(PLAN, batch=1, limits=Limits(locality=1.0)), None, quiet)
    assert editor.calls == [([], ["e1"]), (["e1"], ["e2"])]
    assert not report.kept
    assert same(weights(model), before)
    consolidate(memory, model, replace(PLAN, batch=1, limits=replace(LAX, reliability=0.0)), output, quiet)
    take_back(memory, output)
    assert same(weights(opened(output)), before)


def test_what_the_model_does_not_say_in_all_wordings_stays_in_the_memory(memory, load, output, monkeypatch):
    learned = Examination.known
    monkeypatch.setattr(Examination, "known", lambda self, reading: learned(self, reading)[1:])
    model = load()
    report = consolidate(memory, model, PLAN, output, quiet)
    assert report.consolidation.edit_ids == ("e2",)
    assert routed(memory, model).route == "direct"
    assert routed(memory, model, KING).route == "parametric"
    assert take_back(memory, output).edit_ids == ("e1", "e2")
    assert same(weights(opened(output)), weights(load()))


# Not kept


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (Limits(locality=1.0, perplexity_ratio=1e9), "of the other answers 0 of 4 stay, a share of 1 is asked for"),
        (Limits(locality=0.0, perplexity_ratio=1e-9), "times what it was, 1e-09 is allowed"),
    ],
)
def test_a_broken_limit_leaves_model_and_store_as_they_were(memory, load, output, tmp_path, limits, said):
    model = load()
    before, store = weights(model), stored(memory, tmp_path)
    report = consolidate(memory, model, replace(PLAN, limits=limits), output, quiet)
    assert not report.kept
    assert len(report.failed) == 1
    assert said in report.failed[0]
    assert same(weights(model), before)
    assert stored(memory, tmp_path) == store
    assert not output.exists()
    assert any(row["metric"] == "reliability" and row["value"] == 1 for row in report.rows)


def test_without_a_folder_nothing_is_saved(memory, load, tmp_path):
    model = load()
    before, store = weights(model), stored(memory, tmp_path)
    report = consolidate(memory, model, PLAN, None, quiet)
    assert (report.kept, report.failed, report.consolidation) == (False, (), None)
    assert same(weights(model), before)
    assert stored(memory, tmp_path) == store


def test_an_edit_that_is_changed_meanwhile(memory, load, output):
    model = load()
    before = weights(model)

    def meddle(line):
        if line.startswith("saving"):
            memory.update("e1", target="Oslo")

    with pytest.raises(ConflictError, match="e1 was changed meanwhile"):
        consolidate(memory, model, PLAN, output, meddle)
    assert same(weights(model), before)
    assert not output.exists()
    assert not list(output.parent.glob(".edited*"))
    assert not memory.any_consolidated()


@pytest.mark.parametrize("name", ["replace", "commit"])
def test_a_failure_at_the_last_steps_leaves_nothing(memory, load, output, monkeypatch, name):
    model = load()
    before = weights(model)
    whole = EditMemory.consolidate

    def failing(self, edits, made, publish):
        def fail():
            if name == "commit":
                publish()
            raise OSError("no space left")

        return whole(self, edits, made, fail)

    monkeypatch.setattr(EditMemory, "consolidate", failing)
    with pytest.raises(EditorError, match="no space left"):
        consolidate(memory, model, PLAN, output, quiet)
    assert same(weights(model), before)
    assert not output.exists()
    assert not list(output.parent.glob(".edited*"))
    assert not memory.any_consolidated()


def test_a_method_that_writes_no_weights(memory, load, output):
    model = load()
    before = weights(model)
    with pytest.raises(EditorError, match="ike keeps edits beside the weights"):
        consolidate(memory, model, replace(PLAN, method="ike", options={"encoder": "hashing"}), output, quiet)
    assert same(weights(model), before)
    assert model.context is None


def test_a_folder_that_is_not_free(memory, load, output):
    output.mkdir()
    (output / "mine.txt").write_text("mine")
    with pytest.raises(EditorError, match="holds something already"):
        consolidate(memory, load(), PLAN, output, quiet)
    assert (output / "mine.txt").read_text() == "mine"
    with pytest.raises(EditorError, match="holds something already"):
        consolidate(memory, load(), PLAN, output / "mine.txt", quiet)


# Killed


def killed(action):
    """Run `action` in a process of its own, which is to end by itself with status 9."""
    child = os.fork()
    if child == 0:
        try:
            action()
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def die(*_, **__):
    os._exit(9)


def after(function):
    def wrapped(*args, **kwargs):
        function(*args, **kwargs)
        die()

    return wrapped


def within(before):
    """`EditMemory.consolidate` that dies before or after the checkpoint is put in its place."""
    whole = EditMemory.consolidate
    return lambda self, edits, made, publish: whole(self, edits, made, die if before else after(publish))


# Where it is killed, and whether the store then knows of the checkpoint, and whether a folder is there.
KILLS = {
    "half saved": (folders, "save_checkpoint", lambda: after(folders.save_checkpoint), False, False),
    "not yet read again": (folders, "_load", lambda: die, False, False),
    "not yet noted": (EditMemory, "consolidate", lambda: die, False, False),
    "noted, not yet renamed": (EditMemory, "consolidate", lambda: within(before=True), False, False),
    "renamed, not yet durable": (EditMemory, "consolidate", lambda: within(before=False), False, True),
    "durable": (EditMemory, "consolidate", lambda: after(EditMemory.consolidate), True, True),
}


@pytest.mark.parametrize("where", KILLS)
def test_a_killed_run_leaves_the_old_or_the_new(tmp_path, memory, load, output, monkeypatch, where):
    owner, name, wrapped, known, there = KILLS[where]
    memory.close()
    model, before = load(), weights(load())

    def run():
        monkeypatch.setattr(owner, name, wrapped())
        with EditMemory.open(tmp_path / "store") as own:
            consolidate(own, model, PLAN, output, quiet)

    killed(run)
    with EditMemory.open(tmp_path / "store") as again:
        assert again.verify().ok
        assert len(again.consolidations()) == known
        assert output.exists() == there
        if there:
            checkpoint = opened(output)
            assert routed(again, checkpoint).text.strip(" .") == "Rome"
            assert routed(again, checkpoint).route == ("parametric" if known else "direct")
        if known:
            with pytest.raises(EditorError, match="holds an earlier consolidation"):
                consolidate(again, load(), PLAN, output, quiet)
        else:
            report = consolidate(again, load(), PLAN, output, quiet)
            assert (report.kept, report.finished) == (True, there)
            assert report.rows[0]["metric"] == "reliability"
        assert not list(output.parent.glob(".edited*"))
        assert len(again.consolidations()) == 1
        assert routed(again, opened(output)).route == "parametric"
        take_back(again, output)
        assert same(weights(opened(output)), before)


def test_a_rest_of_another_request_is_not_taken_for_this_one(memory, load, output, monkeypatch):
    model = load()
    with monkeypatch.context() as patch:
        patch.setattr(EditMemory, "consolidate", within(before=False))
        killed(lambda: consolidate(memory, model, PLAN, output, quiet))
    with pytest.raises(EditorError, match="holds another consolidation"):
        consolidate(memory, load(), replace(PLAN, wanted=Wanted(limit=1)), output, quiet)
    assert take_back(memory, output).operation is None  # and it can be taken back, though no store knows it
    assert same(weights(opened(output)), weights(load()))


@pytest.mark.parametrize("where", ["not yet restored", "moved away", "moved in"])
def test_a_killed_undo_is_done_again(tmp_path, memory, load, output, monkeypatch, where):
    consolidate(memory, load(), PLAN, output, quiet)
    memory.close()
    moving = Path.replace

    def moved(self, target):
        moving(self, target)
        if Path(target).name == (".edited.old" if where == "moved away" else "edited"):
            die()

    def run():
        if where == "not yet restored":
            monkeypatch.setattr(act, "swap", die)
        else:
            monkeypatch.setattr(Path, "replace", moved)
        with EditMemory.open(tmp_path / "store") as own:
            take_back(own, output)

    killed(run)
    with EditMemory.open(tmp_path / "store") as again:
        assert not again.any_consolidated()
        if where == "moved in":
            assert not (output / "consolidation").exists()
        else:
            assert take_back(again, output).operation is None
            assert not list(output.parent.glob(".edited*"))
    assert same(weights(opened(output)), weights(load()))


# Taken back


def test_taking_back_restores_folder_and_memory_path(memory, load, output):
    model = load()
    report = consolidate(memory, model, PLAN, output, quiet)
    done = take_back(memory, output)
    assert done.operation == report.consolidation.operation
    assert done.edit_ids == ("e1", "e2")
    restored, plain = opened(output), load()
    assert same(weights(restored), weights(plain))
    assert restored.fingerprint == plain.fingerprint
    assert not (output / "consolidation").exists()
    assert "taken back" in (output / "README.md").read_text("utf-8")
    for one in (model, restored):
        assert routed(memory, one).route == "direct"
    assert [one.verb for one in memory.history("e1")] == ["add", "consolidate", "undo"]
    with pytest.raises(NotFoundError, match="holds no consolidation"):
        take_back(memory, output)


def test_undo_of_the_operation_then_of_the_folder(memory, load, output):
    model = load()
    consolidate(memory, model, PLAN, output, quiet)
    memory.undo()
    assert routed(memory, model).route == "direct"
    assert routed(memory, model).text == "Rome"
    assert opened(output).fingerprint == model.fingerprint
    assert take_back(memory, output).operation is None
    assert same(weights(opened(output)), weights(load()))


def test_a_folder_that_was_moved_is_found_by_its_model(memory, load, output, tmp_path):
    consolidate(memory, load(), PLAN, output, quiet)
    output.rename(tmp_path / "elsewhere")
    assert take_back(memory, tmp_path / "elsewhere").operation is not None
    assert not memory.any_consolidated()


@pytest.mark.parametrize("part", ["record.json", "before.safetensors"])
def test_a_damaged_folder_is_left_alone(memory, load, output, part):
    model = load()
    consolidate(memory, model, PLAN, output, quiet)
    path = output / "consolidation" / part
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(EditorError, match="is damaged") as caught:
        take_back(memory, output)
    assert "\n" not in str(caught.value)
    assert opened(output).fingerprint == model.fingerprint
    assert memory.any_consolidated()
    assert not list(output.parent.glob(".edited*"))


def test_a_model_that_was_changed_since(memory, load, output):
    model = load()
    consolidate(memory, model, PLAN, output, quiet)
    load_editor("ft", rate=1e-2).apply(model, memory.all()[:1])
    with torch.no_grad():
        model.model.get_parameter("transformer.h.0.mlp.c_proj.weight").add_(1)
    model.model.save_pretrained(output)
    with pytest.raises(EditorError, match="was changed since its consolidation"):
        take_back(memory, output)


# The choice


@pytest.fixture
def many(tmp_path):
    times = iter(datetime(2026, 1, day, tzinfo=UTC) for day in range(1, 29))
    with EditMemory.open(tmp_path / "many", "hashing", clock=lambda: next(times)) as opened_:
        rows = [
            {"prompt": "Who leads Acme?", "target": "Ann", "subject": "Acme", "source": "press", "relation": "leader"},
            {"prompt": "Who leads Bolt?", "target": "Bo", "subject": "Bolt", "metadata": {"desk": "east"}},
            {"statement": "Cargo was sold to Dent."},
            {"prompt": "Who owns Dent?", "target": "Cy", "subject": "Dent", "valid_until": "2027"},
            {"prompt": "Who owns Elm?", "target": "Di", "subject": "Elm", "valid_from": "2030"},
            {"prompt": "Who owns Fir?", "target": "Ed", "subject": "Fir"},
            {"prompt": "Who owns it?", "target": "Flo", "subject": "Gum"},
        ]
        for row in rows:
            opened_.add(**row)
        opened_.add("who owns fir", "Fay", on_conflict="keep_both")
        opened_.erase("Who founded Acme?", subject="Acme")
        yield opened_


NOW = datetime(2026, 3, 1, tzinfo=UTC)


def chosen(memory, method="ft", **wanted):
    choice = choose(memory, "model", load_editor(method), Wanted(**wanted), now=NOW)
    return [edit.id for edit in choice.edits], {edit.id: reason for edit, reason in choice.passed_over}


def test_what_cannot_be_in_weights_stays_in_the_memory(many):
    ids, reasons = chosen(many)
    assert ids == ["e1", "e2", "e7"]
    for name, reason in {
        "e3": "a statement without a question",
        "e4": "holds only until 2027-01-01",
        "e5": "holds only from 2030-01-01 on",
        "e6": "another active edit answers",
        "e8": "another active edit answers",
        "e9": "is an erasure",
    }.items():
        assert reason in reasons.pop(name)
    assert reasons == {}
    ids, reasons = chosen(many, "rome")
    assert ids == ["e1", "e2"]
    assert "no subject in its prompt" in reasons["e7"]


def test_what_is_asked_for(many):
    assert chosen(many, limit=1)[0] == ["e1"]
    assert chosen(many, source="press") == (["e1"], {})
    assert chosen(many, where={"subject": "Bolt"})[0] == ["e2"]
    assert chosen(many, where={"desk": "east"})[0] == ["e2"]
    assert chosen(many, where={"relation": "leader", "kind": str(Kind.INSERTION)})[0] == ["e1"]
    age = NOW - datetime.fromisoformat(many.get("e2").created_at)
    assert chosen(many, older_than=age)[0] == ["e1", "e2"]
    assert chosen(many, older_than=age + timedelta(seconds=1))[0] == ["e1"]
    for wanted in ({"where": {"desk": "west"}}, {"source": "none"}, {"namespace": "other"}):
        with pytest.raises(InvalidInputError, match="no edit qualifies"):
            chosen(many, **wanted)
    with pytest.raises(InvalidInputError, match="e9 is an erasure"):
        chosen(many, where={"kind": "erasure"})


def test_ages():
    assert (age_of("12h"), age_of(" 30d"), age_of("2w")) == (
        timedelta(hours=12), timedelta(days=30), timedelta(weeks=2),
    )  # fmt: skip
    for text in ("", "30", "30 d", "-1d", "1.5d", "d", "30m"):
        with pytest.raises(InvalidInputError, match="is no age"):
            age_of(text)


def test_limits_and_plans_that_mean_nothing():
    for given in ({"reliability": 1.1}, {"locality": -0.1}, {"perplexity_ratio": 0}, {"reliability": float("nan")}):
        with pytest.raises(InvalidInputError):
            Limits(**given)
    for given in ({"batch": 0}, {"questions": 0}, {"texts": 0}):
        with pytest.raises(InvalidInputError, match="give 1 or more"):
            Plan(**given)
    with pytest.raises(InvalidInputError, match="limit is 0"):
        Wanted(limit=0)


def test_settings_are_those_of_the_preset_and_told(memory, load):
    papers = replace(PLAN, method="ft-l", options={"steps": 2}, preset="paper", limits=LAX)
    report = consolidate(memory, load(), papers, None, quiet)
    assert {row["preset"] for row in report.rows} == {"paper"}
    assert {row["preset"] for row in consolidate(memory, load(), PLAN, None, quiet).rows} == {"default"}
    with pytest.raises(NotFoundError, match="lora has no paper preset for"):
        consolidate(memory, load(), replace(PLAN, method="lora", preset="paper"), None, quiet)


# The measures


def reading(own, others, losses):
    return Reading(own=tuple(own), rephrased=(), others=tuple(others), losses=tuple(losses))


def test_a_verdict_by_hand(memory):
    edits = memory.all()
    questions = [Question(text=str(number), kind="canary", accepted=("yes",)) for number in range(4)]
    exam = Examination([replace(edit, paraphrases=()) for edit in edits], questions, ["text"], JUDGES[STRICT])
    both = Examination(edits, questions, ["text"], JUDGES[STRICT])
    before = reading(["x", "x"], ["yes", "yes", "no", "no"], [(2.0, 2), (4.0, 2)])
    after_ = reading(["Rome", "no"], ["yes", "no", "no", "No?"], [(3.0, 2), (4.0, 2)])
    assert perplexity(before) == math.exp(1.5)
    failed = exam.verdict(before, after_, Limits(reliability=0.6, locality=0.6, perplexity_ratio=1.2))
    assert failed == [
        "reliability is 1 of 2, 0.6 or more is asked for",
        "of the other answers 2 of 4 stay, a share of 0.6 is asked for",
        f"perplexity is {math.exp(0.25):.3f} times what it was, 1.2 is allowed",
    ]
    assert exam.verdict(before, after_, Limits(reliability=0.5, locality=0.5, perplexity_ratio=1.3)) == []
    assert exam.known(after_) == exam.known(replace(after_, own=("ROME.", "no"))) == [exam.edits[0]]
    assert both.known(replace(after_, rephrased=("rome",))) == [edits[0]]
    assert both.known(replace(after_, rephrased=("Paris",))) == []
    nothing = exam.verdict(before, before, Limits(reliability=0.0, locality=0.0))
    assert nothing == ["no edit is said in all its wordings, so the memory has to answer them all"]
    row = Row(run=describe_run("t", "d"), method="m", metric="ratio", value=0, n=0, unit="", edits=2)
    figures = {(one.metric, one.kind, one.edits): one.value for one in exam.rows(before, after_, row)}
    assert figures["accuracy", "canary", 0] == 0.5
    assert figures["accuracy", "canary", 2] == 0.25
    assert figures["locality", "canary", 2] == 0.5, "of the two that were known"
    assert figures["hard_negative", "canary_guessed", 2] == 0.5, '"No?" is another answer than "no"'
    assert math.isclose(figures["ratio", "perplexity", 2], math.exp(0.25))


def test_a_model_that_is_gone_breaks_the_limit(memory):
    exam = Examination(memory.all()[1:], [Question(text="?", kind="canary")], ["text"], JUDGES[STRICT])
    before = reading(["x"], ["yes"], [(2.0, 2)])
    for loss in (math.nan, 1e9, math.inf):
        after_ = reading(["Bob"], ["yes"], [(loss, 2)])
        assert exam.verdict(before, after_, Limits())[0].startswith("perplexity is inf times")


def test_perplexity_is_that_of_the_models_own_scores(load):
    model = load()
    text = "Berlin is the capital of Germany"
    ((loss, tokens),) = Examination([], [], [text], JUDGES[STRICT]).read(model).losses
    given, wanted = model.join("", text)
    rows = model.logits("", text).log_softmax(-1)[len(given) - 1 : -1]
    assert tokens == len(wanted) == len(model.encode(text))
    assert math.isclose(loss, -sum(row[token].item() for row, token in zip(rows, wanted, strict=True)), rel_tol=1e-4)


def test_a_text_is_cut_to_the_window(load):
    model = load()
    cut = fitting(model, "king of the north " * 200)
    assert cut.startswith("king of the north")
    assert 60 < len(model.encode(cut)) <= 128
    assert fitting(model, "one") == "one"


def test_questions_of_the_world_leave_the_edits_out(world):
    fact = next(fact for fact in world.facts if fact.relation == "capital" and fact.tier == 1)
    prompt = world.fill(world.relations["capital"].questions[0], fact.subject)
    edit = Edit(
        id="e1", kind=Kind.INSERTION, prompt=prompt, target="Lima", statement="", subject=fact.subject, radius=0.5,
        created_at="2026-01-01T00:00:00Z",
    )  # fmt: skip
    found = world_questions(world, [edit], 80, seed=1)
    assert len(found) == len({one.text for one in found}) == 80
    names = ("same_subject", "same_relation", "unrelated")
    kinds = {kind: [one for one in found if one.kind == kind] for kind in names}
    assert all(kinds.values())
    wordings = {world.fill(text, fact.subject) for text in world.relations["capital"].questions}
    assert not wordings & {one.text for one in found}
    assert all(fact.subject in one.text or fact.subject in one.accepted for one in kinds["same_subject"])
    others = kinds["same_relation"] + kinds["unrelated"]
    assert not any({fact.subject, "Lima"} & {*one.accepted} for one in others)
    assert world_questions(world, [edit], 80, seed=1) == found


def test_canary_questions(tmp_path):
    path = tmp_path / "canary.jsonl"
    path.write_text('{"question": "Who?", "answer": ["Ann", "Anna"]}\n\n{"question": "Why?"}\n')
    assert read_canary(path) == [
        Question(text="Who?", kind="canary", accepted=("Ann", "Anna")),
        Question(text="Why?", kind="canary"),
    ]
    for text, said in (
        ("", "holds no question"),
        ("nonsense", "line 1: no canary question"),
        ('{"question": "Who?"}\n{"question": 3}', "line 2: no canary question"),
        ('{"question": "Who?", "answer": [1]}', "line 1: no canary question"),
        ('["Who?"]', "line 1: no canary question"),
    ):
        path.write_text(text)
        with pytest.raises(InvalidInputError, match=said):
            read_canary(path)
    with pytest.raises(InvalidInputError, match="cannot be read"):
        read_canary(tmp_path / "nowhere.jsonl")


def test_canary_questions_take_the_worlds_place(memory, load, tmp_path):
    path = tmp_path / "canary.jsonl"
    model = load()
    said = model.answer_many([Prompt(question="Who is Ann?")])[0]
    path.write_text(json.dumps({"question": "Who is Ann?", "answer": said or "nobody"}) + "\n")
    report = consolidate(memory, model, replace(PLAN, canary=path), None, quiet)
    kinds = {row["kind"] for row in report.rows if row["metric"] in {"locality", "hard_negative"}}
    assert kinds - {"all"} <= {"canary", "canary_guessed"}
    assert [row["n"] for row in report.rows if row["metric"] == "accuracy"] == [1, 1]
