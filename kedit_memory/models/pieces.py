"""A reply handed on while it is generated."""

from typing import Any

from transformers import TextStreamer

from kedit_memory.models.language import OnText


class Pieces(TextStreamer):
    """Hands on the text of one reply as whole words come.

    Attributes:
        failure: What the receiver raised, which ended the generation.
    """

    def __init__(self, tokenizer: Any, on_text: OnText) -> None:
        super().__init__(tokenizer, skip_prompt=True, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        self._on_text = on_text
        self.failure: Exception | None = None

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - theirs
        """One piece; what is held back until a word is whole comes with the next."""
        try:
            if text:
                self._on_text(text)
        except Exception as error:
            self.failure = error
            raise
