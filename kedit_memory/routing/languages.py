"""Does an edit answer a question where one of the two is not English? A multilingual encoder says how alike they are.

The cosine alone takes the same question about another thing for the same question. So the pieces of the two texts are
compared, too: a piece that weighs much and has none like it on the other side, such as another name, speaks against it.
A logistic regression joins these; from which estimate on an edit answers is certified for each language by itself.
"""

import json
import math
import threading
from collections import OrderedDict
from collections.abc import Container, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol, Self, runtime_checkable

import numpy as np

from kedit_memory.errors import InvalidInputError, ModelError
from kedit_memory.records import Encoder, Vectors
from kedit_memory.routing.calibration import Threshold, percent, thresholds_from
from kedit_memory.routing.foreign import ENGLISH, language_of
from kedit_memory.routing.logistic import Logistic, Numbers
from kedit_memory.routing.question import Candidate, Promise, Question
from kedit_memory.shipped import languages_folder

NAMES = {
    "ar": "Arabic", "de": "German", "en": "English", "es": "Spanish", "fr": "French", "ja": "Japanese", "ko": "Korean",
    "ru": "Russian", "zh": "Chinese",
}  # fmt: skip
NEAREST = 3  # candidates of a question that are compared: the nearest
FEATURES = 15
_UNLIKE, _ALIKE = 0.5, 0.8  # cosines of two pieces, below and above which more says nothing
_REMEMBERED = 1000  # texts, some 40 kB each
_SCRIPT = "scripts/calibrate_languages.py"


@runtime_checkable
class TellsPieces(Encoder, Protocol):
    """An encoder that also gives the states of a text's pieces, whose lengths say what each weighs."""

    def states(self, texts: Sequence[str]) -> Sequence[Vectors]:
        """Of each text an array of shape (pieces, dim)."""
        ...


class Likeness:
    """What the regression sees of a question and an edit's wording. Remembers texts; threads may share it."""

    def __init__(self, encoder: TellsPieces) -> None:
        self._encoder = encoder
        self._known: OrderedDict[str, tuple[Numbers, Numbers]] = OrderedDict()
        self._lock = threading.Lock()

    def features(self, question: str, wording: str, distance: float) -> list[float]:
        """The cosine, how much longer one text is, and of each what it has alone and shares; `FEATURES` numbers."""
        (own, weights), (other, weighing) = self._pieces(question), self._pieces(wording)
        alike = own @ other.T  # (pieces of the question, pieces of the wording)
        longer = math.log(len(own) / len(other))
        asked, told = _told(alike.max(axis=1), weights), _told(alike.max(axis=0), weighing)
        return [1 - distance**2 / 2, longer, abs(longer), *asked, *told]

    def _pieces(self, text: str) -> tuple[Numbers, Numbers]:
        """Directions of a text's pieces, shape (pieces, dim), and what each weighs, the squares adding up to 1."""
        with self._lock:
            if text in self._known:
                self._known.move_to_end(text)
                return self._known[text]
            states = np.asarray(self._encoder.states([text])[0], np.float64)
            if not len(states):
                states = np.zeros((1, self._encoder.dimension))
            lengths = np.linalg.norm(states, axis=1)
            found = states / np.maximum(lengths, 1e-9)[:, None], lengths / max(float(np.linalg.norm(lengths)), 1e-9)
            self._known[text] = found
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
            return found


def _told(alike: Numbers, weights: Numbers) -> list[float]:
    """Of the pieces of a text, with their likest of the other one: the weightiest that stand alone, and what is shared.

    The first counts by weight and by its square: one piece, the three or two worst; the second all, and what is sure.
    """
    alone, squares = np.sort(weights * (1 - alike)), np.sort(weights**2 * (1 - alike))
    sure = np.clip((alike - _UNLIKE) / (_ALIKE - _UNLIKE), 0, 1)
    found = (alone[-1], alone[-3:].sum(), squares[-1], squares[-2:].sum(), weights**2 @ alike, weights**2 @ sure)
    return [float(one) for one in found]


@dataclass(frozen=True, kw_only=True)
class Languages:
    """The regression with the thresholds of the languages, for the vectors of one encoder.

    Attributes:
        encoder: its name, with `encoder_revision`.
        bias: of the regression, with `weights` over `Likeness.features`.
        confidence: the least probability that no language exceeds its alpha.
        thresholds: by language, as `foreign.language_of` calls it.
        uncertified: why other languages that were looked at have none.
    """

    encoder: str
    encoder_revision: str
    bias: float
    weights: tuple[float, ...]
    confidence: float
    thresholds: Mapping[str, Threshold]
    uncertified: Mapping[str, str]

    @classmethod
    def of(cls, encoder: str) -> Self | None:
        """What ships for an encoder of this name; None where nothing does.

        Raises:
            ModelError: it cannot be read.
        """
        file = languages_folder() / f"{Path(encoder).name}.json"
        if not file.is_file():
            return None
        try:
            told = json.loads(file.read_text("utf-8"))
            return cls(
                encoder=str(told["encoder"]),
                encoder_revision=str(told["encoder_revision"]),
                bias=float(told["bias"]),
                weights=tuple(map(float, told["weights"])),
                confidence=float(told["confidence"]),
                thresholds=thresholds_from(told["thresholds"]),
                uncertified=dict(told["uncertified"]),
            )
        except (OSError, ValueError, TypeError, KeyError, RecursionError, InvalidInputError) as error:
            raise ModelError(f"{file} holds no thresholds of languages ({error}); make them with {_SCRIPT}") from error

    def write(self) -> Path:
        """Put it where `of` looks; tells where that is."""
        file = languages_folder() / f"{self.encoder}.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(asdict(self), indent=2, sort_keys=True) + "\n", encoding="utf-8")
        return file

    def fits(self, encoder: Encoder) -> bool:
        """Whether it was made for vectors of this encoder."""
        same = (self.encoder, self.encoder_revision) == (encoder.name, encoder.revision)
        return same and isinstance(encoder, TellsPieces)

    def language(self, question: Question, candidate: Candidate) -> str:
        """The language whose threshold counts for the two; empty where they are not judged here."""
        return "" if question.turns else pair_language(question.text, candidate.wording, self.thresholds)

    def estimates(self, likeness: Likeness, asked: Sequence[tuple[Question, Candidate]]) -> list[float]:
        """Of each pair the estimate that the edit answers; of a question the `NEAREST` alone, 0 for the others."""
        places: dict[int, list[int]] = {}
        for place, (question, _) in enumerate(asked):
            places.setdefault(id(question), []).append(place)
        found = [0.0] * len(asked)
        for of_question in places.values():
            for place in sorted(of_question, key=lambda at: asked[at][1].match.distance)[:NEAREST]:
                question, candidate = asked[place]
                seen = likeness.features(question.text, candidate.wording, candidate.match.distance)
                found[place] = float(self.regression.probability(np.array([seen]))[0])
        return found

    @property
    def regression(self) -> Logistic:
        """What joins the features."""
        return Logistic(bias=self.bias, weights=self.weights)

    def promise(self, language: str) -> Promise:
        """The threshold of a language that is certified, and what is promised of it and was measured on what."""
        held, sets = self.thresholds[language], " and ".join(sorted(self.thresholds[language].sets))
        bound = f"false fires ≤ {percent(held.alpha)} with {percent(self.confidence).replace('.0%', '%')} confidence"
        counts = f"n {held.outside:,} out of scope, {held.fired:,} fired"
        return Promise(
            threshold=held.value,
            statement=f"{bound} on {NAMES.get(language, language)}, measured on {sets} ({counts})",
        )


def pair_language(question: str, wording: str, certified: Container[str]) -> str:
    """The language of a question, or of the wording where the question is English; empty where both are.

    Empty, too, where one of them is in a language that is not certified.
    """
    asked, told = language_of(question), language_of(wording)
    foreign = asked if asked != ENGLISH else told
    return foreign if all(one == ENGLISH or one in certified for one in (asked, told)) and foreign != ENGLISH else ""
