"""Read documents: text, Markdown, JSON lines, HTML and PDF files, one or a folder of them, as passages.

A document says what it is called and what it holds (a digest), so that one that did not change is not read again.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from io import BufferedReader
from pathlib import Path
from typing import Any

from kedit_memory.errors import InvalidInputError, NotFoundError
from kedit_memory.records import Passage
from kedit_memory.retrieval.markup import read_html
from kedit_memory.retrieval.pdf import read_pdf
from kedit_memory.retrieval.splitting import cut_passage, digest, split_text


@dataclass(frozen=True, kw_only=True)
class Document:
    """One file or page. `name` tells it from others for good, `source` is what its passages say they come from."""

    name: str
    source: str
    digest: str
    read: Callable[[], Iterator[Passage]]


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """The files that a path stands for, and how many files and folders below it were left out."""

    files: tuple[Path, ...]
    left_out: int = 0


def documents_of(path: Path, *, every: bool = False) -> Chosen:
    """The file at `path`, or every file of a known kind below the folder there, in order.

    Args:
        path: what is given is read, wherever it leads.
        every: also what is hidden below a folder, and what links lead to outside of it.

    Raises:
        NotFoundError: nothing is there, or nothing that may be read.
        InvalidInputError: a file of another kind, or a folder that cannot be read.
    """
    if path.is_dir():
        found = list(_below(path, _real(path), every=every))
        files = tuple(file for file, chosen in found if chosen)
        left_out = len(found) - len(files)
        if not files:
            other = f" but {left_out} that are hidden or outside of it (--all reads them)" if left_out else ""
            raise NotFoundError(f"{path} holds no {_kinds(' or ')} file{other}; give a folder that does")
        return Chosen(files=files, left_out=left_out)
    if not path.exists():
        raise NotFoundError(f"no file or folder {path}; give one that exists")
    if path.suffix.lower() not in _READERS:
        raise InvalidInputError(f"cannot ingest {path}: allowed are {_kinds(', ')}; convert it first")
    return Chosen(files=(path,))


def _below(
    folder: Path, root: Path, *, every: bool, seen: frozenset[Path] = frozenset()
) -> Iterator[tuple[Path, bool]]:
    """The files of known kinds below a folder, and whether each is chosen; of what is left out, folders as a whole."""
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise InvalidInputError(f"cannot read {folder}: {error.strerror}; make it readable, or move it away") from error
    seen |= {_real(folder)}
    for entry in entries:
        inside = not entry.is_symlink() or _real(entry).is_relative_to(root)
        chosen = every or (inside and not entry.name.startswith("."))
        if entry.is_dir():
            if not chosen:
                yield entry, False
            elif not entry.is_symlink() or not (inside or _real(entry) in seen):  # else its own place brings it
                yield from _below(entry, root, every=every, seen=seen)
        elif entry.suffix.lower() in _READERS and entry.is_file():
            yield entry, chosen


def document_of(file: Path) -> Document:
    """A file as a document; what it holds is hashed now and read when its passages are asked for.

    Raises:
        NotFoundError: there is no such file.
        InvalidInputError: it cannot be read.
    """
    return Document(
        name=str(file.resolve()),
        source=str(file),
        digest=_digest_of(file),
        read=partial(_READERS[file.suffix.lower()], file),
    )


def read_passages(path: Path) -> list[Passage]:
    """The passages of a JSONL file (`text`, and if given `id`, `title`, `source`, `date`).

    Raises:
        NotFoundError: there is no such file.
        InvalidInputError: a line that is not such an object; its number is named.
    """
    return list(_read_lines(path))


def _read_lines(path: Path) -> Iterator[Passage]:
    """Line by line: the file may be larger than memory."""
    place = 0  # bytes before the line
    with _opened(path) as lines:
        for number, raw in enumerate(lines, 1):  # bytes end lines at \n only, and JSON may hold other separators
            line = _decoded(path, raw, place).removeprefix("\ufeff" if number == 1 else "")
            place += len(raw)
            if line.strip():
                yield _passage(path, number, line)


def _passage(path: Path, number: int, line: str) -> Passage:
    try:
        row = json.loads(line)
        text = row["text"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidInputError(
            f"{path}, line {number}: not a JSON object with a 'text' ({error}); correct the line"
        ) from error
    try:
        return passage_given({**row, "text": text})
    except InvalidInputError as error:
        raise InvalidInputError(f"{path}, line {number}: {error}; correct the line") from error


def passage_given(row: Mapping[str, Any]) -> Passage:
    """The passage of a row with `text`, and if given `id`, `title`, `source`, `date`.

    Raises:
        InvalidInputError: one of them is no text, or the text is blank.
    """
    text, name = row["text"], str(row.get("id") or "")
    fields = {field: row.get(field) for field in ("title", "source", "date")}
    given = [text, name, *(value for value in fields.values() if value is not None)]
    if not all(map(_is_text, given)) or not text.strip():
        raise InvalidInputError("'text', 'title', 'source', 'date' and 'id' are texts, in UTF-8")
    return Passage(
        id=name or digest(text.strip()),
        title=fields["title"] or "",
        text=text.strip(),
        source=fields["source"],
        date=fields["date"],
    )


def _is_text(value: object) -> bool:
    """Whether this is text that can be written again: JSON can spell half of a surrogate pair."""
    return isinstance(value, str) and not any("\ud800" <= character <= "\udfff" for character in value)


def _read_jsonl(path: Path) -> Iterator[Passage]:
    return (part for passage in _read_lines(path) for part in cut_passage(passage))


def _read_plain(path: Path) -> Iterator[Passage]:
    text = _decoded(path, _content(path), 0).removeprefix("\ufeff")
    return split_text(text, title=path.stem, source=str(path))


def _read_html(path: Path) -> Iterator[Passage]:
    return read_html(_content(path), title=path.stem, source=str(path))


# A reader takes the path of a file and gives its passages.
_READERS: dict[str, Callable[[Path], Iterator[Passage]]] = {
    ".htm": _read_html,
    ".html": _read_html,
    ".jsonl": _read_jsonl,
    ".md": _read_plain,
    ".pdf": read_pdf,
    ".txt": _read_plain,
}


def _kinds(between: str) -> str:
    return between.join(_READERS)


def _real(path: Path) -> Path:
    """Where a path leads, for a circle of links somewhere in it."""
    return Path(os.path.realpath(path))


@contextmanager
def _opened(path: Path) -> Iterator[BufferedReader]:
    """A file opened for reading bytes, its errors in one line."""
    try:
        with path.open("rb") as file:
            yield file
    except FileNotFoundError as error:
        raise NotFoundError(f"no file {path}; give one that exists") from error
    except OSError as error:
        raise InvalidInputError(f"cannot read {path}: {error.strerror}; give a file that can be read") from error


def _content(path: Path) -> bytes:
    with _opened(path) as file:
        return file.read()


def _digest_of(path: Path) -> str:
    with _opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _decoded(path: Path, raw: bytes, place: int) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInputError(
            f"{path} is not UTF-8 (byte {place + error.start}); convert it and try again"
        ) from error
