"""What `VectorIndex` promises, for every engine: answers are those of NumPy, to the last bit."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from engines.conftest import unit

from kedit_memory.memory.index import Engine, VectorIndex, find_engine
from kedit_memory.memory.index.base import Hits, distances
from kedit_memory.memory.index.parted import PartedIndex

COUNT, DIMENSION = 60, 16


class Model:
    """Keys in a dictionary, compared one by one with NumPy."""

    def __init__(self) -> None:
        self.keys: dict[int, tuple[np.ndarray, float]] = {}

    def hits(self, query: np.ndarray, reach: float | None = None) -> list[tuple[float, int, float]]:
        """Keys within reach, or within their own radius; nearest first."""
        found = [(float(distances(query, vector[None])[0]), key, radius) for key, (vector, radius) in self.keys.items()]
        return sorted(one for one in found if one[0] <= (one[2] if reach is None else reach))


@contextmanager
def made(engine: Engine) -> Iterator[tuple[VectorIndex, Model]]:
    """An index and a model with the same keys."""
    index, model = engine(DIMENSION), Model()
    vectors, radii = unit(1, COUNT, DIMENSION), np.random.default_rng(2).choice([0.0, 0.3, 0.65, 1.1, 2.0], COUNT)
    vectors[7] = vectors[8]  # equally near to all
    insert(index, model, np.arange(COUNT) + 5, vectors, radii)
    try:
        yield index, model
    finally:
        index.sweep()
        index.close()


def insert(index: VectorIndex, model: Model, ids: np.ndarray, vectors: np.ndarray, radii: np.ndarray) -> None:
    index.insert(ids, vectors, radii)
    model.keys |= {int(key): (vector, float(radius)) for key, vector, radius in zip(ids, vectors, radii, strict=True)}


def told(hits: Hits) -> list[tuple[float, int, float]]:
    return list(zip(hits.distances.tolist(), hits.ids.tolist(), hits.radii.tolist(), strict=True))


def agree(index: VectorIndex | PartedIndex, model: Model, questions: np.ndarray | None = None) -> None:
    questions = np.concatenate([unit(3, 2, DIMENSION), unit(1, 9, DIMENSION)[7:]]) if questions is None else questions
    assert len(index) == len(model.keys)
    for question in questions:
        assert told(index.in_scope(question)) == model.hits(question)
    for count in (1, 500):
        assert told(index.nearest(questions[0], count)) == model.hits(questions[0], np.inf)[:count]
    for hits, question in zip(index.within(questions, 0.9), questions, strict=True):
        assert told(hits) == model.hits(question, 0.9)
    ids, vectors, radii = index.contents()
    assert ids.tolist() == sorted(model.keys)
    assert radii.tolist() == [model.keys[key][1] for key in ids.tolist()]
    assert np.array_equal(vectors, np.array([model.keys[key][0] for key in ids.tolist()]).reshape(-1, DIMENSION))


def test_without_keys_nothing_is_found(engine: Engine) -> None:
    index, question = engine(DIMENSION), unit(3, 1, DIMENSION)
    assert len(index) == len(index.in_scope(question[0]).ids) == len(index.nearest(question[0], 3).ids) == 0
    assert [len(hits.ids) for hits in index.within(question, 2.0)] == [0]
    assert [len(part) for part in index.contents()] == [0, 0, 0]
    index.close()


def test_finds_what_numpy_finds(engine: Engine) -> None:
    with made(engine) as (index, model):
        agree(index, model)


def test_a_radius_that_is_the_distance_reaches(engine: Engine) -> None:
    with made(engine) as (index, model):
        question, (vector, _) = unit(4, 1, DIMENSION)[0], model.keys[9]
        exact = distances(question, vector[None])
        insert(index, model, np.array([9]), vector[None], exact)
        assert 9 in index.in_scope(question).ids
        insert(index, model, np.array([9]), vector[None], np.nextafter(exact, 0))
        assert 9 not in index.in_scope(question).ids
        agree(index, model)


def test_the_nearest_centre_is_not_the_widest_reach(engine: Engine) -> None:
    index = engine(2)
    index.insert(np.array([1, 2]), np.array([[1, 0], [0, 1]], np.float32), np.array([0.1, 1.4]))
    found = index.in_scope(np.array([0.8, 0.6], np.float32))
    assert found.ids.tolist() == [2]
    index.insert(np.array([3]), np.array([[200, 0]], np.float32), np.array([300.0]))  # of no unit length
    assert index.in_scope(np.array([0.8, 0.6], np.float32)).ids.tolist() == [2, 3]
    index.sweep()
    index.close()


def test_removing_waking_and_replacing(engine: Engine) -> None:
    with made(engine) as (index, model):
        rested = {key: model.keys.pop(key) for key in (5, 12, 30)}
        index.remove(np.array([5, 12, 30, 999]))
        agree(index, model)
        vectors = np.array([vector for vector, _ in rested.values()])
        insert(index, model, np.array(list(rested)), vectors, np.array([radius for _, radius in rested.values()]))
        agree(index, model)
        insert(index, model, np.array([12, 12]), unit(6, 2, DIMENSION), np.array([0.4, 1.2]))  # the last one counts
        agree(index, model)
        index.remove(np.array(list(model.keys)))
        model.keys.clear()
        agree(index, model)


def test_radii_change(engine: Engine) -> None:
    with made(engine) as (index, model):
        ids, radii = np.array([6, 7, 999, 20]), np.array([2.0, 0.0, 1.0, 0.7])
        index.update_radii(ids, radii)
        for key, radius in zip(ids.tolist(), radii.tolist(), strict=True):
            if key in model.keys:
                model.keys[key] = (model.keys[key][0], radius)
        agree(index, model)


def test_opens_warm_and_goes_on(engine: Engine, tmp_path: Path) -> None:
    with made(engine) as (index, model):
        index.remove(np.array([8]))
        del model.keys[8]
        index.save(tmp_path)
        again = engine.load(tmp_path)
        agree(again, model)
        insert(again, model, np.array([8, 9]), unit(9, 2, DIMENSION), np.array([0.2, 2.0]))
        agree(again, model)
        again.close()


def test_sweeping_keeps_the_keys(engine: Engine) -> None:
    with made(engine) as (index, model):
        index.remove(np.array([8]))
        del model.keys[8]
        index.sweep()
        agree(index, model)


@pytest.mark.parametrize("vectors", [np.zeros((2, DIMENSION), np.float32), unit(5, 2, DIMENSION) * np.float32(1e-4)])
def test_short_vectors(engine: Engine, vectors: np.ndarray) -> None:
    with made(engine) as (index, model):
        insert(index, model, np.array([1, 2]), vectors, np.array([0.0, 1.0]))
        agree(index, model, np.concatenate([vectors, unit(3, 1, DIMENSION)]))


def test_two_parts_answer_as_one(address: str) -> None:
    model = Model()
    parted = PartedIndex.empty(lambda part: find_engine(address, f"kedit_{part}"), DIMENSION)
    vectors, ids, unnamed = unit(1, COUNT, DIMENSION), np.arange(COUNT), np.arange(COUNT) % 3 == 0
    radii = np.linspace(0, 2, COUNT)
    parted.insert(ids, vectors, radii, ~unnamed)
    parted.insert(ids, vectors, radii, unnamed)
    model.keys = {int(key): (vectors[key], float(radii[key])) for key in ids}
    assert len(parted.unnamed) == unnamed.sum()
    for key in ids[::7].tolist():
        del model.keys[key]
    parted.remove(ids[::7])
    agree(parted, model)
    parted.sweep()
    agree(parted, model)
    parted.close()
