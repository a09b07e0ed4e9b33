"""An adapter loads its framework, and anything heavy, when it is first used."""

import subprocess
import sys

import pytest

HEAVY = "torch transformers sentence_transformers langchain_core langgraph llama_index"


@pytest.mark.parametrize("name", ["langchain", "langgraph", "llamaindex", "mem0", "vector_search", "vectorstore"])
def test_importing_loads_nothing_heavy(name: str) -> None:
    program = f"import sys, kedit_memory.adapters.{name}; print(*sorted(set({HEAVY.split()!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")
