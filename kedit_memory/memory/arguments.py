"""What callers hand over besides edits: names, numbers, texts and paths, checked before anything is done with them."""

import os
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from kedit_memory.errors import InvalidInputError
from kedit_memory.places import is_address
from kedit_memory.records import OnConflict, Vectors
from kedit_memory.text import LONGEST_NAME, clean_line

Function = TypeVar("Function", bound=Callable[..., Any])

_LARGEST = 2**63 - 1  # whole number that a database holds


def conflict_rule(value: str) -> OnConflict:
    """The rule of that name.

    Raises:
        InvalidInputError: there is none.
    """
    try:
        return OnConflict(value)
    except ValueError:
        raise InvalidInputError(f"on_conflict {shown(value)} is unknown (known: {', '.join(OnConflict)})") from None


def namespace_name(value: object) -> str:
    """A namespace in the form in which it is compared.

    Raises:
        InvalidInputError: no text, empty, too long or of several lines.
    """
    return clean_line(value, "namespace", LONGEST_NAME)


def whole_number(value: object, name: str, least: int) -> int:
    """A number of things.

    Raises:
        InvalidInputError: no whole number, less than `least`, or beyond what a database holds.
    """
    if isinstance(value, int) and not isinstance(value, bool) and least <= value <= _LARGEST:
        return value
    raise InvalidInputError(f"{name} is {shown(value)}; give a whole number, {least} or more")


def text(value: object, name: str) -> str:
    """A text as it is given.

    Raises:
        InvalidInputError: no text, or none that can be written as UTF-8.
    """
    if not isinstance(value, str):
        raise InvalidInputError(f"{name} is {type(value).__name__}, not text; give a string")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidInputError(f"{name} holds text that is not valid UTF-8; re-encode it") from None
    return value


def texts(values: object, name: str) -> list[str]:
    """Several texts as they are given.

    Raises:
        InvalidInputError: no collection of texts.
    """
    if isinstance(values, (str, bytes, Mapping)) or not isinstance(values, Collection):
        raise InvalidInputError(f"{name} is {type(values).__name__}; give a list of texts")
    return [text(value, f"{name}[{number}]") for number, value in enumerate(values)]


def function(value: Function, name: str) -> Function:
    """Something that can be called.

    Raises:
        InvalidInputError: it cannot.
    """
    if not callable(value):
        raise InvalidInputError(f"{name} is {type(value).__name__}; give a function")
    return value


def file_path(value: object) -> Path:
    """A path that can be one of a file or a folder.

    Raises:
        InvalidInputError: it cannot.
    """
    if isinstance(value, (str, Path)) and str(value) and "\0" not in str(value):
        try:
            os.fsencode(value)
        except UnicodeEncodeError:
            pass
        else:
            return Path(value)
    raise InvalidInputError(f"{shown(value)} is no path; name a file or a folder")


def store_place(value: object) -> str | Path:
    """Where a store is: the address of a database, else the path of a folder.

    Raises:
        InvalidInputError: neither, or an address that was made a path, which takes a sign from it.
    """
    if isinstance(value, str) and is_address(value):
        return value
    path = file_path(value)
    if is_address(str(path).replace(":/", "://", 1)):
        raise InvalidInputError("the address of a store is given as a path; give it as text")
    return path


def collection_of_rows(value: object) -> Iterable[object]:
    """Rows to be stored, of whatever kind each is.

    Raises:
        InvalidInputError: nothing that holds rows.
    """
    if isinstance(value, (bytes, Mapping)) or not isinstance(value, Iterable):
        raise InvalidInputError(f"rows is {type(value).__name__}; give a list of rows, or the path of a file")
    return value


def vector_of_numbers(value: object) -> Vectors:
    """A vector that stands for a question.

    Raises:
        InvalidInputError: no array of numbers.
    """
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiu":
        return value
    raise InvalidInputError(f"a question is {type(value).__name__}; give text, or one vector of numbers")


def shown(value: object) -> str:
    """A value as a message quotes it."""
    quoted = ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
    return quoted if len(quoted) <= 60 else quoted[:57] + "..."
