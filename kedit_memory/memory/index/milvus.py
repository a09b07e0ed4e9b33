"""Collections of Milvus, or of Milvus Lite in a file, with flat indexes: exact, whatever the radii."""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import numpy as np

from kedit_memory.errors import EngineError, InvalidInputError, MissingDependencyError
from kedit_memory.memory.index.remote import RemoteEngine, UnreachableError, first_line, retried
from kedit_memory.places import without_password
from kedit_memory.records import Floats, Ids, Vectors

SECONDS = 30  # for one call
LIMIT = 16384  # the most rows that Milvus finds at once
OLDEST = (2, 3)  # of the server; Milvus Lite counts for itself
_ROWS = 1000  # sent or fetched at once
_ABSENT = 100  # the code of Milvus for a collection that is not there
_UNREACHABLE = 2
_ALL = -1  # rows that an iterator gives

_T = TypeVar("_T")


def connect(address: str, label: str) -> RemoteEngine:
    """The engine whose collections begin with a label; not asked before it is needed.

    Raises:
        InvalidInputError: the address names neither a server nor a file.
        MissingDependencyError: pymilvus, or Milvus Lite for a file, is not installed.
    """
    uri, user = _uri(address)
    try:
        import pymilvus

        if "://" not in uri:
            import milvus_lite  # noqa: F401 - which pymilvus starts
    except ImportError as error:
        raise MissingDependencyError(
            f"an engine in Milvus needs {error.name}: pip install 'kedit-memory[milvus]'"
        ) from error
    logging.getLogger("pymilvus").setLevel(logging.CRITICAL)  # what it tells, the errors here tell in a line
    return RemoteEngine(lambda width: MilvusTable(pymilvus, (address, uri, user), label, width))


class MilvusTable:
    """One collection of numbers and vectors; see `remote.Table`."""

    def __init__(self, pymilvus: Any, place: tuple[str, str, dict[str, str]], label: str, width: int) -> None:
        self._pymilvus = pymilvus
        self._address, self._uri, self._user = place
        self._label = label
        self._name = f"{label}_{width}"
        self._width = width
        self._client: Any = None

    def add(self, numbers: Ids, vectors: Vectors) -> None:
        """See `Table.add`."""
        if len(numbers):
            self._do(self._make)
        for start in range(0, len(numbers), _ROWS):
            part = slice(start, start + _ROWS)
            rows = [
                {"number": number, "vector": vector}
                for number, vector in zip(numbers[part].tolist(), vectors[part].tolist(), strict=True)
            ]
            self._do(partial(self._upsert, rows))

    def count(self) -> int:
        """See `Table.count`."""
        rows = self._do(lambda client: client.query(self._name, "", ["count(*)"], timeout=SECONDS), absent=())
        return int(rows[0]["count(*)"]) if rows else 0

    def above(self, asked: Vectors, least: Floats) -> list[Ids]:
        """See `Table.above`."""
        return [self._above(one, float(bound)) for one, bound in zip(asked, least, strict=True)]

    def highest(self, asked: Vectors, count: int) -> Ids:
        """See `Table.highest`."""
        if count <= LIMIT:
            return self._found(asked, {}, count)
        return self._do(lambda client: self._every(client, asked, {}, count), absent=np.empty(0, np.int64))

    def vectors(self, numbers: Ids) -> Vectors:
        """See `Table.vectors`."""
        found: dict[int, Sequence[float]] = {}
        for start in range(0, len(numbers), _ROWS):
            wanted = numbers[start : start + _ROWS].tolist()
            rows = self._do(partial(self._get, wanted), absent=())
            found.update((row["number"], row["vector"]) for row in rows)
        if not all(number in found for number in numbers.tolist()):
            raise EngineError(
                f"{without_password(self._address)} has lost rows of {self._name}; ask again, or run kedit rebuild"
            )
        return np.array([found[number] for number in numbers.tolist()], np.float32).reshape(-1, self._width)

    def keep(self, numbers: Ids) -> None:
        """See `Table.keep`."""
        for name in self._do(lambda client: client.list_collections(timeout=SECONDS)):
            if name.startswith(f"{self._label}_") and name != self._name:
                self._do(partial(_drop, name))
        others = np.setdiff1d(self._do(self._all, absent=np.empty(0, np.int64)), numbers)
        for start in range(0, len(others), _ROWS):
            gone = others[start : start + _ROWS].tolist()
            self._do(partial(self._delete, gone))

    def close(self) -> None:
        """See `Table.close`."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _make(self, client: Any) -> None:
        if client.has_collection(self._name, timeout=SECONDS):
            return
        kinds = self._pymilvus.DataType
        schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("number", kinds.INT64, is_primary=True)
        schema.add_field("vector", kinds.FLOAT_VECTOR, dim=self._width)
        index = client.prepare_index_params()
        index.add_index("vector", index_type="FLAT", metric_type="IP")
        client.create_collection(
            self._name, schema=schema, index_params=index, consistency_level="Strong", timeout=SECONDS
        )

    def _upsert(self, rows: Sequence[Any], client: Any) -> None:
        client.upsert(self._name, rows, timeout=SECONDS)

    def _get(self, numbers: Sequence[int], client: Any) -> Any:
        return client.get(self._name, numbers, ["vector"], timeout=SECONDS)

    def _delete(self, numbers: Sequence[int], client: Any) -> None:
        client.delete(self._name, ids=numbers, timeout=SECONDS)

    def _above(self, asked: Vectors, least: float) -> Ids:
        """Rows from a bound on: Milvus leaves the bound itself out, and gives no more than its limit."""
        bounds = {"radius": float(np.nextafter(least, -np.inf))}
        found = self._found(asked, bounds, LIMIT)
        return found if len(found) < LIMIT else self._do(lambda client: self._every(client, asked, bounds, _ALL))

    def _found(self, asked: Vectors, bounds: dict[str, float], count: int) -> Ids:
        hits = self._do(
            lambda client: client.search(
                self._name,
                [asked.tolist()],
                limit=count,
                search_params={"metric_type": "IP", "params": bounds},
                timeout=SECONDS,
            ),
            absent=[()],
        )
        return np.array([hit["number"] for hit in hits[0]], np.int64)

    def _every(self, client: Any, asked: Vectors, bounds: dict[str, float], count: int) -> Ids:
        """The best rows from a bound on, beyond the limit, batch by batch."""
        return _drained(
            client.search_iterator(
                self._name,
                [asked.tolist()],
                batch_size=min(_ROWS, LIMIT),
                limit=count,
                search_params={"metric_type": "IP", "params": bounds},
                timeout=SECONDS,
            ),
        )

    def _all(self, client: Any) -> Ids:
        return _drained(client.query_iterator(self._name, min(_ROWS, LIMIT), output_fields=["number"], timeout=SECONDS))

    def _do(self, work: Callable[[Any], _T], *, absent: Any = None) -> _T:
        """What some work on the client gives; `absent` where there is no collection."""
        return retried(lambda: self._once(work, absent), self.close)

    def _once(self, work: Callable[[Any], _T], absent: Any) -> _T:
        try:
            return work(self._open())
        except self._pymilvus.MilvusException as error:
            if error.code == _ABSENT and absent is not None:
                missing: _T = absent
                return missing
            if error.code == _UNREACHABLE:
                raise UnreachableError(self._address, error.message) from error
            raise EngineError(f"{without_password(self._address)} refused: {first_line(error.message)}") from error

    def _open(self) -> Any:
        if self._client is None:
            self._client = self._pymilvus.MilvusClient(uri=self._uri, timeout=SECONDS, **self._user)
            self._check_version(self._client.get_server_version(timeout=SECONDS))
        return self._client

    def _check_version(self, told: str) -> None:
        name, _, lite = told.partition("-")
        if lite and name == "milvus_lite":
            return
        numbers = told.lstrip("v").split("-")[0].split(".")[:2]
        if not all(number.isdigit() for number in numbers) or tuple(map(int, numbers)) < OLDEST:
            raise EngineError(
                f"{without_password(self._address)} is Milvus {told}; "
                f"update it to {'.'.join(map(str, OLDEST))} or newer"
            )


def _drop(name: str, client: Any) -> None:
    client.drop_collection(name, timeout=SECONDS)


def _drained(iterator: Any) -> Ids:
    numbers: list[int] = []
    try:
        while rows := iterator.next():
            numbers += (row["number"] for row in rows)
    finally:
        iterator.close()
    return np.array(numbers, np.int64)


def _uri(address: str) -> tuple[str, dict[str, str]]:
    """What pymilvus takes for an address, and who asks.

    Raises:
        InvalidInputError: the address names neither a server nor a file.
    """
    try:
        parts = urlsplit(address)
        server, port = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidInputError(
            f"engine {without_password(address)} is no address ({error}); write milvus://HOST:PORT"
        ) from error
    if not server and parts.path.endswith(".db"):
        return unquote(parts.path), {}
    if not server or parts.path.strip("/"):
        raise InvalidInputError(
            f"engine {without_password(address)} is no address of Milvus; write milvus://HOST:PORT, or "
            "milvus:FILE.db for a file"
        )
    host = f"[{server}]" if ":" in server else server
    user = {"user": unquote(parts.username or ""), "password": unquote(parts.password or "")}
    return f"http://{host}:{port or 19530}", {name: value for name, value in user.items() if value}
