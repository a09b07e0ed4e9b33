"""`kedit calibrate gate`: when to retrieve, from questions with their answers."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kedit_memory.cli import options as o
from kedit_memory.cli.output import emit
from kedit_memory.cli.progress import say
from kedit_memory.cli.routers import make_router
from kedit_memory.cli.store import open_store

if TYPE_CHECKING:
    from kedit_memory.evaluation.rows import Row, Run
    from kedit_memory.routing.gate.calibration import GateCalibration


def gate(
    file: Annotated[
        Path,
        typer.Argument(
            parser=o.path_of,
            help='Lines {"question": …, "answers": […]}; "relation" and "popularity" (monthly views) where known.',
        ),
    ],
    budget: Annotated[float, typer.Option("--budget", help="The share of questions that may be searched for.")] = 0.6,
    policy: Annotated[
        str, typer.Option("--policy", help="never, always, popularity, uncertainty, score, learned or form.")
    ] = "learned",
    model: o.Model = o.MODEL,
    rerank: o.Rerank = None,
    passages_from: o.PassagesFrom = "retrieved",
    device: o.Device = None,
    dtype: o.Dtype = None,
    store: o.ExistingStore = o.STORE,
    as_json: o.Json = False,
) -> None:
    """Fit when to retrieve and when to trust the model, and keep that in the store.

    Each question is answered both ways. One half of the subjects fits the policy; the other says what it does.
    """
    from kedit_memory.evaluation.rows import describe_run
    from kedit_memory.evaluation.tasks.adaptive.gate_fitting import calibrate_gate
    from kedit_memory.routing.gate.calibration import NOTE, check_size, read_gate_questions

    asked = read_gate_questions(file)
    check_size(len(asked), budget)
    with open_store(store, create=False, device=o.one_device(device)) as memory:
        router = make_router(memory, model, "auto", device, dtype, rerank=rerank, passages_from=passages_from)
        calibration = calibrate_gate(router, asked, policy=policy, budget=budget, progress=say)
        memory.set_note(NOTE, calibration.to_json())
        fingerprint = router.model.fingerprint
    config = {"policy": policy, "budget": budget}
    run = describe_run("calibrate-gate", file.name, config=config, data=file, model=fingerprint)
    rows = _rows(run, calibration)
    document = {"calibration": json.loads(calibration.to_json()), "rows": [row.flat() for row in rows]}
    emit(as_json=as_json, document=document, lines=_lines(rows, calibration))


def _rows(run: "Run", calibration: "GateCalibration") -> "list[Row]":
    """Accuracy of the fitted policy beside those of never, always and the oracle, and its calls."""
    from kedit_memory.evaluation.intervals import wilson
    from kedit_memory.evaluation.rows import Row

    held = calibration.held_out
    counts: list[tuple[str, str, int]] = [
        ("fitted", "accuracy", held.right),
        ("fitted", "calls", held.called),
        ("never", "accuracy", held.never_right),
        ("always", "accuracy", held.always_right),
        ("oracle", "accuracy", held.oracle_right),
    ]
    rows = []
    for method, metric, count in counts:
        low, high = wilson(count, held.questions)
        figures: dict[str, Any] = {"value": count / held.questions, "low": low, "high": high, "n": held.questions}
        name = calibration.policy if method == "fitted" else method
        rows.append(Row(run=run, method=name, metric=metric, kind="held_out", unit="share", **figures))
    return rows


def _lines(rows: "list[Row]", calibration: "GateCalibration") -> list[str]:
    lines = [f"{r.method} {r.metric}: {r.value:.3f} ({r.low:.3f} to {r.high:.3f}, n {r.n:,})" for r in rows]
    kept = f"calls within {calibration.budget:g} with 95% confidence" if calibration.budget < 1 else "calls unbounded"
    return [*lines, f"fitted on {calibration.fitted:,} other questions, {kept}; kept in the store."]
