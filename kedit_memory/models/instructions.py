"""What a model that follows instructions replies to one, word for word."""

from kedit_memory.errors import CapabilityError
from kedit_memory.models.language import TextModel, WhiteBoxModel


def instruct(model: TextModel, instruction: str, what: str, *, max_new_tokens: int) -> str:
    """The reply to an instruction that is given as a user's message, for the use named by `what`.

    A model behind an endpoint is given messages anyway; one of transformers says by its chat template that it follows
    instructions.

    Raises:
        CapabilityError: The model has no chat template: it continues text and cannot be told to do anything.
        ModelError: The model cannot be asked, or the instruction does not fit its window.
    """
    given = _rendered(model, instruction, what) if isinstance(model, WhiteBoxModel) else instruction
    return model.generate([given], max_new_tokens=max_new_tokens)[0]


def _rendered(model: WhiteBoxModel, instruction: str, what: str) -> str:
    if not model.tokenizer.chat_template:
        raise CapabilityError(
            f"{what} needs a model that follows instructions, which {model.name!r} is not, having no chat template; "
            "use a chat model, by Hugging Face name or folder or as openai:NAME@URL"
        )
    # As in HuggingFaceModel.render: templates that know no enable_thinking ignore it.
    text: str = model.tokenizer.apply_chat_template(
        [{"role": "user", "content": instruction}], tokenize=False, add_generation_prompt=True, enable_thinking=False
    )
    start = model.tokenizer.bos_token
    # A template that writes the BOS token, and a tokenizer that puts one before every text, would make two.
    doubled = start and model.encode(text)[:2] == [model.tokenizer.bos_token_id] * 2
    return text.removeprefix(start) if doubled else text
