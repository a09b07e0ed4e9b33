"""`kedit consolidate`: kept or not, what a machine reads of it, taken back, refused."""

import json

import pytest

from kedit_memory.models.huggingface import HuggingFaceModel

ASKED = "The capital of France is"


@pytest.fixture
def consolidate(kedit, tiny_gpt2_folder):
    """The command on a store with one edit and one erasure, and a tiny model that says something else when it moves."""
    kedit.add(ASKED, "Rome", "--subject", "France", "--source", "press")
    kedit("erase", "Where does Ann live?", "--subject", "Ann")
    given = ("--model", tiny_gpt2_folder, "--method", "ft", "--option", "rate=0.01", "--questions", 2)
    lax = ("--min-locality", 0, "--max-perplexity-ratio", 1e9)
    return lambda *words, limits=lax: kedit("consolidate", *given, *limits, *words)


def test_kept_then_taken_back(kedit, consolidate, tmp_path, tiny_gpt2_folder):
    place = tmp_path / "edited"
    done = consolidate("--output", place, "--json")
    assert done.status == 0, done.err
    told = json.loads(done.out)
    meta = told["meta"]
    assert (meta["kept"], meta["edits"], meta["folder"]) == (True, ["e1"], str(place))
    assert [one["edit"] for one in meta["passed_over"]] == ["e2"]
    assert "the memory refuses" in meta["passed_over"][0]["reason"]
    assert meta["fingerprint"] == HuggingFaceModel.load(place, device="cpu").fingerprint
    reliable = [(row["edits"], row["value"]) for row in told["rows"] if row["metric"] == "reliability"]
    assert reliable == [(0, 0.0), (1, 1.0)]
    asked = json.loads(kedit("ask", ASKED, "--model", place, "--json").out)
    assert asked["route"] == "parametric"
    assert asked["answer"].lstrip().startswith("Rome")  # after which a base model goes on
    assert json.loads(kedit("ask", ASKED, "--model", tiny_gpt2_folder, "--json").out)["route"] == "direct"
    assert "consolidate" in kedit("history").out

    again = consolidate("--output", place)
    assert again.status == 2
    assert "holds an earlier consolidation" in again.err
    undone = json.loads(kedit("consolidate", "--undo", place, "--json").out)
    assert undone == {"undone": meta["operation"], "edits": ["e1"], "folder": str(place)}
    restored = HuggingFaceModel.load(place, device="cpu").fingerprint
    assert restored == HuggingFaceModel.load(tiny_gpt2_folder, device="cpu").fingerprint
    assert json.loads(kedit("ask", ASKED, "--model", place, "--json").out)["route"] == "direct"


def test_a_broken_limit_is_status_1_with_the_figures(kedit, consolidate, tmp_path):
    history = kedit("history").out
    done = consolidate("--output", tmp_path / "edited", limits=("--min-locality", 1))
    assert done.status == 1
    assert "limit broken: of the other answers 0 of 2 stay, a share of 1 is asked for" in done.out
    assert done.out.endswith("nothing was kept\n")
    assert "reliability     all            after       1.000  (n = 1)" in done.out
    assert not (tmp_path / "edited").exists()
    assert kedit("history").out == history


def test_a_dry_run_saves_nothing(kedit, consolidate, tmp_path):
    before = sorted(tmp_path.iterdir())
    history = kedit("history").out
    done = consolidate("--dry-run")
    assert done.status == 0
    assert "the limits hold, as a dry run shows" in done.out
    assert kedit("history").out == history
    assert sorted(tmp_path.iterdir()) == before


def test_bad_input_is_one_line(consolidate, tmp_path):
    out = ("--output", tmp_path / "edited")
    for words, said in (
        ((), "give --output with a new folder"),
        ((*out, "--dry-run"), "give --output with a new folder"),
        ((*out, "--older-than", "soon"), "'soon' is no age"),
        ((*out, "--older-than", "30d"), "no edit qualifies"),
        ((*out, "--where", "capital"), "no NAME=VALUE"),
        ((*out, "--where", "subject=Spain"), "no edit qualifies: of 2 active ones"),
        ((*out, "--limit", "0"), "the limit is 0"),
        ((*out, "--batch", "0"), "batch is 0"),
        ((*out, "--min-reliability", "2"), "the least reliability is 2.0"),
        ((*out, "--canary", tmp_path / "nowhere"), "cannot be read"),
        ((*out, "--text", tmp_path / "nowhere"), "is no text"),
        ((*out, "--method", "rme"), "did you mean 'rome'?"),
        ((*out, "--model", "openai:x@http://127.0.0.1:9/v1"), "needs a model with hidden states and weights"),
        (("--undo", tmp_path / "nowhere"), "holds no consolidation"),
    ):
        found = consolidate(*words)
        assert found.status == 2, words
        assert said in found.err, (words, found.err)
        assert [line for line in found.err.splitlines() if line.startswith("kedit:")] == [found.err.splitlines()[-1]]
    assert not (tmp_path / "edited").exists()
