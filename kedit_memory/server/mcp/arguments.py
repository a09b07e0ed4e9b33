"""The arguments of the tools: what each is, for a language model that fills them in, and how long it may be."""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

from kedit_memory.text import LONGEST_LINE, LONGEST_TEXT

_MOST = 100  # edits or changes in one result


def _text(description: str, *examples: str, most: int = LONGEST_TEXT) -> Any:
    return Field(description=description, examples=list(examples) or None, max_length=most)


def _line(description: str, *examples: str) -> Any:
    return _text(description, *examples, most=LONGEST_LINE)


def _day(description: str) -> Any:
    pattern = r"^\d{4}(-\d{2}(-\d{2})?)?$"  # only told: the memory checks it, and says what to write
    return Field(description=description, examples=["2024-07-01"], json_schema_extra={"pattern": pattern})


Prompt: TypeAlias = Annotated[
    str | None,
    _text("The question that asks for the fact, or the beginning of its sentence.", "Who leads Acme?"),
]
Target: TypeAlias = Annotated[str | None, _text("The answer, kept to the character.", "Ann Berg")]
Statement: TypeAlias = Annotated[
    str | None, _text("The fact as one sentence; alone it is enough.", "Ann Berg has led Acme since 2025.")
]
Subject: TypeAlias = Annotated[
    str | None, _line("Whom or what the fact is about; then only questions that name it are answered.", "Acme")
]
Relation: TypeAlias = Annotated[str | None, _line("What of the subject the target is.", "chief executive")]
Paraphrases: TypeAlias = Annotated[
    list[str] | None, Field(description="Other ways to ask.", examples=[["Who is the head of Acme?"]])
]
Aliases: TypeAlias = Annotated[
    list[str] | None, Field(description="Other names of the subject.", examples=[["Acme Corporation"]])
]
ValidFrom: TypeAlias = Annotated[str | None, _day("The first day on which the fact holds; left out, always.")]
ValidUntil: TypeAlias = Annotated[str | None, _day("The first day on which it holds no more.")]
Source: TypeAlias = Annotated[str | None, _line("Where the fact comes from.", "press release of 1 July 2024")]
Metadata: TypeAlias = Annotated[
    dict[str, Any] | None, Field(description="Values of your own.", examples=[{"team": "sales"}])
]
Erase: TypeAlias = Annotated[
    bool, Field(description="Forget instead: the prompt's question is refused from now on. Give no target then.")
]
Conflict: TypeAlias = Annotated[
    Literal["supersede", "reject", "keep_both"],
    Field(description="Where another answer to the same question holds: replace it, fail, or keep both."),
]
EditId: TypeAlias = Annotated[
    str, _line("The id of an edit, as other tools give it, or the one that you gave it.", "e12", "policy-7")
]
Question: TypeAlias = Annotated[
    str, _text("One whole question, which names what it is about.", "Who is the chief executive of Acme?")
]
AsOf: TypeAlias = Annotated[str | None, _day("Answer by what held on this day; left out, today.")]
Count: TypeAlias = Annotated[int, Field(description="How many at most.", ge=1, le=_MOST)]
OwnId: TypeAlias = Annotated[str | None, _line("A name of your own for the edit.", "policy-7")]
Questions: TypeAlias = Annotated[
    list[str] | None, Field(description="Questions to try it on.", examples=[["Who runs Acme?"]], max_length=1000)
]
UndoneId: TypeAlias = Annotated[
    str | None, _line("Take back the newest change of this edit; left out, the newest of all.", "e12")
]
ChangedId: TypeAlias = Annotated[str | None, _line("Only changes of this edit; left out, of all.", "e12")]
StatusChoice: TypeAlias = Annotated[
    Literal["active", "superseded", "retracted", "any"],
    Field(description="Active edits answer; superseded ones were replaced, retracted ones taken out of use."),
]
AfterEdit: TypeAlias = Annotated[str | None, _line("The `after` of the page before.", "e20")]
AfterChange: TypeAlias = Annotated[int, Field(description="The `after` of the page before.", ge=0)]
Query: TypeAlias = Annotated[str, _text("A question or any text.", "the boss of Acme")]
