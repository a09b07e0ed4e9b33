"""Defer: the decision and the state by hand, learning as edits come, and what is left alone."""

import numpy as np
import pytest
import torch

from kedit_memory.editors import load_editor
from kedit_memory.editors._codebook_applied import sample_of
from kedit_memory.editors._codebook_learning import states_at_query
from kedit_memory.editors.defer import DeferModule
from kedit_memory.errors import CapabilityError, EditorError, InvalidInputError
from kedit_memory.models.hooks import capture
from kedit_memory.models.huggingface import HuggingFaceModel
from kedit_memory.models.named import load_model
from kedit_memory.models.prompts import Prompt
from kedit_memory.records import EditRequest

FRANCE = EditRequest(prompt="The capital of France is", target="Rome")
KING = EditRequest(prompt="Who is the king of the north?", target="Bob")
OTHER = "Who is Ann?"


def logits(model, question):
    return model.logits(Prompt(question=question))


def sigmoid(number):
    return 1 / (1 + np.exp(-number))


def set_decision(applied, weight, bias):
    with torch.no_grad():
        applied.adapter.module.decision_weight.copy_(torch.as_tensor(weight))
        applied.adapter.module.decision_bias.fill_(bias)


def state_after(applied, question):
    """The layer's output at the question's last token."""
    with capture(applied.adapter.site.module) as seen:
        logits(applied.model, question)
    return seen[0][0, -1]


def test_both_outputs_are_those_of_the_definition():
    generator = torch.Generator().manual_seed(3)
    module = DeferModule(4, 0.5, generator)
    numbers = np.random.default_rng(0)
    keys, states = (numbers.normal(size=(5, 4)).astype(np.float32) * 3 for _ in range(2))
    weight, bias, matrix, offset = (
        tensor.detach().numpy().astype(float)
        for tensor in (module.decision_weight, module.decision_bias, module.value_weight, module.value_bias)
    )
    shares = np.array([sigmoid(sum(weight[0] * key) + bias[0]) for key in keys])
    values = np.array([[sum(row * key) for row in matrix] + offset for key in keys])
    mixed = shares[:, None] * values + (1 - shares[:, None]) * states
    learned = module.learning(torch.from_numpy(keys), torch.from_numpy(states)).detach().numpy()
    assert np.abs(learned - mixed).max() < 1e-5
    rows, said = module.said(torch.from_numpy(keys))
    assert rows.tolist() == (shares >= 0.5).tolist()
    assert 0 < rows.sum() < 5
    assert np.abs(said.detach().numpy() - values).max() < 1e-5


def test_one_step_of_learning_is_adams_on_the_loss_of_the_target(one):
    """Adam's first step has the length of the rate in every coordinate, against the sign of the gradient."""
    editor = load_editor("defer", iterations=1, learning_rate=1e-3)
    applied = editor.open(one)
    module = applied.adapter.module
    sample = sample_of(one, Prompt(question=FRANCE.prompt), FRANCE.target)
    batch = applied.adapter.site.batch([sample])
    keys, states = states_at_query(applied.adapter, batch)
    before = {name: weight.detach().clone() for name, weight in module.named_parameters()}
    with torch.enable_grad(), applied.adapter.forced(batch, module.learning(keys, states)):
        applied.adapter.open()
        scores = one.model(**batch.inputs).logits
        applied.adapter.close()
    loss = batch.losses(batch.judged(scores)).mean()
    gradients = torch.autograd.grad(loss, list(module.parameters()))
    editor.teach(applied.adapter, [sample])
    for (name, weight), gradient in zip(module.named_parameters(), gradients, strict=True):
        clear = gradient.abs() > 1e-6  # less is near Adam's epsilon
        moved = (weight.detach() - before[name])[clear]
        assert torch.allclose(moved, -1e-3 * gradient[clear].sign(), atol=2e-5), name
        assert clear.any()


def test_the_state_gives_way_where_the_decision_says_so(one):
    applied = load_editor("defer").apply(one, [FRANCE])
    applied.undo()
    bits, own = logits(one, OTHER), state_after(applied, OTHER)
    with capture(applied.adapter.site.module, "input") as seen:
        logits(one, OTHER)
    key = seen[0][0, -1]
    applied.adapter.open()
    set_decision(applied, torch.zeros(1, 32), -1e-3)
    assert torch.equal(bits, logits(one, OTHER))
    assert torch.equal(own, state_after(applied, OTHER))
    set_decision(applied, torch.zeros(1, 32), 1e-3)
    module = applied.adapter.module
    expected = module.value_weight.detach().numpy() @ key.numpy() + module.value_bias.detach().numpy()
    assert np.abs(state_after(applied, OTHER).numpy() - expected).max() < 1e-4
    assert not torch.equal(bits[-1], logits(one, OTHER)[-1])
    assert torch.equal(bits[:-1], logits(one, OTHER)[:-1])  # the query token alone


def test_a_row_that_is_deferred_keeps_its_answer_in_a_batch(one):
    questions = [Prompt(question=text) for text in (FRANCE.prompt, OTHER, "The capital of Germany is")]
    plain = one.answer_many(questions)
    applied = load_editor("defer").apply(one, [FRANCE])
    with capture(applied.adapter.site.module, "input") as seen:
        for question in questions:
            one.logits(question)
    keys = torch.stack([states[0, -1] for states in seen])
    target = torch.tensor([1.0, -1.0, -1.0])
    set_decision(applied, (torch.linalg.pinv(keys) @ target)[None], 0.0)  # fires for the first question alone
    alone = [one.answer_many([question])[0] for question in questions]
    assert one.answer_many(questions) == alone
    assert alone[1:] == plain[1:]


def test_edits_that_come_later_are_taught_to_the_same_module():
    model = load_model("kedit-mini", device="cpu")
    asked = [Prompt(question=f"What is the capital of {land}?") for land in ("France", "Japan")]
    before = model.answer_many(asked)
    edits = [
        EditRequest(prompt=one.question, target=town) for one, town in zip(asked, ("Madrid", "Osaka"), strict=True)
    ]
    applied = load_editor("defer").apply(model, edits[:1])
    assert applied.outcomes[0].learned
    assert model.answer_many(asked[:1]) == ["Madrid"]
    weights = applied.adapter.module.value_weight.detach().clone()
    (outcome,) = applied.add(edits[1:])
    assert outcome.learned
    assert [one.fact.target for one in applied.outcomes] == ["Madrid", "Osaka"]
    assert not torch.equal(weights, applied.adapter.module.value_weight)
    applied.undo()
    assert model.answer_many(asked) == before


def test_a_module_that_was_taught_nothing_says_nothing(one):
    bits = logits(one, OTHER)
    applied = load_editor("defer").open(one)
    assert torch.equal(bits, logits(one, OTHER))
    assert applied.outcomes == ()


def test_a_failure_leaves_the_module_as_it_was(one, monkeypatch):
    applied = load_editor("defer").apply(one, [FRANCE])
    bits = logits(one, FRANCE.prompt)
    monkeypatch.setattr(HuggingFaceModel, "answer_many", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        applied.add([KING])
    assert torch.equal(bits, logits(one, FRANCE.prompt))
    assert len(applied.outcomes) == 1
    applied.undo()
    with pytest.raises(EditorError, match="was undone"):
        applied.add([KING])


@pytest.mark.parametrize("kind", ["t5", "qwen2"])
@pytest.mark.parametrize("name", ["defer", "memory"])
def test_other_families(tiny_folder, kind, name):
    model = HuggingFaceModel.load(tiny_folder(kind), device="cpu")
    before = logits(model, OTHER)
    applied = load_editor(name).apply(model, [FRANCE])
    with applied.query_tokens([Prompt(question=FRANCE.prompt)]):
        inside = model.log_probability(Prompt(question=FRANCE.prompt), " Rome")
    applied.undo()
    assert inside != model.log_probability(Prompt(question=FRANCE.prompt), " Rome")
    assert torch.equal(before, logits(model, OTHER))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": -0.1}, "threshold of defer is -0.1; it must be a number, 0 to 1"),
        ({"iterations": 0}, "iterations of defer is 0"),
        ({"learning_rate": 0.0}, "learning_rate of defer is 0.0"),
        ({"stack": "middle"}, "stack is 'middle': it must be one of decoder, encoder"),
        ({"key_token": "second"}, "key_token is 'second': it must be one of last, first"),
    ],
)
def test_options_that_mean_nothing(options, message):
    with pytest.raises(InvalidInputError, match=message):
        load_editor("defer", **options)


def test_an_endpoint_has_no_layer():
    with pytest.raises(CapabilityError, match="defer needs a model with hidden states"):
        load_editor("defer").open(load_model("openai:x@http://127.0.0.1:9/v1"))
