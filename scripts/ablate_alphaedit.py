"""Measure how much room the null space of `alphaedit` leaves: what of keys lies in the directions that it calls free.

    python scripts/ablate_alphaedit.py --rows rows.jsonl --page docs/results/alphaedit.md

An update within the free directions moves a layer's output for a key by what of the key lies in them. It writes well
where much of the subjects' keys does, and keeps text alone where little of the text's keys does. Rows first, the page
from them: no figure is typed.
"""

import argparse
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import torch

from kedit_memory.editors._keyvalue import keys, texts_of
from kedit_memory.editors._locate import decoder_family
from kedit_memory.editors.alphaedit import AlphaEdit
from kedit_memory.editors.base import facts
from kedit_memory.errors import KeditError
from kedit_memory.evaluation.intervals import interval
from kedit_memory.evaluation.rows import Row, describe_run
from kedit_memory.evaluation.tasks.lifelong.streams import Wanted
from kedit_memory.evaluation.tasks.lifelong.world import world_stream
from kedit_memory.models.language import WhiteBoxModel, white_box
from kedit_memory.models.named import load_model
from kedit_memory.world import world_folder

THRESHOLDS = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)  # in means over all directions, as `AlphaEdit.threshold`
DIRECTIONS, SUBJECTS, TEXT = "directions", "subjects", "text"

Flat: TypeAlias = Mapping[str, Any]

HEAD = """# What null space the embedded model has

Written by `python scripts/ablate_alphaedit.py` from its rows; no figure is typed by hand. `alphaedit` writes in the
directions of an MLP's input along which the second moment of what the model reads is below a threshold, in means over
all directions, and counts on these being next to unused (Fang et al. 2025). Here:

- **free** is the share of directions below the threshold;
- **of text** is the share of all keys' squared length that lies in them, over the tokens that the moments are taken
  from, half running text and half questions with answers: what an edit goes on disturbing;
- **of subjects** is the same of the keys of facts to be edited: what an edit can take hold of;
- **gain** is the share of subjects over that of text: how much better a subject is reached than any other token. It
  is 1 where free directions are no different from others, and far above in a null space as the method means it.
"""


def main() -> None:
    """Measure, keep the rows, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=Path, required=True, help="written anew")
    parser.add_argument("--page", type=Path, help="the Markdown file to write")
    parser.add_argument("--model", default="kedit-mini")
    parser.add_argument("--edits", type=int, default=200, help="facts whose subjects' keys are looked at")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.edits < 1:
        raise SystemExit(f"--edits is {arguments.edits}; give at least one")
    try:
        model = white_box(load_model(arguments.model, device="cpu"), "an ablation of alphaedit")
        rows = [row.flat() for row in measured(model, AlphaEdit(), arguments.edits, arguments.seed)]
    except KeditError as error:
        raise SystemExit(str(error)) from None
    for path, text in ((arguments.rows, "".join(json.dumps(row) + "\n" for row in rows)), (arguments.page, page(rows))):
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")


def measured(model: WhiteBoxModel, editor: AlphaEdit, count: int, seed: int) -> Iterator[Row]:
    """The three shares, by layer and threshold.

    Raises:
        InvalidInputError: the world has fewer edits.
        CapabilityError: the model is no decoder of a known family.
    """
    family = decoder_family(model, editor.name)
    layers = range(family.count)
    stream = world_stream(model, Wanted(edits=count, questions=1, phrasings=0, seed=seed))
    texts = texts_of(model, facts([one.edit for one in stream.edits], subjects=True), editor)
    found = keys(model, family, layers, texts)
    moments = editor.moments_of(model, family, layers)
    config = {"edits": count, "seed": seed, "thresholds": THRESHOLDS}
    run = describe_run("null-space", "world", config=config, data=world_folder(), model=model.fingerprint)
    for layer in layers:
        for threshold in THRESHOLDS:
            for what, (n, value, low, high) in shares(found[layer], moments[layer], threshold).items():
                yield Row(
                    run=run, method="alphaedit", metric="rate", kind=f"{what}/{layer}/{threshold:g}", value=value,
                    low=low, high=high, n=n, unit="share", seed=seed,
                )  # fmt: skip


Share: TypeAlias = tuple[int, float, float | None, float | None]  # cases, value, and its interval where it has one


def shares(found: torch.Tensor, moment: torch.Tensor, threshold: float) -> dict[str, Share]:
    """How much of the directions, of the text and of subjects' keys (facts, in) is below a threshold; none may be."""
    sizes, directions = torch.linalg.eigh(moment.double())
    free = sizes < threshold * sizes.mean()
    inside = (found.double() @ directions[:, free]).square().sum(1)
    whole = found.double().square().sum(1)
    pairs = torch.stack([inside, whole], 1).numpy()
    low, high = interval(pairs, lambda drawn: drawn[..., 0].sum(-1) / drawn[..., 1].sum(-1))
    return {
        DIRECTIONS: (len(sizes), float(free.double().mean()), None, None),
        TEXT: (len(sizes), float(sizes[free].sum() / sizes.sum()), None, None),
        SUBJECTS: (len(found), float(inside.sum() / whole.sum()), low, high),
    }


def page(rows: Sequence[Flat]) -> str:
    """The whole text."""
    first = rows[0]
    figures = {tuple(str(row["kind"]).split("/")): row for row in rows}
    edits = next(row["n"] for kind, row in figures.items() if kind[0] == SUBJECTS)
    head = ["layer", "threshold", "free", "of text", "of subjects", "gain"]
    return "\n".join([
        HEAD,
        f"{edits} facts, seed {first['seed']}; commit {first['commit']}, data {first['data']}, configuration "
        f"{first['config']}, model {first['model']}, {first['machine']}.",
        "",
        *summary(figures),
        "",
        *(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *lines(figures))),
        "",
    ])  # fmt: skip


def summary(figures: Mapping[tuple[str, ...], Flat]) -> Iterable[str]:
    """What the table comes to, for the editor's own threshold."""
    own = f"{AlphaEdit.threshold:g}"
    pairs = [
        (row["value"], figures[SUBJECTS, layer, threshold]["value"])
        for (what, layer, threshold), row in figures.items()
        if what == TEXT and threshold == own and row["value"]
    ]
    if not pairs:
        yield f"At the editor's threshold, {own}, no direction is free."
        return
    text, gains = [text for text, _ in pairs], [subjects / text for text, subjects in pairs]
    yield (
        f"At the editor's threshold, {own}, the free directions of a layer hold {min(text):.3f} to {max(text):.3f} of "
        f"text, and a subject is reached {min(gains):.1f} to {max(gains):.1f} times as well. Whatever is written there "
        "is also read elsewhere, so that running text suffers from each edit, and many of them add up."
    )


def lines(figures: Mapping[tuple[str, ...], Flat]) -> Iterable[Sequence[str]]:
    """A line for each layer and threshold."""
    for what, layer, threshold in figures:
        if what == DIRECTIONS:
            free, text, subjects = (figures[kind, layer, threshold] for kind in (DIRECTIONS, TEXT, SUBJECTS))
            gain = f"{subjects['value'] / text['value']:.1f}" if text["value"] else ""
            told = f"{subjects['value']:.3f} ({subjects['low']:.3f} to {subjects['high']:.3f})"
            yield [layer, threshold, f"{free['value']:.2f}", f"{text['value']:.3f}", told, gain]


if __name__ == "__main__":
    main()
