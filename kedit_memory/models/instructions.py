"""What a model that follows instructions replies to one."""

from kedit_memory.errors import CapabilityError
from kedit_memory.models.language import TextModel, WhiteBoxModel
from kedit_memory.models.prompts import Prompt


def instruct(model: TextModel, instruction: str, what: str, *, max_new_tokens: int) -> str:
    """The reply to an instruction that is given as a user's message, for the use named by `what`.

    A model behind an endpoint is given messages anyway; one of transformers says by its chat template that it follows
    instructions.

    Raises:
        CapabilityError: The model has no chat template: it continues text and cannot be told to do anything.
        ModelError: The model cannot be asked, or the instruction does not fit its window.
    """
    if isinstance(model, WhiteBoxModel) and not model.format.holds_dialogues:
        raise CapabilityError(
            f"{what} needs a model that follows instructions, which {model.name!r} is not, having no chat template; "
            "use a chat model, by Hugging Face name or folder or as openai:NAME@URL"
        )
    return model.reply_many([Prompt(question=instruction)], max_new_tokens=max_new_tokens)[0].text
