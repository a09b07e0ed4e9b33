"""The tree of an HTML page, built in time that grows with the page alone, whatever is left open in it."""

import re
from typing import Any

from bs4 import BeautifulSoup, Tag
from bs4.builder import LXMLTreeBuilder  # type: ignore[attr-defined]
from bs4.exceptions import ParserRejectedMarkup
from lxml.etree import ParserError

DEEPEST = 512  # elements in each other, as browsers have it
_AT_ONCE = 1 << 16  # characters or bytes, after which an error ends the reading
_RUN = re.compile(r"(\s{100})\s+")


class Page(BeautifulSoup):
    """The tree of a page.

    Raises:
        RecursionError: elements are nested too deeply; what looks for an open one would look through all of them.
        ParserRejectedMarkup: it cannot be parsed.
    """

    def __init__(self, content: bytes | str) -> None:
        super().__init__(content, builder=_Builder())

    def pushTag(self, tag: Tag) -> None:  # noqa: N802 - their name
        """Enters an element."""
        if len(self.tagStack) > DEEPEST:
            raise RecursionError
        super().pushTag(tag)

    def endData(self, *given: Any, **named: Any) -> None:  # noqa: N802 - their name
        """Ends a text; very long runs of blanks, which mean one, are cut: patterns search them again and again."""
        if self.current_data:
            self.current_data = [_RUN.sub(r"\1", "".join(self.current_data))]
        super().endData(*given, **named)


class _Builder(LXMLTreeBuilder):  # type: ignore[misc]
    """Reads a page part by part: lxml tells of an error when it has read what it was given."""

    def feed(self, markup: Any) -> None:
        """Builds the tree of the page."""
        try:
            self.parser = self.parser_for(self.soup.original_encoding if self.soup else None)
            for start in range(0, len(markup) or 1, _AT_ONCE):
                self.parser.feed(markup[start : start + _AT_ONCE])
            self.parser.close()
        except (UnicodeDecodeError, LookupError, ParserError) as error:
            raise ParserRejectedMarkup(error) from error
