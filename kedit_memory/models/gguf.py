"""GGUF files, as llama.cpp has them, for transformers' reader: what is wrong with one is told before it is read."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from kedit_memory.errors import MissingDependencyError, ModelError
from kedit_memory.models.faults import told

_SUFFIX = ".gguf"
_MAGIC = b"GGUF"
_READER = ("gguf", "accelerate")  # packages that transformers' reader needs
_NO_FAMILIES = {"general", "tokenizer"}  # other entries of transformers' table
_ENCODERS = {"t5encoder"}  # of its families, those that cannot generate


def is_gguf(source: str | Path) -> bool:
    """Whether `source` is meant as a GGUF file: by its suffix, or by how it begins.

    Raises:
        ModelError: it is a file that cannot be read.
    """
    path = Path(source).expanduser()
    if path.suffix.lower() == _SUFFIX:
        return not path.is_dir()
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error


def require_reader(what: str) -> None:
    """Checks that the packages are there that read GGUF files.

    Raises:
        MissingDependencyError: one is not.
    """
    if missing := [package for package in _READER if find_spec(package) is None]:
        raise MissingDependencyError(
            f"{what} needs {' and '.join(missing)}, not installed here: pip install 'kedit-memory[models]'"
        )


def check_gguf(path: Path) -> None:
    """Checks that transformers can make a language model with its tokenizer of a GGUF file.

    Raises:
        MissingDependencyError: a package that reads such files is not installed.
        ModelError: the file is not there, is none, ends early, is of another family or has no tokenizer.
    """
    if not path.is_file():
        raise ModelError(f"no file {path}: give the GGUF file of an existing model")
    require_reader(f"the GGUF file {path.name}")
    fields = _fields(path)
    family, known = str(fields.get("general.architecture", "")), families()
    if _plain(family) not in map(_plain, known):
        raise ModelError(
            f"{path.name} is of the family {family!r}, which is not read here (known: {', '.join(known)}): "
            "serve it by llama.cpp, and name it as openai:NAME@URL"
        )
    if (parts := fields.get("split.count", 1)) != 1:
        raise ModelError(f"{path.name} is one of {parts} parts: join them by 'llama-gguf-split --merge'")
    if not fields.get("tokenizer.ggml.model") or not fields.get("tokenizer.ggml.tokens"):
        raise ModelError(f"{path.name} holds no tokenizer: convert the model anew, with its vocabulary")


def families() -> list[str]:
    """The families of language models that the installed transformers reads from GGUF files."""
    from transformers.modeling_gguf_pytorch_utils import GGUF_SUPPORTED_ARCHITECTURES

    known = set(GGUF_SUPPORTED_ARCHITECTURES)
    if find_spec("transformers.integrations.gguf"):  # a second table, in newer releases
        from transformers.integrations.gguf.gguf_config_mapping import GGUF_CONFIG_ARCHS

        known |= set(GGUF_CONFIG_ARCHS)
    return sorted(known - _NO_FAMILIES - _ENCODERS)


def unpacking() -> dict[str, Any]:
    """The options that make transformers give plain weights: newer releases may keep some packed otherwise."""
    import transformers

    config = getattr(transformers, "GgufConfig", None)
    return {"quantization_config": config(dequantize=True)} if config else {}


@contextmanager
def without_bars() -> Iterator[None]:
    """Keeps what the reader draws off standard error: its own bar knows no other switch."""
    with redirect_stderr(io.StringIO()):
        yield


def _plain(family: str) -> str:
    return re.sub("[-_]", "", family)  # qwen2moe is qwen2_moe to transformers


def _fields(path: Path) -> dict[str, Any]:
    """What the file says of its model, the tokens as their number; all of the file's tensors are found to be there."""
    from gguf import GGUFReader

    class Bounded(GGUFReader):
        """Refuses to read past the end, where the package's own reader finds nothing, over and over."""

        def _get(self, offset: int, dtype: Any, count: Any = 1, *rest: Any, **more: Any) -> Any:
            if offset + np.dtype(dtype).itemsize * int(count) > len(self.data):
                raise ValueError("it ends early")
            return super()._get(offset, dtype, count, *rest, **more)

    try:
        fields = Bounded(path).fields
        return {key: len(field.data) if len(field.data) > 1 else field.contents() for key, field in fields.items()}
    except Exception as error:  # what the package raises at damage has no class in common
        raise ModelError(f"{path} is no whole GGUF file ({told(error)}): get it anew") from error
