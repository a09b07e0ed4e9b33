"""Hand-checked cases: keys lie on a line, so that every distance can be seen."""

import time

import numpy as np
import pytest

from kedit_memory.editors.codebook import Change, Codebook, folded
from kedit_memory.errors import NotFoundError


def at(place, width=4):
    return np.array([place] + [0] * (width - 1), np.float32)


def put(codebook, place, label, owner, radius=1.0):
    """One edit by Algorithm 1; its value tells which edit it was."""
    placement = codebook.place(at(place), label, radius)
    value = codebook.values[placement.entry] if placement.action == "expand" else at(100 + place)
    entry = codebook.enter(placement, at(place), value, label=label, owner=owner, initial_radius=radius)
    return placement.action, entry


def state(codebook):
    """All that a look-up depends on."""
    return sorted(
        (codebook.owners[e], codebook.labels[e], float(codebook.keys[e][0]), float(codebook.radii[e]))
        for e in codebook.rows()
    )


@pytest.fixture
def codebook():
    return Codebook(4, tolerance=0.0)


def test_a_far_key_is_added_with_the_initial_radius(codebook):
    assert put(codebook, 0.0, "x", "a") == ("add", 0)
    assert put(codebook, 2.5, "y", "b")[0] == "add"  # 2.5 > 1 + 1
    assert codebook.radii[:2].tolist() == [1.0, 1.0]


def test_the_limit_of_far_is_radius_and_initial_radius_together(codebook):
    put(codebook, 0.0, "x", "a")
    assert codebook.place(at(2.0), "x", 1.0).action == "expand"
    assert codebook.place(at(2.001), "x", 1.0).action == "add"


def test_the_same_label_expands_to_the_new_key(codebook):
    put(codebook, 0.0, "x", "a")
    assert put(codebook, 1.5, "x", "b") == ("expand", 0)
    assert len(codebook) == 1
    assert codebook.radii[0] == 1.5
    assert put(codebook, -0.5, "x", "c")[0] == "expand"  # inside already
    assert codebook.radii[0] == 1.5
    found = codebook.find_nearest(np.stack([at(1.5), at(1.6)]))
    assert found.entries.tolist() == [0, -1]
    assert found.distances.tolist() == [1.5, np.inf]


def test_another_label_splits_the_distance(codebook):
    put(codebook, 0.0, "x", "a")
    assert put(codebook, 1.5, "y", "b")[0] == "split"
    assert codebook.radii[:2].tolist() == [0.75, 0.75]
    found = codebook.find_nearest(np.stack([at(0.7), at(0.8), at(2.3)]))
    assert found.entries.tolist() == [0, 1, -1]


def test_labels_are_compared_as_texts(codebook):
    """Not through the mean of their token ids, which "ab" and "ba" share."""
    put(codebook, 0.0, "ab", "a")
    assert put(codebook, 0.5, "ba", "b")[0] == "split"


def test_an_expanded_edge_stands_rounding():
    codebook = Codebook(4)
    put(codebook, 10.0, "x", "a")
    put(codebook, 11.5, "x", "b")
    assert codebook.find_nearest(at(11.5005)[None]).entries.tolist() == [0]


def test_a_second_answer_to_the_same_prompt_replaces_the_first(codebook):
    put(codebook, 0.0, "x", "a")
    action, entry = put(codebook, 0.0, "y", "b")
    assert action == "add"
    assert codebook.radii[entry] == 1.0
    for rule in (codebook.find_nearest, codebook.find_covering):
        assert rule(at(0.0)[None]).entries.tolist() == [entry]
    assert codebook.astray("a", codebook.find_nearest) == [entry]
    assert codebook.astray("b", codebook.find_nearest) == []


def test_taking_the_second_answer_back_restores_the_first(codebook):
    put(codebook, 3.0, "z", "far")
    put(codebook, 0.0, "x", "a")
    before = state(codebook)
    put(codebook, 0.0, "y", "b")
    codebook.remove("b")
    assert state(codebook) == before
    assert codebook.find_nearest(at(0.0)[None]).entries.tolist() == [1]


def test_an_edit_that_shared_a_replaced_entry_keeps_its_answer(codebook):
    put(codebook, 0.0, "x", "a")
    put(codebook, 1.5, "x", "shares")
    put(codebook, 0.0, "y", "b")
    (entry,) = codebook.find_nearest(at(1.5)[None]).entries
    assert codebook.labels[entry] == "x"
    assert codebook.values[entry][0] == 100
    codebook.remove("b")
    assert state(codebook) == [("a", "x", 0.0, 1.5)]


def test_an_edit_whose_reach_a_later_one_took_is_astray(codebook):
    put(codebook, 0.0, "x", "a")
    put(codebook, 1.5, "x", "shares")
    assert codebook.astray("shares", codebook.find_nearest) == []
    put(codebook, -1.0, "y", "b")  # both half of the distance: the shared entry reaches .5
    assert codebook.astray("shares", codebook.find_nearest) == [-1]
    assert codebook.astray("a", codebook.find_nearest) == []
    codebook.remove("b")
    assert codebook.astray("shares", codebook.find_nearest) == []
    assert codebook.astray("nobody", codebook.find_nearest) == [-1]


def test_removal_takes_back_exactly_what_the_edit_did(codebook):
    put(codebook, 0.0, "x", "a")
    before = state(codebook)
    put(codebook, 1.2, "y", "b")  # both 0.6
    put(codebook, -0.5, "z", "c")  # both 0.25
    assert codebook.radii[0] == 0.25
    codebook.remove("b")
    assert state(codebook) == [("a", "x", 0.0, 0.25), ("c", "z", -0.5, 0.25)]
    codebook.remove("c")
    assert state(codebook) == before


def test_removing_the_owner_of_a_shared_entry_leaves_the_others_their_own(codebook):
    put(codebook, 0.0, "x", "a")
    put(codebook, 1.5, "x", "b")
    codebook.remove("a")
    assert state(codebook) == [("b", "x", 1.5, 1.0)]
    assert codebook.values[codebook.rows()[0]][0] == 100  # the value that both had


def test_an_unknown_edit_cannot_be_removed(codebook):
    with pytest.raises(NotFoundError, match="no edit 'a' in the codebook"):
        codebook.remove("a")


def test_rows_are_used_again(codebook):
    for place in range(200):
        put(codebook, 10.0 * place, "x", f"e{place}")
    for place in range(200):
        codebook.remove(f"e{place}")
    assert len(codebook) == 0
    capacity = len(codebook.radii)
    for place in range(capacity):
        put(codebook, 10.0 * place, "x", f"e{place}")
    assert len(codebook.radii) == capacity
    assert codebook.find_nearest(at(50.0)[None]).entries[0] == codebook.owned("e5")[0]


def test_many_edits_and_removals_end_where_they_began(codebook):
    generator = np.random.default_rng(0)
    for place in range(20):
        put(codebook, place * 0.9, str(place % 3), f"first{place}")
    before = state(codebook)
    for round_ in range(30):
        put(codebook, float(generator.uniform(0, 18)), str(generator.integers(3)), f"then{round_}")
    for round_ in reversed(range(30)):
        codebook.remove(f"then{round_}")
    assert state(codebook) == before


def test_changes_fold_in_order():
    def change(effect, amount=0.0):
        return Change(owner="o", effect=effect, amount=amount)

    assert folded(1.0, []) == 1.0
    assert folded(1.0, [change("grow", 3.0), change("set", 0.5), change("grow", 0.7)]) == 0.7
    assert folded(1.0, [change("shrink", 0.4), change("shrink", 0.6)]) == 0.4
    assert folded(1.0, [change("hide"), change("set", 5.0)]) < 0


def test_cosine_distance_is_given_and_kept(codebook):
    codebook = Codebook(4, distance="cosine", tolerance=0.0)
    put(codebook, 2.0, "x", "a", radius=0.3)
    aslant = np.array([3.0, 4.0, 0, 0], np.float32)  # cosine 0.6 to the first axis
    assert codebook.nearest(aslant)[1] == pytest.approx(0.4, abs=1e-6)
    assert codebook.find_nearest(aslant[None]).entries.tolist() == [-1]
    placement = codebook.place(aslant, "y", 0.3)
    assert placement.action == "split"
    codebook.enter(placement, aslant, at(7), label="y", owner="b", initial_radius=0.3)
    assert codebook.radii[:2] == pytest.approx([0.2, 0.2], abs=1e-6)
    assert codebook.find_nearest(7 * aslant[None]).entries.tolist() == [1]


def test_entries_apart_overlap_with_no_other_answer(codebook):
    for place, label in ((0.0, "x"), (1.0, "y"), (1.4, "x"), (10.0, "z")):
        codebook.enter_apart(at(place), at(0), label=label, owner=str(place), initial_radius=1.0)
    assert codebook.radii[:4] == pytest.approx([0.5, 0.2, 0.2, 1.0], abs=1e-6)
    codebook.remove("1.0")
    assert codebook.radii[[0, 2, 3]] == pytest.approx([1.0, 0.2, 1.0], abs=1e-6)


def test_a_second_answer_apart_replaces_the_first_too(codebook):
    codebook.enter_apart(at(0.0), at(0), label="x", owner="a", initial_radius=1.0)
    codebook.enter_apart(at(0.0), at(0), label="y", owner="b", initial_radius=1.0)
    assert codebook.find_covering(at(0.5)[None]).entries.tolist() == [1]
    assert codebook.astray("a", codebook.find_covering) == [1]
    codebook.remove("b")
    assert codebook.astray("a", codebook.find_covering) == []
    assert codebook.find_covering(at(0.5)[None]).entries.tolist() == [0]


def test_the_two_rules_differ_where_the_nearest_key_is_narrow(codebook):
    codebook.enter_apart(at(0.0), at(0), label="x", owner="wide", initial_radius=3.0)
    codebook.enter_apart(at(2.0), at(0), label="x", owner="narrow", initial_radius=0.1)
    query = at(1.5)[None]
    assert codebook.find_nearest(query).entries.tolist() == [-1]  # the nearest key does not reach
    assert codebook.find_covering(query).entries.tolist() == [0]


@pytest.mark.parametrize("rule", ["find_nearest", "find_covering"])
def test_rules_agree_with_brute_force(rule):
    generator = np.random.default_rng(1)
    codebook = Codebook(8)
    keys = generator.normal(size=(300, 8)).astype(np.float32)
    for number, key in enumerate(keys):
        radius = float(generator.uniform(0.2, 3))
        codebook.enter_apart(key, key, label="x", owner=str(number), initial_radius=radius)
    queries = generator.normal(size=(100, 8)).astype(np.float32)
    gaps = np.linalg.norm(queries[:, None].astype(float) - keys[None], axis=-1)
    margins = codebook.radii[:300] ** 2 - gaps**2
    best = gaps.argmin(1) if rule == "find_nearest" else margins.argmax(1)
    inside = margins[np.arange(100), best] >= 0
    found = getattr(codebook, rule)(queries)
    assert 0 < inside.sum() < 100
    assert found.entries.tolist() == np.where(inside, best, -1).tolist()


def test_a_large_codebook_is_searched_without_a_loop_over_keys():
    """States of a layer vary along few directions, as these do; a scan of 20,000 in Python takes 20 ms."""
    generator = np.random.default_rng(2)
    axes = generator.normal(size=(256, 256)) * (0.8 ** np.arange(256))[:, None]
    keys = (generator.normal(size=(20_000, 256)) @ axes).astype(np.float32)
    codebook = Codebook(256)
    names = [("x", str(number), None) for number in range(len(keys))]
    codebook.restore(keys, keys, np.full(len(keys), 0.5), names)
    queries = (generator.normal(size=(20, 256)) @ axes).astype(np.float32)
    codebook.find_nearest(queries)
    began = time.perf_counter()
    assert (codebook.find_nearest(queries).entries == -1).all()
    assert (time.perf_counter() - began) / len(queries) < 0.01
    assert codebook.find_nearest(keys[[17]]).entries.tolist() == [17]
