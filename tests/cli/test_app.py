"""What all commands share: options before or behind, the command that is meant, and what a call imports."""

import json
import os
import subprocess
import sys

import pytest

from kedit_memory.cli.commands import COMMANDS
from kedit_memory.registry import load

from .conftest import Kedit

HEAVY = "torch transformers sentence_transformers sklearn scipy faiss rich"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_table_is_there(name: str) -> None:
    assert callable(load("command", name, COMMANDS))


def test_shared_options_stand_before_a_command_or_behind_it(kedit: Kedit) -> None:
    kedit("--store", kedit.store, "--namespace", "desk", "add", "Who?", "Ann", "--encoder", "hashing", store=False)
    before = kedit("--json", "--namespace", "desk", "list")
    assert json.loads(before.out)["edits"][0]["namespace"] == "desk"
    assert before.out == kedit("list", "--namespace", "desk", "--json").out


def test_an_option_that_a_command_has_not_is_refused_before_it_as_behind(kedit: Kedit) -> None:
    before = kedit("--namespace", "desk", "verify")
    assert (before.status, before.err) == (2, "kedit: `kedit verify` takes no --namespace; leave it out\n")
    assert kedit("--store", "x", "models", "list", store=False).status == 2
    assert kedit("verify", "--namespace", "desk").status == 2


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("delete", "retract"), ("remove", "retract"), ("ls", "list"), ("forget", "erase"), ("query", "ask"),
     ("serch", "search"), ("updat", "update"), ("deleet", "retract")],
)  # fmt: skip
def test_the_command_that_is_meant_is_named(kedit: Kedit, typed: str, meant: str) -> None:
    outcome = kedit(typed, "x", store=False)
    assert (outcome.status, outcome.out, outcome.err.count("\n")) == (2, "", 1)
    assert f"no command {typed!r}; did you mean {meant!r}?" in outcome.err


def test_quiet_and_verbose_are_opposite(kedit: Kedit) -> None:
    for words in (("-q", "list", "-v"), ("list", "--verbose", "--quiet"), ("--quiet", "--verbose", "list")):
        assert "ask for opposite things" in kedit(*words).err
    kedit.add("Who leads Acme?", "Ann")
    assert kedit("--quiet", "list", "--quiet").status == 0


def test_a_word_like_no_command_gets_no_guess(kedit: Kedit) -> None:
    assert "did you mean" not in kedit("xyzzy", store=False).err


@pytest.mark.parametrize("words", [(), ("list",), ("evaluate",), ("evaluate", "scope"), ("models", "get")])
def test_h_is_help(kedit: Kedit, words: tuple[str, ...]) -> None:
    short, long = kedit(*words, "-h", store=False), kedit(*words, "--help", store=False)
    assert short.status == 0
    assert short.out == long.out
    assert short.out.startswith("Usage: kedit ")


@pytest.mark.parametrize(
    "words",
    [
        ("ask", "Who?", "--dtype", "flaot32"),
        ("ask", "Who?", "--device", "gpu 1"),
        ("ask", "Who?", "--as-of", "2024-13-01"),
        ("ask", "Who?", "--model", "smolm2"),
        ("ask", "Who?", "--model", "/no/such/model"),
        ("--model", "smolm2", "ask", "Who?"),
        ("chat", "--path", "sideways"),
        ("ask", "Who?", "--pathh", "direct"),
    ],
)
def test_a_mistyped_option_is_refused_before_anything_is_loaded(kedit: Kedit, words: tuple[str, ...]) -> None:
    kedit.add("Who leads Acme?", "Ann")
    program = (
        f"import sys; sys.argv = ['kedit', *{words!r}, '--store', {str(kedit.store)!r}]\n"
        "from kedit_memory.cli.main import main\n"
        "try: main()\nexcept SystemExit as end: print(end.code, *sys.modules)"
    )
    status, *modules = _run(program).split()
    assert status == "2"
    assert not {"torch", "sentence_transformers", "transformers"} & set(modules)


@pytest.mark.parametrize(
    ("words", "allowed"),
    [
        (["--help"], ""),
        (["list"], ""),
        (["show", "e1"], ""),
        (["history"], ""),
        (["export"], ""),
        (["ask", "Who leads Acme?"], ""),
        (["ask", "Who leads Acme?", "--path", "direct", "--quiet"], ""),
        (["add", "Who leads Acme?", "Ann"], "faiss"),
        (["retract", "e1"], ""),
    ],
)
def test_a_command_imports_what_it_needs(kedit: Kedit, words: list[str], allowed: str) -> None:
    """Of what takes long to import; the store's encoder is the one without weights."""
    kedit.add("Who leads Acme?", "Ann")
    where = [] if words == ["--help"] else ["--store", str(kedit.store)]
    program = (
        f"import sys; sys.argv = ['kedit', *{[*words, *where]!r}]\n"
        "from kedit_memory.cli.main import main\n"
        f"try: main()\nexcept SystemExit: print(*sorted(set({HEAVY.split()!r}) & set(sys.modules)))"
    )
    loaded = _run(program).splitlines()[-1].split()
    assert set(loaded) <= set(allowed.split())


def test_one_command_imports_no_other(kedit: Kedit) -> None:
    kedit.add("Who leads Acme?", "Ann")
    program = (
        f"import sys; sys.argv = ['kedit', 'list', '--store', {str(kedit.store)!r}]\n"
        "from kedit_memory.cli.main import main\n"
        "try: main()\nexcept SystemExit: print(*sys.modules)"
    )
    modules = set(_run(program).splitlines()[-1].split())
    others = {place.partition(":")[0] for place in COMMANDS.values()} - {"kedit_memory.cli.reading"}
    assert not others & modules
    assert not {"kedit_memory.routing", "kedit_memory.editors", "kedit_memory.evaluation"} & modules


def test_a_shell_completes_commands_and_options() -> None:
    program = "import sys; sys.argv = ['kedit']; from kedit_memory.cli.main import main; main()"
    for typed, found in (("kedit hist", "history"), ("kedit list --sub", "--subject")):
        asked = {"_KEDIT_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" "))}
        assert _run(program, **asked).split() == [found]


def _run(program: str, **environment: str) -> str:
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout
