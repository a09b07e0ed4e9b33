"""What a stream of edits is given to, behind one face: an editor's model, the router with a memory, or neither.

What differs between editors is found by what they offer: edits in force that more can be added to are added to; an
editor that asks for the edits of earlier calls is given them; any other is applied on top of what is there.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from kedit_memory.editors import Outcome, named_editor
from kedit_memory.editors.base import Wanted
from kedit_memory.evaluation.lifelong.streams import Text
from kedit_memory.memory import EditMemory
from kedit_memory.models.classifier import ClassifierModel, Editable
from kedit_memory.models.language import white_box
from kedit_memory.models.prompts import Prompt
from kedit_memory.records import EditRequest
from kedit_memory.routing.background import Background
from kedit_memory.routing.router import Router, RouterConfig

if TYPE_CHECKING:
    import torch

UNEDITED = "unedited"
ROUTER = "router:"  # before the path by which an edit in scope answers

LoadModel = Callable[[], Editable]


@runtime_checkable
class Growing(Protocol):
    """Edits in force that more can be added to, as those of a codebook."""

    def add(self, edits: Sequence[Wanted]) -> Sequence[Outcome]:
        """Learn more edits."""
        ...


@runtime_checkable
class Counted(Protocol):
    """Edits in force that are kept under keys."""

    @property
    def codebook(self) -> Any:
        """What holds the entries as rows of `keys` and `values`; its length is their number."""
        ...


@runtime_checkable
class Scored(Protocol):
    """Edits in force that have to be told where the prompt ends, when a text is read with what follows it."""

    def query_tokens(self, prompts: Sequence[Prompt | str]) -> AbstractContextManager[None]:
        """Within the block, rows begin with these prompts."""
        ...


class Method(Protocol):
    """Something that edits are given to and that is asked questions."""

    def put(self, edits: Sequence[EditRequest]) -> None:
        """Take in more edits, so that questions about them can be asked."""
        ...

    def answer_many(self, questions: Sequence[str], max_new_tokens: int) -> list[str]:
        """Free greedy answers, in order; of a classifier, labels."""
        ...

    def score(self, text: Text) -> list[float] | None:
        """The log-probability of each token of a text's second part after its first; None where it cannot be had."""
        ...

    def logits(self, question: str) -> "torch.Tensor | None":
        """Scores of the question's tokens, of shape (tokens, vocabulary), or of labels; None where there are none."""
        ...

    @property
    def keys(self) -> int | None:
        """How many keys are kept; None where there are none to keep."""
        ...

    @property
    def vector_bytes(self) -> int | None:
        """What the key and the value of an entry take up; None where entries have no such vectors."""
        ...

    def stored_bytes(self) -> int:
        """What the edits take up on disk."""
        ...


class PlainModel:
    """The model that no edit is put into: the control."""

    keys: int | None = None
    vector_bytes: int | None = None

    def __init__(self, model: Editable) -> None:
        self.model = model

    def put(self, edits: Sequence[EditRequest]) -> None:
        """Nothing is taken in."""

    def answer_many(self, questions: Sequence[str], max_new_tokens: int) -> list[str]:
        """The model's own answers."""
        return self.model.answer_many([Prompt(question=text) for text in questions], max_new_tokens=max_new_tokens)

    def score(self, text: Text) -> list[float] | None:
        """The log-probability of each token of a text's second part after its first; None of a classifier."""
        if isinstance(self.model, ClassifierModel):
            return None
        asked = Prompt(question=text[0])
        return self.model.log_probability(asked, self.model.continuation(asked, text[1]))

    def logits(self, question: str) -> "torch.Tensor | None":
        """Scores of the question's tokens, of shape (tokens, vocabulary); of a classifier, of shape (labels,)."""
        return self.model.logits(Prompt(question=question))

    def stored_bytes(self) -> int:
        """Nothing is stored."""
        return 0


class EditedModel(PlainModel):
    """A model of its own into which an editor puts the edits."""

    def __init__(self, model: Editable, editor: Any) -> None:
        super().__init__(model)
        self._editor = editor  # an `Editor`, which refuses a model that is too weak for it
        self._applied: Any = None  # an `Applied`, of which some can do more
        self._past: list[EditRequest] = []

    def put(self, edits: Sequence[EditRequest]) -> None:
        """Add the edits to those in force, or apply them on top."""
        if isinstance(self._applied, Growing):
            self._applied.add(edits)
        else:
            self._applied = self._informed().apply(self.model, edits)
        self._past += edits

    def score(self, text: Text) -> list[float] | None:
        """The same with the edits in force."""
        where: AbstractContextManager[None] = nullcontext()
        if isinstance(self._applied, Scored):
            where = self._applied.query_tokens([Prompt(question=text[0])])
        with where:
            return super().score(text)

    @property
    def keys(self) -> int | None:  # type: ignore[override]
        """The entries of a codebook."""
        return len(self._applied.codebook) if isinstance(self._applied, Counted) else None

    @property
    def vector_bytes(self) -> int | None:  # type: ignore[override]
        """A row of a codebook's keys and one of its values."""
        if not isinstance(self._applied, Counted):
            return None
        arrays = (self._applied.codebook.keys, self._applied.codebook.values)
        return sum(int(array.itemsize * array.shape[1]) for array in arrays)

    def stored_bytes(self) -> int:
        """What `Applied.save` writes: of changed weights all that were changed, whatever the number of edits."""
        if self._applied is None:
            return 0
        with tempfile.TemporaryDirectory() as aside:
            self._applied.save(Path(aside) / "saved")
            return _size(Path(aside))

    def _informed(self) -> Any:
        """The editor, told of the edits so far where it asks for them (see `RetrainedTuning`)."""
        if any(field.name == "past" for field in fields(self._editor)):
            return replace(self._editor, past=tuple(self._past))
        return self._editor


class RoutedModel(PlainModel):
    """The unchanged model behind a router, with the edits in a memory; nothing is retrieved, so that a miss is its own.

    An edit counts as taken in once it has answered its own question: some paths learn what they need only then.
    """

    def __init__(
        self, model: Editable, memory: EditMemory, config: RouterConfig, background: Background | None
    ) -> None:
        super().__init__(model)
        self._memory = memory
        self._router = Router(memory, white_box(model, "the router"), background=background, config=config)

    def put(self, edits: Sequence[EditRequest]) -> None:
        """Store the edits, and ask each once."""
        self._memory.add_many(edits)
        self._router.query_many([edit.prompt or "" for edit in edits])

    def answer_many(self, questions: Sequence[str], max_new_tokens: int) -> list[str]:  # noqa: ARG002 - of the config
        """What the router answers, cut where its configuration says."""
        return [answer.text for answer in self._router.query_many([" ".join(text.split()) for text in questions])]

    def score(self, text: Text) -> list[float] | None:  # noqa: ARG002 - there is none
        """None: a router gives texts."""
        return None

    def logits(self, question: str) -> "torch.Tensor | None":  # noqa: ARG002 - there are none
        """None: a router gives texts."""
        return None

    @property
    def keys(self) -> int | None:  # type: ignore[override]
        """One for each text by which an edit is found."""
        return self._memory.stats().keys

    def stored_bytes(self) -> int:
        """The whole store: texts, vectors, index, history, learned values."""
        return _size(self._memory.path)


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What methods are made from.

    Attributes:
        load: gives a fresh model.
        encoder: of memories.
        max_new_tokens: where answers are cut.
        background: what the router is given beside its memory.
    """

    load: LoadModel
    encoder: str | None
    max_new_tokens: int
    background: Background | None = None


def check_method(name: str) -> None:
    """Refuse a name that stands for no method, before anything is loaded.

    Raises:
        UnknownNameError: no editor has the name.
        InvalidInputError: the router has no such path, or the editor no such option.
    """
    if name.startswith(ROUTER):
        _router_config(name, 1)
    elif name != UNEDITED:
        named_editor(name)


@contextmanager
def opened(name: str, setting: Setting) -> Iterator[Method]:
    """The method of a name, with a model of its own, within the block."""
    model = setting.load()
    if name == UNEDITED:
        yield PlainModel(model)
    elif name.startswith(ROUTER):
        config = _router_config(name, setting.max_new_tokens)
        with ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            memory = stack.enter_context(EditMemory.open(Path(folder) / "store", encoder=setting.encoder))
            yield RoutedModel(model, memory, config, setting.background)
    else:
        yield EditedModel(model, named_editor(name))


def _router_config(name: str, max_new_tokens: int) -> RouterConfig:
    return RouterConfig(path=name.removeprefix(ROUTER), passages=0, max_new_tokens=max_new_tokens)


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
