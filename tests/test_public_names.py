import subprocess
import sys

import pytest

import kedit_memory

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


def test_the_public_names_are_these_and_each_is_there():
    assert kedit_memory.__all__ == sorted(kedit_memory.__all__, key=lambda name: (name[0].islower(), name))
    assert len(kedit_memory.__all__) <= 16
    for name in kedit_memory.__all__:
        assert getattr(kedit_memory, name).__name__ == name
    with pytest.raises(AttributeError, match="Rooter"):
        _ = kedit_memory.Rooter


def test_help_is_quick():
    """Half a second on an idle machine; the time of this process alone is counted, so others do not matter."""
    program = (
        "import sys, time; sys.argv = ['kedit', '--help']; from kedit_memory.cli.main import main\n"
        "try: main()\nexcept SystemExit: print('seconds', time.process_time(), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert float(done.stderr.split()[-1]) < 1.0
