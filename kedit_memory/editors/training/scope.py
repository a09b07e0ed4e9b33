"""Training of SERAC's scope classifier (Mitchell et al., ICML 2022), in either form, by equation 3.

Binary cross-entropy of questions inside and outside of an edit's scope. Outside are the questions that a row says it
must not touch, those of other rows that are nearest to the edit, and any other. The paper leaves out the nearest,
which in a set of unknown labels are most often rephrasings; here rows say what an edit covers.
"""

import json
import random
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch.nn import functional

from kedit_memory.editors._adapters import peft
from kedit_memory.editors._pair_network import CONFIG, WEIGHTS, Pair, PairNetwork, as_pair, tokens
from kedit_memory.editors._scope_classifier import CrossScope, EmbeddingScope, ScopeClassifier
from kedit_memory.editors.training import clock
from kedit_memory.editors.training.clock import Settings
from kedit_memory.editors.training.rows import Row
from kedit_memory.models.encoder import MINILM_SHA256, load_encoder
from kedit_memory.models.reader import base_model

_STEPS = 400  # of the embedding form: a minute
_EDITS = 256  # of one of them
_HARD = 4  # near questions outside, of each edit of a step
_NEAR = 100  # that they are drawn from
_OWN = 0.5  # of them from the edit's own row, where it names some
_WIDTH = 384  # of the encoder's states
_RANK = 8  # of the cross form's adapter
_CROSS_HARD = 2


def train_scope(rows: tuple[Sequence[Row], Sequence[Row]], output: Path, settings: Settings) -> dict[str, Any]:
    """Train on the first rows, measure on the second; what is written is what the editor's option `scope` takes.

    The embedding form takes a minute whatever the settings say, and is trained anew where another training went on.

    Raises:
        MissingDependencyError: the encoder's package is not installed, or, for the cross form, peft.
    """
    trained, held = rows
    train = {"embedding": _train_embedding, "cross": _train_cross}[settings.form]
    return train(Pairs(trained, settings.seed), held, output, settings)


class Pairs:
    """Rows as arrays: their edits, the questions that they cover, and those that they must not.

    Attributes:
        rows: The rows.
        texts: All questions; covered ones first.
        edits: Encodings of prompts, of shape (rows, dim).
        questions: Encodings of the questions, of shape (questions, dim).
    """

    def __init__(self, rows: Sequence[Row], seed: int) -> None:
        self.rows, self.rng = rows, random.Random(seed)  # noqa: S311 - a sample, no secret
        covered = [(place, text) for place, row in enumerate(rows) for text in row.fact.paraphrases]
        foreign = [(place, text) for place, row in enumerate(rows) for text in row.unrelated]
        self.texts = [text for _, text in (*covered, *foreign)]
        self._covered, self._foreign = (_by_row(part, len(rows)) for part in (covered, foreign))
        self._foreign = [[len(covered) + place for place in part] for part in self._foreign]
        self._owners = torch.tensor([place for place, _ in covered])
        names = {slot: place for place, slot in enumerate(dict.fromkeys(row.slot for row in rows))}
        self._slots = torch.tensor([names[row.slot] for row in rows])
        encoder = load_encoder("minilm", device="cpu")
        self.edits = torch.from_numpy(encoder.encode([row.fact.prompt for row in rows]))
        self.questions = torch.from_numpy(encoder.encode(self.texts))
        self._near = self._nearest()

    def draw(self, count: int) -> torch.Tensor:
        """Places of random rows, of shape (count,)."""
        return torch.tensor(self.rng.choices(range(len(self.rows)), k=count))

    def inside(self, places: torch.Tensor) -> torch.Tensor:
        """A question that each edit covers."""
        return torch.tensor([self.rng.choice(self._covered[place]) for place in places.tolist()])

    def near(self, places: torch.Tensor, count: int) -> torch.Tensor:
        """For each edit `count` questions that are near and outside, of shape (places, count)."""
        return torch.tensor([[self._near_one(place) for _ in range(count)] for place in places.tolist()])

    def anywhere(self, places: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Edits, and with each a covered question of another matter; rows that none was found for are left out."""
        questions = torch.tensor(self.rng.choices(range(len(self._owners)), k=len(places)))
        outside = self._slots[places] != self._slots[self._owners[questions]]
        return places[outside], questions[outside]

    def _near_one(self, place: int) -> int:
        own = self._foreign[place]
        return self.rng.choice(own if own and self.rng.random() < _OWN else self._near[place])

    def _nearest(self) -> list[list[int]]:
        covered = self.questions[: len(self._owners)]
        found = []
        for place, edit in enumerate(self.edits):
            likeness = (covered @ edit).masked_fill(self._slots[self._owners] == self._slots[place], -2.0)
            best = likeness.topk(min(_NEAR, len(covered)))
            found.append(best.indices[best.values > -2.0].tolist())
        return found


def _by_row(part: Sequence[tuple[int, str]], count: int) -> list[list[int]]:
    """The places of the questions of each row."""
    found: list[list[int]] = [[] for _ in range(count)]
    for place, (row, _) in enumerate(part):
        found[row].append(place)
    return found


def _train_embedding(pairs: Pairs, held: Sequence[Row], output: Path, settings: Settings) -> dict[str, Any]:
    """A projection over the frozen encoder, the same for edits and questions; g = exp(-s d²)."""
    started = time.monotonic()
    encoder = load_encoder("minilm", device="cpu")
    projection = torch.eye(encoder.dimension).requires_grad_()
    scale = torch.zeros((), requires_grad=True)  # its logarithm
    optimizer = torch.optim.Adam([projection, scale])

    def loss(edits: torch.Tensor, questions: torch.Tensor, *, covered: bool) -> torch.Tensor:
        left, right = pairs.edits[edits] @ projection.T, pairs.questions[questions] @ projection.T
        log = -scale.exp() * (left - right).square().sum(-1).clamp(min=1e-6)  # of exp(-s d²)
        return -(log if covered else (-log.expm1()).log()).mean()

    for step in range(_STEPS):
        settings.tell(step, _STEPS)
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 * (1 - step / _STEPS)
        places = pairs.draw(_EDITS)
        total = loss(places, pairs.inside(places), covered=True) + loss(*pairs.anywhere(places), covered=False)
        near = pairs.near(places, _HARD).flatten()
        total = total + loss(places.repeat_interleave(_HARD), near, covered=False)
        optimizer.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    scope = EmbeddingScope(
        encoder=encoder,
        projection=projection.detach().numpy().astype(np.float32),
        similarity="distance",
        scale=float(scale.detach().exp()),
    )
    record: dict[str, Any] = {"steps": _STEPS, "seed": settings.seed, "seconds": round(time.monotonic() - started)}
    record["held_out"] = measured(scope, held)
    scope.save(output, {"training": record})
    return record


def _train_cross(pairs: Pairs, held: Sequence[Row], output: Path, settings: Settings) -> dict[str, Any]:
    """A low-rank adapter and a head for the encoder, which reads question and edit together."""
    config_class, _ = peft()
    from peft import inject_adapter_in_model

    tokenizer, encoder = base_model()
    adapter = config_class(r=_RANK, lora_alpha=2 * _RANK, target_modules=["query", "key", "value", "dense"])
    with torch.random.fork_rng():  # peft and the head draw from the global state
        torch.default_generator.manual_seed(settings.seed)
        network = PairNetwork(inject_adapter_in_model(adapter, encoder), _WIDTH)
    network.eval()  # dropout would double the time of a step
    weights = [one for one in network.parameters() if one.requires_grad]

    def step() -> Mapping[str, float]:
        edits, questions, labels = _labelled(pairs, pairs.draw(settings.batch))
        read = [_read_together(pairs, edit, asked) for edit, asked in zip(edits, questions, strict=True)]
        cosines = (pairs.edits[edits] * pairs.questions[questions]).sum(1)
        logits = network(tokens(tokenizer, read), cosines)
        loss = functional.binary_cross_entropy_with_logits(logits, labels)
        loss.backward()  # type: ignore[no-untyped-call]
        return {"loss": float(loss.detach())}

    def save(record: Mapping[str, Any]) -> None:
        _save_cross(network, output, record)

    record = clock.run([{"params": weights, "rate": 3e-4}], step, save, settings, output)
    record["held_out"] = measured(CrossScope(output), held)
    save(record)
    return record


def _labelled(pairs: Pairs, places: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Edits, questions and labels: of each edit one question inside, two near ones and one of all outside."""
    near = pairs.near(places, _CROSS_HARD).flatten()
    others, anywhere = pairs.anywhere(places)
    edits = torch.cat([places, places.repeat_interleave(_CROSS_HARD), others])
    questions = torch.cat([pairs.inside(places), near, anywhere])
    return edits, questions, torch.cat([torch.ones(len(places)), torch.zeros(len(edits) - len(places))])


def _read_together(pairs: Pairs, place: torch.Tensor, asked: torch.Tensor) -> Pair:
    fact = pairs.rows[int(place)].fact
    return as_pair(pairs.texts[int(asked)], fact.prompt, fact.target)


def _save_cross(network: PairNetwork, output: Path, record: Mapping[str, Any]) -> None:
    """Adapter and head in the form that `PairModel` reads."""
    weights = {
        name.removeprefix("encoder.").replace(".default.weight", ""): weight.detach().half().contiguous()
        for name, weight in network.named_parameters()
        if weight.requires_grad
    }
    output.mkdir(parents=True, exist_ok=True)
    save_file(weights, output / WEIGHTS)
    base = {"form": "cross", "base": "all-MiniLM-L6-v2", "base_sha256": MINILM_SHA256, "width": _WIDTH, "scale": 2.0}
    (output / CONFIG).write_text(json.dumps({**base, "training": dict(record)}, indent=1) + "\n", "utf-8")


def measured(scope: ScopeClassifier, rows: Sequence[Row]) -> dict[str, Any]:
    """With the edits of these rows stored, at the threshold .5, over one rephrased question of each.

    `answered`: the right edit covers it; `false_fire`: another one does.
    """
    edits = [row.fact for row in rows]
    found = scope.probabilities([row.fact.paraphrases[0] for row in rows], edits, scope.encode_edits(edits))
    own = np.array([[asked.slot == edit.slot for edit in rows] for asked in rows])
    right = np.take_along_axis(own, found.argmax(1)[:, None], 1)[:, 0] & (found.max(1) >= 0.5)
    false = np.where(own, -1.0, found).max(1) >= 0.5
    shares = {"answered": right, "false_fire": false}
    return {"edits": len(rows), **{name: round(float(share.mean()), 3) for name, share in shares.items()}}
