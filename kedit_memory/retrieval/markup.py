"""Passages of an HTML page: what a reader sees of its content, without scripts, styles and navigation."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from kedit_memory.errors import InvalidInputError
from kedit_memory.records import Passage
from kedit_memory.retrieval.splitting import split_text
from kedit_memory.webpage import HIDDEN, parse_html

if TYPE_CHECKING:
    from bs4 import BeautifulSoup

_BLOCKS = [
    "address", "article", "blockquote", "dd", "div", "dl", "dt", "figcaption", "h1", "h2", "h3", "h4", "h5", "h6",
    "header", "hr", "li", "main", "ol", "p", "pre", "section", "table", "tr", "ul",
]  # fmt: skip
_DATES = ("article:published_time", "date", "dc.date", "dcterms.date", "article:modified_time")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def read_html(content: bytes, *, title: str, source: str) -> Iterator[Passage]:
    """The passages of a page; its own title counts, `title` only where it has none, its date where it tells one.

    Raises:
        MissingDependencyError: beautifulsoup4 or lxml is not installed.
        InvalidInputError: the page cannot be parsed, or holds no text.
    """
    page = parse_html(content or b" ", source)  # of nothing at all, no encoding can be told
    own = page.title.get_text(" ", strip=True) if page.title else ""
    date = _date(page)
    for part in page(["title", *HIDDEN]):
        part.decompose()
    text = _text(page)
    if not text.strip():
        raise InvalidInputError(f"{source} holds no text outside scripts and navigation; leave it out")
    yield from split_text(text, title=" ".join(own.split()) or title, source=source, date=date)


def _text(page: "BeautifulSoup") -> str:
    """The text as it is shown: line breaks of the file mean nothing, those of blocks are paragraphs."""
    for piece in page.find_all(string=True):
        piece.replace_with(type(piece)(re.sub(r"\s+", " ", piece)))
    for line_end in page("br"):
        line_end.replace_with(" ")
    for cell in page(["td", "th"]):
        cell.append(" ")
    for block in page(_BLOCKS):
        block.insert_before("\n\n")
        block.insert_after("\n\n")
    return page.get_text()


def _date(page: "BeautifulSoup") -> str | None:
    """The day that the page says it is from, as ISO 8601; None where it tells none."""
    told = {str(m.get("property") or m.get("name")).casefold(): str(m.get("content") or "") for m in page("meta")}
    times = [str(time.get("datetime") or "") for time in page("time")]
    days = (_DAY.match(value.strip()) for value in (*(told.get(name, "") for name in _DATES), *times[:1]))
    return next((day.group() for day in days if day), None)
