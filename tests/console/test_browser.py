"""The console in a browser: by keyboard alone, without an error, readable by everybody, on a phone and on a desk."""

import os
import shutil
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

sync_api = pytest.importorskip("playwright.sync_api")
axe = pytest.importorskip("axe_core_python.sync_playwright")

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no chromium on this machine")

SHOTS = os.environ.get("KEDIT_SCREENSHOTS")  # a folder into which each page's picture goes
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
SIZES = {"phone": (390, 844), "desk": (1280, 900)}
# Pictures are taken of all; else each size and each scheme is seen once.
LOOKS = list(product(SIZES, ("light", "dark"))) if SHOTS else [("phone", "light"), ("desk", "dark")]
PAGES = {
    "edits": "edits",
    "search": "edits?q=who+is+the+boss+of+Acme",
    "edit": "edits/e2",
    "change": "edits/e2/change",
    "add": "add",
    "erase": "erase?edit=e3",
    "ask": "ask?question=Who+is+the+head+of+Acme%3F",
    "decisions": "decisions",
    "empty": "decisions/empty",
    "map": "map",
    "overview": "overview",
    "transfer": "transfer",
    "refused": "nothing",
}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        yield browser
        browser.close()


class Tab:
    """A page of a browser that notes whatever goes wrong in it."""

    def __init__(self, context: Any, url: str) -> None:
        self.page = context.new_page()
        self.page.set_default_timeout(60_000)
        self.url = url
        self.errors: list[str] = []
        self.page.on("console", lambda one: self.errors.append(one.text) if one.type == "error" else None)
        self.page.on("pageerror", lambda one: self.errors.append(str(one)))

    def open(self, place: str) -> None:
        self.page.goto(f"{self.url}/console/{place}")

    def shoot(self, name: str) -> None:
        if SHOTS:
            Path(SHOTS).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)

    def check(self, name: str) -> None:
        """Nothing is wrong for whoever cannot see it, and nothing wider than the screen."""
        found = axe.Axe().run(self.page)["violations"]
        assert not found, (name, [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found])
        wide = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{name} is {wide} pixels too wide"


def tab(chromium: Any, url: str, size: str = "desk", scheme: str = "light") -> Tab:
    width, height = SIZES[size]
    # A page's own rules must not stop the check that is read into it; the rules themselves are tested without a browser
    # and, for what a page loads, by the journey.
    context = chromium.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, bypass_csp=True, reduced_motion="reduce"
    )
    return Tab(context, url)


@pytest.mark.parametrize(("size", "scheme"), LOOKS)
def test_each_page_is_for_everybody(chromium: Any, opened: str, size: str, scheme: str) -> None:
    one = tab(chromium, opened, size, scheme)
    for name, place in PAGES.items():
        one.open(place)
        one.shoot(f"{name}-{size}-{scheme}")
        one.check(f"{name} on a {size}, {scheme}")
    one.open("add")
    for field, text in {"prompt": "Who leads Acme?", "target": "Eva Ness", "subject": "Acme"}.items():
        one.page.fill(f"#{field}", text)
    one.page.click("button[value=preview]")
    one.page.wait_for_selector("#outcome h2")
    one.shoot(f"preview-{size}-{scheme}")
    one.check(f"preview on a {size}, {scheme}")
    assert [error for error in one.errors if "404" not in error] == []


def test_the_journey_by_keyboard_alone(chromium: Any, opened: str) -> None:
    """Add, preview, ask, undo, explain, confirm; under the pages' own rules, without one error."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    one = Tab(context, opened)
    page = one.page

    def type_into(label: str, text: str) -> None:
        reach(page, label)
        page.keyboard.type(text)

    one.open("edits")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    go(page, "Add")
    type_into("Prompt", "Who tunes the organ?")
    type_into("Target", "Eva Ness")
    type_into("Subject", "the organ")
    press(page, "Preview")
    page.wait_for_selector("#outcome h2")
    assert page.evaluate("document.activeElement.textContent") == "Preview"
    press(page, "Save this edit")
    page.wait_for_url("**/console/edits/e*done=add*")
    edit_id = page.url.rpartition("/")[2].partition("?")[0]

    go(page, "Ask")
    type_into("Question", "Who tunes the organ?")
    press(page, "Ask")
    page.wait_for_selector("#outcome h2")
    assert page.evaluate("document.activeElement.textContent").startswith("Route: ")
    assert edit_id in page.inner_text("#outcome table")
    press(page, f"Confirm that {edit_id} answers it")
    page.wait_for_url(f"**/console/edits/{edit_id}?done=confirm*")

    press(page, "Undo the newest change")
    page.wait_for_url(f"**/console/edits/{edit_id}?done=undo")

    go(page, "Decisions")
    type_into("In the question", "leads acme")
    page.keyboard.press("Enter")
    sync_api.expect(page.locator("#results tbody tr")).to_have_count(2, timeout=60_000)
    button = page.locator("#results button", has_text="Confirm").last
    name = str(button.get_attribute("id"))
    reach(page, id=name)
    page.keyboard.press("Enter")
    page.wait_for_selector(f"#{name}[aria-pressed=true]")
    assert page.evaluate("document.activeElement.id") == name
    sync_api.expect(page.locator("#live")).to_contain_text("answers this question", timeout=60_000)

    go(page, "Map")
    before = page.get_attribute("#map svg", "viewBox")
    reach(page, id="map")
    page.keyboard.press("+")
    page.keyboard.press("ArrowLeft")
    assert page.get_attribute("#map svg", "viewBox") != before
    page.keyboard.press("0")
    assert [float(one) for one in page.get_attribute("#map svg", "viewBox").split()] == [
        float(one) for one in str(before).split()
    ]
    assert one.errors == []


def reach(page: Any, label: str = "", *, id: str = "") -> None:  # noqa: A002 - what it is called
    """Go from element to element until the one with a name has the focus, and show that it has."""
    for _ in range(120):
        page.keyboard.press("Tab")
        found = page.evaluate(
            """() => {
                const one = document.activeElement;
                const label = one.labels && one.labels.length ? one.labels[0].textContent : one.textContent;
                return [one.id, label.trim(), getComputedStyle(one).outlineStyle];
            }"""
        )
        if (id and found[0] == id) or (label and found[1] in (label, f"{label} required")):
            assert found[2] != "none", f"{found} shows no focus"
            return
    raise AssertionError(f"{label or id} cannot be reached on {page.url}")


def press(page: Any, label: str) -> None:
    reach(page, label)
    page.keyboard.press("Enter")


def go(page: Any, name: str) -> None:
    """To another page, by its link."""
    press(page, name)
    page.wait_for_url(f"**/console/{name.lower()}")
