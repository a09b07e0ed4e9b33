"""What requests about the memory hold, as OpenAPI describes it.

What a text may hold is told in the document and judged below, where every caller is judged. A document cannot say that
a day comes before another, nor who speaks last in a dialogue.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from kedit_memory.memory.requests import MOST_PARAPHRASES
from kedit_memory.records import EditRequest, OnConflict
from kedit_memory.routing.asked import LONGEST_MESSAGE
from kedit_memory.routing.dialogue import ASKED, ROLES
from kedit_memory.text import LONGEST_LINE, LONGEST_NAME, LONGEST_TEXT


def _of(characters: str, most: int) -> dict[str, Any]:
    """A text of these characters, of which one is no blank."""
    return {"pattern": f"^[^{characters}]*[^{characters}\\s][^{characters}]*$", "maxLength": most}


_MANY, _ONE = r"\x00-\x08\x0b-\x1f\x7f-\x9f", r"\x00-\x1f\x7f-\x9f"  # what texts of many lines and of one do not hold
Text = Annotated[str, Field(min_length=1, json_schema_extra=_of(_MANY, LONGEST_TEXT))]
Line = Annotated[str, Field(min_length=1, json_schema_extra=_of(_ONE, LONGEST_LINE))]
Question = Annotated[str, Field(min_length=1, json_schema_extra=_of(_MANY, LONGEST_MESSAGE))]
Name = Annotated[
    str,
    Field(
        min_length=1,
        max_length=LONGEST_NAME,
        json_schema_extra=_of(_ONE, LONGEST_NAME) | {"not": {"pattern": "^e[0-9]+$"}},
        description="A name of your own; those that begin with e and go on with digits are the store's.",
    ),
]
Day = Annotated[
    str, Field(json_schema_extra={"format": "date"}, description="A day; 2026-01 and 2026 mean the first of them.")
]


def _whole(given: object) -> object:
    return int(given) if isinstance(given, float) and given.is_integer() else given


Count = Annotated[int, BeforeValidator(_whole)]  # 5.0 is one in JSON
PRINTABLE = _of(_ONE, LONGEST_NAME)  # what ids and names hold
_SEVERAL: dict[str, Any] = {"maxItems": MOST_PARAPHRASES}
_NONE = SkipJsonSchema[None]  # what is left out of a query


def _forms(*forms: tuple[str, ...], alone: tuple[str, ...] = ()) -> ConfigDict:
    """What is given in one of several forms, by what each needs; one that stands `alone` is no question."""
    needs: list[Any] = [
        {"required": [*form], "properties": {name: {"type": "string"} for name in form}} for form in forms
    ]
    needs += [
        {"required": [name], "properties": {name: {"type": "string", "pattern": r"[^?\s]\s*$"}}} for name in alone
    ]
    return ConfigDict(json_schema_extra={"anyOf": needs})


class Form(BaseModel):
    """A JSON object whose fields are all known, each of its type."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Fact(Form):
    """An edit to be stored: prompt and target, a statement alone as prompt, or subject, relation and target."""

    model_config = _forms(("prompt", "target"), ("subject", "relation", "target"), alone=("prompt", "statement"))

    prompt: Text | None = Field(None, examples=["Who leads Acme?"])
    target: Text | None = Field(None, examples=["Ann Berg"])
    subject: Line | None = Field(None, examples=["Acme"])
    relation: Line | None = None
    statement: Text | None = None
    paraphrases: list[Text] = Field([], json_schema_extra=_SEVERAL)
    aliases: list[Line] = Field([], json_schema_extra=_SEVERAL)
    radius: float | None = Field(None, ge=0, le=2)
    valid_from: Day | None = Field(None, examples=["2026-01-31"])
    valid_until: Day | None = None
    source: Line | None = None
    metadata: dict[str, Any] = {}
    id: Name | None = None

    def request(self, namespace: str) -> EditRequest:
        """What the memory is given."""
        told = self.model_dump(include=set(Fact.model_fields))
        return EditRequest(**told, namespace=namespace)


class NewFact(Fact):
    """A fact, and what to do where another answer holds."""

    on_conflict: OnConflict = Field(OnConflict.SUPERSEDE, strict=False)


class Facts(Form):
    """Facts that are stored together, or not at all."""

    edits: list[Fact] = Field(min_length=1, max_length=10_000)
    on_conflict: OnConflict = Field(OnConflict.SUPERSEDE, strict=False)


class Erasure(Form):
    """A question that is to be refused from now on; with `purge`, what was stored about it is removed for good."""

    model_config = _forms(("prompt",), ("subject", "relation"))

    prompt: Text | None = Field(None, examples=["Where does Ann Berg live?"])
    subject: Line | None = None
    relation: Line | None = None
    paraphrases: list[Text] = Field([], json_schema_extra=_SEVERAL)
    aliases: list[Line] = Field([], json_schema_extra=_SEVERAL)
    purge: bool = False


class Changes(Form):
    """New values of an edit; what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    prompt: Text | None = None
    target: Text | None = None
    subject: Line | None = None
    relation: Line | None = None
    statement: Text | None = None
    paraphrases: list[Text] | None = Field(None, json_schema_extra=_SEVERAL)
    aliases: list[Line] | None = Field(None, json_schema_extra=_SEVERAL)
    radius: float | None = Field(None, ge=0, le=2)
    valid_from: Day | None = None
    valid_until: Day | None = None
    source: Line | None = None
    metadata: dict[str, Any] | None = None


class Turn(Form):
    """A turn of a dialogue."""

    role: str = Field(examples=[ASKED], json_schema_extra={"enum": [*ROLES]})
    content: Question


class Chosen(BaseModel):
    """Which edits are listed: those that have all of this in common."""

    model_config = ConfigDict(extra="forbid")

    status: Literal["active", "superseded", "retracted", "all"] = "active"
    subject: Line | _NONE = None
    relation: Line | _NONE = None
    source: Line | _NONE = None
    since: Day | _NONE = Field(None, examples=["2026-01-31"])
    until: Day | _NONE = None
    limit: int = Field(100, ge=1, le=1000)
    after: Line | _NONE = Field(None, description="The last id of the page before.")


class Explained(Form):
    """A question, or in its place a dialogue that ends with one; `as_of` is the day whose edits answer."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": [name], "properties": {name: {"type": kind}}}
                for name, kind in (("question", "string"), ("messages", "array"))
            ]
        }
    )

    question: Question | None = Field(None, examples=["Who is the boss of Acme?"])
    messages: list[Turn] | None = Field(None, json_schema_extra={"minItems": 1})
    as_of: Day | None = None

    def given(self) -> dict[str, Any]:
        """As the router takes it."""
        turns = None if self.messages is None else [turn.model_dump() for turn in self.messages]
        return {"question": self.question, "messages": turns, "as_of": self.as_of}


class Asked(Explained):
    """The same of a model."""

    model: str | None = Field(None, description="One of this machine; by default the first.")


class Searched(Form):
    """A text for which the best are wanted."""

    query: Text
    limit: Count = Field(5, ge=1, le=100)


class SearchedOn(Searched):
    """The same, among what holds on a day."""

    as_of: Day | None = None


class Previewed(Form):
    """A fact that is not stored yet, and questions of a log that it may answer."""

    edit: Fact
    questions: list[Question] = Field([], max_length=10_000)
    on_conflict: OnConflict = Field(OnConflict.SUPERSEDE, strict=False)


class Feedback(Form):
    """A question that an edit does, or does not, answer; `fired` says whether it did."""

    question: Question
    fired: bool | None = None


class GivenPassage(Form):
    """A text that may be put before a question; without an id it is called by a digest of itself."""

    text: Annotated[str, Field(min_length=1, json_schema_extra={"pattern": r"\S"})] = Field(
        examples=["Ann Berg has led Acme since 2025."]
    )
    title: str = Field("", examples=["Acme"])
    source: str | None = Field(None, min_length=1, examples=["https://example.com/acme"])
    date: str | None = Field(None, min_length=1, examples=["2026-01-31"])
    id: str | None = Field(None, min_length=1, max_length=LONGEST_NAME)


class GivenPassages(Form):
    """Passages that are stored together, or not at all; one with the id of another replaces it."""

    passages: list[GivenPassage] = Field(min_length=1, max_length=10_000)


class PassagesFrom(BaseModel):
    """Which passages are listed: all, or those from a file, a folder or an address."""

    model_config = ConfigDict(extra="forbid")

    source: str | _NONE = Field(None, min_length=1, max_length=LONGEST_LINE)
    limit: int = Field(100, ge=1, le=1000)
    after: str | _NONE = Field(
        None, min_length=1, max_length=LONGEST_NAME, description="The last id of the page before."
    )
