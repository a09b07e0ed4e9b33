"""--engine: what finds keys, for every command that opens a store."""

import pytest

from kedit_memory.cli.settings import CHOSEN

from .conftest import Kedit


@pytest.mark.parametrize("words", [("--engine", "exact", "list"), ("list", "--engine", "exact")])
def test_stands_before_the_command_or_after_it(kedit: Kedit, words: tuple[str, ...]) -> None:
    kedit.add("Who leads Acme?", "Ann")
    assert CHOSEN.engine == "faiss"
    assert kedit(*words).status == 0
    assert CHOSEN.engine == "exact"


def test_the_environment_gives_a_default(kedit: Kedit, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("psycopg")
    monkeypatch.setattr("kedit_memory.memory.index.remote._PAUSES", ())
    kedit.add("Who leads Acme?", "Ann")
    monkeypatch.setenv("KEDIT_ENGINE", "postgresql://ann:secret@127.0.0.1:1/d")
    refused = kedit("rebuild")
    assert (refused.status, refused.out) == (2, "")
    assert "postgresql://ann@127.0.0.1:1/d cannot be reached" in refused.err
    assert "secret" not in kedit("doctor").out + kedit("doctor", "--json").out
    assert kedit("rebuild", "--engine", "exact").status == 0


@pytest.mark.parametrize(
    ("name", "said"),
    [("fais", "did you mean 'faiss'?"), ("localhost:19530", "is no address with a scheme; write milvus://HOST:PORT")],
)
def test_what_is_none_is_refused_before_a_store_is_made(kedit: Kedit, name: str, said: str) -> None:
    refused = kedit("add", "Who leads Acme?", "Ann", "--engine", name)
    assert refused.status == 2
    assert said in refused.err
    assert not kedit.store.exists()


def test_a_command_without_a_store_takes_none(kedit: Kedit) -> None:
    assert "takes no --engine; leave it out" in kedit("--engine", "exact", "models", "list", store=False).err
