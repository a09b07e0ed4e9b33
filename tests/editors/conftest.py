"""Tiny random models as most tests of editors take them."""

import pytest

from kedit_memory.models.huggingface import HuggingFaceModel


@pytest.fixture(params=["gpt2", "llama"])
def model(request, tiny_folder):
    return HuggingFaceModel.load(tiny_folder(request.param), device="cpu")


@pytest.fixture
def one(tiny_folder):
    return HuggingFaceModel.load(tiny_folder("gpt2"), device="cpu")
