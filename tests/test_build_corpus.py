"""`scripts/build_corpus.py`, on this machine and over a Ray cluster of two nodes started on it."""

import json
import sys
from pathlib import Path

import build_corpus
import pytest

from kedit_memory.retrieval.corpus import Corpus


def run(monkeypatch, capsys, *words):
    monkeypatch.setattr(sys, "argv", ["build_corpus.py", *map(str, words), "--json"])
    status = build_corpus.main()
    captured = capsys.readouterr()
    return status, json.loads(captured.out) if captured.out else captured.err


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    file = tmp_path / "corpus.jsonl"
    rows = [{"text": f"Town number {i} lies by river {i * 7}."} for i in range(1500)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


def test_it_ingests_once(monkeypatch, capsys, corpus, tmp_path):
    words = (corpus, "--store", tmp_path / "store", "--encoder", "hashing")
    status, report = run(monkeypatch, capsys, *words)
    assert (status, report["added"], report["passages"], report["encoded"]) == (0, 1500, 1500, 0)
    assert run(monkeypatch, capsys, *words)[1]["added"] == 0


def test_bad_input_is_one_line(monkeypatch, capsys, tmp_path):
    status, line = run(monkeypatch, capsys, tmp_path / "none.jsonl", "--store", tmp_path / "store")
    assert status == 2
    assert line.startswith("no file or folder")


def test_an_address_that_is_none_is_named(monkeypatch, capsys, corpus, tmp_path):
    status, line = run(monkeypatch, capsys, corpus, "--store", tmp_path / "store", "--ray", "here")
    assert status == 2
    assert line == "no address of a Ray cluster: 'here'; give HOST:PORT of its head, or auto\n"
    assert not (tmp_path / "store").exists()


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_two_nodes_encode_what_one_machine_does(monkeypatch, capsys, corpus, tmp_path, ray_cluster):
    vectors = []
    for store, words in (("one", ["--dense"]), ("two", ["--ray", ray_cluster.address])):
        told = run(monkeypatch, capsys, corpus, "--store", tmp_path / store, "--encoder", "hashing", *words)
        assert (told[0], told[1]["encoded"]) == (0, 1500)
        with Corpus(tmp_path / store) as passages:
            vectors.append([tuple(row) for row in passages.database.query("SELECT * FROM vectors ORDER BY row")])
    assert vectors[0] == vectors[1]
