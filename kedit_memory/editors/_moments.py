"""Uncentred second moments of what an MLP's output projection reads, over many texts: E[k kᵀ].

ROME, MEMIT and AlphaEdit (Meng et al. 2022, 2023; Fang et al. 2025) learn from them which directions of its input a
layer uses for everything else. They are taken once for a model and layer, and kept in memory and, where a folder is
given, on disk, each with what a method makes of it: of thousands of numbers a factor takes longer than an edit. An edit
leaves alone what they were taken from: of running text alone a model keeps how to read, and loses answers; so half of
the default texts are questions with their answers, in the model's own form.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TypeAlias
from uuid import uuid4
from weakref import WeakKeyDictionary

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from kedit_memory.editors._progress import Tell, silent
from kedit_memory.editors._samples import shipped_questions, shipped_texts
from kedit_memory.errors import EditorError, InvalidInputError
from kedit_memory.models.batches import by_length, pad
from kedit_memory.models.families import Family
from kedit_memory.models.hooks import capture, no_further_than
from kedit_memory.models.language import WhiteBoxModel
from kedit_memory.models.prompts import Prompt

_PER_NUMBER = 20  # tokens for each number that a projection reads
_LONGEST = 128  # tokens of one piece of text
_ROWS = 16  # pieces in one batch
_HELD = 16 * _ROWS  # pieces that batches are put together from
_MOMENT = "moment"
_SHUFFLE = 1  # the order of texts, so that a few stand for all

Text: TypeAlias = str | tuple[str, str]  # running text, or a question with its answer


@dataclass(frozen=True, kw_only=True)
class MomentKey:
    """All that one matrix of moments depends on."""

    fingerprint: str  # of the model
    layer: int
    corpus: str  # 16 hexadecimal digits over the texts
    tokens: int

    @property
    def stem(self) -> str:
        """How the names of its files in a cache folder begin."""
        return f"moments-{self.fingerprint}-{self.corpus}-{self.tokens}-layer{self.layer}"


class Moments:
    """Second moments of any model's layers over the same texts.

    The texts are the paragraphs of `text`; if None, those that ship, and as many tokens of the questions that ship
    with their answers. The moments of a model are taken when they are first asked for, and kept for as long as
    the model lives: edits made since then do not move them, so that a row of edits stands on the statistics of the
    unedited model.
    """

    def __init__(
        self,
        folder: str | Path | None,
        *,
        text: str | Path | None = None,
        tokens: int | None = None,
    ) -> None:
        self.folder = None if folder is None else Path(folder)
        self.text = None if text is None else Path(text)
        self.tokens = tokens
        self._known: WeakKeyDictionary[torch.nn.Module, dict[int, torch.Tensor]] = WeakKeyDictionary()
        self._keys: WeakKeyDictionary[torch.nn.Module, dict[int, MomentKey]] = WeakKeyDictionary()
        self._made: WeakKeyDictionary[torch.nn.Module, dict[tuple[int, str], torch.Tensor]] = WeakKeyDictionary()

    def is_like(self, other: "Moments") -> bool:
        """Whether both take the same moments, and keep them in the same place."""
        return (self.folder, self.text, self.tokens) == (other.folder, other.text, other.tokens)

    def of(
        self, model: WhiteBoxModel, family: Family, layers: Sequence[int], tell: Tell = silent
    ) -> Mapping[int, torch.Tensor]:
        """The moments of each layer, (inner, inner), float32, the mean over tokens; `tell` hears of the tokens read.

        Raises:
            InvalidInputError: the text is not there or empty, or the cache folder cannot be written.
            EditorError: the model's activations overflow its precision.
        """
        known = self._known.setdefault(model.model, {})
        missing = [layer for layer in layers if layer not in known]
        if missing:
            known.update(self._find(model, family, missing, tell))
        return {layer: known[layer] for layer in layers}

    def made(
        self,
        model: WhiteBoxModel,
        moments: Mapping[int, torch.Tensor],
        name: str,
        make: Callable[[torch.Tensor], torch.Tensor],
    ) -> Mapping[int, torch.Tensor]:
        """What `make` gives of each layer's moment, as `of` gave them; made once, and kept as they are.

        Raises:
            InvalidInputError: the cache folder cannot be written.
        """
        made = self._made.setdefault(model.model, {})
        for layer, moment in moments.items():
            if (layer, name) not in made:
                key = self._keys[model.model][layer]
                kept = _read(self.folder, key, name)
                made[layer, name] = make(moment) if kept is None else kept.to(moment.device)
                if kept is None:
                    _write(self.folder, key, made[layer, name], name)
        return {layer: made[layer, name] for layer in moments}

    def _find(self, model: WhiteBoxModel, family: Family, layers: Sequence[int], tell: Tell) -> dict[int, torch.Tensor]:
        texts: list[Sequence[Text]] = (
            [read_paragraphs(self.text)] if self.text else [shipped_texts(), shipped_questions()]
        )
        corpus = hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:16]
        fingerprint = model.fingerprint
        tokens = self.tokens or _PER_NUMBER * inner(model, family, layers[0])
        keys = {
            layer: MomentKey(fingerprint=fingerprint, layer=layer, corpus=corpus, tokens=tokens) for layer in layers
        }
        self._keys.setdefault(model.model, {}).update(keys)
        read = {layer: _read(self.folder, key) for layer, key in keys.items()}
        found = {layer: moment.to(model.device) for layer, moment in read.items() if moment is not None}
        missing = [layer for layer in layers if layer not in found]
        if missing:
            for layer, moment in _take(model, family, missing, texts, tokens, tell).items():
                found[layer] = moment
                _write(self.folder, keys[layer], moment)
        return found


def read_paragraphs(path: Path) -> list[str]:
    """The paragraphs of a text, in a fixed random order: the `text` of each line of a .jsonl file, else its lines.

    Raises:
        InvalidInputError: the file cannot be read, or holds no text.
    """
    try:
        lines = [line for line in path.read_text("utf-8").splitlines() if line.strip()]
        texts = [str(json.loads(line)["text"]) for line in lines] if path.suffix == ".jsonl" else lines
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidInputError(f"{path} is no text to take moments from: {error}") from error
    if not texts:
        raise InvalidInputError(f"{path} holds no text to take moments from")
    order = torch.randperm(len(texts), generator=torch.Generator().manual_seed(_SHUFFLE))
    return [texts[i] for i in order.tolist()]


@torch.no_grad()
def _take(
    model: WhiteBoxModel,
    family: Family,
    layers: Sequence[int],
    texts: Sequence[Sequence[Text]],
    tokens: int,
    tell: Tell,
) -> dict[int, torch.Tensor]:
    sums: dict[int, torch.Tensor] = {}
    count = 0
    share, more = divmod(tokens, len(texts))
    rows = chain.from_iterable(_rows(model, part, share + (i < more)) for i, part in enumerate(texts))
    projections = {layer: family.part(model.model, layer, "mlp_out") for layer in layers}
    for batch in _batches(rows):
        ids, mask = pad(batch, int(model.tokenizer.pad_token_id), device=model.device)
        with ExitStack() as hooks:
            seen = {
                layer: hooks.enter_context(capture(module, "input", rows=len(ids)))
                for layer, module in projections.items()
            }
            hooks.enter_context(no_further_than(projections[max(layers)]))
            model.model(input_ids=ids, attention_mask=mask, use_cache=False)
        for layer, states in seen.items():
            read = states[0][mask.bool().to(states[0].device)].float()  # (tokens, inner)
            sums[layer] = sums.get(layer, 0) + read.T @ read
        count += sum(len(row) for row in batch)
        tell(min(count, tokens), tokens)
    for layer, total in sums.items():
        if not bool(torch.isfinite(total).all()):
            raise EditorError(f"layer {layer} of {model.name} overflows its precision; load it with dtype='float32'")
    return {layer: total / count for layer, total in sums.items()}


def _batches(rows: Iterable[list[int]]) -> Iterator[list[list[int]]]:
    """Rows of like length, of some that stand near each other: little is padded, and few are held at once."""
    rows = iter(rows)
    while held := list(islice(rows, _HELD)):
        yield from ([held[i] for i in places] for places in by_length(held, _ROWS))


def _rows(model: WhiteBoxModel, texts: Iterable[Text], tokens: int) -> Iterator[list[int]]:
    """The ids of one text after the other, `tokens` in all, or as many as the texts have."""
    for text in texts:
        if not tokens:
            return
        ids = _ids(model, text)[: min(_LONGEST, tokens)]
        tokens -= len(ids)
        yield ids


def _ids(model: WhiteBoxModel, text: Text) -> list[int]:
    if isinstance(text, str):
        return model.encode(text)
    asked = Prompt(question=text[0])
    given, said = model.join(asked, model.continuation(asked, text[1]))
    return [*given, *said]


def inner(model: WhiteBoxModel, family: Family, layer: int) -> int:
    """How many numbers the output projection of a layer's MLP reads."""
    weight = model.model.get_parameter(family.mlp_out_weight(layer))
    return int(weight.shape[0 if family.transposed else 1])


def _read(folder: Path | None, key: MomentKey, name: str = _MOMENT) -> torch.Tensor | None:
    """What the cache holds of a name under a key; None where it holds nothing whole."""
    path = folder / _file_name(key, name) if folder else None
    if path is None or not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            if file.metadata() != _label(key):
                return None
            found: torch.Tensor = file.get_tensor(name)
    except (OSError, SafetensorError):
        return None  # damaged: taken anew, and written over
    return found if bool(torch.isfinite(found).all()) else None


def _write(folder: Path | None, key: MomentKey, tensor: torch.Tensor, name: str = _MOMENT) -> None:
    if folder is None:
        return
    path = folder / _file_name(key, name)
    aside = folder / f".{path.name}.{uuid4().hex[:8]}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        save_file({name: tensor.cpu().contiguous()}, aside, metadata=_label(key))
        aside.replace(path)
    except (OSError, SafetensorError) as error:
        raise InvalidInputError(f"moments cannot be kept in {folder} ({error}); name another cache folder") from error


def _file_name(key: MomentKey, name: str) -> str:
    return f"{key.stem}{'' if name == _MOMENT else f'-{name}'}.safetensors"


def _label(key: MomentKey) -> dict[str, str]:
    return {"format": "1", **{name: str(value) for name, value in asdict(key).items()}}
