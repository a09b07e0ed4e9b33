"""Markdown with questions as headings: what follows a heading is its answer, to the character."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from kedit_memory.errors import InvalidInputError
from kedit_memory.memory.formats.content import text_of
from kedit_memory.memory.formats.fields import NamedRow

if TYPE_CHECKING:
    from markdown_it.token import Token

_MARKS = ("?", "\uff1f", "\u061f", "\u055e", "\u037e")  # ASCII, fullwidth, Arabic, Armenian, Greek
_AFTER = " \"'\u00bb\u201d\u2019)*_"  # what may stand behind the mark
_NUMBERED = re.compile(r"^(?:Q\s*\d*\s*[.:)]|\d+(?:\.\d+)*[.)])\s+", re.IGNORECASE)


class Section(NamedTuple):
    """A heading that is a question, the line where it stands, and the Markdown below it."""

    line: int
    question: str
    answer: str


class _Heading(NamedTuple):
    text: str
    level: int
    start: int  # its first line
    end: int  # the first line after it


def read_markdown(path: Path) -> Iterator[NamedRow]:
    """The questions of a page with their answers.

    Raises:
        NotFoundError: there is no such file.
        InvalidInputError: it is in another encoding, or no heading is a question.
    """
    found = False
    for section in question_sections(text_of(path)):
        found = True
        yield f"line {section.line}", {"prompt": section.question, "target": section.answer}
    if not found:
        raise InvalidInputError(f"no heading of {path} is a question with an answer; end questions with a mark")


def question_sections(text: str) -> Iterator[Section]:
    """Each heading that is a question with what stands below it, up to the next heading of its level or above.

    A question within the section of another has its own answer, and ends that of the other one. Headings with nothing
    before their first question are titles.
    """
    from markdown_it import MarkdownIt

    lines = text.replace("\r\n", "\n").split("\n")
    tokens = MarkdownIt("commonmark").parse("\n".join(lines))
    headings = _headings(tokens)
    rules = {token.map[0] for token in tokens if token.type == "hr" and token.map}
    for place, heading in enumerate(headings):
        if not is_question(heading.text):
            continue
        later = (one for one in headings[place + 1 :] if one.level <= heading.level or is_question(one.text))
        end = next((one.start for one in later), len(lines))
        while end > heading.end and (end - 1 in rules or not lines[end - 1].strip()):
            end -= 1  # a rule below a section parts it from the next
        if end > heading.end:
            answer = "\n".join(lines[heading.end : end]).lstrip("\n")
            yield Section(heading.start + 1, _NUMBERED.sub("", heading.text), answer)


def is_question(text: str) -> bool:
    """Whether a heading asks something: it ends with a question mark of some script."""
    return text.rstrip(_AFTER).endswith(_MARKS)


def _headings(tokens: "Sequence[Token]") -> list[_Heading]:
    return [
        _Heading(_plain(tokens[place + 1]), int(token.tag[1:]), token.map[0], token.map[1])
        for place, token in enumerate(tokens)
        if token.type == "heading_open" and token.map
    ]


def _plain(token: "Token") -> str:
    """The text of a heading without its markup."""
    parts = (" " if child.type in ("softbreak", "hardbreak") else child.content for child in token.children or ())
    return " ".join("".join(parts).split())
