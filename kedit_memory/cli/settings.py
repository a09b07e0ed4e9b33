"""What commands go by where no option says otherwise: the environment, then the nearest `kedit.toml`, then our own."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kedit_memory.errors import InvalidInputError
from kedit_memory.places import is_address
from kedit_memory.records import DEFAULT_NAMESPACE

FILE = "kedit.toml"
BUILT_IN = {"store": "index/default", "model": "kedit-mini", "namespace": DEFAULT_NAMESPACE, "engine": "faiss"}


@dataclass
class Chosen:
    """What an option says of every store that the command opens."""

    engine: str = BUILT_IN["engine"]


CHOSEN = Chosen()


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A default and where it comes from: a variable, a file, or else the program."""

    value: str
    origin: str | None = None


def read_settings(folder: Path, environment: Mapping[str, str]) -> dict[str, Setting]:
    """Store, model, namespace, engine: of `KEDIT_STORE` and so on, else of a file in `folder` or above, else our own.

    Raises:
        InvalidInputError: the file cannot be read, is another user's, or says something else.
    """
    settings = {name: Setting(value=value) for name, value in BUILT_IN.items()}
    if file := find_file(folder):
        settings |= {name: Setting(value=value, origin=str(file)) for name, value in read_file(file).items()}
    for name in BUILT_IN:
        if value := environment.get(variable := f"KEDIT_{name.upper()}"):
            settings[name] = Setting(value=value, origin=variable)
    return settings


def find_file(folder: Path) -> Path | None:
    """The nearest `kedit.toml`, from a folder upwards."""
    files = (place / FILE for place in (folder, *folder.parents))
    return next((file for file in files if file.is_file()), None)


def read_file(file: Path) -> dict[str, str]:
    """What a `kedit.toml` sets; a relative store lies beside the file.

    Raises:
        InvalidInputError: it is no TOML, sets what is not known, or was put there by somebody else.
    """
    try:
        _check_owner(file)
        read = tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"{file} cannot be read ({error}); mend it, or move it away") from error
    for name, value in read.items():
        if name not in BUILT_IN:
            raise InvalidInputError(f"{file} sets {name!r}; it may set {', '.join(BUILT_IN)}")
        if not isinstance(value, str) or not value.strip():
            raise InvalidInputError(f'{file} sets {name} to {value!r}; write text in quotes, such as {name} = "…"')
    if "store" in read and not is_address(read["store"]):
        read["store"] = str(file.parent / Path(read["store"]).expanduser())
    return read


def api_key() -> str | None:
    """The key of an endpoint, from `KEDIT_API_KEY`."""
    return os.environ.get("KEDIT_API_KEY")


def _check_owner(file: Path) -> None:
    """A file of another user, in a folder that all may write to, would choose the model that is given the questions."""
    if hasattr(os, "getuid") and file.stat().st_uid not in {0, os.getuid()}:
        raise PermissionError("it belongs to another user")
