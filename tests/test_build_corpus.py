"""`scripts/build_corpus.py`, on this machine and over a Ray cluster of two nodes started on it."""

import json
import sys
from pathlib import Path

import build_corpus
import pytest

from kedit_memory.memory.index import load_engine
from kedit_memory.models.encoder import HashingEncoder
from kedit_memory.retrieval.dense import DenseRetriever


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


def test_without_ray_it_is_named(monkeypatch, capsys, corpus, tmp_path):
    monkeypatch.setitem(sys.modules, "ray", None)
    status, line = run(monkeypatch, capsys, corpus, "--store", tmp_path / "store", "--ray", "auto")
    assert (status, line) == (2, "ray is not installed; run: pip install ray\n")


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_two_nodes_encode_what_one_machine_does(monkeypatch, capsys, corpus, tmp_path):
    ray = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("PYTHONPATH", ":".join(sys.path))  # the workers' way to the script and the package
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        cluster.add_node(num_cpus=1)
        words = (corpus, "--store", tmp_path / "store", "--encoder", "hashing", "--ray", cluster.address)
        status, report = run(monkeypatch, capsys, *words)
        assert len([node for node in ray.nodes() if node["Alive"]]) == 2
    finally:
        ray.shutdown()
        cluster.shutdown()
    assert (status, report["encoded"]) == (0, 1500)
    retriever = DenseRetriever(tmp_path / "store", HashingEncoder(), load_engine("faiss"))
    assert retriever.build() == 0
    (found,) = retriever.search("Town number 77 lies by river 539.", 1)
    assert found.passage.text == "Town number 77 lies by river 539."
    assert found.score == pytest.approx(1.0)
