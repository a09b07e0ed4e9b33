"""Requests that the OpenAPI document allows, and others, made up by schemathesis: its checks hold."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kedit_memory.server.app import create_app
from kedit_memory.server.settings import Settings, Upstream
from tests.server.conftest import listening, stored

HOOKS = "schema_hooks"


@pytest.mark.parametrize("phases", ["examples,fuzzing", pytest.param("coverage", marks=pytest.mark.slow)])
def test_all_checks_hold(phases: str, tmp_path: Path) -> None:
    app = create_app(Settings(store=stored(tmp_path / "store"), upstreams=(Upstream(url="http://127.0.0.1:9/v1"),)))
    with listening(app) as url:
        done = subprocess.run(
            [
                sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json", "--checks", "all",
                "--max-examples", "5", "--no-color",
                "--generation-database", "none", "--request-timeout", "120", "--max-response-time", "120",
                "--phases", phases,
            ],
            check=False, capture_output=True, text=True, cwd=tmp_path,
            env={**os.environ, "SCHEMATHESIS_HOOKS": HOOKS, "PYTHONPATH": str(Path(__file__).parent)},
        )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
