"""Passages of a PDF file, page by page; a page that cannot be read is reported and left out."""

import logging
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from kedit_memory.errors import InvalidInputError, MissingDependencyError
from kedit_memory.records import Passage
from kedit_memory.retrieval.splitting import split_text

if TYPE_CHECKING:
    from pypdf import PageObject, PdfReader

_LOG = logging.getLogger(__name__)
_HYPHENATED = re.compile(r"(?<=[a-z])-\n(?=[a-z])")
# What pypdf lets through from the depths of a damaged file, besides its own errors.
_DAMAGE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    RuntimeError,
    zlib.error,
)


def read_pdf(path: Path) -> Iterator[Passage]:
    """The passages of each page that has text; their source names the page.

    Raises:
        MissingDependencyError: pypdf is not installed.
        InvalidInputError: the file cannot be read, is encrypted, or has no text.
    """
    reader = _open(path)
    title, date = _about(reader, path)
    texts = [(number, text) for number, page in _pages(reader, path) if (text := _text(page, number, path)).strip()]
    if not texts:
        raise InvalidInputError(f"{path} holds no text, only pictures it seems; run it through text recognition first")
    for number, text in texts:
        source = f"{path}#page={number}"
        yield from split_text(_HYPHENATED.sub("", text), title=title, source=source, date=date)


def _open(path: Path) -> "PdfReader":
    try:
        from pypdf import PdfReader
        from pypdf.errors import PyPdfError
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"{path}: PDF needs pypdf, which is not installed; run: pip install 'kedit-memory[documents]'"
        ) from error
    try:
        reader = PdfReader(path)
        locked = reader.is_encrypted and not reader.decrypt("")
    except OSError as error:
        raise InvalidInputError(f"cannot read {path}: {error.strerror}; give a file that can be read") from error
    except (PyPdfError, *_DAMAGE) as error:
        raise InvalidInputError(f"{path} cannot be read as PDF ({error}); repair it or leave it out") from error
    if locked:
        raise InvalidInputError(f"{path} is encrypted; save it without a password first")
    return reader


def _about(reader: "PdfReader", path: Path) -> tuple[str, str | None]:
    """Title and day of the file, as far as it tells them."""
    from pypdf.errors import PyPdfError

    try:
        facts = reader.metadata
        title = str(facts.title or "").strip() if facts else ""
        made = facts.creation_date if facts else None
    except (PyPdfError, *_DAMAGE) as error:
        _LOG.warning("%s: its title and date cannot be read (%s); the file's name stands for the title", path, error)
        return path.stem, None
    return title or path.stem, made.date().isoformat() if made else None


def _pages(reader: "PdfReader", path: Path) -> "Iterator[tuple[int, PageObject]]":
    from pypdf.errors import PyPdfError

    try:
        yield from enumerate(reader.pages, 1)
    except (PyPdfError, *_DAMAGE) as error:
        raise InvalidInputError(f"{path}: its pages cannot be listed ({error}); repair it or leave it out") from error


def _text(page: "PageObject", number: int, path: Path) -> str:
    from pypdf.errors import PyPdfError

    try:
        return page.extract_text()
    except (PyPdfError, *_DAMAGE) as error:
        _LOG.warning("%s: page %d cannot be read (%s) and is left out", path, number, error)
        return ""
