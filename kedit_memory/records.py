"""The values that modules exchange: frozen, keyword-only, free of behaviour beyond what they derive."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

Vectors: TypeAlias = npt.NDArray[np.float32]
Floats: TypeAlias = npt.NDArray[np.float64]
Ids: TypeAlias = npt.NDArray[np.int64]
Flags: TypeAlias = npt.NDArray[np.bool_]

DEFAULT_NAMESPACE = "default"


class Kind(StrEnum):
    """What an edit does to the model's knowledge."""

    INSERTION = "insertion"
    MODIFICATION = "modification"
    ERASURE = "erasure"


class Status(StrEnum):
    """Whether an edit can answer: only active ones do."""

    ACTIVE = "active"
    SUPERSEDED = "superseded"
    RETRACTED = "retracted"


class KeyKind(StrEnum):
    """What a text is to the edit that it is a key of: one of its fields, or what somebody said about a question."""

    PROMPT = "prompt"
    STATEMENT = "statement"
    PARAPHRASE = "paraphrase"
    CONFIRMED = "confirmed"  # a question that asks for the edit after all
    REJECTED = "rejected"  # one that does not; no question is found by it

    @property
    def is_feedback(self) -> bool:
        """Whether it comes from `confirm` or `reject`, not from a field of the edit."""
        return self in (KeyKind.CONFIRMED, KeyKind.REJECTED)


class Route(StrEnum):
    """The way an answer was reached."""

    GRACE = "grace"
    SERAC = "serac"
    CONTEXT = "context"
    DIRECT = "direct"
    RETRIEVAL = "retrieval"
    PARAMETRIC = "parametric"
    REFUSAL = "refusal"


class OnConflict(StrEnum):
    """What `add` does when the slot (namespace, subject, relation, validity) is taken by another answer."""

    SUPERSEDE = "supersede"
    REJECT = "reject"
    KEEP_BOTH = "keep_both"


class Message(NamedTuple):
    """One turn of a dialogue; `role` is `system`, `user` or `assistant`."""

    role: str
    content: str


class Answered(str):
    """A question with its answer as one text, which a model's form may put as a sentence.

    As a text it is the question and then the answer: so it is stored, found and compared.
    """

    question: str
    answer: str

    def __new__(cls, question: str, answer: str) -> "Answered":
        """The text of both."""
        text = super().__new__(cls, f"{question} {answer}")
        text.question, text.answer = question, answer
        return text

    def __getnewargs__(self) -> tuple[str, str]:  # type: ignore[override]
        """What a copy is made of."""
        return self.question, self.answer

    @property
    def sentence(self) -> str:
        """Both in a sentence; no language model runs for it, so that it is the same for every question."""
        return f"The answer to “{self.question}” is {self.answer}{'' if self.answer.endswith(('.', '!', '?')) else '.'}"


@dataclass(frozen=True, kw_only=True)
class EditRequest:
    """What a caller asks to be remembered, before it is validated.

    One of four forms is enough: `prompt` and `target` (a question or a cloze prompt with its answer);
    `statement` alone; `subject`, `relation` and `target`; or, for an erasure, `prompt` alone.
    """

    prompt: str | None = None
    target: str | None = None
    subject: str | None = None
    relation: str | None = None
    statement: str | None = None
    paraphrases: Sequence[str] = ()
    aliases: Sequence[str] = ()
    radius: float | None = None
    valid_from: str | None = None
    valid_until: str | None = None
    source: str | None = None
    namespace: str = DEFAULT_NAMESPACE
    metadata: Mapping[str, Any] = field(default_factory=dict)
    kind: Kind | None = None
    id: str | None = None  # the caller's own name for the edit


REQUEST_FIELDS = frozenset(one.name for one in fields(EditRequest))


REFERENCE = {"reference": True}  # marks a field that names an edit of the store by its id
COMPUTED = {"computed": True}  # marks a field that is no column of its own: it follows from others


@dataclass(frozen=True, kw_only=True)
class Edit:
    """One stored fact. Dates are ISO 8601 days; an interval is [valid_from, valid_until).

    The fields are declared here alone: columns, JSON and exports follow from their names, types and marks.
    """

    id: str = field(metadata=REFERENCE)
    given_id: str | None = None  # the caller's own, which one active edit of a namespace may have
    namespace: str = DEFAULT_NAMESPACE
    kind: Kind
    prompt: str
    target: str | None  # None for an erasure
    statement: str  # the fact as one sentence, as it is put before a question
    subject: str | None = None
    relation: str | None = None
    paraphrases: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    radius: float = field(metadata=COMPUTED)  # of its widest key, Euclidean between unit vectors, 0 to 2
    radius_fixed: bool = False  # given by the caller, hence never moved by other edits
    valid_from: str | None = None
    valid_until: str | None = None
    source: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    status: Status = Status.ACTIVE
    holds: bool = True  # whether it answers on the days of its interval; a superseded edit may, on days left to it
    superseded_by: str | None = field(default=None, metadata=REFERENCE)
    part_of: str | None = field(default=None, metadata=REFERENCE)  # the edit that these days were left of
    created_at: str
    possible_conflicts: tuple[str, ...] = field(default=(), compare=False, metadata=COMPUTED)  # told by `add` alone

    @property
    def names(self) -> tuple[str, ...]:
        """The subject and its aliases; empty when no subject is known."""
        return ((self.subject,) if self.subject else ()) + self.aliases


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one row that was to be stored."""

    where: str  # what messages call it, such as "line 3"
    edit: Edit | None  # None where it was refused
    new: bool = False  # False where the edit was there already
    refusal: str | None = None  # why it was refused


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """What adding an edit would do to the others.

    Attributes:
        edit: as it would be stored; `possible_conflicts` are the ids of those that it may contradict in other words.
        new: False where it is there already, so that nothing would change.
        giving_way: the edits with another answer to the same question, which lose some or all of their days to it.
    """

    edit: Edit
    new: bool
    giving_way: tuple[Edit, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What became of the rows of a file, in their order."""

    outcomes: tuple[Outcome, ...]

    @property
    def stored(self) -> tuple[Edit, ...]:
        """The edits that are new."""
        return tuple(one.edit for one in self.outcomes if one.edit and one.new)

    @property
    def known(self) -> tuple[Edit, ...]:
        """The edits that were there already, once for each row that asks for one."""
        return tuple(one.edit for one in self.outcomes if one.edit and not one.new)

    @property
    def refused(self) -> tuple[Outcome, ...]:
        """The rows that cannot be stored, each with its reason."""
        return tuple(one for one in self.outcomes if one.edit is None)


@dataclass(frozen=True, kw_only=True)
class Match:
    """An edit near a question: its nearest key, that key's distance and radius."""

    edit: Edit
    key: str  # the text of the key
    key_kind: KeyKind = KeyKind.PROMPT  # never a rejected one
    distance: float
    radius: float
    rejected: bool = False  # a question rejected for this edit is as near as its nearest key, or nearer
    score: float | None = None  # the verifier's estimate, 0 to 1, that the edit answers; None where it was not asked
    differs: str | None = None  # the value in which question and edit certainly differ: "20 kg against 10 kg"

    @property
    def in_scope(self) -> bool:
        """Whether the question lies inside the key's radius, and was not rejected."""
        return not self.rejected and self.distance <= self.radius


@dataclass(frozen=True, kw_only=True)
class Revision:
    """One change to one edit, as `history` lists it."""

    number: int  # its place among all changes
    operation: int
    verb: str  # add, update, erase, retract, supersede, confirm, reject, radius, consolidate, undo, import
    edit_id: str
    at: str
    before: Edit | None
    after: Edit | None
    undone: bool


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A model into whose weights edits were written."""

    fingerprint: str
    base: str  # the fingerprint of the model that they were written into
    method: str  # the editor's name
    folder: str


@dataclass(frozen=True, kw_only=True)
class Consolidation:
    """Edits that a checkpoint answers from its weights, without the memory."""

    operation: int
    checkpoint: Checkpoint
    edit_ids: tuple[str, ...]
    undone: bool


@dataclass(frozen=True, kw_only=True)
class Passage:
    """A piece of text that retrieval can put before a question."""

    id: str
    title: str
    text: str
    source: str | None = None
    date: str | None = None


@dataclass(frozen=True, kw_only=True)
class RetrievedPassage:
    """A passage with the score that its retriever gave it (higher is better)."""

    passage: Passage
    score: float
    written_by: str | None = None  # the model that wrote it for the question; None where a search found it
    edit_id: str | None = None  # the edit that it tells; None where it is a passage of its own


@dataclass(frozen=True, kw_only=True)
class OutdatedPassage:
    """A passage that was found and kept from the model: it states what an edit has replaced, and is older."""

    passage: Passage
    edit_id: str
    kind: Kind  # of the edit


@dataclass(frozen=True, kw_only=True)
class Mention:
    """A known name found in a text: characters [start, end), the name it stands for, how it was found."""

    start: int
    end: int
    surface: str
    name: str  # the canonical name
    fuzzy: bool = False


@dataclass(frozen=True, kw_only=True)
class Popularity:
    """How well known the subject of a question is; `tier` 1 is best known, None when it is unknown."""

    subject: str | None
    tier: int | None


@dataclass(frozen=True, kw_only=True)
class Decision:
    """Where a question goes and why, before anything is generated."""

    question: str
    route: Route
    reason: str
    turns: tuple[Message, ...] = ()  # of the dialogue before the question
    edits: tuple[Match, ...] = ()  # the edit that answers, then those that lead to it, in their order
    left: str = ""  # what is asked in the question's place once the edits are told, where none of them answers
    considered: tuple[Match, ...] = ()  # others near the question
    passages: tuple[RetrievedPassage, ...] = ()
    outdated: tuple[OutdatedPassage, ...] = ()  # found, and left out
    popularity: Popularity | None = None
    own_answer: str | None = None  # the model's, where the gate weighed it
    timings: Mapping[str, float] = field(default_factory=dict)  # seconds by step


@dataclass(frozen=True, kw_only=True)
class Answer(Decision):
    """A text with its provenance: a decision carried out."""

    text: str
    cut: bool = False  # whether the model would have gone on


@runtime_checkable
class Encoder(Protocol):
    """What turns texts into vectors. Name and revision are a store's record of what made its keys."""

    @property
    def name(self) -> str:
        """What the encoder is called, wherever its files lie."""
        ...

    @property
    def revision(self) -> str:
        """What changes whenever the vectors do."""
        ...

    @property
    def dimension(self) -> int:
        """The length of each vector."""
        ...

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Vectors of shape (texts, dimension), float32, of unit length; (0, dimension) for no text."""
        ...
