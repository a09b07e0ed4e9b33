"""Causal traces: what is restored where, and figures that a run by hand gives too."""

import numpy as np
import pytest
import torch

from kedit_memory.errors import CapabilityError, InvalidInputError, MissingDependencyError, PromptTooLongError
from kedit_memory.evaluation.report.trace import save_trace
from kedit_memory.evaluation.tasks.trace.run import KINDS, trace, windows
from kedit_memory.models.families import family_of
from kedit_memory.models.huggingface import HuggingFaceModel
from kedit_memory.models.named import load_model
from kedit_memory.models.prompts import Prompt
from kedit_memory.models.remote import OpenAIModel

QUESTION = "Who is the king of the north?"


@pytest.fixture(params=["gpt2", "gpt_neox", "llama", "opt", "falcon", "bloom", "gemma3_text", "mixtral"])
def model(request, tiny_folder):
    return HuggingFaceModel.load(tiny_folder(request.param), device="cpu")


@pytest.fixture
def one(tiny_folder):
    return HuggingFaceModel.load(tiny_folder("gpt2"), device="cpu")


def test_windows_stand_around_their_layer():
    assert windows(4, 1) == [range(1), range(1, 2), range(2, 3), range(3, 4)]
    assert windows(4, 3) == [range(2), range(3), range(1, 4), range(2, 4)]
    assert windows(4, 2) == [range(1), range(2), range(1, 3), range(2, 4)]
    assert windows(3, 99) == [range(3)] * 3


def test_what_must_hold_of_every_trace(model):
    """Its shape, its tokens, the clean run, and that what stands before the subject restores nothing."""
    found = trace(model, QUESTION, subject="the north", answer="Bob", seeds=3)
    assert set(found.scores) == set(KINDS)
    assert "".join(found.tokens) == "Who is the king of the north?"
    assert "".join(found.tokens[i] for i in found.subject_at) == " the north"
    for scores in found.scores.values():
        assert scores.shape == (len(found.tokens), 2)
        before = scores[: found.subject_at.start]
        assert np.allclose(before, found.noised, rtol=1e-3), "what stands before the subject never heard the noise"
    assert found.clean == pytest.approx(float(np.exp(sum(_log(model, "Bob")))), rel=1e-3)


def _log(model, answer):
    prompt = Prompt(question=QUESTION)
    return model.log_probability(prompt, model.continuation(prompt, answer))


@pytest.mark.parametrize("kind", KINDS)
def test_a_place_by_hand(one, kind):
    """One noise, one token, one window, run without the module's own helpers."""
    family = family_of(one.model)
    found = trace(one, QUESTION, subject="king", answer="Bob", seeds=1, seed=5, window=2)
    place = found.subject_at[-1]
    prompt = Prompt(question=QUESTION)
    given, wanted = one.join(prompt, one.continuation(prompt, "Bob"))
    ids = torch.tensor([given + wanted])
    weight = one.model.get_input_embeddings().weight.detach()
    noise = 3 * weight.std() * torch.randn(1, len(found.subject_at), 32, generator=torch.Generator().manual_seed(5))

    def modules(layer):
        own = family.layer(one.model, layer)
        return {"state": own, "mlp": own.mlp.c_proj, "attention": own.attn.c_proj}[kind]

    def first(output):
        return output[0] if isinstance(output, tuple) else output

    clean = {}
    handles = [
        modules(i).register_forward_hook(lambda _, __, out, i=i: clean.update({i: first(out).clone()})) for i in (0, 1)
    ]
    with torch.no_grad():
        one.model(ids, attention_mask=torch.ones_like(ids))
    for handle in handles:
        handle.remove()

    def hide(_, __, output):
        output = output.clone()
        output[:, list(found.subject_at)] += noise
        return output

    def put(i):
        def restore(_, __, output):
            states = first(output).clone()
            states[0, place] = clean[i][0, place]
            return (states, *output[1:]) if isinstance(output, tuple) else states

        return restore

    # Around layer 1, a window of two is layers 0 and 1; of states, one layer alone is restored.
    handles = [one.model.get_input_embeddings().register_forward_hook(hide)]
    handles += [modules(i).register_forward_hook(put(i)) for i in ((1,) if kind == "state" else (0, 1))]
    with torch.no_grad():
        scores = one.model(ids, attention_mask=torch.ones_like(ids)).logits[0].log_softmax(-1)
    for handle in handles:
        handle.remove()
    expected = sum(float(scores[len(given) - 1 + i, token]) for i, token in enumerate(wanted))
    assert found.scores[kind][place, 1] == pytest.approx(np.exp(expected), rel=1e-3)


def test_seeds_are_kept_and_runs_are_told_of(one):
    told = []
    first = trace(
        one, QUESTION, subject="king", answer="Bob", seeds=2, progress=lambda done, total: told.append((done, total))
    )
    again = trace(one, QUESTION, subject="king", answer="Bob", seeds=2)
    other = trace(one, QUESTION, subject="king", answer="Bob", seeds=2, seed=1)
    assert first.noised == again.noised != other.noised
    assert all(np.array_equal(first.scores[kind], again.scores[kind]) for kind in KINDS)
    assert told[-1] == (len(first.tokens) * 6,) * 2
    assert not any(module._forward_hooks for module in one.model.modules())


def test_the_embedded_model_recalls_at_the_subject():
    model = load_model("kedit-mini", device="cpu")
    found = trace(model, "What is the capital of France?", subject="France", seeds=3)
    assert found.answer == "Paris"
    assert found.clean > 0.5 > found.noised
    states = found.recovered("state")
    last = found.subject_at[-1]
    assert states[last, 0] > 0.7, "early, the subject's last token brings the answer back"
    assert states[last, -1] < 0.1, "late, it is elsewhere"
    assert states[-1, -2] > 0.4, "namely at the last token, for the first token of the answer"


def test_a_picture(one, tmp_path):
    pytest.importorskip("matplotlib")
    found = trace(one, "What costs $5 and $6?", subject="costs", answer="A $ here", seeds=2)
    save_trace(found, tmp_path / "trace.png")
    assert (tmp_path / "trace.png").stat().st_size > 5000
    with pytest.raises(InvalidInputError, match=r"no picture's name"):
        save_trace(found, tmp_path / "trace.txt")


def test_a_picture_without_matplotlib(one, tmp_path, monkeypatch):
    monkeypatch.setattr("kedit_memory.evaluation.report.pictures.find_spec", lambda _: None)
    with pytest.raises(MissingDependencyError, match="pip install"):
        save_trace(trace(one, QUESTION, subject="king", answer="A", seeds=1), tmp_path / "trace.png")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"subject": "Ann"}, "the subject 'Ann' is not in the prompt"),
        ({"subject": ""}, "the subject '' is not in the prompt"),
        ({"subject": "king", "answer": " "}, "there is no answer to trace"),
        ({"subject": "king", "seeds": 0}, "0 seeds"),
        ({"subject": "king", "window": 0}, "a window of 0 layers"),
    ],
)
def test_what_cannot_be_traced(one, options, message):
    with pytest.raises(InvalidInputError, match=message):
        trace(one, QUESTION, **options)


def test_models_that_cannot_be_traced(one, tiny_folder):
    with pytest.raises(CapabilityError, match="a causal trace needs a model with hidden states"):
        trace(OpenAIModel("far", "http://127.0.0.1:9/v1"), QUESTION, subject="king")
    t5 = HuggingFaceModel.load(tiny_folder("t5"), device="cpu")
    with pytest.raises(CapabilityError, match="a causal trace works on decoders alone"):
        trace(t5, QUESTION, subject="king")
    with pytest.raises(PromptTooLongError):
        trace(one, "north " * 300 + "?", subject="north", answer="Bob")
