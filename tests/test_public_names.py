import subprocess
import sys

import pytest

HEAVY = "torch transformers sentence_transformers"


@pytest.mark.parametrize(
    "module",
    [
        "kedit_memory",
        "kedit_memory.memory",
        "kedit_memory.records",
        "kedit_memory.retrieval.corpus",
        "kedit_memory.retrieval.wikipedia",
        "kedit_memory.cli.main",
    ],
)
def test_importing_loads_nothing_heavy(module):
    program = f"import sys, {module}; print(*sorted(set({HEAVY.split()!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")
