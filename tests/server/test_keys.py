"""Keys: what each opens, until when, and that its secret is nowhere."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kedit_memory.errors import InvalidInputError, NotFoundError, StoreError
from kedit_memory.server.keys import FILE, KeyRing, Right

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ring(tmp_path: Path, clock: Clock) -> Iterator[KeyRing]:
    with closing(KeyRing(tmp_path, clock)) as ring:
        yield ring


def test_a_key_opens_what_it_was_made_for(ring: KeyRing) -> None:
    secret = ring.make("desk", namespaces=["a", "b"], rights=["write"])
    key = ring.opened_by(secret)
    assert key is not None
    assert (key.name, key.namespaces, key.rights) == ("desk", ("a", "b"), {Right.READ, Right.WRITE})
    assert ring.opened_by(secret + "x") is None
    assert ring.opened_by("") is None


def test_a_secret_is_stored_nowhere(ring: KeyRing, tmp_path: Path) -> None:
    secret = ring.make("desk", namespaces=["a"])
    assert len(secret) > 40
    for file in tmp_path.iterdir():
        assert secret.encode() not in file.read_bytes()
    assert secret not in repr(ring.all())


def test_a_key_expires_and_is_revoked(ring: KeyRing, clock: Clock) -> None:
    short, long = ring.make("short", namespaces=["a"], days=2), ring.make("long", namespaces=["*"])
    clock.now = NOW + timedelta(days=1, hours=23)
    assert ring.opened_by(short)
    clock.now = NOW + timedelta(days=2)
    assert ring.opened_by(short) is None
    assert ring.any()
    ring.revoke("long")
    assert ring.opened_by(long) is None
    assert not ring.any()
    assert [key.revoked is None for key in ring.all()] == [True, False]
    with pytest.raises(NotFoundError, match="no key 'long' is in use"):
        ring.revoke("long")


def test_a_ring_sees_what_another_one_does(ring: KeyRing, tmp_path: Path) -> None:
    assert not ring.any()
    with closing(KeyRing(tmp_path)) as elsewhere:
        secret = elsewhere.make("desk", namespaces=["a"])
        assert ring.opened_by(secret)
        elsewhere.revoke("desk")
    assert ring.opened_by(secret) is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"name": ""}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"namespaces": []}, "one or more namespaces"),
        ({"namespaces": ["*", "a"]}, "alone for all"),
        ({"rights": ["reed"]}, "no right 'reed'; choose of read, write, admin"),
        ({"days": 0}, "0 days"),
        ({"rate": 0}, "a rate of 0 lets nobody ask"),
        ({"burst": -1}, "a burst of -1"),
    ],
)
def test_bad_input_is_refused_in_one_line(ring: KeyRing, given: dict, message: str) -> None:
    told = {"name": "desk", "namespaces": ["a"]} | given
    with pytest.raises(InvalidInputError, match=message.replace("*", r"\*")) as error:
        ring.make(told.pop("name"), **told)
    assert "\n" not in str(error.value)
    assert not ring.all()


def test_a_name_is_given_once(ring: KeyRing) -> None:
    ring.make("desk", namespaces=["a"])
    with pytest.raises(InvalidInputError, match="there is a key 'desk' already"):
        ring.make("desk", namespaces=["b"])


def test_a_file_of_another_program_is_left_alone(ring: KeyRing, tmp_path: Path) -> None:
    import sqlite3

    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("CREATE TABLE t (x)")
    connection.close()
    with pytest.raises(StoreError, match="another program"):
        ring.make("desk", namespaces=["a"])


def test_a_file_of_the_first_format_is_brought_up_to_date(tmp_path: Path) -> None:
    import sqlite3

    from kedit_memory.server import keys

    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        connection.executescript(
            f"{keys._MIGRATIONS[0]}; PRAGMA application_id = {keys._OWNER}; PRAGMA user_version = 1;"
        )
        connection.executescript(
            "INSERT INTO key (name, hash, namespaces, rights, created)"
            " VALUES ('old', 'x', '[\"a\"]', '[\"read\"]', '2026-01-01T00:00:00+00:00')"
        )
    with closing(KeyRing(tmp_path)) as ring:
        new = ring.make("new", namespaces=["a"], rate=600, burst=9)
        assert [(key.name, key.rate, key.burst) for key in ring.all()] == [("old", None, None), ("new", 600, 9)]
        assert ring.opened_by(new)
