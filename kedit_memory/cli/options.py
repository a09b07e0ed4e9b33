"""The options that commands share."""

from pathlib import Path
from typing import Annotated

import typer

from kedit_memory.records import DEFAULT_NAMESPACE, OnConflict
from kedit_memory.text import LONGEST_NAME, clean_line


def path_of(word: str) -> Path:
    """A path that is given; an empty one, such as an unset variable, would mean the current folder."""
    if not word:
        raise typer.BadParameter("a path is empty; write . for the current folder")
    return Path(word)


Store = Annotated[
    Path,
    typer.Option("--store", parser=path_of, metavar="<path>", help="The folder of the store; made if absent."),
]
ExistingStore = Annotated[
    Path, typer.Option("--store", parser=path_of, metavar="<path>", help="The folder of the store.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output, nothing else.")]
Namespace = Annotated[
    str,
    typer.Option(
        "--namespace",
        callback=lambda given: clean_line(given, "namespace", LONGEST_NAME),
        help="Edits of one namespace never answer in another.",
    ),
]
Encoder = Annotated[
    str | None,
    typer.Option("--encoder", help="'minilm', 'hashing', a folder or a hub name; a store keeps the one it began with."),
]
Conflict = Annotated[
    OnConflict, typer.Option("--on-conflict", help="What to do when the same slot holds another answer.")
]
Model = Annotated[
    str,
    typer.Option(
        "--model",
        help="'kedit-mini', 'smollm2' (see `kedit models`), a folder, a .gguf file, a hub name, or openai:NAME@URL "
        "for an endpoint.",
    ),
]
Device = Annotated[str | None, typer.Option("--device", help="Where a local model runs: cpu, cuda, cuda:1.")]
Dtype = Annotated[str | None, typer.Option("--dtype", help="A local model's precision: float32, bfloat16, float16.")]
MaxNewTokens = Annotated[
    int | None,
    typer.Option("--max-new-tokens", min=1, help="Where an answer is cut; else it is as long as the model makes it."),
]
PathChoice = Annotated[
    str,
    typer.Option("--path", help="How an edit in scope answers: auto, context, direct, grace or serac; see README."),
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
AsOf = Annotated[str | None, typer.Option("--as-of", help="Answer by the edits valid on this day (YYYY-MM-DD).")]
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
ValidFrom = Annotated[str | None, typer.Option("--valid-from", help="First day on which the fact holds (YYYY-MM-DD).")]
ValidUntil = Annotated[
    str | None, typer.Option("--valid-until", help="First day on which it holds no more (YYYY-MM-DD).")
]
Source = Annotated[str | None, typer.Option("--source", help="Where the fact comes from.")]

STORE = Path("index/default")
NAMESPACE = DEFAULT_NAMESPACE
