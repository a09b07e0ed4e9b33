"""A memory that needs no weights."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kedit_memory.memory import EditMemory
from kedit_memory.models.encoder import HashingEncoder


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[EditMemory]:
    with EditMemory.open(tmp_path / "store", encoder=HashingEncoder()) as opened:
        yield opened
