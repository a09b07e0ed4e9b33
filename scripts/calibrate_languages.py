"""Fit and certify what judges across languages: `data/languages/ENCODER.json`.

    python scripts/calibrate_languages.py --data ../shared/data --encoder use-multilingual

Questions of the calibration part of sets whose licence allows it, and questions about cities that are alike but for
the name. They are stored in two halves, each in English or in one of its other languages; each half is asked of its own
store, and of the other, where nothing covers it. What is alike in a store is compared as the router compares it: the
nearest edits, piece by piece, under the guard. A quarter of the things that are asked fits the regression, the others
choose the threshold of each language.
"""

import argparse
import random
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scope_questions import for_stack

from kedit_memory.evaluation.tasks.scope.cases import CALIBRATING, part_by_hash
from kedit_memory.evaluation.tasks.scope.languages import ENGLISH, Meant, same_questions
from kedit_memory.models.encoder import load_encoder
from kedit_memory.records import DEFAULT_NAMESPACE, Edit, Kind, Match, Vectors
from kedit_memory.routing.certify import thresholds_of
from kedit_memory.routing.guarded import guarded
from kedit_memory.routing.labelled import Outcome, Scored
from kedit_memory.routing.languages import FEATURES, NAMES, NEAREST, Languages, Likeness, TellsPieces, pair_language
from kedit_memory.routing.logistic import Logistic, Numbers, fit_logistic
from kedit_memory.routing.question import UNLINKED, Candidate, Promise, Question, Weighed
from kedit_memory.routing.strata import FOREIGN

ALPHAS = (0.02,)
CONFIDENCE = 0.95
RIDGE = 0.01
ABROAD = 0.3  # of the things are stored in another language than English
CREATED = "2026-01-01"  # an edit has a day; none of these is kept
NO_PROMISE = Promise(threshold=1.0, statement="")  # as the guard looks closer at what a multilingual encoder weighed
WORDINGS = 2  # of a language that are asked at most


@dataclass(frozen=True, kw_only=True)
class Case:
    """A question with the nearest edits, best first, what the regression sees of each, and which covers it."""

    source: str
    question: Question
    candidates: tuple[Candidate, ...]
    seen: Numbers  # (candidates, features)
    right: tuple[bool, ...]
    covered: bool
    fits: bool


def main() -> None:
    """Ask, fit, certify, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the public sets")
    parser.add_argument("--encoder", default="use-multilingual")
    parser.add_argument("--most", type=int, default=400, help="things of a set at most")
    parser.add_argument("--alphas", type=float, nargs="+", default=ALPHAS, help="false-fire rates to certify")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    encoder = load_encoder(arguments.encoder)
    if not isinstance(encoder, TellsPieces):
        sys.exit(f"the encoder {arguments.encoder!r} gives no states of pieces; take use-multilingual")
    rng = random.Random(arguments.seed)
    halves: tuple[list[tuple[str, Meant]], list[tuple[str, Meant]]] = ([], [])
    for source, found in same_questions(arguments.data).items():
        ours = [one for one in found if part_by_hash(one.unit, trains=False) == CALIBRATING]
        for place, one in enumerate(rng.sample(ours, min(arguments.most, len(ours)))):
            halves[place % 2].append((source, one))
    cases = [case for own, other in (halves, halves[::-1]) for case in asked(own, other, encoder, rng)]
    regression = fitted([case for case in cases if case.fits])
    of_language: dict[str, list[Scored]] = {language: [] for language in NAMES if language != ENGLISH}
    missed: Counter[str] = Counter()
    for case in cases:
        if not case.fits:
            language, scored = judged(case, regression)
            if language in of_language:
                of_language[language].append(scored)
            else:
                missed[language] += 1
    thresholds, uncertified = thresholds_of(of_language, alphas=arguments.alphas, confidence=CONFIDENCE)
    made = Languages(
        encoder=encoder.name, encoder_revision=encoder.revision, bias=regression.bias, weights=regression.weights,
        confidence=CONFIDENCE, thresholds=thresholds, uncertified=uncertified,
    )  # fmt: skip
    print(f"{len(cases):,} questions; {regression}; of no language that is looked at: {dict(missed)}")
    for language, one in thresholds.items():
        print(
            f"{language}: {made.promise(language).statement}; answers from {one.value:.3f} on; "
            f"{one.answered:,} of {one.covered:,} covered"
        )
    print("\n".join(f"{language}: not certified, {why}" for language, why in uncertified.items()))
    print(f"wrote {made.write()}")


class Stored:
    """Things, each with the language and the wordings in which it is stored, and their vectors."""

    def __init__(self, things: Sequence[Meant], encoder: TellsPieces, rng: random.Random) -> None:
        self._likeness = Likeness(encoder)
        self._home: dict[int, tuple[int, str, tuple[str, ...]]] = {}  # of a thing its place, language and texts
        self._edits: list[Edit] = []
        for place, one in enumerate(things):
            abroad = [language for language in one.wordings if language != ENGLISH and language in NAMES]
            language = ENGLISH if ENGLISH in one.wordings and rng.random() >= ABROAD else rng.choice(abroad)
            texts = tuple(one.wordings[language][: 1 + one.paraphrases])
            self._home[id(one)] = (place, language, texts)
            self._edits.append(_edit(place, texts))
        self._keys = [(place, text) for place, _, texts in self._home.values() for text in texts]
        self._vectors = encoder.encode([text for _, text in self._keys])

    def place(self, one: Meant) -> int | None:
        """The edit of a thing; None where it is not stored."""
        return self._home[id(one)][0] if id(one) in self._home else None

    def asked(self, one: Meant) -> list[str]:
        """The other wordings of a thing, those of an edit that is not English in its own language and in English."""
        _, stored, texts = self._home.get(id(one), (0, ENGLISH, ()))
        return [
            text
            for language, wordings in one.wordings.items()
            if language in NAMES and (stored in (ENGLISH, language) or language == ENGLISH)
            for text in [text for text in wordings if text not in texts][:WORDINGS]
        ]

    def nearest(self, text: str, vector: Vectors) -> tuple[tuple[Candidate, ...], Numbers]:
        """The nearest edits of a question that are judged across languages, with what the regression sees of each."""
        gaps = np.sqrt(np.maximum(2 - 2 * (self._vectors @ vector), 0))
        nearest: dict[int, Match] = {}
        for at in np.argsort(gaps, kind="stable"):
            place, wording = self._keys[at]
            nearest.setdefault(place, Match(edit=self._edits[place], key=wording, distance=float(gaps[at]), radius=0.0))
            if len(nearest) == NEAREST:
                break
        judged = [match for match in nearest.values() if pair_language(text, match.key, NAMES)]
        seen = [self._likeness.features(text, match.key, match.distance) for match in judged]
        return tuple(Candidate(match=match, found=UNLINKED) for match in judged), np.array(seen).reshape(-1, FEATURES)


def asked(
    own: Sequence[tuple[str, Meant]], other: Sequence[tuple[str, Meant]], encoder: TellsPieces, rng: random.Random
) -> Iterator[Case]:
    """Both halves, asked of a store of the first."""
    stored = Stored([one for _, one in own], encoder, rng)
    for source, one in (*own, *other):
        place, told = stored.place(one), stored.asked(one)
        fits = for_stack(next(iter(one.wordings.values()))[0])
        for text, vector in zip(told, encoder.encode(told), strict=True):
            candidates, seen = stored.nearest(text, vector)
            yield Case(
                source=source,
                question=Question(text=text, as_of=None, namespace=DEFAULT_NAMESPACE),
                candidates=candidates,
                seen=seen,
                right=tuple(place is not None and candidate.match.edit.id == str(place) for candidate in candidates),
                covered=place is not None,
                fits=fits,
            )
    print(f"asked {len(own):,} and {len(other):,} things", file=sys.stderr, flush=True)


def _edit(place: int, texts: tuple[str, ...]) -> Edit:
    return Edit(
        id=str(place),
        kind=Kind.INSERTION,
        prompt=texts[0],
        target="-",
        statement="-",
        radius=0.0,
        paraphrases=texts[1:],
        created_at=CREATED,
    )


def fitted(cases: Sequence[Case]) -> Logistic:
    """The regression over all candidates; each language's covered and other questions count as much as another's."""
    groups = [(_language(case), case.covered) for case in cases for _ in case.candidates]
    counts = Counter(groups)
    weights = np.array([1 / counts[group] for group in groups])
    seen = np.concatenate([case.seen for case in cases if case.candidates])
    right = np.array([one for case in cases for one in case.right])
    return fit_logistic(seen, right, ridge=RIDGE, weights=weights * len(weights) / weights.sum())


def judged(case: Case, regression: Logistic) -> tuple[str, Scored]:
    """The language of a question with its best edit, and what firing that would be."""
    if not case.candidates:
        outcome = Outcome.OTHER if case.covered else Outcome.OUTSIDE
        return _language(case), Scored(score=0.0, stratum=None, outcome=outcome, source=case.source)
    scores = regression.probability(case.seen)
    weighed = [
        Weighed(candidate=one, score=float(score), promise=NO_PROMISE)
        for one, score in zip(case.candidates, scores, strict=True)
    ]
    best = guarded(case.question, sorted(weighed, key=lambda one: -one.score))[0]
    right = case.right[case.candidates.index(best.candidate)]
    outcome = Outcome.OUTSIDE if not case.covered else Outcome.RIGHT if right else Outcome.OTHER
    score = 0.0 if best.differs else best.score
    language = pair_language(case.question.text, best.candidate.wording, NAMES)
    return language, Scored(score=score, stratum=FOREIGN, outcome=outcome, source=case.source)


def _language(case: Case) -> str:
    return pair_language(case.question.text, case.candidates[0].wording if case.candidates else "", NAMES)


if __name__ == "__main__":
    main()
