"""`kedit train`: the networks that some editors need for a model, from a file of edits."""

from pathlib import Path
from typing import Annotated, Any

import typer

from kedit_memory.cli import options as o
from kedit_memory.cli.output import command_line, emit
from kedit_memory.cli.progress import say, step
from kedit_memory.cli.routers import load_model

_STEP_SECONDS = 1.0  # between two words about how far it is


def train(
    method: Annotated[str, typer.Argument(help="mend, ke or serac.")],
    data: Annotated[
        Path,
        typer.Option(
            "--data", parser=o.path_of, metavar="<path>",
            help='JSONL of edits: "prompt", "target", "paraphrases" and, best, "unrelated" (questions to leave alone).',
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", parser=o.path_of, metavar="<path>", help="A new folder for what is trained.")
    ],
    minutes: Annotated[float, typer.Option("--minutes", help="How long to train.")] = 20.0,
    layers: Annotated[int, typer.Option("--layers", help="mend, ke: the last so many layers are edited.")] = 3,
    form: Annotated[str, typer.Option("--form", help="serac: its classifier, embedding or cross.")] = "embedding",
    batch: Annotated[int, typer.Option("--batch", help="Edits a step.")] = 8,
    seed: o.Seed = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from what the folder holds.")] = False,
    model: o.Model = o.MODEL,
    device: o.Device = None,
    dtype: o.Dtype = None,
    as_json: o.Json = False,
) -> None:  # fmt: skip
    """Train what an editor needs to edit a model: the network of mend or ke, or serac's classifier and reader.

    A line of the file is what `kedit import` takes, and "unrelated" beside it; some hundreds of edits are few. One in
    ten is measured on and not trained on. What Ctrl-C leaves is whole; --resume goes on from it.
    """
    from kedit_memory.editors._progress import in_lines
    from kedit_memory.editors.training import Settings, check, options_of
    from kedit_memory.editors.training import train as train_on
    from kedit_memory.models.language import white_box

    progress = in_lines(step, every=_STEP_SECONDS)
    settings = Settings(
        minutes=minutes, seed=seed, batch=batch, layers=layers, form=form, resume=resume,
        tell=lambda *done: progress("seconds of training", *done),
    )  # fmt: skip
    rows = check(method, data, output, settings)
    loaded = white_box(load_model(model, device, dtype), f"the editor {method}")
    say(f"training on {len(rows[0]):,} edits for {minutes:g} minutes; Ctrl-C keeps what is learned by then")
    record = train_on(method, loaded, rows, output, settings)
    options = {name: str(folder) for name, folder in options_of(method, output).items()}
    emit(
        as_json=as_json,
        document={"method": method, "model": loaded.name, "options": options, "training": record,
                  "command": command_line()},
        lines=[*_lines(record), f"use it: kedit edit --method {method} "
               + " ".join(f"--option {name}={folder}" for name, folder in options.items())],
    )  # fmt: skip


def _lines(record: dict[str, Any], name: str = "") -> list[str]:
    """What was measured on edits that were not trained on; of each part of what was trained."""
    if "held_out" not in record:
        return [line for part, one in record.items() for line in _lines(one, f"{part}: ")]
    found = "  ".join(f"{figure} {value:g}" for figure, value in record["held_out"].items())
    return [f"{name}{record['steps']:,} steps in {record['seconds']:,} s; not trained on: {found}"]
