"""Editors on models that are built in other ways than GPT-2 and Llama, which `test_contract` asks everything of.

Fused gates (phi3), attention beside the MLP (gptj, falcon), an MLP without a module of its own that has all tokens in
one row (opt, here with embeddings narrower than its states), positions by attention alone (bloom), norms after the MLP
and two kinds of attention (gemma3), a factor before the sum (granite), experts in place of an MLP (mixtral).
"""

import re

import pytest
import torch

from kedit_memory.editors import EDITORS, load_editor
from kedit_memory.errors import CapabilityError
from kedit_memory.models.huggingface import HuggingFaceModel
from kedit_memory.models.prompts import Prompt
from kedit_memory.records import EditRequest

KINDS = ("phi3", "gptj", "falcon", "opt_narrow", "bloom", "gemma3_text", "granite")
# One for each way into a model, with what makes it quick on random weights.
WAYS = {
    "ft": {"rate": 1e-2},
    "ft-l": {"rate": 3e-2, "norm": 1.0, "layer": 1, "steps": 100},
    "lora": {"rate": 2e-2, "targets": "all"},
    "rome": {"steps": 20, "tokens": 500},
    "memit": {"steps": 20, "tokens": 500, "layers": (0,), "weight": 1.0},
    "mend": {"steps": 20},
    "grace-fast": {},
    "neuraldb": {"steps": 20},
    "melo": {"questions": 20, "iterations": 30},
}
ADAPTERS = {"lora", "ext-sub"}
# Those that write or read the one projection out of an MLP, adapters by default.
ONE_PROJECTION = ADAPTERS | {
    "ft-l",
    "rome",
    "memit",
    "alphaedit",
    "mend",
    "ke",
    "kn",
    "dinm",
    "wise",
    "neuraldb",
    "melo",
}
FRANCE = EditRequest(prompt="The capital of France is", target="Rome", subject="France")
KING = EditRequest(prompt="The king of the north may be", target="Bob", subject="the north")
PROBES = [FRANCE.prompt, KING.prompt, "The capital of Germany is", "Who is Ann?"]


@pytest.fixture(params=KINDS)
def model(request, tiny_folder):
    return HuggingFaceModel.load(tiny_folder(request.param), device="cpu")


@pytest.fixture(params=sorted(WAYS))
def editor(request, tiny_network):
    options = WAYS[request.param]
    if request.param == "mend":
        kind = request.node.callspec.params["model"]
        options = options | {"network": tiny_network("mend", kind)}
    return load_editor(request.param, **options)


def weights(model):
    return {name: tensor.clone() for name, tensor in model.model.state_dict().items()}


def logits(model):
    return [model.logits(Prompt(question=question)) for question in PROBES]


def same(first, second):
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_it_changes_what_it_should_and_comes_out_whole(model, editor):
    before, said = weights(model), logits(model)
    applied = editor.apply(model, [FRANCE, KING])
    asked = [Prompt(question=edit.prompt) for edit in (FRANCE, KING)]
    edited = model.answer_many(asked)
    assert [outcome.learned for outcome in applied.outcomes] == [
        re.split(r"\W", answer)[0] == target for answer, target in zip(edited, ("Rome", "Bob"), strict=True)
    ]
    if any(outcome.learned for outcome in applied.outcomes):
        assert not same(said, logits(model))
    assert edited == [model.answer_many([prompt])[0] for prompt in asked]  # padding changes nothing
    applied.undo()
    assert same(before.values(), weights(model).values())
    assert same(said, logits(model))


@pytest.mark.parametrize("method", ["ft", "lora", "rome", "memit"])
def test_it_brings_the_target_nearer(model, method):
    asked = Prompt(question=FRANCE.prompt)
    target = model.continuation(asked, "Rome")
    before = sum(model.log_probability(asked, target))
    load_editor(method, **WAYS[method]).apply(model, [FRANCE])
    assert sum(model.log_probability(asked, target)) > before


@pytest.mark.parametrize("kind", ["mixtral", "qwen3_moe"])
@pytest.mark.parametrize("method", sorted(set(EDITORS) - {"ike", "serac", "ft-ewc", "ft-retrain"}))
def test_experts_are_refused_in_a_line_where_one_projection_is_needed(tiny_folder, method, kind):
    model = HuggingFaceModel.load(tiny_folder(kind), device="cpu")
    before, said = weights(model), logits(model)
    if method in ONE_PROJECTION:
        with pytest.raises(CapabilityError, match=f"of this {kind} model holds a mixture of experts") as caught:
            load_editor(method).apply(model, [FRANCE])
        assert "\n" not in str(caught.value)
    if method not in ONE_PROJECTION - ADAPTERS:
        options = {"targets": "attention", "steps": 5} if method in ADAPTERS else WAYS.get(method, {})
        load_editor(method, **options).apply(model, [FRANCE]).undo()
    assert same(before.values(), weights(model).values())
    assert same(said, logits(model))
