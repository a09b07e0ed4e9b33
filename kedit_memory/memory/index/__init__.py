"""Engines that find the keys around a question; each is a cache of the store's rows."""

from kedit_memory.memory.index.base import Hits, VectorIndex
from kedit_memory.registry import load

ENGINES = {
    "faiss": "kedit_memory.memory.index.faiss:FaissIndex",
    "exact": "kedit_memory.memory.index.exact:ExactIndex",
}


def load_engine(name: str) -> type[VectorIndex]:
    """The class of the engine called `name`.

    Raises:
        UnknownNameError: no engine has that name.
    """
    engine: type[VectorIndex] = load("engine", name, ENGINES)
    return engine


__all__ = ["ENGINES", "Hits", "VectorIndex", "load_engine"]
