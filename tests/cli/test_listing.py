"""Lists and histories: by what edits have in common, page by page, in shapes that are the same everywhere."""

import json
from dataclasses import replace

import pytest

from kedit_memory.memory import EditMemory

from .conftest import Kedit

CONFLICTS = {"possible_conflicts": ("e7", "e9")}


@pytest.fixture
def filled(kedit: Kedit) -> Kedit:
    kedit.add("Who leads Acme?", "Ann", "--subject", "Acme", "--relation", "head", "--source", "press")
    kedit.add("Where is Acme?", "Oslo", "--subject", "ACME", "--metadata", "team=sales", "--metadata", "rank=3")
    kedit.add("Who leads Bolt?", "Bo", "--subject", "Bolt", "--relation", "head", "--id", "policy-7")
    kedit("retract", "e3")
    return kedit


def listed(kedit: Kedit, *words: str) -> list[str]:
    return [edit["id"] for edit in json.loads(kedit("list", *words, "--json").out)["edits"]]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ((), ["e1", "e2"]),
        (("--all",), ["e1", "e2", "e3"]),
        (("--status", "retracted"), ["e3"]),
        (("--subject", "acme"), ["e1", "e2"]),
        (("--relation", "head", "--all"), ["e1", "e3"]),
        (("--source", "press"), ["e1"]),
        (("--metadata", "team=sales", "--metadata", "rank=3"), ["e2"]),
        (("--metadata", 'rank="3"'), []),
        (("--since", "2000", "--until", "2001"), []),
        (("--since", "2000-01"), ["e1", "e2"]),
        (("--limit", "1"), ["e1"]),
        (("--after", "e1"), ["e2"]),
    ],
)
def test_edits_are_listed_by_what_they_have_in_common(filled: Kedit, words: tuple[str, ...], found: list[str]) -> None:
    assert listed(filled, *words) == found


def test_a_page_says_where_the_next_one_begins(filled: Kedit) -> None:
    assert filled("list", "--limit", "1").out.splitlines()[-1] == "there are more: --after e1"
    assert "more" not in filled("list", "--limit", "1", "--after", "e1").out
    assert json.loads(filled("list", "--limit", "1", "--json").out)["more"] is True
    first = json.loads(filled("history", "--limit", "2", "--json").out)
    assert (len(first["history"]), first["more"]) == (2, True)
    last = first["history"][-1]["number"]
    assert filled("history", "--limit", "2").out.splitlines()[-1] == f"there are more: --after {last}"
    rest = json.loads(filled("history", "--after", str(last), "--json").out)
    assert rest["history"][0]["number"] > last
    assert rest["more"] is False


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--metadata", "team"), "is no NAME=VALUE"),
        (("--metadata", "a=1", "--metadata", "a=2"), "came before"),
        (("--since", "yesterday"), "is no date"),
        (("--limit", "0"), "--limit"),
        (("--after", "x"), "ids look like"),
        (("--status", "gone"), "--status"),
        (("--status", "active", "--all"), "ask for different lists"),
    ],
)
def test_what_cannot_be_asked_for_is_one_line(filled: Kedit, words: tuple[str, ...], said: str) -> None:
    refused = filled("list", *words)
    assert (refused.status, refused.out, refused.err.count("\n")) == (2, "", 1)
    assert said in refused.err


def test_an_id_of_ones_own_finds_an_edit(kedit: Kedit) -> None:
    kedit.add("Who leads Bolt?", "Bo", "--id", "policy-7")
    kedit.add("Who leads Acme?", "Ann")
    assert json.loads(kedit("show", "policy-7", "--json").out)["id"] == "e1"
    assert json.loads(kedit("update", "policy-7", "--target", "Ida", "--json").out)["target"] == "Ida"
    undone = json.loads(kedit("undo", "policy-7", "--json").out)["undone"]
    assert {row["edit_id"] for row in undone} == {"e1"}


def test_an_edit_that_may_be_contradicted_is_named(kedit: Kedit, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = EditMemory.add
    monkeypatch.setattr(EditMemory, "add", lambda *given, **more: replace(stored(*given, **more), **CONFLICTS))
    assert json.loads(kedit.add("Who leads Acme?", "Ann", "--json").out)["possible_conflicts"] == ["e7", "e9"]
    assert kedit.add("Who leads Acme?", "Ann").out.splitlines()[-1] == "it may contradict e7, e9; see `kedit show`"


def test_documents_have_one_shape_for_an_edit_and_one_for_a_change(filled: Kedit) -> None:
    shown = json.loads(filled("show", "e1", "--json").out)
    assert json.loads(filled("list", "--json").out)["edits"][0] == shown
    assert json.loads(filled("search", "Who leads Acme?", "--json").out)["matches"][0]["edit"] == shown
    change = json.loads(filled("history", "e1", "--json").out)["history"][0]
    assert (change["before"], change["after"].keys()) == (None, shown.keys())
    undone = json.loads(filled("undo", "--json").out)["undone"][0]
    assert undone.keys() == change.keys()
