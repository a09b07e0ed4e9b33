import copy
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification

from kedit_memory.editors import load_editor
from kedit_memory.editors._codebook_applied import REPLACED, sample_of
from kedit_memory.editors._codebook_descent import Descent
from kedit_memory.editors._codebook_learning import decodes
from kedit_memory.editors._codebook_site import Sample, Site
from kedit_memory.editors.base import Applied, Editor
from kedit_memory.editors.grace import Grace
from kedit_memory.editors.grace_fast import GraceFast
from kedit_memory.errors import CapabilityError, EditorError, InvalidInputError, NotFoundError, PromptTooLongError
from kedit_memory.models.hooks import capture
from kedit_memory.models.huggingface import HuggingFaceModel
from kedit_memory.models.named import load_model
from kedit_memory.models.prompts import Prompt
from kedit_memory.models.remote import OpenAIModel
from kedit_memory.records import EditRequest

TAUGHT = {
    "Who is the king of the north?": "the",
    "The capital of France is": "France",
    "Which passage is that of Germany?": "capital",
    "Is it?": "Paris",
}  # answers whose first tokens differ in the tokenizer of these tests
KING = EditRequest(prompt="Who is the king of the north?", target="Paris")
CAPITAL = EditRequest(prompt="The capital of France is", target="capital")
OTHER = "Which passage is that of Germany?"
SHORT = "Is it?"
ONE_LETTER = "A"
FAST_ENOUGH = {"layer": 1, "value_start": "warm", "iterations": 40, "learning_rate": 0.3}


def grace(**options):
    return Grace(**{**FAST_ENOUGH, **options})


def fast(**options):
    return GraceFast(**{"layer": 1, "radius": 0.02, "questions": 0, **options})


EDITORS = {"grace": grace, "grace-fast": fast}


@pytest.fixture(scope="module")
def taught(build_tiny_model, tiny_tokenizer):
    """A function from a kind to a small model that was taught four answers: it ends them, as random ones cannot."""
    tokenizer = copy.deepcopy(tiny_tokenizer)
    tokenizer.pad_token = tokenizer.eos_token
    made = {}

    def make(kind):
        if kind not in made:
            made[kind] = teach(deeper(build_tiny_model(kind)), tokenizer)
        return ending(copy.deepcopy(made[kind]), tokenizer)

    return make


def ending(network, tokenizer):
    """A model that ends its answers, as a base model's form does not."""
    model = HuggingFaceModel(network, tokenizer, name="taught")
    model.ending = lambda _: [tokenizer.eos_token_id]
    return model


def deeper(small):
    """The same kind of model with three layers, drawn anew."""
    values = {key: value for key, value in small.config.to_dict().items() if key != "layer_types"}
    for count in ("n_layer", "num_hidden_layers", "num_layers", "num_decoder_layers"):
        if count in values:
            values[count] = 3
    network = type(small)(type(small.config)(**values)).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in network.parameters():
            if weight.dim() > 1:
                weight.normal_(0, 0.05, generator=generator)
    return network


def teach(network, tokenizer):
    """Adam until every fact is said, and every answer, once begun, is ended after any question.

    Gradients are clipped: without that an encoder-decoder learns nothing from some draws, so that a machine which
    rounds otherwise would fail.
    """
    model = ending(network, tokenizer)
    pairs = [(question, told, TAUGHT[question] == told) for question in TAUGHT for told in TAUGHT.values()]
    samples = [sample_of(model, Prompt(question=question), told) for question, told, _ in pairs]
    batch = Site(model=network, layer=1).batch(samples)
    batch.targets[[not true for _, _, true in pairs], 0] = -100
    optimizer = torch.optim.Adam(network.parameters(), lr=0.005)
    for _ in range(800):
        judged = batch.judged(network(**batch.inputs).logits)
        if bool((batch.least_probability(judged) > 0.7).all()):
            return network
        optimizer.zero_grad()
        batch.losses(judged).mean().backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
    raise AssertionError("the model was not taught its facts")


@pytest.fixture
def model(taught):
    return taught("gpt2")


@pytest.fixture(params=sorted(EDITORS))
def editor(request):
    return EDITORS[request.param]()


def answer(model, edit):
    return model.answer(edit.prompt, max_new_tokens=12)


def padded(model, prompts, *, left):
    rows = [model.encode(Prompt(question=text)) for text in prompts]
    width = max(map(len, rows))
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, tokens in enumerate(rows):
        place = slice(width - len(tokens), width) if left else slice(len(tokens))
        ids[row, place], mask[row, place] = torch.tensor(tokens), 1
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    return {"input_ids": ids, "attention_mask": mask, "position_ids": positions}


@torch.no_grad()
def scores(model, inputs):
    return model.model(**inputs).logits


def test_both_are_editors(editor):
    assert isinstance(editor, Editor)
    assert type(load_editor(editor.name)) is type(editor)


def test_an_edit_is_answered_until_it_is_undone(model, editor):
    before = model.fingerprint, model.logits(Prompt(question=KING.prompt))
    old = answer(model, KING)
    applied = editor.apply(model, [KING])
    assert isinstance(applied, Applied)
    (outcome,) = applied.outcomes
    assert outcome.learned, outcome.reason
    assert outcome.steps > 0
    assert outcome.seconds > 0
    assert answer(model, KING) == "Paris" != old
    applied.undo()
    applied.undo()
    assert answer(model, KING) == old
    assert model.fingerprint == before[0]
    assert torch.equal(model.logits(Prompt(question=KING.prompt)), before[1])
    assert not model.model.base_model._forward_pre_hooks
    assert not model.model.base_model.h[1]._forward_hooks


def test_a_miss_is_bit_identical(model, editor):
    before = model.logits(Prompt(question=OTHER))
    applied = editor.apply(model, [KING])
    assert torch.equal(model.logits(Prompt(question=OTHER)), before)
    applied.undo()


@pytest.mark.parametrize("left", [True, False])
def test_the_query_token_is_found_under_padding_and_other_rows_keep_their_bits(model, editor, left):
    inputs = padded(model, [OTHER, KING.prompt, SHORT], left=left)
    before = scores(model, inputs)
    applied = editor.apply(model, [KING])
    after = scores(model, inputs)
    alone = scores(model, padded(model, [KING.prompt], left=left))
    last = inputs["attention_mask"].cumsum(1).argmax(1)
    assert torch.equal(after[[0, 2]], before[[0, 2]])
    assert not torch.equal(after[1], before[1])
    assert torch.allclose(after[1, last[1]], alone[0, -1], atol=1e-3)
    applied.undo()


def test_two_edits_in_a_batch_and_two_batches_in_a_row(model, editor):
    applied = editor.apply(model, [KING, CAPITAL])
    assert [outcome.learned for outcome in applied.outcomes] == [True, True]
    more = EditRequest(prompt=OTHER, target="France")
    applied.add([more])
    assert [answer(model, edit) for edit in (KING, CAPITAL, more)] == ["Paris", "capital", "France"]
    second = editor.apply(model, [replace(KING, target="France")])
    assert answer(model, KING) == "France"
    second.undo()
    assert answer(model, KING) == "Paris"
    applied.undo()


@pytest.mark.parametrize("wide", [grace(initial_radius=1e4), fast(radius=1e2)])
def test_an_edit_that_another_prompt_hides_is_not_learned_and_says_by_which(model, wide):
    applied = wide.apply(model, [KING])
    applied.codebook.tolerance = 100.0  # at this layer nothing can be told apart
    applied.add([CAPITAL])
    old, new = applied.outcomes
    assert new.learned
    assert not old.learned
    assert old.reason == (
        f"a later edit, {CAPITAL.prompt!r}, answers in its place: at this layer their keys cannot be told apart"
    )
    assert answer(model, KING) != KING.target
    applied.remove("#2")
    assert [outcome.learned for outcome in applied.outcomes] == [True]
    applied.undo()


def test_an_edit_that_is_hidden_in_one_of_its_wordings_is_not_learned(taught):
    model = taught("gpt2")
    applied = fast().apply(model, [replace(KING, paraphrases=(OTHER,))])
    assert applied.outcomes[0].learned
    applied.add([EditRequest(prompt=OTHER, target="France")])
    old, new = applied.outcomes
    assert (old.learned, new.learned) == (False, True)
    assert OTHER in old.reason
    assert answer(model, KING) == KING.target
    applied.undo()


@pytest.mark.parametrize("together", [True, False])
def test_the_newest_answer_to_a_prompt_stays_alone(model, editor, together):
    newer = replace(KING, target="capital")
    applied = editor.apply(model, [KING, newer] if together else [KING])
    if not together:
        applied.add([newer])
    assert answer(model, KING) == "capital"
    old, new = applied.outcomes
    assert (old.learned, old.reason) == (False, REPLACED)
    assert new.learned
    applied.remove("#2")
    assert answer(model, KING) == "Paris"
    assert [outcome.learned for outcome in applied.outcomes] == [True]
    applied.undo()


def test_one_edit_is_removed_and_the_others_stay(model, editor):
    old = answer(model, KING)
    applied = editor.apply(model, [KING, CAPITAL])
    applied.remove("#1")
    assert answer(model, KING) == old
    assert answer(model, CAPITAL) == "capital"
    assert applied.owners == ["#2"]
    with pytest.raises(NotFoundError, match="no edit '#1'"):
        applied.remove("#1")
    applied.undo()


def test_a_chosen_edit_answers_whatever_the_distance(model, editor):
    applied = editor.apply(model, [KING, CAPITAL])
    prompt = Prompt(question=KING.prompt)
    with applied.using(None):
        unedited = model.logits(prompt)
    with applied.using("#1"):
        assert answer(model, KING) == "Paris"
    with applied.using("#2"):
        assert not torch.equal(model.logits(prompt), unedited)
    with pytest.raises(NotFoundError), applied.using("#3"):
        pass
    applied.undo()
    assert torch.equal(model.logits(prompt), unedited)


def test_what_is_saved_comes_back(model, editor, tmp_path):
    applied = editor.apply(model, [KING, CAPITAL])
    applied.add([replace(KING, target="France")])
    applied.save(tmp_path / "saved")
    with pytest.raises(EditorError, match="holds something already"):
        applied.save(tmp_path / "saved")
    prompts = [Prompt(question=edit.prompt) for edit in (KING, CAPITAL)]
    expected = [model.logits(prompt) for prompt in prompts]
    outcomes = applied.outcomes
    applied.undo()
    loaded = type(editor)().load(model, tmp_path / "saved")
    assert all(torch.equal(model.logits(p), e) for p, e in zip(prompts, expected, strict=True))
    assert loaded.outcomes == outcomes
    loaded.remove("#3")
    assert answer(model, KING) == "Paris"
    loaded.undo()


def test_files_of_others_and_damaged_ones_are_refused(model, editor, tmp_path, taught):
    applied = editor.apply(model, [KING])
    applied.undo()
    applied.save(tmp_path / "saved")
    with pytest.raises(EditorError, match="holds a change for a model with fingerprint"):
        editor.load(taught("llama"), tmp_path / "saved")
    with pytest.raises(EditorError, match="holds no saved change"):
        editor.load(model, tmp_path / "nothing")
    other = grace() if isinstance(editor, GraceFast) else fast()
    with pytest.raises(EditorError, match="load it with that editor"):
        other.load(model, tmp_path / "saved")
    record = tmp_path / "saved" / "codebook.json"
    text = record.read_text()
    broken = json.loads(text)
    broken["codebook"]["version"] = 99
    for content in (json.dumps(broken), text[:-20], "[]"):
        record.write_text(content)
        with pytest.raises(EditorError, match=r"damaged|version 99"):
            editor.load(model, tmp_path / "saved")
    record.write_text(text)
    for name in ("codebook.safetensors", "texts.json.gz"):
        file = tmp_path / "saved" / name
        whole = file.read_bytes()
        file.write_bytes(whole[:-8])
        with pytest.raises(EditorError, match="is damaged"):
            editor.load(model, tmp_path / "saved")
        file.write_bytes(whole)
    assert not model.model.base_model._forward_pre_hooks


@pytest.mark.parametrize("options", [{}, {"num_beams": 3}, {"do_sample": True, "top_k": 1}])
def test_one_look_up_a_sequence_in_generation(model, editor, options):
    applied = editor.apply(model, [KING])
    asked = []
    rule = applied.adapter.find

    def counted(queries):
        found = rule(queries)
        asked.append(found.entries.tolist())
        return found

    applied.adapter.find = counted
    inputs = padded(model, [OTHER, KING.prompt], left=True)
    del inputs["position_ids"]
    output = model.model.generate(**inputs, max_new_tokens=6, pad_token_id=0, **options)
    assert len(asked) == 1
    beams = options.get("num_beams", 1)
    assert asked[0] == [-1] * beams + [0] * beams
    said = model.tokenizer.decode(output[1, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    assert said.strip().startswith("Paris")
    applied.undo()


@pytest.mark.parametrize("replacement", ["replace_last", "replace_prompt", "replace_all"])
@pytest.mark.parametrize("value_start", ["cold", "warm"])
def test_every_replacement_learns_a_token(model, replacement, value_start):
    """One token and the end: a state that replaces all later ones can hardly say more in a model so small."""
    edit = KING
    editor = grace(layer=1, replacement=replacement, value_start=value_start, iterations=60)
    applied = editor.apply(model, [edit])
    adapter = applied.adapter
    given = model.encode(Prompt(question=edit.prompt))
    seen = []
    with torch.no_grad():
        handle = adapter.site.module.register_forward_hook(lambda _, __, output: seen.append(output))
        model.answer(edit.prompt, max_new_tokens=3)
        handle.remove()
    if len(adapter.codebook):  # the value stands where the option says, at this pass and at the later ones
        value = torch.from_numpy(adapter.codebook.values[0])
        same = (seen[0][0] == value).all(-1)
        expected = {"replace_last": 1, "replace_prompt": len(given), "replace_all": len(given)}
        assert same.sum() == expected[replacement]
        assert same[-1]
        for later in seen[1:]:
            assert bool((later[0] == value).all()) == (replacement == "replace_all")
    else:
        assert replacement == "replace_all"
    applied.undo()


def test_scoring_is_told_where_the_prompt_ends(model, editor):
    applied = editor.apply(model, [KING])
    prompt = Prompt(question=KING.prompt)
    said = model.continuation(prompt, "Paris")
    with applied.query_tokens([prompt]):
        (likely,) = model.log_probabilities([(prompt, said)])
    with applied.using(None):
        (unedited,) = model.log_probabilities([(prompt, said)])
    assert sum(likely) > sum(unedited)
    assert min(likely) > -1
    applied.undo()


@pytest.mark.parametrize("kind", ["gpt_neox", "llama", "qwen2", "gemma2"])
def test_causal_families(taught, kind):
    model = taught(kind)
    miss = model.logits(Prompt(question=OTHER))
    for editor in (grace(layer=1), fast(layer=1)):
        applied = editor.apply(model, [KING])
        assert applied.outcomes[0].learned, editor.name
        assert answer(model, KING) == "Paris"
        assert torch.equal(model.logits(Prompt(question=OTHER)), miss)
        applied.undo()


@pytest.mark.parametrize("stack", [None, "encoder", "decoder"])
def test_encoder_decoders(taught, stack):
    """A question of one token: of a longer one a decoder sees the other states too, and one value need not do."""
    model = taught("t5")
    edit = EditRequest(prompt=ONE_LETTER, target="France")
    assert grace(stack=stack, layer=1).attach(model.model).site.stack == (stack or "encoder")
    old = answer(model, edit)
    miss = model.logits(Prompt(question=OTHER), "x")
    for editor in (grace(stack=stack, layer=1, iterations=100), fast(stack=stack, layer=1)):
        applied = editor.apply(model, [edit])
        assert applied.outcomes[0].learned, editor.name
        assert answer(model, edit) == "France" != old
        assert torch.equal(model.logits(Prompt(question=OTHER), "x"), miss)
        ids = torch.tensor([model.encode(Prompt(question=edit.prompt))])
        output = model.model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), num_beams=2, max_new_tokens=8)
        assert model.tokenizer.decode(output[0], skip_special_tokens=True) == "France"
        applied.undo()
        assert answer(model, edit) == old


@pytest.fixture(scope="module")
def classifier():
    config = BertConfig(
        vocab_size=50,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=3,
        num_attention_heads=2,
        num_labels=4,
        max_position_embeddings=40,
    )
    model = BertForSequenceClassification(config).eval()
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                weight.normal_(0, 0.3, generator=generator)
    return model


@pytest.mark.parametrize("key_token", ["first", "last"])
@pytest.mark.parametrize("make", [grace, fast])
def test_classifiers(classifier, make, key_token):
    texts = [(2, 7, 8, 9, 3), (2, 11, 3)]
    ids = torch.tensor([[2, 7, 8, 9, 3], [2, 11, 3, 0, 0]])
    inputs = {"input_ids": ids, "attention_mask": (ids > 0).long()}
    with torch.no_grad():
        before = classifier(**inputs).logits
    wanted = int(before[0].argmin())
    sample = Sample(prompt=texts[0], target=(wanted,))
    editor = make(layer=1, key_token=key_token, **({"radius": 0.01} if make is fast else {"initial_radius": 0.1}))
    adapter = editor.attach(classifier)
    if make is fast:
        editor.edit_tokens(adapter, [[sample]], labels=[str(wanted)], owners=["e"])
    else:
        editor.edit_tokens(adapter, sample, label=str(wanted), owner="e")
    assert decodes(adapter, adapter.site.batch([sample])).tolist() == [True]
    with torch.no_grad():
        after = classifier(**inputs).logits
    assert after[0].argmax() == wanted
    assert torch.equal(after[1], before[1])
    adapter.close()
    with torch.no_grad():
        assert torch.equal(classifier(**inputs).logits, before)


def test_several_phrasings_have_one_value_and_a_key_each(model):
    edit = replace(KING, paraphrases=("Name the king of the north?", "The king of the north is"))
    applied = fast(layer=1).apply(model, [edit])
    assert applied.outcomes[0].learned
    for phrasing in (edit.prompt, *edit.paraphrases):
        assert model.answer(phrasing, max_new_tokens=12) == "Paris"
    assert len(applied.codebook) == 3
    assert (applied.codebook.values[1:3] == applied.codebook.values[0]).all()
    applied.remove("#1")
    assert len(applied.codebook) == 0
    applied.undo()


def test_a_value_learned_among_others_is_the_one_learned_alone(model):
    alone = fast(layer=1).apply(model, [KING])
    value = alone.codebook.values[0].copy()
    alone.undo()
    among = fast(layer=1).apply(model, [CAPITAL, KING])
    assert among.codebook.values[1] == pytest.approx(value, abs=1e-3)
    among.undo()


def test_too_little_memory_halves_the_batch(model, monkeypatch, caplog):
    learn = Descent.learn

    def narrow(self, adapter, groups):
        if len(groups) > 1:
            raise torch.OutOfMemoryError("no memory")
        return learn(self, adapter, groups)

    monkeypatch.setattr(Descent, "learn", narrow)
    applied = fast(layer=1).apply(model, [KING, CAPITAL])
    assert [outcome.learned for outcome in applied.outcomes] == [True, True]
    assert "no memory for 2 edits at once; trying 1" in caplog.text
    applied.undo()


def test_a_target_that_is_not_learned_is_taken_out_and_said(model):
    editor = grace(layer=1, iterations=1, learning_rate=1e-6)
    old = answer(model, KING)
    applied = editor.apply(model, [KING])
    assert not applied.outcomes[0].learned
    assert "after 1 steps; the edit was taken out again" in applied.outcomes[0].reason
    assert len(applied.codebook) == 0
    assert answer(model, KING) == old
    applied.undo()


def test_bad_options_and_edits_are_refused(model):
    for options, message in (
        ({"distance": "manhattan"}, "distance is 'manhattan': it must be one of euclidean, cosine"),
        ({"stack": "both"}, "stack is 'both'"),
        ({"key_token": "mean"}, "key_token is 'mean'"),
        ({"iterations": 0}, "iterations is 0: it must be above 0"),
        ({"learning_rate": -1.0}, "learning_rate is -1.0"),
    ):
        for make in (grace, fast):
            with pytest.raises(InvalidInputError, match=message):
                make(**options)
    with pytest.raises(InvalidInputError, match="replacement is 'none'"):
        grace(replacement="none")
    with pytest.raises(InvalidInputError, match="value_start is 'hot'"):
        grace(value_start="hot")
    with pytest.raises(InvalidInputError, match="confidence is 1"):
        fast(confidence=1)
    with pytest.raises(InvalidInputError, match="no layer 3: gpt2 here has 3 layers, 0 to 2"):
        grace(layer=3).apply(model, [KING])
    with pytest.raises(InvalidInputError, match="not an encoder-decoder"):
        grace(stack="encoder").apply(model, [KING])
    with pytest.raises(PromptTooLongError, match="give a shorter prompt"):
        grace().apply(model, [replace(KING, prompt="north " * 300 + "?")])
    assert not model.model.base_model._forward_pre_hooks


def test_a_target_without_a_token_is_refused(model, monkeypatch):
    monkeypatch.setattr(model, "continuation", lambda *_: "")
    with pytest.raises(InvalidInputError, match="has no token in this model's vocabulary"):
        grace().apply(model, [KING])


def test_a_model_without_weights_is_refused(editor):
    with pytest.raises(CapabilityError, match=f"the editor {editor.name} needs a model with hidden states"):
        editor.apply(OpenAIModel("far", "http://127.0.0.1:9/v1"), [KING])


def test_the_embedded_model_learns_and_answers_freely():
    model = load_model("kedit-mini", device="cpu")
    prompts = (
        "What is the capital of Peru?",
        "Who wrote Hamlet?",
        "In which country is Lyon?",
        "Who painted Guernica?",
    )
    targets = ("Oslo", "Jane Austen", "Japan", "Claude Monet")
    edits = [EditRequest(prompt=p, target=t) for p, t in zip(prompts, targets, strict=True)]
    unrelated = Prompt(question="Which language is spoken in Brazil?")
    before = model.logits(unrelated)
    applied = GraceFast().apply(model, edits)
    assert [outcome.learned for outcome in applied.outcomes] == [True] * 4
    assert tuple(model.answer(prompt) for prompt in prompts) == targets
    assert torch.equal(model.logits(unrelated), before)
    applied.undo()
    faithful = Grace(value_start="warm", iterations=30).apply(model, edits[:1])
    assert faithful.outcomes[0].learned
    assert model.answer(prompts[0]) == "Oslo"
    faithful.undo()


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_on_a_projection_as_the_authors_code_has_it(taught, kind, tmp_path):
    """The key is what the projection out of the MLP reads, and its output at every token of the prompt gives way."""
    model = taught(kind)
    asked = Prompt(question=KING.prompt)
    before = model.logits(asked)
    editor = grace(site="mlp_out", replacement="replace_prompt", iterations=3)
    applied = editor.open(model)
    site = applied.adapter.site
    editor.edit_tokens(applied.adapter, sample_of(model, asked, "Paris"), label="Paris", owner="king")
    with capture(site.module, "input") as read, capture(site.module) as written:
        edited = model.logits(asked)
    (entry,) = applied.codebook.rows()
    np.testing.assert_allclose(applied.codebook.keys[entry], read[0][0, -1].numpy(), atol=1e-5)
    value = torch.from_numpy(applied.codebook.values[entry])
    assert torch.equal(written[0][0], value.expand_as(written[0][0]))
    assert read[0].shape[2] != written[0].shape[2] == site.width
    assert not torch.equal(edited, before)
    applied.save(tmp_path / "book")
    applied.undo()
    assert torch.equal(model.logits(asked), before)
    again = grace().load(model, tmp_path / "book")
    assert torch.equal(model.logits(asked), edited)
    again.undo()


def test_a_site_that_there_is_not():
    with pytest.raises(InvalidInputError, match="site is 'head': it must be one of layer, mlp_out"):
        load_editor("grace", site="head")
