"""`scripts/languages_report.py`: the page holds what its rows say."""

import json
import sys

import languages_report
import pytest

from kedit_memory.models.multilingual import NAME


def row(kind, value, model, n):
    return {
        "kind": kind, "value": value, "low": 0.0, "high": 1.0, "n": n, "edits": 1234, "model": model, "commit": "abc",
        "machine": "one", "unit": "share",
    }  # fmt: skip


@pytest.fixture
def page(tmp_path, monkeypatch):
    rows = [row("encode", 0.0021, NAME, 200)]
    for model, right in ((NAME, 0.75), ("all-MiniLM-L6-v2", 0.1)):
        rows += [
            row("de/across", right, model, 100),
            row("fr/across", right, model, 300),
            row("de/cities", 0.5, model, 8),
        ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows), "utf-8")
    words = ["languages_report.py", "--rows", str(tmp_path / "rows.jsonl"), "--output", str(tmp_path / "page.md")]
    monkeypatch.setattr(sys, "argv", words)
    languages_report.main()
    return (tmp_path / "page.md").read_text("utf-8")


@pytest.mark.parametrize(
    "told",
    [
        "in 2.1 ms of processor time (n 200, one at a time)",
        "| German | across | 0.750 | 0.000 to 1.000 | 0.100 | 0.000 to 1.000 | 100 |",
        "| all | across | 0.750 | 0.705 to 0.790 | 0.100 |",
        "- German: false fires ≤ 2.0% with 95% confidence on German, measured on",
        "in one store (1,234 edits)",
    ],
)
def test_a_figure_of_the_page_is_that_of_its_rows(page, told):
    assert told in page


def test_measuring_and_writing_are_not_asked_for_together(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["languages_report.py", "--rows", "x.jsonl"])
    with pytest.raises(SystemExit):
        languages_report.main()
    assert "give --data to measure, or --output to write the page" in capsys.readouterr().err


def test_kinds_are_grouped_by_language():
    groups = [
        languages_report._place(kind) for kind in ("same_de", "from_en_ru", "statement_other_en_zh", "other_en", "x")
    ]
    assert groups == [("de", "same language"), ("ru", "across"), ("zh", "not covered"), None, None]
    assert languages_report._place("statement_from_en_ru") == ("ru", "statements")
