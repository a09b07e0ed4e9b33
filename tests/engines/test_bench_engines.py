"""The benchmark of the engines: keys that are grown from texts lie as these do, and the page says what was counted."""

import json
import sys
from pathlib import Path

import bench_engines  # type: ignore[import-not-found]
import numpy as np
import pytest
from engines.conftest import unit


def test_keys_are_grown_from_texts_with_radii_of_the_rule() -> None:
    texts = unit(1, 300, 32)
    others = unit(2, 20, 32)
    keys, radii, questions = bench_engines.grown(texts, others, np.arange(20), count=1000, asked=40)
    assert keys.shape == (1000, 32)
    assert questions.shape == (40, 32)
    assert np.allclose(np.linalg.norm(np.concatenate([keys, questions]), axis=1), 1, atol=1e-5)
    gaps = np.linalg.norm(keys[:, None] - keys, axis=2) + 9 * np.eye(1000)
    assert radii.min() >= gaps.min() / 2 - 1e-3
    assert radii.max() <= min(0.65, gaps.min(axis=1).max() / 2 + 1e-3)
    covered = (np.linalg.norm(questions[20:, None] - keys, axis=2) <= radii).any(axis=1)
    assert covered.mean() > 0.8, "the second half lies within radii, but for what the unit sphere moves"


@pytest.mark.parametrize("given", [True, False])
def test_rows_say_what_was_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], given: bool
) -> None:
    file = tmp_path / "vectors.npz"
    np.savez(file, keys=unit(1, 300, 32), questions=unit(2, 20, 32), of=np.arange(20))
    words = ["bench_engines", "--keys", "2000", "--dimension", "32", "--questions", "20", "--kinds", "pq", "--json"]
    monkeypatch.setattr(sys, "argv", [*words, *(["--vectors", str(file)] if given else [])])
    bench_engines.main()
    rows = json.loads(capsys.readouterr().out)["rows"]
    found = {(row["method"], row["metric"], row["kind"]): row for row in rows}
    assert {row["method"] for row in rows} == {"scan", "faiss", "faiss-pq"}
    exact, quick = (found[name, "recall", "covering"] for name in ("faiss", "faiss-pq"))
    assert exact["value"] == 1
    assert exact["n"] == quick["n"] > 0
    assert quick["low"] <= quick["value"] <= quick["high"]
    scan = found["scan", "seconds", "p50"]["value"]
    assert found["faiss", "ratio", "recall_of_scan"]["value"] == scan / found["faiss", "seconds", "p50"]["value"]
