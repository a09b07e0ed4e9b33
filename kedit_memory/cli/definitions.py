"""`kedit evaluate entity-inferences` and `ecbd`: can a model learn new entities from their definitions?"""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kedit_memory.cli import options as o
from kedit_memory.cli.measuring import kept, prepared
from kedit_memory.cli.output import emit_rows, plain_number, print_notes, print_table
from kedit_memory.cli.progress import say
from kedit_memory.cli.public_sets import public_sets
from kedit_memory.cli.routers import load_model

if TYPE_CHECKING:
    from kedit_memory.evaluation.tasks.definitions.results import Answered, Outcome
    from kedit_memory.evaluation.tasks.definitions.run import DefinitionPlan, DefinitionReport

_PRINTED_WIDTH = 170  # characters, where the output is no terminal
# The columns of the table that people read: metric and kind, and what stands above them.
_COLUMNS = {
    ("accuracy", "all"): "accuracy",
    ("accuracy", "over_base"): "over base",
    ("perplexity", "all"): "perplexity",
    ("ratio", "perplexity_over_base"): "to base",
    ("ratio", "perplexity_over_base/right_context"): "right, to base",
    ("ratio", "specificity_over_base"): "others, to base",
    ("accuracy", "specificity_over_base"): "others acc.",
    ("reliability", "all"): "learned",
    ("fire", "all"): "fires",
}

Methods = Annotated[
    str | None,
    typer.Option("--methods", help="By name, with commas between; else those of the paper and the memory's paths."),
]
Limit = Annotated[int | None, typer.Option("--limit", help="The most cases, drawn by chance; else all.")]
Others = Annotated[
    int, typer.Option("--others", help="How many entities that were not described are asked about after each edit.")
]
Taught = Annotated[
    str,
    typer.Option(
        "--teach", help="What an editor is taught of a definition: its masked span, or the rest behind the name."
    ),
]


def entity_inferences(
    path: o.PublicSets = None,
    methods: Methods = None,
    limit: Limit = None,
    others: Others = 10,
    teach: Taught = "span",
    preset: o.Preset = None,
    model: o.Model = o.MODEL,
    device: o.Device = None,
    dtype: o.Dtype = None,
    encoder: o.Encoder = None,
    seed: o.Seed = 1,
    picture: o.Picture = None,
    log: o.LogFile = None,
    worst: o.Worst = 0,
    as_json: o.Json = False,
) -> None:
    """The set is that of Onoe et al. (ACL 2023); the worst cases are those that a method helps and hurts most."""
    from kedit_memory.evaluation.tasks.definitions.run import ENTITY_INFERENCES, DefinitionPlan

    plan = DefinitionPlan(
        dataset=ENTITY_INFERENCES,
        limit=limit,
        others=others,
        taught=teach,
        seed=seed,
        preset=preset,
        **_chosen(methods),
    )
    report = _measured(plan, path, (model, device, dtype), encoder, picture, log)
    _tell(report, plan, worst=worst, as_json=as_json)


def ecbd(
    path: o.PublicSets = None,
    part: Annotated[str, typer.Option("--part", help="np, np-easy, random or random-easy.")] = "np",
    methods: Methods = None,
    limit: Limit = None,
    others: Others = 10,
    teach: Taught = "span",
    preset: o.Preset = None,
    model: o.Model = o.MODEL,
    device: o.Device = None,
    dtype: o.Dtype = None,
    encoder: o.Encoder = None,
    seed: o.Seed = 1,
    picture: o.Picture = None,
    log: o.LogFile = None,
    worst: o.Worst = 0,
    as_json: o.Json = False,
) -> None:
    """The set is that of Onoe et al. (ACL 2023); the worst cases are those that a method helps and hurts most."""
    from kedit_memory.evaluation.tasks.definitions.run import ECBD, DefinitionPlan

    plan = DefinitionPlan(
        dataset=ECBD,
        part=part,
        limit=limit,
        others=others,
        taught=teach,
        seed=seed,
        preset=preset,
        **_chosen(methods),
    )
    report = _measured(plan, path, (model, device, dtype), encoder, picture, log)
    _tell(report, plan, worst=worst, as_json=as_json)


def _chosen(methods: str | None) -> dict[str, Any]:
    """The methods that were named; nothing where the default ones are meant."""
    example = "definition,ft,mend, or leave it out"
    return {} if methods is None else {"methods": o.words_of("--methods", methods, example)}


def _measured(
    plan: "DefinitionPlan",
    path: Path | None,
    model: tuple[str, str | None, str | None],
    encoder: str | None,
    picture: Path | None,
    log: Path | None,
) -> "DefinitionReport":
    from kedit_memory.evaluation.report.definitions import drawn
    from kedit_memory.evaluation.tasks.definitions.run import run_definitions

    record = prepared(plan.dataset, plan, picture, log)
    data = public_sets(path, needed=False)  # what is missing is told by name when the set is read
    name, device, dtype = model
    loaded = load_model(name, device, dtype)
    report = run_definitions(plan, data, loaded, encoder=encoder, progress=say)
    kept(record, report.rows, picture, drawn, left_out=dict(report.left_out), refused=dict(report.refused))
    return report


def _tell(report: "DefinitionReport", plan: "DefinitionPlan", *, worst: int, as_json: bool) -> None:
    for outcome in report.outcomes if worst else ():
        for line in _extremes(outcome, worst):
            say(line)
    if as_json:
        refused = {name: dict(reasons) for name, reasons in report.refused.items()}
        emit_rows(report.rows, plan=asdict(plan), left_out=dict(report.left_out), refused=refused)
    else:
        _print_table(report)


def _extremes(outcome: "Outcome", count: int) -> list[str]:
    """So many probes whose span became likelier, and so many whose span became less likely."""
    told = sorted(outcome.told, key=lambda one: one.judged.loss - one.base.loss)
    changed = [one for one in told if one.judged is not one.base]
    if not changed:
        return []
    shown = list(dict.fromkeys([*range(min(count, len(changed))), *range(max(0, len(changed) - count), len(changed))]))
    return [f"{outcome.method}: {len(changed)} of {len(told)} probes changed", *(_line(changed[i]) for i in shown)]


def _line(one: "Answered") -> str:
    said = one.judged.chosen.get("all")
    chosen = "" if said is None else f", chosen {one.probe.options[said]!r}"
    sentence = f"{one.probe.text.left[-70:]}[{one.probe.span}]{one.probe.text.right[:30]}"
    return f"  {one.base.loss:.2f} → {one.judged.loss:.2f} nats a token{chosen}: {one.case.id}: {sentence!r}"


def _print_table(report: "DefinitionReport") -> None:
    value = {(row.method, row.metric, row.kind): row.value for row in report.rows}
    measured = [one for one in report.outcomes if one.told]
    columns = [key for key in _COLUMNS if any((one.method, *key) in value for one in measured)]
    cells = [
        [one.method, str(len(one.told)), *(plain_number(value.get((one.method, *key))) for key in columns)]
        for one in measured
    ]
    print_table(["method", "probes", *(_COLUMNS[key] for key in columns)], cells, width=_PRINTED_WIDTH)
    left_out = [f"{name} was left out: {why}." for name, why in report.left_out.items()]
    refused = [
        f"{name} took {count} definitions not: {why}."
        for name, reasons in report.refused.items()
        for why, count in reasons.items()
    ]
    of_the_set = [
        f"{row.metric}/{row.kind}: {row.value:.3f} {row.unit} (n {row.n:,})"
        for row in report.rows
        if row.method == "set"
    ]
    print_notes(report.rows, [*left_out, *refused, *of_the_set])
