"""`kedit train`: what editors need is trained from a file, refused, and used by `kedit edit`."""

import json

import pytest


@pytest.fixture
def data(tmp_path):
    path = tmp_path / "edits.jsonl"
    rows = [
        {"prompt": f"The king of {name} may be", "target": "Bob", "paraphrases": [f"Who is the king of {name}?"]}
        for name in (f"land {number}" for number in range(24))
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def test_a_network_is_trained_and_an_edit_takes_it(kedit, data, tmp_path, tiny_gpt2_folder):
    output = tmp_path / "network"
    words = ("--data", data, "--output", output, "--model", tiny_gpt2_folder, "--layers", 1, "--minutes", 0.005)
    found = kedit("train", "mend", *words, "--json", store=False)
    assert found.status == 0, found.err
    assert "training on 22 edits for 0.005 minutes; Ctrl-C keeps" in found.err
    told = json.loads(found.out)
    assert told["options"] == {"network": str(output)}
    assert told["training"]["held_out"]["edits"] == 2
    again = kedit("train", "mend", *words, store=False)
    assert (again.status, again.out) == (2, "")
    assert "holds something already" in again.err
    lines = kedit("train", "mend", *words, "--resume", store=False).out.splitlines()
    assert "not trained on: edits 2" in lines[0]
    assert lines[1] == f"use it: kedit edit --method mend --option network={output}"
    used = kedit("edit", "The king of the north may be", "Bob", "--method", "mend", "--option", f"network={output}",
                 "--model", tiny_gpt2_folder, "--json")  # fmt: skip
    assert used.status == 0, used.err
    other = kedit("edit", "The king of the north may be", "Bob", "--method", "mend", "--option", f"network={output}")
    assert other.status == 2
    assert "kedit train mend --data FILE --model kedit-mini --output FOLDER" in other.err


def test_bad_input_is_one_line(kedit, data, tmp_path):
    new = tmp_path / "new"
    wrong = tmp_path / "wrong.jsonl"
    wrong.write_text('{"prompt": "Who?", "target": "Ann"}\n', "utf-8")
    for words, said in (
        (("mendd", "--data", data, "--output", new), "did you mean 'mend'?"),
        (("mend", "--data", wrong, "--output", new), "line 1: no paraphrases"),
        (("mend", "--data", tmp_path / "none", "--output", new), "cannot be read"),
        (("mend", "--data", data, "--output", new, "--minutes", 0), "minutes is 0.0"),
        (("mend", "--data", data, "--output", new, "--layers", 99), "99 layers to edit"),
        (("serac", "--data", data, "--output", new, "--form", "x"), "no form of a scope classifier named 'x'"),
        (("ke", "--data", data, "--output", new, "--model", "openai:x@http://127.0.0.1:9/v1"), "needs a model with"),
        (("ke", "--output", new), "Missing option '--data'"),
    ):
        found = kedit("train", *words, store=False)
        assert found.status == 2, (words, found.err)
        assert said in found.err, words
        assert len(found.err.strip().splitlines()) <= 2  # what begins may have been said
        assert not new.exists()
