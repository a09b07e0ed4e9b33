"""Page views from a server on this machine that speaks Wikimedia's page-view service over real HTTP."""

import json
import threading
from collections.abc import Iterator
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from kedit_memory.errors import InvalidInputError, KeditError
from kedit_memory.popularity import pageviews
from kedit_memory.popularity.pageviews import PageViews, as_counts
from kedit_memory.retrieval.fetched import Access, Fetched

AGENT = "kedit-memory/test (https://example.org; a@example.org)"
TODAY = date(2024, 3, 15)
MONTHLY = {"Paris": [100, 200, 300], "Jos%C3%A9_Mart%C3%AD": [5], "AC%2FDC": [7, 7, 7]}


class Service(ThreadingHTTPServer):
    """`faults` are (status, headers, body) that the next requests get instead of an answer."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.faults = []
        self.seen = []
        self.url = f"http://127.0.0.1:{self.server_port}/api/rest_v1/metrics/pageviews"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.seen.append((self.path, self.headers["User-Agent"]))
        page = self.path.split("/all-access/user/")[1].split("/")[0]
        if self.server.faults:
            status, headers, body = self.server.faults.pop(0)
        elif page in MONTHLY:
            status, headers, body = 200, {}, json.dumps({"items": [{"views": count} for count in MONTHLY[page]]})
        else:
            status, headers, body = 404, {}, json.dumps({"title": "Not found."})
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        """Keep the test output clean."""


@pytest.fixture
def server() -> Iterator[Service]:
    with Service() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def ask(server, tmp_path):
    """The monthly views of titles."""

    def monthly(*titles, max_age=timedelta(days=30), **options):
        access = Access(base_url=server.url, pause=options.pop("pause", 0), attempts=options.pop("attempts", 3))
        kept = Fetched(tmp_path / "kept" / "fetched.db", max_age=max_age)
        with PageViews(AGENT, kept, access=access, months=3, **options) as views:
            return [one.monthly for one in views.of(titles, today=TODAY)]

    return monthly


def test_views_are_a_mean_of_months_and_missing_is_not_zero(ask, server):
    assert ask("Paris", "José Martí", "AC/DC", "Nowhere") == [200, 5 / 3, 7, None]
    path, agent = server.seen[0]
    assert path.endswith("/per-article/en.wikipedia/all-access/user/Paris/monthly/2023120100/2024022900")
    assert agent == AGENT


def test_answers_are_kept_with_their_date_and_asked_for_again_when_old(ask, server, tmp_path):
    assert ask("Paris", "Nowhere") == ask("Paris", "Nowhere")
    assert len(server.seen) == 2
    assert ask("Paris", max_age=timedelta(0)) == [200]
    assert len(server.seen) == 3
    with PageViews(AGENT, Fetched(tmp_path / "kept" / "fetched.db"), months=3) as offline:  # the real address
        paris, nowhere = offline.of(["Paris", "Nowhere"], today=TODAY)
    assert date.fromisoformat(paris.fetched) >= TODAY
    assert as_counts([paris, nowhere]) == {"Paris": 200}


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_passing_fault_is_tried_again(ask, server, status):
    server.faults = [(status, {}, "busy"), (status, {"Retry-After": "0"}, "busy")]
    assert ask("Paris") == [200]


def test_waits_double_and_a_longer_one_that_is_asked_for_is_kept(ask, server, monkeypatch):
    waits = []
    monkeypatch.setattr(pageviews.time, "sleep", waits.append)
    server.faults = [(503, {}, ""), (429, {"Retry-After": "7"}, ""), (503, {}, "")]
    assert ask("Paris", pause=1, attempts=4) == [200]
    assert waits == [1, 7, 4]


def test_a_lasting_fault_is_given_up_and_not_kept(ask, server):
    server.faults = [(429, {}, "")] * 2
    with pytest.raises(KeditError, match=r"status 429 \(gave up after 2\); try again later, or use a local table"):
        ask("Paris", attempts=2)
    assert ask("Paris") == [200]


def test_a_long_ban_is_not_waited_for(ask, server):
    server.faults = [(429, {"Retry-After": "86400"}, "")]
    with pytest.raises(KeditError, match="pause of 86400 seconds"):
        ask("Paris")
    assert len(server.seen) == 1


def test_a_refusal_is_not_repeated(ask, server):
    server.faults = [(403, {}, "")]
    with pytest.raises(KeditError, match="refused with status 403"):
        ask("Paris")
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    "body", ["<html>Please log in</html>", "[]", '{"items": 3}', '{"items": [{"views": -1}]}', '{"items": [{}]}']
)
def test_something_else_that_answers_is_said_to_be_so(ask, server, body):
    server.faults = [(200, {}, body)]
    with pytest.raises(KeditError, match="not the page-view service"):
        ask("Paris")


def test_a_service_that_answers_nothing_is_one_clear_line(ask, server):
    server.server_close()
    with pytest.raises(KeditError, match=r"cannot reach the page-view service \(tried 2 times\)"):
        ask("Paris", attempts=2)


@pytest.mark.parametrize("title", ["", " ", "A|B", "#x"])
def test_a_title_that_cannot_be_is_refused_before_anything_is_sent(ask, server, title):
    with pytest.raises(InvalidInputError, match="no page can have the title"):
        ask("Paris", title)
    assert server.seen == []


@pytest.mark.parametrize("bad", [{"project": ""}, {"project": "en/../x"}, {"months": 0}, {"user_agent": "x"}])
def test_bad_settings_are_refused(tmp_path, bad):
    with pytest.raises(InvalidInputError):
        PageViews(**({"user_agent": AGENT, "kept": Fetched(tmp_path / "f.db")} | bad))


@pytest.mark.parametrize("bad", [{"pause": -1}, {"pause": 999}, {"attempts": 0}])
def test_impolite_access_is_refused(bad):
    with pytest.raises(InvalidInputError, match="a pause is 0 to 60 seconds"):
        Access(**bad)


@pytest.mark.parametrize(
    ("today", "months", "first", "last"),
    [
        (date(2024, 3, 15), 1, date(2024, 2, 1), date(2024, 2, 29)),
        (date(2024, 1, 1), 12, date(2023, 1, 1), date(2023, 12, 31)),
        (date(2024, 12, 31), 13, date(2023, 11, 1), date(2024, 11, 30)),
    ],
)
def test_the_period_is_of_whole_months(today, months, first, last):
    assert pageviews._period(today, months) == (first, last)
