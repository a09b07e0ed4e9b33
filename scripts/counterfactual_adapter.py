"""Train the counterfactual model: an adapter by which the embedded model answers from an edit (`train_serac.py`)."""

import argparse
import hashlib
import json
import math
import random
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from counterfactual_edits import EditReader
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from safetensors.torch import load_file, save
from torch.nn import functional

from kedit_memory.editors._teaching import Lesson, lesson
from kedit_memory.models.adapter import BASE_SHA256, CONFIG, WEIGHTS
from kedit_memory.models.batches import pad
from kedit_memory.models.huggingface import HuggingFaceModel
from kedit_memory.shipped import embedded_model

_RECORD = "training.json"
_WARM_UP = 50  # steps until the whole rate
_TARGETS = ["c_attn", "c_proj", "c_fc"]  # all projections of the layers
_POOLED = 16  # batches that are drawn together


def train_counterfactual(output: Path, arguments: argparse.Namespace, progress: Iterable[float]) -> None:
    """Train for as long as `progress` gives the share of the time that is over, and write the adapter."""
    started = time.monotonic()
    model = HuggingFaceModel.load(embedded_model(), device="cpu")
    for block in model.model.transformer.h:  # the same function in one kernel: fewer passes over memory
        block.mlp.act = torch.nn.GELU(approximate="tanh")
    adapter = LoraConfig(
        r=arguments.rank,
        lora_alpha=2 * arguments.rank,
        target_modules=_TARGETS,
        fan_in_fan_out=True,
    )
    network = get_peft_model(model.model, adapter)
    earlier: list[dict[str, Any]] = []
    if arguments.resume:
        set_peft_model_state_dict(network, load_file(output / WEIGHTS))
        earlier = json.loads((output / _RECORD).read_text("utf-8"))["runs"]
    weights = [one for one in network.parameters() if one.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=arguments.learning_rate, betas=(0.9, 0.98), weight_decay=0.0)
    batches = _lessons(model, arguments.batch, arguments.seed)
    steps, running = 0, 0.0
    for over in progress:
        rate = arguments.learning_rate * min(1.0, (steps + 1) / _WARM_UP) * (1 + math.cos(math.pi * over)) / 2
        for group in optimizer.param_groups:
            group["lr"] = rate
        loss = _reading_loss(model, next(batches))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        running = float(loss.detach()) if not steps else 0.98 * running + 0.02 * float(loss.detach())
        steps += 1
        if steps % 50 == 0:
            print(f"step {steps} {time.monotonic() - started:.0f} s loss {running:.4f}", flush=True)
    told = ("minutes", "seed", "rank", "batch", "learning_rate", "resume")
    run = {name: getattr(arguments, name) for name in told}
    run |= {"steps": steps, "seconds": round(time.monotonic() - started)}
    _save_adapter(network, output, arguments.rank, [*earlier, run])


def _lessons(model: HuggingFaceModel, size: int, seed: int) -> Iterator[list[Lesson]]:
    """Batches without end, of rows of like length: padding costs as much as text."""
    rng, readings = random.Random(seed), EditReader(seed).readings()
    while True:
        pool = [lesson(model, *next(readings)) for _ in range(_POOLED * size)]
        pool.sort(key=lambda one: len(one.given) + len(one.wanted))
        for first in rng.sample(range(0, len(pool), size), _POOLED):
            yield pool[first : first + size]


def _reading_loss(model: HuggingFaceModel, batch: Sequence[Lesson]) -> torch.Tensor:
    """-log p(answer | edit, question), the mean over the answers' tokens; other tokens are not scored."""
    padding = int(model.tokenizer.pad_token_id)
    ids, mask = pad([(*one.given, *one.wanted) for one in batch], padding, device=model.device)
    labels, _ = pad([(*[-100] * len(one.given), *one.wanted) for one in batch], -100, device=model.device)
    asked = labels[:, 1:] != -100
    states = model.model.base_model(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state[:, :-1]
    scores = model.model.get_output_embeddings()(states[asked])  # (tokens of answers, vocabulary)
    return functional.cross_entropy(scores, labels[:, 1:][asked])


def _save_adapter(network: Any, output: Path, rank: int, runs: list[dict[str, Any]]) -> None:
    """The adapter in the form of peft and in half precision, with the checksum of the weights that it is of."""
    weights = {name: tensor.half().contiguous() for name, tensor in get_peft_model_state_dict(network).items()}
    base = hashlib.sha256((embedded_model() / "model.safetensors").read_bytes()).hexdigest()
    config = {
        "base_model_name_or_path": "kedit-mini",
        "bias": "none",
        "fan_in_fan_out": True,
        "inference_mode": True,
        "lora_alpha": 2 * rank,
        "peft_type": "LORA",
        "r": rank,
        "target_modules": _TARGETS,
        "task_type": "CAUSAL_LM",
    }
    output.mkdir(parents=True, exist_ok=True)
    (output / WEIGHTS).write_bytes(save(weights, metadata={"format": "pt", BASE_SHA256: base}))
    for name, content in ((CONFIG, config), (_RECORD, {"runs": runs})):
        (output / name).write_text(json.dumps(content, indent=1) + "\n", "utf-8")
