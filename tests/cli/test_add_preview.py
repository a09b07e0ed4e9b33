"""`kedit add --preview`: what a correction would do, printed, with nothing stored."""

import json

import pytest

WORDING = ("Who leads Acme?", "Ann Berg", "--subject", "Acme")

DIALOGUE = '{"messages": [{"role": "user", "content": "who leads acme"}]}'


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("log.txt", "who leads acme\n\nWhere is Borgen?\nwho leads acme\n"),
        ("log.jsonl", f'{{"question": "who leads acme"}}\n"Where is Borgen?"\n{DIALOGUE}\nno\n'),
        ("log.csv", "id,question\n1,who leads acme\n2,Where is Borgen?\n3,who leads acme\n"),
    ],
)  # fmt: skip
def test_questions_of_a_log_are_told_and_nothing_is_stored(kedit, tmp_path, name, text):
    kedit.add("Who leads Acme?", "Bo Lie", "--subject", "Acme")
    log = tmp_path / name
    log.write_text(text, "utf-8")
    done = kedit("add", *WORDING, "--preview", "--questions", log, "--json")
    document = json.loads(done.out)
    assert done.status == 0
    assert [(one["question"], one["times"], one["now"]) for one in document["fires"]] == [("who leads acme", 2, "e1")]
    assert (document["gives_way"], document["asked"]) == (["e1"], 2)
    assert document["unread"] == (name == "log.jsonl")
    assert document["edit"]["id"] is None
    printed = kedit("add", *WORDING, "--preview", "--questions", log)
    assert printed.status == 0
    assert "who leads acme" in printed.out
    assert "1 of 2 distinct questions" in printed.out
    assert [one["target"] for one in json.loads(kedit("list", "--json").out)["edits"]] == ["Bo Lie"]


def test_without_a_log_the_edits_that_it_touches_are_told(kedit):
    kedit.add("Who leads Acme?", "Bo Lie", "--subject", "Acme")
    done = kedit("add", *WORDING, "--preview")
    assert (done.status, done.out.splitlines()[1].split()[:3]) == (0, ["gives", "way:", "e1"])
    assert "Nothing was stored" in done.out


def test_a_log_without_preview_or_a_store_is_refused(kedit, tmp_path):
    log = tmp_path / "log.txt"
    log.write_text("Who?\n", "utf-8")
    assert kedit("add", *WORDING, "--preview").status == 2
    assert not kedit.store.exists()
    kedit.add(*WORDING)
    refused = kedit("add", *WORDING, "--questions", log)
    assert (refused.status, refused.err.count("\n")) == (2, 1)
    assert kedit("add", *WORDING, "--preview", "--questions", tmp_path / "none.txt").status == 2
