"""Thresholds for the verifier's scores that certify how often an edit fires on a question that none answers.

Learn then Test (Angelopoulos, Bates, Candès, Jordan and Lei, "Learn then Test: calibrating predictive algorithms to
achieve risk control", 2021; Annals of Applied Statistics 2025), with fixed-sequence testing. It assumes that the
labelled questions are drawn independently from those that will be asked, and were not used to train the verifier.
"""

import json
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol, Self, TypeAlias, TypeVar, get_origin

import numpy as np
import numpy.typing as npt

from kedit_memory.errors import InvalidInputError, UnknownNameError
from kedit_memory.memory.formats.jsonl import read_lines
from kedit_memory.records import Encoder
from kedit_memory.routing.question import EXACT, FUZZY, LINKED, UNLINKED
from kedit_memory.text import clean, fold

Numbers: TypeAlias = npt.NDArray[np.float64]
_T = TypeVar("_T")

NOTE = "scope_calibration"  # under which a store keeps it
STRATA = (LINKED, FUZZY, UNLINKED)  # those with a threshold: how the question names the edit's subject
_VERSION = 1
_AGAIN = "calibrate again with `kedit calibrate scope FILE`"

# From sigmoid(10) to sigmoid(-5) in steps of 0.01: a classifier's scores crowd at both ends. 1 comes first, because a
# saturated score is one, and 0 never: it is the score of no candidate.
GRID = (1.0, *(1 / (1 + math.exp(-step / 100)) for step in range(1000, -501, -1)))


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
    """A question with the id of the edit that answers it; None where no edit does."""

    question: str
    edit: str | None


@dataclass(frozen=True, kw_only=True)
class Scored:
    """One judged question: the best candidate's score, its stratum, and what firing it would be.

    A question without any candidate has the score 0 and no stratum: it belongs to no threshold, and cannot fire.
    """

    score: float
    stratum: str | None
    outcome: Outcome

    def __post_init__(self) -> None:
        if not 0 <= self.score <= 1:  # NaN fails the comparison
            raise InvalidInputError(f"score {self.score} is not allowed; a verifier gives a number from 0 to 1")
        if self.stratum not in (None, EXACT, *STRATA):
            raise UnknownNameError("stratum", str(self.stratum), (EXACT, *STRATA))


@dataclass(frozen=True, kw_only=True)
class Basis:
    """What a calibration was made with. `edits` are the active ones: the more, the more chances to fire."""

    encoder: str
    encoder_revision: str
    verifier: str  # its fingerprint
    namespace: str
    edits: int
    created: str  # ISO 8601


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """A certified threshold with the counts that it rests on.

    Attributes:
        value: scores from here on fire.
        outside: questions that no edit answers.
        fired: those of them that fire.
        upper: the upper bound of their false-fire rate (Clopper and Pearson, 1934), one-sided, at the calibration's
            confidence, read at this threshold alone: never above alpha, which is what is certified.
        other: questions whose best candidate is not the edit that answers them.
        other_fired: those of them that fire.
        covered: questions that an edit answers, `other` among them.
        answered: those of them that fire with the right edit.
        coverage_low: with `coverage_high`, the exact 95% interval of `coverage`.
        coverage_high: see `coverage_low`.
    """

    value: float
    outside: int
    fired: int
    upper: float
    other: int
    other_fired: int
    covered: int
    answered: int
    coverage_low: float
    coverage_high: float

    def __post_init__(self) -> None:
        counts = ((self.fired, self.outside), (self.other_fired, self.other), (self.answered, self.covered))
        if not all(0 <= part <= whole for part, whole in counts) or self.outside == 0:
            raise InvalidInputError("a threshold counts more questions that fire than there are")
        if not 0 < self.value <= 1 or not 0 <= self.coverage_low <= self.coverage_high <= 1 or not 0 <= self.upper <= 1:
            raise InvalidInputError("a threshold or a bound is not between 0 and 1")

    @property
    def coverage(self) -> float | None:
        """The share of covered questions that fire with the right edit; None where there was none."""
        return self.answered / self.covered if self.covered else None


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Thresholds by stratum, which all hold together with the stated confidence.

    Attributes:
        alpha: the highest false-fire rate that is allowed, of each stratum.
        confidence: the least probability, over the draw of the labelled questions, that no stratum exceeds it.
        cases: labelled questions.
        missed: covered ones for which no candidate was found: no threshold answers them.
        basis: what it was made with.
        thresholds: by stratum.
        uncertified: why the other strata have none; they take the strictest of the certified thresholds.
    """

    alpha: float
    confidence: float
    cases: int
    missed: int
    basis: Basis
    thresholds: Mapping[str, Threshold]
    uncertified: Mapping[str, str]

    def __post_init__(self) -> None:
        _check_rates(self.alpha, self.confidence)
        if sorted([*self.thresholds, *self.uncertified]) != sorted(STRATA):
            raise InvalidInputError(f"each of {', '.join(STRATA)} is certified or not, once")
        if not all(isinstance(reason, str) for reason in self.uncertified.values()):
            raise InvalidInputError("a reason is no text")

    def threshold(self, stratum: str) -> float:
        """The score from which a candidate of the stratum answers."""
        held = self.thresholds.get(stratum)
        return held.value if held else max(one.value for one in self.thresholds.values())

    def statement(self, stratum: str) -> str:
        """What is promised for a stratum, in one sentence.

        Raises:
            UnknownNameError: there is no such stratum.
        """
        if stratum in self.uncertified:
            return f"not certified: {self.uncertified[stratum]}"
        if stratum not in self.thresholds:
            raise UnknownNameError("stratum", stratum, STRATA)
        held = self.thresholds[stratum]
        return (
            f"false fires ≤ {_percent(self.alpha)} with {_percent(self.confidence).replace('.0%', '%')} confidence "
            f"(n {held.outside:,} out-of-scope questions, {held.fired:,} fired)"
        )

    def check(self, encoder: Encoder, verifier: str | None) -> None:
        """Refuse what the bound was not measured on; `verifier` is a fingerprint, None for the one that it came with.

        Raises:
            InvalidInputError: the calibration was made with another encoder or verifier.
        """
        basis = self.basis
        for kind, made, given in (
            ("encoder", f"{basis.encoder} {basis.encoder_revision}", f"{encoder.name} {encoder.revision}"),
            ("verifier", basis.verifier, verifier),
        ):
            if given not in (made, None):
                raise InvalidInputError(f"the calibration was made with {kind} {made}, not {given}; {_AGAIN}")

    def to_json(self) -> str:
        """All of it as one JSON object."""
        return json.dumps({"version": _VERSION, **asdict(self)}, ensure_ascii=False, allow_nan=False, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """What `to_json` wrote.

        Raises:
            InvalidInputError: another version, a missing, unknown or impossible value, or no JSON.
        """
        try:
            given = json.loads(text, parse_constant=_refuse_constant)
            if not isinstance(given, dict) or given.pop("version", None) != _VERSION:
                raise InvalidInputError(f"its version is not {_VERSION}, the only one known")
            given["basis"] = _built(Basis, given.get("basis"))
            held = given.get("thresholds")
            if isinstance(held, dict):
                given["thresholds"] = {stratum: _built(Threshold, one) for stratum, one in held.items()}
            return _built(cls, given)
        except (ValueError, RecursionError) as error:  # of JSON, or an InvalidInputError
            raise InvalidInputError(f"the calibration cannot be used: {error}; {_AGAIN}") from None


def certify(
    cases: Sequence[Scored], *, basis: Basis, alpha: float, confidence: float = 0.95, grid: Iterable[float] = GRID
) -> Calibration:
    """The most lenient threshold of each stratum that keeps false fires at or below `alpha`.

    Thresholds of the grid are tested from the strictest on, each at the full level (Learn then Test, Algorithm 1 with
    one start), until one is not rejected; the last before it is taken. The null hypothesis of a threshold says that
    the false-fire rate is above alpha, over the questions that no edit answers, or that over all questions the share
    which an edit answers that is not theirs is: it is rejected when both exact binomial tests reject, an
    intersection-union test, so neither kind of error can hide behind the other. The strata share 1 - confidence
    equally (Bonferroni).

    An edit whose name is merely like one in the question never needs less than one whose name is there: its threshold
    is raised to that of `linked`, which can only lower both shares.

    A stratum without cases, with too few, or with false fires at every threshold is not certified, and why is said.
    Which strata have enough cases is decided by their numbers alone, before any score is looked at.

    Raises:
        InvalidInputError: no stratum can be certified, or a rate or threshold is out of range.
    """
    _check_rates(alpha, confidence)
    ladder = _ladder(grid)
    scores = {stratum: _by_outcome(case for case in cases if case.stratum == stratum) for stratum in STRATA}
    counts = {stratum: len(scores[stratum][Outcome.OUTSIDE]) for stratum in STRATA}
    tested = _testable(counts, alpha, confidence)
    thresholds: dict[str, Threshold] = {}
    uncertified: dict[str, str] = {}
    for stratum in STRATA:
        if stratum not in tested:
            needed = cases_needed(alpha, (1 - confidence) / (len(tested) + 1))
            uncertified[stratum] = f"{counts[stratum]:,} out-of-scope questions, at least {needed:,} are needed"
            continue
        value = _most_lenient(scores[stratum], ladder, alpha, (1 - confidence) / len(tested))
        if value is None:
            uncertified[stratum] = _at_worst(_threshold(scores[stratum], float(ladder[0]), confidence))
        else:
            least = thresholds[LINKED].value if stratum == FUZZY and LINKED in thresholds else 0.0
            thresholds[stratum] = _threshold(scores[stratum], max(value, least), confidence)
    if not thresholds:
        reasons = "; ".join(f"{stratum}: {reason}" for stratum, reason in uncertified.items())
        raise InvalidInputError(
            f"no threshold can be certified for false fires ≤ {_percent(alpha)}; {reasons}; "
            "label more questions that no edit answers, or allow a larger alpha"
        )
    return Calibration(
        alpha=alpha,
        confidence=confidence,
        cases=len(cases),
        missed=sum(case.stratum is None and case.outcome is not Outcome.OUTSIDE for case in cases),
        basis=basis,
        thresholds=thresholds,
        uncertified=uncertified,
    )


def threshold_at(cases: Iterable[Scored], value: float, confidence: float = 0.95) -> Threshold:
    """What a threshold does to these cases, whether or not it was chosen on them; nothing is certified.

    Raises:
        InvalidInputError: none of the cases is out of scope.
    """
    return _threshold(_by_outcome(cases), value, confidence)


def cases_needed(alpha: float, level: float) -> int:
    """The fewest out-of-scope questions that can certify `alpha` at an error `level`, if not one of them fires.

    From (1 - alpha)^n ≤ level.
    """
    return math.ceil(math.log(level) / math.log1p(-alpha))


def binomial_tails(trials: int, share: float, largest: int) -> Numbers:
    """P(Bin(trials, share) ≤ k) for k = 0 … largest, shape (largest + 1,), summed in logarithms; 0 < share < 1."""
    return np.minimum(1.0, np.exp(np.logaddexp.accumulate(_log_masses(_log_choose(trials, largest), trials, share))))


def upper_bound(successes: int, trials: int, level: float) -> float:
    """The share above which so few successes have a probability below `level` (Clopper and Pearson, 1934)."""
    if successes == trials:
        return 1.0
    choose, wanted = _log_choose(trials, successes), math.log(level)
    low, high = successes / trials, 1.0
    while high - low > 1e-12:
        middle = (low + high) / 2
        masses = _log_masses(choose, trials, middle)
        peak = float(masses.max())
        if peak + math.log(np.exp(masses - peak).sum()) > wanted:
            low = middle
        else:
            high = middle
    return high


def interval(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """The exact two-sided interval of a share (Clopper and Pearson, 1934); (0, 1) for no trials."""
    if trials == 0:
        return 0.0, 1.0
    level = (1 - confidence) / 2
    return 1 - upper_bound(trials - successes, trials, level), upper_bound(successes, trials, level)


@dataclass(frozen=True, kw_only=True)
class ReliabilityBin:
    """The cases whose scores lie in one bin: their mean score, the share that came true, their number."""

    score: float
    share: float
    n: int


def reliability_bins(scores: Sequence[float], outcomes: Sequence[bool], bins: int = 10) -> list[ReliabilityBin]:
    """The points of a reliability diagram: bins of equal width in [0, 1], lowest first, empty ones left out.

    Raises:
        InvalidInputError: no bins, a score outside [0, 1], or not one outcome a score.
    """
    given, true = np.asarray(scores, dtype=np.float64), np.asarray(outcomes, dtype=np.float64)  # (cases,)
    if bins < 1 or given.shape != true.shape or not np.all((given >= 0) & (given <= 1)):
        raise InvalidInputError("reliability needs one bin or more, scores from 0 to 1, and an outcome for each")
    places = np.searchsorted(np.arange(1, bins) / bins, given, side="right")
    members = (places == place for place in np.unique(places))
    return [
        ReliabilityBin(score=float(given[of].mean()), share=float(true[of].mean()), n=int(of.sum())) for of in members
    ]


def calibration_error(bins: Sequence[ReliabilityBin]) -> float:
    """The expected calibration error, 0 to 1: the mean gap of score and share (Guo et al., 2017, equation 3).

    Raises:
        InvalidInputError: there is no bin.
    """
    if not bins:
        raise InvalidInputError("no cases, so no calibration error; give at least one")
    return sum(one.n * abs(one.score - one.share) for one in bins) / sum(one.n for one in bins)


def read_cases(path: Path, *, known: Collection[str]) -> list[LabelledQuestion]:
    """The labelled questions of a JSONL file, rows {"question": …, "edit": id or null}; a repeated one counts once.

    Two questions are the same when they differ in case, accents or blanks at most. `known` are the ids of the edits
    that can answer.

    Raises:
        InvalidInputError: the first line that is wrong, or a file that is empty or has one class only.
        NotFoundError: there is no such file.
    """
    labelled: dict[str, tuple[LabelledQuestion, str]] = {}
    for where, row in read_lines(path):
        try:
            case = _labelled(row, known)
            _check_label(case, *labelled.setdefault(fold(case.question), (case, where)))
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


def score_cases(labelled: Sequence[LabelledQuestion], judged: Sequence[Judgement]) -> list[Scored]:
    """The cases to calibrate on, from labels and judgements in the same order.

    An edit's own wording keeps its stratum, for which no threshold is sought.

    Raises:
        InvalidInputError: a question out of scope is an edit's own wording, which fires whatever the threshold.
    """
    cases = []
    for asked, found in zip(labelled, judged, strict=True):
        outcome = Outcome.OUTSIDE if asked.edit is None else Outcome.OTHER
        if found.edit_id is None:
            cases.append(Scored(score=0.0, stratum=None, outcome=outcome))
            continue
        if asked.edit is None and found.stratum == EXACT:
            raise InvalidInputError(
                f"{asked.question!r} is labelled out of scope, but is the wording of {found.edit_id}, so it fires at "
                f"any threshold; label it {found.edit_id}, or leave it out"
            )
        outcome = Outcome.RIGHT if found.edit_id == asked.edit else outcome
        cases.append(Scored(score=found.score, stratum=found.stratum, outcome=outcome))
    return cases


def _testable(counts: Mapping[str, int], alpha: float, confidence: float) -> list[str]:
    """The strata with enough cases, most first: as many as can share the error and still each have enough."""
    ranked = sorted(counts, key=lambda stratum: -counts[stratum])
    for shares in range(len(ranked), 0, -1):
        if counts[ranked[shares - 1]] >= cases_needed(alpha, (1 - confidence) / shares):
            return ranked[:shares]
    return []


def _by_outcome(cases: Iterable[Scored]) -> dict[Outcome, Numbers]:
    """Scores by outcome, each of shape (cases,), ascending."""
    scores: dict[Outcome, list[float]] = {outcome: [] for outcome in Outcome}
    for case in cases:
        scores[case.outcome].append(case.score)
    return {outcome: np.sort(np.asarray(found, dtype=np.float64)) for outcome, found in scores.items()}


def _reaching(scores: Numbers, thresholds: Numbers) -> npt.NDArray[np.intp]:
    """How many of the ascending scores reach each threshold."""
    return len(scores) - np.searchsorted(scores, thresholds, side="left")


def _most_lenient(scores: Mapping[Outcome, Numbers], ladder: Numbers, alpha: float, level: float) -> float | None:
    """The last threshold of the ladder before the first whose null hypothesis is not rejected; None if that is all."""
    fired = _reaching(scores[Outcome.OUTSIDE], ladder)  # (thresholds,)
    wrong = fired + _reaching(scores[Outcome.OTHER], ladder)
    outside = len(scores[Outcome.OUTSIDE])
    asked = sum(map(len, scores.values()))
    p_values = np.maximum(
        binomial_tails(outside, alpha, int(fired.max()))[fired], binomial_tails(asked, alpha, int(wrong.max()))[wrong]
    )
    rejected = int(np.logical_and.accumulate(p_values <= level).sum())
    return float(ladder[rejected - 1]) if rejected else None


def _threshold(scores: Mapping[Outcome, Numbers], value: float, confidence: float) -> Threshold:
    total = {outcome: len(found) for outcome, found in scores.items()}
    fire = {outcome: int(_reaching(found, np.array([value]))[0]) for outcome, found in scores.items()}
    covered = total[Outcome.RIGHT] + total[Outcome.OTHER]
    low, high = interval(fire[Outcome.RIGHT], covered)
    return Threshold(
        value=value,
        outside=total[Outcome.OUTSIDE],
        fired=fire[Outcome.OUTSIDE],
        upper=upper_bound(fire[Outcome.OUTSIDE], total[Outcome.OUTSIDE], 1 - confidence),
        other=total[Outcome.OTHER],
        other_fired=fire[Outcome.OTHER],
        covered=covered,
        answered=fire[Outcome.RIGHT],
        coverage_low=low,
        coverage_high=high,
    )


def _at_worst(strictest: Threshold) -> str:
    """Why a stratum with enough cases has no threshold."""
    return (
        f"even at threshold {strictest.value:.6g} {strictest.fired:,} of {strictest.outside:,} out-of-scope questions "
        f"fire, and {strictest.other_fired:,} of {strictest.other:,} with a wrong edit in front"
    )


def _log_choose(trials: int, largest: int) -> Numbers:
    """Logarithms of the binomial coefficients for k = 0 … largest."""
    picked = np.fromiter(map(math.lgamma, range(1, largest + 2)), np.float64)
    left = np.fromiter(map(math.lgamma, range(trials + 1, trials - largest, -1)), np.float64)
    return math.lgamma(trials + 1) - picked - left


def _log_masses(log_choose: Numbers, trials: int, share: float) -> Numbers:
    """Logarithms of the probabilities of k = 0 … successes, from their binomial coefficients."""
    k = np.arange(len(log_choose), dtype=np.float64)
    return log_choose + k * math.log(share) + (trials - k) * math.log1p(-share)


def _ladder(grid: Iterable[float]) -> Numbers:
    ladder = np.unique(np.fromiter(grid, np.float64))[::-1]  # strictest first
    if not ladder.size or not np.all((ladder > 0) & (ladder <= 1)):
        raise InvalidInputError("the grid of thresholds needs numbers above 0, 1 at most; give at least one")
    return ladder


def _check_rates(alpha: float, confidence: float) -> None:
    for name, given, usual in (("alpha", alpha, 0.01), ("confidence", confidence, 0.95)):
        if not 0 < given < 1:  # NaN fails the comparison
            raise InvalidInputError(f"{name} {given} is not allowed; give a number between 0 and 1, such as {usual}")


def _labelled(row: object, known: Collection[str]) -> LabelledQuestion:
    """A row as a case, or the error that stands in its place."""
    names = {field.name for field in fields(LabelledQuestion)}
    if isinstance(row, InvalidInputError):
        raise row
    if not isinstance(row, dict):
        raise InvalidInputError(f"{type(row).__name__} is no object; give fields {', '.join(sorted(names))}")
    if unknown := sorted(row.keys() - names):
        raise InvalidInputError(f"unknown field {unknown[0]!r} (known: {', '.join(sorted(names))})")
    if missing := sorted(names - row.keys()):
        raise InvalidInputError(f"no field {missing[0]!r}; give the question, and the id of its edit or null")
    edit = None if row["edit"] is None else clean(row["edit"], "edit")
    if edit is not None and edit not in known:
        raise InvalidInputError(f"no active edit {edit[:60]!r} here; see `kedit list`, or give null if none answers")
    return LabelledQuestion(question=clean(row["question"], "question"), edit=edit)


def _check_label(case: LabelledQuestion, first: LabelledQuestion, line: str) -> None:
    """Refuse a question whose label is another than where it came first."""
    if case.edit != first.edit:
        now, then = (one.edit or "out of scope" for one in (case, first))
        raise InvalidInputError(f"the same question is labelled {now} here and {then} in {line}; decide for one")


def _built(kind: type[_T], given: object) -> _T:
    """A dataclass from a JSON object that has all of its fields, no others, each of its type."""
    if not isinstance(given, dict):
        raise InvalidInputError(f"no object for its {kind.__name__.lower()}")
    wanted: dict[str, Any] = {field.name: field.type for field in fields(kind)}  # type: ignore[arg-type]
    if wrong := sorted(wanted.keys() ^ given.keys()):
        raise InvalidInputError(f"{'missing' if wrong[0] in wanted else 'unknown'} field {wrong[0]!r}")
    for name, wanted_type in wanted.items():
        if not _is_a(given[name], wanted_type):
            raise InvalidInputError(f"{name} is {type(given[name]).__name__}")
    return kind(**given)


def _is_a(value: object, wanted: Any) -> bool:
    kind = get_origin(wanted) or wanted
    return isinstance(value, (int, float) if kind is float else kind) and not isinstance(value, bool)


def _percent(share: float) -> str:
    """A share with every digit that it was given, so that no bound is rounded down."""
    digits = f"{100 * share:.6f}".rstrip("0")
    return f"{digits}0%" if digits.endswith(".") else f"{digits}%"


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number")
