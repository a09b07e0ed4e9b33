"""The folder of public sets: found, read, and named as the data of a run."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from kedit_memory.errors import InvalidInputError, NotFoundError
from kedit_memory.evaluation.datasets.sources import sources
from kedit_memory.routing.background import Background
from kedit_memory.shipped import data_folder
from kedit_memory.world import background, world_folder

WORLD = "world"
EVERYDAY = "everyday"
INVENTED = "invented"  # made by the program from nothing
OWN = (WORLD, EVERYDAY, INVENTED)  # what ships: nothing has to be fetched for it
# Of the sets whose folder has another name, or that are made of several.
_FOLDERS = {
    "support": ("hwu64", "banking77_train", "bitext_customer_support", "dstc9_knowledge"),
    "banking77": ("banking77_train",),
    "bitext": ("bitext_customer_support",),
    "covid_faq": ("covid_qa_deepset",),
    "covid_faq_de": ("covid_qa_deepset",),
    "dstc9_faq": ("dstc9_knowledge",),
    "dstc11": ("dstc11_track5",),
    "gptcache": ("gptcache_mock",),
    "quora": ("quora_question_pairs",),
    "statements": ("squad", "squad2_dev"),
    "policies": ("or_sharc", "conditionalqa"),
    "long_answers": ("selqa", "boolq", "lfrqa_sample", "medquad_sample"),
    "followups": ("canard_dev", "trec_cast", "gecor_camrest"),
    "mzsre-from-another": ("mzsre",),
    "mlake-from-another": ("mlake",),
    "languages": ("squad", "xquad_ml", "mlake", "mzsre", "mintaka_dev", "qald9_plus", "parakqc"),
}


_MINED = ("statements", "qamr", "counterfact", "zsre", "dstc9_faq")
# Sets that are made of others.
_MADE_OF = {
    "contrast": _MINED,
    "invariance": _MINED,
    "mixed": ("counterfact", "pararel", "lre", "statements", "qamr", "policies", "support"),
}


def folder_of(data: Path | None, name: str) -> Path:
    """The folder of a set.

    Raises:
        NotFoundError: it is absent, or no folder of public sets was named.
    """
    folder = None if data is None else data / name
    if folder is None or not folder.is_dir():
        raise NotFoundError(f"no folder {folder or name}; name the folder of the public sets with --path or KEDIT_DATA")
    return folder


def read_json(path: Path) -> Any:
    """What a file of a set holds.

    Raises:
        InvalidInputError: it cannot be read as JSON.
    """
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"{path} cannot be read as JSON ({error}); fetch the set anew") from error


def read_text(path: Path) -> str:
    """What a file of a set holds.

    Raises:
        InvalidInputError: it cannot be read as text.
    """
    try:
        return path.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"{path} cannot be read ({error}); fetch the set anew") from error


def read_json_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a file with one JSON object a line.

    Raises:
        InvalidInputError: a line is none.
    """
    try:
        for line in path.read_text("utf-8").split("\n"):  # other ends of lines may stand within a text
            if line.strip():
                yield json.loads(line)
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"{path} cannot be read as JSON lines ({error}); fetch the set anew") from error


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a file: a list of JSON objects, or one a line where its name ends with .jsonl.

    Raises:
        InvalidInputError: it is something else.
    """
    rows = list(read_json_lines(path)) if path.suffix == ".jsonl" else read_json(path)
    if not isinstance(rows, list):
        raise InvalidInputError(f"{path} is no list of rows; fetch the set anew")
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise InvalidInputError(f"{path}, row {number} is no object with fields; fetch the set anew")
    return rows


def present(folder: Path, names: Iterable[str]) -> list[Path]:
    """Those of some files that a folder holds.

    Raises:
        NotFoundError: it holds none of them.
    """
    wanted = tuple(names)
    found = [folder / name for name in wanted if (folder / name).is_file()]
    if not found:
        raise NotFoundError(
            f"{folder} holds none of {', '.join(wanted)}; scripts/fetch_data.py fetches the public sets"
        )
    return found


def in_step(folder: Path, files: Mapping[str, str]) -> Iterator[dict[str, Mapping[str, Any]]]:
    """The rows of files that go together, such as translations, row by row; `files` are by what each row is called.

    Raises:
        NotFoundError: one of them is not there.
        InvalidInputError: they have not equally many rows.
    """
    read = {name: read_rows(present(folder, (file,))[0]) for name, file in files.items()}
    if len({len(rows) for rows in read.values()}) > 1:
        raise InvalidInputError(f"the files of {folder} have not equally many rows; fetch the set anew")
    for found in zip(*read.values(), strict=True):
        yield dict(zip(read, found, strict=True))


def background_of(dataset: str) -> Background | None:
    """What a router is given beside its store: the world, where that is asked about."""
    return background() if dataset == WORLD else None


def sources_of(dataset: str, data: Path | None) -> tuple[Path, ...]:
    """The folders whose bytes name the data of a run."""
    if dataset == EVERYDAY:
        return (data_folder() / EVERYDAY,)
    if dataset == INVENTED:
        return ()
    if dataset == WORLD or data is None:
        return (world_folder(),)
    name = dataset.removesuffix("_one_wording")
    return tuple(data / folder for one in _MADE_OF.get(name, (name,)) for folder in _folders(one))


def _folders(name: str) -> tuple[str, ...]:
    """The folders of a set that is made of no other set."""
    known = sources().get(name)
    return _FOLDERS.get(name, (known.folder if known else name,))
