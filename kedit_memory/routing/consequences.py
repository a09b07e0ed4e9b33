"""What follows from a stored fact by the nature of its relation: spouses are each other's, a capital is of one country.

Only relations of this table are turned, in which each side belongs to one other: who was born in a town cannot be told
from one who was. What follows is made when it is asked for, from the edits that hold then, and is never stored.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from kedit_memory.memory.requests import statement_of
from kedit_memory.questions import Wanted, wanted
from kedit_memory.records import Edit

_LONGEST = 8  # words of an answer that a question may name
_EDGES = "\"'“”‘’«»()[],;:!?¿¡"
_OFFICE = (
    r"head of (?:state|government)|prime minister|president|chancellor|premier|king|queen|monarch|emperor|sultan|mayor|"
    r"governor|chief executive(?: officer)?|ceo|chair(?:man|woman|person)?|captain|head coach|head teacher|principal|"
    r"dean|rector|director general|secretary general|leader|head"
)


@dataclass(frozen=True, kw_only=True)
class Turned:
    """A relation whose facts can be turned.

    Attributes:
        noun: what tells it in the wordings of an edit and of a question, as a pattern.
        value: asks for whose value `{}` is.
        owner: asks for the value of `{}`; "" where both are asked for alike, as the relation goes both ways.
    """

    noun: str
    value: str
    owner: str = ""

    @cached_property
    def said(self) -> re.Pattern[str]:
        """Finds the relation in a text."""
        return re.compile(rf"\b(?:{self.noun})\b", re.IGNORECASE)

    def is_value(self, text: str, name: str, *, beside: bool = True) -> bool:
        """Whether a text says of a name that it is the value: "Oslo is the capital of", "has Oslo as its capital".

        `beside` counts the name right behind the relation, too: "the domain .no".
        """
        noun, held = rf"\b(?:{self.noun})\b", rf"(?<!\w){re.escape(name)}(?![\w'’])"
        the, being = r"(?:the |an? |its |their )?(?:[\w-]+ )?", r"(?:is|was|are|were|became|become|called|named)"
        forms = (
            rf"{held},? (?:{being} |as |serves as |served as ){the}{noun}",
            rf"\b{being} (?:the )?{held},? {the}{noun}",
            rf"{noun} {being} (?:the )?{held}",
            *((rf"{noun} (?:the )?{held}",) if beside else ()),
        )
        return any(re.search(form, text, re.IGNORECASE) for form in forms)


_TURNED = (
    Turned(noun=r"capital(?: city)?", value="{} is the capital of which country?", owner="What is the capital of {}?"),
    Turned(
        noun=r"(?:(?:internet|top-level|web) )*domain(?: name)?|tld|addresses ending in",
        value="Which country has the internet domain {}?",
        owner="What is the internet domain of {}?",
    ),
    Turned(
        noun="demonym|(?:someone|people|person|those) (?:called|described as)",
        value="Which country has the demonym {}?",
        owner="What is the demonym of {}?",
    ),
    Turned(
        noun="(?:chemical )?symbol|written as",
        value="Which chemical element has the symbol {}?",
        owner="What is the chemical symbol of {}?",
    ),
    Turned(
        noun="(?:atomic|element|at) number",
        value="Which chemical element has the atomic number {}?",
        owner="What is the atomic number of {}?",
    ),
    Turned(noun=_OFFICE, value="{} is the {noun} of what?", owner="Who is the {noun} of {}?"),
    Turned(noun="spouse|wife|husband|married|marry", value="Who is the spouse of {}?"),
    Turned(noun=r"siblings?|brother|sister", value="Who is the sibling of {}?"),
    Turned(noun=r"borders?|neighbou?r(?:s|ing)?", value="Which country shares a border with {}?"),
    Turned(noun=r"twin(?:ned)? (?:town|city|with)|sister (?:town|city)", value="Which city is the twin town of {}?"),
)  # fmt: skip


def names_in(text: str) -> set[str]:
    """Every run of words of a question that may be an answer which it names, if it asks for what can be turned."""
    if wanted(text) in (Wanted.YES_NO, Wanted.TASK) or not any(one.said.search(text) for one in _TURNED):
        return set()
    told = [word.strip(_EDGES) for word in text.rstrip(".").split()]
    places = range(len(told))
    found = {" ".join(told[at:end]) for at in places for end in range(at + 1, min(at + _LONGEST, len(told)) + 1)}
    return found | {re.sub(r"['’]s?$", "", one) for one in found}


def other_side(text: str, edit: Edit, names: Iterable[str]) -> str | None:
    """What a question asks that an edit tells the other way round: whose capital Norway is, not which it has."""
    told = (edit.prompt, *edit.paraphrases)
    for one in _TURNED:
        if not one.owner or not (asked := one.said.search(text)) or not any(map(one.said.search, told)):
            continue
        for name in names:
            if one.is_value(text, name, beside=False) and not any(one.is_value(wording, name) for wording in told):
                return f"it asks whose {asked[0]} {name} is"
    return None


def turned(text: str, edit: Edit) -> Iterator[Edit]:
    """What follows from an edit for a question that names its answer, not its subject: as an edit about the answer."""
    subject, target = edit.subject, edit.target
    if not subject or not target or edit.prompt == target or subject.casefold() in text.casefold():
        return
    told = " ".join((*(edit.relation or "").split("_"), edit.prompt, *edit.paraphrases))
    for one in _TURNED:
        noun, asked = one.said.search(told.replace(subject, "")), one.said.search(text)
        if noun is None or asked is None:
            continue
        turns_value = not one.owner or not any(one.is_value(told, subject) for told in (edit.prompt, *edit.paraphrases))
        if one.owner and one.is_value(text, target) is not turns_value:
            continue  # it asks for the other side
        form = one.value if turns_value else one.owner
        prompt = form.replace("{}", target).replace("{noun}", noun[0])
        made = edit.statement == statement_of(edit.prompt, target)
        yield replace(
            edit,
            prompt=prompt,
            target=subject,
            statement=statement_of(prompt, subject) if made else edit.statement,
            subject=target,
            paraphrases=(),
            aliases=(),
        )
