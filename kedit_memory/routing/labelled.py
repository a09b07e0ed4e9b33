"""Labelled questions, from a file, and what the router makes of each: the cases that thresholds are certified on."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from kedit_memory.errors import InvalidInputError, UnknownNameError
from kedit_memory.memory.formats.jsonl import read_lines
from kedit_memory.routing.dialogue import Dialogue, spoken
from kedit_memory.routing.question import EXACT
from kedit_memory.routing.strata import STRATA
from kedit_memory.text import clean, fold


class Outcome(StrEnum):
    """What firing the best candidate would be.

    RIGHT: it is the labelled edit. OTHER: an edit answers the question, but another one came out best, so that firing
    is an error and silence a miss. OUTSIDE: no edit answers the question, so that firing is a false fire.
    """

    RIGHT = "right"
    OTHER = "other"
    OUTSIDE = "outside"


class Judgement(Protocol):
    """The best candidate of a question before any threshold, as the router judges it."""

    @property
    def edit_id(self) -> str | None:
        """The candidate; None where there was none."""
        ...

    @property
    def score(self) -> float:
        """The verifier's estimate that it answers, 0 to 1."""
        ...

    @property
    def stratum(self) -> str:
        """How the candidate was found."""
        ...


@dataclass(frozen=True, kw_only=True)
class LabelledQuestion:
    """A question with the id of the edit that answers it; None where no edit does.

    `turns` are what was said before it, oldest first.
    """

    question: str
    edit: str | None
    turns: tuple[str, ...] = ()

    @property
    def asked(self) -> str | Dialogue:
        """The question, or the dialogue that it ends."""
        return spoken(self.question, self.turns)


@dataclass(frozen=True, kw_only=True)
class Scored:
    """One judged question: the best candidate's score, its stratum, what firing it would be, and the set it is from.

    A question without any candidate has the score 0 and no stratum: it belongs to no threshold, and cannot fire.
    """

    score: float
    stratum: str | None
    outcome: Outcome
    source: str

    def __post_init__(self) -> None:
        if not 0 <= self.score <= 1:  # NaN fails the comparison
            raise InvalidInputError(f"score {self.score} is not allowed; a verifier gives a number from 0 to 1")
        if self.stratum not in (None, EXACT, *STRATA):
            raise UnknownNameError("stratum", str(self.stratum), (EXACT, *STRATA))


def read_cases(path: Path, *, known: Collection[str]) -> list[LabelledQuestion]:
    """The labelled questions of a JSONL file; a repeated one counts once.

    Rows are {"question": …, "edit": id or null}, with "turns": […] where something was said before. Two questions are
    the same when they and their turns differ in case, accents or blanks at most. `known` are the ids of the edits that
    can answer.

    Raises:
        InvalidInputError: the first line that is wrong, or a file that is empty or has one class only.
        NotFoundError: there is no such file.
    """
    labelled: dict[tuple[str, ...], tuple[LabelledQuestion, str]] = {}
    for where, row in read_lines(path):
        try:
            case = _labelled(row, known)
            said = tuple(map(fold, (*case.turns, case.question)))
            _check_label(case, *labelled.setdefault(said, (case, where)))
        except InvalidInputError as error:
            message = str(error).removeprefix(f"{where}: ")
            raise InvalidInputError(f"{path}, {where}: {message}") from None
    cases = [case for case, _ in labelled.values()]
    if not cases:
        raise InvalidInputError(f'{path} holds no question; give lines such as {{"question": "…", "edit": null}}')
    if len({case.edit is None for case in cases}) == 1:
        lacking = "with an edit that answers it" if cases[0].edit is None else 'with "edit": null, out of scope'
        raise InvalidInputError(f"{path}: no question {lacking}; both kinds are needed, so add some")
    return cases


def score_cases(labelled: Sequence[LabelledQuestion], judged: Sequence[Judgement], source: str) -> list[Scored]:
    """The cases to calibrate on, from labels and judgements in the same order, both from one source.

    An edit's own wording keeps its stratum, for which no threshold is sought.

    Raises:
        InvalidInputError: a question out of scope is an edit's own wording, which fires whatever the threshold.
    """
    cases = []
    for asked, found in zip(labelled, judged, strict=True):
        outcome = Outcome.OUTSIDE if asked.edit is None else Outcome.OTHER
        if found.edit_id is None:
            cases.append(Scored(score=0.0, stratum=None, outcome=outcome, source=source))
            continue
        if asked.edit is None and found.stratum == EXACT:
            raise InvalidInputError(
                f"{asked.question!r} is labelled out of scope, but is the wording of {found.edit_id}, so it fires at "
                f"any threshold; label it {found.edit_id}, or leave it out"
            )
        outcome = Outcome.RIGHT if found.edit_id == asked.edit else outcome
        cases.append(Scored(score=found.score, stratum=found.stratum, outcome=outcome, source=source))
    return cases


def _labelled(row: object, known: Collection[str]) -> LabelledQuestion:
    """A row as a case, or the error that stands in its place."""
    names = {field.name for field in fields(LabelledQuestion)}
    if isinstance(row, InvalidInputError):
        raise row
    if not isinstance(row, dict):
        raise InvalidInputError(f"{type(row).__name__} is no object; give fields {', '.join(sorted(names))}")
    if unknown := sorted(row.keys() - names):
        raise InvalidInputError(f"unknown field {unknown[0]!r} (known: {', '.join(sorted(names))})")
    if missing := sorted(names - row.keys() - {"turns"}):
        raise InvalidInputError(f"no field {missing[0]!r}; give the question, and the id of its edit or null")
    edit = None if row["edit"] is None else clean(row["edit"], "edit")
    if edit is not None and edit not in known:
        raise InvalidInputError(f"no active edit {edit[:60]!r} here; see `kedit list`, or give null if none answers")
    return LabelledQuestion(question=clean(row["question"], "question"), edit=edit, turns=_turns(row.get("turns", [])))


def _turns(given: object) -> tuple[str, ...]:
    if not isinstance(given, list):
        raise InvalidInputError(f"turns is {type(given).__name__}, not a list of texts, oldest first")
    return tuple(clean(turn, f"turns[{place}]") for place, turn in enumerate(given))


def _check_label(case: LabelledQuestion, first: LabelledQuestion, line: str) -> None:
    """Refuse a question whose label is another than where it came first."""
    if case.edit != first.edit:
        now, then = (one.edit or "out of scope" for one in (case, first))
        raise InvalidInputError(f"the same question is labelled {now} here and {then} in {line}; decide for one")
