"""Thresholds for the verifier's scores, with the bound on false fires that they keep; a store notes them as JSON."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self, TypeVar, get_origin

from kedit_memory.errors import InvalidInputError, UnknownNameError
from kedit_memory.records import Encoder
from kedit_memory.routing.strata import DESCRIPTIONS, STRATA

_T = TypeVar("_T")

NOTE = "scope_calibration"  # under which a store keeps it
_VERSION = 2
_STRICTEST = 1.0  # from which on an edit answers where nothing is certified
_NAMED = 3  # sets that a sentence names
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
        alpha: the highest false-fire rate that is allowed, which is what is certified.
        sets: where the questions that no edit answers are from, and how many are from each.
        outside: questions that no edit answers.
        fired: those of them that fire.
        upper: the upper bound of their false-fire rate (Clopper and Pearson, 1934), one-sided, at the calibration's
            confidence, read at this threshold alone: never above alpha.
        other: questions whose best candidate is not the edit that answers them.
        other_fired: those of them that fire.
        covered: questions that an edit answers, `other` among them.
        answered: those of them that fire with the right edit.
        coverage_low: with `coverage_high`, the exact 95% interval of `coverage`.
        coverage_high: see `coverage_low`.
    """

    value: float
    alpha: float
    sets: Mapping[str, int]
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
        check_share("alpha", self.alpha)
        if not all(_is_a(count, int) for count in self.sets.values()) or sum(self.sets.values()) != self.outside:
            raise InvalidInputError("the questions of the sets are not those that no edit answers")

    @property
    def coverage(self) -> float | None:
        """The share of covered questions that fire with the right edit; None where there was none."""
        return self.answered / self.covered if self.covered else None


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Thresholds by stratum, which all hold together with the stated confidence.

    Attributes:
        confidence: the least probability, over the draw of the labelled questions, that no stratum exceeds its alpha.
        cases: labelled questions.
        missed: covered ones for which no candidate was found: no threshold answers them.
        basis: what it was made with.
        thresholds: by stratum.
        uncertified: why the other strata have none; they take the strictest of the certified thresholds.
    """

    confidence: float
    cases: int
    missed: int
    basis: Basis
    thresholds: Mapping[str, Threshold]
    uncertified: Mapping[str, str]

    def __post_init__(self) -> None:
        check_share("confidence", self.confidence)
        if sorted([*self.thresholds, *self.uncertified]) != sorted(STRATA):
            raise InvalidInputError(f"each of {', '.join(STRATA)} is certified or not, once")
        if not all(isinstance(reason, str) for reason in self.uncertified.values()):
            raise InvalidInputError("a reason is no text")

    def threshold(self, stratum: str) -> float:
        """The score from which a candidate of the stratum answers."""
        held = self.thresholds.get(stratum)
        return held.value if held else self.strictest

    @property
    def strictest(self) -> float:
        """The highest of the certified thresholds."""
        return max((one.value for one in self.thresholds.values()), default=_STRICTEST)

    def statement(self, stratum: str) -> str:
        """What is promised for a stratum and what that was measured on, or that nothing is, in one sentence.

        Raises:
            UnknownNameError: there is no such stratum.
        """
        if stratum in self.uncertified:
            return f"not certified for {DESCRIPTIONS[stratum]}: {self.uncertified[stratum]}"
        if stratum not in self.thresholds:
            raise UnknownNameError("stratum", stratum, STRATA)
        held = self.thresholds[stratum]
        return (
            f"false fires ≤ {percent(held.alpha)} with {percent(self.confidence).replace('.0%', '%')} confidence on "
            f"{DESCRIPTIONS[stratum]}, measured on {_listed(held.sets)} (n {held.outside:,} out of scope, "
            f"{held.fired:,} fired)"
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
            if isinstance(held := given.get("thresholds"), dict):
                given["thresholds"] = thresholds_from(held)
            return _built(cls, given)
        except (ValueError, RecursionError) as error:  # of JSON, or an InvalidInputError
            raise InvalidInputError(f"the calibration cannot be used: {error}; {_AGAIN}") from None


def thresholds_from(given: Mapping[str, object]) -> dict[str, Threshold]:
    """Thresholds by name, from JSON objects.

    Raises:
        InvalidInputError: a missing, unknown or impossible value.
    """
    return {name: _built(Threshold, one) for name, one in given.items()}


def check_share(name: str, given: float) -> None:
    """Raises InvalidInputError where alpha or the confidence is no share."""
    if not 0 < given < 1:  # NaN fails the comparison
        usual = {"alpha": 0.01, "confidence": 0.95}[name]
        raise InvalidInputError(f"{name} {given} is not allowed; give a number between 0 and 1, such as {usual}")


def _listed(sets: Mapping[str, int]) -> str:
    """The largest of the sets by name, and how many others there are."""
    ranked = sorted(sets, key=lambda name: (-sets[name], name))
    if len(ranked) > _NAMED + 1:
        ranked[_NAMED:] = [f"{len(ranked) - _NAMED} other sets"]
    *first, last = ranked
    return f"{', '.join(first)} and {last}" if first else last


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
