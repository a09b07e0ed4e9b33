"""What every editor promises: `apply` gives an `Applied`, and its `undo` leaves the model as it was, bit for bit.

An editor is a frozen dataclass whose fields are its options, so that one editor serves many models. What it has put
into one of them, in one call after another, a `Session` knows.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self, TypeAlias, runtime_checkable

from kedit_memory.editors._progress import Progress
from kedit_memory.errors import InvalidInputError
from kedit_memory.models.language import WhiteBoxModel
from kedit_memory.models.prompts import Prompt
from kedit_memory.records import Edit, EditRequest

Wanted: TypeAlias = Edit | EditRequest


@dataclass(frozen=True, kw_only=True)
class Fact:
    """What an editor reads of an edit: the prompt as the model is asked it, and the answer that it should give."""

    prompt: str
    target: str
    subject: str | None = None
    paraphrases: tuple[str, ...] = ()
    edit_id: str | None = None

    @property
    def asked(self) -> Prompt:
        """The prompt in the form that the model's users give it."""
        return Prompt(question=self.prompt)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How one edit went; where the target was not reached within the budget, `reason` says why."""

    fact: Fact
    learned: bool
    seconds: float
    steps: int = 0
    reason: str = ""


@runtime_checkable
class Applied(Protocol):
    """Edits in force in a model."""

    @property
    def outcomes(self) -> Sequence[Outcome]:
        """One for each edit, in the order given."""
        ...

    def undo(self) -> None:
        """Restore the model bit for bit; a second call changes nothing.

        Raises:
            EditorError: the model was changed since, so that this change cannot be taken out alone.
        """
        ...

    def save(self, folder: Path) -> None:
        """Write the change as safetensors and JSON; `Editor.load` puts it back into the same model."""
        ...


@contextmanager
def undone_on_failure(applied: Applied) -> Iterator[None]:
    """Nothing is left in the model of edits that could not be put in whole; an interrupt counts, too."""
    try:
        yield
    except BaseException:
        applied.undo()
        raise


@runtime_checkable
class Editor(Protocol):
    """A way to put edits into a model."""

    name: ClassVar[str]

    def apply(self, model: WhiteBoxModel, edits: Sequence[Wanted]) -> Applied:
        """Put the edits into the model, all at once.

        Raises:
            InvalidInputError: an edit has no prompt or no target, or lacks a subject that the method needs.
            CapabilityError: the model does not give access to what the method changes.
        """
        ...

    def following(self, past: Sequence[Wanted]) -> Self:
        """The same editor, told which edits of earlier calls are in force in the model, in their order.

        Raises:
            InvalidInputError: one of them lacks what the method needs.
        """
        ...

    def with_progress(self, progress: Progress | None) -> Self:
        """The same editor, which tells `progress` what it does, how much of it is done, and the most there is."""
        ...

    def load(self, model: WhiteBoxModel, folder: Path) -> Applied:
        """Put a saved change back.

        Raises:
            EditorError: the folder holds no such change, or one for another model.
        """
        ...


@runtime_checkable
class Growing(Protocol):
    """Edits in force to which more can be added."""

    def add(self, edits: Sequence[Wanted]) -> Sequence[Outcome]:
        """Put more edits in, and give their outcomes."""
        ...


def facts(edits: Sequence[Wanted], *, subjects: bool = False) -> list[Fact]:
    """What the editor reads of each edit; `subjects` where it cannot do without.

    Raises:
        InvalidInputError: there is no edit, or one has no prompt, no target or no subject in its prompt.
    """
    if not edits:
        raise InvalidInputError("no edit was given; give at least one")
    return [_fact(edit, place, subjects) for place, edit in enumerate(edits)]


def _fact(edit: Wanted, place: int, subjects: bool) -> Fact:  # noqa: FBT001 - passed on from `facts`
    name = getattr(edit, "id", None) or f"number {place + 1}"
    prompt, target = (edit.prompt or "").strip(), (edit.target or "").strip()
    if not prompt or not target:
        missing = "prompt" if not prompt else "target"
        raise InvalidInputError(f"edit {name} has no {missing}; an editor needs a prompt and the answer to give")
    if subjects and (not edit.subject or edit.subject not in prompt):
        raise InvalidInputError(
            f"edit {name} ({prompt!r}) has no subject in its prompt, which this method needs; give subject="
        )
    return Fact(
        prompt=prompt,
        target=target,
        subject=edit.subject,
        paraphrases=tuple(edit.paraphrases),
        edit_id=getattr(edit, "id", None),
    )


def configured(editor: type[Any], name: str, options: dict[str, Any]) -> Any:
    """The editor with its options.

    Raises:
        InvalidInputError: it has no such option, or refuses the value.
    """
    known = {field.name: field.default for field in fields(editor) if field.init and field.compare}
    for option, value in options.items():
        if option not in known:
            raise InvalidInputError(f"{name} has no option {option!r}; it has {', '.join(known) or 'none'}")
        default = known[option]
        if isinstance(default, bool | int | float | str) and isinstance(value, str) != isinstance(default, str):
            raise InvalidInputError(f"{option} of {name} is {value!r}; it takes a value like {default!r}")
    return editor(**options)


def named_options(given: Sequence[str]) -> dict[str, Any]:
    """Options by name, from words as users write them, NAME=VALUE; a value is JSON where it can be, else a text.

    Raises:
        InvalidInputError: a word has not that form.
    """
    options = {}
    for word in given:
        name, sign, text = word.partition("=")
        if not sign or not name:
            raise InvalidInputError(f"the option {word!r} is no NAME=VALUE; write, for instance, layer=3")
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        options[name.replace("-", "_")] = tuple(value) if isinstance(value, list) else value
    return options
