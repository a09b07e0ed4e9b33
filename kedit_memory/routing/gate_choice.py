"""Which gate a router uses: the one calibrated with its store, the one that ships with its model, or tiers alone."""

from kedit_memory.errors import InvalidInputError, NotFoundError
from kedit_memory.routing.background import Background
from kedit_memory.routing.gate import Gate
from kedit_memory.routing.gate_calibration import GateCalibration
from kedit_memory.routing.popularity import PopularityTable
from kedit_memory.routing.popularity_policy import TierPolicy
from kedit_memory.routing.relations import classifier
from kedit_memory.routing.signals import Sources
from kedit_memory.shipped import data_folder

FILE = "gate.json"  # beside the weights of a shipped model


def choose_gate(
    calibration: GateCalibration | None, background: Background, table: PopularityTable, max_tier: int
) -> Gate:
    """The gate of a calibration, or where there is none that of the popularity tiers."""
    if calibration is None:
        return Gate(TierPolicy(max_tier), Sources(table=table, relations=None))
    relations = classifier([*background.phrasings, *calibration.phrasings])
    return Gate(calibration.fitted_policy, Sources(table=table, relations=relations))


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
    try:
        return file.read_text("utf-8") if file.is_file() else None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"{file} cannot be read ({error}); install the package again") from error
