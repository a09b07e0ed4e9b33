"""The one function that finds a language model by its name."""

from pathlib import Path
from typing import Any

from kedit_memory.errors import InvalidInputError
from kedit_memory.models.language import TextModel
from kedit_memory.models.sources import EMBEDDED, embedded_folder, refuse_misspelt

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
        name: "kedit-mini" or "kedit-mini-counterfactual" (shipped), a folder, of a model or of a low-rank adapter as
            peft saves it, a Hugging Face Hub name, or "openai:NAME@URL" for an OpenAI-compatible endpoint whose URL
            ends where "/chat/completions" would follow.
        device: "cpu", "cuda", "cuda:1"…; None takes an accelerator where there is one.
        dtype: "float32", "bfloat16" or "float16"; None is float32 on a CPU, the checkpoint's elsewhere.
        device_map: Spreads layers over devices, as transformers does; excludes `device`.
        api_key: For an endpoint; read from the environment by callers, never here.

    Raises:
        ModelError: The model is not there, is damaged, or cannot generate.
        UnknownNameError: The name is all but that of a shipped model, or `dtype` is none.
        InvalidInputError: An option does not fit the kind of model.
        MissingDependencyError: `device_map` is given and accelerate is not installed.
    """
    if name.startswith(_REMOTE_PREFIX):
        if device or dtype or device_map:
            raise InvalidInputError(f"device, dtype and device_map do not apply to {name!r}, which runs elsewhere")
        return _remote(name, api_key)
    source: str | Path = name
    if name in EMBEDDED:
        source = embedded_folder(name)
    else:
        refuse_misspelt("embedded model", name, EMBEDDED)
    from kedit_memory.models.huggingface import HuggingFaceModel  # loads torch

    return HuggingFaceModel.load(source, name=name, device=device, dtype=dtype, device_map=device_map)


def _remote(name: str, api_key: str | None) -> TextModel:
    from kedit_memory.models.remote import OpenAIModel  # loads httpx

    # A model's own name may hold "@" and ":", a URL's user part too: the last "@http" divides them.
    model, at, rest = name.removeprefix(_REMOTE_PREFIX).rpartition("@http")
    if not at or not model:
        raise InvalidInputError(
            f"{name!r} is not an endpoint: write openai:NAME@URL, such as openai:llama3@http://127.0.0.1:8000/v1"
        )
    return OpenAIModel(model, f"http{rest}", api_key=api_key)
