"""`kedit trace`: where in a model a fact is recalled."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kedit_memory.cli import options as o
from kedit_memory.cli.output import emit
from kedit_memory.cli.progress import step
from kedit_memory.cli.routers import load_model

if TYPE_CHECKING:
    from kedit_memory.evaluation.tasks.trace.run import Trace

_SHADES = " .:-=+*#%@"  # from nothing that is brought back to all of it


def trace(
    prompt: Annotated[str, typer.Argument(help="A question or a cloze prompt that names the subject.")],
    subject: Annotated[str, typer.Option("--subject", help="What noise hides, as the prompt spells it.")],
    answer: Annotated[str | None, typer.Option("--answer", help="What is followed; else the model's own.")] = None,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="How many noises the figures are means of.")] = 10,
    window: Annotated[
        int | None,
        typer.Option("--window", min=1, help="Layers whose MLPs or attentions are restored at once; else a fifth."),
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option("--picture", parser=o.path_of, metavar="<path>", help="Draw the three heat maps here."),
    ] = None,
    model: o.Model = o.MODEL,
    device: o.Device = None,
    dtype: o.Dtype = None,
    as_json: o.Json = False,
) -> None:
    """Hide the subject by noise, restore one place after the other, and show what brings the answer back."""
    from kedit_memory.evaluation.report.pictures import check_picture
    from kedit_memory.evaluation.report.trace import save_trace
    from kedit_memory.evaluation.tasks.trace.run import trace as run_trace

    if picture:
        check_picture(picture)
    loaded = load_model(model, device, dtype)
    found = run_trace(
        loaded, prompt, subject=subject, answer=answer, seeds=seeds, window=window,
        progress=lambda done, total: step(f"run {done:,} of {total:,}"),
    )  # fmt: skip
    if picture:
        save_trace(found, picture)
    emit(as_json=as_json, document=_document(found), lines=_lines(found))


def _document(found: "Trace") -> dict[str, Any]:
    fields = {name: value for name, value in asdict(found).items() if name not in {"scores", "subject_at"}}
    scores = {kind: array.tolist() for kind, array in found.scores.items()}
    return {**fields, "subject_at": list(found.subject_at), "scores": scores}


def _lines(found: "Trace") -> list[str]:
    width = max(len(repr(token)) for token in found.tokens)
    lines = [
        f"{found.answer!r} has probability {found.clean:.3f}, and {found.noised:.3f} with noise on {found.subject!r} "
        f"({found.seeds} seeds)",
        "",
    ]
    layers = next(iter(found.scores.values())).shape[1]
    lines.append("  ".join([" " * (width + 1), *(kind.ljust(max(layers, 9)) for kind in found.scores)]).rstrip())
    shares = {kind: found.recovered(kind) for kind in found.scores}
    for place, token in enumerate(found.tokens):
        mark = "*" if place in found.subject_at else " "
        maps = ("".join(_shade(share) for share in rows[place]).ljust(max(layers, 9)) for rows in shares.values())
        lines.append("  ".join([f"{token!r:<{width}}{mark}", *maps]).rstrip())
    lines += ["", *(_best(found, kind) for kind in found.scores)]
    lines.append(
        f"a column is a layer, from 0; shades run from a blank (nothing comes back) to {_SHADES[-1]} (all); * subject"
    )
    return lines


def _best(found: "Trace", kind: str) -> str:
    shares = found.recovered(kind)[found.subject_at.stop - 1]
    layer = int(shares.argmax())
    return (
        f"{kind} at the subject's last token: most comes back in layer {layer} ({shares[layer]:.0%} of what was lost)"
    )


def _shade(share: float) -> str:
    return _SHADES[min(max(round(share * (len(_SHADES) - 1)), 0), len(_SHADES) - 1)]
