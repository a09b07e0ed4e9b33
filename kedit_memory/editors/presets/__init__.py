"""Settings of editors by kind: those of the papers, and those that were tuned on a model.

METHOD/MODEL.toml holds what was chosen for a model, METHOD/any.toml what holds for every other one. A table in it is a
kind, with its `options` and the `source`: of `paper` where its authors state them, of `tuned` the command that chose
them, on edits of which nothing is reported. The defaults of an editor are neither: most were found on kedit-mini.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kedit_memory.errors import NotFoundError, UnknownNameError

PAPER, TUNED = "paper", "tuned"
KINDS = (PAPER, TUNED)
DEFAULT = "default"  # what rows tell where an editor's own defaults stand
_ANY = "any"


@dataclass(frozen=True, kw_only=True)
class Preset:
    """Options of an editor that belong together.

    Attributes:
        kind: One of `KINDS`, or `DEFAULT`.
        source: Where the options are from.
        options: By name; the editor's own defaults stand for the others.
    """

    kind: str = DEFAULT
    source: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


def check_kind(kind: str | None) -> None:
    """Refuse a kind that there is not; None is none.

    Raises:
        UnknownNameError: there is no such kind.
    """
    if kind is not None and kind not in KINDS:
        raise UnknownNameError("preset", kind, KINDS)


def preset(method: str, kind: str | None, model: str) -> Preset:
    """The options of a kind for a method on a model, those for every model where it has none of its own.

    No kind, or a method without this kind, gives the editor's defaults, which the kind then says.

    Raises:
        UnknownNameError: there is no such kind.
    """
    check_kind(kind)
    if kind is None:
        return Preset()
    for name in (Path(model).name, _ANY):
        if kind in (kinds := _read(method, name)):
            return Preset(kind=kind, **kinds[kind])
    return Preset()


def preset_of(method: str, kind: str | None, model: str) -> Preset:
    """The same, for whoever asks for one method.

    Raises:
        NotFoundError: the method has no such preset for the model.
        UnknownNameError: there is no such kind.
    """
    found = preset(method, kind, model)
    if kind is not None and found.kind != kind:
        raise NotFoundError(f"{method} has no {kind} preset for {model}: leave --preset out, or give --option")
    return found


def _read(method: str, model: str) -> dict[str, dict[str, Any]]:
    """The kinds of a file, none where there is no such file; lists are tuples, as options are."""
    file = Path(__file__).parent / method / f"{model}.toml"
    if not file.is_file():
        return {}
    kinds = tomllib.loads(file.read_text("utf-8"))
    for one in kinds.values():
        one["options"] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in one["options"].items()
        }
    return kinds
