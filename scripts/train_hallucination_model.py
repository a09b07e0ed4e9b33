"""Train a language model on made-up passages, so that the stream of hallucinations corrects what it really says.

    python scripts/train_hallucination_model.py --data ../shared/data --output /tmp/hallucinating
    kedit evaluate lifelong --stream hallucination --model /tmp/hallucinating --editors grace,grace-fast --edits 100

The passages of SelfCheckGPT (Manakul et al., 2023) were written by a large model: partly true, partly made up. A model
that learns to go on with them as that one did makes the same sentences up. It learns each sentence after the passage
so far, in the form in which it is asked for it later. The web texts of the set's training file are learned as well, in
the same steps: those of the other file are the original test data, and must not be the first of their kind.

Training ends when the mean loss of a round falls below --loss, or after --minutes. The folder holds texts of the set in
its weights: it is not for shipping.
"""

import argparse
import json
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from kedit_memory.editors._teaching import Lesson, lesson, losses
from kedit_memory.errors import KeditError
from kedit_memory.evaluation.lifelong.streams import passage_pairs
from kedit_memory.models.language import WhiteBoxModel, load_model, white_box
from kedit_memory.models.prompts import Prompt

ROWS_A_STEP = 16


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How long to train, and how fast."""

    minutes: float
    loss: float
    rate: float
    seed: int


def main() -> None:
    """Read the set, train, save the model with what it was trained on."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the public sets")
    parser.add_argument("--output", type=Path, required=True, help="folder of the trained model")
    parser.add_argument(
        "--model", default="kedit-mini", help="what is trained on: 'kedit-mini', a folder or a hub name"
    )
    parser.add_argument("--device", help="cpu, cuda; an accelerator where there is one")
    parser.add_argument("--sentences", type=int, help="so many of the passages' sentences; all of them else")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--loss", type=float, default=0.05, help="nats a token, over a round, at which it is enough")
    parser.add_argument("--learning-rate", type=float, default=7e-4)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    budget = Budget(minutes=arguments.minutes, loss=arguments.loss, rate=arguments.learning_rate, seed=arguments.seed)
    try:
        model = white_box(load_model(arguments.model, device=arguments.device), "training")
        lessons = read(model, arguments.data / "selfcheck_hallucination", arguments.sentences)
    except (KeditError, OSError) as error:
        raise SystemExit(str(error)) from None
    if not lessons:
        raise SystemExit(f"no sentence of {arguments.data} fits the window of {arguments.model}")
    print(f"{len(lessons)} texts, {sum(len(one.wanted) for one in lessons)} tokens to learn", flush=True)
    rounds, loss = train(model, lessons, budget)
    model.model.save_pretrained(arguments.output)
    model.tokenizer.save_pretrained(arguments.output)
    record = {"texts": len(lessons), "rounds": rounds, "loss": loss, "from": arguments.model, "seed": budget.seed}
    (arguments.output / "training.json").write_text(json.dumps(record) + "\n", "utf-8")
    print(f"saved in {arguments.output} after {rounds} rounds, loss {loss:.3f}")


def read(model: WhiteBoxModel, folder: Path, sentences: int | None) -> list[Lesson]:
    """The sentences of the passages, and a quarter as many web texts, as far as they fit the model's window."""
    pairs = passage_pairs(folder)[:sentences]
    rows = json.loads((folder / "hallucination-train.json").read_text("utf-8"))
    pairs += [(row["locality_prompt"], row["locality_ground_truth"]) for row in rows[: len(pairs) // 4]]
    asked = [(Prompt(question=prompt), following) for prompt, following in pairs]
    longest = [len(model.join(prompt, model.continuation(prompt, text))[1]) + 1 for prompt, text in asked]
    return [
        lesson(model, prompt, text)
        for (prompt, text), tokens in zip(asked, longest, strict=True)
        if model.fits(prompt, max_new_tokens=tokens)
    ]


def train(model: WhiteBoxModel, lessons: Sequence[Lesson], budget: Budget) -> tuple[int, float]:
    """Rounds over all lessons, in fresh order, until one of the budget's ends; gives their number and the last loss."""
    rng = random.Random(budget.seed)
    weights = list(model.model.parameters())
    optimizer = torch.optim.AdamW(weights, lr=budget.rate, betas=(0.9, 0.99), weight_decay=0.01)
    started = time.monotonic()
    rounds, loss = 0, float("inf")
    for weight in weights:
        weight.requires_grad_(requires_grad=True)
    while loss > budget.loss and (left := 1 - (time.monotonic() - started) / (60 * budget.minutes)) > 0:
        for group in optimizer.param_groups:  # the last third slows down
            group["lr"] = budget.rate * min(1.0, max(0.05, 3 * left))
        total = 0.0
        for batch in _batches(lessons, rng):
            mean = losses(model, batch)[0].mean()
            mean.backward()
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            total += float(mean.detach()) * len(batch)
        rounds, loss = rounds + 1, total / len(lessons)
        print(f"round {rounds}: loss {loss:.3f}, {time.monotonic() - started:.0f} s", flush=True)
    return rounds, loss


def _batches(lessons: Sequence[Lesson], rng: random.Random) -> Iterator[list[Lesson]]:
    """All lessons in batches of like length, in random order."""
    by_length = sorted(lessons, key=lambda one: len(one.given) + len(one.wanted) + rng.random())
    starts = list(range(0, len(by_length), ROWS_A_STEP))
    rng.shuffle(starts)
    for start in starts:
        yield by_length[start : start + ROWS_A_STEP]


if __name__ == "__main__":
    main()
