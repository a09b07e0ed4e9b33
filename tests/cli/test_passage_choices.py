"""Where passages come from and how they are ordered, from the command line; and which of them were left out."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Kedit

ASKED = "Where is Halden Robotics?"
HEAD = "Who is the head of Halden Robotics?"


@pytest.fixture
def store(kedit: Kedit, tmp_path: Path) -> Kedit:
    kedit.add(HEAD, "Ann Berg", "--subject", "Halden Robotics")
    page = tmp_path / "halden.txt"
    page.write_text("Halden Robotics is in Trondheim.\n\nHalden Robotics, in Norway, is led by Ann Berg.\n", "utf-8")
    assert kedit("ingest", page).status == 0
    return kedit


def test_a_cross_encoder_orders_the_passages(store: Kedit, tiny_cross_encoder: Callable[[int], Path]) -> None:
    folder = tiny_cross_encoder(1)
    plain = json.loads(store("ask", ASKED, "--explain", "--json").out)
    outcome = store("ask", ASKED, "--explain", "--rerank", folder, "--device", "cpu", "--json")
    assert outcome.status == 0, outcome.err
    found = json.loads(outcome.out)["passages"]
    scores = [one["score"] for one in found]
    assert scores == sorted(scores, reverse=True)
    assert {one["id"] for one in found} == {one["id"] for one in plain["passages"]}
    assert not set(scores) & {one["score"] for one in plain["passages"]}  # its own, not those of BM25


@pytest.mark.parametrize("command", ["ask", "chat"])
def test_a_cross_encoder_that_is_not_there_is_one_line(store: Kedit, command: str, tmp_path: Path) -> None:
    words = [ASKED] if command == "ask" else []
    outcome = store(command, *words, "--rerank", tmp_path / "none")
    assert (outcome.status, outcome.err.count("\n")) == (2, 1)
    assert f"no folder {tmp_path / 'none'}: give the folder of an existing cross-encoder" in outcome.err


def test_the_embedded_model_says_that_it_cannot_write_passages(store: Kedit) -> None:
    outcome = store("ask", ASKED, "--passages-from", "generated")
    assert (outcome.status, outcome.err.count("\n")) == (2, 1)
    assert "needs a model that follows instructions, which 'kedit-mini' is not" in outcome.err


def test_a_chat_model_writes_one(store: Kedit, tiny_folder: Callable[[str], Path]) -> None:
    # Its window holds a passage that is cut, and no answer after it: what counts here is that it is asked to.
    folder = tiny_folder("gpt2-chat")
    outcome = store("ask", ASKED, "--passages-from", "generated", "--model", folder)
    assert outcome.status == 2
    assert "give less text before the question" in outcome.err


def test_a_source_of_passages_that_is_none_is_one_line(store: Kedit) -> None:
    outcome = store("ask", ASKED, "--passages-from", "dreams")
    assert (outcome.status, outcome.err.count("\n")) == (2, 1)
    assert "no passages_from 'dreams'; choose one of retrieved, generated" in outcome.err


def test_a_passage_that_an_edit_contradicts_is_named(store: Kedit) -> None:
    before = json.loads(store("ask", ASKED, "--explain", "--json").out)
    assert (len(before["passages"]), before["outdated"]) == (2, [])
    store.add(HEAD, "Ida Lund", "--subject", "Halden Robotics")
    after = json.loads(store("ask", ASKED, "--explain", "--json").out)
    assert ["Trondheim" in one["text"] for one in after["passages"]] == [True]
    assert [(one["title"], one["edit"]) for one in after["outdated"]] == [("halden", "e2")]
    printed = store("ask", ASKED, "--explain").out
    assert "left out: halden  (it states what edit e2 has replaced, and is older)" in printed
