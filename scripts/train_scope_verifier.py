"""Train `data/models/kedit-scope`: a low-rank adapter and a head that judge whether an edit answers a question.

    python scripts/train_scope_verifier.py --data ../shared/data --minutes 60

What it is trained on is told by `scope_pairs.py`; `kedit evaluate scope` measures the result on the held-out part.
"""

import argparse
import hashlib
import json
import math
import random
import time
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from scope_pairs import Labelled, pairs
from torch.nn import functional

from kedit_memory.models.encoder import MINILM_SHA256
from kedit_memory.models.pair import CONFIG, WEIGHTS, Cosines, PairNetwork, base_model, mean_state, tokens
from kedit_memory.shipped import scope_verifier

BATCH = 64


def main() -> None:
    """Train, and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the public sets")
    parser.add_argument("--output", type=Path, default=scope_verifier())
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--rank", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=2.5e-4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument(
        "--half", action="store_true", help="compute in bfloat16; twice as fast where the processor has it in hardware"
    )
    parser.add_argument("--seed", type=int, default=21)
    parser.add_argument("--start", type=Path, help="folder of a trained one of the same rank to go on from")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)  # noqa: TID251 - a script owns the process; the adapter starts from it
    tokenizer, encoder = base_model()
    if arguments.half:
        encoder = encoder.to(torch.bfloat16)
        encoder.set_attn_implementation("eager")  # the fused one is slow backwards in bfloat16
    adapter = LoraConfig(
        r=arguments.rank,
        lora_alpha=2 * arguments.rank,
        target_modules=["query", "key", "value", "dense"],
    )
    network = PairNetwork(get_peft_model(encoder, adapter), encoder.config.hidden_size).to(arguments.device)
    if arguments.start:
        resume(network, arguments.start)
    network.eval()  # dropout would double the time of a step
    seen, seconds, loss = train(network, tokenizer, pairs(arguments.data, arguments.seed), arguments)
    save(network, arguments, {"pairs": seen, "seconds": round(seconds), "loss": round(loss, 4)})


def train(
    network: PairNetwork, tokenizer: Any, stream: Iterator[Labelled], arguments: argparse.Namespace
) -> tuple[int, float, float]:
    """Run to the end of the time; returns the pairs seen, the seconds and the last running loss."""
    weights = [p for p in network.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=arguments.learning_rate, betas=(0.9, 0.98), weight_decay=0.01)
    cosines = Cosines(partial(_plain, network), tokenizer)
    started = time.monotonic()
    seen, step, running = 0, 0, 0.7
    batches = _batches(stream)
    while (progress := (time.monotonic() - started) / (60 * arguments.minutes)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = arguments.learning_rate * _schedule(step, progress)
        chosen = next(batches)
        batch = {k: v.to(arguments.device) for k, v in tokens(tokenizer, [pair for pair, _ in chosen]).items()}
        labels = torch.tensor([label for _, label in chosen], device=arguments.device)
        with torch.autocast(labels.device.type, dtype=torch.bfloat16, enabled=arguments.half):
            cosine = cosines.of([pair for pair, _ in chosen]).float().to(arguments.device)
            logits = network(batch, cosine).float()
        loss = functional.binary_cross_entropy_with_logits(logits, labels * 0.98 + 0.01)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        seen, step, running = seen + len(chosen), step + 1, 0.99 * running + 0.01 * loss.item()
        if step % 100 == 0:
            rate = seen / (time.monotonic() - started)
            print(f"step {step} pairs {seen} loss {running:.4f} {rate:.0f}/s", flush=True)
        if step % 500 == 0:
            save(network, arguments, {"pairs": seen, "seconds": round(time.monotonic() - started), "loss": running})
    return seen, time.monotonic() - started, running


def _plain(network: PairNetwork, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Means of the states of the encoder without its adapter."""
    device = network.score.weight.device
    with network.encoder.disable_adapter():
        means = mean_state(network.encoder, {name: tensor.to(device) for name, tensor in batch.items()})
    return means.cpu()


def _batches(stream: Iterator[Labelled]) -> Iterator[Sequence[Labelled]]:
    """Batches of like length, so that little is padded."""
    rng = random.Random(3)
    while True:
        many = sorted(islice(stream, 32 * BATCH), key=lambda p: sum(map(len, p[0])))
        groups = [many[i : i + BATCH] for i in range(0, len(many), BATCH)]
        rng.shuffle(groups)
        yield from groups


def _schedule(step: int, progress: float) -> float:
    return min(1.0, (step + 1) / 200) * (
        1.0 if progress < 0.4 else 0.5 * (1 + math.cos(math.pi * (progress - 0.4) / 0.6)) + 0.01
    )


@torch.no_grad()
def resume(network: PairNetwork, folder: Path) -> None:
    """Take over the weights of a trained one."""
    weights = load_file(folder / WEIGHTS)
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            parameter.copy_(weights.pop(_plain_name(name)))
    if weights:
        raise SystemExit(f"{folder} holds weights that this network has not: {', '.join(sorted(weights))}")


def _plain_name(name: str) -> str:
    return name.removeprefix("encoder.base_model.model.").replace(".default.weight", "")


def save(network: PairNetwork, arguments: argparse.Namespace, record: dict[str, Any]) -> None:
    """Write adapter, head and configuration."""
    weights = {}
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        weights[_plain_name(name)] = parameter.detach().to("cpu", torch.float16).contiguous()
    arguments.output.mkdir(parents=True, exist_ok=True)
    aside = arguments.output / (WEIGHTS + ".part")
    save_file(weights, aside)
    aside.replace(arguments.output / WEIGHTS)
    config = {
        "base": "all-MiniLM-L6-v2", "base_sha256": MINILM_SHA256, "width": 384, "scale": 2.0, "rank": arguments.rank,
        "seed": arguments.seed, "learning_rate": arguments.learning_rate, **record,
        "earlier": _runs(arguments.start) if arguments.start else [],
    }  # fmt: skip
    config["sha256"] = hashlib.sha256((arguments.output / WEIGHTS).read_bytes()).hexdigest()
    (arguments.output / CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def _runs(folder: Path) -> list[dict[str, Any]]:
    """The trainings that made a folder, the first one first."""
    made = json.loads((folder / CONFIG).read_text())
    return [*made.get("earlier", []), {name: made[name] for name in ("seed", "learning_rate", "pairs", "seconds")}]


if __name__ == "__main__":
    main()
