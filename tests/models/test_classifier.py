"""A classifier as a model that can be edited: its labels, its window, what it refuses."""

import json
import shutil
from itertools import product

import pytest
import torch

from kedit_memory.errors import CapabilityError, InvalidInputError, ModelError
from kedit_memory.models.classifier import ClassifierModel, editable, is_classifier, load_editable
from kedit_memory.models.language import white_box
from kedit_memory.models.named import load_model
from kedit_memory.models.prompts import Prompt

LABELS = ("criminal", "civil", "economic", "judicial")
TEXTS = [" ".join(words) for words in product(("court", "jury", "tax"), ("police", "law right act claim", "judge"))]


@pytest.fixture(scope="module")
def classifier(tiny_classifier_folder):
    return load_editable(str(tiny_classifier_folder), device="cpu")


def test_answers_are_the_labels_of_the_best_scores(classifier):
    assert isinstance(classifier, ClassifierModel)
    assert classifier.labels == LABELS
    answers = classifier.answer_many([Prompt(question=text) for text in TEXTS])
    scores = [classifier.logits(Prompt(question=text)) for text in TEXTS]
    assert all(score.shape == (4,) for score in scores)
    assert answers == [LABELS[int(score.argmax())] for score in scores]
    assert len(set(answers)) > 1
    assert classifier.answer(TEXTS[0]) == answers[0]


def test_padding_changes_no_scores(classifier):
    batch = classifier._scores([classifier.encode(text) for text in TEXTS])
    for text, row in zip(TEXTS, batch, strict=True):
        assert torch.allclose(classifier.logits(text), row, atol=1e-5)


def test_a_text_longer_than_the_window_is_read_to_its_end(classifier):
    ids = classifier.encode("court " * 100)
    assert len(ids) == classifier.window == 24
    assert classifier.logits("court " * 100).shape == (4,)


def test_labels_are_found_or_named(classifier):
    assert classifier.class_of(" civil ") == 1
    with pytest.raises(InvalidInputError, match=r"'tax' is no label of .*: give one of criminal, civil, economic, jud"):
        classifier.class_of("tax")


def test_context_is_refused(classifier):
    with pytest.raises(InvalidInputError, match="reads one text"):
        classifier.answer_many([Prompt(question="court", facts=("a fact",))])


def test_the_fingerprint_is_of_the_weights(classifier, tiny_classifier_folder):
    again = ClassifierModel.load(tiny_classifier_folder, device="cpu")
    assert again.fingerprint == classifier.fingerprint
    with torch.no_grad():
        again.model.classifier.weight += 1
    assert again.fingerprint != classifier.fingerprint


def test_a_model_is_told_by_its_folder(tiny_classifier_folder, tiny_gpt2_folder, tmp_path):
    assert is_classifier(str(tiny_classifier_folder))
    assert not is_classifier(str(tiny_gpt2_folder))
    assert not is_classifier(str(tmp_path / "absent"))
    (tmp_path / "config.json").write_text("[1", "utf-8")
    assert not is_classifier(str(tmp_path))
    model = load_editable(str(tiny_gpt2_folder), device="cpu")
    assert editable(model, "a test") is model


def test_what_needs_generation_refuses_a_classifier(classifier, tiny_classifier_folder):
    assert editable(classifier, "a test") is classifier
    with pytest.raises(CapabilityError, match=r"rome needs a model that generates text, and .* is a classifier"):
        white_box(classifier, "rome")
    with pytest.raises(ModelError, match="cannot generate"):
        load_model(str(tiny_classifier_folder), device="cpu")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id2label": {"0": "LABEL_0"}}, "cannot load the classifier"),
        ({"problem_type": "multi_label_classification"}, "no single label of several"),
        ({"num_hidden_layers": 4}, "lacks 16 of its weights, such as bert.encoder.layer.3"),
    ],
)
def test_a_folder_of_something_else_is_refused(tiny_classifier_folder, tmp_path, change, message):
    folder = shutil.copytree(tiny_classifier_folder, tmp_path / "copy")
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, **change}), "utf-8")
    with pytest.raises(ModelError, match=message):
        ClassifierModel.load(folder, device="cpu")


def test_a_tokenizer_without_padding_is_refused(tiny_classifier_folder, tmp_path):
    folder = shutil.copytree(tiny_classifier_folder, tmp_path / "copy")
    config = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
    del config["pad_token"]
    (folder / "tokenizer_config.json").write_text(json.dumps(config), "utf-8")
    with pytest.raises(ModelError, match="has no padding token"):
        ClassifierModel.load(folder, device="cpu")
