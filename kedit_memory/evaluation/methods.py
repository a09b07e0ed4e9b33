"""What is set side by side: controls, the memory's paths and the editors, behind one face and in one table.

No name is compared. What differs between editors is found by what they offer: edits in force that more can be added to
are added to, an editor that asks for the edits of earlier calls is given them, any other is applied on top.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias, runtime_checkable

import numpy as np

from kedit_memory import registry
from kedit_memory.editors import EDITORS, Applied, Editor, Outcome, named_editor
from kedit_memory.editors._weights import WeightChange
from kedit_memory.editors.base import Wanted
from kedit_memory.errors import UnknownNameError
from kedit_memory.evaluation.case import Question
from kedit_memory.evaluation.method import Bench, Method, Reading, Said, Text, has_field
from kedit_memory.evaluation.question_only import looks_covered
from kedit_memory.memory import EditMemory
from kedit_memory.memory.requests import statement_of
from kedit_memory.models.formats import clean
from kedit_memory.models.language import white_box
from kedit_memory.models.prompts import Prompt
from kedit_memory.questions import is_cloze
from kedit_memory.records import Answer, EditRequest, Kind, Route
from kedit_memory.routing.answer import REFUSAL
from kedit_memory.routing.asking import prompt_of
from kedit_memory.routing.router import PATHS, Router, RouterConfig

if TYPE_CHECKING:
    import torch

UNEDITED = "unedited"
# Before the path by which an edit in scope answers; a router is also asked for each edit as it comes, which counts as
# taken in once it has answered its own question.
MEMORY, ROUTER = "memory:", "router:"
# In the place of the path: on a miss the model is told so many edits that speak of the question.
RELATED, _TOLD_ON_A_MISS = "related", 3
_LEARN_LATER = frozenset({Route.GRACE})  # paths that learn an edit when it is first asked for


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


class Unedited(Method):
    """The control that learns nothing."""

    learns: ClassVar[bool] = False

    def add(self, edits: Sequence[EditRequest]) -> None:
        """Nothing is taken in."""


class OracleEdit(Unedited):
    """The control that has the right edit put before every question of its case, in scope or out of it."""

    def reading(self, question: Question) -> Prompt:
        """The question after the edit, and after those that are made with it."""
        return Prompt(question=question.text, facts=tuple(map(_statement, (question.edit, *question.beside))))


class OracleScope(Unedited):
    """The control that is told whether the edit answers: then it says the stored answer, else what the model says."""

    def reading(self, question: Question) -> Prompt | str:
        """The stored answer, or the question alone."""
        return (taught(question.edit).target or "") if question.covered else Prompt(question=question.text)


class QuestionOnly(Unedited):
    """The control that never sees an edit: it says the stored answer where a question looks like a covered one."""

    def reading(self, question: Question) -> Prompt | str:
        """The stored answer, or the question alone, by the question's form."""
        subject = question.edit.subject or ""
        (covered,) = looks_covered([question.text], [subject])
        return (taught(question.edit).target or "") if covered else Prompt(question=question.text)


class RetrieveEdits(Method):
    """The control that has the nearest edit put before every question, whatever its distance: retrieval, no scope."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        self._statements: list[str] = []
        self._vectors: list[Any] = []  # of each edit, (dim,), unit length

    def prepare(self) -> None:
        """Load the encoder."""
        self.bench.encoder.encode(["What is what?"])

    def add(self, edits: Sequence[EditRequest]) -> None:
        """Encode the edits' prompts."""
        self._vectors += list(self.bench.encoder.encode([edit.prompt or "" for edit in edits]))
        self._statements += map(_statement, edits)

    def clear(self) -> None:
        """Forget them."""
        self._vectors, self._statements = [], []

    def reading(self, question: Question) -> Prompt:
        """The question after the nearest edit."""
        near = np.stack(self._vectors) @ self.bench.encoder.encode([question.text])[0]
        return Prompt(question=question.text, facts=(self._statements[int(near.argmax())],))


class Edited(Method):
    """The model with edits put into it by an editor of the table."""

    def __init__(self, name: str, bench: Bench) -> None:
        super().__init__(bench)
        self._editor = bench.editor(name)
        self.preset = bench.preset(name).kind
        self._applied: list[Applied] = []
        self._last: Any = None  # of these, or the end of a chain whose links are let go
        self._past: list[EditRequest] = []
        self._restore: Callable[[], None] | None = None

    def add(self, edits: Sequence[EditRequest]) -> None:
        """Add the edits to those in force, or apply them on top."""
        edits = list(map(taught, edits))
        if isinstance(self._last, Growing):
            self._last.add(edits)
        else:
            self._keep(informed(self._editor, self._past).apply(self.bench.model, edits))
        self._past += edits

    def clear(self) -> None:
        """Undo what is in force, last first; of a row of weight changes, put the kept weights back."""
        while self._applied:
            self._applied[-1].undo()
            self._applied.pop()
        if self._restore:
            self._restore()
        self._restore, self._last, self._past = None, None, []

    @contextmanager
    def scoring(self, prompt: Prompt) -> Iterator[None]:
        """Tells edits that look at the end of a prompt where it is."""
        with ExitStack() as stack:
            for applied in self._applied:
                if isinstance(applied, Scored):
                    stack.enter_context(applied.query_tokens([prompt]))
            yield

    @property
    def keys(self) -> int | None:  # type: ignore[override]
        """The entries of a codebook."""
        return len(self._last.codebook) if isinstance(self._last, Counted) else None

    @property
    def vector_bytes(self) -> int | None:  # type: ignore[override]
        """A row of a codebook's keys and one of its values."""
        if not isinstance(self._last, Counted):
            return None
        arrays = (self._last.codebook.keys, self._last.codebook.values)
        return sum(int(array.itemsize * array.shape[1]) for array in arrays)

    def stored_bytes(self) -> int:
        """What `Applied.save` writes: of changed weights all that were changed, whatever the number of edits."""
        if self._last is None:
            return 0
        with tempfile.TemporaryDirectory() as aside:
            self._last.save(Path(aside) / "saved")
            return _size(Path(aside))

    def _keep(self, applied: Applied) -> None:
        """Hold on to the change, but not to every link of a long chain: each would keep the weights twice."""
        self._last = applied
        restore = getattr(self.bench, "restore", None)  # where the bench keeps the weights
        if restore and isinstance(applied, WeightChange) and (self._applied or self._restore):
            self._applied, self._restore = [], restore
        else:
            self._applied.append(applied)


class Remembered(Method):
    """The unchanged model behind the router, with the edits in a memory of their own; nothing is retrieved.

    `asks` says whether each edit is asked for as it comes; a path that learns something of it only then always is.
    `related` is how many edits that do not answer a question the model may be told all the same.
    """

    def __init__(self, path: str, bench: Bench, *, asks: bool = False, related: int = 0) -> None:
        super().__init__(bench)
        self._config = RouterConfig(path=path, passages=0, related=related, max_new_tokens=bench.max_new_tokens)
        self._asks = asks or path in _LEARN_LATER
        self._stack = ExitStack()
        self._operations = 0
        self._opened: tuple[EditMemory, Router] | None = None

    def prepare(self) -> None:
        """Open an empty memory where none is open, and load what reads it."""
        if self._opened is None:
            model = white_box(self.bench.model, "the router")
            folder = self._stack.enter_context(tempfile.TemporaryDirectory())
            store = EditMemory.open(Path(folder) / "store", encoder=self.bench.encoder)
            memory = self._stack.enter_context(store)
            router = Router(
                memory,
                model,
                background=self.bench.background,
                verifier=self.bench.verifier,
                config=self._config,
            )
            router.explain("What is what?")
            self._opened = memory, router

    def add(self, edits: Sequence[EditRequest]) -> None:
        """Store the edits, and ask for each where that is to be."""
        self._memory.add_many(edits)
        self._operations += 1
        if self._asks:
            self._router.query_many([edit.prompt or "" for edit in edits])

    def clear(self) -> None:
        """Undo what was stored, last first."""
        while self._operations:
            self._memory.undo()
            self._operations -= 1

    def close(self) -> None:
        """Remove the memory."""
        self._stack.close()
        self._opened = None

    def ask(self, questions: Sequence[Question]) -> list[Said]:
        """What the router answers; it takes a question as one line."""
        answers: dict[int, Answer] = {}
        for day in dict.fromkeys(question.as_of for question in questions):
            places = [place for place, question in enumerate(questions) if question.as_of == day]
            texts = [" ".join(questions[place].text.split()) for place in places]
            answers.update(zip(places, self._router.query_many(texts, as_of=day), strict=True))
        return [
            Said(text=_short(one), reading=_reading(one), prompts=frozenset(map(self._prompt, _told(one))))
            for _, one in sorted(answers.items())
        ]

    def _prompt(self, edit_id: str) -> str:
        """The prompt of an edit as it is stored, whatever follows from it."""
        return self._memory.get(edit_id).prompt

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

    @property
    def _memory(self) -> EditMemory:
        return self._open[0]

    @property
    def _router(self) -> Router:
        return self._open[1]

    @property
    def _open(self) -> tuple[EditMemory, Router]:
        self.prepare()
        assert self._opened is not None  # noqa: S101 - opened just now
        return self._opened


def taught(edit: EditRequest) -> EditRequest:
    """The edit as whoever can only be told answers learns it: of an erasure, that the question is refused."""
    return replace(edit, kind=None, target=REFUSAL) if edit.kind is Kind.ERASURE else edit


def informed(editor: Any, past: Sequence[Any]) -> Editor:
    """The editor, told of the edits that are in the model already, where it asks for them (see `RetrainedTuning`)."""
    if past and has_field(editor, "past"):
        editor = replace(editor, past=tuple(past))
    found: Editor = editor
    return found


Make: TypeAlias = Callable[[Bench], Method]

CONTROLS: Mapping[str, Make] = {
    UNEDITED: Unedited,
    "retrieve-edits": RetrieveEdits,
    "oracle-edit": OracleEdit,
    "oracle-scope": OracleScope,
    "question-only": QuestionOnly,
}


_WAYS = (*PATHS, RELATED)
SIDE_BY_SIDE = (*CONTROLS, *(f"{MEMORY}{way}" for way in _WAYS), *EDITORS)  # asked with the edit at hand
STREAMED = (UNEDITED, *(f"{ROUTER}{way}" for way in _WAYS), *SIDE_BY_SIDE[len(CONTROLS) :])

_TELLING = "kedit_memory.evaluation.tasks.definitions"
# Ways to tell a model a definition, which lie with their task, as what is asked has a gap; editors are further ones.
_DEFINITIONS: Mapping[str, str] = {
    "base": f"{_TELLING}.method:Unedited",
    "definition": f"{_TELLING}.before:DefinitionBefore",
    "definition-as-fact": f"{_TELLING}.before:DefinitionAsFact",
    "random-definition": f"{_TELLING}.before:StrangerBefore",
    "retrieved-definition": f"{_TELLING}.before:Retrieved",
    "memory:context": f"{_TELLING}.remembered:RememberedEdits",
    "memory:passage": f"{_TELLING}.remembered:RememberedPassages",
    "memory:direct": f"{_TELLING}.remembered:says_the_text",
    "memory:grace": f"{_TELLING}.remembered:learns_the_answer",
    "memory:serac": f"{_TELLING}.remembered:lets_another_answer",
}
TOLD = (*_DEFINITIONS, *EDITORS)


def method_of(name: str, among: Sequence[str] = SIDE_BY_SIDE) -> Make:
    """What makes the method of a name; an editor's options may follow it, as in `memit:rounds=1`.

    Raises:
        UnknownNameError: nothing among these has such a name.
        InvalidInputError: the editor has no such option, or refuses the value.
    """
    kind, _, path = name.partition(":")
    if name not in among and kind not in EDITORS:
        raise UnknownNameError("method", name, among)
    if name in CONTROLS:
        return CONTROLS[name]
    if path and name in among:
        related = _TOLD_ON_A_MISS if path == RELATED else 0
        return partial(Remembered, "auto" if related else path, asks=name.startswith(ROUTER), related=related)
    named_editor(name)  # refuses what cannot be made
    return partial(Edited, name)


def telling(name: str) -> Callable[[Any], Any]:
    """What makes a way to tell definitions, from a `DefinitionBench`.

    Raises:
        UnknownNameError: there is none of this name.
    """
    if name in EDITORS:
        from kedit_memory.evaluation.tasks.definitions.edited import Edited as DefinitionEdited

        return partial(DefinitionEdited, name)
    if name not in _DEFINITIONS:
        raise UnknownNameError("method", name, TOLD)
    made: Callable[[Any], Any] = registry.load("method", name, _DEFINITIONS)
    return made


@contextmanager
def opened(name: str, bench: Bench, among: Sequence[str] = STREAMED) -> Iterator[Method]:
    """The method of a name, ready to be given edits within the block."""
    method = method_of(name, among)(bench)
    try:
        method.prepare()
        yield method
    finally:
        method.close()


def chosen_methods(given: str) -> tuple[str, ...]:
    """The names in a list with commas, in the order given, each once; `all` stands for every one.

    Errors as in `method_of`.
    """
    names = dict.fromkeys(word.strip() for word in given.split(",") if word.strip())
    chosen = {one: None for name in names for one in (SIDE_BY_SIDE if name == "all" else (name,))}
    for name in chosen:
        method_of(name, ("all", *SIDE_BY_SIDE))
    return tuple(chosen)


def _reading(answer: Answer) -> Reading:
    """What the model read for a routed answer; a learned value or another model is nothing that it reads."""
    match answer.route:
        case Route.DIRECT | Route.REFUSAL:
            return answer.text
        case Route.PARAMETRIC | Route.RETRIEVAL | Route.CONTEXT:
            return prompt_of(answer)
        case _:
            return None


def _short(answer: Answer) -> str:
    """What is said, of a model's reply the first line: as every other method is heard, see `answer_many`."""
    generated = answer.route not in (Route.DIRECT, Route.REFUSAL)
    return clean(answer.text.strip(), is_cloze(answer.question)) if generated else answer.text


def _told(answer: Answer) -> Iterator[str]:
    """The ids of the edits that an answer rests on, or that the model was told."""
    yield from (match.edit.id for match in answer.edits)
    yield from (found.edit_id for found in answer.passages if found.edit_id)


def _statement(edit: EditRequest) -> str:
    return statement_of(edit.prompt or "", taught(edit).target or "")


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
