"""A memory of edits for language models: add, change and erase facts without retraining.

Importing this package loads nothing heavy; each public name is imported when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kedit_memory.errors import KeditError
    from kedit_memory.memory import EditMemory
    from kedit_memory.models.encoder import load_encoder
    from kedit_memory.models.named import load_model
    from kedit_memory.records import Answer, Decision, Edit, EditRequest, Kind, Match, Passage, Revision, Route
    from kedit_memory.routing.router import Router, RouterConfig

_HOMES = {
    "Answer": "records",
    "Decision": "records",
    "Edit": "records",
    "EditMemory": "memory",
    "EditRequest": "records",
    "KeditError": "errors",
    "Kind": "records",
    "Match": "records",
    "Passage": "records",
    "Revision": "records",
    "Route": "records",
    "Router": "routing.router",
    "RouterConfig": "routing.router",
    "load_encoder": "models.encoder",
    "load_model": "models.named",
}

__all__ = [
    "Answer",
    "Decision",
    "Edit",
    "EditMemory",
    "EditRequest",
    "KeditError",
    "Kind",
    "Match",
    "Passage",
    "Revision",
    "Route",
    "Router",
    "RouterConfig",
    "load_encoder",
    "load_model",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
