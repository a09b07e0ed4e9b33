"""Train `data/models/kedit-scope`: a low-rank adapter and a head that judge whether an edit answers a question.

    python scripts/train_scope_verifier.py --data ../shared/data --minutes 60

Pairs come from the training part of each set (see `kedit_memory.evaluation.scope_sets`): no relation of the held-out
part and no subject of its edits occurs. `kedit evaluate scope` measures the result on the held-out part.
"""

import argparse
import hashlib
import json
import math
import random
import re
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from torch.nn import functional

from kedit_memory.evaluation.negatives import dropped, in_passing
from kedit_memory.evaluation.scope_sets import HELD_OUT_WORDS, SETS, TRAINING, ScopeSet
from kedit_memory.models.encoder import MINILM_SHA256
from kedit_memory.models.pair import (
    CONFIG,
    WEIGHTS,
    Cosines,
    Pair,
    PairNetwork,
    as_pair,
    base_model,
    mean_state,
    tokens,
)
from kedit_memory.shipped import scope_verifier

SHARES = {"counterfact": 0.24, "pararel": 0.2, "world": 0.22, "lre": 0.08, "zsre": 0.06, "questions": 0.2}
KIND_SHARES = {
    "prompt": 0.04, "rephrasing": 0.4, "dialogue": 0.06,
    "same_subject": 0.24, "same_relation": 0.04, "similar_name": 0.04, "swapped": 0.02, "negation": 0.05,
    "mention": 0.04, "prefix": 0.04,
}  # fmt: skip
RAW_SHARE = 0.08  # of pairs whose subject is left as it is, for questions that do not name it as the edit does
WITHOUT_TARGET = 0.2  # of edits are shown as an erasure, which has no answer
BATCH = 64

Labelled = tuple[Pair, float]


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
    parser.add_argument("--seed", type=int, default=21)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)  # noqa: TID251 - a script owns the process; the adapter starts from it
    tokenizer, encoder = base_model()
    adapter = LoraConfig(
        r=arguments.rank,
        lora_alpha=2 * arguments.rank,
        target_modules=["query", "key", "value", "dense"],
    )
    network = PairNetwork(get_peft_model(encoder, adapter), encoder.config.hidden_size).to(arguments.device)
    network.eval()  # dropout would double the time of a step
    seen, seconds, loss = train(network, tokenizer, pairs(arguments.data, arguments.seed), arguments)
    save(network, arguments, {"pairs": seen, "seconds": round(seconds), "loss": round(loss, 4)})


def pairs(data: Path, seed: int) -> Iterator[Labelled]:
    """Pairs and labels without end, by the shares of sets and kinds."""
    rng = random.Random(seed)
    sets = [make(data) for make in SETS.values()]
    hidden = {e.subject for one in sets for e in one.edits if e.part != TRAINING}
    sources = {one.name: _by_kind(one, hidden) for one in sets}
    questions = _question_pairs(data, hidden)
    names = list(SHARES)
    while True:
        name = rng.choices(names, [SHARES[n] for n in names])[0]
        yield next(questions) if name == "questions" else _drawn(sources[name], rng)


def _by_kind(one: ScopeSet, hidden: set[str]) -> dict[str, list[tuple[str, Any, bool]]]:
    found = defaultdict(list)
    for case in one.cases:
        edit = one.edits[case.edit]
        if case.part == TRAINING and edit.subject not in hidden and (edit.relation or one.name == "zsre"):
            found[case.kind].append((case.question, edit, case.covered))
    return dict(found)


def _drawn(kinds: dict[str, list[tuple[str, Any, bool]]], rng: random.Random) -> Labelled:
    known = [k for k in KIND_SHARES if kinds.get(k)]
    question, edit, covered = rng.choice(kinds[rng.choices(known, [KIND_SHARES[k] for k in known])[0]])
    if rng.random() < 0.1:
        question = in_passing(question, rng)
    names = () if rng.random() < RAW_SHARE else (edit.subject, *edit.aliases)
    target = None if rng.random() < WITHOUT_TARGET else edit.target
    return as_pair(_varied(question, rng), _varied(edit.prompt, rng), target, names), float(covered)


def _varied(text: str, rng: random.Random) -> str:
    """Now and then as people type: without its mark or its capital."""
    if rng.random() < 0.08:
        text = text.rstrip("?. ")
    return text[:1].lower() + text[1:] if rng.random() < 0.08 else text


def _question_pairs(data: Path, hidden: set[str]) -> Iterator[Labelled]:
    """Natural rephrasings of zsRE's training rows, and the properties of KnowEdit's, both as questions and clozes."""
    rng = random.Random(5)
    rows = [
        r
        for r in json.loads((data / "zsre" / "zsre_mend_train-1k.json").read_text("utf-8"))
        if r["subject"] in r["src"] and not HELD_OUT_WORDS.search(r["src"].replace(r["subject"], ""))
        and r["subject"] not in hidden
    ]  # fmt: skip
    properties = sorted(
        {
            found[1]
            for name in ("wiki_counterfact_train", "wiki_recent_train")
            for row in json.loads((data / "knowedit" / f"{name}.json").read_text("utf-8"))
            for prompt in _prompts(row)
            if (
                found := re.fullmatch(
                    rf"The (?:names? of the )?(.+?) of {re.escape(row['subject'])} (?:is|are)", prompt
                )
            )
            and not HELD_OUT_WORDS.search(found[1])
        }
    )
    asked = [
        row
        for row in json.loads((data / "unke" / "final_data_v2.json").read_text("utf-8"))
        if not HELD_OUT_WORDS.search(row["question"])
    ]
    while True:
        row = rng.choice(asked)
        yield _of_unke(row, rng)
        row = rng.choice(rows)
        subject, target = row["subject"], None if rng.random() < WITHOUT_TARGET else row["alt"]
        one, other = rng.sample(properties, 2)
        roll = rng.random()
        if roll < 0.35:
            yield as_pair(row["rephrase"], row["src"], target, (subject,)), 1.0
        elif roll < 0.5:
            question = _of_property(one, subject, rng)
            if _unlike(one, row["src"] + row["rephrase"]):
                yield as_pair(question, row["src"], target, (subject,)), 0.0
        elif roll < 0.65:
            prompt = _of_property(one, subject, rng)
            if _unlike(one, row["src"] + row["rephrase"]):
                yield as_pair(row["rephrase"], prompt, None, (subject,)), 0.0
        elif roll < 0.8:
            yield as_pair(_of_property(one, subject, rng), _of_property(one, subject, rng), None, (subject,)), 1.0
        elif roll < 0.95:
            if _unlike(one, other):
                yield as_pair(_of_property(one, subject, rng), _of_property(other, subject, rng), None, (subject,)), 0.0
        else:
            yield as_pair(dropped(row["rephrase"], rng), row["src"], target, (subject,)), 0.0


def _of_unke(row: dict[str, Any], rng: random.Random) -> Labelled:
    """A rephrased question of UnKE (Deng et al. 2024), or another question about the same subject."""
    question, rephrased = rng.sample([row["question"], row["para_question"]], 2)
    shared = re.findall(r"[A-Z][\w.'-]*(?: [A-Z][\w.'-]*)+", row["question"])
    names = [name for name in shared if name in row["para_question"]]
    if rng.random() < 0.5 or not row["sub_question"]:
        return as_pair(rephrased, question, None, names), 1.0
    return as_pair(rng.choice(row["sub_question"]), question, None, names), 0.0


def _prompts(row: dict[str, Any]) -> Iterator[str]:
    yield row["prompt"]
    for group in row.get("locality", {}).values():
        yield from (probe["prompt"] for probe in group)


def _of_property(name: str, subject: str, rng: random.Random) -> str:
    forms = ("The {p} of {s} is", "What is the {p} of {s}?", "{s}'s {p} is", "What is {s}'s {p}?", "{s}, {p}:",
             "Tell me the {p} of {s}.", "what's {s}'s {p}")  # fmt: skip
    return rng.choice(forms).replace("{p}", name).replace("{s}", subject)


def _unlike(name: str, text: str) -> bool:
    return not any(word in text.casefold() for word in re.findall(r"[a-z]{4,}", name.casefold()))


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
        cosine = cosines.of([pair for pair, _ in chosen]).to(arguments.device)
        loss = functional.binary_cross_entropy_with_logits(network(batch, cosine), labels * 0.98 + 0.01)
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


def save(network: PairNetwork, arguments: argparse.Namespace, record: dict[str, Any]) -> None:
    """Write adapter, head and configuration."""
    weights = {}
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        plain = name.removeprefix("encoder.base_model.model.").replace(".default.weight", "")
        weights[plain] = parameter.detach().to("cpu", torch.float16).contiguous()
    arguments.output.mkdir(parents=True, exist_ok=True)
    aside = arguments.output / (WEIGHTS + ".part")
    save_file(weights, aside)
    aside.replace(arguments.output / WEIGHTS)
    config = {
        "base": "all-MiniLM-L6-v2", "base_sha256": MINILM_SHA256, "width": 384, "scale": 2.0, "rank": arguments.rank,
        "seed": arguments.seed, "learning_rate": arguments.learning_rate, **record,
    }  # fmt: skip
    config["sha256"] = hashlib.sha256((arguments.output / WEIGHTS).read_bytes()).hexdigest()
    (arguments.output / CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
