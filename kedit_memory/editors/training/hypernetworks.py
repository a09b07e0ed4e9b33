"""Training of the networks of `mend` and `ke`: edits should be said in every wording, other answers should stay."""

import json
import random
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch.nn import functional

from kedit_memory.editors._hyper_gradients import Changes, Gradients, changed, gradients_of
from kedit_memory.editors._hyper_network import CONFIG, HyperNetwork
from kedit_memory.editors._teaching import Lesson, gradients, lesson
from kedit_memory.editors.base import Fact
from kedit_memory.editors.ke import KnowledgeEditorNetwork, condition
from kedit_memory.editors.mend import MendNetwork
from kedit_memory.editors.training import clock
from kedit_memory.editors.training.clock import Settings
from kedit_memory.editors.training.rows import Row
from kedit_memory.models.batches import pad
from kedit_memory.models.language import WhiteBoxModel
from kedit_memory.models.prompts import Prompt

RATE = 1e-3
_MEASURED = 32  # batches of edits from which MEND takes means and deviations
_KEPT = 16  # tokens of an answer that should stay
_OWN_QUESTIONS = 0.5  # of the questions that an edit should leave, from its own row where it has some


@dataclass(frozen=True, kw_only=True)
class Example:
    """An edit and what it is judged by: one question that it should answer, and one that it should leave."""

    wanted: Fact
    before: str  # what the unedited model answers; only `ke` reads it
    taught: Lesson  # from which the gradient is taken
    covered: Lesson  # half of the time the same, else another wording
    kept: Lesson


class Source:
    """Draws examples from rows; what the unedited model answers is asked for when it is first needed."""

    def __init__(self, rows: Sequence[Row], model: WhiteBoxModel, seed: int, *, others: Sequence[Row] = ()) -> None:
        self.rows, self.model, self.rng = rows, model, random.Random(seed)  # noqa: S311 - a sample, no secret
        self.others = others or rows  # whose questions an edit should leave, too
        self._answers: dict[str, str] = {}

    def examples(self, count: int) -> list[Example]:
        """So many edits, each with its questions."""
        return self.of([self.rng.choice(self.rows) for _ in range(count)])

    def of(self, rows: Sequence[Row], *, reworded: bool = False) -> list[Example]:
        """These edits; `reworded` judges all by another wording."""
        kept = [self._other(row) for row in rows]
        self._ask([*kept, *(row.fact.prompt for row in rows)])
        return [self._example(row, other, reworded=reworded) for row, other in zip(rows, kept, strict=True)]

    def _example(self, row: Row, other: str, *, reworded: bool) -> Example:
        fact = row.fact
        own = not reworded and self.rng.random() < 0.5
        covered = fact.prompt if own else self.rng.choice(fact.paraphrases)
        return Example(
            wanted=fact,
            before=self._answers[fact.prompt],
            taught=lesson(self.model, fact.asked, fact.target),
            covered=lesson(self.model, Prompt(question=covered), fact.target),
            kept=lesson(self.model, Prompt(question=other), self._answers[other]),
        )

    def _other(self, row: Row) -> str:
        """A question that the edit should leave: one of its row's, or another matter's."""
        if row.unrelated and self.rng.random() < _OWN_QUESTIONS:
            return self.rng.choice(row.unrelated)
        while (other := self.rng.choice(self.others)).slot == row.slot:
            pass
        return self.rng.choice((*other.wordings, *other.unrelated))

    def _ask(self, questions: Sequence[str]) -> None:
        new = [one for one in dict.fromkeys(questions) if one not in self._answers]
        said = self.model.answer_many([Prompt(question=one) for one in new], max_new_tokens=_KEPT)
        self._answers |= dict(zip(new, said, strict=True))


class Training(ABC):
    """How a network predicts in training, and what it is trained to minimise."""

    kind: ClassVar[type[HyperNetwork]]

    def __init__(self, model: WhiteBoxModel, network: Any) -> None:
        self.model, self.network = model, network

    @abstractmethod
    def predict(self, gradients: Gradients, examples: Sequence[Example]) -> Changes:
        """What the network adds for each edit."""

    @abstractmethod
    def objective(self, edit: torch.Tensor, divergence: torch.Tensor, success: float) -> torch.Tensor:
        """One number from the loss of the edits and the divergence elsewhere (both in nats); called once a step."""

    def prepare(self, source: Source, batch: int) -> None:  # noqa: B027 - most need nothing
        """What is measured before training."""

    def groups(self) -> list[dict[str, Any]]:
        """The weights, each group with its learning rate."""
        return [{"params": list(self.network.parameters()), "rate": RATE}]


class MendTraining(Training):
    """c L_edit + L_loc (Mitchell et al. 2022, section 3)."""

    kind = MendNetwork
    edit_weight = 0.5  # c; the paper's 0.1 takes longer until edits are said
    _RATES = 10.0  # edit rates are few, and move faster than what is shared by all tokens

    def groups(self) -> list[dict[str, Any]]:
        """Edit rates apart."""
        rates = self.network.log_rates
        others = [weight for weight in self.network.parameters() if weight is not rates]
        return [{"params": others, "rate": RATE}, {"params": [rates], "rate": self._RATES * RATE}]

    def prepare(self, source: Source, batch: int) -> None:
        """Means and deviations of the gradients."""
        rows = [source.rng.choices(source.rows, k=batch) for _ in range(_MEASURED)]
        taught = [[lesson(self.model, row.fact.asked, row.fact.target) for row in part] for part in rows]
        self.network.measure([gradients_of(self.model, self.network.sites, part) for part in taught])

    def predict(self, gradients: Gradients, examples: Sequence[Example]) -> Changes:  # noqa: ARG002 - of gradients alone
        """The network's output."""
        changes: Changes = self.network(gradients)
        return changes

    def objective(self, edit: torch.Tensor, divergence: torch.Tensor, success: float) -> torch.Tensor:  # noqa: ARG002
        """The weighted sum."""
        return self.edit_weight * edit + divergence


class KnowledgeEditorTraining(Training):
    """The least L_edit with a divergence of at most a margin (De Cao et al. 2021, section 3), by a multiplier.

    The multiplier rises by gradient ascent while the constraint is broken; the margin, the divergence allowed in nats,
    shrinks by a fifth whenever nine edits of ten succeed, as in the paper.
    """

    kind = KnowledgeEditorNetwork
    least_margin = 0.01
    _CHECK = 100  # steps between looks at the margin
    _ASCENT = 0.1

    def __init__(self, model: WhiteBoxModel, network: Any) -> None:
        super().__init__(model, network)
        self.multiplier, self.margin, self.step, self.successes = 1.0, 0.05, 0, 0.0

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
                self.margin = max(self.least_margin, 0.8 * self.margin)
            self.successes = 0.0
        return loss


def train_network(
    kind: type[Training],
    model: WhiteBoxModel,
    rows: tuple[Sequence[Row], Sequence[Row]],
    output: Path,
    settings: Settings,
) -> dict[str, Any]:
    """Train on the first rows, measure on the second; what is written is what the editor's option `network` takes.

    Raises:
        CapabilityError: the model is no decoder of a known family.
        InvalidInputError: the model has fewer layers.
        EditorError: what is to be gone on from is no network of the method, damaged, or one of another model.
    """
    resume = settings.resume
    network = kind.kind.load(model, output) if resume else kind.kind.start(model, layers=settings.layers)
    earlier = json.loads((output / CONFIG).read_text("utf-8"))["training"] if resume else None
    training = kind(model, network.to(model.device).train())
    trained, held = (Source(part, model, settings.seed, others=rows[0]) for part in rows)
    if not resume:
        training.prepare(trained, settings.batch)

    def step() -> dict[str, float]:
        return _step(training, trained.examples(settings.batch))

    def save(record: Mapping[str, Any]) -> None:
        training.network.save(output, {**record, "resume": earlier})

    with gradients(model, ()):
        record = clock.run(training.groups(), step, save, settings, output)
    record["held_out"] = measured(training, held, settings.batch)
    save(record)
    return record


@torch.no_grad()
def measured(training: Training, source: Source, batch: int) -> dict[str, Any]:
    """Of each row of a source one update: edits said, said in other words, other answers kept."""
    rows = source.rows
    said, reworded, kept = 0, 0, 0
    for first in range(0, len(rows), batch):
        examples = source.of(rows[first : first + batch], reworded=True)
        found = gradients_of(training.model, training.network.sites, [one.taught for one in examples])
        asked = [row for one in examples for row in (one.taught, one.covered, one.kept)]
        before, labels = _scores(training.model, asked)
        with changed(training.model, training.predict(found, examples)):
            after, _ = _scores(training.model, asked)
        given, same = _given(after, labels), ((after.argmax(-1) == before.argmax(-1)) | (labels == -100)).all(1)
        said, reworded, kept = (
            total + int(right.sum())
            for total, right in ((said, given[::3]), (reworded, given[1::3]), (kept, same[2::3]))
        )
    shares = {"said": said, "reworded": reworded, "kept": kept}
    return {"edits": len(rows), **{name: round(count / len(rows), 3) for name, count in shares.items()}}


def _step(training: Training, examples: Sequence[Example]) -> dict[str, float]:
    """Leave the gradients of one batch; what it showed."""
    model = training.model
    found = gradients_of(model, training.network.sites, [one.taught for one in examples])
    with torch.no_grad():
        before, _ = _scores(model, [one.kept for one in examples])
    with changed(model, training.predict(found, examples)):
        scores, labels = _scores(model, [row for one in examples for row in (one.covered, one.kept)])
    loss = _edit_loss(scores[::2], labels[::2])
    divergence = _divergence(before, scores[1::2], labels[1::2])
    success = _given(scores[::2], labels[::2]).float().mean().item()
    training.objective(loss, divergence, success).backward()  # type: ignore[no-untyped-call]
    return {"loss": loss.item(), "divergence": divergence.item(), "success": success}


def _scores(model: WhiteBoxModel, rows: Sequence[Lesson]) -> tuple[torch.Tensor, torch.Tensor]:
    """Scores and the ids that they should give, -100 where none is wanted; padded on the right."""
    ids, mask = pad([(*row.given, *row.wanted) for row in rows], int(model.tokenizer.pad_token_id), device=model.device)
    labels, _ = pad([(*[-100] * len(row.given), *row.wanted) for row in rows], -100, device=model.device)
    return model.model(input_ids=ids, attention_mask=mask).logits[:, :-1].float(), labels[:, 1:]


def _given(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Which rows greedy decoding gives."""
    return ((scores.argmax(-1) == labels) | (labels == -100)).all(1)


def _edit_loss(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The mean loss of the rows, each the mean of its tokens."""
    flat = functional.cross_entropy(scores.transpose(1, 2), labels, ignore_index=-100, reduction="none")
    return (flat.sum(1) / (labels != -100).sum(1)).mean()


def _divergence(before: torch.Tensor, after: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """KL(before, after) in nats, the mean over the tokens of the model's own answers."""
    width = min(before.shape[1], after.shape[1])  # batches are padded to their own longest rows
    asked = labels[:, :width] != -100
    was, now = (scores[:, :width][asked].log_softmax(-1) for scores in (before, after))
    return functional.kl_div(now, was, log_target=True, reduction="batchmean")
