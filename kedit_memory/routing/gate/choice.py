"""Which gate a router uses: the one calibrated with its store, the one that ships with its model, or the general one.

The general gate leaves popular subjects to the model, by their tier. Where none is known, as in every store that brings
no popularity, it goes by a policy that was fitted on other chat models than the user's, and says so.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from kedit_memory.errors import InvalidInputError, NotFoundError
from kedit_memory.popularity.table import PopularityTable
from kedit_memory.routing.background import Background
from kedit_memory.routing.gate.calibration import GateCalibration
from kedit_memory.routing.gate.gate import Gate
from kedit_memory.routing.gate.policies import GatePolicy, Verdict
from kedit_memory.routing.gate.popularity_policy import TierPolicy
from kedit_memory.routing.gate.relations import classifier
from kedit_memory.routing.gate.signals import Signal, Signals, Sources
from kedit_memory.shipped import data_folder

FILE = "gate.json"  # beside the weights of a shipped model
GENERAL = "gates/chat.json"  # for models that nothing was calibrated for


@dataclass(frozen=True)
class Foreign:
    """A policy that was fitted on other models, which every reason of it tells."""

    policy: GatePolicy
    models: str

    @property
    def needs(self) -> frozenset[Signal]:
        """The signals that it decides by."""
        return self.policy.needs

    def decide(self, signals: Signals) -> Verdict:
        """The policy's verdict."""
        verdict = self.policy.decide(signals)
        return replace(verdict, reason=f"{verdict.reason} (fitted on {self.models})")


def choose_gate(
    calibration: GateCalibration | None, background: Background, table: PopularityTable, max_tier: int
) -> Gate:
    """The gate of a calibration, or where there is none the general one."""
    if calibration is None:
        general = general_calibration()
        unknown = Foreign(general.fitted_policy, general.model)
        return Gate(TierPolicy(max_tier), Sources(table=table, relations=None), unknown=unknown)
    relations = classifier([*background.phrasings, *calibration.phrasings])
    return Gate(calibration.fitted_policy, Sources(table=table, relations=relations))


def general_calibration() -> GateCalibration:
    """The policy for models that nothing was calibrated for; its `model` names those that it was fitted on."""
    return GateCalibration.from_json(_read(data_folder() / GENERAL))


def calibration_for(
    model: str | None, search: str, passages: int, kept: str | None, background: str = ""
) -> GateCalibration | None:
    """The calibration that holds for a model, a search, a number of passages and a background; None where none does.

    Args:
        model: its name, where it is known.
        search: what finds passages, as `passages.kind_of` names it.
        passages: how many go before a question.
        kept: what the store keeps, which goes before what ships.
        background: its name, empty where there is none.

    Raises:
        InvalidInputError: what is kept is damaged.
    """
    wanted = (model, search, passages, background)
    for text in (kept, shipped_calibration(model)):
        calibration = GateCalibration.from_json(text) if text else None
        if calibration and calibration.made_with == wanted:
            return calibration
    return None


def shipped_calibration(model: str | None) -> str | None:
    """What ships with a model of that name; None where nothing does."""
    if model is None or "/" in model or "\\" in model:
        return None
    try:
        file = data_folder() / "models" / model / FILE
    except NotFoundError:
        return None
    return _read(file) if file.is_file() else None


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"{file} cannot be read ({error}); install the package again") from error
