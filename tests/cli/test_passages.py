"""`kedit passages`: listed page by page, shown, and removed only when somebody agrees."""

import json
import sqlite3
from pathlib import Path

import pytest

from .conftest import Kedit


@pytest.fixture(autouse=True)
def ingested(kedit: Kedit, tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    lines = [{"id": f"p{number}", "title": "Halden", "text": f"Fact {number}.", "source": "s"} for number in range(3)]
    (docs / "a.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    (docs / "b.txt").write_text("Acme makes anvils.\n", encoding="utf-8")
    assert kedit("ingest", docs).status == 0


def listed(kedit: Kedit, *words: object) -> tuple[list[str], bool]:
    document = json.loads(kedit("passages", "list", *words, "--json").out)
    return [one["text"] for one in document["passages"]], document["more"]


def test_pages_follow_each_other(kedit: Kedit) -> None:
    assert listed(kedit, "--limit", 2) == (["Fact 0.", "Fact 1."], True)
    assert listed(kedit, "--limit", 2, "--after", "p1") == (["Fact 2.", "Acme makes anvils."], False)
    assert listed(kedit, "--source", "s", "--limit", 3) == (["Fact 0.", "Fact 1.", "Fact 2."], False)
    lines = kedit("passages", "list", "--limit", 1).out.splitlines()
    assert lines == ["p0  Halden: Fact 0.  (s)", "there are more: --after p0"]


def test_a_passage_is_shown_whole(kedit: Kedit) -> None:
    assert kedit("passages", "show", "p1").out.splitlines() == [
        "id:      p1",
        "title:   Halden",
        "text:    Fact 1.",
        "source:  s",
    ]
    assert json.loads(kedit("passages", "show", "p1", "--json").out)["date"] is None


def test_passages_are_removed_when_somebody_agrees(kedit: Kedit) -> None:
    refused = kedit("passages", "remove", "p0")
    assert (refused.status, len(listed(kedit)[0])) == (2, 4)
    assert "not confirmed, so nothing was removed" in refused.err
    assert kedit("passages", "remove", "p0", "--yes").out == "1 passage removed\n"
    assert json.loads(kedit("passages", "remove", "--source", "s", "--yes", "--json").out) == {"removed": 2}
    assert listed(kedit) == (["Acme makes anvils."], False)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["show", "p9"], "no passage 'p9' in namespace 'default'; kedit passages list shows those there are"),
        (["remove", "--yes"], "nothing to remove; give the ids of passages, or --source"),
        (["remove", "p9", "--yes"], "no passage 'p9'"),
        (["remove", "--source", "x", "--yes"], "no passage in namespace 'default' is from 'x'"),
        (["list", "--after", "p9"], "no passage 'p9'"),
        (["list", "--limit", "0"], "greater than or equal to 1"),
    ],
)
def test_bad_input_is_one_line(kedit: Kedit, words: list[str], said: str) -> None:
    outcome = kedit("passages", *words)
    assert (outcome.status, outcome.out) == (2, "")
    assert said in outcome.err
    assert outcome.err.count("\n") == 1


def test_an_altered_passage_is_found_by_verify(kedit: Kedit) -> None:
    assert kedit("verify").status == 0
    database = sqlite3.connect(kedit.store / "passages.db")
    with database:
        database.execute("UPDATE passages SET text = 'Forged.' WHERE id = 'p1'")
    database.close()
    outcome = kedit("verify", "--json")
    assert outcome.status == 1
    (problem,) = json.loads(outcome.out)["problems"]
    assert "passage p1 of namespace 'default' is not as it was written; restore a backup" in problem
