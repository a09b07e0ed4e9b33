"""`fetch` against a server on this machine that speaks MediaWiki's action API (format 1) over real HTTP."""

import json
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from kedit_memory.cli import main as cli
from kedit_memory.errors import InvalidInputError, KeditError, MissingDependencyError, NotFoundError
from kedit_memory.retrieval import wikipedia
from kedit_memory.retrieval.corpus import Corpus
from kedit_memory.retrieval.fetched import Access, Fetched
from kedit_memory.retrieval.splitting import digest

pytest.importorskip("wikipediaapi")

AGENT = "kedit-memory/test (https://example.org; a@example.org)"
PAGES = {
    "Gisors": (
        "Gisors is a town in Normandy.\nIt has a castle.\n\n\n== History ==\nPhilip took it in 1193.\n\n\n"
        "=== Later ===\nIt is quiet now.\n\n\n== References ==\n"
    ),
    "Rouen": "Rouen is the capital of Normandy.",
    "No lead": "\n\n\n== First ==\nA section.\n\n\n== Second ==\nAnother.",
    "No break": "== Only ==\nA section alone.",
}
REDIRECTS = {"Rouan": "Rouen", "Mercuries": "Mercury"}
SEVERAL = {  # titles that stand for several pages, with the links there as MediaWiki sorts them
    "Mercury": (
        "Mercury most commonly refers to:\n\nMercury (planet), the closest to the Sun\nMercury (element), a metal\n",
        ["Hermes", "Mercury (element)", "Mercury (planet)", "Help:Disambiguation"],
    ),
    "Smith": ("Smith may be:\n" + "\n".join(f"Ann{n} Smith" for n in range(14)), [f"Ann{n} Smith" for n in range(14)]),
    "Bare": ("", ["Bare (film)"]),
}


class MediaWiki(ThreadingHTTPServer):
    """Answers as `api.php` does; `faults` are statuses that the next requests get instead."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.faults = []
        self.seen = []
        self.url = f"http://127.0.0.1:{self.server_port}/w/api.php"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        url = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        self.server.seen.append((url.path, asked, dict(self.headers)))
        status, headers, body = (
            self.server.faults.pop(0) if self.server.faults else (200, {}, json.dumps(_answer(asked)))
        )
        self.send_response(status)
        for name, value in ({"Content-Type": "application/json"} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        """Keep the test output clean."""


def _answer(asked):
    title = asked["titles"].replace("_", " ")
    if title.startswith("de:"):
        return {"batchcomplete": "", "query": {"interwiki": [{"title": title, "iw": "de"}]}}
    query = {}
    if asked.get("redirects") and title in REDIRECTS:
        query["redirects"] = [{"from": title, "to": REDIRECTS[title]}]
        title = REDIRECTS[title]
    if title not in PAGES and title not in SEVERAL:
        return {"batchcomplete": "", "query": query | {"pages": {"-1": {"ns": 0, "title": title, "missing": ""}}}}
    page = {"pageid": 7, "ns": 0, "title": title}
    text, links = SEVERAL.get(title) or (PAGES[title], [])
    if asked["prop"] == "info|pageprops":
        page["fullurl"] = f"https://en.wikipedia.org/wiki/{title.replace(' ', '_')}"
        if title in SEVERAL and asked["ppprop"] == "disambiguation":
            page["pageprops"] = {"disambiguation": ""}
    elif asked["prop"] == "extracts" and asked["explaintext"] == "1":
        page["extract"] = text
    elif asked["prop"] == "links":
        page["links"] = [{"ns": 12 if ":" in link else 0, "title": link} for link in links]
    return {"batchcomplete": "", "query": query | {"pages": {"7": page}}}


@pytest.fixture
def server() -> Iterator[MediaWiki]:
    with MediaWiki() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def fetch(server):
    """The passages of pages, fetched without a pause."""

    def passages(titles, *, pause=0, attempts=3, user_agent=AGENT, **options):
        access = Access(base_url=server.url, pause=pause, attempts=attempts)
        pages = wikipedia.fetch(titles, user_agent=user_agent, access=access, **options)
        return [passage for page in pages for passage in page.passages()]

    return passages


def test_a_page_becomes_passages_by_section_with_title_and_address(fetch):
    found = fetch(["Gisors"])
    assert [p.text for p in found] == [
        "Gisors is a town in Normandy. It has a castle.",
        "Philip took it in 1193.",
        "It is quiet now.",
    ]
    assert {(p.title, p.source) for p in found} == {("Gisors", "https://en.wikipedia.org/wiki/Gisors")}
    assert [p.id for p in found] == [digest(p.text) for p in found]


def test_titles_are_taken_in_order_and_redirects_followed(fetch):
    found = fetch(["Rouan", "Gisors"])
    assert (found[0].title, found[0].text) == ("Rouen", "Rouen is the capital of Normandy.")
    assert found[0].source.endswith("/Rouen")
    assert found[-1].title == "Gisors"


@pytest.mark.parametrize(
    ("title", "choices"),
    [
        ("Mercury", "give one: 'Mercury (planet)', 'Mercury (element)'"),
        ("mercuries".title(), "give one: 'Mercury (planet)', 'Mercury (element)'"),
        ("Smith", "give one: " + ", ".join(f"'Ann{n} Smith'" for n in range(10)) + " and 4 more"),
        ("Bare", "give one: 'Bare (film)'"),
    ],
)
def test_a_title_of_several_pages_is_told_with_its_choices(fetch, tmp_path, title, choices):
    kept = Fetched(tmp_path / "fetched.db")
    with pytest.raises(InvalidInputError) as raised:
        fetch([title], kept=kept)
    assert str(raised.value) == f"{title!r} has several pages in the 'en' Wikipedia; {choices}"
    assert kept.get(f"wikipedia/en/{title}") is None


def test_a_page_without_lead_is_not_told_twice(fetch):
    assert [p.text for p in fetch(["No lead"])] == ["A section.", "Another."]
    assert [p.text for p in fetch(["No break"])] == ["A section alone."]


def test_a_page_fetched_before_is_not_asked_for_again_while_it_is_young(fetch, server, tmp_path):
    kept = Fetched(tmp_path / "kept" / "fetched.db")
    first = fetch(["Gisors", "Rouan"], kept=kept)
    asked = len(server.seen)
    assert fetch(["Gisors", "Rouan"], kept=kept) == first
    assert len(server.seen) == asked
    old = Fetched(tmp_path / "kept" / "fetched.db", max_age=timedelta(0))
    assert fetch(["Gisors"], kept=old) == first[:-1]
    assert len(server.seen) > asked
    assert fetch(["Gisors"], kept=kept, language="de") == first[:-1]  # another Wikipedia, another page


def test_a_page_that_changed_is_another_document_under_the_same_name(server, monkeypatch):
    access = Access(base_url=server.url, pause=0)
    (before,) = wikipedia.fetch(["Rouen"], user_agent=AGENT, access=access)
    monkeypatch.setitem(PAGES, "Rouen", "Rouen is a port.")
    (after,) = wikipedia.fetch(["Rouen"], user_agent=AGENT, access=access)
    assert before.document().name == after.document().name
    assert before.document().digest != after.document().digest


def test_the_server_is_told_who_asks(fetch, server):
    fetch(["Rouen"])
    for path, asked, headers in server.seen:
        assert path == "/w/api.php"
        assert headers["User-Agent"].startswith(AGENT)
        assert headers["Host"] == f"127.0.0.1:{server.server_port}"
        assert asked["action"] == "query"


def test_requests_keep_a_polite_pause(fetch, monkeypatch):
    waits = []
    monkeypatch.setattr(wikipedia.time, "sleep", waits.append)
    fetch(["Rouen"], pause=30)
    assert len(waits) == 1  # two requests, one pause between them
    assert 29 < waits[0] <= 30


@pytest.mark.parametrize("status", [503, 429])
def test_a_passing_fault_is_tried_again(fetch, server, status):
    server.faults = [(status, {}, "busy"), (status, {}, "busy")]
    assert [p.title for p in fetch(["Rouen"])] == ["Rouen"]


@pytest.mark.parametrize(
    ("status", "message"), [(503, r"answered with status 503"), (429, r"fewer requests \(gave up after 2\)")]
)
def test_a_lasting_fault_is_given_up(fetch, server, status, message):
    server.faults = [(status, {}, "busy")] * 9
    with pytest.raises(KeditError, match=message):
        fetch(["Rouen"], attempts=2)
    assert len(server.seen) == 2


def test_a_long_ban_is_not_waited_for(fetch, server):
    server.faults = [(429, {"Retry-After": "86400"}, "")]
    with pytest.raises(KeditError, match="pause of 86400 seconds"):
        fetch(["Rouen"])
    assert len(server.seen) == 1


@pytest.mark.parametrize("body", ["<html>Please log in</html>", '{"error": {"code": "readonly"}}'])
def test_something_else_that_answers_is_said_to_be_so(fetch, server, body):
    server.faults = [(200, {}, body)]
    with pytest.raises(KeditError, match="did not answer as MediaWiki does"):
        fetch(["Rouen"])


def test_a_missing_page_is_named(fetch):
    with pytest.raises(NotFoundError, match="no page 'Nowhere' in the 'en' Wikipedia"):
        fetch(["Rouen", "Nowhere"])


def test_no_network_is_one_clear_line(server):
    address = server.url
    server.server_close()  # nobody listens there any more
    with pytest.raises(KeditError, match=r"cannot reach the 'fr' Wikipedia \(tried 2 times\); check the network"):
        wikipedia.fetch(
            ["Rouen"], language="fr", user_agent=AGENT, access=Access(base_url=address, pause=0, attempts=2)
        )


@pytest.mark.parametrize(
    "bad",
    [
        {"titles": [""]},
        {"titles": ["A|B"]},
        {"titles": ["Rouen"], "language": ""},
        {"titles": ["Rouen"], "language": "en.evil.org/"},
        {"titles": ["Rouen"], "user_agent": ""},
        {"titles": ["Rouen"], "user_agent": "kedit\r\nX-Other: 1"},
    ],
)
def test_bad_input_is_refused_before_anything_is_sent(fetch, server, bad):
    with pytest.raises(InvalidInputError):
        fetch(**bad)
    assert server.seen == []


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "wikipediaapi", None)
    with pytest.raises(MissingDependencyError, match=r"kedit-memory\[wikipedia\]"):
        wikipedia.fetch(["Rouen"], user_agent=AGENT)


# The command.


@pytest.fixture
def kedit(monkeypatch, capsys, tmp_path, server):
    """Runs `kedit ingest … --store`; Wikipedia is the server on this machine."""
    access = Access(base_url=server.url, pause=0)
    monkeypatch.setattr(wikipedia, "fetch", partial(wikipedia.fetch, access=access))
    monkeypatch.setenv("KEDIT_CONTACT", "a@example.org")

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["kedit", "ingest", *arguments, "--store", str(tmp_path / "store")])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        printed = capsys.readouterr()
        return stop.value.code, printed.out, printed.err

    return run


def test_ingest_takes_pages_and_files_together(kedit, server, tmp_path):
    (tmp_path / "a.txt").write_text("Of a file.", encoding="utf-8")
    arguments = (str(tmp_path / "a.txt"), "--wikipedia", "Gisors", "--wikipedia", "Rouen", "--json")
    code, out, _ = kedit(*arguments)
    assert code == 0
    told = json.loads(out)
    assert (told["added"], told["passages"], told["documents"]["new"]) == (5, 5, 3)
    with Corpus(tmp_path / "store") as corpus:
        assert {p.title for p in corpus} == {"a", "Gisors", "Rouen"}
    agent = server.seen[0][2]["User-Agent"]
    assert agent.startswith("kedit-memory/")
    assert "(https://pypi.org/project/kedit-memory; a@example.org)" in agent
    again = json.loads(kedit(*arguments)[1])
    assert (again["added"], again["passages"], again["documents"]["unchanged"]) == (0, 5, 3)


def test_ingest_asks_the_wikipedia_of_the_language(kedit):
    code, _, err = kedit("--wikipedia", "Nowhere", "--language", "fr")
    assert code == 2
    assert err == "kedit: no page 'Nowhere' in the 'fr' Wikipedia; give a title as it is spelt there\n"


def test_ingest_needs_something_to_ingest(kedit, tmp_path):
    code, out, err = kedit()
    assert (code, out) == (2, "")
    assert err == "kedit: nothing to ingest; give a PATH, or --wikipedia TITLE, or both\n"
    assert not (tmp_path / "store").exists()


def test_ingest_asks_for_a_contact_before_the_network(kedit, server, monkeypatch):
    monkeypatch.setenv("KEDIT_CONTACT", " ")
    code, _, err = kedit("--wikipedia", "Gisors")
    assert code == 2
    assert err.startswith("kedit: Wikipedia asks every program for a contact; set KEDIT_CONTACT")
    assert err.count("\n") == 1
    assert server.seen == []
