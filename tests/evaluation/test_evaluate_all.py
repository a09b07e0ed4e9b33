"""What `make evaluate` runs are commands that there are."""

import runpy
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kedit_memory.cli.app import app

STEPS = runpy.run_path(str(Path(__file__).parents[2] / "scripts" / "evaluate_all.py"))["STEPS"]


@pytest.mark.parametrize("setting", ["quick", "full"])
@pytest.mark.parametrize("step", STEPS, ids=[step.name for step in STEPS])
def test_a_step_is_a_command_with_its_options(step: object, setting: str) -> None:
    done = CliRunner().invoke(app, [*step.words(setting), "--help"])  # type: ignore[attr-defined]
    assert done.exit_code == 0, done.output


def test_an_option_that_is_none_would_be_found() -> None:
    assert CliRunner().invoke(app, ["evaluate", "ripple", "--nonsense", "1", "--help"]).exit_code
