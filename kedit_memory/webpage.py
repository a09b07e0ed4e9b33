"""HTML as a tree, as Markdown and as plain text."""

import re
import warnings
from typing import TYPE_CHECKING, Any

from kedit_memory.errors import InvalidInputError, MissingDependencyError

if TYPE_CHECKING:
    from bs4 import BeautifulSoup, Tag

# What a reader of a page's content does not see, or does not come for.
HIDDEN = ["script", "style", "nav", "noscript", "template", "svg", "form", "footer", "aside", "iframe"]
_TRAILING = re.compile(r"[ \t]+$", re.MULTILINE)
_GAP = re.compile(r"\n{3,}")


def parse_html(content: bytes | str, source: str) -> "BeautifulSoup":
    """The tree of a page, whatever encoding it names.

    Raises:
        MissingDependencyError: beautifulsoup4 or lxml is not installed.
        InvalidInputError: it cannot be parsed, or is nested too deeply; the message calls it `source`.
    """
    try:
        import lxml  # noqa: F401 - the parser behind the tree, which closes what a page leaves open
        from bs4 import MarkupResemblesLocatorWarning, XMLParsedAsHTMLWarning
        from bs4.exceptions import ParserRejectedMarkup

        from kedit_memory.htmltree import DEEPEST, Page
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"{source}: HTML needs {error.name}, which is not installed; run: pip install 'kedit-memory[documents]'"
        ) from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", XMLParsedAsHTMLWarning)  # XHTML is read as what it shows
        warnings.simplefilter("ignore", MarkupResemblesLocatorWarning)  # a text that is only an address is one
        try:
            page = Page(content)
        except ParserRejectedMarkup as error:
            raise InvalidInputError(f"{source} is not HTML that can be parsed; correct or convert it") from error
        except RecursionError as error:
            raise InvalidInputError(
                f"{source} is nested too deeply, more than {DEEPEST} elements in each other; correct or convert it"
            ) from error
    if page.contains_replacement_characters:
        raise InvalidInputError(f"{source} is in no encoding that it names or that can be told; convert it to UTF-8")
    return page


def to_markdown(part: "str | Tag") -> str:
    """A part of a page as Markdown: lists, code, tables and links stay what they are.

    Raises:
        MissingDependencyError: beautifulsoup4 or markdownify is not installed.
        InvalidInputError: it is nested too deeply.
    """
    return _GAP.sub("\n\n", _TRAILING.sub("", _converted(part))).strip("\n")


def to_text(part: "str | Tag") -> str:
    """A part of a page in one line, without markup; errors as in `to_markdown`."""
    return " ".join(_converted(part, only=["br", "div", "p"]).split())


def _converted(part: "str | Tag", only: list[str] | None = None) -> str:
    try:
        from markdownify import ATX, MarkdownConverter
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            "HTML needs markdownify, which is not installed; run: pip install 'kedit-memory[documents]'"
        ) from error
    tree = parse_html(part, "a text") if isinstance(part, str) else part
    choice: dict[str, Any] = {"convert": only} if only else {"strip": ["img"]}
    converter = MarkdownConverter(
        heading_style=ATX, bullets="-", escape_asterisks=False, escape_underscores=False, **choice
    )
    try:
        return converter.convert_soup(tree)
    except RecursionError as error:
        raise InvalidInputError("HTML is nested too deeply; correct or convert it") from error
