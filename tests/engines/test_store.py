"""A store by every engine: what is stored is found, whatever happens to what the engine keeps."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from engines.conftest import address_of
from memory.conftest import WordEncoder

from kedit_memory.memory.index import SERVERS
from kedit_memory.memory.memory import EditMemory

OpenMemory = Callable[..., EditMemory]


@pytest.fixture(params=["faiss", "auto", *SERVERS])
def address(request: pytest.FixtureRequest) -> str:
    """Those that keep files of other forms, or rows elsewhere."""
    return address_of(request)


def fill(memory: EditMemory, count: int = 6) -> None:
    memory.add_many([{"prompt": f"question {n}?", "target": f"answer {n}", "subject": str(n)} for n in range(count)])
    memory.add("When is lunch?", "noon")


def answers(memory: EditMemory, *numbers: int) -> list[str | None]:
    """What covers these questions best, by the index alone."""
    found = [memory.in_scope(f"question {n}?", limit=1) for n in numbers]
    return [one[0].edit.target if one else None for one in found]


def test_verbs_namespaces_and_days(open_memory: OpenMemory) -> None:
    memory, other = open_memory(), open_memory()
    fill(memory)
    assert answers(other, 0, 5) == ["answer 0", "answer 5"]
    memory.update("e1", target="changed", prompt="question 99?")
    memory.add("question 2?", "of b", subject="2", namespace="b")
    memory.retract("e4")
    assert answers(other, 99, 2, 3) == ["changed", "answer 2", None]
    assert other.in_scope("question 2?", namespace="b")[0].edit.target == "of b"
    other.undo()
    assert answers(memory, 3) == ["answer 3"]
    with memory.reader() as reader:
        assert [one.edit.target for one in reader.by_meaning(memory.encode(["lunch"])[0], 3)] == ["noon"]
    assert memory.verify().problems == other.verify().problems == ()


def test_a_warm_a_lost_and_a_damaged_cache(open_memory: OpenMemory) -> None:
    memory = open_memory()
    fill(memory)
    memory.rebuild()
    memory.close()
    warm = open_memory()
    assert answers(warm, 1) == ["answer 1"]
    assert warm.verify().ok
    warm.close()
    for file in (warm.path / "cache").rglob("*.npy"):
        file.write_bytes(file.read_bytes()[:-5])
    damaged = open_memory()
    assert answers(damaged, 1) == ["answer 1"]
    damaged.close()
    shutil.rmtree(damaged.path / "cache")
    lost = open_memory()
    assert answers(lost, 1) == ["answer 1"]
    lost.rebuild()
    assert lost.verify().ok


def test_what_is_purged_is_not_in_the_engine(open_memory: OpenMemory) -> None:
    memory = open_memory()
    fill(memory)
    memory.confirm("e2", "what is one?")  # and other radii, of which the engine may keep rows
    memory.purge("e2")
    assert answers(memory, 1, 2) == [None, "answer 2"]
    with memory._index.alone(), memory._store.reading() as rows:
        parts = memory._index.at(rows)._parts
        held = [part._table.count() if hasattr(part, "_table") else len(part) for part in parts]
        assert held == [len(part) for part in parts]
    assert memory.verify().ok


def test_a_copy_of_the_store_takes_nothing_from_the_first(open_memory: OpenMemory, tmp_path: Path) -> None:
    memory = open_memory()
    fill(memory, 3)
    memory.rebuild()
    memory.close()
    shutil.copytree(tmp_path / "store", tmp_path / "copy")
    copy = open_memory("copy")
    copy.purge("e1")
    copy.rebuild()
    again = open_memory()
    assert answers(again, 0) == ["answer 0"]
    assert again.verify().ok
    assert copy.verify().ok


def test_a_cache_of_another_engine_is_no_problem(open_memory: OpenMemory) -> None:
    memory = open_memory(engine="exact")
    fill(memory, 2)
    memory.rebuild()
    memory.close()
    again = open_memory()
    assert again.verify().ok
    assert answers(again, 1) == ["answer 1"]


@pytest.mark.parametrize("name", ["fais", "localhost:19530", "mysql://u:secret@h/d", "milvus://", "index/keys"])
def test_what_is_no_engine_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises((LookupError, ValueError), match=r"no engine named|is no address with a scheme") as refused:
        EditMemory.open(tmp_path / "store", WordEncoder(), engine=name)
    assert "secret" not in str(refused.value)
