"""`kedit edit`: edits in the model itself, shown, saved, refused."""

import json

from kedit_memory.models.named import load_model

ASKED = ("edit", "What is the capital of Japan?", "Osaka", "--subject", "Japan")


def test_the_answer_changes_and_another_stays(kedit):
    told = json.loads(kedit(*ASKED, "--ask", "What is the capital of France?", "--json").out)
    ours, other = told["asked"]
    assert (ours["before"], ours["after"]) == ("Tokyo", "Osaka")
    assert (other["before"], other["after"]) == ("Paris", "Paris")
    assert [one["learned"] for one in told["outcomes"]] == [True]


def test_a_checkpoint_holds_the_edit_and_a_card(kedit, tmp_path):
    place = tmp_path / "edited"
    assert "saved in" in kedit(*ASKED, "--checkpoint", place).out
    assert load_model(str(place)).answer("What is the capital of Japan?") == "Osaka"
    assert "| What is the capital of Japan? | Osaka | yes |" in (place / "README.md").read_text("utf-8")
    refused = kedit(*ASKED, "--checkpoint", place)
    assert refused.status == 2
    assert "holds something already" in refused.err


def test_edits_of_the_store_are_written(kedit):
    kedit.add(ASKED[1], "Osaka", "--subject", "Japan")
    kedit("erase", "In which year was Jeff Bezos born?", "--subject", "Jeff Bezos")
    told = json.loads(kedit("edit", "--method", "ft-l", "--json").out)
    assert [(one["prompt"], one["learned"]) for one in told["outcomes"]] == [(ASKED[1], True)]


def test_what_a_checkpoint_cannot_hold_is_said(kedit, tmp_path):
    refused = kedit(*ASKED, "--method", "grace-fast", "--checkpoint", tmp_path / "edited")
    assert refused.status == 2
    assert "kept beside the weights" in refused.err
    assert not (tmp_path / "edited").exists()


def test_bad_input_is_one_line(kedit):
    for words, said in (
        (("edit", "Who?"), "a prompt without a target"),
        ((*ASKED, "--method", "romme"), "did you mean 'rome'?"),
        ((*ASKED, "--option", "layer"), "no NAME=VALUE"),
        ((*ASKED, "--option", "depth=3"), "no option 'depth'; it has"),
        ((*ASKED, "--method", "grace", "--option", "iterations=ten"), "takes a value like 100"),
        ((*ASKED, "--model", "openai:x@http://127.0.0.1:9/v1"), "needs a model with hidden states and weights"),
        (("edit", "Who leads it?", "Ann", "--subject", "Acme"), "no subject in its prompt"),
        (("edit",), "no store"),
    ):
        found = kedit(*words)
        assert found.status == 2
        assert said in found.err, words
        assert found.err.strip().count("\n") == 0, found.err


def test_how_far_it_is_is_told_beside_the_result(kedit):
    found = kedit(*ASKED, "--method", "ft-l", "--json", "--verbose")
    assert "steps of training: 0 of 50" in found.err
    assert json.loads(found.out)["outcomes"][0]["learned"]
    refused = kedit(*ASKED, "--option", "progress=3")
    assert refused.status == 2
    assert "no option 'progress'" in refused.err
