"""Train what SERAC needs (Mitchell et al., ICML 2022): a scope classifier in either form, and a counterfactual model.

    python scripts/train_serac.py embedding       # minutes on one core; writes data/models/kedit-serac/embedding
    python scripts/train_serac.py cross --output SCOPE --minutes 60
    python scripts/train_serac.py counterfactual  # writes data/models/kedit-mini-counterfactual

The classifier learns by binary cross-entropy from questions inside and outside of an edit's scope (equation 3), the
counterfactual model by -log p(answer | edit, question) (equation 4). Of the questions outside, hard ones are near
neighbours of the edit by sentence embedding. The paper leaves out the nearest (--skip), since in a set of unknown
labels they are most often rephrasings; the world's labels are known, and its nearest, other questions about the same
subject, are those that matter. The other questions are drawn from all. Edits are facts of the shipped world with
another object, and with --data the training rows of zsRE; they are split by relation as `tasks/scope/sets.py` does,
and what is printed of a classifier at the end is measured on relations that training never saw. What the
counterfactual model reads in training is in `counterfactual_edits.py`; `evaluate_counterfactual.py` measures it.
"""

import argparse
import json
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from counterfactual_adapter import train_counterfactual
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from torch.nn import functional

from kedit_memory.editors._pair_network import CONFIG, WEIGHTS, Pair, PairNetwork, as_pair, base_model, tokens
from kedit_memory.editors._scope_classifier import CrossScope, EmbeddingScope, ScopeClassifier, Similarity
from kedit_memory.editors.base import Fact
from kedit_memory.evaluation.tasks.scope.cases import TEST, TRAINING
from kedit_memory.evaluation.tasks.scope.sets import part_of
from kedit_memory.models.encoder import MINILM_SHA256, load_encoder
from kedit_memory.shipped import counterfactual_model, serac_scope
from kedit_memory.world import load_world

_SYMBOLIC = frozenset({"domain_of", "demonym_of", "symbol_of", "element_of_number"})  # their subjects are no names
_FEW = 300  # edits of the small store that results are also told for
_PAIRED = 60  # edits and questions that the cross form is measured on, a pass for each pair of them
_RANK = 8
_HARD = 4  # hard negatives of an edit at each step of the embedding form


@dataclass(frozen=True, kw_only=True)
class Example:
    """An edit with questions that it covers; `slot` names what it is about, which no other example's question asks."""

    fact: Fact
    covered: tuple[str, ...]
    slot: tuple[str, str]
    part: str


def main() -> None:
    """Train one of the three, and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("embedding", "cross", "counterfactual"))
    parser.add_argument("--output", type=Path, help="a folder; by default the shipped one, which the cross form lacks")
    parser.add_argument("--data", type=Path, help="folder of the public sets: zsRE is trained on as well")
    parser.add_argument("--examples", type=int, default=5000, help="the most edits, drawn by --seed")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--skip", type=int, default=0, help="nearest neighbours that are no hard negatives")
    parser.add_argument(
        "--pool", type=int, default=100, help="neighbours after them that hard negatives are drawn from"
    )
    parser.add_argument("--similarity", choices=("distance", "dot"), default="distance", help="of the embedding form")
    parser.add_argument("--steps", type=int, default=400, help="of the embedding form")
    parser.add_argument("--hard-weight", type=float, default=1.0, help="of a hard negative, in the embedding form")
    parser.add_argument("--minutes", type=float, default=10.0, help="of the cross form and the counterfactual model")
    parser.add_argument("--rank", type=int, default=8, help="of the counterfactual model's adapter")
    parser.add_argument("--batch", type=int, default=24, help="of the counterfactual model: edits a step")
    parser.add_argument("--learning-rate", type=float, default=2e-3, help="of the counterfactual model")
    parser.add_argument("--resume", action="store_true", help="go on from the output folder's counterfactual model")
    arguments = parser.parse_args()
    if arguments.output is None and arguments.what == "cross":
        parser.error("--output is needed: name a new folder for the cross form")
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)  # noqa: TID251 - a script owns the process
    if arguments.what == "counterfactual":
        train_counterfactual(arguments.output or counterfactual_model(), arguments, _progress(arguments.minutes))
        return
    examples = read_examples(arguments.data, arguments.seed)
    examples = _whole_subjects(examples, arguments.examples, arguments.seed)
    train = {"embedding": train_embedding, "cross": train_cross}
    train[arguments.what](examples, arguments.output or serac_scope() / "embedding", arguments)


# The examples


def read_examples(data: Path | None, seed: int) -> list[Example]:
    """Edits of the world, each with two questions in other words, and the training rows of zsRE where given."""
    rng = random.Random(seed)
    examples = list(_of_world(rng))
    if data is not None:
        examples += _of_zsre(data)
    return examples


def _whole_subjects(examples: Sequence[Example], count: int, seed: int) -> list[Example]:
    """About so many of the examples, all that there are of each subject: what else is asked of it is hardest."""
    subjects = list(dict.fromkeys(one.slot[1] for one in examples))
    place = {subject: number for number, subject in enumerate(random.Random(seed).sample(subjects, len(subjects)))}
    return sorted(examples, key=lambda one: place[one.slot[1]])[:count]


def _of_world(rng: random.Random) -> Iterator[Example]:
    world = load_world()
    for fact in world.facts:
        relation = world.relations[fact.relation]
        others = [name for name in world.objects[fact.relation] if name != fact.object]
        if fact.relation in _SYMBOLIC or not others:
            continue
        phrasings = list(relation.questions + relation.clozes)
        first, *more = (world.fill(text, fact.subject) for text in rng.sample(phrasings, min(3, len(phrasings))))
        yield Example(
            fact=Fact(prompt=first, target=rng.choice(others)),
            covered=tuple(more),
            slot=(fact.relation, fact.subject),
            part=part_of(fact.relation),
        )


def _of_zsre(data: Path) -> Iterator[Example]:
    """The rows on which MEND's editor was trained, none of whose subjects the evaluation sets ask about."""
    rows = json.loads((data / "zsre" / "zsre_mend_train-1k.json").read_text("utf-8"))
    tested = json.loads((data / "zsre" / "ZsRE-test-all.json").read_text("utf-8"))
    hidden = {row["subject"] for row in tested}
    for row in rows:
        if row["subject"] not in hidden:
            fact = Fact(prompt=row["src"], target=row["alt"])
            yield Example(fact=fact, covered=(row["rephrase"],), slot=("", row["src"]), part=TRAINING)


class Pairs:
    """The training part as arrays, and questions outside of an edit's scope.

    Attributes:
        edits: Encodings of prompts, of shape (examples, dim).
        questions: Encodings of one covered question each, of shape (questions, examples, dim).
    """

    def __init__(self, examples: Sequence[Example], skip: int, pool: int, seed: int) -> None:
        self.examples = [one for one in examples if one.part == TRAINING and one.covered]
        encoder = load_encoder("minilm", device="cpu")
        self.edits = torch.from_numpy(encoder.encode([one.fact.prompt for one in self.examples]))
        self.questions = torch.from_numpy(encoder.encode([one.covered[0] for one in self.examples]))
        self.generator = torch.Generator().manual_seed(seed)
        slots = {slot: place for place, slot in enumerate(dict.fromkeys(one.slot for one in self.examples))}
        self.slots = torch.tensor([slots[one.slot] for one in self.examples])
        self.near = self._near(skip, pool)

    def __len__(self) -> int:
        return len(self.examples)

    def draw(self, count: int) -> torch.Tensor:
        """Places of random examples, of shape (count,)."""
        return torch.randint(len(self), (count,), generator=self.generator)

    def hard(self, places: torch.Tensor, count: int) -> torch.Tensor:
        """For each edit the places of `count` questions that are near and outside, of shape (places, count)."""
        chosen = torch.randint(self.near.shape[1], (len(places), count), generator=self.generator)
        return self.near[places].gather(1, chosen)

    def outside(self, places: torch.Tensor, questions: torch.Tensor) -> torch.Tensor:
        """Whether each question is outside of the scope of the edit at the same place."""
        return self.slots[places] != self.slots[questions]

    def _near(self, skip: int, pool: int) -> torch.Tensor:
        """The neighbours of each edit among the questions outside of its scope, of shape (examples, pool)."""
        rows = []
        for start in range(0, len(self), 1024):
            likeness = self.edits[start : start + 1024] @ self.questions.T
            same = self.slots[start : start + 1024, None] == self.slots
            found = likeness.masked_fill(same, -2.0).topk(min(skip + pool, len(self) - 1), dim=1).indices
            rows.append(found[:, skip:])
        return torch.cat(rows)


# The embedding form


def train_embedding(examples: Sequence[Example], output: Path, arguments: argparse.Namespace) -> None:
    """A projection over the frozen encoder, the same for edits and questions."""
    started = time.monotonic()
    pairs = Pairs(examples, arguments.skip, arguments.pool, arguments.seed)
    encoder = load_encoder("minilm", device="cpu")
    similarity: Similarity = arguments.similarity
    projection = torch.eye(encoder.dimension).requires_grad_()
    scale = torch.tensor(2.3 if similarity == "dot" else 0.0, requires_grad=True)  # its logarithm
    bias = torch.tensor(-7.0 if similarity == "dot" else 0.0, requires_grad=similarity == "dot")
    weights = [one for one in (projection, scale, bias) if one.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=1e-3, weight_decay=0.0)

    def loss(edits: torch.Tensor, questions: torch.Tensor, label: float) -> torch.Tensor:
        left, right = pairs.edits[edits] @ projection.T, pairs.questions[questions] @ projection.T
        if similarity == "dot":
            logits = scale.exp() * (left * right).sum(-1) + bias
            return functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))
        log = -scale.exp() * (left - right).square().sum(-1).clamp(min=1e-6)  # of exp(-s d^2)
        return -(log if label else (-log.expm1()).log()).mean()

    for step in range(arguments.steps):
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 * (1 - step / arguments.steps)
        places = pairs.draw(256)
        near = pairs.hard(places, _HARD).flatten()
        anywhere = pairs.draw(256)
        easy = pairs.outside(places, anywhere)
        total = loss(places, places, 1.0) + loss(places[easy], anywhere[easy], 0.0)
        total = total + arguments.hard_weight * loss(places.repeat_interleave(_HARD), near, 0.0)
        optimizer.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    scope = EmbeddingScope(
        encoder=encoder,
        projection=projection.detach().numpy().astype(np.float32),
        similarity=similarity,
        scale=float(scale.detach().exp()),
        bias=float(bias.detach()),
    )
    about = {
        "examples": len(pairs),
        "seconds": round(time.monotonic() - started),
        "options": _options(arguments),
        "held_out": list(_results(scope, examples, arguments.seed)),
    }
    scope.save(output, about)
    (output / "README.md").write_text(card(about), "utf-8")
    print(json.dumps(about, indent=1))


# The cross form


def train_cross(examples: Sequence[Example], output: Path, arguments: argparse.Namespace) -> None:
    """A low-rank adapter and a head for the encoder, which reads question and edit together."""
    pairs = Pairs(examples, arguments.skip, arguments.pool, arguments.seed)
    tokenizer, encoder = base_model()
    adapter = LoraConfig(r=_RANK, lora_alpha=2 * _RANK, target_modules=["query", "key", "value", "dense"])
    network = PairNetwork(get_peft_model(encoder, adapter), encoder.config.hidden_size)
    network.eval()  # dropout would double the time of a step
    weights = [one for one in network.parameters() if one.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=3e-4, weight_decay=0.01)
    seen = 0
    for progress in _progress(arguments.minutes):
        for group in optimizer.param_groups:
            group["lr"] = 3e-4 * (1 - progress)
        places = pairs.draw(16)
        places, questions, labels = _labelled(pairs, places)
        read = [_read_together(pairs, place, asked) for place, asked in zip(places, questions, strict=True)]
        cosines = (pairs.edits[places] * pairs.questions[questions]).sum(1)
        logits = network(tokens(tokenizer, read), cosines)
        loss = functional.binary_cross_entropy_with_logits(logits, labels)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        seen += len(read)
    _save_cross(network, output, {"pairs": seen, "options": _options(arguments)})
    held_out = [one for one in examples if one.part == TEST and one.covered]
    few = random.Random(arguments.seed).sample(held_out, min(_PAIRED, len(held_out)))
    result = _result(CrossScope(output), few, few)
    _save_cross(network, output, {"pairs": seen, "options": _options(arguments), "held_out": [result]})
    print(json.dumps(result, indent=1))


def _labelled(pairs: Pairs, places: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Edits, questions and labels: of each edit one question inside, two hard ones and one of all outside."""
    near, anywhere = pairs.hard(places, 2), pairs.draw(len(places))
    easy = pairs.outside(places, anywhere)
    edits = torch.cat([places, places.repeat_interleave(2), places[easy]])
    questions = torch.cat([places, near.flatten(), anywhere[easy]])
    return edits, questions, torch.cat([torch.ones(len(places)), torch.zeros(len(edits) - len(places))])


def _read_together(pairs: Pairs, place: torch.Tensor, asked: torch.Tensor) -> Pair:
    edit = pairs.examples[int(place)].fact
    return as_pair(pairs.examples[int(asked)].covered[0], edit.prompt, edit.target)


def _save_cross(network: PairNetwork, output: Path, about: dict[str, object]) -> None:
    """Adapter and head in the form that `PairModel` reads."""
    named = {name: weight for name, weight in network.named_parameters() if weight.requires_grad}
    weights = {
        name.removeprefix("encoder.base_model.model.").replace(".default.weight", ""): weight.detach()
        .half()
        .contiguous()
        for name, weight in named.items()
    }
    output.mkdir(parents=True, exist_ok=True)
    save_file(weights, output / WEIGHTS)
    base = {"form": "cross", "base": "all-MiniLM-L6-v2", "base_sha256": MINILM_SHA256, "width": 384, "scale": 2.0}
    (output / CONFIG).write_text(json.dumps({**base, **about}, indent=1) + "\n", "utf-8")


# What all need


def _progress(minutes: float) -> Iterator[float]:
    """The share of the time that is over, until it is."""
    started = time.monotonic()
    while (over := (time.monotonic() - started) / (60 * minutes)) < 1:
        yield over


_CARD = """---
license: apache-2.0
base_model: sentence-transformers/all-MiniLM-L6-v2
---

# kedit-serac

The scope classifier of the editor `serac` (Mitchell et al., ICML 2022), embedding form: a projection over the untouched
all-MiniLM-L6-v2, which comes from its own package. Similarity `{similarity}`; {examples:,} edits of the shipped
world in {seconds} seconds, {steps} steps, seed {seed}, hard negatives from {pool} neighbours after the {skip} nearest
(`scripts/train_serac.py`). English; one subject, one relation.

On relations that training never saw, at the threshold 0.5 (`answered`: the right edit covers a rephrased question;
`false fire`: another edit than its own covers a question):

| edits stored | answered | n | false fire | n |
| --- | --- | --- | --- | --- |
{rows}
"""


def card(about: Mapping[str, Any]) -> str:
    """The model card, its figures from what training told."""
    rows = [
        f"| {row['edits']} | {row['answered']:.3f} | {row['n_inside']} | {row['false_fire']:.3f} | {row['n_outside']} |"
        for row in about["held_out"]
    ]
    return _CARD.format(**{**about["options"], **about}, rows="\n".join(rows))


def _options(arguments: argparse.Namespace) -> dict[str, object]:
    """What the model was made by, without paths, which differ between machines."""
    return {name: value for name, value in vars(arguments).items() if name not in {"output", "data", "threads"}} | {
        "zsre": arguments.data is not None
    }


# How well a classifier does


def _results(scope: ScopeClassifier, examples: Sequence[Example], seed: int) -> Iterator[dict[str, object]]:
    """On held-out relations, with a few edits stored and with all of them."""
    held_out = [one for one in examples if one.part == TEST and one.covered]
    rng = random.Random(seed)
    few = rng.sample(held_out, min(_FEW, len(held_out)))
    for stored in (few, held_out):
        yield _result(scope, stored, held_out)


def _result(scope: ScopeClassifier, stored: Sequence[Example], asked: Sequence[Example]) -> dict[str, object]:
    facts = [one.fact for one in stored]
    found = scope.probabilities([one.covered[0] for one in asked], facts, scope.encode_edits(facts))
    slots = {slot: place for place, slot in enumerate(dict.fromkeys(one.slot for one in asked))}
    theirs = np.array([slots[one.slot] for one in stored])
    own = np.array([slots[one.slot] for one in asked])[:, None] == theirs
    inside = own.any(1)
    right = np.take_along_axis(own, found.argmax(1)[:, None], 1)[:, 0] & (found.max(1) >= 0.5)
    false = np.where(own, -1.0, found).max(1) >= 0.5
    return {
        "edits": len(stored),
        "answered": round(float(right[inside].mean()), 4),
        "n_inside": int(inside.sum()),
        "false_fire": round(float(false.mean()), 4),
        "n_outside": len(asked),
    }


if __name__ == "__main__":
    main()
