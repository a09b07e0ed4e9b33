"""Two names of one subject: where an edit links them, a newer answer under one supersedes that under the other."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import state  # type: ignore[attr-defined]

from kedit_memory.memory.memory import EditMemory
from kedit_memory.records import Status

LONG, SHORT = "Brio Tools Limited", "BTL"


def asked(name: str, target: str, *, relation: bool, aliases: tuple[str, ...] = ()) -> dict[str, Any]:
    kind = {"relation": "chief"} if relation else {"prompt": f"Who leads {name} today?"}
    return {"subject": name, "target": target, "aliases": aliases, **kind}


@pytest.mark.parametrize("relation", [True, False])
@pytest.mark.parametrize("first", [LONG, SHORT])
@pytest.mark.parametrize("linked", ["by the older", "by the newer", "by another", "in other letters"])
def test_an_alias_links_two_names_of_a_subject(memory: EditMemory, relation: bool, first: str, linked: str) -> None:
    second = {LONG: SHORT, SHORT: LONG}[first]
    if linked == "by another":
        memory.add("Where is it?", "Oslo", subject=LONG, aliases=[SHORT])
    written = second.swapcase() if linked == "in other letters" else second
    older = memory.add(
        **asked(first, "Ann", relation=relation, aliases=(written,) * (linked[:2] != "by" or linked == "by the older"))
    )
    newer = memory.add(**asked(second, "Bo", relation=relation, aliases=(first,) * (linked == "by the newer")))
    assert memory.get(older.id).superseded_by == newer.id
    assert [edit.target for edit in memory.list() if edit.target != "Oslo"] == ["Bo"]
    memory.undo()
    assert memory.get(older.id).status is Status.ACTIVE


def test_without_an_alias_two_names_are_two_subjects(memory: EditMemory) -> None:
    memory.add(**asked(LONG, "Ann", relation=True))
    memory.add(**asked(SHORT, "Bo", relation=True))
    memory.add("Where is it?", "Oslo", subject=LONG, aliases=[SHORT], namespace="other")
    memory.retract(memory.add("Where is it?", "Oslo", subject="Cy", aliases=[LONG]).id)
    memory.add(**asked("Cy", "Di", relation=True))
    assert len(memory.list()) == 3


def test_a_name_that_two_subjects_share_links_neither(memory: EditMemory) -> None:
    memory.add(**asked("Halden in Norway", "Ann", relation=True, aliases=("Halden",)))
    memory.add(**asked("Halden in Sweden", "Bo", relation=True, aliases=("Halden",)))
    assert len(memory.list()) == 2


def test_the_prompt_may_use_the_alias(memory: EditMemory) -> None:
    memory.add(f"Who leads {SHORT} today?", "Ann", subject=LONG, aliases=[SHORT])
    memory.add(f"Who leads {LONG} today?", "Bo", subject=LONG)
    assert [edit.target for edit in memory.list()] == ["Bo"]


def test_an_update_that_gives_an_alias_settles_what_it_links(memory: EditMemory) -> None:
    memory.add(**asked(LONG, "Ann", relation=True))
    memory.add(**asked(SHORT, "Bo", relation=True))
    before = state(memory)
    memory.update("e2", aliases=[LONG])
    assert [edit.target for edit in memory.list()] == ["Bo"]
    memory.undo()
    assert state(memory) == before


def test_days_and_purges_follow_the_link(memory: EditMemory) -> None:
    memory.add(**asked(LONG, "Xyzzy", relation=True, aliases=(SHORT,)))
    memory.add(**asked(SHORT, "Bo", relation=True), valid_from="2020", valid_until="2021")
    assert [edit.target for edit in memory.list(status=None)] == ["Xyzzy", "Bo", "Xyzzy"]
    memory.erase(subject=SHORT, relation="chief", purge=True)
    assert [edit.target for edit in memory.list(status=None)] == [None]


def test_an_export_that_links_supersedes_too(open_memory: Callable[..., EditMemory], tmp_path: Path) -> None:
    theirs, mine = open_memory("theirs"), open_memory("mine")
    theirs.add(**asked(LONG, "Ann", relation=True, aliases=(SHORT,)))
    theirs.export(tmp_path / "all.jsonl")
    mine.add(**asked(SHORT, "Bo", relation=True))
    mine.import_(tmp_path / "all.jsonl")
    assert [edit.target for edit in mine.list()] == ["Ann"]
    assert mine.verify().ok


def test_other_names_are_looked_up_not_searched_for(memory: EditMemory) -> None:
    from kedit_memory.memory.rows import _OTHER_NAMES

    plan = memory._store.query(f"EXPLAIN QUERY PLAN {_OTHER_NAMES}", "default", "btl")
    assert not [row["detail"] for row in plan if row["detail"].startswith("SCAN") and "SUBQUERY" not in row["detail"]]


def test_what_gives_way_leaves_its_names_to_its_successor(memory: EditMemory) -> None:
    memory.add("Who runs the São Tomé project?", "Kari", subject="São Tomé project", aliases=["ST project", "STP"])
    newer = memory.add("Who runs the Sao Tome project?", "Nils", subject="Sao Tome project", aliases=["STP"])
    assert newer.aliases == ("STP", "ST project")
    assert memory.about("Who runs it?", ["Sao Tome project"])[0].edit.id == newer.id
    again = memory.add("Who runs the Sao Tome project?", "Nils", subject="Sao Tome project", aliases=["STP"])
    assert again.id == newer.id
    memory.undo()
    assert memory.get("e1").aliases == ("ST project", "STP")
    assert memory.verify().ok
