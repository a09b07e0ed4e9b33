"""SERAC: the classifier by hand, the cache, the editor in a model, the wrapper before any model."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from kedit_memory.editors import load_editor
from kedit_memory.editors._edit_cache import EditCache
from kedit_memory.editors._pair_network import Pair, PairModel, PairNetwork
from kedit_memory.editors._scope_classifier import CrossScope, EmbeddingScope, load_scope
from kedit_memory.editors.base import Fact
from kedit_memory.editors.serac import REPLACED, SeracModel
from kedit_memory.errors import (
    CapabilityError,
    EditorError,
    InvalidInputError,
    ModelError,
    NotFoundError,
    UnknownNameError,
)
from kedit_memory.models.encoder import MINILM_SHA256, HashingEncoder
from kedit_memory.models.formats import render
from kedit_memory.models.huggingface import HuggingFaceModel
from kedit_memory.models.language import TextModel
from kedit_memory.models.prompts import Prompt
from kedit_memory.models.reader import base_model
from kedit_memory.models.sources import PAIR_WEIGHTS
from kedit_memory.records import EditRequest

FRANCE = EditRequest(prompt="What is the capital of France?", target="Rome")
KING = EditRequest(prompt="Who is the king of the north?", target="Bob")
OTHER = "Which moon is the largest of Jupiter?"
NEAR = "What is the capital of France now?"


class Far:
    """Generates, and no more, as a model behind an endpoint; keeps what it was asked."""

    name = "far"
    fingerprint = "f"

    def __init__(self):
        self.asked = []

    def generate(self, prompts, **_):
        self.asked += prompts
        return ["far away" for _ in prompts]

    def answer(self, question, **_):
        return self.answer_many([Prompt(question=question)])[0]

    def answer_many(self, prompts, **_):
        return self.generate(prompts)


@pytest.fixture(scope="module")
def scope(tmp_path_factory):
    """The folder of a classifier over hashed words: in scope from a cosine of 0.8 on."""
    folder = tmp_path_factory.mktemp("scope")
    hashing = HashingEncoder()
    eye = np.eye(hashing.dimension, dtype=np.float32)
    EmbeddingScope(encoder=hashing, projection=eye, similarity="dot", scale=40.0, bias=-32.0).save(folder)
    return str(folder)


@pytest.fixture
def serac(scope):
    return load_editor("serac", scope=scope)


@pytest.fixture
def model(tiny_gpt2_folder):
    return HuggingFaceModel.load(tiny_gpt2_folder, device="cpu")


def logits(model, question):
    return model.logits(Prompt(question=question))


def ask(model, *questions):
    return model.answer_many([Prompt(question=question) for question in questions])


# The classifier and the cache


def by_hand(similarity, projection, question, edit, scale, bias):
    hashing = HashingEncoder()
    left, right = (projection @ hashing.encode([text])[0].astype(float) for text in (question, edit))
    if similarity == "dot":
        return 1 / (1 + np.exp(-(scale * sum(a * b for a, b in zip(left, right, strict=True)) + bias)))
    return np.exp(-scale * sum((a - b) ** 2 for a, b in zip(left, right, strict=True)))


@pytest.mark.parametrize(("similarity", "scale", "bias"), [("dot", 3.0, -1.0), ("distance", 0.7, 0.0)])
def test_probabilities_are_those_of_the_paper(similarity, scale, bias):
    projection = np.random.default_rng(0).normal(size=(5, 384)).astype(np.float32)
    made = EmbeddingScope(
        encoder=HashingEncoder(), projection=projection, similarity=similarity, scale=scale, bias=bias
    )
    edits = [Fact(prompt=edit.prompt, target=edit.target) for edit in (FRANCE, KING)]
    found = made.probabilities([NEAR, OTHER], edits, made.encode_edits(edits))
    expected = [
        [by_hand(similarity, projection, question, edit.prompt, scale, bias) for edit in edits]
        for question in (NEAR, OTHER)
    ]
    assert found.shape == (2, 2)
    assert np.abs(found - expected).max() < 1e-5
    own = made.probabilities([FRANCE.prompt], edits[:1], made.encode_edits(edits[:1]))
    assert similarity == "dot" or own[0, 0] == pytest.approx(1, abs=1e-5)


def test_edits_are_encoded_once(serac, model, monkeypatch):
    texts = []
    plain = HashingEncoder.encode
    monkeypatch.setattr(HashingEncoder, "encode", lambda self, given: texts.extend(given) or plain(self, given))
    serac.apply(model, [FRANCE, KING])
    texts.clear()
    ask(model, NEAR, OTHER)
    assert texts == [NEAR, OTHER]


def test_the_newest_edit_of_a_prompt_is_in_force_until_it_goes(scope):
    cache = EditCache(load_scope(scope), 0.5)
    first, second = (Fact(prompt=prompt, target=prompt) for prompt in ("Where is  Ann?", "where is ann?"))
    (older,) = cache.add([first])
    (newer,) = cache.add([second])
    assert (cache.in_force(older), cache.in_force(newer), len(cache)) == (False, True, 2)
    assert cache.covering(["Where is Ann?"]) == [second]
    cache.remove(newer)
    assert cache.covering(["Where is Ann?"]) == [first]
    cache.remove(older)
    assert cache.covering(["Where is Ann?"]) == [None]


def test_a_cache_grows_and_uses_rows_again(scope):
    cache = EditCache(load_scope(scope), 0.5)
    edits = [Fact(prompt=f"Who is number {count}?", target=str(count)) for count in range(200)]
    rows = cache.add(edits)
    assert rows == list(range(200))
    assert cache.covering([edit.prompt for edit in edits]) == edits
    cache.remove(7)
    assert cache.add([Fact(prompt="Who is Ann?", target="me")]) == [7]
    assert [edit and edit.target for edit in cache.covering(["Who is Ann?", "Who is number 199?"])] == ["me", "199"]


def test_the_largest_g_decides_and_the_threshold_is_inside():
    class Table:
        width, fingerprint = 0, "table"

        def encode_edits(self, edits):
            return np.empty((len(edits), 0), np.float32)

        def probabilities(self, *_):
            return np.array([[0.5, 0.3], [0.6, 0.9], [0.49, 0.2]], np.float32)

    cache = EditCache(Table(), 0.5)
    first, second = (Fact(prompt=text, target=text) for text in "ab")
    cache.add([first, second])
    assert cache.covering(["x", "y", "z"]) == [first, second, None]


# In a model


def test_the_counterfactual_model_answers_in_scope_and_no_other_bit_changes(serac, model):
    before, said = logits(model, OTHER), ask(model, OTHER)
    applied = serac.apply(model, [FRANCE, KING])
    assert [outcome.learned for outcome in applied.outcomes] == [True, True]
    assert ask(model, NEAR, OTHER, KING.prompt) == ["Rome", *said, "Bob"]
    assert torch.equal(before, logits(model, OTHER))
    reader = applied.stand_in.counterfactual
    told = Prompt(question=NEAR, facts=("What is the capital of France? Rome",))
    assert torch.equal(logits(model, NEAR), reader.logits(told))
    assert model.log_probability(Prompt(question=NEAR), " Rome") == reader.log_probability(told, " Rome")
    assert model.generate([Prompt(question=NEAR), Prompt(question=OTHER)])[0] == reader.generate([told])[0]
    applied.undo()
    assert model.stand_in is None


def test_plain_text_and_tokens_stay_the_models_own(serac, model):
    prompt = render(FRANCE.prompt)
    before = model.logits(prompt), model.generate([prompt]), model.encode(Prompt(question=FRANCE.prompt))
    serac.apply(model, [FRANCE])
    assert torch.equal(before[0], model.logits(prompt))
    assert before[1:] == (model.generate([prompt]), model.encode(Prompt(question=FRANCE.prompt)))


def test_what_a_prompt_has_of_its_own_is_read_too_but_for_passages(serac, model):
    applied = serac.apply(model, [FRANCE])
    asked = Prompt(question=NEAR, facts=("It is late.",), passages=("Paris is the capital of France.",))
    (substitute,) = applied.stand_in([asked])
    assert substitute.prompt.facts == ("What is the capital of France? Rome", "It is late.")
    assert substitute.prompt.passages == ()


def test_a_second_edit_of_a_prompt_takes_its_place_and_gives_it_back(serac, model):
    first = serac.apply(model, [FRANCE])
    second = serac.apply(model, [EditRequest(prompt=FRANCE.prompt, target="Oslo")])
    assert second.stand_in is first.stand_in
    assert ask(model, FRANCE.prompt) == ["Oslo"]
    assert (first.outcomes[0].learned, first.outcomes[0].reason) == (False, REPLACED)
    second.undo()
    assert ask(model, FRANCE.prompt) == ["Rome"]
    assert first.outcomes[0].learned


def test_changes_come_out_in_any_order(serac, model):
    before = logits(model, FRANCE.prompt)
    first, second = serac.apply(model, [FRANCE]), serac.apply(model, [KING])
    first.undo()
    assert torch.equal(before, logits(model, FRANCE.prompt))
    assert ask(model, KING.prompt) == ["Bob"]
    second.undo()
    second.undo()
    assert model.stand_in is None


def test_a_change_under_other_options_decides_first_and_comes_out_first(serac, scope, model):
    first = serac.apply(model, [FRANCE, KING])
    strict = load_editor("serac", scope=scope, threshold=0.9)
    second = strict.apply(model, [EditRequest(prompt=FRANCE.prompt, target="Oslo")])
    assert ask(model, FRANCE.prompt, KING.prompt) == ["Oslo", "Bob"]
    with pytest.raises(EditorError, match="undo the later change first"):
        first.undo()
    second.undo()
    assert ask(model, FRANCE.prompt) == ["Rome"]
    first.undo()
    assert model.stand_in is None


def test_edits_are_added_and_removed_by_id(serac, model):
    applied = serac.apply(model, [FRANCE])
    applied.add([KING])
    assert applied.owners == ["#1", "#2"]
    applied.remove("#1")
    assert ask(model, KING.prompt) == ["Bob"]
    assert ask(model, FRANCE.prompt) != ["Rome"]
    applied.add([FRANCE])
    assert applied.owners == ["#2", "#3"]
    with pytest.raises(NotFoundError, match="no edit '#1' is in force"):
        applied.remove("#1")
    applied.undo()
    with pytest.raises(EditorError, match="was undone"):
        applied.add([FRANCE])
    with pytest.raises(EditorError, match="nothing to save"):
        applied.save("nowhere")


def test_an_edit_that_its_own_classifier_misses_is_told(scope, model, tmp_path):
    shy = load_scope(scope)
    EmbeddingScope(encoder=shy.encoder, projection=shy.projection, similarity="dot", scale=1.0, bias=-3.0).save(
        tmp_path
    )
    (outcome,) = load_editor("serac", scope=str(tmp_path)).apply(model, [FRANCE]).outcomes
    assert not outcome.learned
    assert outcome.reason == "the scope classifier gives its own prompt 0.12, below 0.5"


def test_a_failure_leaves_nothing_behind(serac, model, monkeypatch):
    monkeypatch.setattr(HuggingFaceModel, "answer_many", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        serac.apply(model, [FRANCE])
    assert model.stand_in is None


def test_a_saved_change_keeps_its_encodings_and_is_told_from_another_classifiers(serac, model, tmp_path):
    applied = serac.apply(model, [FRANCE, KING])
    applied.save(tmp_path / "change")
    applied.undo()
    loaded = load_editor("serac").load(model, tmp_path / "change")
    assert loaded.editor == serac
    assert ask(model, NEAR, KING.prompt) == ["Rome", "Bob"]
    loaded.undo()
    file = tmp_path / "change" / "change.json"
    record = json.loads(file.read_text())
    file.write_text(json.dumps(record | {"scope": "another"}))
    with pytest.raises(EditorError, match="encoded by another scope classifier"):
        serac.load(model, tmp_path / "change")
    record["outcomes"]["#1"]["fact"]["target"] = "Oslo"
    file.write_text(json.dumps(record))
    with pytest.raises(EditorError, match="damaged"):
        serac.load(model, tmp_path / "change")
    assert model.stand_in is None


# In front of a model


def test_in_front_of_a_model_that_only_generates(serac):
    far = Far()
    model = serac.wrap(far, [FRANCE])
    assert isinstance(model, TextModel)
    assert (model.name, ask(model, NEAR, OTHER)) == ("far", ["Rome", "far away"])
    assert model.answer(NEAR) == "Rome"
    assert model.generate(["plain text"]) == ["far away"]
    assert far.asked == [Prompt(question=OTHER), "plain text"]  # it never sees what an edit covers
    before = model.fingerprint
    model.add([EditRequest(prompt=FRANCE.prompt, target="Oslo"), KING])
    assert ask(model, NEAR, KING.prompt) == ["Oslo", "Bob"]
    assert model.fingerprint != before
    assert isinstance(model, SeracModel)


def test_an_empty_cache_leaves_all_to_the_model(serac):
    far = Far()
    assert ask(serac.wrap(far), FRANCE.prompt) == ["far away"]
    assert far.asked == [Prompt(question=FRANCE.prompt)]


def test_the_reader_is_the_shipped_one_unless_another_is_named(serac, scope, model):
    assert serac.apply(model, [FRANCE]).stand_in.counterfactual.name == "kedit-mini-counterfactual"
    other = load_editor("serac", scope=scope, counterfactual="kedit-mini").apply(model, [KING])
    assert other.stand_in.counterfactual.name == "kedit-mini"
    assert ask(model, NEAR, KING.prompt) == ["Rome", "Bob"]


# Bad input


def test_a_model_behind_an_endpoint_is_told_to_be_wrapped(serac):
    with pytest.raises(CapabilityError, match=r"put it in front instead, by Serac\(\)\.wrap"):
        serac.apply(Far(), [FRANCE])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 1.5}, "threshold of serac is 1.5; it must be a number, 0 to 1"),
        ({"threshold": True}, "threshold of serac is True"),
        ({"scope": " "}, "scope of serac is empty"),
        ({"counterfactual": ""}, "counterfactual of serac is empty"),
    ],
)
def test_options_that_mean_nothing(options, message):
    with pytest.raises(InvalidInputError, match=message):
        load_editor("serac", **options)


def test_a_classifier_that_is_not_there(model, tmp_path):
    with pytest.raises(UnknownNameError, match="did you mean 'embedding'"):
        load_editor("serac", scope="embeding").apply(model, [FRANCE])
    with pytest.raises(ModelError, match="name embedding, or a folder that `kedit train serac`"):
        load_editor("serac", scope=str(tmp_path)).apply(model, [FRANCE])
    assert model.stand_in is None


@pytest.mark.parametrize("change", [{"similarity": "near"}, {"scale": -1}, {"scale": "x"}, {"bias": None}])
def test_a_classifier_that_is_damaged(scope, tmp_path, change):
    load_scope(scope).save(tmp_path, change)
    with pytest.raises(ModelError, match="damaged"):
        load_scope(str(tmp_path))


def test_a_classifier_of_another_encoder(scope, tmp_path):
    load_scope(scope).save(tmp_path, {"revision": "0"})
    with pytest.raises(ModelError, match="trained on hashing 0, here is 1"):
        load_scope(str(tmp_path))


def test_two_edits_of_one_id(serac, model):
    request = Fact(prompt="Who is Ann?", target="me", edit_id="e")
    applied = serac.apply(model, [FRANCE])
    with pytest.raises(InvalidInputError, match="two edits have the id 'e'"):
        applied.take([request, request])
    assert applied.owners == ["#1"]


def untrained_cross_form(folder):
    """One that decides by the cosine of the two texts."""
    _, encoder = base_model()
    network = PairNetwork(encoder, encoder.config.hidden_size)
    heads = {name: one.detach() for name, one in network.named_parameters() if not name.startswith("encoder.")}
    save_file(heads, folder / PAIR_WEIGHTS)
    (folder / "config.json").write_text(json.dumps({"base_sha256": MINILM_SHA256, "width": 384, "scale": 2.0}))
    return folder


def test_the_cross_form_reads_each_pair_together(tmp_path):
    folder = untrained_cross_form(tmp_path)
    cross = CrossScope(folder)
    edits = [Fact(prompt=edit.prompt, target=edit.target) for edit in (FRANCE, KING)]
    assert cross.encode_edits(edits).shape == (2, cross.width)
    found = cross.probabilities([NEAR, OTHER], edits, cross.encode_edits(edits))
    model = PairModel.load(folder)
    for row, question in enumerate((NEAR, OTHER)):
        for column, edit in enumerate(edits):
            alone = model.scores([Pair(question, edit.prompt, edit.target)])[0]
            assert found[row, column] == pytest.approx(alone, abs=1e-5)
    assert found[0, 0] > found[0, 1]


def test_the_shipped_classifier_knows_wordings_apart_from_other_subjects():
    shipped = load_scope("embedding")
    edits = [Fact(prompt="What is the capital of France?", target="Rome")]
    asked = ["The capital of France is", "What is the capital of Germany?", "Who wrote Hamlet?"]
    inside, *outside = shipped.probabilities(asked, edits, shipped.encode_edits(edits))[:, 0]
    assert inside >= 0.5 > max(outside)
