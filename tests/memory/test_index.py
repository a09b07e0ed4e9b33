"""The default engine gives, to the last bit, what brute force gives; `tests/engines` holds what all engines promise."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from kedit_memory.memory.index.base import distances
from kedit_memory.memory.index.exact import ExactIndex
from kedit_memory.memory.index.faiss import FaissIndex

DIMENSION = 64
# Few values, so that duplicates, zero vectors and equal distances are common.
COARSE = st.sampled_from([0.0, 1.0, -1.0, 0.5, 1e-4])
FINE = st.floats(-3, 3, width=32)


def vectors(count: int) -> st.SearchStrategy[Any]:
    sparse = st.builds(_sparse, arrays(np.float32, (count, 4), elements=st.one_of(COARSE, FINE)), st.integers(0, 15))
    scaled = st.builds(lambda v, scale: v * np.float32(scale), sparse, st.sampled_from([1, 1e-3, 300]))
    unit = st.builds(_unit, st.integers(0, 2**32 - 1), st.just(count))
    return st.one_of(sparse, scaled, unit)


def _sparse(values: Any, shift: int) -> Any:
    rows = np.zeros((len(values), DIMENSION), np.float32)
    rows[:, shift : shift + 4] = values
    return rows


def _unit(seed: int, count: int) -> Any:
    rows = np.random.default_rng(seed).standard_normal((count, DIMENSION)) * np.geomspace(1, 0.01, DIMENSION)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@st.composite
def cases(draw: Any) -> tuple[Any, Any, Any]:
    """Keys, radii and questions; some radii are exactly the distance to a question."""
    count = draw(st.integers(1, 24))
    keys = draw(vectors(count))
    keys[draw(st.integers(0, count - 1))] = keys[0]
    questions = np.concatenate([draw(vectors(3)), keys[:2]])
    radii = draw(arrays(np.float64, count, elements=st.one_of(st.sampled_from([0.0, 0.8, 2.0]), st.floats(0, 2))))
    for row in range(0, count, 3):
        radii[row] = distances(questions[0], keys[row : row + 1])[0]
    return keys, radii, questions


def both(keys: Any, radii: Any, reduce_from: int) -> tuple[FaissIndex, ExactIndex]:
    quick, exact = FaissIndex(DIMENSION, reduce_from=reduce_from), ExactIndex(DIMENSION)
    for index in (quick, exact):
        index.insert(np.arange(len(keys)) + 7, keys, radii)
    return quick, exact


def same(one: Any, other: Any) -> None:
    for left, right in zip(one, other, strict=True):
        assert left.tolist() == right.tolist()


def agree(quick: FaissIndex, exact: ExactIndex, questions: Any) -> None:
    assert len(quick) == len(exact)
    same(quick.contents(), exact.contents())
    for question in questions:
        same(quick.in_scope(question), exact.in_scope(question))
        for count in (1, 5, 100):
            same(quick.nearest(question, count), exact.nearest(question, count))
    for distance in (0.0, 0.8, 2.0):
        for left, right in zip(quick.within(questions, distance), exact.within(questions, distance), strict=True):
            same(left, right)


@pytest.fixture(params=[10**9, 1], ids=["full", "reduced"])
def reduce_from(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    if request.param == 1:  # forces a short basis, however little it rules out
        monkeypatch.setattr("kedit_memory.memory.index.reduction.RANKS", (3,))
        monkeypatch.setattr("kedit_memory.memory.index.reduction._CANDIDATE_NS", 0.0)
    return int(request.param)


@pytest.mark.parametrize("reduced", [False, True])
@settings(max_examples=120, deadline=None)
@given(case=cases())
def test_equals_brute_force(case: tuple[Any, Any, Any], reduced: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        if reduced:
            patch.setattr("kedit_memory.memory.index.reduction.RANKS", (3,))
            patch.setattr("kedit_memory.memory.index.reduction._CANDIDATE_NS", 0.0)
        keys, radii, questions = case
        quick, exact = both(keys, radii, 1 if reduced else 10**9)
        assert (quick._basis is not None) == reduced
        agree(quick, exact, questions)


@settings(max_examples=60, deadline=None)
@given(case=cases(), data=st.data())
def test_equals_brute_force_after_changes(case: tuple[Any, Any, Any], data: Any) -> None:
    keys, radii, questions = case
    quick, exact = both(keys, radii, data.draw(st.sampled_from([2, 10**9])))
    ids = st.lists(st.integers(5, 34), max_size=8).map(lambda found: np.array(found, np.int64))
    for _ in range(data.draw(st.integers(1, 5))):
        verb, chosen = data.draw(st.sampled_from(["insert", "remove", "update_radii"])), data.draw(ids)
        more = keys[np.arange(len(chosen)) % len(keys)] if len(chosen) else keys[:0]
        reach = np.linspace(0, 2, len(chosen))
        for index in (quick, exact):
            if verb == "insert":
                index.insert(chosen, more, reach)
            elif verb == "remove":
                index.remove(chosen)
            else:
                index.update_radii(chosen, reach)
        agree(quick, exact, questions)


def test_saves_and_loads(tmp_path: Path, reduce_from: int) -> None:
    keys, radii = _unit(1, 50), np.linspace(0, 2, 50)
    index = FaissIndex(DIMENSION, reduce_from=reduce_from)
    index.insert(np.arange(50), keys, radii)
    index.remove(np.array([3, 4]))
    index.save(tmp_path)
    loaded = FaissIndex.load(tmp_path)
    same(loaded.contents(), index.contents())
    same(loaded.in_scope(keys[9]), index.in_scope(keys[9]))
    loaded.insert(np.array([3]), keys[3:4], radii[3:4])
    assert len(loaded) == 49


def test_zero_radius_finds_identical_vectors_only() -> None:
    index = FaissIndex(3)
    index.insert(np.array([1, 2]), np.array([[1, 0, 0], [1, 1e-7, 0]], np.float32), np.zeros(2))
    assert index.in_scope(np.array([1, 0, 0], np.float32)).ids.tolist() == [1]


def test_large_index_reduces_and_stays_exact() -> None:
    keys, radii = _unit(2, 5000), np.full(5000, 0.3)
    quick, exact = both(keys, radii, 4096)
    for question in _unit(3, 5):
        same(quick.in_scope(question), exact.in_scope(question))
        same(quick.nearest(question, 10), exact.nearest(question, 10))


def test_an_index_that_is_reduced_goes_on_growing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kedit_memory.memory.index.reduction.RANKS", (3,))
    monkeypatch.setattr("kedit_memory.memory.index.reduction._CANDIDATE_NS", 0.0)
    chance = np.random.default_rng(0)
    quick, exact = FaissIndex(DIMENSION, reduce_from=7), ExactIndex(DIMENSION)
    for step in range(60):
        vector = chance.standard_normal((1, DIMENSION)).astype(np.float32)
        for index in (quick, exact):
            index.insert(np.array([step]), vector, np.array([0.65]))
            if step % 5 == 4:
                index.remove(np.array([step - 2]))
        agree(quick, exact, vector)
    assert quick._basis is not None
