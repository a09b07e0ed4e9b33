import copy
import json
import shutil

import pytest
import torch

from kedit_memory.errors import (
    CapabilityError,
    InvalidInputError,
    MissingDependencyError,
    ModelError,
    PromptTooLongError,
    UnknownNameError,
)
from kedit_memory.models import loading
from kedit_memory.models.huggingface import HuggingFaceModel
from kedit_memory.models.language import ScoringModel, TextModel, WhiteBoxModel, requires
from kedit_memory.models.named import load_model
from kedit_memory.models.prompts import Prompt
from kedit_memory.models.remote import OpenAIModel

KINDS = ["gpt2", "llama", "qwen2", "t5", "gpt2-chat"]
PROMPTS = [
    "Who",
    "Question: Who is the king of the north?\nAnswer:",
    "The capital of France is",
    "Fact: Berlin is big.\nQuestion: What is big?\nAnswer:",
]


@pytest.fixture(scope="module", params=KINDS)
def model(request, tiny_folder):
    return HuggingFaceModel.load(tiny_folder(request.param), device="cpu")


@pytest.fixture
def gpt2(tiny_gpt2_folder):
    return HuggingFaceModel.load(tiny_gpt2_folder, name="tiny", device="cpu")


@pytest.fixture
def copied(tiny_gpt2_folder, tmp_path):
    return shutil.copytree(tiny_gpt2_folder, tmp_path / "model")


def rewrite(path, **changes):
    values = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({k: v for k, v in values.items() if v is not None}))


# Generation


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_batch_generates_what_each_prompt_does_alone(model, side):
    model.tokenizer.padding_side = side
    together = model.generate(PROMPTS, max_new_tokens=8)
    assert together == [model.generate([prompt], max_new_tokens=8)[0] for prompt in PROMPTS]
    assert len(set(together)) > 1


def greedy_tokens(model, prompt, count):
    ids = model.encode(prompt)
    for _ in range(count):
        with torch.no_grad():
            ids.append(int(model.model(torch.tensor([ids])).logits[0, -1].argmax()))
    return ids[-count:]


def test_generation_is_the_argmax_of_the_logits(gpt2):
    expected = gpt2.tokenizer.decode(greedy_tokens(gpt2, PROMPTS[0], 5))
    assert gpt2.generate(PROMPTS[:1], max_new_tokens=5) == [expected]


def test_sampling_settings_of_a_checkpoint_change_nothing(gpt2, copied, capfd, caplog):
    settings = {
        "do_sample": True,
        "temperature": 0.1,
        "top_k": 3,
        "top_p": 0.3,
        "max_length": 30,
        "min_new_tokens": 3,
        "max_new_tokens": 7,
    }
    rewrite(copied / "generation_config.json", **settings)
    noisy = HuggingFaceModel.load(copied, device="cpu")
    assert noisy.generate(PROMPTS) == gpt2.generate(PROMPTS)
    assert capfd.readouterr().err == ""
    assert not caplog.records


def test_a_stop_text_ends_a_row_and_only_that_row(model):
    free = model.generate(PROMPTS, max_new_tokens=8)
    stop = free[1][2:4]
    expected = [text.split(stop)[0] for text in free]
    assert model.generate(PROMPTS, max_new_tokens=8, stop=[stop, ""]) == expected


def test_generation_ends_early_once_every_row_has_its_stop(gpt2):
    free = gpt2.generate(PROMPTS[:1], max_new_tokens=20)[0]
    steps = []
    hook = gpt2.model.register_forward_hook(lambda *_: steps.append(1))
    gpt2.generate(PROMPTS[:1], max_new_tokens=20, stop=[free[:1]])
    hook.remove()
    assert len(steps) < 4


def test_generation_ends_at_any_token_that_the_checkpoint_calls_an_end(gpt2, copied):
    ids = greedy_tokens(gpt2, PROMPTS[0], 6)
    rewrite(copied / "generation_config.json", eos_token_id=[0, ids[2]])
    ended = HuggingFaceModel.load(copied, device="cpu")
    before_end = gpt2.tokenizer.decode(ids[: ids.index(ids[2])])
    assert ended.generate(PROMPTS[:1], max_new_tokens=6) == [before_end]


def test_no_prompt_and_an_empty_prompt(model):
    assert model.generate([]) == []
    assert model.answer_many([]) == []
    assert len(model.generate([""], max_new_tokens=3)) == 1


def test_answers_are_one_clean_line(model):
    prompts = [Prompt(question="Who rules?"), Prompt(question="The king is", facts=("A.",))]
    answers = model.answer_many(prompts, max_new_tokens=6)
    assert answers == [model.answer(p.question, p.facts, max_new_tokens=6) for p in prompts]
    assert all("\n" not in answer and answer == answer.strip() for answer in answers)


def test_at_least_one_token_is_asked_for(gpt2):
    with pytest.raises(InvalidInputError, match="max_new_tokens is 0"):
        gpt2.generate(["a"], max_new_tokens=0)


# Rendering


def test_a_chat_template_is_used_where_there_is_one(tiny_folder):
    chat = HuggingFaceModel.load(tiny_folder("gpt2-chat"), device="cpu")
    prompt = Prompt(question="Who rules?", facts=("Ann rules.",))
    rendered = chat.render(prompt)
    assert rendered.startswith("<|endoftext|>system: ")
    assert rendered.endswith("Ann rules.\n<|endoftext|>user: Who rules?\nassistant: ")
    assert chat.encode(prompt).count(0) == 2
    assert chat.continuation(prompt, " Ann ") == "Ann"


def test_a_base_model_gets_the_text_as_it_is_behind_its_context(gpt2):
    prompt = Prompt(question="The king is", facts=("Ann rules.",))
    assert gpt2.render(prompt) == "Ann rules.\n\nThe king is"
    assert gpt2.continuation(prompt, "Ann") == " Ann."


ENDED = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}<|done|>\n{% endfor %}"


@pytest.mark.parametrize(
    ("kind", "template", "question", "end"),
    [
        ("llama", ENDED, "Who is the king?", "<|done|>"),  # a template's own end of turn, which is no end of text
        ("llama", ENDED, "The king is", ""),  # the beginning of a sentence goes on
        ("llama-chat", None, "Who is the king?", "<|endoftext|>"),  # a template that marks no end
        ("llama", None, "Who is the king?", ""),  # a base model's text goes on
        ("t5", None, "The king is", "<|endoftext|>"),  # an encoder-decoder ends every text
    ],
)
def test_what_ends_an_answer_is_what_the_form_says(tiny_folder, kind, template, question, end):
    plain = HuggingFaceModel.load(tiny_folder(kind), device="cpu")
    tokenizer = copy.deepcopy(plain.tokenizer)
    if template:
        tokenizer.add_special_tokens({"additional_special_tokens": ["<|done|>"]})
        tokenizer.chat_template = template
    model = HuggingFaceModel(plain.model, tokenizer, name=kind)
    assert tokenizer.decode(model.ending(Prompt(question=question))) == end
    assert set(model.ending(Prompt(question=question))) <= model._ends, "generation stops there, too"


# Replies


def own_reply(model, question, length):
    """What transformers itself generates for what the user would send."""
    if model.tokenizer.chat_template:
        turns = [{"role": "user", "content": question}]
        given = model.tokenizer.apply_chat_template(
            turns, add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
    else:
        given = model.tokenizer(question, return_tensors="pt")
    given = {name: given[name] for name in ("input_ids", "attention_mask")}
    output = model.model.generate(**given, max_new_tokens=length, do_sample=False, pad_token_id=0)
    start = 0 if model.model.config.is_encoder_decoder else given["input_ids"].shape[1]
    return model.tokenizer.decode(output[0, start:], skip_special_tokens=True)


@pytest.mark.parametrize("question", ["Who is the king of the north?", " The capital of\nFrance is", "谁？"])
@pytest.mark.parametrize("penalty", [1.0, 1.7])
def test_alone_a_model_replies_as_transformers_has_it(model, question, penalty, monkeypatch):
    monkeypatch.setattr(model.model.generation_config, "repetition_penalty", penalty)
    (reply,) = model.reply_many([Prompt(question=question)], max_new_tokens=12)
    assert reply.text == own_reply(model, question, 12)


def test_a_reply_is_as_long_as_the_checkpoint_its_format_or_the_window_lets_it(gpt2, copied, tiny_folder):
    def tokens(model, question, **given):
        ids = []
        hook = model.model.register_forward_hook(lambda *_: ids.append(1))
        (reply,) = model.reply_many([Prompt(question=question)], **given)
        hook.remove()
        return len(ids), reply.cut

    gpt2._ends = frozenset({-1})  # so that no reply ends by itself
    assert tokens(gpt2, "Who?", max_new_tokens=3) == (3, True)
    assert tokens(gpt2, "Who?") == (64, True)
    rewrite(copied / "generation_config.json", max_new_tokens=5)
    own = HuggingFaceModel.load(copied, device="cpu")
    own._ends = frozenset({-1})
    assert tokens(own, "Who?") == (5, True)
    chat = HuggingFaceModel.load(tiny_folder("gpt2-chat"), device="cpu")
    chat._ends = frozenset({-1})
    prompt = Prompt(question="Who?")
    assert tokens(chat, "Who?") == (chat.window - len(chat.encode(prompt)), True)
    with pytest.raises(PromptTooLongError):
        chat.reply_many([Prompt(question="Who? " * 300)])
    with pytest.raises(InvalidInputError, match="max_new_tokens is 0"):
        chat.reply_many([prompt], max_new_tokens=0)


def test_a_reply_that_ends_is_not_cut(gpt2):
    ids = greedy_tokens(gpt2, "Who?", 6)
    gpt2._ends = frozenset({ids[3]})
    assert not gpt2.reply_many([Prompt(question="Who?")], max_new_tokens=6)[0].cut


@pytest.mark.parametrize("name", ["kedit-mini", "tiny"])
def test_the_pieces_of_a_reply_make_it_up(gpt2, name):
    model = gpt2 if name == "tiny" else load_model(name)
    pieces = []
    (reply,) = model.reply_many([Prompt(question="What is the capital of Japan?")], on_text=pieces.append)
    assert "".join(pieces) == reply.text
    assert reply.text == "Tokyo" if name == "kedit-mini" else len(pieces) > 1
    with pytest.raises(InvalidInputError, match="not those to 2 prompts"):
        model.reply_many([Prompt(question="A?"), Prompt(question="B?")], on_text=pieces.append)


# Window


def test_a_model_tells_what_fits(gpt2, tiny_t5_folder):
    assert gpt2.fits("z" * 252, max_new_tokens=4)
    assert not gpt2.fits("z" * 253, max_new_tokens=4)
    assert load_model(str(tiny_t5_folder)).fits("z" * 1000, max_new_tokens=4)


def test_a_prompt_that_does_not_fit_is_refused_with_both_numbers(gpt2):
    text = "z" * 253
    assert gpt2.generate(["z" * 252], max_new_tokens=4)
    message = r"the prompt has 253 tokens, tiny takes 252 \(its window is 256, less 4"
    with pytest.raises(PromptTooLongError, match=message):
        gpt2.generate(["a", text], max_new_tokens=4)
    with pytest.raises(PromptTooLongError, match="257 tokens, tiny takes 256"):
        gpt2.logits("z" * 257)
    with pytest.raises(PromptTooLongError):
        gpt2.log_probability("z" * 256, "z")


def test_t5_has_no_window(tiny_t5_folder):
    model = HuggingFaceModel.load(tiny_t5_folder, device="cpu")
    assert model.window is None
    assert model.generate(["z" * 600], max_new_tokens=2)


# Scores


@pytest.mark.parametrize("side", ["left", "right"])
def test_scores_in_a_batch_equal_those_alone(model, side):
    model.tokenizer.padding_side = side
    pairs = [(prompt, " Paris is" + " big" * i) for i, prompt in enumerate(PROMPTS)]
    pairs.append((Prompt(question="Who?"), "Ann"))
    together = model.log_probabilities(pairs)
    for pair, scores in zip(pairs, together, strict=True):
        assert scores == pytest.approx(model.log_probability(*pair), abs=1e-4)
        assert all(score < 0 for score in scores)
    assert model.log_probabilities([]) == []


def test_scores_are_the_log_softmax_of_the_logits(model):
    prompt, continuation = "The capital of France is", " Paris"
    scores = model.log_probability(prompt, continuation)
    logits = model.logits(prompt, continuation)
    target = model.tokenizer(continuation)["input_ids"]
    rows = logits[-len(target) - 1 : -1].log_softmax(-1)
    expected = [float(row[token]) for row, token in zip(rows, target, strict=True)]
    assert scores == pytest.approx(expected, abs=1e-4)


def test_a_generated_text_is_likelier_than_another(model):
    text = model.generate(PROMPTS[1:2], max_new_tokens=3)[0]
    best = model.log_probability(PROMPTS[1], text)
    other = model.log_probability(PROMPTS[1], "zqx")
    assert max(other) < 0
    assert sum(best) / len(best) > sum(other) / len(other)


def test_a_token_across_the_border_counts_to_the_continuation(gpt2):
    whole = gpt2.encode("Paris")
    assert gpt2.encode("Par")[0] != whole[0] or len(whole) > 1
    assert len(gpt2.log_probability("The capital of France is Pa", "ris")) == 1
    assert gpt2.log_probability("Paris", "") == []


def test_logits_are_the_same_bit_for_bit_at_every_call(model):
    first = model.logits(PROMPTS[1])
    model.generate(PROMPTS)
    model.log_probability(PROMPTS[0], " Paris")
    assert torch.equal(first, model.logits(PROMPTS[1]))
    assert first.shape[1] == model.model.config.vocab_size
    assert not first.requires_grad


def test_hidden_states_have_a_row_for_each_layer(model):
    states = model.hidden_states(PROMPTS[1], " Ann")
    tokens = model.logits(PROMPTS[1], " Ann").shape[0]
    assert states.shape == (3, tokens, 32)


# Fingerprint


def test_a_fingerprint_follows_the_weights(tiny_folder, tiny_gpt2_folder):
    first = HuggingFaceModel.load(tiny_gpt2_folder, device="cpu")
    second = HuggingFaceModel.load(str(tiny_gpt2_folder), device="cpu")
    assert first.fingerprint == second.fingerprint
    assert first.fingerprint != HuggingFaceModel.load(tiny_folder("llama")).fingerprint
    before = first.fingerprint
    with torch.no_grad():
        first.model.transformer.h[1].mlp.c_proj.weight += 0.01
    assert first.fingerprint != before


# Loading


def test_a_loaded_model_is_a_quiet_white_box(tiny_gpt2_folder, capfd):
    model = load_model(str(tiny_gpt2_folder), device="cpu", dtype="bfloat16")
    assert isinstance(model, WhiteBoxModel)
    assert model.model.dtype == torch.bfloat16
    assert not model.model.training
    assert model.tokenizer.pad_token_id == 0
    assert str(model.device) == "cpu"
    assert model.model.get_input_embeddings().weight.shape[0] == model.model.config.vocab_size
    assert capfd.readouterr() == ("", "")


def test_on_a_cpu_the_default_is_float32(copied):
    model = HuggingFaceModel.load(copied, dtype="float16", device="cpu")
    model.model.save_pretrained(copied)
    assert HuggingFaceModel.load(copied, device="cpu").model.dtype == torch.float32


def test_the_embedded_model_goes_by_its_name(tiny_gpt2_folder, monkeypatch):
    from kedit_memory import shipped

    monkeypatch.setattr(shipped, "embedded_model", lambda: tiny_gpt2_folder)
    assert load_model("kedit-mini", device="cpu").name == "kedit-mini"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("./nowhere", r"no folder nowhere: give the folder of an existing model, or a Hub name"),
        ("/no/where/at/all", "no folder /no/where/at/all"),
        (" ", "no model is named"),
        ("nobody/no-such-model", "cannot load the model nobody/no-such-model: "),
    ],
)
def test_a_missing_model_gives_one_clear_line(name, message):
    with pytest.raises(ModelError, match=message) as caught:
        load_model(name)
    assert "\n" not in str(caught.value)


def test_a_folder_without_weights(copied):
    (copied / "model.safetensors").rename(copied / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"holds no weights: there is no \*.safetensors in it"):
        load_model(str(copied))


def test_a_folder_of_something_else(tmp_path):
    with pytest.raises(ModelError, match=r"holds no model: there is no config.json"):
        load_model(str(tmp_path))
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(ModelError, match="is a file: give the folder"):
        load_model(str(file))


def test_a_misspelt_name_is_not_looked_up():
    with pytest.raises(UnknownNameError, match=r"did you mean 'kedit-mini'\?"):
        load_model("kedit-mni")


def test_a_folder_without_tokenizer(copied):
    (copied / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match="cannot load the tokenizer of ") as caught:
        load_model(str(copied))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
def test_damaged_files(copied, name):
    path = copied / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ModelError, match="cannot load ") as caught:
        load_model(str(copied))
    assert "\n" not in str(caught.value)


def test_weights_that_are_missing_are_not_made_up(copied):
    from safetensors.torch import load_file, save_file

    weights = load_file(copied / "model.safetensors")
    del weights["transformer.h.1.mlp.c_fc.weight"]
    save_file(weights, copied / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"lacks 1 of its weights, such as .*h\.1\.mlp\.c_fc"):
        load_model(str(copied))


def test_a_folder_without_vocabulary(copied):
    for file in copied.glob("tokenizer*"):
        file.unlink()
    with pytest.raises(ModelError, match=r"knows no words, so its vocabulary is missing: save tokenizer\.json"):
        load_model(str(copied))


def test_a_tokenizer_without_eos(copied):
    rewrite(copied / "tokenizer_config.json", eos_token=None)
    with pytest.raises(ModelError, match=r'no EOS token.* name one of its tokens as "eos_token"'):
        load_model(str(copied))


def test_a_model_that_cannot_generate(tiny_folder):
    with pytest.raises(ModelError, match="is a BertForMaskedLM, which cannot generate"):
        load_model(str(tiny_folder("bert")))


def test_unusable_options(tiny_gpt2_folder):
    name = str(tiny_gpt2_folder)
    with pytest.raises(UnknownNameError, match="no dtype named 'float31'"):
        load_model(name, dtype="float31")
    with pytest.raises(ModelError, match="no device 'cuda:99'"):
        load_model(name, device="cuda:99")
    with pytest.raises(ModelError, match="no device 'abacus'"):
        load_model(name, device="abacus")
    with pytest.raises(InvalidInputError, match="both device and device_map"):
        load_model(name, device="cpu", device_map="auto")


def test_device_map(tiny_gpt2_folder):
    try:
        import accelerate  # noqa: F401
    except ImportError:
        with pytest.raises(MissingDependencyError, match="pip install accelerate"):
            load_model(str(tiny_gpt2_folder), device_map="auto")
    else:
        model = load_model(str(tiny_gpt2_folder), device_map="cpu")
        assert len(model.generate(PROMPTS, max_new_tokens=2)) == len(PROMPTS)


def test_the_device_auto_spreads_the_layers(tiny_gpt2_folder, monkeypatch):
    pytest.importorskip("accelerate")
    placed, load = [], loading._load_model

    def loaded(*given, device_map, **options):
        placed.append(device_map)
        return load(*given, device_map=device_map, **options)

    monkeypatch.setattr(loading, "_load_model", loaded)
    for device in ("auto", "cpu"):
        model = load_model(str(tiny_gpt2_folder), device=device)
        assert len(model.generate(PROMPTS, max_new_tokens=2)) == len(PROMPTS)
    assert placed == ["auto", None]


# Strengths


def test_requires_names_the_model_the_use_and_the_lack(gpt2):
    remote = OpenAIModel("far", "http://127.0.0.1:9/v1")
    assert requires(gpt2, WhiteBoxModel, what="path grace") is gpt2
    assert requires(remote, TextModel, what="path context") is remote
    with pytest.raises(CapabilityError, match=r"path grace needs a model with hidden states .* which 'far' is not"):
        requires(remote, WhiteBoxModel, what="path grace")
    with pytest.raises(CapabilityError, match="the gate needs a model with log-prob"):
        requires(remote, ScoringModel, what="the gate")
