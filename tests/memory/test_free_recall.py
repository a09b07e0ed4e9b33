"""Edits that a question need not name are found by their meaning, among themselves and whatever their radius."""

from collections.abc import Callable

from kedit_memory.memory.memory import EditMemory
from kedit_memory.records import Match

OpenMemory = Callable[..., EditMemory]


def by_meaning(memory: EditMemory, question: str, limit: int = 5, **scope: str) -> list[Match]:
    with memory.reader(**scope) as reader:
        return reader.by_meaning(memory.encode([question])[0], limit)


def answers(found: list[Match]) -> list[str | None]:
    return [match.edit.target for match in found]


def test_names_do_not_stand_in_the_way(memory: EditMemory) -> None:
    memory.add_many([{"prompt": f"Who leads Firm{n}?", "target": str(n), "subject": f"Firm{n}"} for n in range(40)])
    memory.add("How long is the refund window?", "30 days", subject="refund window")
    memory.add("The clinic in Bremen closes at six.", "The clinic in Bremen closes at six.")
    with memory.reader() as reader:
        assert reader.has_unnamed()
    assert answers(by_meaning(memory, "Who leads Firm7? How long is the window?", 1)) == ["30 days"]
    assert len(by_meaning(memory, "Who leads Firm7?", 9)) == 2


def test_radii_do_not_matter_unless_one_was_given(memory: EditMemory) -> None:
    memory.add("alpha beta gamma", "A", radius=0.2)
    memory.add("delta epsilon", "B")
    assert answers(by_meaning(memory, "zeta eta theta")) == ["B"]
    assert answers(by_meaning(memory, "alpha beta gamma")) == ["A", "B"]


def test_many_that_a_radius_keeps_out_take_no_place(memory: EditMemory) -> None:
    memory.add_many([{"prompt": f"red door code {n}", "target": str(n), "radius": 0.01} for n in range(30)])
    memory.add("something else entirely", "B")
    assert answers(by_meaning(memory, "red door code", 1)) == ["B"]


def test_what_was_rejected_never_serves(memory: EditMemory) -> None:
    edit = memory.add("When does the clinic close?", "at six", paraphrases=["closing time of the clinic"])
    memory.reject(edit.id, "When does the shop close?")
    assert by_meaning(memory, "When does the shop close?") == []
    assert by_meaning(memory, "closing time of the clinic")[0].key == "closing time of the clinic"
    memory.confirm(edit.id, "until what hour is the doctor there?")
    assert by_meaning(memory, "until what hour is the doctor there?")[0].key == "until what hour is the doctor there?"


def test_days_namespaces_and_what_holds(memory: EditMemory) -> None:
    memory.add("When is lunch?", "noon", valid_from="2000")
    memory.add("When is lunch?", "one", valid_from="2020")
    memory.add("When is lunch?", "two", namespace="b")
    memory.retract(memory.add("When is tea?", "four").id)
    assert answers(by_meaning(memory, "lunch?")) == ["one"]
    assert answers(by_meaning(memory, "lunch?", as_of="2010")) == ["noon"]
    assert answers(by_meaning(memory, "lunch?", namespace="b")) == ["two"]
    memory.undo()
    assert set(answers(by_meaning(memory, "lunch?"))) == {"four", "one"}


def test_an_edit_that_gets_a_name_is_found_by_it_alone(open_memory: OpenMemory) -> None:
    memory = open_memory()
    edit = memory.add("Who leads?", "Ann")
    assert len(by_meaning(memory, "Who leads it now?")) == 1
    memory.update(edit.id, subject="Acme")
    assert by_meaning(memory, "Who leads it now?") == []
    memory.rebuild()
    memory.close()
    again = open_memory()
    assert by_meaning(again, "Who leads it now?") == []
    again.undo()
    assert len(by_meaning(again, "Who leads it now?")) == 1
    assert again.verify().ok
