"""Where the files of the world lie."""

from pathlib import Path

from kedit_memory.shipped import data_folder


def world_folder() -> Path:
    """The tables of facts and the phrasings of relations."""
    return data_folder() / "world"


def passages_file() -> Path:
    """One encyclopedic paragraph an entity, one JSON object a line."""
    return data_folder() / "passages" / "passages.jsonl"
