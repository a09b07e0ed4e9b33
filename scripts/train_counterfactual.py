"""Train the shipped counterfactual model of SERAC: the embedded model reads edits of the world and of other relations.

    python scripts/train_counterfactual.py --minutes 14

What it reads is in `counterfactual_edits.py`; `evaluate_counterfactual.py` measures it. For another model and edits of
your own: `kedit train serac`.
"""

import argparse
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from counterfactual_edits import EditReader

from kedit_memory.editors._teaching import Lesson, lesson
from kedit_memory.editors.training import Settings
from kedit_memory.editors.training.reader import RATE, batches_of, train_reader
from kedit_memory.models.huggingface import HuggingFaceModel
from kedit_memory.shipped import counterfactual_model, embedded_model

_HELD_OUT = 200


def main() -> None:
    """Train, and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=counterfactual_model())
    parser.add_argument("--minutes", type=float, default=14.0)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--batch", type=int, default=24, help="edits a step")
    parser.add_argument("--learning-rate", type=float, default=RATE)
    parser.add_argument("--resume", action="store_true", help="go on from the output folder's adapter")
    arguments = parser.parse_args()
    model = HuggingFaceModel.load(embedded_model(), name="kedit-mini", device="cpu")
    network: Any = model.model
    for block in network.transformer.h:  # the same function in one kernel: fewer passes over memory
        block.mlp.act = torch.nn.GELU(approximate="tanh")
    settings = Settings(
        minutes=arguments.minutes, seed=arguments.seed, batch=arguments.batch, resume=arguments.resume,
        tell=lambda done, total: print(f"{done} of {total} s", end="\r", flush=True),
    )  # fmt: skip
    drawn = lessons(model, arguments.seed)
    held = list(islice(drawn, _HELD_OUT))
    batches = batches_of(drawn, settings)
    print(train_reader(model, batches, held, arguments.output, settings, rate=arguments.learning_rate))


def lessons(model: HuggingFaceModel, seed: int) -> Iterator[Lesson]:
    """Without end, by a seed."""
    for prompt, answer in EditReader(seed).readings():
        yield lesson(model, prompt, answer)


if __name__ == "__main__":
    main()
