"""The options that commands share, each checked as it is read, before anything is loaded."""

import json
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from kedit_memory.cli.progress import TELLER
from kedit_memory.cli.settings import BUILT_IN, CHOSEN
from kedit_memory.errors import InvalidInputError, UnknownNameError
from kedit_memory.places import is_address
from kedit_memory.records import OnConflict
from kedit_memory.text import LONGEST_NAME, clean_line

_PRECISIONS = ("float32", "bfloat16", "float16")
_DEVICE = re.compile(r"[a-z]+(:\d+)?")


def path_of(word: str) -> Path:
    """A path that is given; an empty one, such as an unset variable, would mean the current folder."""
    if not word:
        raise typer.BadParameter("a path is empty; write . for the current folder")
    return Path(word)


def place_of(word: str) -> str:
    """Where a store is: a path, or the address of a database."""
    return word if is_address(word) else str(path_of(word))


def _name_of_namespace(given: str | None) -> str | None:
    return None if given is None else clean_line(given, "namespace", LONGEST_NAME)


def _model_to_load(given: str | None) -> str | None:
    """The name of a model, refused now where nothing could be loaded by it."""
    if given is not None and not given.startswith("openai:"):
        from kedit_memory.models.gguf import check_gguf, is_gguf
        from kedit_memory.models.known import model_source
        from kedit_memory.models.sources import find_source

        source = model_source(given)
        if is_gguf(source):
            check_gguf(Path(source).expanduser())
        else:
            find_source(source, "model")
    return given


def _engine(given: str | None) -> str | None:
    """An engine, which the store that is opened gets; refused now where none has that name."""
    from kedit_memory.memory.index import check_engine

    if given is not None:
        check_engine(given)
        CHOSEN.engine = given
    return given


def _device(given: str | None) -> str | None:
    if given is not None and not _DEVICE.fullmatch(given):
        raise InvalidInputError(f"no device {given!r}; write cpu, cuda, cuda:1 for the second one, or auto")
    return given


def one_device(device: str | None) -> str | None:
    """The device for what is too small to be spread over all, as `auto` has it for a model's layers."""
    return None if device == "auto" else device


def refuse_without(missing: str, given: Mapping[str, str | None]) -> None:
    """Raises `InvalidInputError` where an option says how to encode, and none says what."""
    for option, value in given.items():
        if value is not None:
            raise InvalidInputError(
                f"{option} is given without {missing}, so nothing is encoded; add it, or leave {option} out"
            )


def _precision(given: str | None) -> str | None:
    if given is not None and given not in _PRECISIONS:
        raise UnknownNameError("dtype", given, _PRECISIONS)
    return given


def _day(given: str | None) -> str | None:
    from kedit_memory.memory.requests import day

    return None if given is None else day(given, "--as-of")


def metadata_of(pairs: list[str] | None) -> dict[str, Any]:
    """What --metadata says; a value that is JSON, such as 3 or "3", is what it is there.

    Raises:
        InvalidInputError: a word is no NAME=VALUE, or a name comes twice.
    """
    found: dict[str, Any] = {}
    for word in pairs or ():
        name, sign, value = word.partition("=")
        if not sign or not name or name in found:
            raise InvalidInputError(f"--metadata {word!r} is no NAME=VALUE, or its name came before; write team=sales")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


def _quiet(given: bool) -> None:
    if given:
        _show_from(logging.ERROR)


def _verbose(given: bool) -> None:
    if given:
        _show_from(logging.DEBUG)


def _show_from(level: int) -> None:
    if TELLER.shown not in {logging.WARNING, level}:
        raise InvalidInputError("--quiet and --verbose ask for opposite things; leave one out")
    TELLER.show_from(level)


def words_of(option: str, given: str, example: str) -> tuple[str, ...]:
    """The words of an option between commas, one at least.

    Raises:
        InvalidInputError: there is none.
    """
    words = tuple(word.strip() for word in given.split(",") if word.strip())
    if not words:
        raise InvalidInputError(f"{option} is empty; name one or more, such as {example}")
    return words


def numbers_of(option: str, given: str, example: str) -> tuple[int, ...]:
    """The whole numbers of an option between commas.

    Raises:
        InvalidInputError: a word is none.
    """
    try:
        return tuple(int(word) for word in given.split(",") if word.strip())
    except ValueError:
        raise InvalidInputError(
            f"{option} is {given!r}; give whole numbers with commas between, such as {example}"
        ) from None


STORE_OPTION = typer.Option(
    "--store", parser=place_of, metavar="<path>", help="The folder of the store, or postgresql://USER@HOST/DATABASE."
)
NAMESPACE_OPTION = typer.Option(
    "--namespace",
    callback=_name_of_namespace,
    help="Edits of one namespace never answer in another.",
)
MODEL_OPTION = typer.Option(
    "--model",
    callback=_model_to_load,
    help="'kedit-mini', 'smollm2' (see `kedit models`), a folder, a .gguf file, a hub name, or openai:NAME@URL for an "
    "endpoint.",
)
_ENGINE: dict[str, Any] = {
    "callback": _engine,
    "metavar": "<str>",
    "help": "What finds keys: faiss, exact, auto, faiss-sq8, faiss-hnsw, faiss-ivf, faiss-pq, faiss-gpu, "
    "milvus://HOST:PORT, milvus:FILE.db, or postgresql://USER@HOST/DATABASE.",
}
EngineBefore = Annotated[str | None, typer.Option("--engine", **_ENGINE)]
Engine = Annotated[str, typer.Option("--engine", expose_value=False, **_ENGINE)]
Store = Annotated[
    str,
    typer.Option(
        "--store",
        parser=place_of,
        metavar="<path>",
        help="The folder of the store, or postgresql://USER@HOST/DATABASE; made if absent.",
    ),
]
ExistingStore = Annotated[str, STORE_OPTION]
Namespace = Annotated[str, NAMESPACE_OPTION]
Model = Annotated[str, MODEL_OPTION]
EveryNamespace = Annotated[
    str | None, typer.Option("--namespace", callback=_name_of_namespace, help="Only edits of this one; else of all.")
]
IntoNamespace = Annotated[
    str | None,
    typer.Option(
        "--namespace",
        callback=_name_of_namespace,
        help="Put all rows into this one; else each goes into its own, or into 'default' where it names none.",
    ),
]
EditId = Annotated[str, typer.Argument(help="The id of an edit, such as e12, or the one that you gave it.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output, nothing else.")]
Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet",
        "-q",
        expose_value=False,
        callback=_quiet,
        help="Print results and errors alone: no notes, no progress.",
    ),
]
Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose",
        "-v",
        expose_value=False,
        callback=_verbose,
        help="Also print each step and its time, on standard error.",
    ),
]
Encoder = Annotated[
    str | None,
    typer.Option(
        "--encoder", help="'minilm', 'use-multilingual', 'hashing', a folder or a hub name; a store keeps its first."
    ),
]
Ray = Annotated[
    str | None,
    typer.Option(
        "--ray",
        metavar="<address>",
        help="Encode by the Ray cluster at HOST:PORT, or auto: that of this machine; needs the extra ray.",
    ),
]
Conflict = Annotated[
    OnConflict, typer.Option("--on-conflict", help="What to do when the same slot holds another answer.")
]
Device = Annotated[
    str | None,
    typer.Option(
        "--device",
        callback=_device,
        help="Where a local model runs: cpu, cuda, cuda:1, or auto: its layers spread over all.",
    ),
]
EncoderDevice = Annotated[
    str | None,
    typer.Option(
        "--device",
        callback=_device,
        help="Where the encoder runs: cpu, cuda, cuda:1; else on a GPU where there is one.",
    ),
]
Dtype = Annotated[
    str | None,
    typer.Option("--dtype", callback=_precision, help="A local model's precision: float32, bfloat16, float16."),
]
Preset = Annotated[
    str | None,
    typer.Option(
        "--preset", help="Settings of the papers (paper) or tuned on the model (tuned); the editors' own if not given."
    ),
]
Judge = Annotated[
    str | None,
    typer.Option(
        "--judge",
        help="When an answer counts: equal, begins, contains, alternatives, token_f1, or model:NAME.",
    ),
]
MaxNewTokens = Annotated[
    int | None,
    typer.Option("--max-new-tokens", min=1, help="Where an answer is cut; else it is as long as the model makes it."),
]
PathChoice = Annotated[
    str,
    typer.Option("--path", help="How an edit in scope answers: auto, context, direct, grace or serac; see README."),
]
Related = Annotated[
    int,
    typer.Option(
        "--related",
        metavar="<int>",
        min=0,
        help="How many edits that speak of a question and do not answer it the model is told; 0 leaves no trace.",
    ),
]
Rerank = Annotated[
    str | None,
    typer.Option(
        "--rerank",
        metavar="<str>",
        help="A cross-encoder that orders found passages: a folder, a hub name or 'minilm-marco'; none ships.",
    ),
]
PassagesFrom = Annotated[
    str,
    typer.Option(
        "--passages-from",
        help="'retrieved', by a search, or 'generated': a model that follows instructions writes one.",
    ),
]
PublicSets = Annotated[
    Path | None,
    typer.Option(
        "--path", parser=path_of, metavar="<path>", help="Folder of the public sets; else that of KEDIT_DATA."
    ),
]
AsOf = Annotated[
    str | None,
    typer.Option("--as-of", callback=_day, help="Answer by the edits valid on this day (YYYY-MM-DD)."),
]
Subject = Annotated[str | None, typer.Option("--subject", help="Whom or what the fact is about.")]
Relation = Annotated[str | None, typer.Option("--relation", help="The relation of subject and target.")]
Statement = Annotated[str | None, typer.Option("--statement", help="The fact as one sentence.")]
Paraphrases = Annotated[
    list[str] | None,
    typer.Option("--paraphrase", metavar="<str>", help="Another way to ask; may be given several times."),
]
Aliases = Annotated[
    list[str] | None,
    typer.Option("--alias", metavar="<str>", help="Another name of the subject; may be given several times."),
]
Radius = Annotated[float | None, typer.Option("--radius", help="The radius of scope, 0 to 2; kept as given.")]
Metadata = Annotated[
    list[str] | None,
    typer.Option(
        "--metadata",
        metavar="NAME=VALUE",
        help="A value of your own; may be given several times. Numbers, true, false and null are JSON, all else text.",
    ),
]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="How many at most; else all.")]
ValidFrom = Annotated[str | None, typer.Option("--valid-from", help="First day on which the fact holds (YYYY-MM-DD).")]
ValidUntil = Annotated[
    str | None, typer.Option("--valid-until", help="First day on which it holds no more (YYYY-MM-DD).")
]
OwnId = Annotated[
    str | None,
    typer.Option("--id", metavar="<str>", help="A name of your own for the edit; show, update and others take it."),
]
Source = Annotated[str | None, typer.Option("--source", help="Where the fact comes from.")]

Picture = Annotated[
    Path | None,
    typer.Option("--picture", parser=path_of, metavar="<path>", help="Draw the figures here; needs the extra report."),
]
LogFile = Annotated[
    Path | None,
    typer.Option(
        "--log",
        parser=path_of,
        metavar="<path>",
        help="Keep what was seen in this file, for `kedit score`; streams and comparisons go on with it.",
    ),
]
Worst = Annotated[
    int, typer.Option("--worst", min=0, help="Show so many of the worst cases of a kind, or a method, on stderr.")
]
Seed = Annotated[int, typer.Option("--seed", help="Of every sample.")]

# The defaults where nothing else is set.
STORE = str(Path(BUILT_IN["store"]))
NAMESPACE = BUILT_IN["namespace"]
MODEL = BUILT_IN["model"]
ENGINE = BUILT_IN["engine"]
