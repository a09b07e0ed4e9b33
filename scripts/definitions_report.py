"""Write the report on new entities from saved rows: every figure comes from a file, none is typed.

    kedit evaluate entity-inferences --json > inferences.json
    kedit evaluate ecbd --limit 60 --json > ecbd.json
    python scripts/definitions_report.py --rows inferences.json ecbd.json --output docs/results/definitions.md

A file holds one document of `kedit evaluate entity-inferences --json` or `kedit evaluate ecbd --json`. A picture of
each is drawn beside the page, for which the extra `report` is needed.
"""

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from kedit_memory.errors import KeditError
from kedit_memory.evaluation.report.definitions import save_picture
from kedit_memory.evaluation.report.saved import Row, by_figure, origin, read_document
from kedit_memory.evaluation.report.tables import table_lines

TASKS = ("entity-inferences", "ecbd")
HEAD = """# New entities from their definitions

Written by `python scripts/definitions_report.py`; no figure is typed by hand. The two sets are those of Onoe et al.
(ACL 2023, "Can LMs Learn New Entities from Descriptions?"): a model is told the definition of an entity and asked
about a sentence in which a span is masked. Entity Inferences offers several spans; the one with the highest
log-probability after the left context is chosen. ECBD has one span, whose perplexity is measured. Perplexity is e
to the mean over probes of the mean loss a token; tokens are the model's own, so it cannot be compared between
models with other tokenizers. Comparisons are on the same probes; intervals are of 95%, entities drawn again.

How the definition is told:

- `base`: not at all. `definition`: before the probe, as text. `definition-as-fact`: before the probe in the format
  of the router's context path, as if it always knew the right edit. `random-definition`: another entity's
  definition as text, the control for what any text before the probe does. `retrieved-definition`: the best of all
  definitions by BM25.
- `memory:context`: all definitions are edits of one store (a statement and its subject), the router says which of
  them a probe asks for. `memory:passage`: all are passages beside those of the world, the router's gate says when to
  search.
- `ft`, `ft-last`, `mend`, `rome`: one definition at a time is put into the weights, and taken out again. The edit's
  prompt is what stands before the masked span of the definition and its target that span; with `--teach rest`
  prompt and target are the entity's name and all that follows it.

*Other entities* are ones whose definition was not told: for ECBD the popular entities of the authors' specificity
file, for Entity Inferences other entities of the set. A change there is damage. Methods that are told whose probe
it is do not touch them.

## What the embedded model can and cannot show

`kedit-mini` was trained on the facts of `data/world` and some running text, and knows next to nothing of the
entities here, new or popular. Its tokenizer is of bytes, so that every text can be written and none is unknown, but
most words are several tokens, and the model has hardly seen them. So the figures show that the pipeline runs whole,
that the controls work, and what each method does to *this* model: how far a definition is copied from the context,
how far a change of the weights reaches probes and other entities. They do not show inference: the model has next to
no knowledge from which to infer. That the specificity file's entities are popular means little to it either. Levels
of perplexity and accuracy must not be set beside those of the paper, whose models have hundreds of times the
weights and another tokenizer; run the same commands with `--model` for that.

In the files of Entity Inferences named `explicit`, the span that is masked in a definition is the right option itself:
taught the span, an editor is taught the very answer, and a definition in the context can be copied from. A gain there
shows that a taught word reaches another sentence about the entity, not that anything was inferred.

Two habits of this model and its editors explain much of what follows. It was trained to find the answer in a fact or a
passage before the prompt, so that after a definition in these formats a span that the definition does not hold can
become less likely, which the table by kind shows. And an edit teaches a target with a final period and the end of the
text, so that the period that ends many probes becomes likelier after it, whatever the span.
"""

Values = Mapping[tuple[str, str, str], Row]
Column = tuple[str, tuple[str, str]]

ON_PROBES: Sequence[Column] = (
    ("accuracy", ("accuracy", "all")),
    ("over base", ("accuracy", "over_base")),
    ("over another definition", ("accuracy", "over_random")),
    ("perplexity", ("perplexity", "all")),
    ("times base", ("ratio", "perplexity_over_base")),
    ("times another definition", ("ratio", "perplexity_over_random")),
)
BY_CHOICE: Sequence[Column] = (
    ("highest log-probability", ("accuracy", "all")),
    ("with the right context", ("accuracy", "with_right_context")),
    ("per token", ("accuracy", "per_token")),
)
AROUND: Sequence[Column] = (
    ("right context, perplexity times base", ("ratio", "perplexity_over_base/right_context")),
    ("other entities, perplexity times base", ("ratio", "specificity_over_base")),
    ("other entities, accuracy over base", ("accuracy", "specificity_over_base")),
    ("other entities, same choice", ("locality", "specificity")),
)
TAKEN: Sequence[Column] = (
    ("definition learned", ("reliability", "all")),
    ("definition not taken", ("rate", "not_taken")),
    ("probes with text before", ("fire", "all")),
    ("probes with their definition", ("recall", "own_definition")),
    ("other entities with text before", ("false_fire", "specificity")),
)


def main() -> None:
    """Read the files, write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=Path, nargs="+", required=True, help="documents of rows")
    parser.add_argument("--output", type=Path, required=True, help="the Markdown file to write")
    arguments = parser.parse_args()
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    try:
        sections = [section(read_document(path, *TASKS), arguments.output) for path in arguments.rows]
    except KeditError as error:
        raise SystemExit(str(error)) from None
    arguments.output.write_text("\n".join([HEAD, *sections]), "utf-8")


def section(document: Mapping[str, Any], page: Path) -> str:
    """What one run found, with its picture beside the page."""
    rows, meta = document["rows"], document["meta"]
    first = rows[0]
    values = by_figure(rows)
    name = first["task"] if first["dataset"] == first["task"] else f"{first['task']}, part {first['dataset']}"
    taught = meta.get("plan", {}).get("taught", "span")
    lines = [f"## {name}, editors taught the {taught}", "", f"`{meta.get('command', '')}`, {origin(rows)}.", ""]
    label = "-".join(dict.fromkeys((first["task"], first["dataset"], taught)))
    picture = page.with_name(f"{page.stem}-{label}.png")
    save_picture(rows, picture)
    lines += [*_of_the_set(values), "", *_said(rows, values), "", f"![{name}]({picture.name})", ""]
    lines += [*_table(rows, values, ON_PROBES, sizes=True), ""]
    lines += [line for columns in (BY_CHOICE, AROUND, TAKEN) for line in (*_table(rows, values, columns), "")]
    lines += [*_kinds(rows, values), ""]
    lines += [f"`{method}` was left out: {why}." for method, why in meta.get("left_out", {}).items()]
    lines += [
        f"`{method}` took {count} definitions not: {why}."
        for method, reasons in meta.get("refused", {}).items()
        for why, count in reasons.items()
    ]
    return "\n".join([*_spaced(lines), ""])


def _of_the_set(values: Values) -> list[str]:
    """What holds whatever the method: how much can be read, and what guessing gives."""
    told = {
        ("rate", "too_long"): "do not fit the model's window and were not asked",
        ("rate", "not_representable"): "hold what the tokenizer does not know",
    }
    said = [
        f"{100 * values['set', *key]['value']:.1f}% of {values['set', *key]['n']:,} probes {what}"
        for key, what in told.items()
        if ("set", *key) in values
    ]
    if row := values.get(("set", "ratio", "tokens_per_word")):
        said.append(f"a word is {row['value']:.2f} tokens")
    if row := values.get(("set", "accuracy", "chance")):
        said.append(f"guessing gives an accuracy of {row['value']:.3f}")
    return [f"{'; '.join(said)}."] if said else []


def _said(rows: Sequence[Row], values: Values) -> list[str]:
    """What the intervals allow to say, one line each."""

    def those(key: tuple[str, str], holds: Callable[[Row], bool]) -> str:
        names = [f"`{name}`" for name in _methods(rows) if (row := values.get((name, *key))) and holds(row)]
        return ", ".join(names) or "none"

    def below(row: Row) -> bool:
        return bool(row["high"] < 1)

    def above(row: Row) -> bool:
        return bool(row["low"] > 1)

    lines = [
        f"- Spans likelier than without a definition: {those(('ratio', 'perplexity_over_base'), below)}; "
        f"less likely: {those(('ratio', 'perplexity_over_base'), above)}.",
        f"- Spans likelier than after another definition: {those(('ratio', 'perplexity_over_random'), below)}.",
    ]
    if any(row["metric"] == "accuracy" and row["kind"] == "over_base" for row in rows):
        better = those(("accuracy", "over_base"), lambda row: bool(row["low"] > 0))
        control = those(("accuracy", "over_random"), lambda row: bool(row["low"] > 0))
        lines.append(f"- More often right than without: {better}; than after another definition: {control}.")
    lines.append(
        f"- Spans about other entities less likely than before: {those(('ratio', 'specificity_over_base'), above)}; "
        f"likelier, which is no less a change: {those(('ratio', 'specificity_over_base'), below)}."
    )
    return lines


def _kinds(rows: Sequence[Row], values: Values) -> list[str]:
    """Each kind of case alone: accuracy where there is a choice, else perplexity against base."""
    first = _methods(rows)[0]
    named = {kind for _, _, kind in values}
    kinds = [
        row["kind"] for row in rows
        if row["method"] == first and row["metric"] == "perplexity" and f"perplexity_over_base/{row['kind']}" in named
        and row["kind"] != "right_context"
    ]  # fmt: skip
    if (first, "accuracy", "all") in values:
        return _table(rows, values, [(f"accuracy, {kind}", ("accuracy", kind)) for kind in kinds])
    columns = [(f"times base, {kind}", ("ratio", f"perplexity_over_base/{kind}")) for kind in kinds]
    return _table(rows, values, columns)


def _methods(rows: Iterable[Row]) -> list[str]:
    return [name for name in dict.fromkeys(row["method"] for row in rows) if name != "set"]


def _table(rows: Sequence[Row], values: Values, columns: Sequence[Column], *, sizes: bool = False) -> list[str]:
    """A row for each method that has one of the figures; columns that no method has are left out."""
    methods = _methods(rows)
    kept = [(head, key) for head, key in columns if any((name, *key) in values for name in methods)]
    body = []
    for name in methods:
        found = [values.get((name, *key)) for _, key in kept]
        if any(found):
            size = [f"{values[name, 'perplexity', 'all']['n']:,}"] if sizes else []
            body.append([f"`{name}`", *size, *map(_figure, found)])
    if not body:
        return []
    head = ["method", *(["probes"] if sizes else []), *(head for head, _ in kept)]
    return table_lines(head, body)


def _figure(row: Row | None) -> str:
    if row is None:
        return ""
    bounds = "" if row["low"] is None else f" ({_number(row['low'])} to {_number(row['high'])})"
    return f"{_number(row['value'])}{bounds}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"


def _spaced(lines: Sequence[str]) -> list[str]:
    """The lines without doubled empty ones; sentences that follow each other stand apart."""
    spaced: list[str] = []
    for line in lines:
        if line.startswith("`") and spaced and spaced[-1]:
            spaced.append("")
        if line or (spaced and spaced[-1]):
            spaced.append(line)
    return spaced


if __name__ == "__main__":
    main()
