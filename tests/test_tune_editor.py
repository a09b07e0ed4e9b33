"""Options are chosen by what they reach, on edits that are not reported, and kept as a preset that says how."""

import tune_editor

from kedit_memory.editors import presets
from kedit_memory.editors.presets import TUNED, preset
from kedit_memory.evaluation.case import GENERALIZATION, LOCALITY, RELIABILITY, Case, Question
from kedit_memory.evaluation.tasks.compare import measures
from kedit_memory.evaluation.tasks.compare.cases import world_cases
from kedit_memory.records import EditRequest
from kedit_memory.world import load_world


def cases_of(*_, reported):
    assert not reported
    prompt, again, other = "Who is the king of Chad?", "Who rules Chad?", "Who is the king of Peru?"
    questions = [
        Question(text=prompt, metric=RELIABILITY, accepted=("Bob",), covered=True),
        Question(text=again, metric=GENERALIZATION, accepted=("Bob",), covered=True),
        Question(text=other, metric=LOCALITY, kind="same_relation"),
    ]
    return [Case(edit=EditRequest(prompt=prompt, target="Bob", subject="Chad"), questions=tuple(questions))]


def test_the_best_of_what_was_tried_is_kept(tiny_gpt2_folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(tune_editor, "world_cases", cases_of)
    monkeypatch.setattr(measures, "_LONGEST_TEXT", 2)
    reached = {"ft:rate=1e-09": (0.0, 0.0, 1.0), "ft:rate=0.01": (1.0, 0.5, 0.5)}

    def shares(name, *_):
        return dict(zip(tune_editor.WEIGHED, reached[name], strict=True))

    monkeypatch.setattr(tune_editor, "shares", shares)
    words = ["ft", "--model", str(tiny_gpt2_folder), "--try", "rate=1e-9,1e-2", "--to", str(tmp_path)]
    tune_editor.main(words)
    assert "ft:rate=0.01: 0.600" in capsys.readouterr().out
    monkeypatch.setattr(presets, "__file__", str(tmp_path / "__init__.py"))
    found = preset("ft", TUNED, str(tiny_gpt2_folder))
    assert found.options == {"rate": 0.01}
    assert found.source.startswith("python scripts/tune_editor.py ft --model")


def test_shares_are_of_answers_with_each_edit_alone(tiny_gpt2_folder, monkeypatch):
    monkeypatch.setattr(measures, "_LONGEST_TEXT", 2)
    bench = tune_editor.WatchedBench(
        lambda: tune_editor.white_box(tune_editor.load_model(str(tiny_gpt2_folder), device="cpu"), "ft")
    )
    cases = cases_of(reported=False)
    measures.remember_unedited(bench, (one for case in cases for one in case.questions))
    judge = tune_editor.judge_of("begins")
    told = tune_editor.shares("oracle-scope", bench, cases, judge)
    assert told == {RELIABILITY: 1, GENERALIZATION: 1, LOCALITY: 1}
    assert tune_editor.shares("unedited", bench, cases, judge) == told | {RELIABILITY: 0, GENERALIZATION: 0}
    tune_editor.shares("ft:steps=1", bench, cases, judge)
    assert bench.traces() == [], "each edit is taken out again"


def test_every_combination_is_tried():
    assert list(tune_editor.combinations(["rate=1,2", "layers=[3]"])) == [
        {"rate": 1, "layers": (3,)}, {"rate": 2, "layers": (3,)},
    ]  # fmt: skip


def test_edits_to_tune_on_are_of_relations_that_reports_do_not_begin_with():
    world = load_world()

    class Knows:
        name = "knows"
        answers = {  # noqa: RUF012 - read only
            world.fill(wording, fact.subject): fact.object
            for fact in world.facts
            for wording in world.relations[fact.relation].questions
        }

        def answer_many(self, prompts):
            return [self.answers.get(prompt.question, "") for prompt in prompts]

    cases = world_cases(world, Knows(), 20, seed=1, reported=False)
    assert len(cases) == 20
    assert not any(case.held_out for case in cases)
    assert all(case.held_out for case in world_cases(world, Knows(), 20, seed=1))
