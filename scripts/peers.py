"""One store of vectors and texts put through the same work as the others; run by `bench_peers.py`, by any Python.

    PYTHON scripts/peers.py chromadb --edits 2000 --folder EMPTY

Prints one JSON object of seconds by kind, or `{"missing": why}`. Every store gets the same vectors, of 384 dimensions
and of unit length, with the same texts, and is on disk when the work is done. It needs NumPy and the store's own
package; each is used as its documentation says, with what it does by default but for the vectors, which are given.
"""

# ruff: noqa: D102 - what each method does is said once, by Peer

import argparse
import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

DIMENSION = 384
Vectors = NDArray[np.float32]


class Peer(Protocol):
    """What is asked of a store; numbers name its texts."""

    def open(self, folder: Path) -> None:
        """Makes the store in a folder, or opens the one that is there."""

    def add(self, numbers: Sequence[int], texts: Sequence[str], vectors: Vectors) -> None:
        """Stores texts, durably once it returns."""

    def search(self, vector: Vectors) -> Sequence[int]:
        """The numbers of the ten nearest texts."""

    def delete(self, number: int) -> None:
        """Takes one text out."""

    def close(self) -> None:
        """Lets go of the store."""


class Given:
    """An encoder that knows the vectors of texts beforehand."""

    name, revision, dimension = "given", "1", DIMENSION

    def __init__(self) -> None:
        self.known: dict[str, Vectors] = {}

    def encode(self, texts: Sequence[str]) -> Vectors:
        """The vectors of texts, (texts, dimension)."""
        return np.stack([self.known[text] for text in texts])


class Kedit:
    """This project: edits, durable one by one; a search is by meaning alone, and what is deleted is retracted."""

    def open(self, folder: Path) -> None:
        from kedit_memory.memory import EditMemory

        self._encoder = Given()
        self._memory = EditMemory.open(folder, self._encoder)

    def add(self, numbers: Sequence[int], texts: Sequence[str], vectors: Vectors) -> None:
        self._encoder.known = dict(zip(texts, vectors, strict=True))
        rows = [{"prompt": text, "target": str(number)} for number, text in zip(numbers, texts, strict=True)]
        if len(rows) == 1:
            self._memory.add(**rows[0])
        else:
            self._memory.add_many(rows)

    def search(self, vector: Vectors) -> Sequence[int]:
        return [int(match.edit.id[1:]) - 1 for match in self._memory.search(vector, 10)]

    def delete(self, number: int) -> None:
        self._memory.retract(f"e{number + 1}")

    def close(self) -> None:
        self._memory.close()


class Chroma:
    """A persistent collection, cosine distance; at most 5,000 texts a call."""

    def open(self, folder: Path) -> None:
        import chromadb
        from chromadb.config import Settings

        client = chromadb.PersistentClient(str(folder), settings=Settings(anonymized_telemetry=False))
        self._texts = client.get_or_create_collection(
            "facts", metadata={"hnsw:space": "cosine"}, embedding_function=None
        )

    def add(self, numbers: Sequence[int], texts: Sequence[str], vectors: Vectors) -> None:
        for start in range(0, len(numbers), 5000):
            part = slice(start, start + 5000)
            self._texts.add(
                ids=[str(number) for number in numbers[part]], embeddings=vectors[part], documents=list(texts[part])
            )

    def search(self, vector: Vectors) -> Sequence[int]:
        return [int(one) for one in self._texts.query(query_embeddings=vector[None], n_results=10)["ids"][0]]

    def delete(self, number: int) -> None:
        self._texts.delete(ids=[str(number)])

    def close(self) -> None:
        del self._texts


class Lance:
    """A table without an index, so that the search is exact."""

    def open(self, folder: Path) -> None:
        import lancedb
        import pyarrow as pa

        schema = pa.schema(
            [("number", pa.int64()), ("text", pa.string()), ("vector", pa.list_(pa.float32(), DIMENSION))]
        )
        self._table = lancedb.connect(str(folder)).create_table("facts", schema=schema, exist_ok=True)

    def add(self, numbers: Sequence[int], texts: Sequence[str], vectors: Vectors) -> None:
        rows = zip(numbers, texts, vectors, strict=True)
        self._table.add([{"number": number, "text": text, "vector": vector} for number, text, vector in rows])

    def search(self, vector: Vectors) -> Sequence[int]:
        return [row["number"] for row in self._table.search(vector).metric("cosine").limit(10).to_list()]

    def delete(self, number: int) -> None:
        self._table.delete(f"number = {int(number)}")

    def close(self) -> None:
        del self._table


class Mem0:
    """A memory without its language model (`infer=False`), its vectors in Qdrant's local files as by default."""

    def open(self, folder: Path) -> None:
        os.environ |= {"MEM0_TELEMETRY": "False", "MEM0_DIR": str(folder), "OPENAI_API_KEY": "unused"}
        from mem0 import Memory

        store = {"collection_name": "facts", "path": str(folder / "qdrant"), "on_disk": True}
        self._memory = Memory.from_config(
            {
                "vector_store": {
                    "provider": "qdrant",
                    "config": store | {"embedding_model_dims": DIMENSION},
                },
                "history_db_path": str(folder / "history.db"),
                "embedder": {"provider": "openai", "config": {"embedding_dims": DIMENSION}},
            }
        )
        self._known: dict[str, Vectors] = {}
        self._memory.embedding_model.embed = lambda text, *_: self._known[text].tolist()
        self._ids: dict[int, str] = {}

    def add(self, numbers: Sequence[int], texts: Sequence[str], vectors: Vectors) -> None:
        for number, text, vector in zip(numbers, texts, vectors, strict=True):
            self._known = {text: vector}
            told = self._memory.add(text, user_id="u", metadata={"number": number}, infer=False)
            self._ids[number] = told["results"][0]["id"]

    def search(self, vector: Vectors) -> Sequence[int]:
        self._known = {"asked": vector}
        found = self._search()
        return [row["metadata"]["number"] for row in found["results"]]

    def _search(self) -> Any:
        try:
            return self._memory.search("asked", filters={"user_id": "u"}, top_k=10)
        except (TypeError, ValueError):  # releases before 2
            return self._memory.search("asked", user_id="u", limit=10)

    def delete(self, number: int) -> None:
        self._memory.delete(self._ids[number])

    def close(self) -> None:
        self._memory.vector_store.client.close()


class Txtai:
    """An index with its texts, saved after each change, which is when it is durable."""

    def open(self, folder: Path) -> None:
        from txtai import Embeddings

        self._folder = folder / "index"
        self._known: dict[str, Vectors] = {}
        given = {"transform": lambda texts: np.stack([self._known[text] for text in texts])}
        self._index = Embeddings({"method": "external", "content": True} | given)
        if self._folder.exists():
            self._index.load(str(self._folder), config=given)

    def add(self, numbers: Sequence[int], texts: Sequence[str], vectors: Vectors) -> None:
        self._known = dict(zip(texts, vectors, strict=True))
        self._index.upsert(zip(numbers, texts, strict=True))
        self._index.save(str(self._folder))

    def search(self, vector: Vectors) -> Sequence[int]:
        self._known = {"asked": vector}
        return [int(row["id"]) for row in self._index.search("asked", 10)]

    def delete(self, number: int) -> None:
        self._index.delete([number])
        self._index.save(str(self._folder))

    def close(self) -> None:
        self._index.close()


PEERS: dict[str, Callable[[], Peer]] = {
    "kedit": Kedit, "chromadb": Chroma, "lancedb": Lance, "mem0": Mem0, "txtai": Txtai,
}  # fmt: skip


def main() -> None:
    """Put one store through the work; print what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("--edits", type=int, required=True, help="added in bulk")
    parser.add_argument("--single", type=int, default=50, help="added, searched for and deleted one by one")
    parser.add_argument("--folder", type=Path, required=True)
    arguments = parser.parse_args()
    with contextlib.redirect_stdout(sys.stderr):
        try:
            found: dict[str, Any] = dict(put_through(PEERS[arguments.peer](), arguments))
        except ImportError as error:
            found = {"missing": str(error)}
    print(json.dumps(found))


def put_through(peer: Peer, arguments: argparse.Namespace) -> Iterator[tuple[str, list[float]]]:
    """Each kind of work with its seconds; `found` is the share of searches that found what they asked for."""
    count, single = arguments.edits, arguments.single
    numbers = list(range(count + single))
    texts = [f"What is said of number {number}?" for number in numbers]
    vectors = np.random.default_rng(0).standard_normal((len(numbers), DIMENSION), np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    peer.open(arguments.folder)
    first = count // 2
    peer.add(numbers[:1], texts[:1], vectors[:1])  # makes what is made late
    yield "bulk", [timed(lambda: peer.add(numbers[1:first], texts[1:first], vectors[1:first]))]
    rest = slice(first, count)
    yield "bulk_into_full", [timed(lambda: peer.add(numbers[rest], texts[rest], vectors[rest]))]
    yield "add", [timed(lambda n=n: peer.add([n], texts[n : n + 1], vectors[n : n + 1])) for n in numbers[count:]]
    asked = np.random.default_rng(1).integers(0, count, single)
    found: list[bool] = []
    yield "search", [timed(lambda n=n: found.append(int(n) in peer.search(vectors[n]))) for n in asked]
    yield "found", [sum(found) / len(found)]
    yield "delete", [timed(lambda n=n: peer.delete(n)) for n in numbers[count:]]
    peer.close()
    yield "bytes", [float(sum(file.stat().st_size for file in arguments.folder.rglob("*") if file.is_file()))]
    yield "open", [timed(lambda: (peer.open(arguments.folder), peer.search(vectors[0])))]
    peer.close()


def timed(work: Callable[[], object]) -> float:
    """The seconds that work takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
