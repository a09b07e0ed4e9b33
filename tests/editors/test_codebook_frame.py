"""Keys as they differ from other questions', and radii that a stated share of these lies within."""

import numpy as np
import pytest

from kedit_memory.editors import load_editor
from kedit_memory.editors._codebook_applied import sample_of
from kedit_memory.editors._codebook_frame import Frame, frame_of
from kedit_memory.editors._codebook_site import Site
from kedit_memory.editors.codebook import Codebook
from kedit_memory.errors import InvalidInputError
from kedit_memory.models.hooks import capture
from kedit_memory.models.huggingface import HuggingFaceModel
from kedit_memory.models.prompts import Prompt


def drawn(count=40, width=6):
    rng = np.random.default_rng(0)
    spread = np.array([10, 5, 1, 1, 0.1, 0])[:width]
    return (100 + rng.normal(size=(count, width)) * spread).astype(np.float32)


def test_a_frame_is_what_is_left_of_mean_and_covariance():
    others = drawn()
    wide = others.astype(float)
    covariance = np.cov(wide.T, bias=True)
    floor = 0.1 * np.trace(covariance) / 6
    sizes, directions = np.linalg.eigh(covariance)
    inverse_root = directions @ np.diag((sizes + floor) ** -0.5) @ directions.T
    expected = (wide - wide.mean(0)) @ inverse_root
    np.testing.assert_allclose(Frame(others)(others), expected, atol=1e-3)


@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
@pytest.mark.parametrize("share", [0.0, 0.05, 0.25])
def test_a_radius_holds_no_more_than_its_share_of_others(distance, share):
    others = drawn()
    frame, codebook = Frame(others), Codebook(6, distance=distance)
    for place, key in enumerate(frame(others)):
        rest = np.delete(frame(others), place, 0)
        gaps = codebook.distances(key, rest)
        inside = int((gaps <= frame.radius(key, share, codebook)).sum())
        assert inside == int(share * len(rest))


def test_questions_that_are_all_alike_make_no_frame_that_explodes():
    alike = np.repeat(drawn(1), 20, 0)
    frame = Frame(alike)
    assert np.abs(frame(alike)).max() < 1
    assert frame.radius(frame(alike)[0], 0.01, Codebook(6)) == 0


def test_where_keys_share_most_of_their_length_a_part_of_it_covers_all_and_a_frame_none():
    """As at the last token of a chat's template, which is the same after every question."""
    others = drawn()
    frame, codebook = Frame(others[1:]), Codebook(6)
    assert (np.linalg.norm(others[1:] - others[0], axis=1) < 0.2 * np.linalg.norm(others[0])).all()
    key = frame(others[0])
    assert not (codebook.distances(key, frame(others[1:])) <= frame.radius(key, 0.01, codebook)).any()


def test_an_entry_has_the_radius_that_its_key_has_among_other_questions(tiny_folder):
    model = HuggingFaceModel.load(tiny_folder("llama-chat"), device="cpu")
    editor = load_editor("grace-fast", layer=1, questions=20)
    applied = editor.open(model)
    sample = sample_of(model, Prompt(question="Who is the king of the north?"), "Bob")
    editor.edit_tokens(applied.adapter, [[sample]], labels=["Bob"], owners=["king"])
    frame, book = frame_of(model, applied.adapter.site, 20), applied.codebook
    assert applied.adapter.frame is frame
    with applied.adapter.choosing(None), capture(applied.adapter.site.module, "input") as seen:
        model.logits(Prompt(question="Who is the king of the north?"))
    np.testing.assert_allclose(book.keys[0], frame(seen[0][0, -1].numpy()), atol=1e-2)
    assert book.radii[0] == frame.radius(book.keys[0], 0.01, book) > 0
    applied.undo()


def test_a_frame_is_measured_once_for_a_model_as_it_is(one):
    site = Site(model=one.model, layer=1)
    first = frame_of(one, site, 20)
    assert first.others.shape == (20, 32)
    assert frame_of(one, site, 20) is first
    assert frame_of(one, site, 21) is not first
    one.model.get_input_embeddings().weight.data.mul_(2)
    assert frame_of(one, site, 20) is not first


@pytest.mark.parametrize("options", [{"questions": 0}, {"questions": 5}, {"questions": 3, "radius": 0.1}])
def test_too_few_questions(options):
    with pytest.raises(InvalidInputError, match="give 10 or more, or 0 and a radius"):
        load_editor("grace-fast", **options)
