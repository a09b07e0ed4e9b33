"""Two runs side by side: what is beyond chance, question by question or by intervals, and what is not compared."""

from dataclasses import replace

import pytest

from kedit_memory.evaluation.report.changes import changes
from kedit_memory.evaluation.report.saved import Measured, Saved, read_saved
from kedit_memory.evaluation.rows import Row, Run
from kedit_memory.evaluation.score import keep, new_log

RUN = Run(task="scope", dataset="world", commit="c", config="k", data="d", model="m", machine="x")
ROW = Row(run=RUN, method="router", metric="reliability", value=0.0, n=0, unit="share", edits=3, seed=1)
HALF = [True, False] * 20


def saved(*rows):
    return Saved(runs=(Measured(rows=tuple(row.flat() for row in rows)),))


def logged(path, *rows):
    log = new_log(path, "scope", {})
    keep(log, rows)
    return read_saved(path)


def test_questions_are_compared_one_by_one_where_both_are_logs(tmp_path):
    """Eight of forty are lost and none is won: .008 by a paired test, while the intervals overlap."""
    fewer = [right and place > 15 for place, right in enumerate(HALF)]
    before = logged(tmp_path / "a.jsonl", ROW.share(HALF))
    after = logged(tmp_path / "b.jsonl", ROW.share(fewer))
    (change,) = changes(before, after).tested
    assert (change.before, change.after, change.paired) == (0.5, 0.3, True)
    assert change.p == pytest.approx(2 * 0.5**8)
    assert change.told
    (alone,) = changes(Saved(runs=before.runs), Saved(runs=after.runs)).tested
    assert not alone.paired
    assert not alone.told
    assert alone.p > 0.05
    same = replace(ROW.share(fewer), run=replace(RUN, config="another"))
    (other,) = changes(before, logged(tmp_path / "c.jsonl", same)).tested
    assert not other.paired, "another plan asks other questions"


def test_observations_of_a_comparison_are_paired_as_well(tmp_path):
    from kedit_memory.evaluation.log import Log, Part, PartKey

    def compared(path, right):
        log = Log.open(path, "compare", {})
        samples = [
            {"metric": "reliability", "kind": "all", "case": place, "total": float(one), "question": 0}
            for place, one in enumerate(right)
        ]
        log.record(
            Part(
                key=PartKey(method="ft", mode="batch", planned=10, seed=1),
                run=replace(RUN, task="compare"),
                facts={"in_force": 10, "memory_seconds": 1.0, "judge": None, "preset": None},
                samples=samples,
            )
        )
        return read_saved(path)

    before = compared(tmp_path / "a.jsonl", [True] * 10)
    after = compared(tmp_path / "b.jsonl", [False] * 8 + [True] * 2)
    found = [one for one in changes(before, after).tested if one.kind == "all" and one.metric == "reliability"]
    assert [(one.paired, one.mode, one.planned, one.edits) for one in found] == [(True, "batch", 10, 10)]
    assert found[0].told


def test_what_cannot_be_compared_is_counted():
    timed = replace(ROW, metric="seconds", value=1.0, n=3, unit="s")
    gone, new = replace(ROW, kind="old").share(HALF), replace(ROW, kind="new").share(HALF)
    moved = replace(ROW, run=replace(RUN, task="ecbd"), value=0.1, low=0.0, high=0.2)
    found = changes(
        saved(timed, gone, moved), saved(timed, new, replace(moved, run=replace(moved.run, task_version=2)))
    )
    assert (found.tested, found.untested, found.gone, found.new) == ((), 1, 1, 1)
    assert found.versions == {"ecbd": (1, 2)}


def test_many_figures_are_adjusted_together():
    """A difference that stands alone is told, and is chance among twenty that do not move."""
    first, second = (replace(ROW, value=v, low=v - 0.1, high=v + 0.1, n=50) for v in (0.5, 0.66))
    still = [replace(first, kind=str(place)) for place in range(20)]
    (alone,) = changes(saved(first), saved(second)).tested
    assert alone.told
    many = changes(saved(first, *still), saved(second, *still)).tested
    assert not any(one.told for one in many)
    assert len(many) == 21
