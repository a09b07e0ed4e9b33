"""Which edits may cover a question: inside a key's radius, and about the subject that the question names.

The radius alone cannot tell "Who wrote X?" from "Who wrote Y?"; the names can, and cost microseconds. So the store is
asked by vector, and every candidate must then agree with the question on its names.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from kedit_memory.memory import EditMemory
from kedit_memory.records import Edit, Match, Mention, Vectors
from kedit_memory.routing.link import Linker, fold

SHOWN = 5  # edits that a miss mentions as near


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A question with its vector, of shape (dim,), and the names in it."""

    question: str
    vector: Vectors
    mentions: Sequence[Mention]


@dataclass(frozen=True, kw_only=True)
class Recall:
    """The edits near a question: those that may answer it, and those that were set aside."""

    covering: tuple[Match, ...]  # widest margin first
    set_aside: tuple[Match, ...]  # on a miss: inside a radius, but about another name


def recall(memory: EditMemory, linker: Linker, asked: Asked, *, as_of: str | None, namespace: str) -> Recall:
    """Ask the store with the question's vector and keep the edits whose names agree with the question's."""
    named = {mention.name for mention in asked.mentions} | {fold(mention.surface) for mention in asked.mentions}
    subjects = {surface for mention in asked.mentions for surface in linker.surfaces(mention.name)}
    text = fold(asked.question)
    near = memory.in_scope(asked.vector, as_of=as_of, namespace=namespace, subjects=subjects)
    covering = tuple(match for match in near if _agrees(match.edit, text, named, linker))
    if covering:
        return Recall(covering=covering, set_aside=())
    others = memory.in_scope(asked.vector, as_of=as_of, namespace=namespace, limit=SHOWN)
    return Recall(covering=(), set_aside=tuple(others))


def _agrees(edit: Edit, text: str, named: set[str], linker: Linker) -> bool:
    """Whether the question names what the edit is about.

    With a subject: it, or one of its aliases, is among the question's names. Without: every name of the edit's prompt
    is; of a statement alone, which names its answer too, one. A prompt without any known name agrees with a question
    that names nothing else.
    """
    if edit.subject:
        known = {mention.name for name in edit.names for mention in linker.link(name, fuzzy=False)}
        return bool((known | {fold(name) for name in edit.names}) & named)
    wanted = {mention.name for mention in linker.link(edit.prompt, fuzzy=False)}
    if wanted:
        return bool(wanted & named) if edit.prompt == edit.target else wanted <= named
    return not named or fold(edit.prompt) == text
