"""Engines that find the keys around a question; each is a cache of the store's rows."""

from kedit_memory.errors import InvalidInputError, UnknownNameError
from kedit_memory.memory.index.base import Engine, Hits, LocalIndex, VectorIndex
from kedit_memory.places import without_password
from kedit_memory.registry import load

ENGINES = {
    "faiss": "kedit_memory.memory.index.faiss:FaissIndex",
    "exact": "kedit_memory.memory.index.exact:ExactIndex",
    "auto": "kedit_memory.memory.index.planned:PlannedIndex",
    "faiss-sq8": "kedit_memory.memory.index.planned:EightBitIndex",
    "faiss-hnsw": "kedit_memory.memory.index.planned:GraphIndex",
    "faiss-ivf": "kedit_memory.memory.index.planned:ListIndex",
    "faiss-pq": "kedit_memory.memory.index.planned:ShortListIndex",
    "faiss-gpu": "kedit_memory.memory.index.planned:GpuIndex",
}
SERVERS = {
    "milvus": "kedit_memory.memory.index.milvus:connect",
    "postgresql": "kedit_memory.memory.index.pgvector:connect",
}


def check_engine(name: str) -> None:
    """Passes over what is the name of an engine, or an address of one, whether or not it can be reached.

    Raises:
        InvalidInputError: it is an address of no known scheme.
        UnknownNameError: no engine has that name.
    """
    scheme, colon, rest = name.partition(":")
    if not colon and "/" not in name:
        if name not in ENGINES:
            raise UnknownNameError("engine", name, ENGINES)
    elif scheme not in SERVERS or not rest.strip("/"):
        raise InvalidInputError(
            f"engine {without_password(name)!r} is no address with a scheme; write milvus://HOST:PORT, "
            f"milvus:FILE.db or postgresql://USER@HOST/DATABASE, or one of {', '.join(ENGINES)}"
        )


def is_remote(name: str) -> bool:
    """Whether an engine keeps its vectors outside of this process."""
    return ":" in name


def load_engine(name: str) -> type[LocalIndex]:
    """The class of the engine called `name`, which lies in this process.

    Raises:
        UnknownNameError: no engine has that name.
    """
    engine: type[LocalIndex] = load("engine", name, ENGINES)
    return engine


def find_engine(name: str, label: str) -> Engine:
    """The engine of a name or address; `label` is what its tables begin with, where it is a server.

    Raises:
        InvalidInputError: an address of no known scheme, or one that is none.
        MissingDependencyError: what it needs is not installed.
        UnknownNameError: no engine has that name.
    """
    check_engine(name)
    if not is_remote(name):
        local: Engine = load("engine", name, ENGINES)
        return local
    engine: Engine = load("server", name.partition(":")[0], SERVERS)(name, label)
    return engine


__all__ = [
    "ENGINES", "SERVERS", "Engine", "Hits", "VectorIndex", "check_engine", "find_engine", "is_remote", "load_engine",
]  # fmt: skip
