"""The one function that finds a language model by its name."""

import logging
from pathlib import Path
from typing import Any

from kedit_memory.errors import InvalidInputError
from kedit_memory.models.gguf import is_gguf
from kedit_memory.models.known import model_source
from kedit_memory.models.language import TextModel

_LOG = logging.getLogger(__name__)
_LONG_READ = 20_000_000  # bytes of a GGUF file from which somebody who waits is told
_REMOTE_PREFIX = "openai:"


def load_model(
    name: str,
    *,
    device: str | None = None,
    dtype: str | None = None,
    device_map: str | dict[str, Any] | None = None,
    api_key: str | None = None,
) -> TextModel:
    """The model that `name` stands for.

    Args:
        name: "kedit-mini" or "kedit-mini-counterfactual" (shipped), a known model that `kedit models get` has brought
            ("smollm2"), a folder, of a model or of a low-rank adapter as peft saves it, a GGUF file, a Hugging Face
            Hub name, or "openai:NAME@URL" for an OpenAI-compatible endpoint whose URL ends where "/chat/completions"
            would follow.
        device: "cpu", "cuda", "cuda:1"…; None takes an accelerator where there is one, "auto" spreads the layers over
            all devices.
        dtype: "float32", "bfloat16" or "float16"; None is float32 on a CPU, the checkpoint's elsewhere.
        device_map: Spreads layers over devices, as transformers does; excludes `device`.
        api_key: For an endpoint; read from the environment by callers, never here.

    Raises:
        ModelError: The model is not there, is damaged, or cannot generate; a known one was not brought.
        UnknownNameError: The name is all but that of a shipped or known model, or `dtype` is none.
        InvalidInputError: An option does not fit the kind of model.
        MissingDependencyError: `device_map` is given and accelerate is not installed, or what reads a GGUF file is not.
    """
    if name.startswith(_REMOTE_PREFIX):
        if device or dtype or device_map:
            raise InvalidInputError(f"device, dtype and device_map do not apply to {name!r}, which runs elsewhere")
        return _remote(name, api_key)
    source = model_source(name)
    _LOG.info("loading the model %s", name)
    _tell_of_long_read(source)
    from kedit_memory.models.huggingface import HuggingFaceModel  # loads torch

    return HuggingFaceModel.load(source, name=name, device=device, dtype=dtype, device_map=device_map)


def _tell_of_long_read(source: str | Path) -> None:
    path = Path(source).expanduser()
    if is_gguf(path) and path.is_file() and path.stat().st_size > _LONG_READ:
        _LOG.info("reading %s; its weights are unpacked each time, half a minute or more for each 100 MB", path)


def _remote(name: str, api_key: str | None) -> TextModel:
    from kedit_memory.models.remote import OpenAIModel  # loads httpx

    # A model's own name may hold "@" and ":", a URL's user part too: the last "@http" divides them.
    model, at, rest = name.removeprefix(_REMOTE_PREFIX).rpartition("@http")
    if not at or not model:
        raise InvalidInputError(
            f"{name!r} is not an endpoint: write openai:NAME@URL, such as openai:llama3@http://127.0.0.1:8000/v1"
        )
    return OpenAIModel(model, f"http{rest}", api_key=api_key)
