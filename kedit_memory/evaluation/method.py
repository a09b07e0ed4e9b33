"""What every method is: something that edits are given to and that is asked questions, and what it is made from."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from kedit_memory.editors import Editor, Preset, named_editor
from kedit_memory.editors.presets import preset
from kedit_memory.evaluation.case import Question
from kedit_memory.models.classifier import ClassifierModel
from kedit_memory.models.encoder import load_encoder
from kedit_memory.models.prompts import Prompt
from kedit_memory.records import EditRequest, Encoder
from kedit_memory.routing.background import Background
from kedit_memory.routing.verify import ScopeVerifier

if TYPE_CHECKING:
    import torch

# What a question is answered by: a prompt that the model reads, or a fixed text; None where neither tells it all.
Reading: TypeAlias = Prompt | str | None
_SENTENCE = 48  # tokens
Text: TypeAlias = tuple[str, str]  # a prompt and what follows it


class Bench:
    """What methods share: a model, and what reads edits in memories.

    Args:
        model: is asked; an editor changes it, and takes its change back.
        encoder: the name of the encoder of memories; None takes the default one.
        background: what routers are given beside their memory.
        cache: the folder for what editors keep of the unedited model.
        text: a file of running text for editors that look at what a model does with most text, and are given none.
        max_new_tokens: where all answers are cut, the unedited model's as those of methods; by default where the
            model's format cuts them, but behind 48 tokens at the latest, which hold a short answer in a sentence.
        preset: the kind of settings that editors take where they have it, see `editors.presets`.
    """

    def __init__(  # noqa: PLR0913 - all that methods share, by keyword
        self,
        model: Any,
        *,
        encoder: str | None = None,
        background: Background | None = None,
        cache: Path | None = None,
        text: Path | None = None,
        max_new_tokens: int | None = None,
        preset: str | None = None,
    ) -> None:
        self.model = model
        self.background = background
        self._max_new_tokens = max_new_tokens
        self._preset = preset
        self._encoder = encoder
        self._cache, self._text = cache, text
        self._editors: dict[str, Editor] = {}

    @property
    def max_new_tokens(self) -> int:
        """Where every answer is cut."""
        return self._max_new_tokens or min(self.model.format.max_new_tokens, _SENTENCE)

    def editor(self, name: str) -> Editor:
        """The editor of a name with its options, the same one each time: some keep what they took of the model."""
        if name not in self._editors:
            editor: Any = named_editor(name, self.preset(name))
            if self._cache is not None and has_field(editor, "cache"):
                editor = replace(editor, cache=self._cache)
            if self._text is not None and has_field(editor, "text") and editor.text is None:
                editor = replace(editor, text=self._text)
            self._editors[name] = editor
        return self._editors[name]

    def preset(self, name: str) -> Preset:
        """The settings that the editor of a name begins with."""
        return preset(name.partition(":")[0], self._preset, self.model.name)

    @cached_property
    def encoder(self) -> Encoder:
        """The encoder of memories, read once for all of them."""
        return load_encoder(self._encoder)

    @cached_property
    def verifier(self) -> ScopeVerifier | None:
        """The verifier of memories; None where its weights or those of its encoder are not installed."""
        return ScopeVerifier() if ScopeVerifier.serves(self.encoder) else None


@dataclass(frozen=True, kw_only=True)
class Said:
    """A free answer and what it was given by; `prompts` are of the edits that it rests on, None where not told."""

    text: str
    reading: Reading
    prompts: frozenset[str] | None = None


class Method(ABC):
    """Something that edits are given to and that is asked questions."""

    learns: ClassVar[bool] = True  # whether an edit costs it anything
    keys: int | None = None  # how many keys are kept; None where there are none to keep
    preset: str | None = None  # the kind of settings that an editor was given
    vector_bytes: int | None = None  # what key and value of an entry take up; None where entries have no such vectors

    def __init__(self, bench: Bench) -> None:
        self.bench = bench

    def prepare(self) -> None:
        """What is set up once, whatever is then edited: it does not count to the time of an edit."""
        return

    @abstractmethod
    def add(self, edits: Sequence[EditRequest]) -> None:
        """Put edits, all at once, on top of those in force."""

    def clear(self) -> None:
        """Take all edits out; a second call changes nothing."""
        return

    def close(self) -> None:
        """Give back what `prepare` took."""
        return

    def ask(self, questions: Sequence[Question]) -> list[Said]:
        """The free greedy answers, in order; of a classifier, labels. What a model reads goes to it in batches."""
        readings = [self.reading(question) for question in questions]
        prompts = [reading for reading in readings if isinstance(reading, Prompt)]
        generated = iter(self.bench.model.answer_many(prompts, max_new_tokens=self.bench.max_new_tokens))
        return [
            Said(text=reading if isinstance(reading, str) else next(generated), reading=reading) for reading in readings
        ]

    def answers(self, texts: Sequence[str]) -> list[str]:
        """The same of bare texts, as texts."""
        return [said.text for said in self.ask([Question(text=text) for text in texts])]

    def reading(self, question: Question) -> Prompt | str:
        """By what a question is answered."""
        return Prompt(question=question.text)

    @contextmanager
    def scoring(self, prompt: Prompt) -> Iterator[None]:  # noqa: ARG002 - for those whose edits have to be told
        """Within the block, the model may be given this prompt together with a target."""
        yield

    def score(self, text: Text) -> list[float] | None:
        """The log-probability of each token of a text's second part after its first; None where it cannot be had."""
        model = self.bench.model
        if isinstance(model, ClassifierModel):
            return None
        asked = Prompt(question=text[0])
        with self.scoring(asked):
            found: list[float] = model.log_probability(asked, model.continuation(asked, text[1]))
        return found

    def logits(self, question: str) -> "torch.Tensor | None":
        """Scores of a question's tokens, of shape (tokens, vocabulary), or of labels; None where there are none."""
        found: torch.Tensor = self.bench.model.logits(Prompt(question=question))
        return found

    def stored_bytes(self) -> int:
        """What the edits take up on disk."""
        return 0


def has_field(editor: Any, name: str) -> bool:
    """Whether an editor asks for something by this name."""
    return any(field.name == name for field in fields(editor))
