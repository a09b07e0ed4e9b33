"""The scripts of `make bench` that ask models, at their smallest: rows come out, and nothing is asked twice."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]  # which load the encoder, the reader and a model
SCRIPTS = Path(__file__).parents[2] / "scripts"


def rows(script: str, *options: str) -> dict[tuple[str, str], Any]:
    command = [sys.executable, str(SCRIPTS / script), *options, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    return {(row["metric"], row["kind"]): row for row in json.loads(done.stdout)["rows"]}


def test_a_miss_is_compared_with_the_plain_model_and_a_batch_with_one_by_one() -> None:
    found = rows("bench_answers.py", "--edits", "16", "--asked", "2", "--together", "4", "--batches", "1")
    assert set(found) == {("ratio", "miss"), ("seconds", "miss"), ("seconds", "miss_plain"), ("ratio", "batch")}
    assert found["ratio", "miss"]["n"] == 2
    assert all(row["value"] > 0 for row in found.values())


def test_batches_that_would_ask_twice_are_refused() -> None:
    command = [sys.executable, str(SCRIPTS / "bench_answers.py"), "--edits", "15", "--together", "4", "--batches", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "too few edits for so many batches" in done.stderr


def test_a_cold_start_is_taken_apart() -> None:
    found = rows("bench_cold.py", "--edits", "5", "--runs", "1")
    assert ("seconds", "first_token") in found
    assert ("seconds", "step/load_model") in found
    assert all(row["value"] > 0 for row in found.values())
