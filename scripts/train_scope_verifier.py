"""Train `data/models/kedit-scope`: the upper layers and the heads of the reader that judges whether an edit answers.

    python scripts/train_scope_verifier.py --data ../shared/data --minutes 90

What it is trained on is told by `scope_mixture.py`; `kedit evaluate scope` measures the result on the held-out parts.
"""

import argparse
import copy
import hashlib
import json
import math
import random
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from scope_mixture import Labelled, pairs
from torch.nn import functional

from kedit_memory.models.encoder import MINILM_SHA256
from kedit_memory.models.reader import (
    CONFIG,
    LOWER,
    WEIGHTS,
    ReaderNetwork,
    Texts,
    base_model,
    batch_of,
    round_layers,
    upper_layers,
)
from kedit_memory.shipped import scope_verifier

BATCH = 64
REMEMBERED = 200_000  # texts, some 30 kB each
_TOLD = (
    "seed",
    "learning_rate",
    "pairs",
    "seconds",
    "averaged_with",
    "averaged_share",
    "glance_pairs",
)  # of an earlier training
AVERAGE = 0.999  # how much of the running mean of the weights stays at each step; the mean is what is saved


def main() -> None:
    """Train, and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the public sets")
    parser.add_argument("--output", type=Path, default=scope_verifier())
    parser.add_argument("--minutes", type=float, default=90.0, help="0 to teach the glance alone")
    parser.add_argument("--learning-rate", type=float, default=2e-4)
    parser.add_argument("--average", type=Path, help="folder of a trained one whose weights and these are averaged")
    parser.add_argument("--share", type=float, default=0.5, help="that the other one has in the average")
    parser.add_argument("--glances", type=int, default=600, help="steps that teach which pairs need no reading")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=21)
    parser.add_argument("--start", type=Path, help="folder of a trained one to go on from")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)  # noqa: TID251 - a script owns the process; the head starts from it
    tokenizer, encoder = base_model()
    encoder.set_attn_implementation("eager")  # the fused one is slow backwards in bfloat16
    encoder.eval()  # dropout would double the time of a step
    network = ReaderNetwork(upper_layers(encoder), encoder.config.hidden_size)
    if arguments.start:
        found = network.load_state_dict(
            {k: v.float() for k, v in load_file(arguments.start / WEIGHTS).items()}, strict=False
        )
        if any(not name.startswith("glance") for name in (*found.missing_keys, *found.unexpected_keys)):
            parser.error(f"{arguments.start} holds another network: {found}")
    texts = Texts(tokenizer, encoder, remembered=REMEMBERED)
    stream = pairs(arguments.data, arguments.seed)
    record: dict[str, Any] = {}
    if arguments.minutes:
        network, record = train(network, texts, stream, arguments)
    if arguments.average:
        record |= {
            "averaged_with": average(network, arguments.average, arguments.share),
            "averaged_share": arguments.share,
        }
    record |= glance(network, tokenizer, encoder, stream, arguments.glances)
    save(network, arguments, record)


def train(
    network: ReaderNetwork, texts: Texts, stream: Iterator[Labelled], arguments: argparse.Namespace
) -> tuple[ReaderNetwork, dict[str, Any]]:
    """Run to the end of the time, in bfloat16 where it may be: the running mean of the weights, and what was done."""
    network.eval()
    mean = copy.deepcopy(network)
    weights = list(network.parameters())
    optimizer = torch.optim.AdamW(weights, lr=arguments.learning_rate, betas=(0.9, 0.98), weight_decay=0.01)
    seen, step, running = 0, 0, 0.7
    batches = _batches(stream)
    chosen = next(batches)  # the sets are read before the clock starts
    started = time.monotonic()
    while (progress := (time.monotonic() - started) / (60 * arguments.minutes)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = arguments.learning_rate * _schedule(step, progress)
        labels = torch.tensor([label for _, label in chosen])
        batch = batch_of([pair for pair, _ in chosen], texts)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = network(batch).float()
        loss = functional.binary_cross_entropy_with_logits(logits, labels * 0.98 + 0.01)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        seen, step, running = seen + len(chosen), step + 1, 0.99 * running + 0.01 * loss.item()
        _follow(mean, network, min(AVERAGE, step / (step + 10)))
        if step % 100 == 0:
            rate = seen / (time.monotonic() - started)
            print(f"step {step} pairs {seen} loss {running:.4f} {rate:.0f}/s", flush=True)
        chosen = next(batches)
        if step % 500 == 0:
            save(mean, arguments, {"pairs": seen, "seconds": round(time.monotonic() - started), "loss": running})
    return mean, {"pairs": seen, "seconds": round(time.monotonic() - started), "loss": running}


def glance(
    network: ReaderNetwork, tokenizer: Any, encoder: Any, stream: Iterator[Labelled], steps: int
) -> dict[str, Any]:
    """Teach the head after the first upper layers to say what the whole reader will; nothing else changes.

    It is taught on layers as they are when they serve: in eight bits.
    """
    served = copy.deepcopy(network)
    served.glance_hidden, served.glance_score = network.glance_hidden, network.glance_score
    round_layers(served, tokenizer, encoder)
    texts = Texts(tokenizer, encoder, remembered=REMEMBERED)
    head = [*network.glance_hidden.parameters(), *network.glance_score.parameters()]
    optimizer = torch.optim.AdamW(head, lr=2e-3, weight_decay=0.01)
    batches = _batches(stream)
    running = 0.5
    for step in range(steps):
        batch = batch_of([pair for pair, _ in next(batches)], texts)
        with torch.no_grad():
            begun = served.begun(batch)
            taught = served.finished(batch, begun).sigmoid()
        loss = functional.binary_cross_entropy_with_logits(served.glance(batch, begun), taught)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * (1 - step / steps)
        running = 0.99 * running + 0.01 * loss.item()
        if step % 50 == 0:
            print(f"glance {step} loss {running:.4f}", flush=True)
    return {"glance_pairs": steps * BATCH, "glance_loss": running}


@torch.no_grad()
def average(network: ReaderNetwork, folder: Path, share: float) -> str:
    """Put the mean of a network and of a trained one in its place (Wortsman et al. 2022); the other one's hash.

    Of two stages of one training the mean judges what is unlike the training pairs better than either.
    """
    others = load_file(folder / WEIGHTS)
    for name, weight in network.state_dict().items():
        if name in others:
            weight.lerp_(others[name].float(), share)
    return hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()


@torch.no_grad()
def _follow(mean: ReaderNetwork, network: ReaderNetwork, stays: float) -> None:
    for slow, fast in zip(mean.parameters(), network.parameters(), strict=True):
        slow.lerp_(fast, 1 - stays)


def _batches(stream: Iterator[Labelled]) -> Iterator[Sequence[Labelled]]:
    """Batches of like length, so that little is padded."""
    rng = random.Random(3)
    while True:
        many = sorted(islice(stream, 32 * BATCH), key=lambda one: _length(one[0]))
        groups = [many[i : i + BATCH] for i in range(0, len(many), BATCH)]
        rng.shuffle(groups)
        yield from groups


def _length(pair: Any) -> int:
    return len(pair.question) + len(pair.wording) + len(pair.answer) + sum(map(len, pair.turns))


def _schedule(step: int, progress: float) -> float:
    return min(1.0, (step + 1) / 200) * (
        1.0 if progress < 0.4 else 0.5 * (1 + math.cos(math.pi * (progress - 0.4) / 0.6)) + 0.01
    )


def save(network: ReaderNetwork, arguments: argparse.Namespace, record: dict[str, Any]) -> None:
    """Write weights, in half precision, and configuration."""
    weights = {name: one.detach().to(torch.float16).contiguous() for name, one in network.state_dict().items()}
    arguments.output.mkdir(parents=True, exist_ok=True)
    aside = arguments.output / (WEIGHTS + ".part")
    save_file(weights, aside)
    aside.replace(arguments.output / WEIGHTS)
    config = {
        "base": "all-MiniLM-L6-v2", "base_sha256": MINILM_SHA256, "width": 384, "lower": LOWER,
        "seed": arguments.seed, "learning_rate": arguments.learning_rate, **record,
        "earlier": _runs(arguments.start) if arguments.start else [],
    }  # fmt: skip
    config["sha256"] = hashlib.sha256((arguments.output / WEIGHTS).read_bytes()).hexdigest()
    (arguments.output / CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def _runs(folder: Path) -> list[dict[str, Any]]:
    """The trainings that made a folder, the first one first."""
    made = json.loads((folder / CONFIG).read_text())
    return [*made.get("earlier", []), {name: made[name] for name in _TOLD if name in made}]


if __name__ == "__main__":
    main()
