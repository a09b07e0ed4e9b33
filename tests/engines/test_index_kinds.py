"""The larger FAISS kinds: what they tell is so to the last bit, and they find nearly all that there is."""

from pathlib import Path

import numpy as np
import pytest
from engines.conftest import unit

from kedit_memory.memory.index import load_engine
from kedit_memory.memory.index.exact import ExactIndex
from kedit_memory.memory.index.planned import LARGE, RECALL, PlannedIndex, plan
from kedit_memory.memory.index.prefiltered import KINDS, PrefilteredIndex

COUNT, DIMENSION, ASKED = 3000, 32, 40
HERE = sorted(set(KINDS) - {"gpu"})
PLACES = ["ivf", "pq", "sq8", pytest.param("hnsw", marks=pytest.mark.slow), pytest.param("gpu", marks=pytest.mark.gpu)]


def keys(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    return unit(seed, count, DIMENSION), np.random.default_rng(seed).choice([0.0, 0.3, 0.65, 1.1], count)


def compared(quick: PrefilteredIndex, exact: ExactIndex) -> None:
    """Nothing is told that is not so; of what covers, of the nearest, and of what is near, nearly all is told."""
    assert len(quick) == len(exact)
    for left, right in zip(quick.contents(), exact.contents(), strict=True):
        assert np.array_equal(left, right)
    questions = np.concatenate([unit(8, ASKED // 2, DIMENSION), exact.contents()[1][: ASKED // 2]])
    told = there = 0
    for question in questions:
        pairs = [
            (quick.in_scope(question), exact.in_scope(question)),
            (quick.within(question[None], 0.5)[0], exact.within(question[None], 0.5)[0]),
            (quick.nearest(question, 5), exact.nearest(question, 5)),
        ]
        for mine, true in pairs[:2]:
            rows = {key: (gap, radius) for key, gap, radius in zip(*map(np.ndarray.tolist, true), strict=True)}
            assert all(rows[key] == (gap, radius) for key, gap, radius in zip(*map(list, mine), strict=True))
            assert mine.distances.tolist() == sorted(mine.distances.tolist())
        assert len(pairs[2][0].ids) == 5
        told += sum(len(np.intersect1d(mine.ids, true.ids)) for mine, true in pairs)
        there += sum(len(true.ids) for _, true in pairs)
    assert told >= 0.99 * there


@pytest.mark.parametrize("kind", PLACES)
def test_finds_nearly_all_through_every_change(kind: str, tmp_path: Path) -> None:
    quick, exact = PrefilteredIndex(DIMENSION, kind), ExactIndex(DIMENSION)
    for index in (quick, exact):
        index.insert(np.arange(COUNT), *keys(1, COUNT))
    compared(quick, exact)
    wide, more, far = keys(2, 200), keys(3, 300), unit(4, 3, DIMENSION) * np.float32(3)
    for index in (quick, exact):
        index.insert(np.arange(100, 300), *wide)  # in the place of others
        index.update_radii(np.arange(0, 600, 3), np.full(200, 1.4))
        index.remove(np.arange(2000, 2400))
        index.insert(np.arange(COUNT, COUNT + 300), *more)
        index.insert(np.arange(9000, 9003), far, np.array([0.1, 2.0, 3.5]))  # wider than any before
    compared(quick, exact)
    quick.save(tmp_path)
    again = PrefilteredIndex.load(tmp_path)
    compared(again, exact)
    for index in (again, exact):
        index.remove(np.arange(0, 1900))
        index.insert(np.arange(5000, 5100), *keys(5, 100))
    compared(again, exact)


@pytest.mark.parametrize("kind", HERE)
def test_what_lies_outside_of_all_that_was_learned_is_found(kind: str) -> None:
    index = PrefilteredIndex(DIMENSION, kind)
    index.insert(np.arange(COUNT), *keys(1, COUNT))
    strange = -index.contents()[1].mean(axis=0, keepdims=True)
    strange /= np.linalg.norm(strange)
    for radius in (0.0, 2.0):
        index.insert(np.array([7777]), strange, np.array([radius]))
        assert 7777 in index.in_scope(strange[0]).ids
        assert index.nearest(strange[0], 1).ids.tolist() == [7777]


@pytest.mark.parametrize("kind", HERE)
def test_what_has_shrunk_to_a_few_keys_finds_them(kind: str) -> None:
    index, exact = PrefilteredIndex(DIMENSION, kind), ExactIndex(DIMENSION)
    for one in (index, exact):
        one.insert(np.arange(COUNT), *keys(1, COUNT))
        one.remove(np.arange(5, COUNT))
        one.insert(np.array([COUNT]), *keys(2, 1))  # builds all anew
    compared(index, exact)


def test_a_few_wide_radii_are_compared_with_every_question(tmp_path: Path) -> None:
    vectors = unit(1, COUNT, DIMENSION)
    narrow, wide = np.full(COUNT, 0.2), np.arange(7, COUNT, 1500)
    narrow[wide] = 1.9
    index = PrefilteredIndex(DIMENSION, "pq")
    index.insert(np.arange(COUNT), vectors, narrow)
    for question in unit(2, 20, DIMENSION):
        covering = wide[np.linalg.norm(vectors[wide] - question, axis=1) <= 1.9]
        assert set(covering.tolist()) <= set(index.in_scope(question).ids.tolist())
    index.remove(wide[:1])
    index.save(tmp_path)
    for one in (index, PrefilteredIndex.load(tmp_path)):
        assert wide[0] not in one.in_scope(vectors[wide[0]]).ids
        assert set(one.in_scope(vectors[wide[1]]).ids) >= {wide[1]}


def test_the_plan_goes_by_size_and_states_its_recall() -> None:
    assert plan(100) == ("flat", 1.0)
    assert plan(100, "ivf").kind == "flat"
    assert plan(LARGE).kind == "pq"
    assert plan(LARGE, "sq8").kind == "sq8"
    assert set(RECALL) == {"flat", *KINDS}
    assert "every key is found" in str(plan(1))
    assert f"{RECALL['pq']:.2%}" in str(plan(LARGE))


def test_an_index_changes_its_kind_as_it_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kedit_memory.memory.index.planned.LARGE", 1000)
    index, exact = load_engine("auto")(DIMENSION), ExactIndex(DIMENSION)
    assert isinstance(index, PlannedIndex)
    for start in (0, 900):
        vectors, radii = keys(start, 900)
        for one in (index, exact):
            one.insert(np.arange(start, start + 900), vectors, radii)
        assert index.exact == (start == 0)
        compared(index, exact)
    index.save(tmp_path)
    assert not PlannedIndex.load(tmp_path).exact
    compared(PlannedIndex.load(tmp_path), exact)
