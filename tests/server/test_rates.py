"""How often somebody may ask, in one process and in several."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from kedit_memory.server.app import create_app
from kedit_memory.server.errors import Refused
from kedit_memory.server.keys import KeyRing
from kedit_memory.server.rates import Rates
from kedit_memory.server.settings import Settings, Upstream
from tests.server.conftest import Behind, asking, listening, stored


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def taken(rates: Rates, who: str, times: int, **own: int) -> int:
    """How many of so many requests at once are allowed."""
    done = 0
    for _ in range(times):
        try:
            rates.take(who, **own)
        except Refused:
            continue
        done += 1
    return done


def test_a_burst_is_allowed_then_one_at_each_interval(clock: Clock) -> None:
    with closing(Rates(None, rate=30, burst=3, clock=clock)) as rates:
        assert taken(rates, "a", 10) == 3
        clock.now += 1.9
        with pytest.raises(Refused, match="a may send 30 requests a minute, 3 at once; ask again in 1 s") as refused:
            rates.take("a")
        assert (refused.value.status_code, refused.value.headers) == (429, {"Retry-After": "1"})
        clock.now += 0.1
        assert taken(rates, "a", 10) == 1
        assert taken(rates, "b", 10) == 3
        clock.now += 600
        assert taken(rates, "a", 10) == 3


def test_whoever_waits_as_long_as_told_is_let_in(clock: Clock) -> None:
    with closing(Rates(None, rate=7, burst=1, clock=clock)) as rates:
        for _ in range(20):
            rates.take("a")
            with pytest.raises(Refused) as refused:
                rates.take("a")
            assert refused.value.headers
            clock.now += float(refused.value.headers["Retry-After"])


def test_a_rate_of_ones_own_comes_first_and_none_is_no_limit(clock: Clock) -> None:
    with closing(Rates(None, rate=60, burst=2, clock=clock)) as rates:
        assert taken(rates, "a", 9, rate=60, burst=5) == 5
    with closing(Rates(None, rate=None, burst=2, clock=clock)) as rates:
        assert taken(rates, "a", 99) == 99
        assert taken(rates, "b", 99, rate=1) == 2


def test_several_count_together(tmp_path: Path, clock: Clock) -> None:
    file = tmp_path / "rates.sqlite"
    with (
        closing(Rates(file, rate=60, burst=50, clock=clock)) as one,
        closing(Rates(file, rate=60, burst=50, clock=clock)) as other,
        ThreadPoolExecutor(4) as threads,
    ):
        counts = threads.map(lambda rates: taken(rates, "a", 40), (one, other, one, other))
    assert sum(counts) == 50


def test_who_is_gone_is_forgotten(tmp_path: Path, clock: Clock) -> None:
    import sqlite3

    file = tmp_path / "rates.sqlite"
    with closing(Rates(file, rate=60, burst=1, clock=clock)) as rates:
        for number in range(50):
            rates.take(f"10.0.0.{number}")
        clock.now += 60
        rates.take("b")
        with closing(sqlite3.connect(file)) as connection:
            assert connection.execute("SELECT who FROM asked").fetchall() == [("b",)]


@pytest.fixture(scope="module")
def limited(one_behind: Behind, tmp_path_factory) -> Iterator[tuple[httpx.Client, dict[str, str]]]:
    """A server with keys: one of the server's rate, one of its own."""
    store = stored(tmp_path_factory.mktemp("limited") / "store")
    with closing(KeyRing(store)) as ring:
        secrets = {
            "slow": ring.make("slow", namespaces=["default"]),
            "fast": ring.make("fast", namespaces=["default"], rate=600, burst=9),
            "fresh": ring.make("fresh", namespaces=["default"], rate=600, burst=9),
        }
    settings = Settings(store=store, upstreams=(Upstream(url=one_behind.url),), rate=1, burst=2)
    with listening(create_app(settings)) as url, httpx.Client(base_url=url, timeout=20, trust_env=False) as client:
        yield client, secrets


def statuses(client: httpx.Client, headers: dict[str, str], times: int) -> list[int]:
    return [client.get("/edits", headers=headers).status_code for _ in range(times)]


def test_a_key_is_counted_by_itself(limited, behind: Behind) -> None:
    client, secrets = limited
    assert statuses(client, {"x-kedit-key": secrets["slow"]}, 3) == [200, 200, 429]
    assert statuses(client, {"x-kedit-key": secrets["fast"]}, 9) == [200] * 9
    refused = client.post("/v1/chat/completions", json=asking("Hello?"), headers={"x-kedit-key": secrets["slow"]})
    assert refused.status_code == 429
    assert 50 <= int(refused.headers["retry-after"]) <= 60
    error = refused.json()["error"]
    assert (error["type"], error["code"]) == ("rate_limit_error", "rate_limit_exceeded")
    assert secrets["slow"] not in refused.text
    assert not behind.sent
    assert client.get("/health/ready").status_code == 200


def test_what_has_no_key_that_opens_counts_as_its_address(limited) -> None:
    client, secrets = limited
    assert [
        client.get("/edits", headers=headers).status_code for headers in ({}, {"x-kedit-key": "kedit-guess"}, {}, {})
    ] == [401, 401, 429, 429]
    assert statuses(client, {"x-kedit-key": secrets["fresh"]}, 1) == [200]


def test_without_keys_an_address_is_counted(one_behind: Behind, tmp_path: Path) -> None:
    settings = Settings(store=stored(tmp_path / "store"), upstreams=(Upstream(url=one_behind.url),), rate=1, burst=1)
    with listening(create_app(settings)) as url, httpx.Client(base_url=url, trust_env=False) as client:
        assert statuses(client, {}, 2) == [200, 429]
