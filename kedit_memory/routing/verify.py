"""Does an edit answer the question? The likeliest candidates are read with it, whole, in one batch for many."""

import logging
import threading
from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from kedit_memory.memory.encoding import Encode
from kedit_memory.models.encoder import MINILM_REVISION, HashingEncoder, minilm_folder
from kedit_memory.models.sources import pair_fingerprint
from kedit_memory.records import Encoder, Match, Vectors
from kedit_memory.routing.bare import bare, with_numbers_of
from kedit_memory.routing.calibration import Calibration
from kedit_memory.routing.languages import Languages, Likeness, TellsPieces
from kedit_memory.routing.link.spelling import is_slip
from kedit_memory.routing.once import Once
from kedit_memory.routing.question import EXACT, FUZZY, LINKED, UNLINKED, Candidate, Promise, Question, Weighed
from kedit_memory.routing.stack import Stack
from kedit_memory.shipped import scope_verifier
from kedit_memory.text import fold

if TYPE_CHECKING:
    from kedit_memory.models.reader import Pair, ScopeReader

_LOG = logging.getLogger(__name__)

CALIBRATION = "calibration.json"
UNSURE = 0.5  # the share of its threshold from which a score that stays below leaves a doubt
THRESHOLD = 0.5  # of a verifier without a calibration
MOST_NAMED = 8  # candidates of one question that the reader reads of those whose subject it names
MOST_FREE = 4  # and of those that words and meaning found: of 492 right edits 5 in a hundred stand further behind
BESIDE_NAMED = 2  # of these, where it names a subject: of 498 right edits all were about that


class PairScorer(Protocol):
    """What reads questions together with edits: `ScopeReader`, or whatever has both of its tiers."""

    @property
    def fingerprint(self) -> str:
        """What changes whenever a score may."""
        ...

    def likeness(self, pairs: "Sequence[Pair]") -> NDArray[np.float32]:
        """The light tier: how alike the texts are, -1 to 1, shape (pairs,)."""
        ...

    def scores(self, pairs: "Sequence[Pair]") -> NDArray[np.float32]:
        """Estimates, 0 to 1, that the edit answers the question, shape (pairs,)."""
        ...


@runtime_checkable
class _MakesVectors(Protocol):
    """A reader that makes vectors, too."""

    def vectors(self, texts: Sequence[str]) -> Vectors: ...


class ScopeVerifier:
    """A reader with the thresholds of its strata: by default the shipped one with those it is shipped with.

    Thresholds that a store was calibrated for take their place. `unfit` says why nothing is promised for a store, which
    then has the strictest of the thresholds for all strata. `stack` weighs a given reader's estimates with distances.
    `languages` judges what is not English; None takes what ships for the store's encoder, if anything does.
    `device` is where the shipped reader runs; None takes an accelerator where there is one.
    """

    def __init__(
        self,
        model: PairScorer | None = None,
        calibration: Calibration | None = None,
        *,
        unfit: str = "",
        stack: Stack | None = None,
        languages: Languages | None = None,
        device: str | None = None,
    ) -> None:
        self._given = model
        self._unfit = unfit
        self._stack = Stack.of(scope_verifier()) if model is None else stack
        self._languages = languages
        self._shipped_languages = cache(Languages.of)
        self._likeness: dict[int, Likeness] = {}  # by encoder, which it holds
        self._shipped = Once(lambda: _shipped_reader(device))
        self._reading = threading.RLock()  # a reader remembers texts, so one thread at a time asks it
        self.calibration = calibration or (_shipped_calibration() if model is None else None)

    @classmethod
    def serves(cls, encoder: Encoder) -> bool:
        """Whether the shipped one decides in a store of this encoder.

        Not where a store makes do without weights, nor where the package is not installed that holds most of its own.
        """
        return encoder.name != HashingEncoder.name and minilm_folder() is not None

    @property
    def model(self) -> PairScorer:
        """The reader, loaded now if it was not."""
        return self._given if self._given is not None else self._shipped()

    def load(self) -> None:
        """Load the reader now."""
        _ = self.model

    @property
    def fingerprint(self) -> str:
        """What changes whenever a score may; the shipped model is not loaded for it."""
        return self._given.fingerprint if self._given else pair_fingerprint(scope_verifier())

    def languages_of(self, encoder: Encoder) -> Languages | None:
        """What judges with the vectors of an encoder where a text is not English; None where the reader judges all."""
        found = self._languages or self._shipped_languages(encoder.name)
        return found if found and found.fits(encoder) else None

    def threshold(self, stratum: str, promise: Promise | None = None) -> float:
        """The score from which a candidate of a stratum answers, or one with the promise of its language."""
        if stratum == EXACT:
            return 0.0
        if promise and not self._has_own(stratum):
            return promise.threshold
        if self.calibration is None:
            return THRESHOLD
        return self.calibration.strictest if self._unfit else self.calibration.threshold(stratum)

    def _has_own(self, stratum: str) -> bool:
        """Whether a store was calibrated for a stratum itself."""
        return self.calibration is not None and not self._unfit and stratum in self.calibration.thresholds

    def statement(self, stratum: str, promise: Promise | None = None) -> str:
        """What is promised for a stratum, or a language there, or why nothing is."""
        if promise and not self._has_own(stratum):
            return promise.statement
        if self._unfit:
            return f"not certified: {self._unfit}"
        return self.calibration.statement(stratum) if self.calibration else "not calibrated"

    def weigh(self, questions: Sequence[Question], encoder: Encoder | None = None) -> list[list[Weighed]]:
        """The candidates of each question with their scores, best first; one that was not read has none.

        `encoder` is whose distances they have; the reader alone decides where it is not the one that is known.
        """
        asked = [(one, each) for one in questions for each in one.candidates if each.found != EXACT]
        found = iter(self._estimates(asked, encoder))
        stack = self._stack if self._stack and encoder and self._stack.fits(encoder) else None
        result = []
        for question in questions:
            told = [(1.0, None) if one.found == EXACT else next(found) for one in question.candidates]
            scores = [score for score, _ in told]
            if stack:
                scores = _stacked(stack, question.candidates, scores)
            weighed = [
                Weighed(candidate=one, score=score, promise=promise)
                for one, score, (_, promise) in zip(question.candidates, scores, told, strict=True)
            ]
            result.append(sorted(weighed, key=lambda one: -one.score))
        return result

    def _estimates(
        self, asked: Sequence[tuple[Question, Candidate]], encoder: Encoder | None
    ) -> list[tuple[float, Promise | None]]:
        """A score for each candidate of a question: what is not English by a multilingual encoder, all else read."""
        languages = self.languages_of(encoder) if encoder else None
        if languages is None or not isinstance(encoder, TellsPieces):
            with self._reading:
                return [(score, None) for score in self._scores(asked)]
        of_pair = [languages.language(one, each) for one, each in asked]
        across = [pair for pair, language in zip(asked, of_pair, strict=True) if language]
        likeness = self._likeness.setdefault(id(encoder), Likeness(encoder))
        compared = iter(languages.estimates(likeness, across))
        with self._reading:
            read = iter(self._scores([pair for pair, language in zip(asked, of_pair, strict=True) if not language]))
        return [
            (next(compared), languages.promise(language)) if language else (next(read), None) for language in of_pair
        ]

    def encodes(self, encoder: Encoder) -> Encode | None:
        """What makes an encoder's vectors quicker than it does: the reader, of the one that it is built on."""
        given = self._given
        if encoder.revision != MINILM_REVISION or not (given is None or isinstance(given, _MakesVectors)):
            return None

        def vectors(texts: Sequence[str]) -> Vectors:
            with self._reading:
                return (given or self._shipped()).vectors(texts)

        return vectors

    def answering(self, prompt: str, texts: Sequence[tuple[str, str]], names: Sequence[str]) -> list[float]:
        """Estimates, 0 to 1, that texts answer a prompt; each with what it says, or is answered with."""
        from kedit_memory.models.reader import Pair

        pairs = [Pair(prompt, text, "" if said in (None, text) else said, tuple(names)) for text, said in texts]
        with self._reading:
            return [float(score) for score in self.model.scores(pairs)]

    def fires(self, weighed: Weighed, stratum: str) -> bool:
        """Whether a candidate reaches the threshold of a stratum, and differs in no value."""
        return not weighed.differs and weighed.score >= self.threshold(stratum, weighed.promise)

    def unsure(self, weighed: Weighed, stratum: str) -> bool:
        """Whether a candidate does not reach the threshold of a stratum, but comes near, and differs in no value."""
        threshold = self.threshold(stratum, weighed.promise)
        return not weighed.differs and UNSURE * threshold <= weighed.score < threshold

    def _scores(self, asked: Sequence[tuple[Question, Candidate]]) -> list[float]:
        """A score for each candidate of a question; the reader is asked once for all."""
        if not asked:  # nothing is loaded for it
            return []
        pairs = [_pair(question, candidate) for question, candidate in asked]
        likely = self._likely(asked, pairs)
        # What is the wording itself, once it is bare, needs no reading: the reader has never seen a text with itself.
        score = {pairs[i]: 1.0 for i in likely if _unmarked(pairs[i].question) == _unmarked(pairs[i].wording)}
        distinct = list(dict.fromkeys(pairs[i] for i in likely if pairs[i] not in score))
        if distinct:  # else nothing is loaded for it
            score |= zip(distinct, self.model.scores(distinct).astype(np.float64).tolist(), strict=True)
        return [score[pair] if i in likely else 0.0 for i, pair in enumerate(pairs)]

    def _likely(self, asked: Sequence[tuple[Question, Candidate]], pairs: "Sequence[Pair]") -> set[int]:
        """Which pairs are read: of each question the first that words and meaning found, and the likeliest named.

        The order in which words and meaning found, and the distance, are likenesses that cost nothing: the first by
        either in turn. Of edits about one subject the subject is in the way, so that a light tier weighs them without.
        """
        named: dict[int, list[int]] = defaultdict(list)
        free: dict[int, list[int]] = defaultdict(list)
        for place, (question, candidate) in enumerate(asked):
            (free if candidate.found == UNLINKED else named)[id(question)].append(place)
        kept = {
            place
            for question, places in free.items()
            for place in _in_turn(sorted(places, key=lambda i: asked[i][1].match.distance), places)[
                : BESIDE_NAMED if question in named else MOST_FREE
            ]
        }
        for places in named.values():
            if len(places) <= MOST_NAMED:
                kept.update(places)
            else:
                likeness = self.model.likeness([pairs[place] for place in places])
                kept.update(places[i] for i in np.argsort(-likeness, kind="stable")[:MOST_NAMED].tolist())
        return kept


def _in_turn(first: Sequence[int], second: Sequence[int]) -> list[int]:
    """The members of two orders of the same, from each in turn."""
    return list(dict.fromkeys(chain.from_iterable(zip(first, second, strict=True))))


def _shipped_reader(device: str | None) -> "ScopeReader":
    _LOG.info("loading the reader of scope")
    from kedit_memory.models.reader import ScopeReader  # loads torch

    return ScopeReader.load(scope_verifier(), device=device)


def _shipped_calibration() -> Calibration | None:
    file = scope_verifier() / CALIBRATION
    return Calibration.from_json(file.read_text("utf-8")) if file.is_file() else None


def _stacked(stack: Stack, candidates: Sequence[Candidate], scores: Sequence[float]) -> list[float]:
    """The scores, those of what words and meaning found weighed with the distances."""
    free = [place for place, one in enumerate(candidates) if one.found == UNLINKED]
    new = dict(zip(free, stack.estimates([candidates[at] for at in free], [scores[at] for at in free]), strict=True))
    return [new.get(place, score) for place, score in enumerate(scores)]


def own_wording(question: str, match: Match) -> bool:
    """Whether a question is an edit's own prompt, or a wording that was given for it."""
    text = _unmarked(question)
    return any(text == _unmarked(one) for one in (match.edit.prompt, *match.edit.paraphrases))


def _unmarked(text: str) -> str:
    """A text as it is compared with another: without capitals, and without the marks at its end."""
    return fold(text).rstrip("?!. ")


def _as_called(text: str, candidate: Candidate) -> str:
    """A question with the name that the edit's wording has of its subject, where it calls it by another certain one.

    So it does where the name has a sure slip of the pen in it.
    """
    edit, wording = candidate.match.edit, candidate.wording
    told = next((name for name in edit.names if name in wording), None)
    if told is None or candidate.found not in (LINKED, FUZZY) or fold(told) in fold(text):
        return text
    if candidate.found == FUZZY:
        other = next((name for name in candidate.names if is_slip(fold(name), fold(told))), None)
    else:
        known = {_without_points(name) for name in edit.names}
        other = next((name for name in candidate.names if _without_points(name) in known), None)
    return text if other is None else text.replace(other, told)


def _without_points(name: str) -> str:
    """A name as it is compared where an abbreviation may have points or none."""
    return fold(name).replace(".", "")


def _pair(question: Question, candidate: Candidate) -> "Pair":
    """What is read: the wording of the edit that is nearest to the question, with the edit's answer."""
    from kedit_memory.models.reader import Pair

    edit, wording = candidate.match.edit, candidate.wording
    answer = "" if edit.target in (None, wording) else edit.target
    names = candidate.called
    asked, told = bare(_as_called(question.text, candidate), names), bare(wording, names)
    return Pair(with_numbers_of(asked, told), with_numbers_of(told, asked), answer, names, question.turns)
