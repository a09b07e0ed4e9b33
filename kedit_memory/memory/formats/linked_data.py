"""Questions in JSON-LD, as schema.org's FAQPage and QAPage state them."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from kedit_memory.webpage import to_markdown, to_text

_MARKUP = re.compile(r"<[a-zA-Z/!][^>]*>|&(?:#\w+|\w+);")


def questions_in(document: object) -> Iterator[dict[str, Any]]:
    """The questions that a JSON-LD document holds anywhere, each with its accepted answers as one target."""
    waiting = [document]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting += reversed(node)
        elif isinstance(node, Mapping) and "Question" in _several(node.get("@type")):
            yield {"prompt": _title(node), "target": _answer(node)}
        elif isinstance(node, Mapping):
            waiting += reversed(list(node.values()))


def _title(question: Mapping[str, Any]) -> str:
    text = str(question.get("name") or question.get("text") or "")
    return to_text(text) if _MARKUP.search(text) else text


def _answer(question: Mapping[str, Any]) -> str:
    answers = _several(question.get("acceptedAnswer") or question.get("suggestedAnswer"))
    texts = [str(one.get("text") or "") if isinstance(one, Mapping) else str(one) for one in answers]
    return "\n\n".join(to_markdown(text) if _MARKUP.search(text) else text for text in texts)


def _several(value: object) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
