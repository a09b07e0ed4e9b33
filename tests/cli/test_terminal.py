"""The command line in a terminal: progress, Ctrl-C, questions at a prompt; and what is read from a pipe."""

import io
import json
import logging
import os
import re
import select
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from kedit_memory.memory import EditMemory

from .conftest import Kedit

pty = pytest.importorskip("pty")
# A child that only calls exec is safe to fork beside threads.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")

QUESTION = "Who leads Acme?"
NOBODY = "openai:none@http://127.0.0.1:9/v1"  # a model that cannot be asked


def typed(
    program: str, answers: Sequence[tuple[str, bytes]] = (), seconds: float = 60.0, **environment: str
) -> tuple[int, str]:
    """Exit status and screen of a program in a terminal; an answer is typed once the screen ends with its pattern."""
    child, screen = pty.fork()
    if child == 0:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # which a run in the background ignores
        os.execve(sys.executable, [sys.executable, "-c", program], os.environ | {"TERM": "xterm", **environment})  # noqa: S606
    shown, waiting, end = "", list(answers), time.monotonic() + seconds
    while time.monotonic() < end:
        if not select.select([screen], [], [], 0.1)[0]:
            continue
        try:
            shown += os.read(screen, 4096).decode()
        except OSError:  # the terminal's other end is closed
            break
        if waiting and re.search(rf"(?:{waiting[0][0]})\Z", shown):
            os.write(screen, waiting.pop(0)[1])
    else:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    os.close(screen)
    return os.waitstatus_to_exitcode(status), shown


def program(*words: object, before: str = "") -> str:
    argv = ["kedit", *map(str, words)]
    return f"import sys; sys.argv = {argv!r}\n{before}\nfrom kedit_memory.cli.main import main\nmain()"


def slow(seconds: float) -> str:
    """A search that takes its time."""
    return (
        "import time, logging\nfrom kedit_memory.cli import progress\nfrom kedit_memory.memory import EditMemory\n"
        "progress._PATIENCE, progress._REFRESH = 0.3, 0.05\n"
        "def search(memory, *words, **options):\n"
        "    logging.getLogger('kedit_memory.memory').info('searching far and wide')\n"
        f"    time.sleep({seconds})\n"
        "    return []\n"
        "EditMemory.search = search"
    )


@pytest.fixture
def store(kedit: Kedit) -> Path:
    kedit.add(QUESTION, "Ann Berg")
    return kedit.store


def test_long_work_shows_its_step_and_leaves_the_line_clear(store: Path) -> None:
    status, shown = typed(program("search", "x", "--store", store, before=slow(1.0)))
    assert status == 0
    assert re.search(r"searching far and wide … \d+ s", shown)
    assert shown.endswith("\r\033[Kno edits\r\n")


def test_short_or_quiet_work_shows_nothing(store: Path) -> None:
    for words, seconds in ((("--store", store), 0.0), (("--store", store, "--quiet"), 1.0)):
        assert typed(program("search", "x", *words, before=slow(seconds))) == (0, "no edits\r\n")


def test_a_terminal_that_cannot_clear_a_line_shows_no_step(store: Path) -> None:
    assert typed(program("search", "x", "--store", store, before=slow(1.0)), TERM="dumb") == (0, "no edits\r\n")


def test_no_color_means_none() -> None:
    table = "from kedit_memory.cli.output import table_console; table_console(80).print('12 of 20')"
    colour = "\033[1;36m"
    assert colour in typed(table)[1]
    assert colour not in typed(table, NO_COLOR="1")[1]


def test_an_interrupt_before_the_command_begins_is_one_line_too() -> None:
    before = "import os, signal, kedit_memory.cli.main as cli\ncli._check_words = lambda words: os.kill(os.getpid(), 2)"
    assert typed(program("list", before=before)) == (130, "\r\nkedit: interrupted\r\n")


def test_nothing_is_shown_where_nobody_looks(kedit: Kedit, store: Path) -> None:
    assert kedit("search", QUESTION, "--store", store, store=False).err == ""


def test_verbose_work_says_each_step_with_its_time(kedit: Kedit) -> None:
    shown = kedit("--verbose", "add", QUESTION, "Ann", "--encoder", "hashing").err.splitlines()
    assert shown[0] == f"made a new store in {kedit.store}"
    assert any("encoding texts" in line and " s: " in line for line in shown)
    assert shown[-1].endswith("done")


def test_an_interrupt_says_that_nothing_was_done(store: Path) -> None:
    status, shown = typed(program("search", "x", "--store", store, before=slow(30.0)), [(r"wide … \d s", b"\x03")])
    assert status == 130
    assert shown.endswith(f"kedit: interrupted; nothing was changed in {store}\r\n")
    assert "Traceback" not in shown


def test_an_interrupt_says_what_was_done(store: Path) -> None:
    before = slow(30.0).replace("    logging", "    memory.add('Who owns it?', 'Bo'); logging")
    status, shown = typed(program("search", "x", "--store", store, before=before), [(r"wide … \d s", b"\x03")])
    assert status == 130
    assert f"interrupted; 1 change in {store}, which `kedit undo` takes back: " in shown
    assert "Who owns it? → Bo" in shown


def test_an_interrupted_import_leaves_the_store_as_it_was(kedit: Kedit, store: Path, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text("\n".join(json.dumps({"prompt": f"Who leads {n}?", "target": "Ann"}) for n in range(50)))
    stop = (
        "import os, signal\nfrom kedit_memory.memory.write import Writer\n"
        "write, seen = Writer.write_keys, []\n"
        "def stopped(*words, **options):\n"
        "    seen.append(1); len(seen) == 10 and os.kill(os.getpid(), signal.SIGINT)\n"
        "    return write(*words, **options)\n"
        "Writer.write_keys = stopped"
    )
    before = kedit("export").out
    status, shown = typed(program("import", rows, "--store", store, before=stop))
    assert (status, "nothing was changed" in shown) == (130, True)
    assert kedit("export").out == before
    assert kedit("verify").status == 0


@pytest.mark.parametrize("leave", [b"quit\n", b"exit\n", b"Quit\n", b"\x04"])
def test_a_chat_passes_over_empty_lines_and_ends(store: Path, leave: bytes) -> None:
    ready = "from kedit_memory.routing import asking; asking.check_dialogues = lambda model: None"
    talk = [(r"\? ", b"\n"), (r"\? ", b"Who leads Acme?\n"), (r"\? ", leave)]
    status, shown = typed(program("chat", "--model", NOBODY, "--store", store, before=ready), talk)
    assert status == 0
    assert shown.count("Ann Berg") == 1
    assert "asked in its own words" in shown


def test_arrow_keys_bring_back_the_line_before(store: Path) -> None:
    pytest.importorskip("readline")
    talk = [(r"\? ", b"Who leads Acme?\n"), (r"\? ", b"\x1b[A\n"), (r"\? ", b"quit\n")]
    status, shown = typed(program("chat", "--model", NOBODY, "--store", store), talk)
    assert (status, shown.count("  [direct]")) == (0, 2)


def test_a_purge_asks_first_and_keeps_all_where_somebody_says_no(kedit: Kedit, store: Path) -> None:
    kedit("retract", "e1")
    for answer, expected in ((b"n\n", 2), (b"\x03", 130), (b"\x04", 2)):
        status, shown = typed(program("purge", "e1", "--store", store), [(r"\[y/N\] ", answer)])
        assert (status, "Remove e1 for good?" in shown) == (expected, True)
    assert kedit("show", "e1").status == 0
    assert typed(program("purge", "e1", "--store", store), [(r"\[y/N\] ", b"y\n")])[1].endswith(
        "1 edit removed for good\r\n"
    )


def test_questions_are_read_line_by_line_and_texts_whole(kedit: Kedit, monkeypatch: pytest.MonkeyPatch) -> None:
    def piped(text: str) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))

    piped("Who leads Acme?\n")
    kedit.add("-", "Ann Berg")
    piped("Where does Ann live?\n")
    kedit("erase", "-", "--subject", "Ann")
    piped("Who leads Acme?\n\nWhere does Ann live?\n")
    answers = [json.loads(line) for line in kedit("ask", "-", "--json").out.splitlines()]
    assert [one["route"] for one in answers] == ["direct", "refusal"]
    piped("Who leads Acme?")
    assert kedit("ask", "-", "--quiet").out == "Ann Berg\n"
    piped("Who leads Acme?")
    assert "Ann Berg" in kedit("search", "-").out
    piped("Who is at the head of Acme?")
    assert kedit("confirm", "e1", "-").status == 0
    piped(" \n\n")
    empty = kedit("ask", "-")
    assert (empty.status, empty.err) == (2, "kedit: standard input holds no question; write one a line\n")


def test_a_store_that_is_not_there_is_not_made_by_reading(
    kedit: Kedit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    kedit("add", QUESTION, "Ann", "--encoder", "hashing", "--store", "index/news", store=False)
    for words in (("list",), ("ask", QUESTION), ("chat",), ("search", "x"), ("export",), ("history",), ("undo",)):
        refused = kedit(*words, "--store", "index/mews", store=False)
        assert (refused.status, refused.out, refused.err.count("\n")) == (2, "", 1)
        assert "no store at index/mews; did you mean index/news?" in refused.err
    assert "did you mean index/news?" in kedit("list", "--store", "elsewhere/x", store=False).err
    assert not Path("index/mews").exists()
    assert not Path("elsewhere").exists()
    made = kedit("add", QUESTION, "Ann", "--encoder", "hashing", "--store", "index/mews", store=False)
    assert (made.status, made.err) == (0, "made a new store in index/mews\n")
    quiet = kedit("add", QUESTION, "Ann", "--encoder", "hashing", "--store", "index/third", "-q", store=False)
    assert (quiet.status, quiet.err) == (0, "")


def test_a_cache_that_is_made_anew_is_told_only_to_whoever_wants_every_step(
    kedit: Kedit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else parallel commands would tell each other's users of it."""
    kedit.add(QUESTION, "Ann Berg")

    def search(*_: object, **__: object) -> list[object]:
        logging.getLogger("kedit_memory.memory.index.cached").warning("the cache is made anew")
        logging.getLogger("kedit_memory.retrieval.pdf").warning("page 3 cannot be read")
        return []

    monkeypatch.setattr(EditMemory, "search", search)
    assert kedit("search", "x").err == "kedit: page 3 cannot be read\n"
    assert kedit("search", "x", "--quiet").err == ""
    assert "the cache is made anew" in kedit("search", "x", "--verbose").err
