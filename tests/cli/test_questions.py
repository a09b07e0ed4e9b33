"""Questions from the command line; routes that generate use a tiny random model, so only the way matters."""

import io
import json
import sys
from pathlib import Path

import pytest

from .conftest import Kedit

QUESTION = "Who leads Acme?"
NOBODY = "openai:none@http://127.0.0.1:9/v1"  # a model that cannot be asked


def asked(kedit: Kedit, *words: str) -> dict:
    outcome = kedit("ask", *words, "--json")
    assert outcome.status == 0, outcome.err
    return json.loads(outcome.out)


def test_the_stored_answer_and_the_refusal_need_no_model(kedit: Kedit) -> None:
    kedit.add(QUESTION, "Ann Berg", "--subject", "Acme")
    kedit("erase", "Where does Ann Berg live?", "--subject", "Ann Berg")
    direct = asked(kedit, QUESTION, "--model", NOBODY)
    assert (direct["route"], direct["answer"]) == ("direct", "Ann Berg")
    assert asked(kedit, "Where does Ann Berg live?", "--model", NOBODY)["route"] == "refusal"


def test_explain_loads_no_model(kedit: Kedit) -> None:
    kedit.add(QUESTION, "Ann Berg", "--subject", "Acme")
    decision = asked(kedit, QUESTION, "--explain", "--path", "context", "--model", NOBODY)
    assert decision["route"] == "context"
    assert decision["edits"][0]["id"] == "e1"
    assert "answer" not in decision
    assert "reason:" in kedit("ask", QUESTION, "--explain").out


def test_a_model_that_is_not_there_is_one_line(kedit: Kedit) -> None:
    kedit.add(QUESTION, "Ann Berg", "--subject", "Acme")
    outcome = kedit("ask", QUESTION, "--path", "context", "--model", "/no/such/model")
    assert outcome.status == 2
    assert outcome.err.count("\n") == 1
    assert "/no/such/model" in outcome.err


def test_another_model_answers(kedit: Kedit, tiny_gpt2_folder: Path) -> None:
    kedit.add(QUESTION, "Ann Berg", "--subject", "Acme")
    answer = asked(kedit, "What is the capital of Japan?", "--model", str(tiny_gpt2_folder))
    assert answer["route"] == "parametric"
    assert isinstance(answer["answer"], str)


def test_as_of_asks_the_past(kedit: Kedit) -> None:
    kedit.add(QUESTION, "Ann Berg", "--subject", "Acme", "--relation", "head", "--valid-until", "2024-01-01")
    kedit.add(QUESTION, "Ida Lund", "--subject", "Acme", "--relation", "head", "--valid-from", "2024-01-01")
    assert asked(kedit, QUESTION)["answer"] == "Ida Lund"
    assert asked(kedit, QUESTION, "--as-of", "2023-06-01")["answer"] == "Ann Berg"


def test_chat_goes_on_after_a_bad_question(kedit: Kedit, monkeypatch: pytest.MonkeyPatch) -> None:
    kedit.add(QUESTION, "Ann Berg", "--subject", "Acme")
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"Who\x07?\n\n{QUESTION}\n"))
    outcome = kedit("chat", "--json")
    assert [json.loads(line)["answer"] for line in outcome.out.splitlines()] == ["Ann Berg"]
    assert outcome.err.startswith("kedit: ")


def test_ingested_passages_are_retrieved(kedit: Kedit, tmp_path: Path) -> None:
    kedit.add(QUESTION, "Ann Berg", "--subject", "Acme")
    page = tmp_path / "halden.md"
    page.write_text("Halden Robotics is a company in Trondheim. It builds machines.\n", encoding="utf-8")
    assert "1 new passage," in kedit("ingest", page).out
    assert "0 new passages" in kedit("ingest", page).out
    decision = asked(kedit, "Where is Halden Robotics?", "--explain")
    assert decision["route"] == "retrieval"
    assert "Trondheim" in decision["passages"][0]["text"]


def test_backup_takes_the_passages_along(kedit: Kedit, tmp_path: Path) -> None:
    kedit.add(QUESTION, "Ann Berg", "--subject", "Acme")
    page = tmp_path / "halden.txt"
    page.write_text("Halden Robotics is a company in Trondheim.\n", encoding="utf-8")
    kedit("ingest", page)
    assert kedit("backup", tmp_path / "copy").status == 0
    kedit.store = tmp_path / "copy"
    assert asked(kedit, "Where is Halden Robotics?", "--explain")["route"] == "retrieval"


def test_passages_that_do_not_fit_the_window_are_left_out(kedit: Kedit, tiny_gpt2_folder: Path, tmp_path: Path) -> None:
    kedit.add(QUESTION, "Ann Berg", "--subject", "Acme")
    page = tmp_path / "halden.txt"
    page.write_text("\n\n".join(f"Halden Robotics makes {'more ' * 20}of {n}." for n in range(3)), encoding="utf-8")
    kedit("ingest", page)
    answer = asked(kedit, "What does Halden Robotics make?", "--model", str(tiny_gpt2_folder))
    assert answer["route"] == "retrieval"
    assert len(answer["passages"]) == 1
    assert "2 of them left out" in answer["reason"]


def test_the_demo_is_one_document(kedit: Kedit, tiny_gpt2_folder: Path) -> None:
    outcome = kedit("demo", "--model", tiny_gpt2_folder, "--encoder", "hashing", "--json")
    report = json.loads(outcome.out)
    assert outcome.err == ""
    assert {edit["kind"] for edit in report["edits"]} == {"insertion", "modification", "erasure"}
    assert report["network"] is False
    assert len(json.loads(kedit("list", "--json").out)["edits"]) == 3


def test_doctor_tells_what_is_in_a_store(kedit: Kedit) -> None:
    assert "no store" in kedit("doctor").out
    kedit.add(QUESTION, "Ann Berg")
    assert "1 active edit, keys by hashing" in json.loads(kedit("doctor", "--json").out)["store"]


def test_doctor_tells_what_is_there(kedit: Kedit) -> None:
    report = json.loads(kedit("doctor", "--json", store=False).out)
    assert report["packages"]["torch"]
    assert report["embedded_model"]
    assert "hashing" in report["encoders"]
