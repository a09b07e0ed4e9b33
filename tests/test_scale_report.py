"""`scripts/scale_report.py`: the page holds what its rows say, and what follows from them."""

import json
import sys

import pytest
import scale_report

VALUES = {
    "add": (1000.0, "edits/s"), "durable_add": (0.005, "s"), "disk_per_edit": (5000.0, "B"),
    "faiss_per_key": (2000.0, "B"), "recall": (0.001, "s"), "faiss_per_million": (0.1, "s"),
    "exact_per_million": (0.4, "s"), "faiss-pq_per_million": (0.01, "s"), "faiss-pq_per_key": (2500.0, "B"),
    "rebuild": (1.0, "s"), "encode": (1000.0, "texts/s"), "read_question": (0.02, "s"),
}  # fmt: skip


@pytest.fixture
def written(tmp_path, monkeypatch):
    rows = [
        {"kind": kind, "value": value, "unit": unit, "edits": 20_000, "commit": "abc", "machine": "one"}
        for kind, (value, unit) in VALUES.items()
    ]
    (tmp_path / "rows.json").write_text(json.dumps({"rows": rows}), "utf-8")
    words = ["scale_report.py", "--rows", str(tmp_path / "rows.json"), "--output", str(tmp_path / "page.md")]
    monkeypatch.setattr(sys, "argv", words)
    scale_report.main()
    return " ".join((tmp_path / "page.md").read_text("utf-8").split())


@pytest.mark.parametrize(
    "told",
    [
        "5,000 B",  # on disk
        "100.00 ms",  # a million scanned
        "500 GB on disk and 200 GB in memory, within 60% of 3 machines of 128 GB each.",
        "= 28 core hours",  # 1e8 / 1,000 / 3,600
        "= 1.2 days through one writer",  # 1e8 / 1,000 / 86,400
        "83 core minutes for all",  # 1 / 20,000 * 1e8 / 60
        "= 200 durable adds a second at most, so that 100 a second need 1 store.",
        "Encoding 10 cores + reading 200 cores",
        "= 210 cores, 21.0 ms of a core a question, 5,040 core hours a day: 11 machines, 4 in each region",
        "to which a store changes at 1,000,000 keys, 1.0 s of a core, and the exact `faiss` 10.0;",
        "for every question 10,000 and 100,000 cores.",
        "The exact one stays within 10 ms up to 100,000 keys, `faiss-pq` up to 1,000,000;",
        "the scan above, 521 machines for it alone",  # 10,000 cores, 60% of 32 a machine
    ],
)
def test_what_follows_from_the_rows_is_told(written, told):
    assert told in written


def test_the_page_takes_no_more_than_two_screens(written, tmp_path):
    assert "{" not in written
    assert len((tmp_path / "page.md").read_text("utf-8").splitlines()) <= 90
