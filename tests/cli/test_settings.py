"""Defaults of options: an option goes before the environment, that before kedit.toml, that before our own."""

import json
import os
from pathlib import Path

import pytest

from kedit_memory.cli.settings import BUILT_IN, Setting, read_settings
from kedit_memory.errors import InvalidInputError

from .conftest import Kedit


def test_nothing_set_is_our_own(tmp_path: Path) -> None:
    assert read_settings(tmp_path, {}) == {name: Setting(value=value) for name, value in BUILT_IN.items()}


def test_the_nearest_file_counts_and_its_store_lies_beside_it(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "kedit.toml").write_text('store = "far"\nmodel = "smollm2"\n')
    file = tmp_path / "a" / "kedit.toml"
    file.write_text('store = "near"\n')
    found = read_settings(inner, {"KEDIT_NAMESPACE": "desk", "KEDIT_MODEL": ""})
    assert found["store"] == Setting(value=str(tmp_path / "a" / "near"), origin=str(file))
    assert found["namespace"] == Setting(value="desk", origin="KEDIT_NAMESPACE")
    assert found["model"] == Setting(value=BUILT_IN["model"])


def test_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    (tmp_path / "kedit.toml").write_text('store = "of-the-file"\n')
    assert read_settings(tmp_path, {"KEDIT_STORE": "of-mine"})["store"].value == "of-mine"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('stor = "x"', "sets 'stor'; it may set store, model, namespace, engine"),
        ("store = 3", "sets store to 3; write text in quotes"),
        ('model = " "', "sets model to ' '"),
        ("store =", "cannot be read"),
        ("store = '\\xff'", "cannot be read"),
    ],
)
def test_a_file_that_says_something_else_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "kedit.toml").write_bytes(text.encode().replace(b"\\xff", b"\xff"))
    with pytest.raises(InvalidInputError, match=r"kedit\.toml") as refused:
        read_settings(tmp_path, {})
    assert said in str(refused.value)


@pytest.mark.skipif(not hasattr(os, "chown") or os.geteuid() != 0, reason="only root may give a file away")
def test_a_file_of_another_user_chooses_nothing(tmp_path: Path) -> None:
    file = tmp_path / "kedit.toml"
    file.write_text('model = "openai:spy@http://spy.example/v1"\n')
    os.chown(file, 12345, -1)
    with pytest.raises(InvalidInputError, match="belongs to another user"):
        read_settings(tmp_path, {})


def test_commands_go_by_option_then_environment_then_file(
    kedit: Kedit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("file", "variable", "before", "behind"):
        kedit("add", f"Who leads {name}?", "Ann", "--encoder", "hashing", "--store", name, store=False)

    def listed(*words: str) -> str:
        return json.loads(kedit(*words, "--json", store=False).out)["edits"][0]["prompt"]

    Path("kedit.toml").write_text('store = "file"\n')
    assert listed("list") == "Who leads file?"
    monkeypatch.setenv("KEDIT_STORE", "variable")
    assert listed("list") == "Who leads variable?"
    assert listed("--store", "before", "list") == "Who leads before?"
    assert listed("--store", "before", "list", "--store", "behind") == "Who leads behind?"


def test_doctor_says_where_each_default_comes_from(
    kedit: Kedit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KEDIT_NAMESPACE", "desk")
    Path("kedit.toml").write_text('model = "kedit-mini-counterfactual"\n')
    assert "index/default  (built in)" in kedit("doctor", store=False).out
    told = json.loads(kedit("doctor", "--json", store=False).out)["settings"]
    assert told["namespace"] == {"value": "desk", "origin": "KEDIT_NAMESPACE"}
    assert told["model"]["origin"] == str(tmp_path / "kedit.toml")
    assert told["store"]["origin"] is None
    assert "desk  (KEDIT_NAMESPACE)" in kedit("doctor", store=False).out


def test_what_is_measured_does_not_depend_on_settings(kedit: Kedit, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the demonstration would put its edits into the user's store."""
    monkeypatch.setenv("KEDIT_STORE", str(kedit.store))
    monkeypatch.setenv("KEDIT_MODEL", "/no/such/model")
    outcome = kedit("demo", "--encoder", "hashing", "--json", store=False)
    assert (outcome.status, kedit.store.exists()) == (0, False)
