"""Opens checkpoints of Hugging Face models: safetensors only, no remote code, one clear line on failure."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from huggingface_hub.utils import logging as hub_logging
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.utils import logging as transformers_logging

from kedit_memory.errors import (
    InvalidInputError,
    MissingDependencyError,
    ModelError,
    UnknownNameError,
)
from kedit_memory.models.adapter import adapter_in
from kedit_memory.models.checks import check_config
from kedit_memory.models.faults import one_line, told
from kedit_memory.models.gguf import check_gguf, is_gguf, unpacking, without_bars
from kedit_memory.models.sources import find_source

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder, SentenceTransformer

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}

SPREAD = "auto"  # the device that stands for all there are

_SAFE = {"trust_remote_code": False}
_SAMPLED_VALUES = 256


@dataclass(frozen=True, kw_only=True)
class _Place:
    """What a language model is loaded from.

    Attributes:
        name: By which messages call it.
        source: A folder or a Hub name.
        local: Whether it is of this machine.
        gguf_file: The one in the folder that is meant; None where the folder as a whole is.
    """

    name: str
    source: str
    local: bool
    gguf_file: str | None = None

    @property
    def options(self) -> dict[str, Any]:
        """What transformers' `from_pretrained` is given with the source, for each part of the model."""
        given = {**_SAFE, "local_files_only": self.local}
        return given if self.gguf_file is None else given | {"gguf_file": self.gguf_file}


def load_checkpoint(
    source: str | Path,
    *,
    device: str | None = None,
    dtype: str | None = None,
    device_map: str | dict[str, Any] | None = None,
) -> tuple[PreTrainedModel, Any]:
    """The model, in evaluation mode, and its tokenizer, from a folder, a GGUF file or a Hub name.

    The folder of a low-rank adapter gives the model that it is of, with the adapter in its weights. The device "auto"
    spreads the layers over all devices that there are, as `device_map="auto"` does.

    Raises:
        ModelError: There is no such model, it lacks weights or an EOS token, or it cannot generate; or the adapter
            does not fit its base.
        InvalidInputError: Both `device` and `device_map` are given.
        UnknownNameError: `dtype` is not one of `DTYPES`.
        MissingDependencyError: `device_map` is given and accelerate is not installed, or what reads a GGUF file is not.
    """
    if device == SPREAD and not device_map:
        device, device_map = None, SPREAD
    if device and device_map:
        raise InvalidInputError("both device and device_map are given: device_map places all layers")
    if device_map and find_spec("accelerate") is None:
        raise MissingDependencyError("device_map needs accelerate, which is not installed: pip install accelerate")
    where = None if device_map else choose_device(device)
    precision = _choose_dtype(dtype, where)
    adapter = adapter_in(source)
    found = _locate(adapter.base_source if adapter else source)
    unseen = without_bars() if found.gguf_file else nullcontext()
    with quiet(bars=not found.local), unseen, one_line(f"load the model {found.name}"):
        config = _generating_config(found)
        tokenizer = _load_tokenizer(found)
        model = _load_model(found, config, dtype=precision, device_map=device_map)
        if adapter is not None:
            adapter.merge(model)
        if where is not None:
            model.to(where)  # type: ignore[arg-type]
    model.eval()  # type: ignore[no-untyped-call]
    return model, tokenizer


def _locate(source: str | Path) -> _Place:
    if not is_gguf(source):
        found, local = find_source(source, "model")
        return _Place(name=found, source=found, local=local)
    path = Path(source).expanduser()
    check_gguf(path)
    return _Place(name=str(path), source=str(path.parent), local=True, gguf_file=path.name)


def load_classifier_checkpoint(
    source: str | Path, *, device: str | None = None, dtype: str | None = None
) -> tuple[PreTrainedModel, Any]:
    """The classifier of a folder, in evaluation mode, and its tokenizer.

    Raises:
        ModelError: there is none, it lacks weights or a padding token, or gives no single label of several.
        UnknownNameError: `dtype` is not one of `DTYPES`.
    """
    where = choose_device(device)
    precision = _choose_dtype(dtype, where)
    found, local = find_source(source, "classifier")
    with quiet(bars=not local), one_line(f"load the classifier {found}"):
        if local:
            check_config(Path(found))
        options: dict[str, Any] = {**_SAFE, "local_files_only": local}
        tokenizer = AutoTokenizer.from_pretrained(found, **options)
        model, report = AutoModelForSequenceClassification.from_pretrained(
            found, use_safetensors=True, output_loading_info=True, dtype=precision, **options
        )
        model.to(where)
        _read_as_words(tokenizer)
    if missing := sorted(report["missing_keys"]):
        raise ModelError(f"{found} lacks {len(missing)} of its weights, such as {missing[0]}: save it whole")
    config = model.config
    if config.num_labels < 2 or config.problem_type == "multi_label_classification" or config.is_encoder_decoder:
        raise ModelError(f"{found} gives a text no single label of several: give an encoder trained to choose one")
    if tokenizer.pad_token_id is None:
        raise ModelError(f"the tokenizer of {found} has no padding token: name one in tokenizer_config.json")
    model.eval()
    return model, tokenizer


def open_sentence_transformer(folder: Path, device: str | None = None) -> "SentenceTransformer":
    """The sentence encoder in `folder`, in float32.

    Raises:
        ModelError: The folder holds no working encoder, or there is no such device.
    """
    from sentence_transformers import SentenceTransformer  # seconds to import, only for encoders

    where = choose_device(device)
    with quiet(), one_line(f"load the encoder {folder}"):
        check_config(folder)
        loaded = SentenceTransformer(
            str(folder),
            device=str(where),
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True, "dtype": torch.float32},
        )
        _read_as_words(loaded.tokenizer)
    return loaded


def open_cross_encoder(folder: Path, device: str | None = None) -> "CrossEncoder":
    """The cross-encoder in `folder`, in float32.

    Raises:
        ModelError: The folder holds no cross-encoder with one output, or there is no such device.
    """
    from sentence_transformers import CrossEncoder  # seconds to import, only for reranking

    where = choose_device(device)
    with quiet(), one_line(f"load the cross-encoder {folder}"):
        check_config(folder)
        _check_head(folder)
        loaded: CrossEncoder = CrossEncoder(
            str(folder),
            device=str(where),
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True, "dtype": torch.float32},
        )
        _read_as_words(loaded.tokenizer)
    return loaded


def _read_as_words(tokenizer: Any) -> None:
    """Has a tokenizer of texts alone make no control token of what one of them holds."""
    tokenizer.split_special_tokens = True


def _check_head(folder: Path) -> None:
    """Refuses what would be given a random head, or has several outputs: neither ranks."""
    config = AutoConfig.from_pretrained(folder, **_SAFE, local_files_only=True)
    kind = next(iter(config.architectures or ["model of no known architecture"]))
    if not kind.endswith("ForSequenceClassification"):
        raise ModelError(f"{folder} holds a {kind}, which scores no pairs: give a cross-encoder")
    if config.num_labels != 1:
        raise ModelError(
            f"the cross-encoder in {folder} has {config.num_labels} outputs, not the one that ranks passages"
        )


def choose_device(device: str | None) -> torch.device:
    """The device named, or an accelerator where there is one, or the CPU.

    Raises:
        ModelError: The name is no device, or this machine has none such.
    """
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError) as error:
        raise ModelError(f"no device {device!r} on this machine: {told(error)}") from error
    return chosen


def _choose_dtype(dtype: str | None, device: torch.device | None) -> torch.dtype | str:
    if dtype is None:
        # Half precision saves nothing on a CPU: many of its kernels are slower there, or missing.
        return torch.float32 if device is not None and device.type == "cpu" else "auto"
    if dtype not in DTYPES:
        raise UnknownNameError("dtype", dtype, DTYPES)
    return DTYPES[dtype]


def _load_tokenizer(found: _Place) -> Any:
    with one_line(f"load the tokenizer of {found.name}"):
        tokenizer = AutoTokenizer.from_pretrained(found.source, **found.options)
    if not set(tokenizer.get_vocab()) - set(tokenizer.all_special_tokens):
        raise ModelError(
            f"the tokenizer of {found.name} knows no words, so its vocabulary is missing: "
            "save tokenizer.json, or the files of its vocabulary, beside the weights"
        )
    if tokenizer.eos_token_id is None:
        raise ModelError(
            f"the tokenizer of {found.name} has no EOS token, so no answer would end: "
            'name one of its tokens as "eos_token" in tokenizer_config.json'
        )
    if tokenizer.pad_token_id is None:
        # A token that exists already: a new one would need another row in the embedding.
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def _generating_config(found: _Place) -> PreTrainedConfig:
    if found.local and not found.gguf_file:
        check_config(Path(found.source))
    config: PreTrainedConfig = AutoConfig.from_pretrained(found.source, **found.options)
    architectures = list(config.architectures or [])
    if any(name.endswith(("MaskedLM", "Classification", "Answering")) for name in architectures):
        raise ModelError(
            f"{found.name} is a {architectures[0]}, which cannot generate: "
            "give a causal or an encoder-decoder language model"
        )
    return config


def _load_model(found: _Place, config: PreTrainedConfig, **placed: Any) -> PreTrainedModel:
    kind: Any = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
    options = found.options | placed | (unpacking() if found.gguf_file else {})
    model, report = kind.from_pretrained(
        found.source, config=config, use_safetensors=True, output_loading_info=True, **options
    )
    if missing := sorted(report["missing_keys"]):
        raise ModelError(
            f"{found.name} lacks {len(missing)} of its weights, such as {missing[0]}: "
            "the model would answer at random; save it whole, with its language-model head"
        )
    whole: PreTrainedModel = model
    for length in ("max_length", "min_length", "min_new_tokens"):
        # How long an answer may be is said in new tokens; transformers warns of a second limit.
        setattr(whole.generation_config, length, None)
    return whole


@contextmanager
def quiet(*, bars: bool = False) -> Iterator[None]:
    """Keeps the reports of transformers and the Hub off standard error; `bars` leaves those of a download."""
    verbosity = transformers_logging.get_verbosity()
    hub_verbosity = hub_logging.get_verbosity()
    had_bars = transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    hub_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    if not bars:
        transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        hub_logging.set_verbosity(hub_verbosity)
        if had_bars:
            transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def describe_config(model: PreTrainedModel) -> str:
    """The configuration as JSON, without what says only where or by whom it was saved."""
    values = {
        key: value
        for key, value in model.config.to_dict().items()
        if key not in {"_name_or_path", "transformers_version"}
    }
    return json.dumps(values, sort_keys=True, default=str)


def fingerprint_of(model: PreTrainedModel) -> str:
    """16 hexadecimal digits over the configuration and 256 evenly spaced values of each weight, taken now."""
    digest = hashlib.sha256(describe_config(model).encode())
    for name, tensor in model.state_dict().items():
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        if not tensor.is_meta:
            flat = tensor.detach().reshape(-1)
            sample = flat[:: max(1, flat.numel() // _SAMPLED_VALUES)]
            digest.update(sample.float().cpu().numpy().tobytes())
    return digest.hexdigest()[:16]
