"""A tiny encoder and memories that use it; nothing here is loaded or downloaded."""

import zlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kedit_memory.memory.memory import EditMemory

# Modules and tests of memories in folders, or in PostgreSQL, alone.
OF_ONE_KIND = frozenset(
    {
        "test_a_purged_edit_leaves_no_word_of_the_consolidation",
        "test_a_store_that_was_deleted_acknowledges_nothing",
        "test_a_store_that_was_replaced_is_not_mixed_with_the_new_one",
        "test_a_subject_is_looked_up_not_searched_for",
        "test_add_get_export_import_get",
        "test_an_erasure_that_purges_leaves_no_word",
        "test_an_older_store_is_found_by_its_words",
        "test_cache",
        "test_closing_a_store_that_is_gone_makes_nothing_and_raises_nothing",
        "test_copies",
        "test_durability",
        "test_every_lookup_has_its_index",
        "test_formats",
        "test_index",
        "test_no_page_keeps_a_purged_word",
        "test_no_page_keeps_an_old_copy",
        "test_no_query_reads_all_edits",
        "test_other_names_are_looked_up_not_searched_for",
        "test_postgres",
        "test_purging_goes_on_once_the_log_can_be_emptied",
        "test_schema",
    }
)
QUICK = frozenset({"test_history"})  # modules whose tests run on PostgreSQL, too, whenever tests run
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


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests of a memory that are about no file run on PostgreSQL, too: all when slow, those of `QUICK` always."""
    name = metafunc.module.__name__
    if "place" not in metafunc.fixturenames or {name, metafunc.definition.originalname} & OF_ONE_KIND:
        return
    postgres = pytest.param("postgres", marks=[] if name in QUICK else [pytest.mark.slow])
    metafunc.parametrize("database", ["folder", postgres], indirect=True)


@pytest.fixture
def database(request: pytest.FixtureRequest) -> str:
    """Where the stores of a test are."""
    return getattr(request, "param", "folder")


@pytest.fixture(scope="session")
def server() -> Iterator[Any]:
    """A PostgreSQL server for all tests of this process."""
    from postgres_server import running

    with running() as started:
        yield started


@pytest.fixture
def place(
    database: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], Any]]:
    """A function from a name to the folder, or the address, of a store of this test."""
    if database == "folder":
        yield lambda name: tmp_path / name
        return
    server = request.getfixturevalue("server")
    for variable in ("XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    with server.places() as places:
        yield places


@pytest.fixture
def open_memory(place: Callable[[str], Any]) -> Iterator[Callable[..., EditMemory]]:
    """A function that opens a memory of this test; all are closed at its end."""
    opened: list[EditMemory] = []

    def opening(name: str = "store", encoder: Any = None, **options: Any) -> EditMemory:
        options.setdefault("clock", lambda: TODAY)
        memory = EditMemory.open(place(name), encoder or WordEncoder(), **options)
        opened.append(memory)
        return memory

    yield opening
    for memory in opened:
        memory.close()


@pytest.fixture
def memory(open_memory: Callable[..., EditMemory]) -> EditMemory:
    return open_memory()
