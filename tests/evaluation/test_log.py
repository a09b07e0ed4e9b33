"""A log: what is kept of each part, what is refused, and rows that are made from it again."""

import json
from dataclasses import replace

import pytest

from kedit_memory.errors import InvalidInputError
from kedit_memory.evaluation.log import DONE, FAILED, Log, Part, PartKey, compact
from kedit_memory.evaluation.rows import Row, Run
from kedit_memory.evaluation.score import keep, new_log, score

RUN = Run(task="scope", dataset="world", commit="c", config="k", data="d", model="m", machine="x")
ROW = Row(run=RUN, method="ft", metric="reliability", value=0.0, n=0, unit="share", edits=3, seed=1)


def key(method, planned=2):
    return PartKey(method=method, mode="batch", planned=planned, seed=1)


def test_parts_are_given_back_and_a_failed_one_is_tried_again(tmp_path):
    file = tmp_path / "log.jsonl"
    log = Log.open(file, "scope", {"edits": (2,)})
    done = Part(key=key("ft"), status=DONE, edits=2, run=RUN, facts={"a": 1}, samples=[{"said": "é"}])
    log.record(done)
    log.record(Part(key=key("kn"), status=FAILED, error="no"))
    whole = file.read_text("utf-8")
    file.write_text(whole + whole.splitlines()[1].replace('"ft"', '"rome"')[:40], "utf-8")  # cut off within a line
    again = Log.open(file, "scope", {"edits": (2,)})
    assert again.parts[0] == done
    assert (again.finished(key("ft")), again.finished(key("kn")), again.finished(key("rome"))) == (True, False, False)
    assert file.read_text("utf-8") == whole
    again.record(replace(done, trace="a trace"))
    assert [(part.key.method, part.trace) for part in Log.read(file).parts] == [("ft", "a trace"), ("kn", "")]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda head: head | {"log": 9}, "has log 9, and this version of kedit has 1: measure anew"),
        (lambda head: head | {"task_version": 9}, "has task_version 9, and this version of kedit has 2"),
        (
            lambda head: head | {"task": "lifelong", "task_version": 2},
            "a run with task 'lifelong', and now it is 'scope': go on with",
        ),
        (lambda head: head | {"plan": {"edits": [3]}}, r"with edits \[3\], and now it is \[2\]"),
        (lambda _: {"edits": [2]}, "line 1, is not how a log begins"),
        (lambda _: [2], "line 1, is no JSON object"),
    ],
)
def test_what_is_no_log_of_this_plan_is_left_as_it_is(tmp_path, change, message):
    file = tmp_path / "log.jsonl"
    Log.open(file, "scope", {"edits": [2]}).record(Part(key=key("ft"), run=RUN))
    head, rest = file.read_text().split("\n", 1)
    text = f"{json.dumps(change(json.loads(head)))}\n{rest}"
    file.write_text(text)
    with pytest.raises(InvalidInputError, match=message):
        Log.open(file, "scope", {"edits": [2]})
    assert file.read_text() == text


def test_a_line_that_is_no_part_and_a_place_that_cannot_be_written(tmp_path):
    file = tmp_path / "log.jsonl"
    Log.open(file, "scope", {})
    with file.open("a") as more:
        more.write('{"key": {"method": "ft"}, "run": null, "colour": 1}\n')
    with pytest.raises(InvalidInputError, match="line 2, is no part of a run"):
        Log.read(file)
    with pytest.raises(InvalidInputError, match="cannot be used for a log"):
        Log.open(tmp_path / "absent" / "log.jsonl", "scope", {})
    with pytest.raises(InvalidInputError, match="cannot be read"):
        Log.read(tmp_path / "absent.jsonl")


def test_rows_are_made_again_of_what_was_seen(tmp_path):
    file = tmp_path / "log.jsonl"
    log = new_log(file, "scope", {"dataset": "world"})
    rows = [ROW.share([True, False, True]), replace(ROW, method="bm25", value=0.25, n=4), replace(ROW, kind="k", n=1)]
    keep(log, rows)
    assert score(file) == [rows[0].flat(), rows[2].flat(), rows[1].flat()], "a part for each method"
    with pytest.raises(InvalidInputError, match="holds this run already: `kedit score"):
        new_log(file, "scope", {"dataset": "world"})
    text = file.read_text()
    file.write_text(text.replace('"metric": "reliability"', '"metric": "reliabilty"'))
    with pytest.raises(InvalidInputError, match="a sample of scope is no figure"):
        score(file)
    file.write_text(text.replace("[true, false, true]", "[true, true, true]"))
    assert score(file)[0]["value"] == 1.0, "of the answers, not of what was counted then"


def test_defaults_are_left_out():
    assert compact(PartKey(method="ft")) == {"method": "ft"}
