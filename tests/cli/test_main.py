"""What all commands share: exit statuses, one line for a fault, and output that cannot be written."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kedit_memory.cli.commands import COMMANDS

from .conftest import Kedit

ROOT = Path(__file__).resolve().parents[2]


def run(words: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """A line of bash in which `kedit` is the program, as a process of its own."""
    script = f'kedit() {{ {sys.executable} -m kedit_memory.cli.main "$@"; }}; {words}'
    shell = ["bash", "-c", script]
    return subprocess.run(shell, cwd=ROOT, env=os.environ | environment, capture_output=True, check=False)


@pytest.fixture
def store(kedit: Kedit) -> Path:
    kedit.add("Who leads Acme?", "Zoë Berg")
    return kedit.store


def test_the_program_alone_shows_its_help(kedit: Kedit) -> None:
    alone = kedit(store=False)
    assert (alone.status, alone.err) == (0, "")
    assert alone.out == kedit("--help", store=False).out


def test_the_version_is_told(kedit: Kedit) -> None:
    assert kedit("--version", store=False).out.startswith("kedit ")


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_describes_every_option(kedit: Kedit, command: str) -> None:
    outcome = kedit(command, "--help", store=False)
    assert outcome.status == 0
    assert outcome.out.startswith(f"Usage: kedit {command} ")
    assert "list[str]" not in outcome.out
    for option in outcome.out.split("Options:")[1].split("\n  -")[1:]:
        description = option.split("  ", 1)
        assert description[1:], option
        assert description[1].strip(), option


@pytest.mark.parametrize("words", [("list",), ("add", "Who?", "Ann"), ("demo",)])
def test_a_store_without_a_name_is_not_the_current_folder(kedit: Kedit, words: tuple[str, ...]) -> None:
    outcome = kedit(*words, "--store", "", store=False)
    assert outcome.status == 2
    assert "a path is empty" in outcome.err


def test_a_closed_pipe_is_no_fault(store: Path) -> None:
    done = run(f"kedit list --store {store} | true; exit ${{PIPESTATUS[0]}}")
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no device that is always full")
def test_output_that_does_not_fit_the_disk_is_one_line(store: Path) -> None:
    done = run(f"kedit list --store {store} > /dev/full")
    assert done.returncode == 2
    assert done.stderr.startswith(b"kedit: the output is incomplete")
    assert done.stderr.count(b"\n") == 1


def test_output_is_utf_8_in_any_locale(store: Path) -> None:
    done = run(f"kedit list --store {store}", PYTHONIOENCODING="ascii")
    assert "Zoë Berg" in done.stdout.decode("utf-8")


def test_input_that_is_not_utf_8_is_one_line_and_the_chat_goes_on(store: Path) -> None:
    questions = "printf 'Who \\xff?\\nWho leads Acme?\\n'"
    done = run(f"{questions} | kedit chat --json --store {store}", PYTHONIOENCODING="utf-8:strict")
    assert json.loads(done.stdout)["answer"] == "Zoë Berg"
    assert done.stderr.count(b"\n") == 1


def test_a_chat_without_input_ends(store: Path) -> None:
    done = run(f"kedit chat --store {store} <&-")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
