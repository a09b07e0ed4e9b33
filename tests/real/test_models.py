"""A known model once it is there: what it is, and that it answers."""

import json
import subprocess
import sys

import pytest

from kedit_memory.models.known import KNOWN, cache_folder, fault

pytestmark = pytest.mark.real


def kedit(*words):
    command = [sys.executable, "-m", "kedit_memory.cli.main", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_it_is_a_chat_model_with_a_window(smollm2):
    assert (smollm2.name, smollm2.format.holds_dialogues, smollm2.window) == ("smollm2", True, 8192)
    assert smollm2.model.config.model_type == "llama"
    assert len(smollm2.fingerprint) == 16


def test_it_knows_a_little_and_reads_a_fact(smollm2):
    assert "Tokyo" in smollm2.answer("What is the capital of Japan?")
    told = smollm2.answer("Who leads the Halden Institute?", ["The Halden Institute is led by Ann Berg."])
    assert "Berg" in told


def test_its_files_are_whole_and_of_the_size_that_is_said(smollm2_here):
    assert fault(smollm2_here, thorough=True) is None
    size = sum(file.stat().st_size for file in (cache_folder() / smollm2_here).iterdir())
    assert size == pytest.approx(KNOWN[smollm2_here].unpacked, rel=0.01)


def test_it_is_listed_and_named_on_the_command_line(smollm2_here, tmp_path):
    listed = json.loads(kedit("models", "list", "--json").stdout)["models"]
    assert {model["name"]: model["here"] for model in listed}[smollm2_here]
    store = tmp_path / "store"
    assert kedit("add", "Who leads Acme?", "Ann Berg", "--subject", "Acme", "--store", store).returncode == 0
    asked = kedit("ask", "Who leads Acme?", "--path", "context", "--model", smollm2_here, "--store", store, "--json")
    assert asked.returncode == 0, asked.stderr
    assert "Berg" in json.loads(asked.stdout)["answer"]
    assert asked.stderr == ""
