"""Passages of an HTML page: what a reader sees of its content, without scripts, styles and navigation."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from kedit_memory.errors import InvalidInputError
from kedit_memory.records import Passage
from kedit_memory.retrieval.splitting import split_text
from kedit_memory.webpage import HIDDEN, parse_html

if TYPE_CHECKING:
    from bs4 import BeautifulSoup

_BLOCKS = {
    "address", "article", "blockquote", "dd", "div", "dl", "dt", "figcaption", "h1", "h2", "h3", "h4", "h5", "h6",
    "header", "hr", "li", "main", "ol", "p", "pre", "section", "table", "tr", "ul",
}  # fmt: skip
_CELLS = {"td", "th"}
_UNSEEN = {"title", *HIDDEN}
_BLANKS = re.compile(r"\s+")
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
    text = "".join(_shown(page))
    if not text.strip():
        raise InvalidInputError(f"{source} holds no text outside scripts and navigation; leave it out")
    yield from split_text(text, title=" ".join(own.split()) or title, source=source, date=date)


def _shown(page: "BeautifulSoup") -> Iterator[str]:
    """The text as it is shown, in pieces: line breaks of the file mean nothing, those of blocks are paragraphs.

    Walks the tree and changes nothing in it, since each change of a part looks through all of its neighbours.
    """
    from bs4 import CData, Tag
    from bs4.element import NavigableString

    behind: list[tuple[Iterator[Any], str]] = [(iter(page.contents), "")]  # what is to come, and what stands after it
    while behind:
        part = next(behind[-1][0], None)
        if part is None:
            yield behind.pop()[1]
        elif type(part) in (NavigableString, CData):  # and no comment, which is a kind of string
            yield _BLANKS.sub(" ", part)
        elif isinstance(part, Tag) and part.name not in _UNSEEN:
            around = "\n\n" if part.name in _BLOCKS else " " if part.name == "br" else ""
            yield around
            behind.append((iter(part.contents), " " if part.name in _CELLS else around))


def _date(page: "BeautifulSoup") -> str | None:
    """The day that the page says it is from, as ISO 8601; None where it tells none."""
    told = {str(m.get("property") or m.get("name")).casefold(): str(m.get("content") or "") for m in page("meta")}
    times = [str(time.get("datetime") or "") for time in page("time")]
    days = (_DAY.match(value.strip()) for value in (*(told.get(name, "") for name in _DATES), *times[:1]))
    return next((day.group() for day in days if day), None)
