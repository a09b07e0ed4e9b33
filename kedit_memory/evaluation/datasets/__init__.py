"""The public sets: a file each, read as they are published; `load_cases` finds one by its name."""

from pathlib import Path
from typing import Any

from kedit_memory import registry
from kedit_memory.errors import InvalidInputError, NotFoundError, UnknownNameError
from kedit_memory.evaluation.case import Case
from kedit_memory.evaluation.datasets.loaded import Loaded
from kedit_memory.evaluation.datasets.public import folder_of
from kedit_memory.evaluation.datasets.sources import sources

# A line for each set: the name that users give, and what reads the set's folder. data/sources.toml tells what it is.
DATASETS: dict[str, str] = {
    "counterfact": "kedit_memory.evaluation.datasets.counterfact:cases",
    "zsre": "kedit_memory.evaluation.datasets.zsre:edits",
    "zsre-mend": "kedit_memory.evaluation.datasets.zsre:mend_edits",
    "mzsre": "kedit_memory.evaluation.datasets.mzsre:cases",
    "wiki-recent": "kedit_memory.evaluation.datasets.knowedit:wiki_recent",
    "wiki-counterfact": "kedit_memory.evaluation.datasets.knowedit:wiki_counterfact",
    "wikibio": "kedit_memory.evaluation.datasets.knowedit:wikibio",
    "pararel": "kedit_memory.evaluation.datasets.pararel:cases",
    "lre": "kedit_memory.evaluation.datasets.lre:cases",
    "popqa": "kedit_memory.evaluation.datasets.popqa:cases",
    "entityquestions": "kedit_memory.evaluation.datasets.entityquestions:cases",
    "entity-inferences": "kedit_memory.evaluation.datasets.onoe:entity_inferences",
    "ecbd": "kedit_memory.evaluation.datasets.onoe:ecbd",
    "mquake": "kedit_memory.evaluation.datasets.mquake:counterfactual",
    "mquake-t": "kedit_memory.evaluation.datasets.mquake:temporal",
    "rippleedits": "kedit_memory.evaluation.datasets.rippleedits:cases",
    "unke": "kedit_memory.evaluation.datasets.unke:cases",
    "dune": "kedit_memory.evaluation.datasets.dune:cases",
    "temporal": "kedit_memory.evaluation.datasets.temporal:cases",
    "selfcheck": "kedit_memory.evaluation.datasets.selfcheck:cases",
    "scotus": "kedit_memory.evaluation.datasets.scotus:cases",
    "truthfulqa": "kedit_memory.evaluation.datasets.truthfulqa:generation",
    "truthfulqa-mc": "kedit_memory.evaluation.datasets.truthfulqa:multiple_choice",
    "toxicity": "kedit_memory.evaluation.datasets.toxicity:cases",
    "safeedit": "kedit_memory.evaluation.datasets.safeedit:cases",
    "mlake": "kedit_memory.evaluation.datasets.mlake:cases",
}
# The same for running text, of which there are paragraphs in place of cases.
TEXTS: dict[str, str] = {"wikitext": "kedit_memory.evaluation.datasets.wikitext:paragraphs"}

OWN_FORM = ".jsonl"  # how the name of a file of one's own ends
_READS_OWN = "kedit_memory.evaluation.datasets.jsonl:cases"


def load_cases(name: str, data: Path | None) -> Loaded[Case]:
    """The cases of a set in the folder of public sets, or of a file of one's own whose name ends with .jsonl.

    Raises:
        UnknownNameError: no set has the name.
        NotFoundError: the set or the file is not there.
        InvalidInputError: it is not of its form, or no row of it can be used.
    """
    if name.endswith(OWN_FORM):
        if not Path(name).is_file():
            raise NotFoundError(f"no file {name}; give the path of a JSONL file of cases, or a name of a set")
        return _read("dataset", name, {name: _READS_OWN}, Path(name))
    if name not in DATASETS:
        raise UnknownNameError("dataset", name, DATASETS)
    return _read("dataset", name, DATASETS, folder_of(data, sources()[name].folder))


def load_texts(name: str, data: Path | None) -> Loaded[str]:
    """The paragraphs of a set of running text; errors as of `load_cases`."""
    if name not in TEXTS:
        raise UnknownNameError("set of texts", name, TEXTS)
    return _read("set of texts", name, TEXTS, folder_of(data, sources()[name].folder))


def _read(kind: str, name: str, table: dict[str, str], where: Path) -> Loaded[Any]:
    read: Loaded[Any] = registry.load(kind, name, table)(where)
    if not read.found:
        raise InvalidInputError(f"{where} holds nothing that can be used of {name} ({read.told or 'no rows'})")
    return read


__all__ = ["DATASETS", "OWN_FORM", "TEXTS", "load_cases", "load_texts"]
