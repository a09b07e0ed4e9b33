"""Runs the command line in this process, as the installed command would."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kedit_memory.cli.main import main


@dataclass(frozen=True)
class Outcome:
    status: int
    out: str
    err: str


class Kedit:
    """`kedit(...)` with a store of its own and the encoder that needs no weights."""

    def __init__(self, store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.store = store
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(self, *words: Any, store: bool = True) -> Outcome:
        argv = ["kedit", *map(str, words)]
        if store:
            argv += ["--store", str(self.store)]
        self._monkeypatch.setattr(sys, "argv", argv)
        self._capsys.readouterr()
        status = 0
        try:
            main()
        except SystemExit as end:
            status = int(end.code or 0)
        captured = self._capsys.readouterr()
        return Outcome(status, captured.out, captured.err)

    def add(self, *words: Any) -> Outcome:
        return self("add", *words, "--encoder", "hashing")


@pytest.fixture
def kedit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Kedit:
    return Kedit(tmp_path / "store", monkeypatch, capsys)
