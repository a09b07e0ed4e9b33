"""What a comparison sets side by side: editors, the memory's paths, and controls, behind one face.

No name is compared. What differs between editors is found by what they offer: edits in force that more can be added to
are added to, an editor that asks for the edits of earlier calls is given them, any other is applied on top.
"""

import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from kedit_memory.editors import EDITORS, Applied, Editor, named_editor
from kedit_memory.editors._weights import WeightChange
from kedit_memory.errors import UnknownNameError
from kedit_memory.evaluation.compare.cases import Case, Probe
from kedit_memory.evaluation.compare.model import Bench
from kedit_memory.evaluation.lifelong.methods import Growing, Scored
from kedit_memory.memory import EditMemory
from kedit_memory.memory.requests import statement_of
from kedit_memory.models.prompts import Prompt
from kedit_memory.records import Answer, EditRequest, Route
from kedit_memory.routing.router import PATHS, Router, RouterConfig

_MEMORY = "memory:"  # before the path by which an edit in scope answers
_LEARN_LATER = frozenset({Route.GRACE})  # paths that learn an edit when it is first asked for

# What a method answers a question by: a prompt that the model reads, or a fixed text; None where neither tells it all.
Reading = Prompt | str | None


@dataclass(frozen=True, kw_only=True)
class Question:
    """A probe with the case that it belongs to, which only the controls that are told it may look at.

    `place` is the probe's among those of its case.
    """

    probe: Probe
    case: Case
    place: int = 0

    @property
    def text(self) -> str:
        """What is asked."""
        return self.probe.question


@dataclass(frozen=True, kw_only=True)
class Said:
    """A free answer and what it was given by."""

    text: str
    reading: Reading


class Method(ABC):
    """Something that edits are given to and that is asked questions."""

    learns: ClassVar[bool] = True  # whether an edit costs it anything

    def __init__(self, bench: Bench) -> None:
        self.bench = bench

    def prepare(self) -> None:
        """What is set up once, whatever is then edited: it does not count to the time of an edit."""
        return

    @abstractmethod
    def add(self, cases: Sequence[Case]) -> None:
        """Put edits, all at once, on top of those in force."""

    def clear(self) -> None:
        """Take all edits out; a second call changes nothing."""
        return

    def close(self) -> None:
        """Give back what `prepare` took."""
        return

    def ask(self, questions: Sequence[Question]) -> list[Said]:
        """The free greedy answers, in order; what the model has to read goes to it in batches."""
        readings = [self.reading(question) for question in questions]
        prompts = [reading for reading in readings if isinstance(reading, Prompt)]
        generated = iter(self.bench.model.answer_many(prompts))
        return [
            Said(text=reading if isinstance(reading, str) else next(generated), reading=reading) for reading in readings
        ]

    def reading(self, question: Question) -> Prompt | str:
        """By what a question is answered."""
        return Prompt(question=question.text)

    @contextmanager
    def scoring(self, prompt: Prompt) -> Iterator[None]:  # noqa: ARG002 - for those whose edits have to be told
        """Within the block, the model may be given this prompt together with a target."""
        yield


class Unedited(Method):
    """The control that learns nothing."""

    learns: ClassVar[bool] = False

    def add(self, cases: Sequence[Case]) -> None:
        """Nothing is taken in."""


class OracleEdit(Unedited):
    """The control that has the right edit put before every question of its case, in scope or out of it."""

    def reading(self, question: Question) -> Prompt:
        """The question after the edit."""
        return Prompt(question=question.text, facts=(_statement(question.case),))


class OracleScope(Unedited):
    """The control that is told whether the edit answers: then it says the stored answer, else what the model says."""

    def reading(self, question: Question) -> Prompt | str:
        """The stored answer, or the question alone."""
        return question.case.target if question.probe.covered else Prompt(question=question.text)


class RetrieveEdits(Method):
    """The control that has the nearest edit put before every question, whatever its distance: retrieval, no scope."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        self._statements: list[str] = []
        self._keys: list[Any] = []  # of each edit, (dim,), unit length

    def prepare(self) -> None:
        """Load the encoder."""
        self.bench.encoder.encode(["What is what?"])

    def add(self, cases: Sequence[Case]) -> None:
        """Encode the edits' prompts."""
        self._keys += list(self.bench.encoder.encode([case.prompt for case in cases]))
        self._statements += [_statement(case) for case in cases]

    def clear(self) -> None:
        """Forget them."""
        self._keys, self._statements = [], []

    def reading(self, question: Question) -> Prompt:
        """The question after the nearest edit."""
        near = np.stack(self._keys) @ self.bench.encoder.encode([question.text])[0]
        return Prompt(question=question.text, facts=(self._statements[int(near.argmax())],))


class Edited(Method):
    """The model with edits put into it by an editor of the table."""

    def __init__(self, name: str, bench: Bench) -> None:
        super().__init__(bench)
        self._editor = bench.editor(name, _load)
        self._applied: list[Applied] = []
        self._past: list[EditRequest] = []
        self._restores = False

    def add(self, cases: Sequence[Case]) -> None:
        """Add the edits to those in force, or apply them on top."""
        edits = [case.edit for case in cases]
        last: object = self._applied[-1] if self._applied else None
        if isinstance(last, Growing):
            last.add(edits)
        else:
            self._keep(self._informed().apply(self.bench.model, edits))
        self._past += edits

    def clear(self) -> None:
        """Undo what is in force, last first; of a row of weight changes, put the kept weights back."""
        while self._applied:
            self._applied[-1].undo()
            self._applied.pop()
        if self._restores:
            self.bench.restore()
        self._restores = False
        self._past = []

    @contextmanager
    def scoring(self, prompt: Prompt) -> Iterator[None]:
        """Tells edits that look at the end of a prompt where it is."""
        with ExitStack() as stack:
            for applied in self._applied:
                if isinstance(applied, Scored):
                    stack.enter_context(applied.query_tokens([prompt]))
            yield

    def _keep(self, applied: Applied) -> None:
        """Hold on to the change, but not to every link of a long chain: each would keep the weights twice."""
        if isinstance(applied, WeightChange) and (self._applied or self._restores):
            self._applied, self._restores = [], True
        else:
            self._applied.append(applied)

    def _informed(self) -> Editor:
        """The editor, told of the edits so far where it asks for them (see `RetrainedTuning`)."""
        editor: Any = self._editor
        if self._past and any(field.name == "past" for field in fields(editor)):
            editor = replace(editor, past=tuple(self._past))
        found: Editor = editor
        return found


class Remembered(Method):
    """The unchanged model behind the router, with the edits in a memory of their own; nothing is retrieved."""

    def __init__(self, path: str, bench: Bench) -> None:
        super().__init__(bench)
        self._config = RouterConfig(path=path, passages=0)
        self._stack = ExitStack()
        self._operations = 0
        self._opened: tuple[EditMemory, Router] | None = None

    def prepare(self) -> None:
        """Open an empty memory where none is open, and load what reads it."""
        if self._opened is None:
            folder = self._stack.enter_context(tempfile.TemporaryDirectory())
            store = EditMemory.open(Path(folder) / "store", encoder=self.bench.encoder)
            memory = self._stack.enter_context(store)
            router = Router(
                memory,
                self.bench.model,
                background=self.bench.background,
                verifier=self.bench.verifier,
                config=self._config,
            )
            router.explain("What is what?")
            self._opened = memory, router

    def add(self, cases: Sequence[Case]) -> None:
        """Store the edits; of a path that learns something of each when it is first asked for, ask."""
        self._memory.add_many([case.edit for case in cases])
        self._operations += 1
        if self._config.path in _LEARN_LATER:
            self._router.query_many([case.prompt for case in cases])

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
        """What the router answers."""
        answers = self._router.query_many([question.text for question in questions])
        return [Said(text=answer.text, reading=_reading(answer)) for answer in answers]

    @property
    def _memory(self) -> EditMemory:
        self.prepare()
        assert self._opened is not None  # noqa: S101 - opened just now
        return self._opened[0]

    @property
    def _router(self) -> Router:
        self.prepare()
        assert self._opened is not None  # noqa: S101 - opened just now
        return self._opened[1]


def _reading(answer: Answer) -> Reading:
    """What the model read for a routed answer; a learned value or another model is nothing that it reads."""
    match answer.route:
        case Route.DIRECT | Route.REFUSAL:
            return answer.text
        case Route.PARAMETRIC:
            return Prompt(question=answer.question)
        case Route.CONTEXT:
            return Prompt(question=answer.question, facts=(answer.edits[0].edit.statement,))
        case _:
            return None


def _statement(case: Case) -> str:
    return statement_of(case.prompt, case.target)


def _load(name: str, cache: Path | None) -> Editor:
    """The editor of a name with its options; one that keeps statistics of the model in a folder is given one."""
    editor: Any = named_editor(name)
    if cache is not None and any(field.name == "cache" for field in fields(editor)):
        editor = replace(editor, cache=cache)
    found: Editor = editor
    return found


CONTROLS: Mapping[str, Callable[[Bench], Method]] = {
    "unedited": Unedited,
    "retrieve-edits": RetrieveEdits,
    "oracle-edit": OracleEdit,
    "oracle-scope": OracleScope,
}


def methods() -> dict[str, Callable[[Bench], Method]]:
    """All that can be compared, by name: controls, the memory's paths, editors."""
    paths = {f"{_MEMORY}{path}": partial(Remembered, path) for path in PATHS}
    return {**CONTROLS, **paths, **{name: partial(Edited, name) for name in EDITORS}}


def method_of(name: str) -> Callable[[Bench], Method]:
    """What makes the method of a name; an editor's options may follow it, as in `memit:rounds=1`.

    Raises:
        UnknownNameError: nothing has such a name.
        InvalidInputError: the editor has no such option, or refuses the value.
    """
    known = methods()
    if name in known:
        return known[name]
    if name.partition(":")[0] not in EDITORS:
        raise UnknownNameError("method", name, ["all", *known])
    named_editor(name)  # refuses what cannot be made
    return partial(Edited, name)


def chosen_methods(given: str) -> tuple[str, ...]:
    """The names in a list with commas, in the order given, each once; `all` stands for every one.

    Errors as in `method_of`.
    """
    names = dict.fromkeys(word.strip() for word in given.split(",") if word.strip())
    chosen = {one: None for name in names for one in (methods() if name == "all" else (name,))}
    for name in chosen:
        method_of(name)
    return tuple(chosen)
