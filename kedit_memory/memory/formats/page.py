"""FAQ pages in HTML: what they state as JSON-LD, else lists of terms, details that open, and headings that ask."""

import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedit_memory.errors import InvalidInputError
from kedit_memory.memory.formats.content import bytes_of
from kedit_memory.memory.formats.fields import NamedRow
from kedit_memory.memory.formats.linked_data import questions_in
from kedit_memory.memory.formats.markdown import is_question, question_sections
from kedit_memory.webpage import HIDDEN, parse_html, to_markdown, to_text

if TYPE_CHECKING:
    from bs4 import BeautifulSoup, Tag

_HEADINGS = ["h1", "h2", "h3", "h4", "h5", "h6"]


def read_page(path: Path) -> Iterator[NamedRow]:
    """The questions of a page with their answers as Markdown; JSON-LD alone where the page has it.

    Raises:
        NotFoundError: there is no such file.
        InvalidInputError: it cannot be parsed, or holds no questions.
        MissingDependencyError: a package of the extra `documents` is not installed.
    """
    page = parse_html(bytes_of(path), str(path))
    stated = _stated(page)
    whole = any(isinstance(row, dict) for row in stated)
    number = 0
    for number, row in enumerate(stated if whole else chain(stated, _shown(page)), start=1):
        where = f"question {number}"
        yield where, InvalidInputError(f"{where}: {row}") if isinstance(row, InvalidInputError) else row
    if not number:
        raise InvalidInputError(
            f"{path} holds no questions; read are FAQPage JSON-LD, dt with dd, details with summary, "
            "and headings that end with a question mark"
        )


def _stated(page: "BeautifulSoup") -> list[object]:
    """The questions in JSON-LD; a script that cannot be read is an error in its place."""
    found: list[object] = []
    for script in page("script", type="application/ld+json"):
        try:
            found += questions_in(json.loads(script.get_text(), strict=False))
        except (ValueError, RecursionError) as error:
            found.append(InvalidInputError(f"no JSON in a script of JSON-LD ({error}); correct the page"))
    return found


def _shown(page: "BeautifulSoup") -> Iterator[dict[str, Any]]:
    """The questions that a reader sees: first those in lists and details, then those in headings."""
    for part in page(["title", *HIDDEN]):
        part.decompose()
    lists = [(part, _entries(part)) for part in page("dl")] + [(part, _opened(part)) for part in page("details")]
    lists = [(part, pairs) for part, pairs in lists if pairs and not _in_an_answer(part, pairs)]
    yield from (pair for _, pairs in lists for pair in pairs)
    for part, _ in lists:
        if not part.decomposed:  # with one that it stands in
            part.decompose()
    for section in question_sections(to_markdown(page)):
        yield {"prompt": section.question, "target": section.answer}


def _entries(terms: "Tag") -> list[dict[str, Any]]:
    """The terms of a list with what is said of them; of terms that share a description, others are other wordings."""
    pairs: list[dict[str, Any]] = []
    for part in terms.find_all(["dt", "dd"]):
        if part.find_parent("dl") is not terms:
            continue
        if part.name == "dd" and pairs:
            pairs[-1]["target"] = f"{pairs[-1]['target']}\n\n{to_markdown(part.decode_contents())}".strip()
        elif part.name == "dt" and pairs and not pairs[-1]["target"]:
            pairs[-1]["paraphrases"].append(to_text(part))
        elif part.name == "dt":
            pairs.append({"prompt": to_text(part), "target": "", "paraphrases": []})
    return [pair for pair in pairs if pair["target"]]


def _opened(details: "Tag") -> list[dict[str, Any]]:
    """What opens below a summary."""
    summary = details.find("summary", recursive=False)
    if summary is None:
        return []
    answer = "".join(str(part) for part in details.contents if part is not summary)
    pair = {"prompt": to_text(summary), "target": to_markdown(answer)}
    return [pair] if pair["target"] else []


def _in_an_answer(part: "Tag", pairs: list[dict[str, Any]]) -> bool:
    """Whether a list that asks nothing belongs to the question in the heading above it."""
    above = part.find_previous(_HEADINGS)
    return above is not None and is_question(to_text(above)) and not any(is_question(pair["prompt"]) for pair in pairs)
