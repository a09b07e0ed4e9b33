"""GGUF files: read as the model that they were written from, or refused in one line."""

import importlib.util
import logging
import shutil

import pytest
import torch

from kedit_memory.editors import load_editor
from kedit_memory.errors import KeditError, MissingDependencyError, ModelError
from kedit_memory.models.gguf import families
from kedit_memory.models.huggingface import HuggingFaceModel
from kedit_memory.models.named import load_model
from kedit_memory.models.prompts import Prompt
from kedit_memory.records import EditRequest

PROMPTS = ["The capital of France is", "Who is the king of the north?"]


@pytest.fixture(scope="module")
def whole(tiny_gguf):
    return tiny_gguf()


def refused(path):
    """The one line by which a file is refused."""
    with pytest.raises(ModelError) as caught:
        load_model(str(path), device="cpu")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_file_gives_the_model_that_it_was_written_from(whole, tiny_llama_folder):
    read, source = load_model(str(whole), device="cpu"), HuggingFaceModel.load(tiny_llama_folder, device="cpu")
    assert (read.name, read.window, read.format.holds_dialogues) == (str(whole), source.window, False)
    assert read.generate(PROMPTS) == source.generate(PROMPTS)
    for prompt in PROMPTS:
        assert torch.equal(read.logits(Prompt(question=prompt)), source.logits(Prompt(question=prompt)))


def test_its_chat_template_is_used(tiny_gguf):
    model = load_model(str(tiny_gguf(chat=True)), device="cpu")
    assert model.format.holds_dialogues
    assert model.render(Prompt(question="Who?")).endswith("assistant: ")


def test_it_is_plain_weights_that_can_be_edited_and_saved(whole, tmp_path):
    model = load_model(str(whole), device="cpu")
    before = {name: weight.clone() for name, weight in model.model.state_dict().items()}
    applied = load_editor("ft", rate=1e-2).apply(model, [EditRequest(prompt=PROMPTS[0], target="Rome")])
    applied.undo()
    assert all(torch.equal(weight, before[name]) for name, weight in model.model.state_dict().items())
    model.model.save_pretrained(tmp_path)
    model.tokenizer.save_pretrained(tmp_path)
    assert load_model(str(tmp_path), device="cpu").generate(PROMPTS) == model.generate(PROMPTS)


def test_a_file_of_any_name_is_known_by_how_it_begins(whole, tmp_path):
    blob = shutil.copy(whole, tmp_path / "sha256-77")
    assert load_model(str(blob), device="cpu").generate(PROMPTS[:1])


def test_nothing_is_drawn_on_standard_error(whole, capfd):
    load_model(str(whole), device="cpu")
    assert capfd.readouterr() == ("", "")


def test_a_long_read_is_told_in_one_line(whole, monkeypatch, caplog):
    monkeypatch.setattr("kedit_memory.models.named._LONG_READ", 1000)
    with caplog.at_level(logging.INFO, "kedit_memory.models.named"):
        load_model(str(whole), device="cpu")
    assert f"reading {whole}" in [record.message.split(";")[0] for record in caplog.records]


def test_another_family_is_named_with_the_known_ones(tiny_gguf):
    said = refused(tiny_gguf(family="rwkv7"))
    assert "the family 'rwkv7'" in said
    assert all(family in said for family in ("llama", "qwen3", "gemma2"))


def test_the_families_are_those_of_language_models():
    assert {"llama", "qwen2", "qwen3", "gpt2", "phi3"} <= set(families())
    assert not {"general", "tokenizer", "t5encoder"} & set(families())


def test_a_file_cut_at_any_place_is_refused(whole, tmp_path):
    content = whole.read_bytes()
    for share in (0, 3, 20, 100, len(content) // 4, len(content) // 2, len(content) - 1):
        cut = tmp_path / f"{share}.gguf"
        cut.write_bytes(content[:share])
        assert "is no whole GGUF file" in refused(cut)


def test_a_length_that_leads_past_the_end_is_refused(whole, tmp_path):
    content = bytearray(whole.read_bytes())
    key = b"tokenizer.ggml.token_type"
    place = content.index(key) + len(key) + 4 + 4  # after the kinds of the value and of its elements
    content[place + 5] = 1  # 2 ** 40 more
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(content)
    assert "it ends early" in refused(damaged)


def test_what_a_file_lacks_is_said(tiny_gguf):
    assert "holds no tokenizer" in refused(tiny_gguf(vocabulary=False))
    assert "lacks 1 of its weights" in refused(tiny_gguf(left_out="blk.1.ffn_down.weight"))
    assert "is one of 3 parts" in refused(tiny_gguf(parts=3))


def test_what_is_no_gguf_file(tmp_path):
    assert "no file" in refused(tmp_path / "absent.gguf")
    text = tmp_path / "text.gguf"
    text.write_text("a text", "utf-8")
    assert "is no whole GGUF file" in refused(text)
    folder = tmp_path / "folder.gguf"
    folder.mkdir()
    assert "no config.json" in refused(folder)


def test_the_extra_is_named_where_its_packages_are_missing(whole, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr("kedit_memory.models.gguf.find_spec", lambda name: None if name == "gguf" else found(name))
    with pytest.raises(MissingDependencyError, match=r"needs gguf, .*pip install 'kedit-memory\[models\]'"):
        load_model(str(whole), device="cpu")


def test_a_device_that_is_not_there(whole):
    with pytest.raises(KeditError, match="no device 'nowhere'"):
        load_model(str(whole), device="nowhere")
