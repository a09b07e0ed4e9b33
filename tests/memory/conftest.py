"""A tiny encoder and memories that use it; nothing here is loaded or downloaded."""

import zlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kedit_memory.memory.memory import EditMemory

TODAY = datetime(2026, 6, 1, 12, tzinfo=UTC)


class WordEncoder:
    """Words hashed to coordinates: the same words are near, whatever their order."""

    def __init__(self, name: str = "words", dimension: int = 32) -> None:
        self.name = name
        self.revision = "1"
        self.dimension = dimension
        self.encoded: list[str] = []

    def encode(self, texts: Sequence[str]) -> Any:
        self.encoded += texts
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        for row, text in zip(vectors, texts, strict=True):
            for word in text.casefold().split():
                code = zlib.crc32(f"{self.name} {word}".encode())
                row[code % self.dimension] += 1 if code & 65536 else -1
            row[0] += 0.01
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def state(memory: EditMemory) -> list[Any]:
    """Every row that a question can depend on, to the last bit."""
    with memory._index.alone(), memory._store.reading() as rows:
        edits = rows.query("SELECT * FROM edits ORDER BY id")
        keys = rows.query("SELECT * FROM keys WHERE live ORDER BY id")
        index = [part.tolist() for part in memory._index.contents(rows)]
    return [list(map(tuple, edits)), list(map(tuple, keys)), index]


@pytest.fixture
def encoder() -> WordEncoder:
    return WordEncoder()


@pytest.fixture
def open_memory(tmp_path: Path) -> Iterator[Callable[..., EditMemory]]:
    """A function that opens the memory in a folder of this test; all are closed at its end."""
    opened: list[EditMemory] = []

    def opening(name: str = "store", encoder: Any = None, **options: Any) -> EditMemory:
        options.setdefault("clock", lambda: TODAY)
        memory = EditMemory.open(tmp_path / name, encoder or WordEncoder(), **options)
        opened.append(memory)
        return memory

    yield opening
    for memory in opened:
        memory.close()


@pytest.fixture
def memory(open_memory: Callable[..., EditMemory]) -> EditMemory:
    return open_memory()
