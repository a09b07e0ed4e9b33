"""Questions about another time: which dates are one, and which edits then answer."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from test_dialogue import WordModel

from kedit_memory.memory import EditMemory
from kedit_memory.models.encoder import HashingEncoder
from kedit_memory.routing.router import Router, RouterConfig
from kedit_memory.routing.verify import ScopeVerifier
from kedit_memory.routing.when import when

TODAY = "2026-11-30"
ASKED = "Who is the head of Acme?"
ANN, BO, CY = "Ann Berg", "Bo Lie", "Cy Dahl"
# Each head of Acme: Ann from 2019, Bo from March 2022, Cy from July 2024 to the end of 2025, then Bo again.


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[EditMemory]:
    clock = lambda: datetime(2026, 11, 30, tzinfo=UTC)  # noqa: E731
    with EditMemory.open(tmp_path / "store", encoder=HashingEncoder(), clock=clock) as opened:
        for name, first, end in ((ANN, "2019", None), (BO, "2022-03", None), (CY, "2024-07", "2026-01-01")):
            opened.add(ASKED, name, subject="Acme", relation="head", valid_from=first, valid_until=end)
        opened.add("Who is the head of Umbra?", "Di Moe", subject="Umbra", valid_until="2020-01-01")
        opened.add("Which club took gold during 2018?", "Rovers", valid_from="2021-01-01")
        opened.add("Which town houses Acme?", "Bern", subject="Acme", relation="seat")
        opened.add("What is the motto of 1984?", "War is peace", subject="1984", valid_from="2020-01-01")
        yield opened


@pytest.fixture
def router(memory: EditMemory) -> Router:
    return Router(memory, verifier=ScopeVerifier(WordModel()), config=RouterConfig(path="direct"))


def answer(router: Router, *turns: str, as_of: str | None = None) -> str | None:
    """What the edit says that answers the last of some turns; None where none does."""
    roles = ("user", "assistant") if len(turns) % 2 else ("assistant", "user")
    messages = [{"role": roles[place % 2], "content": text} for place, text in enumerate(turns)]
    found = router.explain(messages=messages, as_of=as_of)
    return found.edits[0].edit.target if found.edits else None


@pytest.mark.parametrize(
    ("said", "first", "last"),
    [
        ("in 2022", "2022-01-01", "2022-12-31"),
        ("during 2022", "2022-01-01", "2022-12-31"),
        ("back in 2022", "2022-01-01", "2022-12-31"),
        ("in June 2023", "2023-06-01", "2023-06-30"),
        ("in February of 2024", "2024-02-01", "2024-02-29"),
        ("on 3 March 2022", "2022-03-03", "2022-03-03"),
        ("on March 3rd, 2022", "2022-03-03", "2022-03-03"),
        ("as of 2022-07-01", "2022-07-01", "2022-07-01"),
        ("in 2022-07", "2022-07-01", "2022-07-31"),
        ("before June 2023", "2023-05-31", "2023-05-31"),
        ("until 2022", "2021-12-31", "2021-12-31"),
        ("after 2022", "2023-01-01", "2023-01-01"),
        ("by the end of 2022", "2022-12-31", "2022-12-31"),
        ("at the beginning of 2022", "2022-01-01", "2022-01-01"),
        ("in early 2022", "2022-01-01", "2022-05-01"),
        ("in mid-2022", "2022-05-02", "2022-08-31"),
        ("in the third quarter of 2022", "2022-07-01", "2022-09-30"),
        ("in Q1 2022", "2022-01-01", "2022-03-31"),
        ("in the winter of 2022", "2022-12-01", "2023-02-28"),
        ("in the second half of 2022", "2022-07-01", "2022-12-31"),
        ("between 2019 and 2021", "2019-01-01", "2021-12-31"),
        ("in the 1990s", "1990-01-01", "1999-12-31"),
        ("in the 19th century", "1801-01-01", "1900-12-31"),
        ("last year", "2025-01-01", "2025-12-31"),
        ("as of last year", "2025-01-01", "2025-12-31"),
        ("late last year", "2025-09-01", "2025-12-31"),
        ("last quarter", "2026-07-01", "2026-09-30"),
        ("last March", "2026-03-01", "2026-03-31"),
        ("next year", "2027-01-01", "2027-12-31"),
        ("two years ago", "2024-11-30", "2024-11-30"),
        ("3 months ago", "2026-08-30", "2026-08-30"),
        ("yesterday", "2026-11-29", "2026-11-29"),
        ("im Jahr 2022", "2022-01-01", "2022-12-31"),
        ("vor Juni 2023", "2023-05-31", "2023-05-31"),
        ("en mars 2022", "2022-03-01", "2022-03-31"),
        ("antes de 2022", "2021-12-31", "2021-12-31"),
    ],
)
def test_a_time_is_read_wherever_it_stands(said: str, first: str, last: str) -> None:
    for text in (f"Who led Acme {said}?", f"{said[:1].upper()}{said[1:]}, who led Acme?"):
        found = when(text, TODAY)
        assert found is not None, text
        assert (found.first, found.last, found.rest.casefold()) == (first, last, "who led acme?")
        assert text[found.start : found.end] == found.said


@pytest.mark.parametrize(
    "text",
    [
        "What is Windows 2000?",
        "What is the price of the 2024 edition?",
        "Who pays in the 2024 edition?",
        "Who wrote in the June 2024 issue?",
        "Who runs Windows Server 2022?",
        "Who sleeps in room 2022?",
        "Who leads the company founded in 1998?",
        "Who leads Acme, which was founded in 1998?",
        "Who leads Acme, founded in 1998?",
        "Founded in 1998, who leads Acme?",
        "Who is in charge in 2022 cities?",
        "What is the toll after 2000 miles?",
        "Does Acme have 2,022 members?",
        "Which error has the code 2022?",
        "What is at 2020 Main Street?",
        "Who has led Acme since 2022?",
        "Who leads Acme this year?",
        "What was the last year of the war?",
        "Who led Acme on 31 February 2022?",
        "Who led Acme in 2022 and in 2023?",
        "Who led Acme in 2022.5?",
        "Who led Acme in 20222?",
    ],
)
def test_a_year_that_is_not_when_is_no_time(text: str) -> None:
    assert when(text, TODAY) is None


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("", BO),  # in force now
        (" in 2020", ANN),
        (" in January 2022", ANN),
        (" in 2022", BO),  # on most days of it
        (" before March 2022", ANN),
        (" in 2024", CY),
        (" at the end of 2024", CY),
        (" last year", CY),
        (" in February 2026", BO),  # reinstated
        (" next year", BO),
        (" in 2018", None),  # before any
        (" between 2015 and 2018", None),
    ],
)
def test_the_edit_that_held_then_answers(router: Router, said: str, told: str | None) -> None:
    assert answer(router, f"Who is the head of Acme{said}?") == told
    assert answer(router, f"Who was the head of Acme{said}?") == told


def test_what_holds_no_more_answers_for_its_time_alone(router: Router) -> None:
    assert answer(router, "Who was the head of Umbra in 2019?") == "Di Moe"
    assert answer(router, "Who was the head of Umbra in 2021?") is None
    assert answer(router, "Who is the head of Umbra?") is None


def test_the_day_that_is_given_is_the_one_from_which_words_tell(router: Router) -> None:
    assert answer(router, ASKED, as_of="2020-05-01") == ANN
    assert answer(router, "Who was the head of Acme last year?", as_of="2023-05-01") == BO
    assert answer(router, "Who was the head of Acme two years ago?", as_of="2022-05-01") == ANN
    assert answer(router, "Who was the head of Acme in 2020?", as_of="2025-05-01") == ANN


def test_a_year_in_an_edits_own_words_is_no_day_on_which_it_holds(router: Router) -> None:
    assert answer(router, "Which club took gold during 2018?") == "Rovers"
    assert answer(router, "During 2018, which club took gold?") == "Rovers"
    assert answer(router, "Which club took gold during 2022?") is None


def test_an_edit_without_days_is_asked_as_before(router: Router) -> None:
    assert answer(router, "Which town houses Acme?") == "Bern"
    assert answer(router, "Which town houses Acme in 2015?") == "Bern"  # the stand-in minds no further word


def test_a_year_in_a_name_is_no_time(router: Router) -> None:
    assert answer(router, "What is the motto in 1984?") == "War is peace"


def test_a_turn_tells_the_time_of_what_leans_on_it(router: Router) -> None:
    first = "Who was the head of Acme in 2020?"
    assert answer(router, first, ANN, "And in 2023?") == BO
    assert answer(router, first, ANN, "What about 2018?") is None
    assert answer(router, "What was Acme like in 2020?", "Small.", "Who was the head of Acme at that time?") == ANN
    assert answer(router, "What was Acme like in 2020?", "Small.", "Who was its head then?") == ANN
    assert answer(router, "What was Acme like in 2020?", "Small.", "Who is its head?") == BO
    assert answer(router, first, ANN, ASKED) == BO


def test_the_reason_tells_the_time_that_was_read(router: Router) -> None:
    hit = router.explain("Who was the head of Acme in 2020?")
    assert hit.reason.endswith("; it held at the time asked about: 'in 2020', 2020-01-01 to 2020-12-31)")
    miss = router.explain("Who was the head of Acme in 2018?")
    assert miss.question == "Who was the head of Acme in 2018?"
    assert miss.reason.endswith("the time asked about: 'in 2018', 2018-01-01 to 2018-12-31")


def test_questions_of_several_times_are_judged_at_once(router: Router) -> None:
    texts = ["Who was the head of Acme in 2020?", ASKED, "Who was the head of Acme last year?", "What is it?"]
    assert [one.edit_id for one in router.judge_many(texts)][:3] == [
        router.explain(text).edits[0].edit.id for text in texts[:3]
    ]


def test_the_verb_of_the_question_itself_may_stand_before_a_time() -> None:
    found = when("In which city was Adobe Systems based in 2014?", TODAY)
    assert found is not None
    assert found.rest == "In which city was Adobe Systems based?"
    assert when("Who is the man born in 1950?", TODAY) is None
    assert when("Who is the head of the company based in 1998?", TODAY) is None


def test_an_edits_own_words_in_another_tense_are_its_own(router: Router) -> None:
    found = router.explain("Who was the head of Acme in 2020?")
    assert "asked in its own words" in found.reason
