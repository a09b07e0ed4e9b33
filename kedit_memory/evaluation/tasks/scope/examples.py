"""What a reader of scope is trained on: a question, an edit, and whether the one covers the other."""

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from kedit_memory.errors import InvalidInputError
from kedit_memory.evaluation.tasks.scope.cases import TRAINING, ScopeCase, ScopeEdit, ScopeSet

_POSITIVE, _EASY, _HARD = 0.45, 0.05, 0.15  # shares of examples; the rest are the set's own negatives


@dataclass(frozen=True, kw_only=True)
class Example:
    """A question beside an edit in one of its wordings.

    Attributes:
        question: what is asked.
        turns: what was said before it, oldest first.
        wording: the edit's prompt, one of its paraphrases, or the statement itself.
        answer: the edit's target; empty where the wording is the statement.
        names: by which the subject is called in either text; empty where the edit has no subject.
        covered: whether the edit answers the question.
    """

    question: str
    wording: str
    answer: str
    covered: bool
    turns: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


def examples_of(
    one: ScopeSet, rng: random.Random, *, near: Mapping[int, Sequence[int]] | None = None
) -> Iterator[Example]:
    """Examples of a set's training part, without end.

    Covered questions are drawn edit by edit, in a wording that is not the question itself; the set's negatives kind by
    kind, each as often as another. Some covered questions are put beside another edit of the training part: one drawn
    at random, or one of `near`, which holds for the place of an edit those that are alike and cover none of its
    questions.

    Raises:
        InvalidInputError: the set has no covered question in its training part, or only own wordings.
    """
    return _Drawing(one, rng, near or {}).examples()


class _Drawing:
    """The training part of a set, by what is drawn from it."""

    def __init__(self, one: ScopeSet, rng: random.Random, near: Mapping[int, Sequence[int]]) -> None:
        self.rng, self.edits, self.near = rng, one.edits, near
        self.places = [place for place, edit in enumerate(one.edits) if edit.part == TRAINING]
        self.covered: dict[int, list[ScopeCase]] = defaultdict(list)
        self.others: dict[str, list[ScopeCase]] = defaultdict(list)
        for case in one.cases:
            if case.part != TRAINING:
                continue
            if not case.covered:
                self.others[case.kind].append(case)
            elif _wordings(one.edits[case.edit], case.question):
                self.covered[case.edit].append(case)
        if not self.covered:
            raise InvalidInputError(f"{one.name} has no covered questions to train on")
        self.asked = list(self.covered)
        self.hard = [place for place in self.asked if near.get(place)]
        self.kinds = list(self.others)

    def examples(self) -> Iterator[Example]:
        while True:
            roll = self.rng.random()
            if roll < _POSITIVE:
                yield self._example(self._question(self.asked))
            elif roll < _POSITIVE + _HARD and self.hard:
                case = self._question(self.hard)
                yield self._example(case, self.rng.choice(self.near[case.edit]))
            elif roll < 1 - _EASY and self.kinds:
                yield self._example(self.rng.choice(self.others[self.rng.choice(self.kinds)]))
            elif len(self.places) > 1:
                case = self._question(self.asked)
                yield self._example(
                    case, self.rng.choice([p for p in self.rng.sample(self.places, 2) if p != case.edit])
                )

    def _question(self, places: Sequence[int]) -> ScopeCase:
        return self.rng.choice(self.covered[self.rng.choice(places)])

    def _example(self, case: ScopeCase, other: int | None = None) -> Example:
        """The case's question beside its own edit, or beside another one, which does not cover it."""
        edit = self.edits[case.edit if other is None else other]
        wording = self.rng.choice(_wordings(edit, case.question) or (edit.prompt,))
        texts = f"{case.question} {wording}".casefold()
        names = (name for name in (edit.subject, *edit.aliases) if name and name.casefold() in texts)
        return Example(
            question=case.question,
            turns=case.turns,
            wording=wording,
            answer="" if wording == edit.target else edit.target,
            names=tuple(dict.fromkeys(names)),
            covered=case.covered and other is None,
        )


def _wordings(edit: ScopeEdit, question: str) -> tuple[str, ...]:
    """The edit's prompt and paraphrases that are not the question itself."""
    own = question.casefold()
    return tuple(text for text in (edit.prompt, *edit.paraphrases) if text.casefold() != own)
