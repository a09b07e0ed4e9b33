"""Training of SERAC's counterfactual model: an adapter by which a model answers from the edit before a question.

-log p(answer | edit, question), equation 4 of Mitchell et al. (ICML 2022). What is written is a folder as peft saves it
and as `load_model` reads it.
"""

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from kedit_memory.editors._adapters import ADAPTER, Shape, adapted
from kedit_memory.editors._teaching import Lesson, gradients, lesson, losses
from kedit_memory.editors.training import clock
from kedit_memory.editors.training.clock import Settings
from kedit_memory.editors.training.rows import Row
from kedit_memory.errors import EditorError, InvalidInputError
from kedit_memory.memory.requests import statement_of
from kedit_memory.models.adapter import BASE_SHA256, BASE_WEIGHTS, CONFIG, PREFIX, WEIGHTS, adapter_in
from kedit_memory.models.families import family_of
from kedit_memory.models.known import model_source
from kedit_memory.models.language import WhiteBoxModel
from kedit_memory.models.prompts import Prompt
from kedit_memory.models.sources import sha256_of
from kedit_memory.models.substitution import told

RECORD = "training.json"
RANK = 8
RATE = 2e-3
_POOLED = 16  # batches that are drawn together
_ROWS = 32  # lessons of one pass


def train_reader(
    model: WhiteBoxModel,
    batches: Iterator[list[Lesson]],
    held: Sequence[Lesson],
    output: Path,
    settings: Settings,
    *,
    rate: float = RATE,
) -> dict[str, Any]:
    """Train an adapter of `model` on batches, and measure it on other lessons; the record of this run.

    Raises:
        MissingDependencyError: peft is not installed.
        InvalidInputError: the model is an adapter itself.
        EditorError: what is to be gone on from is of another model.
        ModelError: it is damaged.
    """
    config = _config(model)
    shape = Shape(rank=RANK, alpha=2.0 * RANK, targets="all", layers=None)
    earlier = _earlier(output) if settings.resume else []
    generator = torch.Generator().manual_seed(settings.seed)
    with adapted(model, shape, shape.modules(model), generator) as layers:
        weights = {
            f"{PREFIX}{name}.lora_{side}.weight": getattr(layer, f"lora_{side}")[ADAPTER].weight
            for name, layer in layers.items()
            for side in ("A", "B")
        }
        if settings.resume:
            _restore(model, weights, output)

        def step() -> Mapping[str, float]:
            loss = losses(model, next(batches))[0].mean()
            loss.backward()  # type: ignore[no-untyped-call]
            return {"loss": float(loss.detach())}

        def keep(record: Mapping[str, Any]) -> None:
            _save(weights, config, output, [*earlier, dict(record)])

        before = _answered(model, held)
        with gradients(model, weights.values()):
            groups = [{"params": list(weights.values()), "rate": rate}]
            record = {"rank": RANK, "learning_rate": rate} | clock.run(groups, step, keep, settings, output)
        record["held_out"] = {"questions": len(held), "before": before, "after": _answered(model, held)}
        keep(record)
    return record


def readings(model: WhiteBoxModel, rows: Sequence[Row], seed: int) -> Iterator[Lesson]:
    """Lessons without end: an edit of the rows before one of its questions."""
    rng = random.Random(seed)  # noqa: S311 - a sample, no secret
    while True:
        row = rng.choice(rows)
        yield reading(model, row, rng.choice(row.wordings))


def reading(model: WhiteBoxModel, row: Row, question: str) -> Lesson:
    """The edit of a row before a question, and its target."""
    fact = row.fact
    return lesson(model, told(Prompt(question=question), statement_of(fact.prompt, fact.target)), fact.target)


def batches_of(lessons: Iterator[Lesson], settings: Settings) -> Iterator[list[Lesson]]:
    """Batches without end, of rows of like length: padding costs as much as text."""
    rng = random.Random(settings.seed)  # noqa: S311 - a sample, no secret
    while True:
        pool = [next(lessons) for _ in range(_POOLED * settings.batch)]
        pool.sort(key=lambda one: len(one.given) + len(one.wanted))
        for first in rng.sample(range(0, len(pool), settings.batch), _POOLED):
            yield pool[first : first + settings.batch]


@torch.no_grad()
def _answered(model: WhiteBoxModel, asked: Sequence[Lesson]) -> float:
    """The share of lessons that greedy decoding gives."""
    parts = [asked[first : first + _ROWS] for first in range(0, len(asked), _ROWS)]
    given = sum(int(losses(model, part)[1].sum()) for part in parts)
    return round(given / max(1, len(asked)), 3)


def _config(model: WhiteBoxModel) -> dict[str, Any]:
    """What stands beside the weights, in peft's words; the model by its name, a folder by its whole path."""
    source = model_source(model.name)
    if (base := adapter_in(source)) is not None:
        raise InvalidInputError(f"{model.name} is an adapter of {base.base}: train one of {base.base} itself")
    folder = Path(source).expanduser()
    return {
        "base_model_name_or_path": str(folder.resolve()) if Path(model.name).expanduser().is_dir() else model.name,
        "bias": "none",
        "fan_in_fan_out": family_of(model.model).transposed,
        "inference_mode": True,
        "lora_alpha": 2 * RANK,
        "peft_type": "LORA",
        "r": RANK,
        "target_modules": "all-linear",
        "task_type": "CAUSAL_LM",
    }


def _earlier(output: Path) -> list[dict[str, Any]]:
    """The records of the runs before."""
    adapter = adapter_in(output)
    if adapter is None:
        raise InvalidInputError(f"{output} holds no adapter to go on from; leave --resume out, and name a new folder")
    try:
        runs: list[dict[str, Any]] = json.loads((output / RECORD).read_text("utf-8"))["runs"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EditorError(f"the record in {output / RECORD} is damaged: train anew, into a new folder") from error
    return runs


@torch.no_grad()
def _restore(model: WhiteBoxModel, weights: Mapping[str, torch.Tensor], output: Path) -> None:
    adapter = adapter_in(output)
    pairs = adapter.pairs if adapter is not None else {}
    kept = {
        f"{PREFIX}{name}.lora_{side}.weight": part
        for name, pair in pairs.items()
        for side, part in zip("AB", pair, strict=True)
    }
    if {name: part.shape for name, part in kept.items()} != {name: weight.shape for name, weight in weights.items()}:
        base = adapter.base if adapter is not None else "nothing"
        raise EditorError(f"the adapter in {output} is of {base} and does not fit {model.name}: name a new folder")
    for name, weight in weights.items():
        weight.copy_(kept[name])


def _save(
    weights: Mapping[str, torch.Tensor], config: Mapping[str, Any], output: Path, runs: Sequence[Mapping[str, Any]]
) -> None:
    """The adapter in half precision, with the checksum of the weights that it is of where they are one file."""
    base = Path(model_source(str(config["base_model_name_or_path"]))).expanduser() / BASE_WEIGHTS
    label = {"format": "pt"} | ({BASE_SHA256: sha256_of(base)} if base.is_file() else {})
    kept = {name: weight.detach().half().cpu().contiguous() for name, weight in weights.items()}
    output.mkdir(parents=True, exist_ok=True)
    written = {
        WEIGHTS: save(kept, metadata=label),
        CONFIG: json.dumps(config, indent=1).encode() + b"\n",
        RECORD: json.dumps({"runs": list(runs)}, indent=1).encode() + b"\n",
    }
    for name, content in written.items():
        (output / f"{name}.part").write_bytes(content)
        (output / f"{name}.part").replace(output / name)
