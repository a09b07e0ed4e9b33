"""Who gets into the console, for how long, and that no other page sends its forms."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kedit_memory.server.console.sessions import HOURS, Sessions, token_of
from kedit_memory.server.keys import KeyRing
from tests.console.conftest import Visitor, fault, visiting

FACT = {"prompt": "Who feeds the cat?", "target": "Bo"}


@pytest.fixture
def stranger(guarded: str) -> Iterator[Visitor]:
    with visiting(guarded) as one:
        yield one


def sign_in(visitor: Visitor, key: str) -> Visitor:
    page = visitor.post("login", key=key)
    assert page.url.path == "/console/edits", fault(page)
    return visitor


def test_nothing_is_shown_without_a_key(stranger: Visitor) -> None:
    for place in ("edits", "edits/e1", "ask", "decisions", "map", "overview", "transfer", "export", "add", "erase"):
        assert stranger.get(place).url.path == "/console/login"
    assert stranger.post("add", do="save", **FACT).url.path == "/console/login"
    wrong = stranger.post("login", key="kedit-wrong")
    assert (wrong.status_code, fault(wrong)) == (401, "this key opens nothing: it is unknown, expired or revoked")
    asked = stranger.client.get("/console/edits", headers={"hx-request": "true"})
    assert (asked.status_code, asked.headers["hx-redirect"]) == (401, "/console/login")


def test_a_session_is_new_hidden_from_scripts_and_ends(stranger: Visitor, secrets: dict[str, str]) -> None:
    before = stranger.client.cookies["kedit-session"]
    answer = stranger.client.post(
        "/console/login", data={"key": secrets["reader"], "token": stranger.token}, follow_redirects=False
    )
    cookie = next(one for one in answer.headers.get_list("set-cookie") if one.startswith("kedit-session="))
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Path=/console" in cookie
    assert "Secure" not in cookie
    assert "max-age" not in cookie.lower()
    after = stranger.client.cookies["kedit-session"]
    assert after != before
    assert secrets["reader"] not in str(answer.headers)
    assert stranger.get("edits").url.path == "/console/edits"
    stored = b"".join(one.read_bytes() for one in Path(secrets["store"]).glob("sessions.sqlite*"))
    assert after.encode() not in stored
    assert secrets["reader"].encode() not in stored
    assert "Signed out" in stranger.post("logout").text
    stranger.client.cookies.set("kedit-session", after, path="/console")
    assert stranger.get("edits").url.path == "/console/login"


def test_over_https_the_cookie_says_so(stranger: Visitor, secrets: dict[str, str]) -> None:
    answer = stranger.client.post(
        "/console/login",
        data={"key": secrets["reader"], "token": stranger.token},
        headers={"x-forwarded-proto": "https"},
        follow_redirects=False,
    )
    assert any("Secure" in one for one in answer.headers.get_list("set-cookie"))


def test_rights_and_namespaces_are_those_of_the_key(guarded: str, secrets: dict[str, str]) -> None:
    with visiting(guarded) as reader:
        sign_in(reader, secrets["reader"])
        page = reader.get("edits/e1")
        assert "Ann Berg" in page.text
        assert "Retract" not in page.text
        assert reader.get("add").status_code == 403
        for place in ("edits/e1/retract", "undo", "import", "edits/e1/confirm", "erase", "decisions/1/confirm"):
            assert reader.post(place, question="Who?").status_code == 403
        assert reader.get("edits/e2").status_code == 404
        assert reader.post("namespace", namespace="other").status_code == 403
        assert "Somebody Else" not in reader.get("export").text
        assert "Steps since" not in reader.get("overview").text
    with visiting(guarded) as writer:
        sign_in(writer, secrets["writer"])
        assert "Somebody Else" in writer.post("namespace", namespace="other").text
        assert writer.get("edits/e1").status_code == 404
        stored = writer.post("add", do="save", **FACT)
        assert "Stored as" in stored.text
    line = json.loads(Path(secrets["store"], "audit.jsonl").read_text("utf-8").splitlines()[-1])
    assert (line["who"], line["namespace"], line["verb"], line["from"]) == ("writer", "other", "add", "127.0.0.1")
    with visiting(guarded) as admin:
        sign_in(admin, secrets["admin"])
        assert "Steps since" in admin.get("overview").text
        assert "<script>" not in admin.post("namespace", namespace="<script>").text
        assert admin.post("namespace", namespace="a\nb").status_code == 400


def test_a_revoked_key_ends_its_sessions(stranger: Visitor, secrets: dict[str, str]) -> None:
    sign_in(stranger, secrets["short"])
    with closing(KeyRing(Path(secrets["store"]))) as ring:
        ring.revoke("short")
    assert stranger.get("edits").url.path == "/console/login"


def test_forms_of_other_pages_are_refused(guarded: str, secrets: dict[str, str]) -> None:
    with visiting(guarded) as writer:
        sign_in(writer, secrets["writer"])
        for token in ("", "0" * 64, token_of("another session")):
            assert "not from this server" in fault(writer.post("add", do="save", token=token, **FACT))
        writer.get("add")
        foreign = {"origin": "https://evil.example"}
        assert writer.post("add", do="save", headers=foreign, **FACT).status_code == 403
        writer.get("add")
        assert writer.client.get("/console/undo").status_code in (404, 405)
        headers = {"content-type": "application/json"}
        assert writer.client.post("/console/add", content=b"{}", headers=headers).status_code == 403


def test_without_keys_only_this_machine_is_let_in(opened: str) -> None:
    with visiting(opened) as visitor:
        assert visitor.get("edits").status_code == 200
        assert visitor.client.get("/console/edits", headers={"host": "evil.example"}).status_code == 403


def test_without_a_log_it_is_said_how_to_have_one(guarded: str, secrets: dict[str, str]) -> None:
    with visiting(guarded) as reader:
        sign_in(reader, secrets["reader"])
        assert "--log-decisions 1000" in reader.get("decisions").text
        assert "How to have one" in reader.get("overview").text
        told = reader.client.get("/decisions", headers={"x-kedit-key": secrets["reader"]})
        assert (told.status_code, told.json()["error"]["code"]) == (404, "no_log")


def test_a_session_lasts_some_hours(tmp_path: Path) -> None:
    now = datetime(2026, 1, 31, 9, tzinfo=UTC)
    with closing(Sessions(tmp_path, clock=lambda: now)) as sessions:
        session = sessions.begin("desk")
        assert sessions.key_of(session) == "desk"
        assert sessions.key_of(session + "x") is None
        now += timedelta(hours=HOURS)
        assert sessions.key_of(session) is None
    assert Path(tmp_path, "sessions.sqlite").stat().st_mode & 0o777 == 0o600
