"""The network of SERAC's cross form: reads a question together with an edit and says whether the edit answers it.

The untouched all-MiniLM-L6-v2 gives the cosine of the two; the same encoder with a low-rank adapter (Hu et al. 2022)
reads them together and corrects it. Only adapter and head are saved; the encoder's own weights come from its package.
"""

import copy
import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from kedit_memory.errors import ModelError
from kedit_memory.models.faults import one_line
from kedit_memory.models.reader import base_model, trained
from kedit_memory.models.sources import PAIR_WEIGHTS, pair_fingerprint

CONFIG = "config.json"
WEIGHTS = PAIR_WEIGHTS
LENGTH = 96  # tokens of question and edit together; a longer question keeps its end, where it asks
_CONTROL = re.compile(r"\[(MASK|SEP|CLS|PAD|UNK)\]")  # what the encoder's tokenizer would not read as words
_CHARACTERS = 800  # of a question's end; more would not fit
_BATCH = 64
_REMEMBERED = 20_000  # vectors, 1.5 kB each


class Pair(NamedTuple):
    """A question and an edit as the model reads them."""

    question: str
    prompt: str
    target: str


class PairNetwork(nn.Module):
    """The adapted encoder with a head over the mean of its states, added to a line over the plain cosine."""

    def __init__(self, encoder: nn.Module, width: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.hidden = nn.Linear(width, width)
        self.score = nn.Linear(width, 1)
        self.cosine = nn.Linear(1, 1)
        with torch.no_grad():  # training begins as the cosine alone, with the slope that fits it
            self.score.weight.zero_()
            self.score.bias.zero_()
            self.cosine.weight.fill_(10.0)
            self.cosine.bias.fill_(-7.0)

    def forward(self, batch: dict[str, torch.Tensor], cosines: torch.Tensor) -> torch.Tensor:
        """Logits of shape (pairs,), from tokens of both texts together and cosines of shape (pairs,)."""
        read = self.score(torch.tanh(self.hidden(mean_state(self.encoder, batch))))
        logits: torch.Tensor = (read + self.cosine(cosines[:, None])).squeeze(-1)
        return logits


def mean_state(encoder: nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """The mean of the last states over the tokens, shape (texts, width)."""
    states = encoder(**batch).last_hidden_state
    weights = batch["attention_mask"].unsqueeze(-1).to(states.dtype)
    mean: torch.Tensor = (states * weights).sum(1) / weights.sum(1)
    return mean


def tokens(tokenizer: Any, pairs: Sequence[Pair]) -> dict[str, torch.Tensor]:
    """A padded batch of pairs; a text too long is cut at its beginning."""
    edits = [f"{pair.prompt} {pair.target}"[-_CHARACTERS // 2 :] for pair in pairs]
    options = {"truncation": "longest_first", "max_length": LENGTH, "padding": True, "return_tensors": "pt"}
    return dict(tokenizer([pair.question for pair in pairs], edits, **options))


class Cosines:
    """The plain encoder's cosine of texts; those met lately are not encoded again."""

    def __init__(self, encode: Callable[[dict[str, torch.Tensor]], torch.Tensor], tokenizer: Any) -> None:
        self._encode = encode  # tokens to means, shape (texts, width)
        self._tokenizer = tokenizer
        self._known: OrderedDict[str, torch.Tensor] = OrderedDict()

    def of(self, pairs: Sequence[Pair]) -> torch.Tensor:
        """The cosine of question and prompt, shape (pairs,)."""
        texts = dict.fromkeys(text for pair in pairs for text in (pair.question, pair.prompt))
        vectors = self._vectors(list(texts))
        left = torch.stack([vectors[pair.question] for pair in pairs])
        return (left * torch.stack([vectors[pair.prompt] for pair in pairs])).sum(1)

    def _vectors(self, texts: Sequence[str]) -> dict[str, torch.Tensor]:
        found = {text: self._known[text] for text in texts if text in self._known}
        new = sorted((text for text in texts if text not in found), key=len)
        for start in range(0, len(new), _BATCH):
            part = new[start : start + _BATCH]
            batch = self._tokenizer(part, truncation=True, max_length=LENGTH, padding=True, return_tensors="pt")
            with torch.no_grad():
                means = nn.functional.normalize(self._encode(dict(batch)), dim=1)
            found |= dict(zip(part, means, strict=True))
        for text in texts:
            self._known[text] = found[text]
            self._known.move_to_end(text)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return found


def as_pair(question: str, prompt: str, target: str | None) -> Pair:
    """What the model reads: of a long text the end, and an answer that the prompt does not say itself."""
    question, prompt, target = (_CONTROL.sub(r"(\1)", text[-_CHARACTERS:]) for text in (question, prompt, target or ""))
    return Pair(question, prompt, "" if target == prompt else target)


class PairModel:
    """The trained pair model, ready to score."""

    def __init__(self, network: PairNetwork, plain: nn.Module, tokenizer: Any, fingerprint: str) -> None:
        self._network = network.eval()
        self._cosines = Cosines(partial(mean_state, plain.eval()), tokenizer)
        self._tokenizer = tokenizer
        self.fingerprint = fingerprint  # changes whenever a score may

    @classmethod
    def load(cls, folder: Path) -> "PairModel":
        """The model whose adapter lies in `folder`.

        Raises:
            MissingDependencyError: the encoder's package is not installed.
            ModelError: the folder holds no adapter, or one made for another encoder.
        """
        told, weights = trained(folder, "scope classifier", "kedit train serac --form cross")
        tokenizer, encoder = base_model()
        with one_line(f"use the scope classifier in {folder}"):
            network = PairNetwork(copy.deepcopy(encoder), int(told["width"]))
            merge(network, weights, float(told["scale"]))
        return cls(network, encoder, tokenizer, pair_fingerprint(folder))

    def scores(self, pairs: Sequence[Pair]) -> NDArray[np.float32]:
        """For each pair the probability that the edit answers the question; shape (pairs,)."""
        result = np.empty(len(pairs), np.float32)
        order = sorted(range(len(pairs)), key=lambda place: sum(map(len, pairs[place])))
        with torch.inference_mode():
            for start in range(0, len(order), _BATCH):
                places = order[start : start + _BATCH]
                chosen = [pairs[place] for place in places]
                logits = self._network(tokens(self._tokenizer, chosen), self._cosines.of(chosen))
                result[places] = logits.sigmoid().numpy()
        return result


def merge(network: PairNetwork, weights: dict[str, torch.Tensor], scale: float) -> None:
    """Adds the adapter, W + scale · B A (Hu et al. 2022, eq. 3), to the encoder and sets the head.

    Raises:
        ModelError: a weight is missing or has no place.
    """
    heads = {
        name: tensor.float() for name, tensor in weights.items() if name.startswith(("hidden.", "score.", "cosine."))
    }
    lefts = {name.removesuffix(".lora_B"): tensor for name, tensor in weights.items() if name.endswith(".lora_B")}
    try:
        with torch.no_grad():
            for name, left in lefts.items():
                right = weights[name + ".lora_A"]
                network.encoder.get_submodule(name).weight += scale * (left.float() @ right.float())  # type: ignore[operator]
        missing = set(dict(network.named_parameters())) - {
            f"encoder.{n}" for n, _ in network.encoder.named_parameters()
        }
        if missing != set(heads):
            raise ModelError(f"the scope classifier lacks {sorted(missing ^ set(heads))[0]}; train it anew")
        network.load_state_dict(heads, strict=False)
    except (KeyError, AttributeError, RuntimeError) as error:
        raise ModelError(f"the scope classifier does not fit its encoder ({error}); train it anew") from error
