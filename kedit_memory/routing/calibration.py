"""Thresholds for the verifier's scores, with the bound on false fires that they keep; a store notes them as JSON."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self, TypeVar, get_origin

from kedit_memory.errors import InvalidInputError, UnknownNameError
from kedit_memory.records import Encoder
from kedit_memory.routing.question import FUZZY, LINKED, UNLINKED

_T = TypeVar("_T")

NOTE = "scope_calibration"  # under which a store keeps it
STRATA = (LINKED, FUZZY, UNLINKED)  # those with a threshold: how the question names the edit's subject
_VERSION = 1
_AGAIN = "calibrate again with `kedit calibrate scope FILE`"


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
        check_rates(self.alpha, self.confidence)
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
            f"false fires ≤ {percent(self.alpha)} with {percent(self.confidence).replace('.0%', '%')} confidence "
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


def check_rates(alpha: float, confidence: float) -> None:
    """Raises InvalidInputError where the one or the other is no share."""
    for name, given, usual in (("alpha", alpha, 0.01), ("confidence", confidence, 0.95)):
        if not 0 < given < 1:  # NaN fails the comparison
            raise InvalidInputError(f"{name} {given} is not allowed; give a number between 0 and 1, such as {usual}")


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


def percent(share: float) -> str:
    """A share with every digit that it was given, so that no bound is rounded down."""
    digits = f"{100 * share:.6f}".rstrip("0")
    return f"{digits}0%" if digits.endswith(".") else f"{digits}%"


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number")
