"""Writes tiny GGUF files of the tiny random models, as llama.cpp's own converter would."""

import json
from pathlib import Path
from typing import Any

NORMAL, CONTROL = 1, 3  # kinds of tokens

_LAYER = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
_WHOLE = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}


def write_gguf(
    path: Path,
    model: Any,
    tokenizer: Any,
    *,
    family: str = "llama",
    template: str | None = None,
    vocabulary: bool = True,
    left_out: str = "",
    parts: int = 1,
) -> Path:
    """A GGUF file of a tiny llama and its tokenizer.

    Args:
        path: What is written.
        model: A transformers model of the llama family.
        tokenizer: A byte-level BPE.
        family: What the file says it is.
        template: Its chat template.
        vocabulary: Whether the tokenizer goes in.
        left_out: The tensor that does not.
        parts: In how many parts the file says that it is.
    """
    from gguf import GGUFWriter

    config = model.config
    writer = GGUFWriter(path, family)
    writer.add_name("tiny")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(config.vocab_size)
    if parts != 1:
        writer.add_uint16("split.count", parts)
    if vocabulary:
        _add_tokenizer(writer, tokenizer, template)
    for name, tensor in model.state_dict().items():
        module, _, kind = name.rpartition(".")
        named = f"{_named(module)}.{kind}"
        if named != left_out:
            writer.add_tensor(named, _permuted(module, tensor, config).numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_tokenizer(writer: Any, tokenizer: Any, template: str | None) -> None:
    tokens = [token for token, _ in sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])]
    merges = json.loads(tokenizer.backend_tokenizer.to_str())["model"]["merges"]
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_types([CONTROL if token in tokenizer.all_special_tokens else NORMAL for token in tokens])
    writer.add_token_merges([" ".join(merge) for merge in merges])
    writer.add_bos_token_id(tokenizer.bos_token_id)
    writer.add_eos_token_id(tokenizer.eos_token_id)
    if template:
        writer.add_chat_template(template)


def _named(module: str) -> str:
    if module in _WHOLE:
        return _WHOLE[module]
    _, _, number, part = module.split(".", 3)
    return f"blk.{number}.{_LAYER[part]}"


def _permuted(module: str, tensor: Any, config: Any) -> Any:
    """llama.cpp turns rows of queries and keys, as its rotary embedding wants them."""
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}.get(module.split(".")[-1])
    if heads is None:
        return tensor.contiguous()
    rows, columns = tensor.shape
    return tensor.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns).contiguous()
