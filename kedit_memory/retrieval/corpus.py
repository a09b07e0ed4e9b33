"""Read passages: from JSON lines, from text and Markdown files, from a folder of these; keep those that users ingest.

Ingested passages live beside the edits, in `passages.jsonl` of the store's folder: a readable file, written aside and
renamed, in which a passage's identifier is a digest of its text, so that ingesting twice changes nothing.
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from kedit_memory.errors import InvalidInputError, NotFoundError, StoreError
from kedit_memory.records import Passage

PASSAGE_WORDS = 120  # the aim for a passage that is cut out of running text
# A blank after the end of a sentence, its closing quote or bracket included, and before anything but a small letter.
_SENTENCE = re.compile(r"""(?:(?<=[.!?…])|(?<=[.!?…]["')\]\u2019\u201d]))\s+(?![a-z])""")
_SUFFIXES = {".txt", ".md", ".jsonl"}
_FILE = "passages.jsonl"  # in the folder of a store


def read_passages(path: Path) -> list[Passage]:
    """The passages of a JSONL file (`text`, and if given `id`, `title`, `source`, `date`).

    Raises:
        NotFoundError: there is no such file.
        InvalidInputError: a line that is not such an object; its number is named.
    """
    lines = _read(path).split("\n")  # not splitlines: JSON may hold other line separators inside a text
    return [_passage(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]


def _passage(path: Path, number: int, line: str) -> Passage:
    try:
        row = json.loads(line)
        text = row["text"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidInputError(
            f"{path}, line {number}: not a JSON object with a 'text' ({error}); correct the line"
        ) from error
    name = str(row.get("id") or "")
    fields = {field: row.get(field) for field in ("title", "source", "date")}
    given = [text, name, *(value for value in fields.values() if value is not None)]
    if not all(map(_is_text, given)) or not text.strip():
        raise InvalidInputError(
            f"{path}, line {number}: 'text', 'title', 'source', 'date' and 'id' are texts, in UTF-8; correct the line"
        )
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


def read_documents(path: Path) -> Iterator[Passage]:
    """The passages of a file (.txt, .md, .jsonl) or of every such file below a folder.

    Raises:
        NotFoundError: nothing is there.
        InvalidInputError: a file of another kind, or one that cannot be read as text.
    """
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.suffix.lower() in _SUFFIXES and file.is_file())
        if not files:
            raise NotFoundError(f"{path} holds no .txt, .md or .jsonl file; give a folder that does")
        for file in files:
            yield from read_documents(file)
    elif path.suffix.lower() == ".jsonl":
        yield from read_passages(path)
    elif path.suffix.lower() in _SUFFIXES:
        yield from split_text(_read(path), title=path.stem, source=str(path))
    elif path.exists():
        raise InvalidInputError(f"cannot ingest {path}: allowed are {', '.join(sorted(_SUFFIXES))}; convert it first")
    else:
        raise NotFoundError(f"no file or folder {path}; give one that exists")


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except FileNotFoundError as error:
        raise NotFoundError(f"no file {path}; give one that exists") from error
    except OSError as error:
        raise InvalidInputError(f"cannot read {path}: {error.strerror}; give a file that can be read") from error
    except UnicodeDecodeError as error:
        raise InvalidInputError(f"{path} is not UTF-8 (byte {error.start}); convert it and try again") from error


def split_text(text: str, *, title: str, source: str | None) -> Iterator[Passage]:
    """Running text in passages of whole sentences, about `PASSAGE_WORDS` words each, paragraphs kept apart.

    A sentence longer than that, such as a table, is cut between words.
    """
    for paragraph in re.split(r"\n\s*\n", text):
        window: list[str] = []
        for sentence in _sentences(paragraph):
            window.append(sentence)
            if sum(len(s.split()) for s in window) >= PASSAGE_WORDS:
                yield _cut(window, title, source)
                window = []
        if window:
            yield _cut(window, title, source)


def _sentences(paragraph: str) -> Iterator[str]:
    for sentence in _SENTENCE.split(" ".join(paragraph.split())):
        words = sentence.split()
        for start in range(0, len(words), PASSAGE_WORDS):
            yield " ".join(words[start : start + PASSAGE_WORDS])


def _cut(sentences: list[str], title: str, source: str | None) -> Passage:
    text = " ".join(sentences)
    return Passage(id=digest(text), title=title, text=text, source=source)


def digest(text: str) -> str:
    """A short name for a text."""
    return "p-" + hashlib.sha256(text.encode()).hexdigest()[:12]


class Corpus:
    """The passages that users gave to one store."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / _FILE
        self.passages: dict[str, Passage] = {}
        if self._file.exists():
            self.passages = {p.id: p for p in read_passages(self._file)}

    def add(self, passages: Iterable[Passage]) -> int:
        """Keep these; returns how many were new or changed. All are on disk when it returns."""
        given = {p.id: p for p in passages}
        changed = {name: p for name, p in given.items() if self.passages.get(name) != p}
        if changed:
            kept = self.passages | changed
            self._write(kept.values())
            self.passages = kept
        return len(changed)

    def _write(self, passages: Iterable[Passage]) -> None:
        aside = self._file.with_suffix(".part")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with aside.open("w", encoding="utf-8") as lines:
                for passage in passages:
                    row = {k: v for k, v in vars(passage).items() if v is not None}
                    lines.write(json.dumps(row, ensure_ascii=False, sort_keys=True) + "\n")
                lines.flush()
                os.fsync(lines.fileno())
            aside.replace(self._file)
        except OSError as error:
            with suppress(OSError):
                aside.unlink()
            raise StoreError(f"cannot write {self._file}: {error.strerror}; nothing was ingested") from error


def copy_passages(store: Path, to: Path) -> None:
    """Copy the passages that users gave to one store to the folder of another.

    Raises:
        StoreError: they cannot be read or written.
    """
    if not (store / _FILE).exists():
        return
    try:
        shutil.copyfile(store / _FILE, to / _FILE)
    except OSError as error:
        raise StoreError(f"cannot copy {store / _FILE} to {to}: {error.strerror}; copy it by hand") from error
