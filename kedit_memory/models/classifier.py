"""A text classifier of Hugging Face, by folder: what it says of a text is one label of a few.

It stands beside `WhiteBoxModel`: its weights and states are at hand, and it answers prompts, but it writes nothing. An
editor that can do without generation takes an `Editable`; all others refuse it by `language.requires`.
"""

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import torch
from transformers import PreTrainedModel

from kedit_memory.errors import InvalidInputError
from kedit_memory.models.batches import by_length, pad
from kedit_memory.models.language import TextModel, WhiteBoxModel, white_box
from kedit_memory.models.loading import fingerprint_of, load_classifier_checkpoint
from kedit_memory.models.named import load_model
from kedit_memory.models.prompts import MAX_NEW_TOKENS, Prompt

_ARCHITECTURE = "ForSequenceClassification"


class ClassifierModel:
    """A classifier around a transformers model, which gives each text the label of the best score.

    Of a `Prompt` it reads the question alone. A text longer than the window is read to the window's end.
    """

    def __init__(self, model: PreTrainedModel, tokenizer: Any, *, name: str, batch_size: int = 32) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.name = name
        self.batch_size = batch_size

    @classmethod
    def load(cls, folder: str | Path, *, device: str | None = None, dtype: str | None = None) -> "ClassifierModel":
        """The classifier in a folder; options as in `named.load_model`.

        Raises:
            ModelError: it is not there, is damaged, or gives no single label of several.
            UnknownNameError: there is no such `dtype`.
        """
        model, tokenizer = load_classifier_checkpoint(folder, device=device, dtype=dtype)
        return cls(model, tokenizer, name=str(folder))

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The names of the labels, in the order of their scores."""
        names: dict[int, str] = self.model.config.id2label  # type: ignore[assignment]
        return tuple(str(names[place]) for place in range(len(names)))

    @property
    def device(self) -> torch.device:
        """Where the model takes its inputs."""
        weight: torch.Tensor = self.model.get_input_embeddings().weight  # type: ignore[assignment]
        return weight.device

    @property
    def window(self) -> int:
        """The most tokens of a text, special ones included."""
        return int(self.model.config.max_position_embeddings)

    @property
    def fingerprint(self) -> str:
        """As `HuggingFaceModel.fingerprint`: it changes with the weights."""
        return fingerprint_of(self.model)

    def class_of(self, label: str) -> int:
        """The place of a label among the scores.

        Raises:
            InvalidInputError: the classifier has no such label.
        """
        if label.strip() not in self.labels:
            raise InvalidInputError(f"{label!r} is no label of {self.name}: give one of {', '.join(self.labels)}")
        return self.labels.index(label.strip())

    def encode(self, prompt: Prompt | str) -> list[int]:
        """The token ids of a text, special ones included, cut at the window.

        Raises:
            InvalidInputError: facts or passages stand before the question, which no classifier was trained to read.
        """
        if isinstance(prompt, Prompt) and (prompt.facts or prompt.passages):
            raise InvalidInputError(
                f"{self.name} is a classifier and reads one text: give it no facts and no passages beside it"
            )
        text = prompt if isinstance(prompt, str) else prompt.question
        ids: list[int] = self.tokenizer(text, truncation=True, max_length=self.window)["input_ids"]
        return ids

    def answer(self, text: str) -> str:
        """The label of one text."""
        return self.answer_many([Prompt(question=text)])[0]

    @torch.no_grad()
    def answer_many(
        self,
        prompts: Sequence[Prompt],
        *,
        max_new_tokens: int = MAX_NEW_TOKENS,  # noqa: ARG002 - of the face that generating models have
    ) -> list[str]:
        """The label of each text, in order, always whole."""
        encoded = [self.encode(prompt) for prompt in prompts]
        found = [""] * len(encoded)
        for batch in by_length(encoded, self.batch_size):
            scores = self._scores([encoded[place] for place in batch])
            for place, best in zip(batch, scores.argmax(-1).tolist(), strict=True):
                found[place] = self.labels[best]
        return found

    @torch.no_grad()
    def logits(self, prompt: Prompt | str) -> torch.Tensor:
        """The scores of the labels, of shape (labels,)."""
        return self._scores([self.encode(prompt)])[0]

    def _scores(self, batch: Sequence[Sequence[int]]) -> torch.Tensor:
        ids, mask = pad(batch, int(self.tokenizer.pad_token_id), device=self.device)
        scores: torch.Tensor = self.model(input_ids=ids, attention_mask=mask).logits
        return scores


# A model whose weights can be edited: one that writes its answers, or one that chooses a label.
Editable: TypeAlias = WhiteBoxModel | ClassifierModel


def editable(model: TextModel | ClassifierModel, what: str) -> Editable:
    """The model, known to show its weights.

    Raises:
        CapabilityError: it does not, as a model behind an endpoint.
    """
    return model if isinstance(model, ClassifierModel) else white_box(model, what)


def load_editable(
    name: str, *, device: str | None = None, dtype: str | None = None, api_key: str | None = None
) -> TextModel | ClassifierModel:
    """What `named.load_model` gives, and of a folder that holds a classifier, that; errors as there."""
    if is_classifier(name):
        return ClassifierModel.load(name, device=device, dtype=dtype)
    return load_model(name, device=device, dtype=dtype, api_key=api_key)


def is_classifier(name: str) -> bool:
    """Whether `name` is a folder whose configuration names a sequence classifier."""
    try:
        config = json.loads((Path(name).expanduser() / "config.json").read_text("utf-8"))
        return any(str(one).endswith(_ARCHITECTURE) for one in config.get("architectures") or ())
    except (OSError, ValueError, AttributeError):
        return False  # no folder of a model, which the loader of models says better
