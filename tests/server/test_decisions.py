"""The log of decisions: opt-in, bounded, confirmed and rejected, and without what was erased."""

import logging
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from kedit_memory.memory import EditMemory
from kedit_memory.records import Message
from kedit_memory.server import decision_log
from kedit_memory.server.app import create_app
from kedit_memory.server.decision_log import Common, DecisionLog
from kedit_memory.server.settings import Settings, Upstream
from tests.server.conftest import Behind, asking, listening, stored

CHAT = "/v1/chat/completions"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return stored(tmp_path / "store")


@pytest.fixture
def logged(one_behind: Behind, store: Path) -> Iterator[httpx.Client]:
    settings = Settings(store=store, upstreams=(Upstream(url=one_behind.url),), log_decisions=4)
    with listening(create_app(settings)) as url, httpx.Client(base_url=url, timeout=20, trust_env=False) as client:
        yield client


@pytest.fixture
def memory(store: Path) -> Iterator[EditMemory]:
    with EditMemory.open(store) as memory:
        yield memory


@pytest.fixture
def log(memory: EditMemory) -> Iterator[DecisionLog]:
    log = DecisionLog(memory, 10)
    yield log
    log.close()


def questions(client: httpx.Client, **asked: object) -> list[str]:
    return [one["question"] for one in client.get("/decisions", params=asked).json()["decisions"]]


def note(log: DecisionLog, *said: str, namespace: str = "default") -> None:
    log.note([Message("user", one) for one in said], namespace, None, {"link": 0.5})


def held(log: DecisionLog) -> list[str]:
    return [one.question for one in log.page("default", limit=10)]


def bytes_of(store: Path) -> bytes:
    return b"".join(one.read_bytes() for one in store.glob("decisions.sqlite*"))


def test_hits_and_misses_are_logged_newest_first(logged: httpx.Client) -> None:
    for question in ("Who leads Acme?", "What is the tallest tree?"):
        logged.post(CHAT, json=asking(question))
    miss, hit = logged.get("/decisions").json()["decisions"]
    assert (miss["question"], miss["route"], miss["edit"], miss["score"]) == (
        "What is the tallest tree?",
        "none",
        None,
        None,
    )
    assert (hit["route"], hit["edit"], hit["namespace"], hit["feedback"]) == ("direct", "e1", "default", None)
    assert "in its own words" in hit["reason"]
    assert hit["seconds"] > 0


def test_only_the_newest_are_kept_and_lists_have_filters_and_pages(logged: httpx.Client) -> None:
    for number in range(5):
        logged.post(CHAT, json=asking(f"What is tree {number}?"))
    logged.post(CHAT, json=asking("Who leads Acme?"))
    assert questions(logged) == ["Who leads Acme?", "What is tree 4?", "What is tree 3?", "What is tree 2?"]
    assert questions(logged, route="direct") == questions(logged, edit="e1") == ["Who leads Acme?"]
    assert questions(logged, text="TREE 4") == ["What is tree 4?"]
    first = logged.get("/decisions", params={"limit": 2}).json()
    assert first["more"]
    assert questions(logged, before=first["decisions"][-1]["id"]) == ["What is tree 3?", "What is tree 2?"]
    assert questions(logged, feedback="confirm") == []
    for wrong in ({"limit": 0}, {"feedback": "odd"}, {"colour": "red"}):
        assert logged.get("/decisions", params=wrong).status_code == 422


def test_feedback_is_the_memorys_own(logged: httpx.Client, memory: EditMemory) -> None:
    logged.post(CHAT, json=asking("Who is in charge of the whole of it?"))
    number = logged.get("/decisions").json()["decisions"][0]["id"]
    unnamed = logged.post(f"/decisions/{number}/confirm")
    assert (unnamed.status_code, unnamed.json()["error"]["code"]) == (400, "no_edit")
    told = logged.post(f"/decisions/{number}/confirm", json={"edit": "e1"}).json()
    assert told["feedback"] == "confirm"
    assert "Who is in charge of the whole of it?" in [one.text for one in memory.wordings("e1")]
    assert questions(logged, feedback="confirm") == ["Who is in charge of the whole of it?"]
    logged.post(CHAT, json=asking("Who is in charge of the whole of it?"))
    again = logged.get("/decisions").json()["decisions"][0]
    assert again["edit"] == "e1"
    assert logged.post(f"/decisions/{again['id']}/reject").json()["feedback"] == "reject"
    assert {one.kind for one in memory.wordings("e1")} == {"prompt", "rejected"}
    assert logged.post("/decisions/999/reject").status_code == 404
    verbs = [line for line in (memory.path / "audit.jsonl").read_text().splitlines() if '"confirm"' in line]
    assert len(verbs) == 1


def test_a_question_that_leans_on_turns_takes_no_feedback(log: DecisionLog, logged: httpx.Client) -> None:
    note(log, "Who leads Acme?", "And her successor?")
    note(log, "Who leads Acme?", "What is the code of the gate?")
    note(log, "why " * 20_000)
    assert [one.alone for one in log.page("default", limit=3)] == [False, True, False]
    number = next(one.id for one in log.page("default", limit=3) if one.question == "And her successor?")
    refused = logged.post(f"/decisions/{number}/confirm", json={"edit": "e1"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "leans_on_turns")


def test_an_erasure_takes_what_it_is_about_out_of_the_log(logged: httpx.Client, store: Path) -> None:
    for question in ("Whose code is 7731-K?", "What is the code of the gate?", "what's the gate's code of today, the"):
        logged.post(CHAT, json=asking(question))
    logged.post(CHAT, json=asking("What is the tallest tree?"))
    assert b"7731-K" in bytes_of(store)
    erasure = {"prompt": "What is the code of the gate?", "purge": True}
    assert logged.post("/edits/erase", json=erasure).status_code == 201
    assert b"7731-K" not in bytes_of(store)
    assert b"code of the gate" not in bytes_of(store)
    assert questions(logged)[-1:] == ["What is the tallest tree?"]


@pytest.mark.parametrize("purge", [False, True])
def test_so_does_an_erasure_by_another_process(log: DecisionLog, store: Path, purge: bool) -> None:
    note(log, "Is Acme led by the boss of Borea?")
    note(log, "What is the tallest tree?")
    note(log, "Who leads Acme?", namespace="other")
    log.settle()
    with EditMemory.open(store) as elsewhere:
        elsewhere.erase("Who leads Acme?", subject="Acme", purge=purge)
    assert held(log) == ["What is the tallest tree?"]
    assert len(log.page("other", limit=9)) == 1
    assert b"led by the boss" not in bytes_of(store)


def test_what_a_purged_edit_answered_goes_too(logged: httpx.Client, memory: EditMemory) -> None:
    logged.post(CHAT, json=asking("Who leads Acme?"))
    assert questions(logged) == ["Who leads Acme?"]
    memory.purge("e1")
    assert questions(logged) == []


def test_the_log_is_emptied_namespace_by_namespace(log: DecisionLog, store: Path) -> None:
    note(log, "What is the tallest tree?")
    note(log, "What is the oldest tree?", namespace="other")
    assert log.empty("default") == 1
    assert held(log) == []
    assert len(log.page("other", limit=9)) == 1
    assert b"tallest" not in bytes_of(store)


def test_it_goes_on_where_it_was(memory: EditMemory, store: Path) -> None:
    for question in ("What is the tallest tree?", "Who is the sister of Ann Berg?"):
        log = DecisionLog(memory, 10)
        note(log, question)
        log.close()
    memory.erase("Where does Ann Berg work?", subject="Ann Berg")
    log = DecisionLog(memory, 10)
    assert held(log) == ["What is the tallest tree?"]
    log.close()
    assert (store / "decisions.sqlite").stat().st_mode & 0o777 == 0o600


def test_what_it_cannot_keep_up_with_is_left_out(log: DecisionLog, caplog: pytest.LogCaptureFixture) -> None:
    log.settle()
    with log._file.open():  # the writer waits for the file
        with caplog.at_level(logging.WARNING):
            for number in range(2 * decision_log._PENDING + 10):
                note(log, f"What is tree {number}?")
        assert "not logged" in caplog.text
    assert len(held(log)) == 10


def test_a_broken_write_stops_neither_the_log_nor_who_waits(
    log: DecisionLog, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(decision_log, "_row", lambda _: 1 / 0)
        note(log, "What is lost?")
        log.settle()
    assert "falls behind" in caplog.text
    note(log, "What is the tallest tree?")
    assert held(log) == ["What is the tallest tree?"]
    assert log.page("default", Common(text="nothing"), limit=1) == []


def test_switched_off_it_is_taken_away(memory: EditMemory, store: Path) -> None:
    log = DecisionLog(memory, 10)
    note(log, "What is the tallest tree?")
    log.close()
    settings = Settings(store=store, upstreams=(Upstream(url="http://127.0.0.1:9/v1"),))
    with listening(create_app(settings)) as url:
        told = httpx.get(f"{url}/decisions", trust_env=False)
    assert (told.status_code, told.json()["error"]["code"]) == (404, "no_log")
    assert not list(store.glob("decisions.sqlite*"))
