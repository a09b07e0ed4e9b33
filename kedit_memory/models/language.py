"""The three strengths of language models.

`TextModel` generates; `ScoringModel` also gives log-probabilities; `WhiteBoxModel` also gives logits,
hidden states and weights. Each memory path and editor says which it needs through `requires`.

A prompt is a `Prompt` (a question with its context, rendered as the model's users expect: chat template,
base-model format or messages) or a plain string (given to the model as it is).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias, TypeVar, runtime_checkable

from kedit_memory.errors import CapabilityError
from kedit_memory.models.formats import Format
from kedit_memory.models.prompts import MAX_NEW_TOKENS, Prompt

if TYPE_CHECKING:
    import torch


OnText: TypeAlias = Callable[[str], None]  # is given a reply's text, piece by piece


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What a model says: `cut` where it would have gone on."""

    text: str
    cut: bool = False


class Named(Protocol):
    """Whatever was asked for by a name."""

    @property
    def name(self) -> str:
        """The name under which it was asked for."""
        ...


@runtime_checkable
class TextModel(Protocol):
    """A model that generates text, deterministically."""

    @property
    def name(self) -> str:
        """The name under which it was asked for."""
        ...

    @property
    def fingerprint(self) -> str:
        """A short text that differs between models and changes with the weights; a part of cache keys."""
        ...

    def generate(
        self,
        prompts: Sequence[Prompt | str],
        *,
        max_new_tokens: int = MAX_NEW_TOKENS,
        stop: Sequence[str] = (),
    ) -> list[str]:
        """The raw continuations, in order, each cut before the first of the `stop` texts."""
        ...

    def answer(
        self,
        question: str,
        facts: Sequence[str] = (),
        passages: Sequence[str] = (),
        *,
        max_new_tokens: int = MAX_NEW_TOKENS,
    ) -> str:
        """The answer to one question, clean of prompt format and final cloze period."""
        ...

    def answer_many(self, prompts: Sequence[Prompt], *, max_new_tokens: int = MAX_NEW_TOKENS) -> list[str]:
        """The short answers to many questions, in order."""
        ...

    def reply_many(
        self, prompts: Sequence[Prompt], *, max_new_tokens: int | None = None, on_text: OnText | None = None
    ) -> list[Reply]:
        """The whole replies, in order, by default as long as the model makes them; `on_text` hears a single one."""
        ...


@runtime_checkable
class ScoringModel(TextModel, Protocol):
    """A model that also tells how probable a given continuation is."""

    def render(self, prompt: Prompt) -> str:
        """The text that the model is given for `prompt`."""
        ...

    def continuation(self, prompt: Prompt, answer: str) -> str:
        """The text with which the model would give `answer` after `prompt`."""
        ...

    def log_probability(self, prompt: Prompt | str, continuation: str) -> list[float]:
        """The natural logarithm of each continuation token's probability; their sum is the text's."""
        ...

    def log_probabilities(self, pairs: Sequence[tuple[Prompt | str, str]]) -> list[list[float]]:
        """The same for many (prompt, continuation) pairs, in batches, in order."""
        ...


class Substitute(NamedTuple):
    """The model that answers in another's place, and what it is asked."""

    model: TextModel
    prompt: Prompt


class StandIn(Protocol):
    """What decides which prompts another model answers."""

    @property
    def fingerprint(self) -> str:
        """A short text that differs whenever a decision or an answer may."""
        ...

    def __call__(self, prompts: Sequence[Prompt]) -> Sequence[Substitute | None]:
        """For each prompt who answers it; None where the model itself does."""
        ...


@runtime_checkable
class WhiteBoxModel(ScoringModel, Protocol):
    """A model whose hidden states and weights are at hand."""

    context: Callable[[Prompt], Prompt] | None  # what in-context edits put before every `Prompt` that is rendered
    stand_in: StandIn | None  # has other models generate, answer and score some prompts in this one's place

    @property
    def model(self) -> Any:
        """The transformers model, in evaluation mode."""
        ...

    @property
    def tokenizer(self) -> Any:
        """Its tokenizer, with a padding token."""
        ...

    @property
    def device(self) -> "torch.device":
        """Where the model takes its inputs."""
        ...

    @property
    def format(self) -> Format:
        """How it is asked."""
        ...

    @property
    def window(self) -> int | None:
        """The most tokens, prompt and answer together; None where the model sets no limit."""
        ...

    def encode(self, prompt: Prompt | str) -> list[int]:
        """The token ids that the model is given for `prompt`, special ones included."""
        ...

    def encode_text(self, text: str) -> list[int]:
        """The token ids of words alone: no special ones, whatever the text reads like."""
        ...

    def ending(self, prompt: Prompt) -> list[int]:
        """The ids that end an answer to the prompt; none where a text just goes on."""
        ...

    def join(self, prompt: Prompt | str, continuation: str) -> tuple[list[int], list[int]]:
        """The ids given to the model and those of the continuation, tokenised as one text."""
        ...

    def fits(self, prompt: Prompt | str, *, max_new_tokens: int = MAX_NEW_TOKENS) -> bool:
        """Whether the model can read the prompt and then generate so many tokens."""
        ...

    def logits(self, prompt: Prompt | str, continuation: str = "") -> "torch.Tensor":
        """Scores of shape (tokens, vocabulary); row t is for the token after t."""
        ...

    def hidden_states(self, prompt: Prompt | str, continuation: str = "") -> "torch.Tensor":
        """States of shape (layers + 1, tokens, width); row 0 is the embedding's output."""
        ...


ModelT = TypeVar("ModelT", bound=TextModel)


def requires(model: Named, strength: type[ModelT], what: str) -> ModelT:
    """`model`, known to have `strength` (one of the protocols above), for the use named by `what`.

    Raises:
        CapabilityError: The model is weaker; the message names it, the use and what is missing.
    """
    if isinstance(model, strength):
        return model
    if not isinstance(model, TextModel):
        raise CapabilityError(
            f"{what} needs a model that generates text, and {model.name} is a classifier, which chooses a label"
        )
    needs = {
        "ScoringModel": "log-probabilities",
        "WhiteBoxModel": "hidden states and weights",
    }.get(strength.__name__, "text generation")
    raise CapabilityError(
        f"{what} needs a model with {needs} ({strength.__name__}), which {model.name!r} is not; "
        "use a Hugging Face model by name or folder, or 'kedit-mini'"
    )


def white_box(model: Named, what: str) -> WhiteBoxModel:
    """The model, known to show its weights.

    Raises:
        CapabilityError: it does not, as a model behind an endpoint.
    """
    return requires(model, WhiteBoxModel, what)  # type: ignore[type-abstract]
