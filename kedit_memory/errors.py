"""The tree of errors; each message says what was given, what is allowed and what to do, in one line."""

from collections.abc import Iterable
from difflib import get_close_matches


class KeditError(Exception):
    """The root of every error that this package raises on purpose."""


class InvalidInputError(KeditError, ValueError):
    """A value that cannot be used: empty text, a negative radius, a malformed line."""


class NotFoundError(KeditError, LookupError):
    """An edit, file or name that is not there."""


class UnknownNameError(NotFoundError):
    """A name that no table lists; the message offers the nearest known one."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        near = get_close_matches(name, names, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        super().__init__(f"no {kind} named {name!r}{hint} (known: {', '.join(names) or 'none'})")


class ConflictError(KeditError):
    """What stands against a change: another answer of the slot, or work that was done since."""


class EditStateError(ConflictError, InvalidInputError):
    """What the state of an edit does not allow: to change one that is not active, to reject its own prompt."""


class StoreError(KeditError):
    """A store that cannot be read or written: damaged, read-only, full, or of a newer format."""


class EncoderMismatchError(StoreError):
    """A store whose keys come from another encoder than the one given."""


class EngineError(StoreError):
    """A server that holds an index and is down, too slow, read-only, too old or refuses; no edit is lost by that."""


class MissingDependencyError(KeditError):
    """An optional package that is not installed; the message names the extra."""


class ModelError(KeditError):
    """A language model or encoder that cannot be loaded or asked."""


class CapabilityError(ModelError):
    """A model that lacks what a path or editor needs (scores, hidden states, weights)."""


class PromptTooLongError(ModelError, InvalidInputError):
    """A prompt that does not fit the model's window."""


class EditorError(KeditError):
    """A change to a model that cannot be made, saved, loaded or taken back."""
