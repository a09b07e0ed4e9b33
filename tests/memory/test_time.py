"""Superseding in time: a day that was covered stays covered, and no day has two answers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import TODAY, WordEncoder, state  # type: ignore[attr-defined]
from hypothesis import given, settings
from hypothesis import strategies as st

from kedit_memory.errors import ConflictError, InvalidInputError
from kedit_memory.memory.conflicts import Interval, left_after, left_before, overlap
from kedit_memory.memory.memory import EditMemory
from kedit_memory.records import Edit, Kind, Status

ASKED = "Who leads X?"
YEARS = [str(year) for year in range(2001, 2007)]
DAYS = [f"{year}-01-01" for year in range(2000, 2008)]  # one before all years, one in each, one after all


def interval_of_years(ends: tuple[int, int]) -> tuple[str | None, str | None]:
    """An interval between two of the years, or open where an end is one of the outermost."""
    first, last = min(ends), max(ends) + 1
    return (YEARS[first - 1] if first else None), (YEARS[last - 1] if last <= len(YEARS) else None)


INTERVALS = st.tuples(st.integers(0, 6), st.integers(0, 6)).map(interval_of_years)


def covers(interval: tuple[str | None, str | None], day: str) -> bool:
    return (interval[0] is None or interval[0] <= day) and (interval[1] is None or day < interval[1])


def rows(memory: EditMemory) -> dict[str, list[Edit]]:
    """By day, the edits that hold on it."""
    return {day: [match.edit for match in memory.worded([ASKED], as_of=day)] for day in DAYS}


def targets(memory: EditMemory) -> dict[str, set[str]]:
    return {day: {str(edit.target) for edit in found} for day, found in rows(memory).items()}


def without(found: dict[str, list[Edit]], gone: Callable[[Edit], bool]) -> dict[str, set[str]]:
    return {day: {str(edit.target) for edit in edits if not gone(edit)} for day, edits in found.items()}


@given(old=INTERVALS, new=INTERVALS)
def test_what_is_left_are_the_days_of_one_without_the_other(old: tuple[Any, Any], new: tuple[Any, Any]) -> None:
    one, other = Interval(*old), Interval(*new)
    common = [day for day in DAYS if covers(old, day) and covers(new, day)]
    assert overlap(one, other) == overlap(other, one) == bool(common)
    if not common:
        return
    before, after = left_before(one, other), left_after(one, other)
    for day in DAYS:
        held = [part for part in (before, after) if part is not None and covers(part, day)]
        assert len(held) == (covers(old, day) and not covers(new, day))
    for part in (before, after):
        assert part is None or part.start is None or part.end is None or part.start < part.end


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "add", "add", "many", "erase", "date", "retract", "undo", "purge", "move"]),
        INTERVALS,
        st.integers(0, 9),
    ),
    min_size=2,
    max_size=9,
)


class Life:
    """A memory whose answers are compared, after each step, with what the step promises."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0
        self._before: list[tuple[Any, Any]] = []  # a state, and the answers in it, before each operation to be undone
        self.memory = self._opened()

    def _opened(self) -> EditMemory:
        self._count += 1
        return EditMemory.open(self._folder / str(self._count), WordEncoder(), clock=lambda: TODAY)

    def take(self, verb: str, interval: tuple[str | None, str | None], number: int) -> None:
        getattr(self, f"_{verb}")(interval, number)

    def _new_answer(self, interval: tuple[str | None, str | None], target: str, write: Callable[[], Any]) -> None:
        before = targets(self.memory)
        self._remember()
        write()
        expected = {day: {target} if covers(interval, day) else before[day] for day in DAYS}
        assert targets(self.memory) == expected

    def _add(self, interval: tuple[str | None, str | None], number: int) -> None:
        dates = dict(zip(("valid_from", "valid_until"), interval, strict=True))
        count = self.memory.stats().operations
        self._new_answer(interval, f"t{number}", lambda: self.memory.add(ASKED, f"t{number}", **dates))
        if self.memory.stats().operations == count:  # it was said already
            self._before.pop()

    def _erase(self, interval: tuple[str | None, str | None], number: int) -> None:
        del number
        dates = dict(zip(("valid_from", "valid_until"), interval, strict=True))
        count = self.memory.stats().operations
        self._new_answer(interval, "None", lambda: self.memory.erase(ASKED, **dates))
        if self.memory.stats().operations == count:
            self._before.pop()

    def _many(self, interval: tuple[str | None, str | None], number: int) -> None:
        del number
        dates = dict(zip(("valid_from", "valid_until"), interval, strict=True))
        self._count += 1
        rows = [{"prompt": ASKED, "target": f"{n} of {self._count}"} | dates for n in range(3)]
        self._new_answer(interval, f"2 of {self._count}", lambda: self.memory.add_many(rows))

    def _date(self, interval: tuple[str | None, str | None], number: int) -> None:
        if edit := self._chosen(number):
            before = without(rows(self.memory), lambda one: one.id == edit.id)
            self._remember()
            self.memory.update(edit.id, valid_from=interval[0], valid_until=interval[1])
            after = {day: {str(edit.target)} if covers(interval, day) else before[day] for day in DAYS}
            assert targets(self.memory) == after

    def _retract(self, interval: tuple[str | None, str | None], number: int) -> None:
        del interval
        if edit := self._chosen(number):
            after = without(rows(self.memory), lambda one: edit.id in (one.id, one.part_of))
            self._remember()
            self.memory.retract(edit.id)
            assert targets(self.memory) == after

    def _purge(self, interval: tuple[str | None, str | None], number: int) -> None:
        del interval
        if edit := self._chosen(number):
            after = without(rows(self.memory), lambda one: edit.id in (one.id, one.part_of))
            self.memory.purge(edit.id)
            assert targets(self.memory) == after
            self._before.clear()

    def _chosen(self, number: int) -> Edit | None:
        active = self.memory.all()
        return active[number % len(active)] if active else None

    def _undo(self, interval: tuple[str | None, str | None], number: int) -> None:
        del interval, number
        if self._before:
            self.memory.undo()
            assert (state(self.memory), targets(self.memory)) == self._before.pop()

    def _move(self, interval: tuple[str | None, str | None], number: int) -> None:
        """Exports all into a new store, which goes on in its place."""
        del interval, number
        lines, before = self._folder / "lines.jsonl", targets(self.memory)
        self.memory.export(lines)
        self.memory.close()
        self.memory = self._opened()
        self.memory.import_(lines)
        assert targets(self.memory) == before
        self.memory.export(self._folder / "again.jsonl")
        assert (self._folder / "again.jsonl").read_bytes() == lines.read_bytes()
        assert self.memory.import_file(lines).stored == ()
        self._before.clear()

    def _remember(self) -> None:
        self._before.append((state(self.memory), targets(self.memory)))


@settings(max_examples=30, deadline=None)
@given(steps=STEPS)
def test_covered_days_stay_covered_and_none_has_two_answers(
    tmp_path_factory: pytest.TempPathFactory, steps: list[Any]
) -> None:
    life = Life(tmp_path_factory.mktemp("life"))
    try:
        for step in steps:
            life.take(*step)
            assert all(len(found) <= 1 for found in targets(life.memory).values())
        assert life.memory.verify().ok
    finally:
        life.memory.close()


def test_days_on_both_sides_of_a_newer_answer_keep_the_old_one(memory: EditMemory) -> None:
    memory.add(ASKED, "Ann", valid_from="2010", paraphrases=["Who is X led by?"])
    memory.add(ASKED, "Bo", valid_from="2015", valid_until="2016")
    old = {
        day: memory.in_scope("Who is X led by?", as_of=day) for day in ("2009", "2014-12-31", "2015", "2016", "2026")
    }
    assert [[match.edit.target for match in found] for found in old.values()] == [[], ["Ann"], [], ["Ann"], ["Ann"]]
    whole, part = memory.get("e1"), memory.get("e3")
    assert (whole.status, whole.valid_from, whole.valid_until) == (Status.ACTIVE, "2016-01-01", None)
    assert (part.status, part.valid_from, part.valid_until) == (Status.SUPERSEDED, "2010-01-01", "2015-01-01")
    assert (part.holds, part.superseded_by, part.part_of) == (True, "e2", "e1")
    assert memory.search("Who is X led by?", as_of="2012")[0].edit == part


def test_an_undated_fact_keeps_the_days_before_and_after(memory: EditMemory) -> None:
    memory.add(ASKED, "Ann")
    newer = memory.add(ASKED, "Bo", valid_from="2015", valid_until="2016")
    assert targets(memory)["2000-01-01"] == targets(memory)["2007-01-01"] == {"Ann"}
    assert newer.kind is Kind.INSERTION


def test_an_answer_about_past_days_takes_them_from_what_held_then(memory: EditMemory) -> None:
    memory.add(ASKED, "Ann")
    memory.add(ASKED, "Bo", valid_from="2004")
    with pytest.raises(ConflictError, match="e1 already answers it with 'Ann'"):
        memory.add(ASKED, "Cy", valid_from="2002", valid_until="2003", on_conflict="reject")
    memory.add(ASKED, "Cy", valid_from="2002", valid_until="2003")
    by_day = {day[:4]: found.pop() for day, found in targets(memory).items()}
    assert by_day == dict.fromkeys(["2000", "2001", "2003"], "Ann") | {"2002": "Cy"} | dict.fromkeys(
        ["2004", "2005", "2006", "2007"], "Bo"
    )


def test_retracting_and_purging_an_edit_include_its_parts(memory: EditMemory) -> None:
    memory.add(ASKED, "Ann")
    memory.add(ASKED, "Bo", valid_from="2004", valid_until="2005")
    before = state(memory)
    memory.retract("e1")
    assert {day for day, found in targets(memory).items() if found} == {"2004-01-01"}
    memory.undo()
    assert state(memory) == before
    assert memory.purge("e1") == ["e1", "e3"]
    assert [edit.target for edit in memory.all(status=None)] == ["Bo"]


def test_a_merged_export_takes_the_days_that_it_speaks_of(
    open_memory: Callable[..., EditMemory], tmp_path: Path
) -> None:
    theirs, mine = open_memory("theirs"), open_memory("mine")
    theirs.add(ASKED, "Ann")
    theirs.add(ASKED, "Bo", valid_from="2004")
    theirs.export(tmp_path / "lines.jsonl")
    mine.add(ASKED, "Cy", valid_until="2006")
    mine.add(ASKED, "Di", valid_from="2006")
    mine.import_(tmp_path / "lines.jsonl")
    assert targets(mine) == targets(theirs)
    assert mine.verify().ok


def test_a_reader_of_several_days_sees_what_held_on_one_of_them(tmp_path: Path) -> None:
    with EditMemory.open(tmp_path / "store", encoder=WordEncoder()) as memory:
        for name, first, end in (("Ann", "2001", "2002"), ("Bo", "2002", "2004"), ("Cy", "2004", None)):
            memory.add(ASKED, name, valid_from=first, valid_until=end)

        def seen(as_of: str, through: str | None = None) -> set[str | None]:
            with memory.reader(as_of=as_of, through=through) as reader:
                return {match.edit.target for match in reader.worded([ASKED])}

        assert seen("2001-06-01", "2001-12-31") == {"Ann"}
        assert seen("2001-12-31", "2002-01-01") == {"Ann", "Bo"}
        assert seen("2001-01-01", "2009-12-31") == {"Ann", "Bo", "Cy"}
        assert seen("2002-01-01") == {"Bo"}
        assert seen("1999-01-01", "2000-12-31") == set()
        with pytest.raises(InvalidInputError, match="before 2002-01-01"):
            seen("2002-01-01", "2001-01-01")
