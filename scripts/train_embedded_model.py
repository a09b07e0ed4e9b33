"""Train `data/models/kedit-mini` from scratch: tokenizer, weights in bf16 safetensors, training record.

    python scripts/train_embedded_model.py --tokens 30000000 --text ../shared/data/wikitext2/wiki.train.tokens.txt

The learning rate rises, stays, and falls over the last fifth; `--minutes` brings the fall forward when the machine is
slow. A checkpoint is written aside and renamed every ten minutes. `scripts/evaluate_embedded_model.py` measures it.
"""

import argparse
import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from torch.nn import functional
from training_text import Document, TextMaker
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from kedit_memory.shipped import embedded_model
from kedit_memory.world import load_world

RECORD = "training.json"
END = "<|endoftext|>"
WINDOW = 512
WARM_UP_SHARE = 0.08  # of the training, with easier documents
ROWS_A_STEP = 4  # each row is a window full of whole documents that do not see each other


def main() -> None:
    """Train, and write the folder."""
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)  # noqa: TID251 - a script owns the process; weights start from it
    text = _running_text(arguments.text)
    maker = TextMaker(load_world(), arguments.seed, text)
    device = torch.device(arguments.device)
    if arguments.resume:
        tokenizer = PreTrainedTokenizerFast.from_pretrained(arguments.resume)
        model = GPT2LMHeadModel.from_pretrained(arguments.resume, dtype=torch.float32).to(device)
    else:
        tokenizer = train_tokenizer(TextMaker(load_world(), arguments.seed + 1, text), arguments.vocabulary)
        model = GPT2LMHeadModel(_config(arguments, len(tokenizer))).to(device)
        place_positions(model)
    print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters, {len(tokenizer)} tokens", flush=True)
    tokens, seconds = train(model, tokenizer, maker, arguments)
    save(model, tokenizer, arguments.output)
    before = _record(arguments.resume) if arguments.resume else {"tokens": 0, "seconds": 0, "seeds": []}
    record = {
        "tokens": before["tokens"] + tokens,
        "seconds": before["seconds"] + round(seconds),
        "seeds": [*before["seeds"], arguments.seed],
        "layers": arguments.layers,
        "width": arguments.width,
        "heads": arguments.heads,
        "vocabulary": len(tokenizer),
        "learning_rate": arguments.learning_rate,
        "running_text": arguments.text.name if arguments.text else None,
        "rows_a_step": ROWS_A_STEP,
    }
    (arguments.output / RECORD).write_text(json.dumps(record, indent=2, sort_keys=True) + "\n")


def _record(folder: Path) -> dict[str, Any]:
    """What the training in `folder` took."""
    record: dict[str, Any] = json.loads((folder / RECORD).read_text("utf-8"))
    return record


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=float, default=30e6, help="tokens to train on, padding not counted")
    parser.add_argument("--minutes", type=float, default=180.0, help="stop by then")
    parser.add_argument("--text", type=Path, help="running text, one paragraph a line")
    parser.add_argument("--resume", type=Path, help="go on from the weights in this folder, past the warm-up")
    parser.add_argument("--output", type=Path, default=embedded_model())
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--vocabulary", type=int, default=4096)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=11)
    return parser.parse_args()


def _running_text(path: Path | None) -> list[str]:
    """Paragraphs of at least 200 characters, cut to 600."""
    if path is None:
        return []
    lines = (line.strip().replace(" @-@ ", "-").replace(" @,@ ", ",") for line in path.read_text("utf-8").splitlines())
    return [line[:600] for line in lines if len(line) >= 200]


def _config(arguments: argparse.Namespace, vocabulary: int) -> GPT2Config:
    return GPT2Config(
        vocab_size=vocabulary,
        n_positions=WINDOW,
        n_embd=arguments.width,
        n_layer=arguments.layers,
        n_head=arguments.heads,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=0,
        eos_token_id=0,
        pad_token_id=0,
        attn_implementation="sdpa",
        initializer_range=0.04,  # the usual 0.02 is meant for widths of 768 and more
    )


def place_positions(model: GPT2LMHeadModel) -> None:
    """Begin the learned positions as sinusoids (Vaswani et al., 2017), so that "one before" is one step everywhere.

    Copying needs it, and from random positions it would have to be found anew for each.
    """
    table = model.transformer.wpe.weight
    half = table.shape[1] // 2
    places = torch.arange(table.shape[0])[:, None]
    angles = places / 10_000 ** (torch.arange(half)[None, :] / half)  # (positions, half)
    with torch.no_grad():
        table.copy_(0.05 * torch.cat([angles.sin(), angles.cos()], dim=1))


def train_tokenizer(documents: TextMaker, vocabulary: int) -> PreTrainedTokenizerFast:
    """A byte-level BPE trained on a sample of the documents."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    closed_book = (documents.closed_book() for _ in range(60_000))
    sample = (d.prompt + d.answer for d in closed_book)
    mixed = (d.context + d.prompt + d.answer for d in islice(documents, 20_000))
    tokenizer.train_from_iterator((t for part in (sample, mixed) for t in part), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=END,
        eos_token=END,
        pad_token=END,
        model_max_length=WINDOW,
        clean_up_tokenization_spaces=False,
    )


@dataclass
class Row:
    """A window of documents, one after another."""

    ids: list[int] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)  # of predicting each token
    lengths: list[int] = field(default_factory=list)  # of the documents


def rows(tokenizer: PreTrainedTokenizerFast, documents: Iterator[Document]) -> Iterator[Row]:
    """Windows packed from a stream of documents; a document that does not fit waits for the next window."""
    waiting: list[tuple[list[int], list[float]]] = []
    while True:
        while len(waiting) < 400:
            waiting += encode(tokenizer, list(islice(documents, 200)))
        row, left = Row(), []
        for ids, weights in waiting:
            if len(row.ids) + len(ids) <= WINDOW:
                row.ids += ids
                row.weights += [0.0, *weights[1:]]  # the first token of a document is not predicted
                row.lengths.append(len(ids))
            else:
                left.append((ids, weights))
        waiting = left
        yield row


def encode(tokenizer: PreTrainedTokenizerFast, documents: Sequence[Document]) -> list[tuple[list[int], list[float]]]:
    """Token ids and the weight of predicting each of them; the end token closes each document."""
    encoder = tokenizer.backend_tokenizer
    parts = [encoder.encode_batch([getattr(d, part) for d in documents]) for part in ("context", "prompt", "answer")]
    encoded = []
    for document, context, prompt, answer in zip(documents, *parts, strict=True):
        ids = [*context.ids, *prompt.ids, *answer.ids, 0]
        weights = [0.0] * len(context.ids) + [document.prompt_weight] * len(prompt.ids) + [1.0] * (len(answer.ids) + 1)
        if len(ids) <= WINDOW:
            encoded.append((ids, weights))
    return encoded


def train(
    model: GPT2LMHeadModel,
    tokenizer: PreTrainedTokenizerFast,
    maker: TextMaker,
    arguments: argparse.Namespace,
) -> tuple[int, float]:
    """Run to the end of the budget; returns the tokens seen and the seconds taken."""
    optimizer = torch.optim.AdamW(_groups(model), lr=arguments.learning_rate, betas=(0.9, 0.99), fused=True)
    windows = rows(tokenizer, iter(maker))
    started = saved = time.monotonic()
    seen = step = 0
    running = 0.0
    while True:
        elapsed = time.monotonic() - started
        progress = max(seen / arguments.tokens, elapsed / (60 * arguments.minutes))
        if progress >= 1:
            return seen, elapsed
        maker.warming_up = progress < WARM_UP_SHARE and not arguments.resume
        for group in optimizer.param_groups:
            group["lr"] = arguments.learning_rate * _schedule(step, progress)
        batch = list(islice(windows, ROWS_A_STEP))
        running += _step(model, optimizer, batch)
        seen += sum(len(row.ids) for row in batch)
        step += 1
        if step % 200 == 0:
            print(f"step {step} tokens {seen / 1e6:.2f}M loss {running / 200:.3f} {seen / elapsed:.0f}/s", flush=True)
            running = 0.0
        if time.monotonic() - saved > 600:
            save(model, tokenizer, arguments.output)
            saved = time.monotonic()


def _groups(model: GPT2LMHeadModel) -> list[dict[str, object]]:
    matrices = [p for p in model.parameters() if p.ndim >= 2]
    others = [p for p in model.parameters() if p.ndim < 2]
    return [{"params": matrices, "weight_decay": 0.02}, {"params": others, "weight_decay": 0.0}]


def _schedule(step: int, progress: float) -> float:
    warm = min(1.0, (step + 1) / 300)
    return warm * (1.0 if progress < 0.8 else max(0.02, 0.5 * (1 + math.cos(math.pi * (progress - 0.8) / 0.2))))


def _step(model: GPT2LMHeadModel, optimizer: torch.optim.Optimizer, batch: Sequence[Row]) -> float:
    ids, places, weights, mask = (tensor.to(model.device) for tensor in _tensors(batch))
    with torch.autocast(model.device.type, torch.bfloat16):
        states = model.transformer(
            input_ids=ids, position_ids=places, attention_mask=mask, use_cache=False
        ).last_hidden_state
        chosen = weights > 0  # logits are made only where a weight is not zero
        logits = model.lm_head(states[:, :-1][chosen[:, 1:]])
    losses = functional.cross_entropy(logits.float(), ids[chosen], reduction="none")
    loss = (losses * weights[chosen]).sum() / weights.sum()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss.item()


def _tensors(batch: Sequence[Row]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Ids, positions within the document and weights, each (rows, window); mask (rows, 1, window, window)."""
    ids = torch.zeros(len(batch), WINDOW, dtype=torch.long)
    places = torch.zeros(len(batch), WINDOW, dtype=torch.long)
    weights = torch.zeros(len(batch), WINDOW)
    owner = torch.full((len(batch), WINDOW), -1)
    for i, row in enumerate(batch):
        size = len(row.ids)
        ids[i, :size] = torch.tensor(row.ids)
        weights[i, :size] = torch.tensor(row.weights)
        places[i, :size] = torch.cat([torch.arange(length) for length in row.lengths])
        owner[i, :size] = torch.arange(len(row.lengths)).repeat_interleave(torch.tensor(row.lengths))
    same = owner[:, :, None] == owner[:, None, :]
    mask = (same & torch.ones(WINDOW, WINDOW, dtype=torch.bool).tril())[:, None]
    return ids, places, weights, mask


def save(model: GPT2LMHeadModel, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write the folder file by file; each file is complete or the old one."""
    aside = folder.with_name(folder.name + ".part")
    weights = {name: tensor.to(torch.bfloat16) for name, tensor in model.state_dict().items()}
    copy = GPT2LMHeadModel(model.config).to(torch.bfloat16)
    copy.load_state_dict(weights)
    copy.generation_config.update(bos_token_id=0, eos_token_id=0, pad_token_id=0)
    copy.save_pretrained(aside)
    tokenizer.save_pretrained(aside)
    folder.mkdir(parents=True, exist_ok=True)
    for file in aside.iterdir():
        file.replace(folder / file.name)
    aside.rmdir()


if __name__ == "__main__":
    main()
