"""A few of all faults, and the page about many; `make soak` tries more."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import reliability_report  # type: ignore[import-not-found]

pytestmark = pytest.mark.timeout(1200)  # many processes, one after the other, on a machine that others use
SOAK = Path(__file__).with_name("soak.py")
KILLS = ("create", "add", "add many", "supersede", "purge", "rebuild", "encode again", "backup", "restore",
         "consolidate", "ingest", "migrate 1", "migrate 4", "migrate 5", "migrate 6")  # fmt: skip
FAULTS = (
    *(f"{how}: {name}" for how in ("kill", "power") for name in KILLS),
    *(f"{how}: {what}" for how in ("flipped bit", "cut or torn file") for what in ("cache", "store.db", "passages.db")),
    "flipped bit: notes and operations",
    "flipped bit: counts, names and words",
    "full disk",
    "read-only disk",
    "clock that goes back",
    "two writers, one killed",
    "readers during a rebuild that is killed",
    "folder replaced under an open memory",
)


def soaked(*options: str) -> Any:
    command = [sys.executable, str(SOAK), *options, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="session")
def found() -> Any:
    return soaked("--kills", str(5 * len(KILLS)), "--others", "3")  # three kills of each work, two losses of power


@pytest.mark.parametrize("fault", FAULTS)
def test_nothing_is_lost(found: Any, fault: str) -> None:
    if fault in found["meta"]["not_tried"]:
        pytest.skip("this machine lets no process follow another, or have a disk of its own")
    rates = {row["kind"]: row["value"] for row in found["rows"] if row["dataset"] == fault}
    assert set(rates) == {"survived", "told", "lost"}
    assert not rates["lost"], [one for one in found["meta"]["lost"] if one.startswith(fault)]


def test_every_fault_is_tried(found: Any) -> None:
    assert {row["dataset"] for row in found["rows"]} | set(found["meta"]["not_tried"]) == set(FAULTS)


def test_the_page_tells_what_the_rows_say(found: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{**row, "value": 0.25, "n": 8} if row["kind"] == "lost" else row for row in found["rows"][:3]]
    lost = {"rows": rows, "meta": found["meta"] | {"lost": ["kill: create: all of it", "kill: add: nothing"]}}
    page = reliability_report.report([found, lost])
    assert "| kill: create | 8 |" in page
    assert "2 lost something" in " ".join(page.split())
    assert "- kill: create: all of it" in page
    assert "kill: add: nothing" not in page, "which another run tells of"
    assert page.count("| kill: create |") == 1
    (tmp_path / "none.json").write_text("{}")
    words = ["x", "--rows", str(tmp_path / "none.json"), "--output", str(tmp_path / "page.md")]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit, match="no document of rows"):
        reliability_report.main()


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_thousand_kills_and_losses_of_power_lose_nothing() -> None:
    assert soaked("--kills", "2000", "--others", "0")["meta"]["lost"] == []
