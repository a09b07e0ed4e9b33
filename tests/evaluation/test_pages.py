"""One page about several runs: every figure of them, pictures within, nothing loaded."""

import json
import re
import shutil
from dataclasses import replace

import pytest

from kedit_memory.errors import InvalidInputError
from kedit_memory.evaluation.report.pages import write_report
from kedit_memory.evaluation.report.saved import read_runs, read_saved
from kedit_memory.evaluation.rows import Row, Run
from kedit_memory.evaluation.score import keep, new_log

RUN = Run(task="scope", dataset="world", commit="c", config="k", data="d", model="m", machine="x")
ROW = Row(run=RUN, method="router", metric="reliability", value=0.0, n=0, unit="share", edits=3, seed=1)
SEEN = {
    "curves": {"router": [[0.0, 0.2], [0.5, 1.0]]},
    "operating": {"false": 0.0, "coverage": 0.5},
    "top_one": {"false": 0.1, "coverage": 0.4},
    "reliability": [{"score": 0.5, "share": 0.4, "n": 3}],
}


@pytest.fixture
def files(tmp_path):
    """A log of one task, a document of another and bare rows of a third, with a method whose name looks like HTML."""
    pytest.importorskip("matplotlib")
    keep(new_log(tmp_path / "a.jsonl", "scope", {}), [ROW.share([True, True, False]), replace(ROW, n=2)], **SEEN)
    stream = replace(ROW, run=replace(RUN, task="lifelong"), method="<b>grace", metric="err")
    rows = [replace(stream, edits=n, seed=seed).share([True, seed == 1]).flat() for n in (5, 10) for seed in (1, 2)]
    (tmp_path / "b.json").write_text(json.dumps({"rows": rows, "meta": {"command": "kedit it"}}, indent=1), "utf-8")
    row = replace(ROW, run=replace(RUN, task="compare"), value=0.5, low=0.25, high=0.75, n=12).flat()
    (tmp_path / "c.jsonl").write_text(json.dumps(row | {"mode": "batch", "planned": 12}) + "\n", "utf-8")
    return read_runs(str(tmp_path / name) for name in ("a.jsonl", "b.json", "c.jsonl"))


def test_a_page_tells_of_every_run_and_loads_nothing(files, tmp_path):
    path = tmp_path / "report.html"
    write_report(files, path)
    text = path.read_text("utf-8")
    for name in ("scope, world (version 1)", "lifelong, world (version 1)", "compare, world (version 1)"):
        assert f"{name}</h2>" in text
    assert "<code>kedit it</code>" in text
    assert "<th>&lt;b&gt;grace</th>" in text
    assert "0.750 <small>(0.500 to 1.000; 4)</small>" in text, "two seeds: their mean, the lowest and the highest"
    assert "12 batch edits</h3>" in text
    assert text.count("<svg") == 2, "of the one method that is compared there is no picture"
    assert "prefers-color-scheme: dark" in text
    bare = re.sub(r"<svg.*?</svg>", "", text, flags=re.S)
    assert not re.search(r"(src|href)=\"(?!#)|@import|url\((?!#)|<script", bare)
    anchors = re.findall(r'href="#(\w+)"', bare)
    assert anchors
    assert all(f'id="{anchor}"' in bare for anchor in anchors)
    with pytest.raises(InvalidInputError, match="cannot be written"):
        write_report(files, tmp_path / "absent" / "report.html")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{oops", "line 1: no JSON"),
        ("[1]", "is no JSON object"),
        ('{"rows": [3]}', "no rows of results"),
        ('{"rows": []}', "holds no row; save a document with --json"),
        ('{"log": 1}', "is not how a log begins"),
    ],
)
def test_what_holds_no_rows_is_refused(tmp_path, text, message):
    file = tmp_path / "a.json"
    file.write_text(text, "utf-8")
    with pytest.raises(InvalidInputError, match=message):
        read_saved(file)
    with pytest.raises(InvalidInputError, match="cannot be read"):
        read_saved(tmp_path / "absent.json")


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), pytest.param(1280, "dark", marks=pytest.mark.slow)])
def test_a_page_is_for_everybody_on_a_phone_and_on_a_desk(files, tmp_path, width, scheme):
    sync_api = pytest.importorskip("playwright.sync_api")
    axe = pytest.importorskip("axe_core_python.sync_playwright")
    if not (browser := shutil.which("chromium") or shutil.which("google-chrome")):
        pytest.skip("no chromium on this machine")
    path = tmp_path / "report.html"
    write_report(files, path)
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox", "--disable-gpu"])
        page = chromium.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme).new_page()
        page.set_default_timeout(60_000)
        asked = []
        page.on("request", lambda one: asked.append(one.url))
        page.goto(path.as_uri())
        found = axe.Axe().run(page)["violations"]
        assert not found, [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found]
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{wide} pixels too wide"
        assert asked == [path.as_uri()], "nothing else is loaded"
        chromium.close()
