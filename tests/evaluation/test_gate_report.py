"""The page about the gate: made of rows alone."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from gate_report import main


def row(method: str, metric: str, kind: str, value: float) -> dict[str, Any]:
    return {"task": "t", "dataset": "d", "method": method, "metric": metric, "kind": kind, "value": value, "low": value,
            "high": value, "n": 200, "unit": "share", "commit": "abc"}  # fmt: skip


def answers(way: float) -> list[dict[str, Any]]:
    rows = []
    for method in ("never", "form", "chosen"):
        for kind in ("all", "nq"):
            suffix = "" if kind == "all" else f"/{kind}"
            rows += [row(method, "accuracy", kind, 0.4), row(method, "calls", kind, 0.5)]
            rows += [row(method, "ratio", f"gain_of_oracle{suffix}", way)]
        rows.append(row(method, "rate", "budget_kept", 0.97))
    return rows


def save(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path.write_text(json.dumps({"rows": rows, "meta": {"command": "kedit it", "plan": {"budget": 0.6}}}), "utf-8")
    return path


@pytest.mark.parametrize(("way", "verdict"), [(0.3, "reached"), (0.1, "**missed**")])
def test_the_page_tells_every_figure_and_what_was_promised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: float, verdict: str
) -> None:
    searches = ("bm25", "dense", "fused")
    floor = [row(search, "false_fire", "nq_open@10/policyqa", 0.125) for search in searches]
    floor += [row(search, "recall", "squad@10/found", 0.75) for search in searches]
    page = tmp_path / "gate.md"
    files = save(tmp_path / "floor.json", floor), save(tmp_path / "answers.json", answers(way))
    words = ["gate_report", "--relevance", str(files[0]), "--answers", str(files[1]), "--output", str(page)]
    monkeypatch.setattr(sys, "argv", words)
    main()
    text = page.read_text("utf-8")
    assert "| nq_open@10/policyqa | gets one | 0.125 (0.12 to 0.12) |" in text
    assert "| squad@10 | found | 0.750 (0.75 to 0.75) |" in text
    assert "| all | form | 0.400 | 0.50 |" in text
    assert "| nq | form |" not in text
    assert f"{verdict}, {way:.3f}" in text
