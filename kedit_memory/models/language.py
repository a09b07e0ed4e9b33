"""The three strengths of language models, and the one function that finds a model by its name.

`TextModel` generates; `ScoringModel` also gives log-probabilities; `WhiteBoxModel` also gives logits,
hidden states and weights. Each memory path and editor says which it needs through `requires`.

A prompt is a `Prompt` (a question with its context, rendered as the model's users expect: chat template,
base-model format or messages) or a plain string (given to the model as it is).
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

from kedit_memory import registry
from kedit_memory.errors import CapabilityError, InvalidInputError
from kedit_memory.models.prompts import MAX_NEW_TOKENS, Prompt
from kedit_memory.models.sources import refuse_misspelt

if TYPE_CHECKING:
    import torch

    from kedit_memory.models.classifier import ClassifierModel
    from kedit_memory.models.substitution import StandIn

# Models that the project ships: a name here stands for a function that gives the model's folder.
EMBEDDED = {
    "kedit-mini": "kedit_memory.shipped:embedded_model",
    "kedit-mini-counterfactual": "kedit_memory.shipped:counterfactual_model",
}
COUNTERFACTUAL = "kedit-mini-counterfactual"  # trained to read an edit and to answer from it, as SERAC wants it

_REMOTE_PREFIX = "openai:"


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
        """The answers to many questions, in order."""
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


@runtime_checkable
class WhiteBoxModel(ScoringModel, Protocol):
    """A model whose hidden states and weights are at hand."""

    context: Callable[[Prompt], Prompt] | None  # what in-context edits put before every `Prompt` that is rendered
    stand_in: "StandIn | None"  # has other models generate, answer and score some prompts in this one's place

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
    def window(self) -> int | None:
        """The most tokens, prompt and answer together; None where the model sets no limit."""
        ...

    def encode(self, prompt: Prompt | str) -> list[int]:
        """The token ids that the model is given for `prompt`, special ones included."""
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


def requires(model: "TextModel | ClassifierModel", strength: type[ModelT], what: str) -> ModelT:
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


def white_box(model: "TextModel | ClassifierModel", what: str) -> WhiteBoxModel:
    """The model, known to show its weights.

    Raises:
        CapabilityError: it does not, as a model behind an endpoint.
    """
    return requires(model, WhiteBoxModel, what)  # type: ignore[type-abstract]


def load_model(
    name: str,
    *,
    device: str | None = None,
    dtype: str | None = None,
    device_map: str | dict[str, Any] | None = None,
    api_key: str | None = None,
) -> TextModel:
    """The model that `name` stands for.

    Args:
        name: "kedit-mini" or "kedit-mini-counterfactual" (shipped), a folder, of a model or of a low-rank adapter as
            peft saves it, a Hugging Face Hub name, or "openai:NAME@URL" for an OpenAI-compatible endpoint whose URL
            ends where "/chat/completions" would follow.
        device: "cpu", "cuda", "cuda:1"…; None takes an accelerator where there is one.
        dtype: "float32", "bfloat16" or "float16"; None is float32 on a CPU, the checkpoint's elsewhere.
        device_map: Spreads layers over devices, as transformers does; excludes `device`.
        api_key: For an endpoint; read from the environment by callers, never here.

    Raises:
        ModelError: The model is not there, is damaged, or cannot generate.
        UnknownNameError: The name is all but that of a shipped model, or `dtype` is none.
        InvalidInputError: An option does not fit the kind of model.
        MissingDependencyError: `device_map` is given and accelerate is not installed.
    """
    if name.startswith(_REMOTE_PREFIX):
        if device or dtype or device_map:
            raise InvalidInputError(f"device, dtype and device_map do not apply to {name!r}, which runs elsewhere")
        return _remote(name, api_key)
    source: str | Path = name
    if name in EMBEDDED:
        source = embedded_folder(name)
    else:
        refuse_misspelt("embedded model", name, EMBEDDED)
    from kedit_memory.models.huggingface import HuggingFaceModel  # loads torch

    return HuggingFaceModel.load(source, name=name, device=device, dtype=dtype, device_map=device_map)


def embedded_folder(name: str) -> Path:
    """The folder of a model that ships.

    Raises:
        UnknownNameError: none has this name.
    """
    return Path(registry.load("embedded model", name, EMBEDDED)())


def _remote(name: str, api_key: str | None) -> TextModel:
    from kedit_memory.models.remote import OpenAIModel  # loads httpx

    # A model's own name may hold "@" and ":", a URL's user part too: the last "@http" divides them.
    model, at, rest = name.removeprefix(_REMOTE_PREFIX).rpartition("@http")
    if not at or not model:
        raise InvalidInputError(
            f"{name!r} is not an endpoint: write openai:NAME@URL, such as openai:llama3@http://127.0.0.1:8000/v1"
        )
    return OpenAIModel(model, f"http{rest}", api_key=api_key)
