import json
import sys

import bench_report
import pytest


def row(task, kind, value, *, dataset="templates", unit="s", edits=None, **more):
    fixed = {
        "commit": "abc",
        "machine": "one",
        "method": "kedit",
        "metric": "seconds",
        "low": None,
        "high": None,
        "n": 9,
    }
    return fixed | {"task": task, "dataset": dataset, "kind": kind, "value": value, "unit": unit, "edits": edits} | more


def written(tmp_path, monkeypatch, *documents):
    for number, rows in enumerate(documents):
        (tmp_path / f"{number}.json").write_text(json.dumps({"rows": rows, "meta": {}}), "utf-8")
    files = [str(tmp_path / f"{number}.json") for number in range(len(documents))]
    output = tmp_path / "page" / "speed.md"
    monkeypatch.setattr(sys, "argv", ["bench_report.py", "--rows", *files, "--output", str(output)])
    bench_report.main()
    return output.read_text("utf-8")


def test_each_script_has_its_section_and_each_promise_its_verdict(tmp_path, monkeypatch):
    text = written(
        tmp_path,
        monkeypatch,
        [row("retrieval", "build", 1900.0, dataset="zipf_1000000"), row("retrieval", "peak_query", 2e9, unit="B")],
        [
            row("scope_speed", "p99/nothing_linked/decision", 0.004, edits=100_000),
            row("scope_speed", "p99/nothing_linked/decision", 0.070, edits=10_000),
        ],
    )
    assert text.index("## The decision about scope") < text.index("## Passages")
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    assert "| kedit, 100,000 | seconds/p99/nothing_linked/decision | 4.00 ms |  | 9 | ≤ 60.00 ms | reached |" in lines
    assert (
        "| kedit, 10,000 | seconds/p99/nothing_linked/decision | 70.00 ms |  | 9 |  |  |" in lines
    )  # promised of others
    assert "| zipf_1000000 | seconds/build | 1,900 s |  | 9 | ≤ 1,800 s | **missed** |" in lines
    assert "2,000 MB" in text


def test_a_promise_of_one_set_is_not_asked_of_another():
    section = bench_report.SECTIONS["retrieval"]
    recall = {"unit": "share", "metric": "recall"}
    assert bench_report.verdict(section, row("retrieval", "bm25_at_5", 0.98, dataset="world", **recall))[1] == "reached"
    assert bench_report.verdict(section, row("retrieval", "bm25_at_5", 0.5, dataset="squad", **recall)) == ("", "")


@pytest.mark.parametrize("text", ["not JSON", "[]", '{"rows": [{"task": "scope"}]}'])
def test_a_file_of_another_kind_is_refused(tmp_path, text):
    (tmp_path / "rows.json").write_text(text, "utf-8")
    with pytest.raises(SystemExit, match=r"rows\.json"):
        bench_report.read(tmp_path / "rows.json")
