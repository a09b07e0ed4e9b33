"""LRE (Hernandez et al. 2024): pairs of 47 relations of four types, with the prompts of each relation.

The edits say what is true. Some texts of the published files hold the escape of a letter instead of the letter.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kedit_memory.errors import InvalidInputError
from kedit_memory.evaluation.case import Case
from kedit_memory.evaluation.datasets.asked import EntityQuestion, cases_of
from kedit_memory.evaluation.datasets.loaded import Loaded, Row, text
from kedit_memory.evaluation.datasets.pararel import put
from kedit_memory.evaluation.datasets.public import read_json

_TYPES = ("factual", "commonsense", "linguistic", "bias")
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")


def cases(folder: Path) -> Loaded[Case]:
    """A case for each subject of a relation, with all its objects as answers."""
    found = (one for type_ in _TYPES for one in relations(folder, type_))
    rows = [dict(pair, relation=relation) for relation in found for pair in relation["samples"]]
    return cases_of(rows, _question, files=_TYPES)


def relations(folder: Path, type_: str) -> list[dict[str, Any]]:
    """The relations of a type as they are published, in the order of their files.

    Raises:
        InvalidInputError: a file holds something else.
    """
    found = []
    for path in sorted((folder / type_).glob("*.json")):
        relation = read_json(path)
        known = isinstance(relation, dict) and {"name", "samples", "prompt_templates"} <= set(relation)
        if not known or not all(isinstance(pair, dict) for pair in relation["samples"]):
            raise InvalidInputError(
                f"{path} is no relation with name, samples and prompt_templates; fetch the set anew"
            )
        found.append(relation)
    return found


def templates(relation: Mapping[str, Any]) -> list[str]:
    """The relation's clozes, and the question with which a two-part template begins."""
    found: list[str] = []
    for template in (*relation["prompt_templates"], *relation["prompt_templates_zs"]):
        head, asked, _ = template.partition("? ")
        found.append(head + "?" if asked else template)
    return list(dict.fromkeys(found))


def _question(pair: Row) -> EntityQuestion:
    subject, relation = _readable(text(pair, "subject")), pair["relation"]
    first, *others = (put(template, subject) for template in templates(relation))
    return EntityQuestion(
        text=first,
        answers=(_readable(text(pair, "object")),),
        relation=relation["name"],
        subject=subject,
        rewordings=tuple(others),
    )


def _readable(found: str) -> str:
    return _ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), found)
