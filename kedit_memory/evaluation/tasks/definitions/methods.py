"""The table of ways to tell a model a definition: controls, the memory's paths, editors."""

from collections.abc import Callable, Mapping
from functools import partial

from kedit_memory.editors import EDITORS
from kedit_memory.errors import UnknownNameError
from kedit_memory.evaluation.tasks.definitions.before import (
    DefinitionAsFact,
    DefinitionBefore,
    Retrieved,
    StrangerBefore,
)
from kedit_memory.evaluation.tasks.definitions.edited import Edited
from kedit_memory.evaluation.tasks.definitions.method import DefinitionBench, Method, Unedited
from kedit_memory.evaluation.tasks.definitions.remembered import RememberedEdits, RememberedPassages, gives_text

BASE, RANDOM = "base", "random-definition"
_NO_PROBABILITIES = "this path {}; it gives no probability of a text"

METHODS: Mapping[str, Callable[[DefinitionBench], Method]] = {
    BASE: Unedited,
    "definition": DefinitionBefore,
    "definition-as-fact": DefinitionAsFact,
    RANDOM: StrangerBefore,
    "retrieved-definition": Retrieved,
    "memory:context": RememberedEdits,
    "memory:passage": RememberedPassages,
    "memory:direct": partial(gives_text, _NO_PROBABILITIES.format("says the stored text")),
    "memory:grace": partial(gives_text, _NO_PROBABILITIES.format("learns the answer to one prompt")),
    "memory:serac": partial(gives_text, _NO_PROBABILITIES.format("lets another model read the edit and answer")),
    **{name: partial(Edited, name) for name in EDITORS},
}
# What is measured unless somebody says otherwise: the methods of the paper, and the memory's paths.
DEFAULT = (*(name for name in METHODS if name not in EDITORS), "ft", "ft-last", "mend", "rome")


def check_method(name: str) -> None:
    """Refuse a name that stands for no method.

    Raises:
        UnknownNameError: nothing has the name.
    """
    if name not in METHODS:
        raise UnknownNameError("method", name, METHODS)
