"""`scripts/ablate_alphaedit.py`: what lies in the free directions, and the page."""

import json

import ablate_alphaedit as ablation
import pytest
import torch


def test_shares_of_known_keys():
    """Three directions of sizes 9, 0.9 and 0.1: below a third of the mean lie the last two."""
    moment = torch.diag(torch.tensor([9.0, 0.9, 0.1]))
    found = ablation.shares(torch.tensor([[1.0, 0.0, 0.0], [0.0, 3.0, 0.0]]), moment, 1 / 3)
    assert found[ablation.DIRECTIONS] == (3, pytest.approx(2 / 3), None, None)
    assert found[ablation.TEXT] == (3, pytest.approx(0.1), None, None)
    n, value, low, high = found[ablation.SUBJECTS]
    assert (n, value) == (2, pytest.approx(0.9))
    assert (low, high) == (0.0, 1.0), "a draw of either key alone"
    none = ablation.shares(torch.ones(2, 3), moment, 0.01)
    assert [share[1] for share in none.values()] == [0.0, 0.0, 0.0]


def test_rows_and_page(tiny_folder, tmp_path, monkeypatch):
    rows, output = tmp_path / "rows.jsonl", tmp_path / "pages" / "alphaedit.md"
    words = ["ablate_alphaedit.py", "--rows", rows, "--page", output, "--model", tiny_folder("llama"), "--edits", "4"]
    monkeypatch.setattr("sys.argv", [str(word) for word in words])
    ablation.main()
    found = [json.loads(line) for line in rows.read_text("utf-8").splitlines()]
    assert len(found) == 3 * 2 * len(ablation.THRESHOLDS)
    text = {row["kind"]: row["value"] for row in found}
    for layer in (0, 1):
        shares = [text[f"directions/{layer}/{threshold:g}"] for threshold in ablation.THRESHOLDS]
        assert shares == sorted(shares), "more is free below a higher threshold"
        assert 0 < shares[-1] < 1
    page = output.read_text("utf-8")
    assert "4 facts, seed 1" in page
    own = [text[f"text/{layer}/{ablation.AlphaEdit.threshold:g}"] for layer in (0, 1)]
    assert f"hold {min(own):.3f} to {max(own):.3f} of text" in page
    line = next(line for line in page.splitlines() if line.startswith("| 1 | 0.5 |"))
    assert f"| {text['text/1/0.5']:.3f} | {text['subjects/1/0.5']:.3f} (" in line


def test_a_threshold_that_leaves_nothing_is_said(tiny_folder):
    model = ablation.white_box(ablation.load_model(str(tiny_folder("llama")), device="cpu"), "a test")
    rows = [row.flat() | {"value": 0.0} for row in ablation.measured(model, ablation.AlphaEdit(tokens=300), 2, 1)]
    assert "no direction is free." in ablation.page(rows)


def test_a_number_of_facts_is_one_or_more(monkeypatch, tmp_path):
    monkeypatch.setattr("sys.argv", ["ablate_alphaedit.py", "--rows", str(tmp_path / "rows"), "--edits", "0"])
    with pytest.raises(SystemExit, match="--edits is 0; give at least one"):
        ablation.main()
