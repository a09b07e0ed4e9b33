"""Figures in documents: renewed from rows, and told where they are not what their row says."""

import json

import pytest
import render_results

from kedit_memory.evaluation.rows import Row, Run

RUN = Run(task="scope", dataset="world", commit="c", config="k", data="d", model="m", machine="x")


def row(method, value, *, kind="all", edits=10, seed=1, **more):
    made = Row(
        run=RUN, method=method, metric="reliability", kind=kind, value=value, n=4, unit="share", edits=edits, seed=seed
    )
    return made.flat() | more


ROWS = [
    row("router", 0.6949),
    row("router", 0.1, edits=5),
    row("ft", 0.25, seed=1),
    row("ft", 0.75, seed=2),
    row("rome", 0.5, mode="batch", planned=10),
    row("rome", 0.9, mode="single", planned=10),
    row("loss", -0.031),
]


def link(text, told, table="docs/results/rows/scope.csv"):
    return f'[{text}]({table} "{told}")'


@pytest.fixture
def render(tmp_path, monkeypatch):
    (tmp_path / "scope.jsonl").write_text(json.dumps({"rows": ROWS}), "utf-8")
    (tmp_path / "docs").mkdir()

    def run(*words):
        monkeypatch.setattr("sys.argv", ["render_results.py", *map(str, words), "--root", str(tmp_path)])
        render_results.main()

    return run


def test_figures_are_renewed_as_they_are_written_and_then_hold(render, tmp_path):
    told = [
        ("0.00", "router reliability/all", "0.69"),
        (".000", "router reliability", ".695"),
        ("1%", "router reliability/all", "69%"),
        ("0.9", "router reliability/all edits=5", "0.1"),
        ("0.9", "ft reliability/all", "0.5"),
        ("0.9", "ft reliability/all seed=2", "0.8"),
        ("0.9", "rome reliability/all mode=single", "0.9"),
        ("+0.00", "loss reliability/all", "-0.03"),
    ]
    page = tmp_path / "README.md"
    page.write_text("\n".join(f"So {link(text, which)}." for text, which, _ in told), "utf-8")
    deep = tmp_path / "docs" / "deep.md"
    deep.write_text(link("0.1", "router reliability", "results/rows/scope.csv"), "utf-8")
    render("--rows", tmp_path / "scope.jsonl")
    assert page.read_text("utf-8") == "\n".join(f"So {link(text, which)}." for _, which, text in told)
    assert deep.read_text("utf-8").startswith("[0.7]")
    render("--check")
    assert (tmp_path / "docs" / "results" / "rows" / "scope.csv").read_text("utf-8").count("\n") == len(ROWS) + 1


def test_a_figure_that_is_not_its_rows_is_told_and_left(render, tmp_path):
    render("--rows", tmp_path / "scope.jsonl")
    page = tmp_path / "README.md"
    wrong = [link("0.70", "router reliability/all"), link("1", "nobody reliability"), link("1", "rome reliability")]
    text = "\n".join([*wrong, link("1", "a b", "absent.csv")])
    page.write_text(text, "utf-8")
    with pytest.raises(SystemExit) as end:
        render("--check")
    lines = str(end.value).splitlines()
    assert "README.md, line 1: 0.70 is 0.69 by its row (router reliability/all)" in lines[0]
    assert "has no row 'nobody reliability'" in lines[1]
    assert "has several rows 'rome reliability'; say more of it" in lines[2]
    assert "no table" in lines[3]
    assert page.read_text("utf-8") == text


def test_the_figures_of_the_project_hold(monkeypatch):
    monkeypatch.setattr("sys.argv", ["render_results.py", "--check"])
    render_results.main()
