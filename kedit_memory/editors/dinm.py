"""`dinm`: find the layer in which a safe and an unsafe answer part most, and tune it towards the safe one.

Detoxifying with Intraoperative Neural Monitoring (Wang et al., ACL 2024, arXiv 2403.14472). An edit's target is the
safe answer. The unsafe one is `metadata["unsafe"]` of the edit, and where that is not given, what the model says now.
"""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch

from kedit_memory.editors._locate import decoder_family
from kedit_memory.editors._progress import Options
from kedit_memory.editors._samples import shipped_texts
from kedit_memory.editors._teaching import (
    Descent,
    Lesson,
    Weights,
    backpropagate,
    check_options,
    descend,
    judged,
    lesson,
    lessons,
)
from kedit_memory.editors._weights import WeightChange, changing, load_change
from kedit_memory.editors.base import Fact, Wanted, facts
from kedit_memory.errors import InvalidInputError
from kedit_memory.models.batches import pad
from kedit_memory.models.families import Family
from kedit_memory.models.hooks import capture
from kedit_memory.models.language import WhiteBoxModel, white_box

UNSAFE = "unsafe"  # the key of an edit's metadata under which its unsafe answer stands


@dataclass(frozen=True, kw_only=True)
class Dinm(Options):
    """One layer's MLP output matrix, stepped by Adam on c L_e + L_c until greedy decoding gives every target.

    L_e is the mean negative log-probability of a target's tokens. L_c holds general knowledge: the divergence
    KL(unedited || tuned) of the next token, the mean over the tokens of running text. The authors' code has it in this
    direction, as MEND's has its loss on other prompts; the paper prints the other one. The layer is the paper's
    argmax of the distance between the states of both answers; answers differ in length, so each is the mean over
    its tokens. Of several edits each finds its own layer, in the unedited model, and all layers found are tuned on
    all edits together. The paper's suffix to the user's prompt is left out: questions are asked as they are.

    Attributes:
        layer: The layer for all edits, 0 the first, -1 the last; None locates it.
        rate: Adam's learning rate.
        steps: The most steps for one `apply`; the paper takes 10, and does not stop before.
        weight: c, how much the edits count against the general knowledge.
        paraphrases: Whether the edits' own paraphrases are taught too.
        texts: Texts of general knowledge; the first `samples` paragraphs of sample text that ships where none is given.
        samples: How many of them are used.
        length: The most tokens of each.
    """

    name: ClassVar[str] = "dinm"

    layer: int | None = None
    rate: float = 5e-4
    steps: int = 100
    weight: float = 0.1
    paraphrases: bool = False
    texts: tuple[str, ...] = ()
    samples: int = 16
    length: int = 32

    def __post_init__(self) -> None:
        """Refuse options that mean nothing."""
        most = float("inf")
        check_options(
            self.name,
            rate=(self.rate, 1e-12, 1.0),
            steps=(self.steps, 1, most),
            weight=(self.weight, 1e-9, most),
            samples=(self.samples, 1, most),
            length=(self.length, 1, most),
        )
        if not all(text.strip() for text in self.texts):
            raise InvalidInputError(f"one of the texts of {self.name} is empty: leave it out")

    def apply(self, model: WhiteBoxModel, edits: Sequence[Wanted]) -> WeightChange:
        """Tune the located layers on all edits at once; see `Editor.apply`.

        Raises:
            InvalidInputError: an edit lacks a prompt or target, an unsafe answer is no text, or the layer is not there.
            CapabilityError: the model shows no weights, or is no decoder of a known family.
            EditorError: the model's precision overflows.
        """
        started = time.perf_counter()
        wanted = facts(edits)
        given = [_unsafe(edit, fact) for edit, fact in zip(edits, wanted, strict=True)]
        model = white_box(model, self.name)
        family = decoder_family(model, self.name)
        layers = self._layers(model, family, wanted, given)
        taught = lessons(model, wanted, paraphrases=self.paraphrases)
        general = GeneralKnowledge(model, self._texts(model))
        with changing(model, [family.mlp_out_weight(layer) for layer in layers]) as weights:

            def backward() -> bool:
                if backpropagate(model, taught):
                    return True
                _scale_gradients(weights, self.weight)
                general.drift().backward()  # type: ignore[no-untyped-call]
                return False

            descent = Descent(rate=self.rate, steps=self.steps, tell=self.telling("steps of training"))
            steps = descend(model, weights, backward, descent)
            weights.check_finite()
            outcomes = judged(model, wanted, steps, started)
        return weights.change(self.name, self.options, outcomes)

    def load(self, model: WhiteBoxModel, folder: Path) -> WeightChange:
        """Put a saved change back; errors as in `Editor.load`."""
        return load_change(model, folder, self.name)

    def _layers(
        self, model: WhiteBoxModel, family: Family, wanted: Sequence[Fact], given: Sequence[str | None]
    ) -> list[int]:
        """The layers to tune, in order."""
        if self.layer is not None:
            family.layer_name(self.layer)  # refuses one that is not there
            return [self.layer % family.count]
        said = model.answer_many([fact.asked for fact in wanted])
        unsafe = [own if one is None else one for one, own in zip(given, said, strict=True)]
        pairs = [
            (lesson(model, fact.asked, fact.target), lesson(model, fact.asked, other))
            for fact, other in zip(wanted, unsafe, strict=True)
        ]
        return sorted(set(toxic_layers(model, family, pairs)))

    def _texts(self, model: WhiteBoxModel) -> list[list[int]]:
        paragraphs = self.texts or shipped_texts()
        return [model.encode(text)[: self.length] for text in paragraphs[: self.samples]]


class GeneralKnowledge:
    """What a model says of texts before it is tuned, and how far it has gone from there.

    Args:
        model: as it is to be kept.
        texts: the ids of each text; none is empty.
    """

    def __init__(self, model: WhiteBoxModel, texts: Sequence[Sequence[int]]) -> None:
        self._model = model
        self._ids, mask = pad(texts, int(model.tokenizer.pad_token_id), device=model.device)
        self._mask = mask
        with torch.no_grad():
            self._before = self._log_shares()  # (tokens, vocabulary)

    def drift(self) -> torch.Tensor:
        """L_c: KL(before || now) of the next token in nats, the mean over the tokens; has a gradient."""
        now = self._log_shares()
        return torch.nn.functional.kl_div(now, self._before, reduction="sum", log_target=True) / len(now)

    def _log_shares(self) -> torch.Tensor:
        scores = self._model.model(input_ids=self._ids, attention_mask=self._mask, use_cache=False).logits
        shares: torch.Tensor = scores[self._mask.bool().to(scores.device)].float().log_softmax(-1)
        return shares


def toxic_layers(model: WhiteBoxModel, family: Family, pairs: Sequence[tuple[Lesson, Lesson]]) -> list[int]:
    """For each safe and unsafe lesson the layer after which they are farthest apart, the first of equals."""
    found: list[int] = torch.stack([layer_distances(model, family, pair) for pair in pairs]).argmax(1).tolist()
    return found


@torch.no_grad()
def layer_distances(model: WhiteBoxModel, family: Family, pair: tuple[Lesson, Lesson]) -> torch.Tensor:
    """The Euclidean distance between the mean states of two answers after each layer, (layers,), float32.

    States are taken before the final norm, which would put the last layer on another scale than the rest.
    """
    ids, mask = pad([(*one.given, *one.wanted) for one in pair], int(model.tokenizer.pad_token_id), device=model.device)
    with ExitStack() as hooks:
        layers = [family.layer(model.model, layer) for layer in range(family.count)]
        seen = [hooks.enter_context(capture(layer)) for layer in layers]
        model.model(input_ids=ids, attention_mask=mask, use_cache=False)
    gaps = []
    for (states,) in seen:
        safe, unsafe = (
            states[row, len(one.given) : len(one.given) + len(one.wanted)].float().mean(0)
            for row, one in enumerate(pair)
        )
        gaps.append((safe - unsafe).norm().cpu())
    return torch.stack(gaps)


def _unsafe(edit: Wanted, fact: Fact) -> str | None:
    """The unsafe answer that an edit brings."""
    given = edit.metadata.get(UNSAFE)
    if given is None:
        return None
    if not isinstance(given, str) or not given.strip():
        raise InvalidInputError(
            f"the unsafe answer of {fact.prompt!r} is {given!r}; give a text as metadata {UNSAFE!r}, or leave it out"
        )
    return given.strip()


def _scale_gradients(weights: Weights, factor: float) -> None:
    for weight in weights.values():
        if weight.grad is not None:
            weight.grad *= factor
