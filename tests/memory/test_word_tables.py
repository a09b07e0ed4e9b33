"""Edits that a question need not name are found by their words, whatever is done to them meanwhile."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from test_purging import holding
from test_schema import restored

from kedit_memory.memory import read, word_tables
from kedit_memory.memory.memory import EditMemory
from kedit_memory.memory.word_tables import weights
from kedit_memory.records import Match

OpenMemory = Callable[..., EditMemory]


def by_words(memory: EditMemory, question: str, limit: int = 5, **scope: str) -> list[Match]:
    with memory.reader(**scope) as reader:
        return reader.by_words(question, memory.encode([question])[0], limit)


def answers(found: list[Match]) -> list[str | None]:
    return [match.edit.target for match in found]


def tables(memory: EditMemory) -> list[tuple[Any, ...]]:
    """Namespace, word and edit, with the weight and in how many edits the word is."""
    columns = "namespace, word, edits, edit_id, weight"
    sql = f"SELECT {columns} FROM words JOIN word_edits ON word_id = words.id ORDER BY 1, 2, 4"  # noqa: S608
    return [tuple(row) for row in memory._store.query(sql)]


def check(memory: EditMemory) -> None:
    """The tables hold what they would if they were filled anew; no word is left that no edit has."""
    kept, connection = tables(memory), memory._store.connection
    counted = memory._store.query("SELECT count(*) FROM words")[0][0]
    connection.execute("DELETE FROM meta WHERE name = ?", (word_tables.NOTE,))
    memory._store.database.fill(connection)
    assert tables(memory) == kept
    assert memory._store.query("SELECT count(*) FROM words")[0][0] == counted
    assert len({(namespace, word) for namespace, word, *_ in kept}) == counted


def test_rare_words_tell_more_than_common_ones(memory: EditMemory) -> None:
    memory.add_many([{"prompt": f"How long is the trial of plan {n}?", "target": str(n)} for n in "abcdefgh"])
    memory.add("How is a parcel insured?", "by us")
    memory.add("Which trial is free?", "the first")
    assert answers(by_words(memory, "Is the parcel on trial?", 2)) == ["by us", "the first"]


def test_words_that_very_many_edits_have_bring_up_none(memory: EditMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    memory.add_many([{"prompt": f"Which trial has plan {n}?", "target": str(n)} for n in "abcdefgh"])
    memory.add("Which trial is free?", "the first")
    monkeypatch.setattr(read, "WEIGHED", 7)
    assert answers(by_words(memory, "is a free plan on trial")) == ["the first"]
    assert by_words(memory, "a trial of a plan") == []
    assert by_words(memory, "is it") == []


def test_words_of_the_answer_alone_tell_less() -> None:
    found = weights(["the gate opens early", "gate hours of the big station in the north of town"], "gate code")
    assert found["gate"] > found["station"] > found["code"] > 0


def test_an_answer_in_the_statement_stays_an_answer(memory: EditMemory) -> None:
    memory.add("Who is on call?", "Maria")
    memory.add("Maria is the cook.", "Maria is the cook.")
    assert answers(by_words(memory, "Where is Maria?")) == ["Maria is the cook.", "Maria"]


@pytest.mark.parametrize(
    ("stored", "asked"),
    [
        ("Are refunds processed weekly?", "when is my refund being processed"),
        ("年假一共有几天", "我今年的年假还剩多少"),
        ("返金はいつ受け取れますか", "返金の受け取り方は"),
        ("ค่าจัดส่งเท่าไหร่", "จัดส่งฟรีไหม"),
        ("Wann schließt die Praxis?", "schliesst die PRAXIS heute"),
        ("Сколько стоит доставка?", "есть ли бесплатная доставка"),
    ],
)
def test_words_of_many_scripts(memory: EditMemory, stored: str, asked: str) -> None:
    memory.add_many([{"prompt": f"zz{n} qq{n}?", "target": str(n)} for n in range(9)])
    memory.add(stored, "this")
    assert answers(by_words(memory, asked)) == ["this"]


def test_what_a_question_names_is_not_found_by_words(memory: EditMemory) -> None:
    memory.add("Who leads Acme?", "Ann", subject="Acme")
    assert by_words(memory, "Who leads it?") == []
    assert tables(memory) == []


def test_a_key_is_the_wording_that_is_nearest(memory: EditMemory) -> None:
    memory.add("How do I reset the badge?", "hold it", paraphrases=["my card stopped working"])
    assert by_words(memory, "the card stopped to work")[0].key == "my card stopped working"


def test_what_was_rejected_or_is_beyond_a_radius_never_serves(memory: EditMemory) -> None:
    edit = memory.add("When does the clinic close?", "at six")
    memory.reject(edit.id, "When does the shop close?")
    assert by_words(memory, "When does the shop close?") == []
    assert answers(by_words(memory, "When does the clinic close today?")) == ["at six"]
    memory.add("Where is the gate?", "in Bremen", radius=0.01)
    assert answers(by_words(memory, "Where is the gate?")) == ["in Bremen"]
    assert by_words(memory, "Is the gate there?") == []


def test_other_days_take_no_place(memory: EditMemory) -> None:
    for year in range(1990, 2010):
        memory.add("Who is on call?", f"nurse {year}", valid_from=str(year), valid_until=str(year + 1))
    assert answers(by_words(memory, "call?", 1, as_of="2001-06-01")) == ["nurse 2001"]
    assert by_words(memory, "call?", 1) == []


def test_every_operation_keeps_the_tables(memory: EditMemory) -> None:
    first = memory.add("When is lunch?", "noon", paraphrases=["lunch hour?"], valid_from="2000")
    second = memory.add("When is lunch?", "one", valid_from="2020")
    check(memory)
    memory.confirm(second.id, "is there a midday meal")
    assert answers(by_words(memory, "meal")) == ["one"]
    check(memory)
    memory.undo()
    assert by_words(memory, "meal") == []
    memory.confirm(second.id, "is there a midday meal")
    memory.reject(second.id, "is there a midday meal")
    assert by_words(memory, "meal") == []
    check(memory)
    memory.update(second.id, prompt="When is dinner?", subject="Acme")
    check(memory)
    memory.update(second.id, subject=None)
    check(memory)
    memory.retract(first.id)
    check(memory)
    memory.undo()
    memory.erase("When is breakfast?")
    memory.add("When is tea?", "four", namespace="b")
    check(memory)
    assert answers(by_words(memory, "tea?", namespace="b")) == ["four"]
    assert by_words(memory, "tea?") == []
    memory.rebuild()
    memory.purge(second.id)
    check(memory)


def test_an_import_brings_words(open_memory: OpenMemory, tmp_path: Path) -> None:
    memory, other = open_memory(), open_memory("other")
    memory.confirm(memory.add("When is lunch?", "noon").id, "is there a midday meal")
    memory.export(tmp_path / "all.jsonl")
    other.import_(tmp_path / "all.jsonl")
    assert tables(other) == tables(memory)
    check(other)


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_an_older_store_is_found_by_its_words(version: int, open_memory: OpenMemory, tmp_path: Path) -> None:
    restored(version, tmp_path / "store")
    memory = open_memory()
    check(memory)
    assert "Bo" in answers(by_words(memory, "owns?"))


def test_words_that_other_rules_have_cut_are_cut_anew(open_memory: OpenMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = open_memory()
    memory.add("When is lunch?", "noon")
    memory.close()
    monkeypatch.setattr(word_tables, "words", lambda text: [word[::-1] for word in text.casefold().split()])
    assert "hcnul" not in str(tables(open_memory()))
    monkeypatch.setattr(word_tables, "WORD_RULES", "backwards")
    assert "?hcnul" in str(tables(open_memory()))


def test_words_that_cannot_be_cut_leave_the_store_as_it_was(
    open_memory: OpenMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = open_memory()
    memory.add("When is lunch?", "noon")
    found = tables(memory)
    memory.close()
    with monkeypatch.context() as patch:
        patch.setattr(word_tables, "WORD_RULES", "others")
        patch.setattr(word_tables, "NOTE", None)
        with pytest.raises(Exception, match=r"(?i)not.null"):
            open_memory()
    assert tables(open_memory()) == found


@pytest.mark.parametrize("seed", range(2))
def test_no_page_keeps_a_purged_word(seed: int, open_memory: OpenMemory) -> None:
    chance = random.Random(seed)
    memory = open_memory()
    pieces: dict[str, bytes] = {}
    for turn in range(4):
        rows = []
        for number in range(40):
            secret = f"s{seed}t{turn}n{number}x" + "".join(chance.choices("abcdfgh", k=chance.choice([6, 40, 200])))
            rows.append({"prompt": f"is the lamp of {secret} good", "target": "yes"})
        for edit in memory.add_many(rows):
            pieces[edit.id] = edit.prompt.split()[4][:10].encode()
        for name in chance.sample(sorted(pieces), 10):
            memory.confirm(name, f"is the lamp bright {name} " + "so " * chance.choice([1, 90]))
        gone = chance.sample(sorted(pieces), 10)
        memory.retract(gone[0])
        for name in gone:
            memory.purge(name)
        assert [name for name in gone if holding(memory.path, pieces.pop(name))] == []
    check(memory)
