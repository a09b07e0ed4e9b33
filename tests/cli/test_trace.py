"""`kedit trace`: a map for people, numbers for machines, and one line for what is wrong."""

import json
from pathlib import Path

import pytest

from .conftest import Kedit

WORDS = ("trace", "What is the capital of France?", "--subject", "France", "--seeds", 2)


def test_people_read_a_map(kedit: Kedit, tiny_gpt2_folder: Path) -> None:
    outcome = kedit(*WORDS, "--model", tiny_gpt2_folder, "--device", "cpu", "--answer", "Bob", store=False)
    assert outcome.status == 0, outcome.err
    lines = outcome.out.splitlines()
    assert lines[0].startswith("'Bob' has probability 0.0")
    assert "with noise on 'France' (2 seeds)" in lines[0]
    assert all(kind in lines[2] for kind in ("state", "mlp", "attention"))
    assert any(" *" in line or "'*" in line for line in lines[4:-5]), "the subject's tokens are marked"
    assert sum("at the subject's last token" in line for line in lines) == 3
    assert outcome.err == ""


def test_machines_read_numbers_and_a_picture_is_drawn(kedit: Kedit, tiny_gpt2_folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    picture = tmp_path / "trace.svg"
    outcome = kedit(*WORDS, "--model", tiny_gpt2_folder, "--answer", "Bob", "--picture", picture, "--json", store=False)
    assert outcome.status == 0, outcome.err
    document = json.loads(outcome.out)
    assert (document["answer"], document["subject"], document["seeds"]) == ("Bob", "France", 2)
    assert document["window"] == 1
    assert set(document["scores"]) == {"state", "mlp", "attention"}
    assert all(len(rows) == len(document["tokens"]) for rows in document["scores"].values())
    assert all(len(row) == 2 for rows in document["scores"].values() for row in rows)
    assert "".join(document["tokens"][place] for place in document["subject_at"]) == " France"
    assert picture.read_text("utf-8").startswith("<?xml")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--subject", "Spain"), "the subject 'Spain' is not in the prompt"),
        (("--subject", "France", "--picture", "a.txt"), "a.txt is no picture's name"),
        (("--subject", "France", "--seeds", "0"), "see `kedit trace --help`"),
        (("--subject", "France", "--model", "openai:far@http://127.0.0.1:9/v1"), "a causal trace needs a model with"),
        ((), "see `kedit trace --help`"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    kedit: Kedit, tiny_gpt2_folder: Path, words: tuple[str, ...], message: str
) -> None:
    model = () if "--model" in words else ("--model", tiny_gpt2_folder)
    outcome = kedit("trace", "What is the capital of France?", *words, *model, store=False)
    assert outcome.status == 2
    assert message in outcome.err
    assert outcome.err.count("\n") == 1
    assert outcome.out == ""
