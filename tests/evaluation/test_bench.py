"""`make bench` and `make bench-check`: rows come out of each part, are kept, and a regression of a ratio fails."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import bench
import bench_memory
import bench_peers
import bench_report
import pytest

from kedit_memory.evaluation.rows import Row, describe_run

PEER = """#!{python}
import json, sys
print(json.dumps({found}))
"""


def row(task: str, kind: str, value: float, **more: Any) -> Row:
    run = describe_run(task, "templates", model="given")
    return replace(
        Row(run=run, method="kedit", metric="ratio", kind=kind, value=value, n=3, unit="times", edits=1000), **more
    )


def interpreter(folder: Path, found: Any) -> str:
    """What stands for the Python of an environment with peers: each of them answers the same."""
    file = folder / "python"
    file.write_text(PEER.format(python=sys.executable, found=found))
    file.chmod(0o755)
    return str(file)


def run_main(monkeypatch: pytest.MonkeyPatch, folder: Path, *options: str) -> None:
    words = ["bench.py", "--rows", str(folder / "rows.jsonl"), "--page", str(folder / "page" / "speed.md"), *options]
    monkeypatch.setattr(sys, "argv", words)
    bench.main()


def test_the_memory_is_measured_with_given_vectors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_memory, "_ADDED", 20)
    monkeypatch.setattr(bench_memory, "_ASKED", 20)
    run = describe_run("memory", "templates")
    rows: list[Row] = []
    for size in (30, 60):
        measured = bench_memory.measure(size, "given", tmp_path / str(size), short=True)
        rows += bench_memory._rows(run, size, measured)
    rows += [*bench_memory._growth(rows), *bench_memory._projected(rows, 10_000)]
    found = {(one.metric, one.kind, one.edits): one.value for one in rows}
    assert found["recall", "covering", 60] == 1.0
    assert found["ratio", "add_of_smallest", 60] == found["seconds", "add_p50", 60] / found["seconds", "add_p50", 30]
    assert found["bytes", "disk", 60] > 60 * 4 * 384
    assert {kind for metric, kind, edits in found if edits == 10_000} == {
        f"{what}/{kind}" for _, kind in bench_memory._GROWS for what in ("projected", "exponent")
    }
    bench_report.write([one.flat() for one in rows], tmp_path / "speed.md")
    assert "| faiss, 10,000 | count/exponent/disk |" in (tmp_path / "speed.md").read_text()
    assert (tmp_path / "speed-memory.png").stat().st_size > 1000


def test_vectors_that_are_given_depend_on_the_text_alone() -> None:
    texts = [text for text, _ in bench_memory.questions(600, numbered=True)]
    whole = bench_memory.GivenEncoder().encode(texts)
    assert (bench_memory.GivenEncoder().encode(texts[500:]) == whole[500:]).all()
    assert len({vector.tobytes() for vector in whole}) == len(texts)
    assert abs((whole**2).sum(1) - 1).max() < 1e-5


def test_what_grows_is_carried_on_by_its_power() -> None:
    rows = [row("memory", "recall_p50", 2e-6 * size**0.5, metric="seconds", edits=size) for size in (100, 10_000)]
    ahead, power = bench_memory._projected(rows, 1_000_000)
    assert (ahead.kind, ahead.edits, ahead.value) == ("projected/recall_p50", 1_000_000, pytest.approx(2e-3))
    assert (power.kind, power.value) == ("exponent/recall_p50", pytest.approx(0.5))
    assert list(bench_memory._projected(rows[:1], 1_000_000)) == []


def test_peers_are_compared_and_a_missing_one_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = list(bench_peers.compared(20, 2, None))
    ours = {one.kind: one for one in rows}
    kinds = {"bulk", "bulk_into_full", "add", "search", "found", "delete", "bytes", "open"}
    assert set(ours) == kinds
    assert ours["found"].value == 1.0
    assert {one.method for one in rows} == {"kedit"}

    rows = list(bench_peers.compared(20, 2, interpreter(tmp_path, {kind: [0.5] for kind in kinds})))
    assert {one.kind for one in rows if one.metric == "ratio"} == kinds - {"found"}
    times = {one.kind: one.value for one in rows if (one.method, one.metric) == ("mem0", "ratio")}
    took = {one.kind: one.value for one in rows if one.method == "kedit"}
    assert times["add"] == 0.5 / took["add"]

    assert len(list(bench_peers.compared(20, 2, interpreter(tmp_path, {"missing": "No module named 'x'"})))) == len(
        kinds
    )
    assert "txtai is skipped: No module named 'x'" in capsys.readouterr().err


def test_rows_are_kept_and_a_regression_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "bench_made_up.py"
    made = [row("answers_speed", "miss", 1.0), row("answers_speed", "batch", 6.0), row("answers_speed", "odd", 1.0)]

    def takes(*values: float) -> None:
        rows = [replace(one, value=value).flat() for one, value in zip(made, values, strict=True)]
        script.write_text(f"print({json.dumps({'rows': rows})!r})")

    part = bench.Part(script=str(script), task="answers_speed", quick="--small", full="--large")
    monkeypatch.setattr(bench, "PARTS", {"made_up": part})
    with pytest.raises(SystemExit, match="keeps no rows to compare with"):
        run_main(monkeypatch, tmp_path, "--check")
    (tmp_path / "rows.jsonl").write_text(json.dumps(row("memory", "recall_of_scan", 20.0).flat()) + "\n")
    takes(1.0, 6.0, 1.0)
    run_main(monkeypatch, tmp_path)
    kept = (tmp_path / "rows.jsonl").read_text()
    assert kept.count("\n") == 1 + 3 + 1, "with the time that the part took, and what was kept of others"
    page = (tmp_path / "page" / "speed.md").read_text()
    assert "| kedit, 1,000, given | ratio/batch | 6.000 times |  | 3 | ≥ 5.000 times | reached |" in page
    assert "seconds/part/whole" in page

    for values, status in (((1.19, 5.1, 9.0), 0), ((0.1, 60.0, 1.0), 0), ((1.21, 6.0, 1.0), 1), ((1.0, 4.9, 1.0), 1)):
        takes(*values)
        with pytest.raises(SystemExit) as ended:
            run_main(monkeypatch, tmp_path, "--check")
        assert ended.value.code == status, values
    assert "WORSE: answers_speed kedit given batch 1000: 4.900, was 6.000" in capsys.readouterr().out
    assert (tmp_path / "rows.jsonl").read_text() == kept
    made[:] = [replace(one, edits=7) for one in made]
    takes(1.0, 6.0, 1.0)
    with pytest.raises(SystemExit) as ended:
        run_main(monkeypatch, tmp_path, "--check")
    assert ended.value.code == 1, "of which the kept rows hold none"


def test_a_part_that_fails_or_is_unknown_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match="no part speed; known: memory, engines, peers"):
        run_main(monkeypatch, tmp_path, "--only", "speed")
    (tmp_path / "bench_broken.py").write_text("raise SystemExit(3)")
    broken = bench.Part(script=str(tmp_path / "bench_broken.py"), task="memory", quick="", full="")
    monkeypatch.setattr(bench, "PARTS", {"broken": broken})
    with pytest.raises(SystemExit, match="failed with 3"):
        run_main(monkeypatch, tmp_path)
    assert not (tmp_path / "rows.jsonl").exists()


def test_the_full_run_holds_the_sizes_of_the_quick_one() -> None:
    sizes = {
        name: [set(bench_sizes(words)) for words in (part.quick or "", part.full)] for name, part in bench.PARTS.items()
    }
    for name in ("memory", "peers", "codebook"):
        quick, full = sizes[name]
        assert quick
        assert quick < full, name
    assert {part.task for part in bench.PARTS.values()} <= set(bench_report.SECTIONS)


def bench_sizes(words: str) -> list[str]:
    """The numbers of edits among the options of a script."""
    given = words.replace(",", " ").split()
    places = [place for place, word in enumerate(given) if word in ("--sizes", "--edits", "--entries")]
    found = []
    for place in places:
        for word in given[place + 1 :]:
            if not word.isdigit():
                break
            found.append(word)
    return found
