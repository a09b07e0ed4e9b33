"""Train the network of an editor that predicts updates: `data/models/kedit-mend` or `data/models/kedit-ke`.

    python scripts/train_hypernetworks.py --method mend
    python scripts/train_hypernetworks.py --method ke --model gpt2 --output my-network

Edits give facts of the shipped world another object of the same relation. Relations that any report uses, and one
subject in five, are left out (`held_out`); `scripts/evaluate_hypernetworks.py` measures on these. What the network has
learned is saved every few minutes.
"""

import argparse
import hashlib
import json
import math
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch.nn import functional

from kedit_memory.editors._hyper_gradients import Changes, Gradients, changed, gradients_of
from kedit_memory.editors._hyper_network import CONFIG, HyperNetwork
from kedit_memory.editors._teaching import Lesson, lesson
from kedit_memory.editors.base import Fact as Wanted
from kedit_memory.editors.ke import KnowledgeEditorNetwork, condition
from kedit_memory.editors.mend import MendNetwork
from kedit_memory.evaluation.tasks.scope.cases import TRAINING
from kedit_memory.evaluation.tasks.scope.sets import part_of
from kedit_memory.models.batches import pad
from kedit_memory.models.language import WhiteBoxModel, white_box
from kedit_memory.models.named import load_model
from kedit_memory.models.prompts import Prompt
from kedit_memory.shipped import hypernetwork
from kedit_memory.world import UNSEEN_TIER, Fact, World, load_world

MEASURED = 32  # batches of edits from which MEND takes means and deviations
_MOST_TARGETS = 2  # a relation with no more objects gives the other one away


def main() -> None:
    """Train, and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--method", choices=sorted(METHODS), required=True)
    parser.add_argument("--model", default="kedit-mini", help="a decoder, by name or folder")
    parser.add_argument("--output", type=Path, help="default: the shipped folder of the method")
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--save-every", type=float, default=2.5, help="minutes")
    parser.add_argument("--layers", type=int, default=3, help="the last so many are edited")
    parser.add_argument("--batch", type=int, default=8, help="edits a step")
    parser.add_argument("--pool", type=int, default=1500, help="questions that edits and probes are drawn from")
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--edit-weight", type=float, default=0.5, help="mend: the weight of the edits in the loss")
    parser.add_argument("--margin", type=float, default=0.05, help="ke: the divergence allowed at first, in nats")
    parser.add_argument("--least-margin", type=float, default=0.01, help="ke: the divergence allowed in the end")
    parser.add_argument("--resume", action="store_true", help="go on from the network in the output folder")
    parser.add_argument("--seed", type=int, default=31)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    arguments.output = arguments.output or hypernetwork(arguments.method)
    model = white_box(load_model(arguments.model, device=arguments.device), arguments.method)
    for weight in model.model.parameters():
        weight.requires_grad_(requires_grad=False)
    source = Source(load_world(), model, arguments.pool, random.Random(arguments.seed))
    kind = METHODS[arguments.method].kind
    network = kind.load(model, arguments.output) if arguments.resume else kind.start(model, layers=arguments.layers)
    method = METHODS[arguments.method](model, network.to(model.device), arguments)
    if arguments.resume:
        arguments.resume = json.loads((arguments.output / CONFIG).read_text("utf-8"))
    else:
        method.prepare(source)
    train(method, source, arguments)


class Question(NamedTuple):
    """A question about a fact, and what the unedited model answers."""

    fact: Fact
    text: str
    answer: str


@dataclass(frozen=True, kw_only=True)
class Example:
    """An edit and what it is judged by: one question that it should answer, and one that it should leave."""

    wanted: Wanted
    before: str
    taught: Lesson  # from which the gradient is taken
    covered: Lesson  # half of the time the same, else another wording
    kept: Lesson


def held_out(fact: Fact) -> bool:
    """Whether training leaves the fact out: by its relation, or by its subject."""
    return part_of(fact.relation) != TRAINING or hashlib.sha256(fact.subject.encode()).digest()[0] % 5 == 0


class Source:
    """Draws examples from questions about facts of the world that are not held out."""

    def __init__(self, world: World, model: WhiteBoxModel, size: int, rng: random.Random) -> None:
        self.world, self.model, self.rng = world, model, rng
        facts = [f for f in world.facts if f.tier < UNSEEN_TIER and not held_out(f)]
        facts = [f for f in facts if len(world.objects[f.relation]) > _MOST_TARGETS]
        asked = [(fact, self.wording(fact)) for fact in rng.choices(facts, k=size)]
        answers = model.answer_many([Prompt(question=text) for _, text in asked])
        # An answer that was cut has no end that could be kept.
        self.pool = [Question(*pair, answer) for pair, answer in zip(asked, answers, strict=True) if answer.strip()]
        self.by_relation: dict[str, list[Question]] = {}
        self.by_subject: dict[str, list[Question]] = {}
        for question in self.pool:
            self.by_relation.setdefault(question.fact.relation, []).append(question)
            self.by_subject.setdefault(question.fact.subject, []).append(question)

    def wording(self, fact: Fact) -> str:
        """One of the relation's questions and clozes about the subject."""
        relation = self.world.relations[fact.relation]
        return self.world.fill(self.rng.choice(relation.questions + relation.clozes), fact.subject)

    def examples(self, count: int) -> list[Example]:
        """So many edits of facts, each with its rows."""
        return [self._example(self.rng.choice(self.pool)) for _ in range(count)]

    def _example(self, asked: Question) -> Example:
        fact = asked.fact
        objects = [one for one in self.world.objects[fact.relation] if one not in {fact.object, asked.answer}]
        wanted = Wanted(prompt=asked.text, target=self.rng.choice(objects), subject=fact.subject)
        covered = self.rng.choice([wanted.prompt, self.wording(fact)])
        other = self._other(fact)
        return Example(
            wanted=wanted,
            before=asked.answer,
            taught=lesson(self.model, wanted.asked, wanted.target),
            covered=lesson(self.model, Prompt(question=covered), wanted.target),
            kept=lesson(self.model, Prompt(question=other.text), other.answer),
        )

    def _other(self, fact: Fact) -> Question:
        """A question that the edit should leave: same relation (half of them), same subject, or any."""
        relation = self.by_relation[fact.relation]
        groups = (relation, relation, self.by_subject[fact.subject], self.pool)
        for group in self.rng.sample(groups, len(groups)):
            found = self.rng.choice(group)
            if (found.fact.subject, found.fact.relation) != (fact.subject, fact.relation):
                return found
        return self._other(fact)


class Method(ABC):
    """How a network predicts in training, and what it is trained to minimise."""

    kind: type[HyperNetwork]

    def __init__(self, model: WhiteBoxModel, network: Any, arguments: argparse.Namespace) -> None:
        self.model, self.network, self.arguments = model, network, arguments

    @abstractmethod
    def predict(self, gradients: Gradients, examples: Sequence[Example]) -> Changes:
        """What the network adds for each edit."""

    @abstractmethod
    def objective(self, edit: torch.Tensor, divergence: torch.Tensor, success: float) -> torch.Tensor:
        """One number from the loss of the edits and the divergence elsewhere (both in nats); called once a step."""

    def prepare(self, source: Source) -> None:  # noqa: B027 - most need nothing
        """What is measured before training."""

    def groups(self) -> list[dict[str, Any]]:
        """The weights, each group with the factor of its learning rate."""
        return [{"params": list(self.network.parameters()), "factor": 1.0}]


class Mend(Method):
    """c L_edit + L_loc (Mitchell et al. 2022, section 3)."""

    kind = MendNetwork
    _RATES = 10.0  # edit rates are few, and move faster than what is shared by all tokens

    def groups(self) -> list[dict[str, Any]]:
        """Edit rates apart."""
        rates = self.network.log_rates
        others = [weight for weight in self.network.parameters() if weight is not rates]
        return [{"params": others, "factor": 1.0}, {"params": [rates], "factor": self._RATES}]

    def prepare(self, source: Source) -> None:
        """Means and deviations of the gradients."""
        size = self.arguments.batch
        taught = [[one.taught for one in source.examples(size)] for _ in range(MEASURED)]
        self.network.measure([gradients_of(self.model, self.network.sites, batch) for batch in taught])

    def predict(self, gradients: Gradients, examples: Sequence[Example]) -> Changes:  # noqa: ARG002 - of gradients alone
        """The network's output."""
        changes: Changes = self.network(gradients)
        return changes

    def objective(self, edit: torch.Tensor, divergence: torch.Tensor, success: float) -> torch.Tensor:  # noqa: ARG002
        """The weighted sum."""
        return self.arguments.edit_weight * edit + divergence


class KnowledgeEditor(Method):
    """The least L_edit with a divergence of at most a margin (De Cao et al. 2021, section 3), by a multiplier.

    The multiplier rises by gradient ascent while the constraint is broken; the margin shrinks by a fifth whenever
    nine edits of ten succeed, as in the paper.
    """

    kind = KnowledgeEditorNetwork
    _CHECK = 100  # steps between looks at the margin
    _ASCENT = 0.1

    def __init__(self, model: WhiteBoxModel, network: Any, arguments: argparse.Namespace) -> None:
        super().__init__(model, network, arguments)
        self.multiplier, self.margin, self.step, self.successes = 1.0, arguments.margin, 0, 0.0

    def predict(self, gradients: Gradients, examples: Sequence[Example]) -> Changes:
        """The network's output for gradients and conditions."""
        conditions = [condition(self.model, one.wanted, one.before) for one in examples]
        changes: Changes = self.network(gradients, conditions)
        return changes

    def objective(self, edit: torch.Tensor, divergence: torch.Tensor, success: float) -> torch.Tensor:
        """The Lagrangian."""
        loss = edit + self.multiplier * (divergence - self.margin)
        excess = float(divergence.detach()) / self.margin - 1
        self.multiplier = max(0.0, self.multiplier + self._ASCENT * max(-1.0, min(1.0, excess)))
        self.step, self.successes = self.step + 1, self.successes + success
        if self.step % self._CHECK == 0:
            if self.successes > 0.9 * self._CHECK:
                self.margin = max(self.arguments.least_margin, 0.8 * self.margin)
            print(f"multiplier {self.multiplier:.2f} margin {self.margin:.4f}", flush=True)
            self.successes = 0.0
        return loss


METHODS: dict[str, type[Method]] = {"mend": Mend, "ke": KnowledgeEditor}


def train(method: Method, source: Source, arguments: argparse.Namespace) -> None:
    """Run to the end of the time; the network is saved every few minutes and at the end."""
    network, started = method.network, time.monotonic()
    optimizer = torch.optim.Adam(method.groups(), lr=arguments.learning_rate, betas=(0.9, 0.99))
    running: dict[str, float] = {}
    saved, step = started, 0
    for step, progress in _steps(started, arguments.minutes):
        for group in optimizer.param_groups:
            group["lr"] = arguments.learning_rate * group["factor"] * _schedule(step, progress)
        figures = _step(method, source.examples(arguments.batch))
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        running = {name: value + 0.98 * (running.get(name, value) - value) for name, value in figures.items()}
        if step % 50 == 0:
            told = " ".join(f"{name} {value:.3f}" for name, value in running.items())
            print(f"step {step} {time.monotonic() - started:.0f} s {told}", flush=True)
        if time.monotonic() - saved > 60 * arguments.save_every:
            network.save(arguments.output, _record(arguments, step, started, running))
            saved = time.monotonic()
    network.save(arguments.output, _record(arguments, step + 1, started, running))


def _step(method: Method, examples: Sequence[Example]) -> dict[str, float]:
    """Leave the gradients of one batch; what it showed."""
    model = method.model
    gradients = gradients_of(model, method.network.sites, [one.taught for one in examples])
    with torch.no_grad():
        before, _ = _scores(model, [one.kept for one in examples])
    with changed(model, method.predict(gradients, examples)):
        scores, labels = _scores(model, [row for one in examples for row in (one.covered, one.kept)])
    loss, given = _edit_loss(scores[::2], labels[::2])
    divergence = _divergence(before, scores[1::2], labels[1::2])
    success = given.float().mean().item()
    method.objective(loss, divergence, success).backward()
    return {"loss": loss.item(), "divergence": divergence.item(), "success": success}


def _scores(model: WhiteBoxModel, rows: Sequence[Lesson]) -> tuple[torch.Tensor, torch.Tensor]:
    """Scores and the ids that they should give, -100 where none is wanted; padded on the right."""
    ids, mask = pad([(*row.given, *row.wanted) for row in rows], int(model.tokenizer.pad_token_id), device=model.device)
    labels, _ = pad([(*[-100] * len(row.given), *row.wanted) for row in rows], -100, device=model.device)
    return model.model(input_ids=ids, attention_mask=mask).logits[:, :-1].float(), labels[:, 1:]


def _edit_loss(scores: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean loss of the rows, each the mean of its tokens; and which rows greedy decoding gives."""
    asked = labels != -100
    flat = functional.cross_entropy(scores.transpose(1, 2), labels, ignore_index=-100, reduction="none")
    said = ((scores.argmax(-1) == labels) | ~asked).all(1)
    return (flat.sum(1) / asked.sum(1)).mean(), said


def _divergence(before: torch.Tensor, after: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """KL(before, after) in nats, the mean over the tokens of the model's own answers."""
    width = min(before.shape[1], after.shape[1])  # batches are padded to their own longest rows
    asked = labels[:, :width] != -100
    was, now = (scores[:, :width][asked].log_softmax(-1) for scores in (before, after))
    return functional.kl_div(now, was, log_target=True, reduction="batchmean")


def _steps(started: float, minutes: float) -> Iterator[tuple[int, float]]:
    step = 0
    while (progress := (time.monotonic() - started) / (60 * minutes)) < 1:
        yield step, progress
        step += 1


def _schedule(step: int, progress: float) -> float:
    return min(1.0, (step + 1) / 50) * (0.5 * (1 + math.cos(math.pi * progress)) + 0.01)


def _record(arguments: argparse.Namespace, step: int, started: float, running: dict[str, float]) -> dict[str, Any]:
    told = {name: value for name, value in vars(arguments).items() if name not in {"output", "device", "save_every"}}
    # What a network that is trained on was trained with before.
    told["resume"] = arguments.resume and arguments.resume["training"]
    figures = {name: round(value, 4) for name, value in running.items()}
    return {**told, "steps": step, "seconds": round(time.monotonic() - started), **figures}


if __name__ == "__main__":
    main()
