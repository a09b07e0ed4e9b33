"""Tiny random models as most tests of editors take them."""

import pytest

from kedit_memory.models.huggingface import HuggingFaceModel


@pytest.fixture(params=["gpt2", "llama"])
def model(request, tiny_folder):
    return HuggingFaceModel.load(tiny_folder(request.param), device="cpu")


@pytest.fixture
def one(tiny_folder):
    return HuggingFaceModel.load(tiny_folder("gpt2"), device="cpu")


@pytest.fixture(scope="session")
def tiny_network(tiny_folder, tmp_path_factory):
    """A function from "mend" or "ke" and a kind of tiny model to the folder of an untrained network for it.

    Its updates are gradient steps, large enough that a few of them teach a tiny model an answer.
    """
    from kedit_memory.editors.ke import KnowledgeEditorNetwork
    from kedit_memory.editors.mend import MendNetwork

    made = {}

    def folder(method, kind):
        if (method, kind) not in made:
            model = HuggingFaceModel.load(tiny_folder(kind), device="cpu")
            if method == "mend":
                network = MendNetwork.start(model, layers=2, rank=4)
                network.log_rates.data.fill_(-1.6)  # a rate of 0.2
            else:
                network = KnowledgeEditorNetwork.start(model, layers=2, state=4, condition=4, hidden=4)
            made[method, kind] = tmp_path_factory.mktemp(f"{method}-{kind}")
            network.save(made[method, kind])
        return made[method, kind]

    return folder
