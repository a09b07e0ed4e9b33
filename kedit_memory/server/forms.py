"""What requests about the memory hold, as OpenAPI describes it."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from kedit_memory.records import EditRequest, OnConflict

Text = Annotated[str, Field(min_length=1)]


class Form(BaseModel):
    """A JSON object whose fields are all known, each of its type."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Fact(Form):
    """An edit to be stored: prompt and target, a statement alone as prompt, or subject, relation and target."""

    prompt: Text | None = Field(None, examples=["Who leads Acme?"])
    target: Text | None = Field(None, examples=["Ann Berg"])
    subject: Text | None = Field(None, examples=["Acme"])
    relation: Text | None = None
    statement: Text | None = None
    paraphrases: list[Text] = []
    aliases: list[Text] = []
    radius: float | None = Field(None, ge=0, le=2)
    valid_from: str | None = Field(None, examples=["2026-01-31"])
    valid_until: str | None = None
    source: Text | None = None
    metadata: dict[str, Any] = {}
    id: Text | None = None

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

    prompt: Text | None = Field(None, examples=["Where does Ann Berg live?"])
    subject: Text | None = None
    relation: Text | None = None
    paraphrases: list[Text] = []
    aliases: list[Text] = []
    purge: bool = False


class Changes(Form):
    """New values of an edit; what is left out stays."""

    prompt: Text | None = None
    target: Text | None = None
    subject: Text | None = None
    relation: Text | None = None
    statement: Text | None = None
    paraphrases: list[Text] | None = None
    aliases: list[Text] | None = None
    radius: float | None = Field(None, ge=0, le=2)
    valid_from: str | None = None
    valid_until: str | None = None
    source: Text | None = None
    metadata: dict[str, Any] | None = None


class Turn(Form):
    """A turn of a dialogue."""

    role: str = Field(examples=["user"])
    content: str


class Chosen(BaseModel):
    """Which edits are listed: those that have all of this in common."""

    model_config = ConfigDict(extra="forbid")

    status: Literal["active", "superseded", "retracted", "all"] = "active"
    subject: Text | None = None
    relation: Text | None = None
    source: Text | None = None
    since: Text | None = Field(None, examples=["2026-01-31"])
    until: Text | None = None
    limit: int = Field(100, ge=1, le=1000)
    after: Text | None = Field(None, description="The last id of the page before.")


class Asked(Form):
    """A question, or in its place a dialogue that ends with one; `as_of` is the day whose edits answer."""

    question: Text | None = Field(None, examples=["Who is the boss of Acme?"])
    messages: list[Turn] | None = None
    as_of: str | None = None
    model: Text | None = None

    def given(self) -> dict[str, Any]:
        """As the router takes it."""
        turns = None if self.messages is None else [turn.model_dump() for turn in self.messages]
        return {"question": self.question, "messages": turns, "as_of": self.as_of}


class Searched(Form):
    """A text for which the best are wanted."""

    query: Text
    limit: int = Field(5, ge=1, le=100)


class SearchedOn(Searched):
    """The same, among what holds on a day."""

    as_of: str | None = None


class Previewed(Form):
    """A fact that is not stored yet, and questions of a log that it may answer."""

    edit: Fact
    questions: list[Text] = Field([], max_length=10_000)
    on_conflict: OnConflict = Field(OnConflict.SUPERSEDE, strict=False)


class Feedback(Form):
    """A question that an edit does, or does not, answer; `fired` says whether it did."""

    question: Text
    fired: bool | None = None


class GivenPassage(Form):
    """A text that may be put before a question; without an id it is called by a digest of itself."""

    text: Text = Field(examples=["Ann Berg has led Acme since 2025."])
    title: str = Field("", examples=["Acme"])
    source: Text | None = Field(None, examples=["https://example.com/acme"])
    date: Text | None = Field(None, examples=["2026-01-31"])
    id: Text | None = Field(None, max_length=200)


class GivenPassages(Form):
    """Passages that are stored together, or not at all; one with the id of another replaces it."""

    passages: list[GivenPassage] = Field(min_length=1, max_length=10_000)


class PassagesFrom(BaseModel):
    """Which passages are listed: all, or those from a file, a folder or an address."""

    model_config = ConfigDict(extra="forbid")

    source: Text | None = None
    limit: int = Field(100, ge=1, le=1000)
    after: Text | None = Field(None, description="The last id of the page before.")
