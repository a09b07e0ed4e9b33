"""Tables of names: each names a class by its module, so that listing a name loads nothing heavy."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from kedit_memory.errors import UnknownNameError


def load(kind: str, name: str, table: Mapping[str, str]) -> Any:
    """The object that `table` names `name`, imported now.

    Raises:
        UnknownNameError: `name` is not in the table.
    """
    if name not in table:
        raise UnknownNameError(kind, name, table)
    module, _, attribute = table[name].partition(":")
    return getattr(import_module(module), attribute)
