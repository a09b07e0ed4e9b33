"""Questions about places as edits, from rows in the format of DSTC9 and DSTC11."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from kedit_memory.evaluation.tasks.scope.cases import CALIBRATING, TEST, ScopeSet
from kedit_memory.evaluation.tasks.scope.faq import MATTERS, dstc9_faq_set, dstc11_set, matter_of
from kedit_memory.evaluation.tasks.scope.support import joined

PLACES = [f"{first} {last}" for first in ("Blue", "Old", "New", "Wild") for last in ("Corner", "Garden", "Kettle")]
TITLES = (
    ("Does {} have WiFi?", "{} has WiFi."), ("Is there wifi at {}?", "Yes."), ("Is Wi-Fi available?", "Yes."),
    ("Does {} offer wifi?", "Yes."),
    ("Can I bring my dog to {}?", "No dogs."), ("Are dogs allowed at {}?", "No dogs."), ("Do you allow dogs?", "No."),
    ("Is {} dog friendly?", "No dogs."), ("Can I use the internet at {}?", "There is WiFi."),
    ("Does {} offer delivery?", "{} delivers."), ("Can {} deliver?", "Yes."), ("Do you deliver?", "Yes."),
    ("Is delivery offered at {}?", "Yes."), ("Is {} near the sea?", "No."), ("Does {} take Apple Pay?", "Does it?"),
)  # fmt: skip


@pytest.fixture
def data(tmp_path: Path) -> Path:
    docs = {
        place: {
            str(n): {"title": t.replace("{}", place), "body": b.replace("{}", place)} for n, (t, b) in enumerate(rows)
        }
        for at, place in enumerate(PLACES)
        for rows in [[*TITLES[at % 12 :], *TITLES[: at % 12]]]
    }
    known = {str(n): {"name": p, "city": "San Francisco", "docs": docs[p]} for n, p in enumerate(PLACES)}
    known["99"] = {"name": "Far Inn", "city": "Cambridge", "docs": {"0": {"title": "Is there WiFi?", "body": "Yes."}}}
    (tmp_path / "dstc9_knowledge").mkdir()
    (tmp_path / "dstc9_knowledge/knowledge.json").write_text(json.dumps({"restaurant": known}), "utf-8")
    entries = [
        {
            "domain": "hotel",
            "entity_id": n,
            "entity": f"HOUSE OF {place.upper()}",
            "doc_id": m,
            "question": q,
            "answer": a,
        }
        for n, place in enumerate(PLACES)
        for m, (q, a) in enumerate((("Do you serve alcohol?", "Yes."), ("Do you have a pool?", "No.")))
    ]
    dialogues = [dialogue("faq", n, 0, "Does this place serve alcohol?") for n in range(len(PLACES))]
    dialogues += [dialogue("faq", n, 0, "Is their beer cheap?") for n in range(len(PLACES))]
    dialogues += [dialogue("review", 1, None, "Is the view good?"), dialogue("none", None, None, "Book a table.")]
    (tmp_path / "dstc11_track5").mkdir()
    for name, rows in (("knowledge_faqs", entries), ("val_sample", dialogues)):
        lines = "\n".join(json.dumps(row) for row in rows)
        (tmp_path / f"dstc11_track5/{name}.jsonl").write_text(lines, "utf-8")
    return tmp_path


def dialogue(needs: str, place: int | None, entry: int | None, asked: str) -> dict[str, Any]:
    kind = "faq" if needs == "faq" else "review"
    one = {"domain": "hotel", "entity_id": place, "doc_type": kind, "doc_id": entry if kind == "faq" else 7}
    turns = ["U: I need a hotel.", "S: Try this: it is good.", f"U: {asked}"]
    return {"needs": needs, "dialogue": turns, "knowledge": [] if place is None else [one]}


def kinds(one: ScopeSet) -> Counter[str]:
    return Counter(case.kind for case in one.cases)


@pytest.mark.parametrize(
    ("title", "matter"),
    [
        ("Does the Blue Inn have free Wi-Fi?", "price of wifi"),
        ("Is there WiFi at Blue Inn?", "wifi"),
        ("How much is your internet?", "price of wifi"),
        ("Can I check out late?", ""),
        ("What time is check-out?", "check-out time"),
        ("When can I check in at Blue Inn?", "check-in time"),
        ("Do you have parking for bikes?", "bike parking"),
        ("Is there a park near you?", ""),
        ("Is it noisy at Blue Inn?", "noise"),
        ("Do you take Apple Pay or Google Pay?", ""),
        ("Which credit cards do you take?", ""),
    ],
)
def test_a_title_has_a_matter_only_where_all_its_words_belong_to_it(title: str, matter: str) -> None:
    assert matter_of(title, "Blue Inn") == matter
    assert not matter or matter in MATTERS


def test_questions_of_places_are_read_the_same_each_time(data: Path) -> None:
    one = dstc9_faq_set(data, seed=3)
    assert one == dstc9_faq_set(data, seed=3)
    assert one != dstc9_faq_set(data, seed=4)
    assert set(kinds(one)) == {
        "prompt", "rewording", "another_place", "another_matter", "turn", "turn_elsewhere"
    }  # fmt: skip
    assert all(edit.subject in edit.prompt and not edit.target.endswith("?") for edit in one.edits)
    assert {edit.relation for edit in one.edits} <= {"wifi", "dogs", "delivery"}
    assert not any(edit.subject == "Far Inn" for edit in one.edits)


def test_what_is_asked_of_a_place_is_covered_where_it_is_stored_of_that_place(data: Path) -> None:
    for seed in range(5):
        one = dstc9_faq_set(data, seed=seed)
        held = {(edit.subject, edit.relation) for edit in one.edits}
        for case in one.cases:
            named = [place for place in PLACES if place in case.question]
            matter = matter_of(case.question, named[0] if named else "")
            edit = one.edits[case.edit]
            if case.kind in {"prompt", "rewording", "another_place", "another_matter"}:
                assert ((named[0], matter) in held) == case.covered
                assert (named[0] == edit.subject) == (case.kind != "another_place")
            else:
                assert not named
                assert matter == edit.relation
                last = max(PLACES, key=lambda place: " ".join(case.turns).rfind(place))
                assert ((last, matter) in held) == case.covered
                assert (last == edit.subject) == (case.kind == "turn")


def test_a_question_is_stored_in_as_many_wordings_as_are_asked_for(data: Path) -> None:
    one = dstc9_faq_set(data, wordings=2)
    stored = {text for edit in one.edits for text in (edit.prompt, *edit.paraphrases)}
    assert {len(edit.paraphrases) for edit in one.edits} == {0, 1}  # none where it is the place's own title
    assert all(edit.subject in text for edit in one.edits for text in edit.paraphrases)
    assert not any(case.question in stored for case in one.cases if case.kind == "rewording")


def test_joined_sets_keep_their_questions(data: Path) -> None:
    first, second = dstc9_faq_set(data), dstc11_set(data)
    both = joined("both", first, second)
    assert both.edits == first.edits + second.edits
    for case, old in zip(both.cases, first.cases + second.cases, strict=True):
        own = first if case.edit < len(first.edits) else second
        assert both.edits[case.edit] == own.edits[old.edit]


def test_a_turn_is_covered_where_it_asks_for_the_matter_of_its_entry(data: Path) -> None:
    one = dstc11_set(data)
    assert {edit.part for edit in one.edits} <= {CALIBRATING, TEST}
    assert all(edit.subject in edit.prompt for edit in one.edits)
    assert one.edits[0].prompt.startswith("House of ")
    places = len(PLACES) - len(PLACES) // 3
    assert kinds(one)["turn"] == places
    assert kinds(one)["another_place"] == 2 * (len(PLACES) // 3)
    assert kinds(one)["needs_nothing"] == 1
    assert {case.question for case in one.cases if case.covered and case.kind == "turn"} == {
        "Does this place serve alcohol?"
    }
    assert all(
        case.turns == ("I need a hotel.", "Try this: it is good.") for case in one.cases if case.kind != "prompt"
    )
