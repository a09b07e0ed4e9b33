"""A model's folder that is damaged, or made to do harm, gives one line that says what is wrong with it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kedit_memory.errors import KeditError, ModelError
from kedit_memory.models.named import load_model
from kedit_memory.models.prompts import Prompt

DEEP = "[" * 100_000 + "]" * 100_000
CONFIG, GENERATION, TOKENIZER = "config.json", "generation_config.json", "tokenizer_config.json"


@pytest.fixture
def folder(tiny_folder: Callable[[str], Path], tmp_path: Path) -> Path:
    made = shutil.copytree(tiny_folder("gpt2-chat"), tmp_path / "model")
    template = made / "chat_template.jinja"
    rewrite(made / TOKENIZER, chat_template=template.read_text("utf-8"))
    template.unlink()
    return made


def rewrite(file: Path, **changes: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text("utf-8")) | changes), "utf-8")


def asked(folder: Path) -> None:
    """All that a router does with a model."""
    model: Any = load_model(str(folder), device="cpu")
    model.reply_many([Prompt(question="Who is king?", facts=("Ann is.",))], max_new_tokens=3)
    model.log_probability(Prompt(question="Who is <|endoftext|> king?"), "Ann")


def refusal(folder: Path) -> str:
    with pytest.raises(ModelError) as caught:
        asked(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_folder_is_sound_before_it_is_damaged(folder: Path) -> None:
    asked(folder)


@pytest.mark.parametrize("content", ["", "null", "[]", "5", '"x"', '{"a":', DEEP, "\ud800"])
@pytest.mark.parametrize("name", [CONFIG, "tokenizer.json"])
def test_a_file_that_is_no_json_object(folder: Path, name: str, content: str) -> None:
    (folder / name).write_bytes(content.encode("utf-8", "surrogatepass"))
    assert refusal(folder)


@pytest.mark.parametrize(
    "template",
    [
        "{% if %}",
        "{{ nope.x }}",
        "{{ raise_exception('no') }}",
        "{{ 1 / 0 }}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    ],
)
def test_a_chat_template_that_fails(folder: Path, template: str) -> None:
    rewrite(folder / TOKENIZER, chat_template=template)
    assert "cannot use the model's chat template" in refusal(folder)


def test_a_chat_template_that_refuses_a_system_message_is_no_fault(folder: Path) -> None:
    whole = json.loads((folder / TOKENIZER).read_text("utf-8"))["chat_template"]
    refuses = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('none') }}{% endif %}"
    rewrite(folder / TOKENIZER, chat_template=refuses + whole)
    asked(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"vocab_size": "x"}, {"vocab_size": 10**12}, {"n_embd": 0}, {"n_embd": 33}, {"n_layer": -1}, {"n_layer": 10**6},
        {"n_layer": 5}, {"n_head": 0}, {"n_head": 3}, {"n_head": -1}, {"architectures": [5]}, {"dtype": "nope"},
        {"num_labels": 10**9}, {"quantization_config": 5}, {"text_config": 5}, {"id2label": 5}, {"model_type": "nope"},
        {"is_encoder_decoder": True}, {"auto_map": {"AutoModelForCausalLM": "evil.Evil"}, "model_type": "evil"},
    ],
    ids=str,
)  # fmt: skip
def test_a_configuration_that_does_not_fit(folder: Path, changes: dict[str, Any]) -> None:
    rewrite(folder / CONFIG, **changes)
    assert refusal(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"eos_token_id": "x"}, {"eos_token_id": [[1]]}, {"repetition_penalty": 0}, {"bad_words_ids": 5},
        {"max_time": "x"}, {"stop_strings": ["x"]}, {"penalty_alpha": 0.5}, {"no_repeat_ngram_size": "x"},
    ],
    ids=str,
)  # fmt: skip
def test_settings_of_generation_that_cannot_be_kept(folder: Path, changes: dict[str, Any]) -> None:
    rewrite(folder / GENERATION, **changes)
    assert refusal(folder)


def test_settings_that_change_the_shape_of_an_output_do_not_matter(folder: Path) -> None:
    rewrite(folder / GENERATION, return_dict_in_generate=True)
    asked(folder)


@pytest.mark.parametrize(
    "changes",
    [{"eos_token": 5}, {"prompt_format": ["x"]}, {"prompt_format": 5}, {"model_max_length": "x"}, {"chat_template": 5}],
    ids=str,
)
def test_a_tokenizer_s_configuration_that_makes_no_sense(folder: Path, changes: dict[str, Any]) -> None:
    rewrite(folder / TOKENIZER, **changes)
    with pytest.raises(KeditError) as caught:
        asked(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("index", [{}, [], {"weight_map": 5}, {"metadata": {}, "weight_map": {"a": "../../secret"}}])
def test_an_index_of_weights_that_leads_nowhere(folder: Path, index: object) -> None:
    (folder / "model.safetensors").rename(folder / "model-00001-of-00001.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), "utf-8")
    assert refusal(folder)


def test_what_a_receiver_of_pieces_raises_is_its_own(folder: Path) -> None:
    model: Any = load_model(str(folder), device="cpu")

    def gone(_: str) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    with pytest.raises(BrokenPipeError):
        model.reply_many([Prompt(question="Who?")], max_new_tokens=20, on_text=gone)


def test_no_code_of_a_sentence_encoder_s_folder_is_run(tmp_path: Path) -> None:
    from kedit_memory.models.encoder import load_encoder

    pytest.importorskip("sentence_transformers")
    folder = tmp_path / "encoder"
    folder.mkdir()
    mark = tmp_path / "run"
    (folder / "evil.py").write_text(f"open({str(mark)!r}, 'w')\nclass Evil: pass\n", "utf-8")
    modules = [{"idx": 0, "name": "0", "path": "", "type": "evil.Evil"}]
    (folder / "modules.json").write_text(json.dumps(modules), "utf-8")
    (folder / CONFIG).write_text(json.dumps({"model_type": "bert", "auto_map": {"AutoModel": "evil.Evil"}}), "utf-8")
    (folder / "model.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    with pytest.raises(ModelError, match="cannot load the encoder"):
        load_encoder(str(folder), device="cpu").encode(["a"])
    assert not mark.exists()
