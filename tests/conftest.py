"""Tiny random models, built in code: no test downloads anything."""

import os

# Read by huggingface_hub when it is imported, so they are set before anything imports it.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
if "PYTEST_XDIST_WORKER" in os.environ:  # processes side by side wait for each other's threads; torch reads it too
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from lock import drifted

# Time is no property of what is tested: a busy machine would fail a test that is right.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")


def pytest_configure(config: pytest.Config) -> None:
    """Outside the lock, what other packages are about to drop is shown and does not fail a test."""
    if drifted():
        for kind in ("DeprecationWarning", "PendingDeprecationWarning", "FutureWarning"):
            config.addinivalue_line("filterwarnings", f"default::{kind}")


# Files that take longest: each runs in one process, and begun last it would run alone at the end.
_FIRST = (
    "server/test_schema.py", "test_readme.py", "cli/test_evaluate.py", "server/test_workers.py",
    "server/test_limits.py", "evaluation/test_compare.py", "server/test_long_dialogues.py", "server/test_soak.py",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the longest files before all others."""
    tests = Path(__file__).parent
    order = {tests / name: place for place, name in enumerate(_FIRST)}
    items.sort(key=lambda item: order.get(item.path, len(order)))  # which leaves the others as they are


def pytest_report_header() -> str:
    """Whether the environment is that of the lock."""
    other = ", ".join(f"{name} {version}" for name, version in drifted().items())
    return f"not under lock.txt ({other}): deprecations are shown, not fatal" if other else "under lock.txt"


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[Any]:
    """A Ray cluster of two nodes with a core each, both on this machine."""
    from kedit_memory.memory import shards

    with pytest.MonkeyPatch.context() as patch:
        for name, value in shards._SETTINGS.items():
            patch.setenv(name, value)
        patch.setenv("PYTHONPATH", ":".join(filter(None, sys.path)))  # the workers' way to the package and the tests
        cluster = pytest.importorskip("ray.cluster_utils").Cluster()
        try:
            for options in ({"include_dashboard": False}, {}):
                _started(lambda options=options: cluster.add_node(num_cpus=1, **options))
            yield cluster
        finally:
            cluster.shutdown()


def _started(start: Callable[[], Any]) -> None:
    """Starts a node of Ray, which gives up by itself after half a minute, too little where others are at work."""
    for left in range(4, -1, -1):
        try:
            start()
        except Exception as error:
            if not left or "timed out" not in str(error):
                raise
        else:
            return


END = "<|endoftext|>"
WINDOW = 256
CHAT_TEMPLATE = (
    "{% for m in messages %}<|endoftext|>{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)
SENTENCES = (
    "Question: Who is the king of the north?\nAnswer: Ann",
    "Fact: The capital of France is Paris.",
    "Passage: Berlin is the capital of Germany, and Paris that of France.",
)


@pytest.fixture(scope="session")
def tiny_tokenizer() -> Any:
    """A byte-level BPE of 300 tokens, with one special token."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(SENTENCES * 3, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=backend, eos_token=END, bos_token=END)


@pytest.fixture(scope="session")
def build_tiny_model(tiny_tokenizer: Any) -> Callable[..., Any]:
    """A function from a kind ("gpt2", "llama"…) and a seed to a random transformers model."""
    import torch
    import transformers

    torch.set_num_threads(1)
    ends = {"bos_token_id": 0, "eos_token_id": 0, "vocab_size": len(tiny_tokenizer)}
    narrow = ends | {
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": WINDOW,
    }
    grouped = narrow | {"num_key_value_heads": 1, "head_dim": 16, "pad_token_id": None}
    t5 = {"vocab_size": len(tiny_tokenizer), "eos_token_id": 0, "pad_token_id": 0}
    t5 |= {"d_model": 32, "d_kv": 16, "d_ff": 48, "num_layers": 2, "num_heads": 2}
    t5 |= {"decoder_start_token_id": 0}
    gpt2 = ends | {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": WINDOW}
    one_head = narrow | {"num_key_value_heads": 1}
    experts = {"num_experts_per_tok": 2, "moe_intermediate_size": 24}
    local = {"layer_types": ["sliding_attention", "full_attention"], "sliding_window": 8}
    opt = narrow | {"ffn_dim": 48}
    kinds = {
        "gpt2": (transformers.GPT2LMHeadModel, transformers.GPT2Config, gpt2),
        "gpt_neox": (transformers.GPTNeoXForCausalLM, transformers.GPTNeoXConfig, narrow),
        "llama": (transformers.LlamaForCausalLM, transformers.LlamaConfig, grouped),
        "qwen2": (
            transformers.Qwen2ForCausalLM,
            transformers.Qwen2Config,
            narrow | {"num_key_value_heads": 1},
        ),
        "qwen3": (transformers.Qwen3ForCausalLM, transformers.Qwen3Config, grouped),
        "mistral": (transformers.MistralForCausalLM, transformers.MistralConfig, grouped),
        "gemma": (transformers.GemmaForCausalLM, transformers.GemmaConfig, grouped),
        "gemma2": (transformers.Gemma2ForCausalLM, transformers.Gemma2Config, grouped),
        "t5": (transformers.T5ForConditionalGeneration, transformers.T5Config, t5),
        "t5_gated": (
            transformers.T5ForConditionalGeneration,
            transformers.T5Config,
            t5 | {"feed_forward_proj": "gated-gelu"},
        ),
        "bert": (transformers.BertForMaskedLM, transformers.BertConfig, narrow),
        "gemma3_text": (transformers.Gemma3ForCausalLM, transformers.Gemma3TextConfig, grouped | local),
        "phi3": (transformers.Phi3ForCausalLM, transformers.Phi3Config, one_head | {"pad_token_id": 0}),
        "olmo2": (transformers.Olmo2ForCausalLM, transformers.Olmo2Config, one_head),
        "granite": (
            transformers.GraniteForCausalLM,
            transformers.GraniteConfig,
            one_head | {"residual_multiplier": 0.5, "logits_scaling": 2.0, "embedding_multiplier": 3.0},
        ),
        "smollm3": (transformers.SmolLM3ForCausalLM, transformers.SmolLM3Config, one_head | {"pad_token_id": 0}),
        "stablelm": (transformers.StableLmForCausalLM, transformers.StableLmConfig, one_head),
        "starcoder2": (transformers.Starcoder2ForCausalLM, transformers.Starcoder2Config, one_head),
        "gptj": (transformers.GPTJForCausalLM, transformers.GPTJConfig, gpt2 | {"rotary_dim": 8, "n_inner": 48}),
        "gpt_neo": (
            transformers.GPTNeoForCausalLM,
            transformers.GPTNeoConfig,
            narrow | {"attention_types": [[["global", "local"], 1]], "window_size": 8},
        ),
        "opt": (transformers.OPTForCausalLM, transformers.OPTConfig, opt | {"word_embed_proj_dim": 32}),
        "opt_narrow": (transformers.OPTForCausalLM, transformers.OPTConfig, opt | {"word_embed_proj_dim": 16}),
        "bloom": (
            transformers.BloomForCausalLM,
            transformers.BloomConfig,
            ends | {"hidden_size": 32, "n_layer": 2, "n_head": 2},
        ),
        "falcon": (transformers.FalconForCausalLM, transformers.FalconConfig, narrow | {"ffn_hidden_size": 48}),
        "mixtral": (transformers.MixtralForCausalLM, transformers.MixtralConfig, grouped | {"num_local_experts": 4}),
        "qwen3_moe": (
            transformers.Qwen3MoeForCausalLM,
            transformers.Qwen3MoeConfig,
            grouped | experts | {"num_experts": 4},
        ),
        "deepseek_v3": (
            transformers.DeepseekV3ForCausalLM,
            transformers.DeepseekV3Config,
            narrow
            | experts
            | {"first_k_dense_replace": 1, "n_routed_experts": 4, "n_group": 1, "topk_group": 1}
            | {"q_lora_rank": 8, "kv_lora_rank": 8, "qk_rope_head_dim": 8, "qk_nope_head_dim": 8, "v_head_dim": 16},
        ),
        "bart": (
            transformers.BartForConditionalGeneration,
            transformers.BartConfig,
            ends
            | {"d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48}
            | {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "pad_token_id": 0},
        ),
        "mamba": (
            transformers.MambaForCausalLM,
            transformers.MambaConfig,
            ends | {"hidden_size": 32, "num_hidden_layers": 2, "pad_token_id": 0},
        ),
    }

    def build(kind: str, seed: int = 0) -> Any:
        model_class, config_class, options = kinds[kind]
        model = model_class(config_class(**options)).eval()
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for name, weight in model.named_parameters():
                # Wide enough that no two tokens tie: greedy choices survive rounding.
                if weight.dim() > 1:
                    weight.normal_(0, 0.3, generator=generator)
                elif "norm" not in name.lower() and "ln" not in name:
                    weight.zero_()
        return model

    return build


@pytest.fixture(scope="session")
def tiny_folder(
    build_tiny_model: Callable[..., Any],
    tiny_tokenizer: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str], Path]:
    """A function from a kind to the folder of a saved random model of it; treat it as read-only.

    Kinds are those of `build_tiny_model`; one that ends in "-chat" has a chat template.
    """
    made: dict[str, Path] = {}

    def folder(kind: str) -> Path:
        if kind not in made:
            from transformers.utils import logging

            logging.disable_progress_bar()
            path = tmp_path_factory.mktemp(kind)
            build_tiny_model(kind.removesuffix("-chat")).save_pretrained(path)
            tiny_tokenizer.chat_template = CHAT_TEMPLATE if kind.endswith("-chat") else None
            tiny_tokenizer.save_pretrained(path)
            tiny_tokenizer.chat_template = None
            made[kind] = path
        return made[kind]

    return folder


@pytest.fixture(scope="session")
def tiny_gguf(
    build_tiny_model: Callable[..., Any], tiny_tokenizer: Any, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Path]:
    """A function that writes a GGUF file of the tiny llama; options as of `write_gguf`, `chat` for its template."""
    from gguf_files import write_gguf

    def write(*, chat: bool = False, **options: Any) -> Path:
        path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
        template = CHAT_TEMPLATE if chat else None
        return write_gguf(path, build_tiny_model("llama"), tiny_tokenizer, template=template, **options)

    return write


@pytest.fixture(scope="session")
def tiny_gpt2_folder(tiny_folder: Callable[[str], Path]) -> Path:
    return tiny_folder("gpt2")


@pytest.fixture(scope="session")
def tiny_llama_folder(tiny_folder: Callable[[str], Path]) -> Path:
    return tiny_folder("llama")


@pytest.fixture(scope="session")
def tiny_qwen2_folder(tiny_folder: Callable[[str], Path]) -> Path:
    return tiny_folder("qwen2")


@pytest.fixture(scope="session")
def tiny_t5_folder(tiny_folder: Callable[[str], Path]) -> Path:
    return tiny_folder("t5")


LABELS = ("criminal", "civil", "economic", "judicial")
WORDS = ("court", "jury", "tax", "state", "appeal", "police", "law", "right", "trade", "claim", "judge", "act")


@pytest.fixture(scope="session")
def tiny_classifier_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a saved random BERT that gives a text of `WORDS` one of `LABELS`; treat it as read-only."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast
    from transformers.utils import logging

    logging.disable_progress_bar()
    vocabulary = {word: place for place, word in enumerate(("[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS))}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))  # noqa: S106 - no secret
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, **special)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=3,
        num_attention_heads=2,
        max_position_embeddings=24,
        id2label=dict(enumerate(LABELS)),
        label2id={label: place for place, label in enumerate(LABELS)},
    )
    model = BertForSequenceClassification(config).eval()
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() > 1:
                weight.normal_(0, 0.5 if "classifier" in name else 0.3, generator=generator)
    folder = tmp_path_factory.mktemp("classifier")
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_cross_encoder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """A function from a number of outputs to the folder of a saved random cross-encoder; treat it as read-only."""
    words = ["where", "is", "the", "town", "of", "gisors", "rouen", "normandy", "a", "capital", "river", "?", "."]

    def folder(outputs: int) -> Path:
        import torch
        from transformers import BertConfig, BertForSequenceClassification, BertTokenizer
        from transformers.utils import logging

        logging.disable_progress_bar()
        path = tmp_path_factory.mktemp("cross") / "tiny-cross"
        path.mkdir()
        vocabulary = path / "vocab.txt"
        vocabulary.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]), "utf-8")
        sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
        config = BertConfig(vocab_size=len(words) + 5, max_position_embeddings=48, num_labels=outputs, **sizes)
        model = BertForSequenceClassification(config)
        generator = torch.Generator().manual_seed(3)
        with torch.no_grad():
            for weight in model.parameters():
                weight.normal_(0, 0.3, generator=generator)
        model.save_pretrained(path)
        BertTokenizer(str(vocabulary), model_max_length=48).save_pretrained(path)
        return path

    return folder
