"""A gate calibrated on labelled questions: which policy, with what thresholds, for which model; kept as JSON."""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from kedit_memory.errors import InvalidInputError
from kedit_memory.memory.formats.jsonl import read_lines
from kedit_memory.routing.gate.policies import GateCase, GatePolicy, cases_needed, policy_class
from kedit_memory.routing.gate.signals import Signals
from kedit_memory.text import clean, fold

NOTE = "gate_calibration"  # under which a store keeps it
_VERSION = 1
_BEFORE = "world"  # the background of the calibrations that name none
_AGAIN = "calibrate again with `kedit calibrate gate FILE`"
_FIELDS = ("question", "answers", "relation", "popularity")


@dataclass(frozen=True, kw_only=True)
class GateQuestion:
    """A question with the answers that count.

    Attributes:
        relation: that it asks for, which teaches the classifier its phrasing; None leaves that to the classifier.
        popularity: monthly page views of its subject; None leaves that to the table.
    """

    question: str
    answers: tuple[str, ...]
    relation: str | None = None
    popularity: float | None = None


@dataclass(frozen=True, kw_only=True)
class GateFigures:
    """What came out on questions that the policy was not fitted on: counts of `questions`."""

    questions: int
    right: int
    called: int
    never_right: int
    always_right: int
    oracle_right: int


@dataclass(frozen=True, kw_only=True)
class GateCalibration:
    """A fitted policy with what it rests on.

    Attributes:
        policy: its name.
        parameters: what it learned.
        model: the name of the model that answered.
        search: what found the passages, as `passages.kind_of` names it: another one has other scores.
        passages: how many passages were put before a question.
        budget: the share of calls that it keeps.
        fitted: questions that it was fitted on.
        held_out: what came out on the others.
        background: the name of what the router was given beside its store; empty where that was nothing.
        phrasings: pairs (relation, phrasing) that the classifier was taught beside the background's.
        created: ISO 8601.
    """

    policy: str
    parameters: Mapping[str, Any]
    model: str
    search: str
    passages: int
    budget: float
    fitted: int
    held_out: GateFigures
    background: str = ""
    phrasings: tuple[tuple[str, str], ...] = field(default=())
    created: str

    @property
    def made_with(self) -> tuple[str, str, int, str]:
        """Model, search, number of passages and background: with others it says nothing."""
        return self.model, self.search, self.passages, self.background

    @cached_property
    def fitted_policy(self) -> GatePolicy:
        """The policy, ready to decide."""
        return policy_class(self.policy).of(self.parameters)

    def to_json(self) -> str:
        """What `from_json` reads."""
        return json.dumps({"version": _VERSION} | asdict(self), ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> "GateCalibration":
        """What `to_json` wrote, its policy ready.

        Raises:
            InvalidInputError: it is no calibration of a gate, or of another version.
        """
        try:
            given = json.loads(text)
            _check_version(given.pop("version"))
            figures = GateFigures(**given.pop("held_out"))
            given.setdefault("background", _BEFORE)
            phrasings = tuple((str(name), str(phrasing)) for name, phrasing in given.pop("phrasings"))
            calibration = cls(held_out=figures, phrasings=phrasings, **given)
            calibration.fitted_policy  # noqa: B018 - built now, so that damage is told here
        except InvalidInputError:
            raise
        except (AttributeError, KeyError, LookupError, TypeError, ValueError) as error:
            raise InvalidInputError(f"no calibration of a gate ({error}); {_AGAIN}") from None
        return calibration


def read_gate_questions(path: Path) -> list[GateQuestion]:
    """The questions of a JSONL file, rows {"question": …, "answers": […]}, "relation" and "popularity" if known.

    A repeated question counts once.

    Raises:
        InvalidInputError: the first line that is wrong, or a file that is empty.
        NotFoundError: there is no such file.
    """
    questions: dict[str, GateQuestion] = {}
    for where, row in read_lines(path):
        try:
            one = _question(row)
        except InvalidInputError as error:
            message = str(error).removeprefix(f"{where}: ")
            raise InvalidInputError(f"{path}, {where}: {message}") from None
        questions.setdefault(fold(one.question), one)
    if not questions:
        raise InvalidInputError(f'{path} holds no question; give lines such as {{"question": "…", "answers": ["…"]}}')
    return list(questions.values())


def split(groups: Sequence[str], *, seed: int = 1) -> list[bool]:
    """Whether each question is for fitting: half of the groups are, and a group is never on both sides."""
    names = sorted(set(groups))
    fitting = set(random.Random(f"gate:{seed}").sample(names, (len(names) + 1) // 2))  # noqa: S311 - a sample
    return [group in fitting for group in groups]


def check_size(questions: int, budget: float) -> None:
    """Refuse a file that cannot show whether the budget is kept.

    Raises:
        InvalidInputError: the budget is no share, or there are too few questions.
    """
    if not 0 < budget <= 1:  # NaN fails the comparison
        raise InvalidInputError(f"budget {budget:g} is no share of calls; give more than 0, 1 at most")
    if questions < (needed := 2 * cases_needed(budget)):
        raise InvalidInputError(
            f"{questions:,} questions are too few for the budget {budget:g}: {needed:,} are needed, half to fit and "
            "half to check; label more"
        )


def judged(policy: GatePolicy, cases: Sequence[GateCase]) -> GateFigures:
    """What a policy does with questions."""
    called = [policy.decide(case.signals.before_search()).retrieve for case in cases]
    right = [
        case.read if call and policy.decide(case.signals).retrieve else case.alone
        for case, call in zip(cases, called, strict=True)
    ]
    return GateFigures(
        questions=len(cases),
        right=sum(right),
        called=sum(called),
        never_right=sum(case.alone for case in cases),
        always_right=sum(case.read for case in cases),
        oracle_right=sum(case.alone or case.read for case in cases),
    )


def known_signals(asked: GateQuestion, signals: Signals, tier: int | None) -> Signals:
    """The signals with what the file knows better."""
    relation = asked.relation or signals.relation
    if tier is None:
        return replace(signals, relation=relation)
    return replace(signals, relation=relation, popularity=float(-tier), tier=tier)


def _check_version(version: object) -> None:
    if version != _VERSION:
        raise InvalidInputError(f"a calibration of the gate of version {version!r}, known is {_VERSION}; {_AGAIN}")


def _question(row: object) -> GateQuestion:
    """A row as a question, or the error that stands in its place."""
    if isinstance(row, InvalidInputError):
        raise row
    if not isinstance(row, dict):
        raise InvalidInputError(f"{type(row).__name__} is no object; give the fields {', '.join(_FIELDS)}")
    if unknown := sorted(row.keys() - set(_FIELDS)):
        raise InvalidInputError(f"unknown field {unknown[0]!r} (known: {', '.join(_FIELDS)})")
    if missing := sorted({"question", "answers"} - row.keys()):
        raise InvalidInputError(f"no field {missing[0]!r}; give the question and the list of its answers")
    answers, relation, views = row["answers"], row.get("relation"), row.get("popularity")
    if not isinstance(answers, list) or not answers:
        raise InvalidInputError("answers are no list, or none; give a list of texts that count as right")
    if views is not None and (isinstance(views, bool) or not isinstance(views, int | float) or not views >= 0):
        raise InvalidInputError(f"popularity {views!r} is no number of monthly views; give 0 or more, or leave it out")
    return GateQuestion(
        question=clean(row["question"], "question"),
        answers=tuple(clean(answer, "answer") for answer in answers),
        relation=None if relation is None else clean(relation, "relation"),
        popularity=None if views is None else float(views),
    )
