"""`rome` and what it shares with its kin: subjects found, values searched, keys averaged, one rank written."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from kedit_memory.editors import _keyvalue as keyvalue
from kedit_memory.editors import load_editor
from kedit_memory.editors._locate import Site, decoder_family, essence, subject_tokens, taught
from kedit_memory.editors._values import find_values
from kedit_memory.editors.base import Fact
from kedit_memory.editors.rome import Rome, rank_one
from kedit_memory.errors import CapabilityError, EditorError, InvalidInputError, PromptTooLongError
from kedit_memory.models.huggingface import HuggingFaceModel
from kedit_memory.models.named import load_model
from kedit_memory.models.prompts import Prompt
from kedit_memory.records import EditRequest

FRANCE = EditRequest(prompt="The capital of France is", target="Rome", subject="France")
KING = EditRequest(prompt="Who is the king of the north?", target="Bob", subject="the north")


@pytest.fixture(params=["gpt2", "gpt_neox", "llama", "qwen2", "gemma2"])
def model(request, tiny_folder):
    return HuggingFaceModel.load(tiny_folder(request.param), device="cpu")


@pytest.fixture(scope="module")
def embedded():
    return load_model("kedit-mini", device="cpu")


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("\n".join(f"Line {i}: Paris is the capital of France, number {i * i}." for i in range(60)), "utf-8")
    return path


@pytest.fixture
def rome(text):
    return Rome(layer=0, tokens=800, text=text, steps=10)


def shown(model, ids):
    return [model.tokenizer.decode([i]) for i in ids]


# The subject


@pytest.mark.parametrize("kind", ["gpt2", "llama", "llama-chat"])
@pytest.mark.parametrize(
    ("question", "subject"),
    [
        ("Who is the king of the north?", "the king of the north"),
        ("The café of Zoë 😀 Müller is", "Zoë 😀 Müller"),
        ("Who is Ann?", "Ann"),
        ("Is Ann in Annapolis?", "Ann"),
        ("Ann and Ann are", "Ann"),
    ],
)
def test_the_tokens_of_a_subject(tiny_folder, kind, question, subject):
    model = HuggingFaceModel.load(tiny_folder(kind), device="cpu")
    prompt = Prompt(question=question)
    ids = model.encode(prompt)
    found = subject_tokens(model, prompt, subject)
    text = model.tokenizer.decode([ids[i] for i in found])
    assert subject in text
    assert len(text.strip()) <= len(subject) + 1
    if question.startswith("Is Ann"):
        assert "Annap" not in model.tokenizer.decode(ids[: found.stop])
    if question.startswith("Ann and"):
        assert "and" in model.tokenizer.decode(ids[: found.start])


def test_a_chat_template_s_own_words_are_no_subject(tiny_folder):
    model = HuggingFaceModel.load(tiny_folder("llama-chat"), device="cpu")
    prompt = Prompt(question="What is the answer of Ann?")
    place = subject_tokens(model, prompt, "answer")[-1]
    assert "answer of Ann" in model.tokenizer.decode(model.encode(prompt)[place - 6 :])


def test_the_texts_of_a_fact(one):
    fact = Fact(prompt=KING.prompt, target="Bob", subject="the north")
    sites = taught(one, fact, ["Some words", "x" * 5000], end=True)
    assert len(sites) == 2, "a prefix that does not fit is left out"
    for site, prefix in zip(sites, ("", "Some words. "), strict=True):
        text = one.tokenizer.decode(site.ids)
        assert text == f"{prefix}Who is the king of the north? Bob"
        assert one.tokenizer.decode(site.ids[site.target :]) == " Bob"
        assert one.tokenizer.decode(site.ids[: site.at + 1]).endswith("the north")
    assert one.tokenizer.decode(essence(one, "Ann").ids) == "Ann is a"


@pytest.mark.parametrize(("end", "wanted"), [(False, "Bob"), (True, "Bob<|endoftext|>")])
def test_a_target_stands_alone_unless_its_end_is_asked_for(tiny_folder, end, wanted):
    chat = HuggingFaceModel.load(tiny_folder("llama-chat"), device="cpu")
    fact = Fact(prompt=KING.prompt, target="Bob", subject="the north")
    (text,) = keyvalue.texts_of(chat, [fact], Rome(prefixes=0, end=end))
    (site,) = text.taught
    assert chat.tokenizer.decode(site.ids[site.target :]) == wanted


def test_a_prompt_beyond_the_window(one):
    with pytest.raises(PromptTooLongError, match="does not fit the window"):
        taught(one, Fact(prompt="north " * 300, target="Bob", subject="north"), [])


@pytest.mark.parametrize("length", [2, 5, 9])
def test_what_stands_before_a_prompt_is_text_in_whole_words(embedded, length):
    texts = keyvalue.sample(embedded, 2, length, torch.Generator().manual_seed(3))
    assert [text.split()[0] for text in texts] == ["The", "In"]
    assert texts == keyvalue.sample(embedded, 2, length, torch.Generator().manual_seed(3))
    longer = keyvalue.sample(embedded, 1, 30, torch.Generator().manual_seed(3))[0]
    assert longer.split()[: len(texts[0].split())] == texts[0].split(), "a word was cut off"
    assert keyvalue.sample(embedded, 0, length, torch.Generator()) == []


def test_tokens_before_a_prompt_are_drawn_from_the_likeliest(embedded, monkeypatch):
    monkeypatch.setattr(keyvalue, "_LIKELIEST", 1)
    greedy = [keyvalue.sample(embedded, 1, 6, torch.Generator().manual_seed(seed)) for seed in range(3)]
    assert greedy[0] == greedy[1] == greedy[2]
    ids = embedded.encode("The")
    for _ in range(6):
        scores = embedded.logits(embedded.tokenizer.decode(ids))[-1]
        scores[embedded.tokenizer.eos_token_id] = -torch.inf
        ids.append(int(scores.argmax()))
    assert greedy[0] == [" ".join(embedded.tokenizer.decode(ids).split()[:-1])]


# The mathematics


def test_the_update_is_that_of_the_paper():
    rng = np.random.default_rng(1)
    keys = rng.normal(size=(200, 6))
    moment = keys.T @ keys / 200
    key, weight, value = rng.normal(size=6), rng.normal(size=(4, 6)), rng.normal(size=4)
    # By Lagrange: minimise |(W' - W) C^(1/2)|² with W' k = v; with a multiplier, the stationary point is a linear
    # system in W' and the multiplier, row by row of W'.
    system = np.zeros((7, 7))
    system[:6, :6], system[:6, 6], system[6, :6] = moment, key, key
    rows = [np.linalg.solve(system, [*(moment @ weight[i]), value[i]])[:6] for i in range(4)]
    left, right = rank_one(*map(torch.tensor, (key, value - weight @ key)), keyvalue.factor_of(torch.tensor(moment)))
    update = left @ right
    assert np.allclose(weight + update.numpy(), rows, atol=1e-5)
    assert np.linalg.matrix_rank(update.numpy(), tol=1e-9) == 1


@pytest.mark.parametrize("tokens", [10, 50, 100])
def test_moments_of_fewer_tokens_than_numbers(tokens):
    """Rounding leaves eigenvalues of nothing below it; what was read of text is still found."""
    keys = torch.rand(tokens, 128, generator=torch.Generator().manual_seed(0)) + 10
    moment = keys.T @ keys / tokens
    assert torch.linalg.eigvalsh(moment.double())[0] < -1e-6 * moment.diagonal().mean()
    solution = keyvalue.solve(moment, keys.T)
    assert torch.allclose(moment.double() @ solution, keys.T.double(), rtol=1e-2)


def test_keys_are_means_over_texts(model):
    family = decoder_family(model, "rome")
    fact = Fact(prompt=KING.prompt, target="Bob", subject="the north")
    texts = [keyvalue.FactTexts(fact=fact, taught=tuple(taught(model, fact, ["Ann"])), essence=essence(model, "Ann"))]
    found = keyvalue.keys(model, family, [1], texts)[1]
    module = keyvalue.projection(model, family, 1)
    seen = []
    handle = module.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    for site in texts[0].taught:
        with torch.no_grad():
            model.model(torch.tensor([site.ids]), attention_mask=torch.ones(1, len(site.ids), dtype=torch.long))
    handle.remove()
    mean = torch.stack([states[0, site.at] for states, site in zip(seen, texts[0].taught, strict=True)]).mean(0)
    assert torch.allclose(found[0], mean, atol=1e-5)


def test_a_value_stays_within_its_bounds(model, rome):
    family = decoder_family(model, "rome")
    texts = keyvalue.texts_of(model, [Fact(prompt=FRANCE.prompt, target="Rome", subject="France")], rome)
    loose = find_values(model, family, 0, texts, replace(rome, clamp=100.0, steps=20))
    bound = find_values(model, family, 0, texts, replace(rome, clamp=0.1, steps=20))
    start = find_values(model, family, 0, texts, replace(rome, enough=100.0))
    assert start.steps == (0,)
    assert not start.deltas.any()
    assert loose.steps == bound.steps == (20,)
    assert loose.losses[0] < start.losses[0]
    assert float(bound.deltas.norm()) <= 0.1 * float(bound.unedited.norm()) * 1.001 < float(loose.deltas.norm())


def test_facts_searched_together_find_what_each_finds_alone(model, rome):
    family = decoder_family(model, "rome")
    wanted = [Fact(prompt=e.prompt, target=e.target, subject=e.subject) for e in (FRANCE, KING)]
    texts = keyvalue.texts_of(model, wanted, replace(rome, steps=5))
    both = find_values(model, family, 0, texts, replace(rome, steps=5))
    alone = [find_values(model, family, 0, [one], replace(rome, steps=5)).deltas for one in texts]
    assert torch.allclose(both.deltas, torch.cat(alone), atol=1e-4)


def test_the_loss_is_that_of_the_paper(one, rome):
    """One text and one essence prompt, computed by hand from the model's own logits with the delta in its bias."""
    from kedit_memory.editors._onward import Onward
    from kedit_memory.editors._values import _Search

    family = decoder_family(one, "rome")
    module = keyvalue.projection(one, family, 0)
    fact = Fact(prompt=FRANCE.prompt, target="Rome", subject="France")
    # A one-token essence prompt and a prompt that ends with its subject: the delta may stand in every place alike.
    ids = tuple(one.encode("F"))
    site = Site(ids=(*ids, *one.encode(" R")), at=0, target=len(ids))
    texts = keyvalue.FactTexts(fact=fact, taught=(site,), essence=Site(ids=ids, at=0, target=1))
    unedited = keyvalue.read(one, {0: module}, [site], "output")[0]
    onward = Onward(one, family, 0, [site, texts.essence], module)
    search = _Search(onward, one, [texts], unedited, rome)
    delta = torch.randn(1, 32, generator=torch.Generator().manual_seed(1))
    loss, nats = search._loss(delta, [0])

    def words(tokens):
        with torch.no_grad():
            return one.model(torch.tensor([tokens])).logits[0].log_softmax(-1)

    def shifted(tokens):
        handle = module.register_forward_hook(lambda *a: torch.cat([a[2][:, :1] + delta[0], a[2][:, 1:]], 1))
        found = words(tokens)
        handle.remove()
        return found

    target = -torch.stack([shifted(site.ids)[i - 1, site.ids[i]] for i in range(site.target, len(site.ids))]).mean()
    after, before = shifted(ids)[-1], words(ids)[-1]
    size = delta.norm() / search.unedited.norm() ** 2
    expected = target + rome.kl * (after.exp() * (after - before)).sum() + rome.decay * size
    assert nats[0] == pytest.approx(float(target), abs=1e-5)
    assert float(loss.detach()) == pytest.approx(float(expected), abs=1e-5)


# The editor


def test_an_edit_is_the_rank_one_update_of_its_own_numbers(model, rome):
    """What is written in the model equals NumPy's W + delta (C⁻¹k)ᵀ / (C⁻¹k)ᵀk."""
    family = decoder_family(model, "rome")
    texts = keyvalue.texts_of(model, [Fact(prompt=FRANCE.prompt, target="Rome", subject="France")], rome)
    key = keyvalue.keys(model, family, [0], texts)[0][0].numpy().astype(float)
    delta = find_values(model, family, 0, texts, rome).deltas[0].numpy().astype(float)
    moment = rome.moments_of(model, family, [0])[0].numpy().astype(float)
    ridge = max(1e-6 * np.trace(moment) / len(moment), 2.0**-23 * np.linalg.norm(moment))
    moment += ridge * np.eye(len(moment))
    weight = model.model.get_parameter(family.mlp_out_weight(0))
    before = weight.detach().clone().numpy()
    applied = rome.apply(model, [FRANCE])
    direction = np.linalg.solve(moment, key)
    update = np.outer(delta, direction) / (direction @ key)
    change = weight.detach().numpy() - before
    assert np.allclose(change, update.T if family.transposed else update, atol=1e-5)
    assert applied.names == (family.mlp_out_weight(0),)


def test_two_changes_come_out_in_reverse_order(model, rome):
    states = [{name: tensor.clone() for name, tensor in model.model.state_dict().items()}]
    first = rome.apply(model, [FRANCE])
    states.append({name: tensor.clone() for name, tensor in model.model.state_dict().items()})
    second = rome.apply(model, [KING])
    with pytest.raises(EditorError, match="undo the later change first"):
        first.undo()
    for change, state in ((second, states[1]), (first, states[0])):
        change.undo()
        assert all(torch.equal(state[name], tensor) for name, tensor in model.model.state_dict().items())


def test_edits_of_one_call_are_those_of_two_calls(one, rome):
    both = rome.apply(one, [FRANCE, KING])
    at_once = one.logits(FRANCE.prompt)
    both.undo()
    rome.apply(one, [FRANCE])
    rome.apply(one, [KING])
    assert torch.equal(at_once, one.logits(FRANCE.prompt))


def test_the_embedded_model_says_the_target_in_other_words_too(embedded, tmp_path):
    rome = load_editor("rome", tokens=4000)
    others = ["What is the capital of Japan?", "The capital of Spain is", "Who wrote Hamlet?"]
    before = [embedded.answer(question) for question in others]
    edit = EditRequest(prompt="What is the capital of France?", target="Rome", subject="France")
    applied = rome.apply(embedded, [edit])
    try:
        assert applied.outcomes[0].learned, applied.outcomes[0].reason
        assert embedded.answer("What is the capital of France?") == "Rome"
        assert embedded.answer("The capital of France is") == "Rome"
        assert [embedded.answer(question) for question in others] == before
        applied.save(tmp_path / "change")
    finally:
        applied.undo()
    assert embedded.answer(edit.prompt) == "Paris"
    loaded = rome.load(embedded, tmp_path / "change")
    try:
        assert embedded.answer(edit.prompt) == "Rome"
        assert loaded.record["options"]["tokens"] == 4000
        assert "memory" not in loaded.record["options"]
    finally:
        loaded.undo()


def test_what_does_not_work_is_said_in_a_line(one, rome, tiny_folder):
    before = one.fingerprint
    with pytest.raises(InvalidInputError, match="no subject in its prompt"):
        rome.apply(one, [EditRequest(prompt="The capital of France is", target="Rome", subject="Spain")])
    with pytest.raises(InvalidInputError, match="no layer 7: gpt2 here has 2 layers, 0 to 1"):
        Rome(layer=7).apply(one, [FRANCE])
    t5 = HuggingFaceModel.load(tiny_folder("t5"), device="cpu")
    with pytest.raises(
        CapabilityError, match=r"rome works on decoders alone, and .*, a t5 model, has an encoder and a decoder"
    ):
        rome.apply(t5, [FRANCE])
    for options, message in (({"rate": 0}, "rate of rome"), ({"steps": 0.5}, "steps of rome"), ({"kl": -1}, "kl of")):
        with pytest.raises(InvalidInputError, match=message):
            load_editor("rome", **options)
    assert one.fingerprint == before


def test_half_precision_that_overflows_leaves_the_model(tiny_folder, text):
    model = HuggingFaceModel.load(tiny_folder("gpt2"), device="cpu", dtype="float16")
    before = {name: tensor.clone() for name, tensor in model.model.state_dict().items()}
    with pytest.raises(EditorError, match="dtype='float32'") as caught:
        Rome(layer=0, rate=1e6, clamp=1e9, enough=0.0, tokens=800, text=text).apply(model, [FRANCE])
    assert "\n" not in str(caught.value)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.model.state_dict().items())


def test_a_subject_whose_name_alone_does_not_fit(one, rome):
    long = "x" * 600
    with pytest.raises(PromptTooLongError):
        rome.apply(one, [EditRequest(prompt=f"Who is {long}?", target="Bob", subject=long)])
