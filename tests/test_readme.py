"""The README's tour does what it says: its blocks are run in order, in an empty folder, by a new process."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.DOTALL | re.MULTILINE)


def run(words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"HOME": str(folder), "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.timeout(240)
def test_the_python_blocks_run(tmp_path: Path) -> None:
    code = "\n".join(blocks("python"))
    assert "router.query" in code
    done = run([sys.executable, "-c", code], tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.timeout(240)
def test_the_commands_run(tmp_path: Path) -> None:
    commands = [line for block in blocks("console") for line in block.splitlines()]
    assert len(commands) >= 5
    kedit = f"{sys.executable} -m kedit_memory.cli.main"
    script = "set -e\n" + "\n".join(re.sub(r"^kedit\b", kedit, line) for line in commands)
    done = run(["bash", "-c", script], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Nusantara" in done.stdout


def test_the_two_commands_are_make_targets() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in ("demo", "test"):
        assert f"make {target} " in README
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE)
    assert "make test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_every_linked_file_is_there() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_changelog_begins_with_the_version() -> None:
    import tomllib

    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert newest is not None
    assert newest.group(1) == version
