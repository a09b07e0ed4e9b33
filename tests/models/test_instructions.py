"""Instructions to a model: as a message to those that take messages, refused by those that only continue text."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kedit_memory.errors import CapabilityError
from kedit_memory.models.huggingface import HuggingFaceModel
from kedit_memory.models.instructions import instruct
from kedit_memory.models.language import Reply
from kedit_memory.models.loading import load_checkpoint
from kedit_memory.models.named import load_model

TOLD = "Write a passage."


def test_a_chat_model_is_given_its_template(tiny_folder: Callable[[str], Path]) -> None:
    model = load_model(str(tiny_folder("gpt2-chat")))
    reply = instruct(model, TOLD, "a test", max_new_tokens=5)
    assert reply == model.generate([f"<|endoftext|>user: {TOLD}\nassistant: "], max_new_tokens=5)[0]
    assert reply


def test_the_beginning_is_not_doubled(tiny_folder: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    model = HuggingFaceModel(*load_checkpoint(tiny_folder("gpt2-chat")), name="starts")
    rendered, seen = f"<|endoftext|>user: {TOLD}\nassistant: ", []
    tokenize = model.tokenizer

    class Starting:
        """A tokenizer that puts a beginning before every text, as those of Llama do."""

        def __call__(self, text: str, *, add_special_tokens: bool = True, **options: Any) -> Any:
            ids = tokenize(text, add_special_tokens=False, **options)["input_ids"]
            return {"input_ids": [tokenize.bos_token_id, *ids] if add_special_tokens else ids}

        def __getattr__(self, name: str) -> Any:
            return getattr(tokenize, name)

    monkeypatch.setattr(model, "tokenizer", Starting())
    monkeypatch.setattr(
        model, "reply_many", lambda prompts, **_: [seen.append(model.encode(prompts[0])) or Reply(text="reply")]
    )
    assert instruct(model, TOLD, "a test", max_new_tokens=5) == "reply"
    assert seen == [tokenize(rendered)["input_ids"]]


def test_a_model_that_only_continues_text_is_refused(tiny_gpt2_folder: Path) -> None:
    with pytest.raises(CapabilityError, match=r"a test needs a model that follows instructions, which .* is not"):
        instruct(load_model(str(tiny_gpt2_folder)), TOLD, "a test", max_new_tokens=5)
