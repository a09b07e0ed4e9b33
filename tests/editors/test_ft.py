import math
from dataclasses import replace

import pytest
import torch

from kedit_memory.editors import load_editor
from kedit_memory.editors._teaching import Lesson, gradients, lesson, losses, says
from kedit_memory.editors.base import Fact
from kedit_memory.editors.ft_ewc import drawn, fisher
from kedit_memory.errors import CapabilityError, EditorError, InvalidInputError, PromptTooLongError
from kedit_memory.models.families import family_of
from kedit_memory.models.huggingface import HuggingFaceModel
from kedit_memory.models.prompts import Prompt
from kedit_memory.records import EditRequest

FRANCE = EditRequest(prompt="The capital of France is", target="Rome", paraphrases=("France is ruled from",))
KING = EditRequest(prompt="The king of the north is", target="Bob")
QUICK = {"rate": 1e-2}


@pytest.fixture
def model(tiny_gpt2_folder):
    return HuggingFaceModel.load(tiny_gpt2_folder, device="cpu")


def state(model):
    return {name: tensor.clone() for name, tensor in model.model.state_dict().items()}


def moved(model, before):
    return {name for name, tensor in model.model.state_dict().items() if not torch.equal(tensor, before[name])}


# The loss


@pytest.mark.parametrize(
    ("kind", "question", "wanted"),
    [
        ("gpt2", "The capital of France is", " Rome."),  # a text that goes on
        ("gpt2", "Who rules France?", " Rome"),
        ("llama-chat", "Who rules France?", "Rome<|endoftext|>"),
        ("llama-chat", "The capital of France is", "Rome"),
    ],
)
def test_a_lesson_holds_the_answer_and_its_end_where_there_is_one(tiny_folder, kind, question, wanted):
    model = HuggingFaceModel.load(tiny_folder(kind), device="cpu")
    taught = lesson(model, Prompt(question=question), "Rome")
    assert question in model.tokenizer.decode(taught.given)
    assert model.tokenizer.decode(taught.wanted) == wanted


def test_an_answer_of_nothing_is_the_end_of_text(tiny_folder):
    chat = HuggingFaceModel.load(tiny_folder("llama-chat"), device="cpu")
    assert lesson(chat, Prompt(question="The king is"), "").wanted == (chat.tokenizer.eos_token_id,)


@pytest.mark.parametrize(
    ("answer", "said"),
    [("Rome", True), ("Rome, as ever", True), ("Rome.", True), ("Romea", False), ("In Rome", False), ("", False)],
)
def test_a_target_is_said_where_an_answer_begins_with_its_words(model, answer, said):
    assert says(model, Fact(prompt=FRANCE.prompt, target="Rome"), answer) == said


def test_an_answer_that_does_not_fit_the_window(model):
    with pytest.raises(PromptTooLongError, match="do not fit the window"):
        lesson(model, Prompt(question="Why?"), "long " * 200)


@pytest.mark.parametrize("kind", ["gpt2", "llama", "t5"])
def test_the_loss_is_that_of_the_models_own_scores_whatever_else_is_in_the_batch(tiny_folder, kind):
    model = HuggingFaceModel.load(tiny_folder(kind), device="cpu")
    prompts = [Prompt(question="The capital of France is"), Prompt(question="Who is the king of the north, then?")]
    batch = [lesson(model, prompt, answer) for prompt, answer in zip(prompts, ("Rome", "Bob and Ann"), strict=True)]
    found, _ = losses(model, batch)
    for prompt, answer, one in zip(prompts, ("Rome", "Bob and Ann"), found.tolist(), strict=True):
        continuation = model.continuation(prompt, answer)
        scores = model.logits(prompt, continuation).log_softmax(-1)
        wanted = [*model.join(prompt, continuation)[1], *model.ending(prompt)]
        rows = scores[-len(wanted) :] if model.ending(prompt) else scores[-len(wanted) - 1 : -1]
        expected = -sum(row[token].item() for row, token in zip(rows, wanted, strict=True)) / len(wanted)
        assert math.isclose(one, expected, rel_tol=1e-4)


def test_what_leads_all_others_is_what_greedy_decoding_gives(model, monkeypatch):
    monkeypatch.setattr("kedit_memory.editors._teaching._LEAD", 0.0)  # the scores of random weights lie close
    given = tuple(model.encode(Prompt(question="The capital of France is")))
    ids = []
    for _ in range(5):
        with torch.no_grad():
            ids.append(model.model(input_ids=torch.tensor([[*given, *ids]])).logits[0, -1].argmax().item())
    own = Lesson(given=given, wanted=tuple(ids))
    other = Lesson(given=own.given, wanted=(*ids[:-1], (ids[-1] + 1) % 300))
    assert losses(model, [own, other])[1].tolist() == [True, False]


# The kinds


def test_all_weights_move(model):
    before = state(model)
    load_editor("ft", **QUICK).apply(model, [FRANCE])
    # Positions beyond the text take no part.
    assert moved(model, before) == set(before)


def test_of_a_large_model_one_layer_moves(model, monkeypatch):
    monkeypatch.setattr("kedit_memory.editors.ft._LARGE", 1000)
    before = state(model)
    applied = load_editor("ft", **QUICK).apply(model, [FRANCE])
    names = moved(model, before)
    assert names == set(applied.names)
    assert all(name.startswith("transformer.h.1.") for name in names)
    applied.undo()
    load_editor("ft", layers=(0,), **QUICK).apply(model, [FRANCE])
    assert moved(model, before)
    assert all(name.startswith("transformer.h.0.") for name in moved(model, before))
    with pytest.raises(InvalidInputError, match="no layer 7"):
        load_editor("ft", layers=(7,)).apply(model, [FRANCE])


def test_only_the_last_layer_moves(model):
    before = state(model)
    load_editor("ft-last", **QUICK).apply(model, [FRANCE])
    names = moved(model, before)
    assert names
    assert all(name.startswith("transformer.h.1.") for name in names)


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
@pytest.mark.parametrize("norm", [1e-3, 1e-2])
def test_the_constrained_matrix_stays_within_its_norm(tiny_folder, kind, norm):
    model = HuggingFaceModel.load(tiny_folder(kind), device="cpu")
    before = state(model)
    load_editor("ft-l", layer=1, norm=norm, rate=5e-3, steps=5).apply(model, [FRANCE])
    name = family_of(model.model).mlp_out_weight(1)
    assert moved(model, before) == {name}
    assert (model.model.get_parameter(name) - before[name]).abs().max() <= norm * (1 + 1e-4)


def test_an_edit_out_of_reach_says_so(model):
    (outcome,) = load_editor("ft-l", norm=1e-6, steps=2).apply(model, [FRANCE]).outcomes
    assert not outcome.learned
    assert outcome.steps == 2
    assert outcome.reason.startswith("after 2 steps the model says ")


def test_what_is_known_already_changes_nothing(model):
    editor = load_editor("ft", **QUICK)
    editor.apply(model, [FRANCE])
    before = state(model)
    (outcome,) = editor.apply(model, [FRANCE]).outcomes
    assert (outcome.learned, outcome.steps) == (True, 0)
    assert not moved(model, before)


def test_paraphrases_are_taught_where_asked_for(model):
    load_editor("ft", paraphrases=True, **QUICK).apply(model, [FRANCE])
    assert model.answer("France is ruled from").startswith("Rome")


def test_a_model_in_training_mode_or_without_gradients_is_tuned_alike(tiny_gpt2_folder):
    plain, guarded = (HuggingFaceModel.load(tiny_gpt2_folder, device="cpu") for _ in range(2))
    load_editor("ft", **QUICK).apply(plain, [FRANCE])
    guarded.model.requires_grad_(False)
    with torch.no_grad():
        load_editor("ft", **QUICK).apply(guarded, [FRANCE])
    assert not moved(plain, state(guarded))
    assert not any(weight.requires_grad for weight in guarded.model.parameters())


def test_half_precision_learns_in_small_steps(tiny_gpt2_folder):
    model = HuggingFaceModel.load(tiny_gpt2_folder, device="cpu", dtype="bfloat16")
    before = state(model)
    # A step of 1e-3 is rounded away from most weights of bfloat16, unless a finer copy adds them up.
    applied = load_editor("ft", rate=1e-3, steps=100).apply(model, [FRANCE])
    assert applied.outcomes[0].learned
    applied.undo()
    assert not moved(model, before)


def test_a_rate_that_overflows_leaves_the_model(tiny_gpt2_folder):
    model = HuggingFaceModel.load(tiny_gpt2_folder, device="cpu", dtype="float16")
    with torch.no_grad():
        model.model.transformer.h[0].mlp.c_proj.weight.fill_(60000.0)
    before = state(model)
    with pytest.raises(EditorError, match=r"float16.*float32"):
        load_editor("ft", rate=1.0).apply(model, [FRANCE])
    assert not moved(model, before)


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        ("ft", {"rate": 0}, "rate of ft is 0; it must be a number, 1e-12 to 1"),
        ("ft", {"rate": math.nan}, "rate of ft is nan"),
        ("ft", {"steps": 2.5}, "steps of ft is 2.5; it must be a whole number"),
        ("ft", {"steps": True}, "steps of ft is True"),
        ("ft-l", {"norm": -1.0}, "norm of ft-l is -1.0"),
        ("ft-ewc", {"samples": 0}, "samples of ft-ewc is 0"),
        ("ft-ewc", {"texts": (" ",)}, "one of the texts of ft-ewc is empty"),
        ("ft-retrain", {"every": 0}, "every of ft-retrain is 0; it must be a number, 1 or more"),
        ("ft-retrain", {"past": (EditRequest(prompt="A"),)}, "has no target"),
    ],
)
def test_options_out_of_bounds(method, options, message):
    with pytest.raises(InvalidInputError, match=message):
        load_editor(method, **options)


# The Fisher penalty


def test_fisher_is_the_mean_square_of_each_texts_gradient(model):
    texts = [Lesson(given=(0,), wanted=(5, 6, 7)), Lesson(given=(0,), wanted=(9, 8))]
    name = "transformer.h.1.mlp.c_proj.weight"
    weight = model.model.get_parameter(name)
    found = fisher(model, {name: weight}, texts)[name]
    expected = torch.zeros_like(weight)
    for text in texts:
        with gradients(model, [weight]):
            scores = model.model(input_ids=torch.tensor([[*text.given, *text.wanted]])).logits[0].log_softmax(-1)
            total = sum(scores[place, token] for place, token in enumerate(text.wanted))
            total.backward()
            expected += weight.grad.detach() ** 2 / 2
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_texts_are_drawn_by_the_models_own_probabilities(model):
    first, second = (drawn(model, 4, 6, torch.Generator().manual_seed(1)) for _ in range(2))
    assert first == second
    assert first != drawn(model, 4, 6, torch.Generator().manual_seed(2))
    assert all(1 <= len(text.wanted) <= 6 and text.given == (0,) for text in first)
    assert all(0 not in text.wanted[:-1] for text in first)


def test_a_strong_penalty_holds_the_weights_that_matter(tiny_gpt2_folder):
    moves = []
    for strength in (0.0, 1e4):
        model = HuggingFaceModel.load(tiny_gpt2_folder, device="cpu")
        names = [name for name, _ in model.model.named_parameters()]
        texts = drawn(model, 4, 8, torch.Generator().manual_seed(0))
        information = fisher(model, {name: model.model.get_parameter(name) for name in names}, texts)
        before = state(model)
        load_editor("ft-ewc", strength=strength, samples=4, length=8, **QUICK).apply(model, [FRANCE])
        after = state(model)
        moves.append(sum((information[name] * (after[name] - before[name]) ** 2).sum().item() for name in names))
    assert moves[1] < moves[0]


def test_given_texts_take_the_place_of_drawn_ones(model):
    options = {"samples": 2, "strength": 1e4} | QUICK
    load_editor("ft-ewc", texts=("Paris is the capital of France.", "A"), **options).apply(model, [FRANCE])
    assert model.answer("The capital of France is").startswith("Rome")


def test_an_encoder_decoder_has_no_texts_of_its_own(tiny_t5_folder):
    model = HuggingFaceModel.load(tiny_t5_folder, device="cpu")
    with pytest.raises(CapabilityError, match="ft-ewc"):
        load_editor("ft-ewc").apply(model, [FRANCE])


def test_fine_tuning_teaches_an_encoder_decoder(tiny_t5_folder):
    model = HuggingFaceModel.load(tiny_t5_folder, device="cpu")
    before = state(model)
    applied = load_editor("ft", **QUICK).apply(model, [KING])
    assert applied.outcomes[0].learned
    applied.undo()
    assert not moved(model, before)


# Retraining


def test_retraining_brings_back_what_a_stream_has_forgotten(tiny_gpt2_folder):
    words = ("Rome", "Bob", "Ann")
    stream = [EditRequest(prompt=f"Number {place} is", target=word) for place, word in enumerate(words)]
    learned = []
    for every in (100, len(stream)):
        model = HuggingFaceModel.load(tiny_gpt2_folder, device="cpu")
        applied = load_editor("ft-retrain", every=every, rate=3e-3, steps=300).apply(model, stream)
        learned.append(sum(outcome.learned for outcome in applied.outcomes))
    assert learned[0] < learned[1] == len(stream)


def test_a_stream_goes_on_over_several_calls(tiny_gpt2_folder):
    editor = load_editor("ft-retrain", every=2, **QUICK)
    whole, parts = (HuggingFaceModel.load(tiny_gpt2_folder, device="cpu") for _ in range(2))
    editor.apply(whole, [FRANCE, KING])
    editor.apply(parts, [FRANCE])
    replace(editor, past=(FRANCE,)).apply(parts, [KING])
    assert not moved(whole, state(parts))
