"""When a free answer counts: judges by name, the same for every task, and when an answer is still the same one.

A model answers in its own form: one that this project trained says the answer and stops, a base model says it and goes
on, a chat model says it in a sentence. `DEFAULT` takes all three, and no answer that names something else first. Of 48
answers of SmolLM2 that a reader judged it agrees on 45, `begins` on 19 (tests/evaluation/test_judges.py):

    Oslo                              equal  begins  contains  alternatives
    Oslo. The capital of Norway is           begins  contains  alternatives
    The capital of Norway is Oslo.                   contains  alternatives
    Stockholm, and not Oslo.                         contains

A judge is named in every row that it had a part in.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

from kedit_memory.errors import UnknownNameError
from kedit_memory.evaluation.case import Question
from kedit_memory.evaluation.measures import normalise
from kedit_memory.models.named import load_model
from kedit_memory.models.prompts import Prompt
from kedit_memory.routing.said import holds

DEFAULT = "alternatives"
# Where a wrong yes costs more than a wrong no, as where a memory no longer answers what a model was found to say.
STRICT = "begins"
SAME = "same"  # what locality goes by
OF_MODEL = "model:"  # before the name of a model that judges

_ENOUGH = 0.5  # of the F1 of words
_VERDICT = 4  # tokens of a model's verdict
_ASKED = (
    "Question: {question}\nExpected answer: {expected}\nGiven answer: {given}\n"
    "Does the given answer say what the expected one says? Answer yes or no."
)
_END = re.compile(r"[\s.]+$")


@runtime_checkable
class Judge(Protocol):
    """Says which answers are right."""

    @property
    def name(self) -> str:
        """As rows tell it, and as `judge_of` takes it."""
        ...

    def __call__(self, said: str, question: Question) -> bool:
        """Whether an answer to a question is one that counts."""
        ...


@dataclass(frozen=True)
class OfWords:
    """A judge that compares texts."""

    name: str
    counts: Callable[[str, Question], bool]

    def __call__(self, said: str, question: Question) -> bool:
        """Whether the answer counts; an empty one never does."""
        return bool(normalise(said)) and self.counts(said, question)


@dataclass(frozen=True)
class OfModel:
    """A judge that asks a model of its own, read at the first answer: no method changes it."""

    model_name: str

    @property
    def name(self) -> str:
        """With the model's name."""
        return f"{OF_MODEL}{self.model_name}"

    @cached_property
    def _model(self) -> Any:
        return load_model(self.model_name)

    def __call__(self, said: str, question: Question) -> bool:
        """Whether the model says yes."""
        asked = _ASKED.format(question=question.text, expected=" or ".join(question.accepted), given=said.strip())
        (verdict,) = self._model.answer_many([Prompt(question=asked)], max_new_tokens=_VERDICT)
        return normalise(verdict).split()[:1] == ["yes"]


def equal(said: str, question: Question) -> bool:
    """The answer and nothing else; one that says more is wrong, though its first words are right."""
    return is_answer(said, question.accepted)


def begins(said: str, question: Question) -> bool:
    """The answer first, whatever follows it, as a base model goes on; one in a sentence is wrong."""
    given = f"{normalise(said)} "
    return any(given.startswith(f"{answer} ") for answer in map(normalise, question.accepted) if answer)


def contains(said: str, question: Question) -> bool:
    """The answer somewhere; where the question holds it already, but for offering it, at the beginning.

    A name that was in the question is found in a sentence that takes its words up, whatever that says.
    """
    asked = question.bare or question.text
    return any(_names(said, answer) for answer in question.accepted if not _names(asked, answer)) or begins(
        said, question
    )


def alternatives(said: str, question: Question) -> bool:
    """The answer somewhere as in `contains`, and before it neither the old one nor another known to be wrong."""
    others = (*question.truth, *question.rejected)
    return contains(said, question) and not any(_names(_before(said, question), one) for one in others)


def token_f1(said: str, question: Question) -> bool:
    """Enough of the answer's words and few others: a harmonic mean of precision and recall of one half or more."""
    return max((_f1(said, answer) for answer in question.accepted), default=0.0) >= _ENOUGH


_OF_WORDS: tuple[Callable[[str, Question], bool], ...] = (equal, begins, contains, alternatives, token_f1)
JUDGES: Mapping[str, Judge] = {counts.__name__: OfWords(counts.__name__, counts) for counts in _OF_WORDS}


def judge_of(name: str) -> Judge:
    """The judge of a name; `model:NAME` asks the model NAME, which is loaded at the first answer.

    Raises:
        UnknownNameError: there is no such judge.
    """
    if name.startswith(OF_MODEL) and name != OF_MODEL:
        return OfModel(name.removeprefix(OF_MODEL))
    if name not in JUDGES:
        raise UnknownNameError("judge", name, [*JUDGES, f"{OF_MODEL}NAME"])
    return JUDGES[name]


def is_answer(said: str, accepted: Iterable[str]) -> bool:
    """Whether a text is one of the accepted answers, after normalisation."""
    given = normalise(said)
    return bool(given) and any(given == normalise(answer) for answer in accepted)


def same(said: str, before: str) -> bool:
    """Whether an answer is the one from before, up to case, blanks and a full stop at the end."""
    return _plain(said) == _plain(before)


def _plain(text: str) -> str:
    return " ".join(_END.sub("", text).casefold().split())


def _names(text: str, answer: str) -> bool:
    """Whether a text holds an answer, as it is written or but for accents and articles."""
    wanted = normalise(answer)
    return bool(wanted) and (holds(text, answer) or f" {wanted} " in f" {normalise(text)} ")


def _before(said: str, question: Question) -> str:
    """What stands before the first accepted answer; nothing where none stands there word for word."""
    given = normalise(said)
    places = [given.find(answer) for answer in map(normalise, question.accepted) if answer]
    return given[: min((place for place in places if place >= 0), default=0)]


def _f1(said: str, answer: str) -> float:
    given, wanted = normalise(said).split(), normalise(answer).split()
    common = sum((Counter(given) & Counter(wanted)).values())
    return 2 * common / (len(given) + len(wanted)) if wanted else 0.0
