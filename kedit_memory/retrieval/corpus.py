"""Read passages: from JSON lines, from text and Markdown files, from a folder of these; keep those that users ingest.

Ingested passages live beside the edits, in `passages.jsonl` of the store's folder: a readable file, written aside and
renamed, in which a passage's identifier is a digest of its text, so that ingesting twice changes nothing.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from kedit_memory.errors import InvalidInputError, NotFoundError, StoreError
from kedit_memory.records import Passage

PASSAGE_WORDS = 120  # the aim for a passage that is cut out of running text
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[\"'(A-Z0-9])")
_SUFFIXES = {".txt", ".md", ".jsonl"}


def read_passages(path: Path) -> list[Passage]:
    """The passages of a JSONL file (`text`, and if given `id`, `title`, `source`, `date`).

    Raises:
        NotFoundError: there is no such file.
        InvalidInputError: a line that is not such an object; its number is named.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except FileNotFoundError as error:
        raise NotFoundError(f"no passages at {path}; give a file that exists") from error
    except UnicodeDecodeError as error:
        raise InvalidInputError(f"{path} is not UTF-8 (byte {error.start}); convert it and try again") from error
    return [_passage(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]


def _passage(path: Path, number: int, line: str) -> Passage:
    try:
        row = json.loads(line)
        text = row["text"]
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInputError(
            f"{path}, line {number}: not a JSON object with a 'text' ({error}); correct the line"
        ) from error
    fields = {name: row.get(name) for name in ("title", "source", "date")}
    if not isinstance(text, str) or not text.strip() or any(not isinstance(v, str | None) for v in fields.values()):
        raise InvalidInputError(f"{path}, line {number}: 'text', 'title', 'source' and 'date' are texts; correct the line")
    return Passage(
        id=str(row.get("id") or digest(text)),
        title=fields["title"] or "",
        text=text.strip(),
        source=fields["source"],
        date=fields["date"],
    )


def read_documents(path: Path) -> Iterator[Passage]:
    """The passages of a file (.txt, .md, .jsonl) or of every such file below a folder.

    Raises:
        NotFoundError: nothing is there.
        InvalidInputError: a file of another kind, or one that cannot be read as text.
    """
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.suffix in _SUFFIXES and file.is_file())
        if not files:
            raise NotFoundError(f"{path} holds no .txt, .md or .jsonl file; give a folder that does")
        for file in files:
            yield from read_documents(file)
    elif path.suffix == ".jsonl":
        yield from read_passages(path)
    elif path.suffix in _SUFFIXES:
        yield from split_text(_read(path), title=path.stem, source=str(path))
    elif path.exists():
        raise InvalidInputError(f"cannot ingest {path}: allowed are {', '.join(sorted(_SUFFIXES))}; convert it first")
    else:
        raise NotFoundError(f"no file or folder {path}; give one that exists")


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInputError(f"{path} is not UTF-8 (byte {error.start}); convert it and try again") from error


def split_text(text: str, *, title: str, source: str | None) -> Iterator[Passage]:
    """Running text in passages of whole sentences, about `PASSAGE_WORDS` words each, paragraphs kept apart."""
    for paragraph in re.split(r"\n\s*\n", text):
        sentences = [s for s in _SENTENCE.split(" ".join(paragraph.split())) if s]
        window: list[str] = []
        for sentence in sentences:
            window.append(sentence)
            if sum(len(s.split()) for s in window) >= PASSAGE_WORDS:
                yield _cut(window, title, source)
                window = []
        if window:
            yield _cut(window, title, source)


def _cut(sentences: list[str], title: str, source: str | None) -> Passage:
    text = " ".join(sentences)
    return Passage(id=digest(text), title=title, text=text, source=source)


def digest(text: str) -> str:
    """A short name for a text."""
    return "p-" + hashlib.sha256(text.encode()).hexdigest()[:12]


class Corpus:
    """The passages that users gave to one store."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "passages.jsonl"
        self.passages: dict[str, Passage] = {}
        if self._file.exists():
            self.passages = {p.id: p for p in read_passages(self._file)}

    def add(self, passages: Iterable[Passage]) -> int:
        """Keep these; returns how many were new. All are on disk when it returns."""
        before = len(self.passages)
        self.passages.update({p.id: p for p in passages})
        if len(self.passages) > before:
            self._write()
        return len(self.passages) - before

    def _write(self) -> None:
        aside = self._file.with_suffix(".part")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with aside.open("w", encoding="utf-8") as lines:
                for passage in self.passages.values():
                    row = {k: v for k, v in vars(passage).items() if v is not None}
                    lines.write(json.dumps(row, ensure_ascii=False, sort_keys=True) + "\n")
                lines.flush()
                os.fsync(lines.fileno())
            aside.replace(self._file)
        except OSError as error:
            aside.unlink(missing_ok=True)
            raise StoreError(f"cannot write {self._file}: {error.strerror}; nothing was ingested") from error
