"""`scripts/ablate_rome.py` and its report: what counts as reached, shares by stratum, a run that goes on, the page."""

import json
from dataclasses import dataclass
from dataclasses import replace as replaced

import ablate_rome as ablation
import pytest
import rome_report as report
import torch

from kedit_memory.editors._keyvalue import projection, texts_of
from kedit_memory.editors._locate import decoder_family
from kedit_memory.editors._values import find_values
from kedit_memory.editors.base import facts
from kedit_memory.errors import InvalidInputError
from kedit_memory.evaluation.case import Case, own_question
from kedit_memory.evaluation.intervals import wilson
from kedit_memory.evaluation.score import score
from kedit_memory.models.hooks import replace
from kedit_memory.models.huggingface import HuggingFaceModel
from kedit_memory.models.named import load_model
from kedit_memory.records import EditRequest

PLAN = ablation.Plan(edits=2, facts=1, seed=3)


def stored(request, accepted):
    return Case(edit=request, questions=(own_question(request, (accepted,)),), kind="tier_1")


EDIT = stored(EditRequest(prompt="Who is the king of the north?", target="Bob", subject="the north"), "Bob")


@pytest.fixture
def model(tiny_folder):
    return HuggingFaceModel.load(tiny_folder("gpt2"), device="cpu")


def test_a_share_is_drawn_again_by_edit():
    value, low, high = ablation.share([(2, 2), (0, 2), (1, 1)])
    assert value == pytest.approx(3 / 5)
    assert low == 0.0  # a draw of the second edit alone
    assert high == 1.0
    assert ablation.share([(2, 2), (3, 3)]) == (1.0, *wilson(2, 2))
    assert ablation.share([(0, 4)]) == (0.0, *wilson(0, 1))
    value, low, high = ablation.share([(3, 4)] * 20)
    assert low < value == 0.75 < high < 1.0, "twenty edits that are alike are still no more than twenty"


@pytest.mark.parametrize("subject", [range(3, 7), range(2, 3), range(2), range(9, 10)])
def test_every_token_has_one_position(subject):
    found = ablation.positions(subject, 10)
    assert sorted(place for places in found.values() for place in places) == list(range(10))
    assert found["last_subject"] == [subject[-1]]
    assert found["last"] == ([9] if subject.stop < 10 else [])


def test_strata_of_targets():
    cases = [ablation.Case(edit=EDIT, tokens=n, said=said, others={}) for n, said in ((1, True), (4, False), (7, True))]
    assert ablation.strata(cases, [True, False, True]) == {
        "all": [0, 1, 2], "reachable": [0, 2], "unreachable": [1], "said": [0, 2], "never_said": [1],
        "tokens_1": [0], "tokens_4_or_more": [1, 2],
    }  # fmt: skip


def test_what_is_reached_is_what_the_model_then_writes():
    """The value that a free search finds, put in by a hook of the test's own: the model generates the target."""
    model = load_model("kedit-mini", device="cpu")
    request = EditRequest(prompt="What is the capital of France?", target="Rome", subject="France")
    edit = stored(request, "Rome")
    assert ablation.reached_at(model, 1, [edit]) == [True]
    module = projection(model, decoder_family(model, "rome"), 1)
    texts = texts_of(model, facts([request], subjects=True), ablation.FREE)
    delta = find_values(model, decoder_family(model, "rome"), 1, texts, ablation.FREE).deltas[0]
    site = texts[0].taught[0]

    def put(states):
        if states.shape[1] <= site.at:  # a token after the prompt, whose past is kept
            return states
        return torch.cat([states[:, : site.at], states[:, site.at : site.at + 1] + delta, states[:, site.at + 1 :]], 1)

    assert model.answer(request.prompt) == "Paris"
    assert not ablation.decoded(model, 1, site, torch.zeros_like(delta))
    with replace(module, put):
        assert model.answer(request.prompt) == "Rome"


def test_what_the_last_layer_gives_at_the_subject_reaches_nothing(model):
    assert ablation.reached_at(model, 1, [EDIT]) == [False]


@dataclass
class Answering:
    """Answers from a table."""

    known: dict[str, str]

    def answer_many(self, prompts):
        return [self.known.get(prompt.question, "") for prompt in prompts]


def test_whether_the_model_ever_says_a_target():
    world = ablation.load_world()
    fact = next(f for f in world.facts if f.relation == "capital")
    edit = stored(EditRequest(prompt="?", target=fact.object), fact.object)
    question = world.fill(world.relations["capital"].phrasings(held_out=False)[0], fact.subject)
    assert ablation.says(Answering({question: fact.object}), world, edit)
    assert not ablation.says(Answering({question: "elsewhere"}), world, edit)


def test_known_facts_are_asked_in_the_wordings_of_an_edit():
    world = ablation.load_world()
    relation = world.relations["capital"]
    first, *more = relation.phrasings(held_out=False)
    known = [fact for fact in world.facts if fact.relation == "capital" and fact.subject != "France"][::2]
    answers = {world.fill(pattern, f.subject): f.object for f in known for pattern in (first, *more)}
    held_out = relation.phrasings(held_out=True)
    answers |= {world.fill(held_out[0], f.subject): f.object for f in known}
    request = EditRequest(prompt=world.fill(first, "France"), target="Rome", subject="France", relation="capital")
    edit = stored(request, "Rome")
    run = ablation.describe_run("ablation", "world", config={}, data=ablation.world_folder(), model="a table")
    case = ablation.Case(edit=edit, tokens=1, said=True, others={})
    bench = ablation.Bench(model=Answering(answers), world=world, cases=[case], run=run, seed=1)
    rows = {row.kind: row for row in ablation.carried(bench)}
    assert {row.n for row in rows.values()} == {
        ablation.OTHERS, len(held_out) * ablation.OTHERS, (len(held_out) + 1) * ablation.OTHERS
    }  # fmt: skip
    assert rows["rephrasing"].value == 1.0
    assert rows["held_out"].value == 1 / len(held_out), "only the first of them is in the table"
    silent = replaced(bench, model=Answering({}))
    assert list(ablation.carried(silent)) == [], "of a model that knows nothing there is nothing to tell"


@pytest.fixture(scope="module")
def runs(tiny_folder, tmp_path_factory):
    """The rows of two edits on a tiny model that is said to answer every fact rightly: in one layer, then in all."""
    folder = tmp_path_factory.mktemp("ablation")
    first, path = folder / "first.jsonl", folder / "rows.jsonl"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ablation, "is_answer", lambda text, accepted: bool(text) and bool(accepted))
        patch.setattr(ablation, "NOISES", 1)
        ablation.measure(path, str(tiny_folder("gpt2")), PLAN, [0])
        first.write_bytes(path.read_bytes())
        ablation.measure(path, str(tiny_folder("gpt2")), PLAN)
    return first, path


@pytest.fixture(scope="module")
def measured(runs):
    return runs[1]


def rows_of(path):
    return score(path)


def write_rows(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def test_a_run_measures_every_layer_and_stratum(measured, tiny_folder):
    figures = report.by_figure(rows_of(measured))
    assert report.layers(figures) == [0, 1]
    for layer in (0, 1):
        assert figures[f"rome:{layer}", "reliability", "all"]["n"] == 2
        assert figures[f"rome:{layer}", "generalization", "held_out"]["n"] >= 2
        assert figures[f"rome:{layer}", "locality", "unrelated"]["n"] == 2 * ablation.OTHERS
    assert figures["search:1", "reliability", "all"]["value"] == 0.0
    reached = [figures["search:0", "reliability", f"edit_{i}"]["value"] for i in range(2)]
    assert figures["search", "reliability", "all"]["value"] == sum(reached) / 2
    assert ("trace", "rate", "state/one_token/last/1") in figures or (
        "trace", "rate", "state/several_tokens/last/1"
    ) in figures  # fmt: skip
    model = HuggingFaceModel.load(tiny_folder("gpt2"), device="cpu")
    assert {row["model"] for row in figures.values()} == {model.fingerprint}


def test_more_layers_are_added_to_a_file(runs):
    first, path = map(rows_of, runs)
    assert report.layers(report.by_figure(first)) == [0]
    assert first == path[: len(first)]
    assert {row["method"] for row in path[len(first) :]} == {"rome:1"}
    cells = list(report.by_layer(report.by_figure(first)))
    assert cells[-1] == ["1", "reachable", "", *[""] * len(report.COLUMNS)]


def test_a_run_that_was_stopped_goes_on(measured, tiny_folder, tmp_path, monkeypatch):
    rows = rows_of(measured)
    head, *parts = measured.read_text("utf-8").splitlines(keepends=True)
    kept = [one for one in parts if json.loads(one)["key"]["method"] not in {"rome:1", "rome", "trace"}]
    half = next(one for one in parts if json.loads(one)["key"]["method"] == "rome:1")[:200]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join([head, *kept, half]), "utf-8")
    monkeypatch.setattr(ablation, "search", pytest.fail)
    monkeypatch.setattr(ablation, "traces", lambda *_: [])
    monkeypatch.setattr(ablation, "is_answer", lambda text, accepted: bool(text) and bool(accepted))
    ablation.measure(path, str(tiny_folder("gpt2")), PLAN)

    def shares(found):
        return {(r["method"], r["metric"], r["kind"]): r["value"] for r in found if r["unit"] == "share"}

    assert shares(rows_of(path)) == shares(rows)
    with pytest.raises(InvalidInputError, match="holds a run with edits 2, and now it is 3"):
        ablation.measure(path, str(tiny_folder("gpt2")), replaced(PLAN, edits=3))
    with pytest.raises(InvalidInputError, match="no layer 7"):
        ablation.measure(tmp_path / "new.jsonl", str(tiny_folder("gpt2")), PLAN, [7])


def test_the_page_is_written_from_rows(measured, tmp_path, monkeypatch):
    rows = rows_of(measured)
    changed = next(r for r in rows if (r["method"], r["metric"], r["kind"]) == ("rome:0", "reliability", "all"))
    changed.update(value=0.512, low=0.498, high=0.523)
    path, output = tmp_path / "rows.jsonl", tmp_path / "pages" / "rome.md"
    write_rows(path, rows)
    monkeypatch.setattr("sys.argv", ["rome_report.py", "--rows", str(path), "--output", str(output)])
    report.main()
    text = output.read_text("utf-8")
    assert "| all | reliability | 0.512 | 0.498 to 0.523 | 2 | ≥ 0.95 | **missed** |" in text
    assert "2 edits; task ablation version 1" in text
    assert ", seed 3, on " in text
    for name in ("layers", "trace"):
        assert f"](rome-{name}.png)" in text
        assert (output.parent / f"rome-{name}.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("keep", "message"),
    [
        (lambda rows: [r for r in rows if r["method"] != "trace"], "has no rows of trace"),
        (lambda rows: [*rows, rows[0] | {"seed": 9}], "rows of several runs"),
    ],
)
def test_rows_that_are_no_whole_run_are_refused(measured, tmp_path, keep, message):
    path = tmp_path / "rows.jsonl"
    write_rows(path, keep(rows_of(measured)))
    with pytest.raises(SystemExit, match=message):
        report.read(path)


def test_a_number_of_cases_is_one_or_more(monkeypatch, capsys):
    for given in ("0", "-3", "many"):
        monkeypatch.setattr("sys.argv", ["ablate_rome.py", "--rows", "rows.jsonl", f"--edits={given}"])
        with pytest.raises(SystemExit):
            ablation.main()
        assert "give a whole number, 1 or more" in capsys.readouterr().err
