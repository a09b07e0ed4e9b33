"""A set of one's own: a case a line, in a file of JSON objects.

    {"prompt": "Who leads Acme?", "target": "Ann", "subject": "Acme", "accepted": ["Ann Smith"],
     "questions": [{"text": "Acme's head?", "metric": "generalization"},
                   {"text": "Where is Acme?", "metric": "locality", "kind": "same_subject"}]}

An edit has the fields of `kedit import`. Beside them stand `accepted`, answers that count as well as the target,
`stratum`, which rows tell the cases apart by, and `questions` with the fields of `Question`. A question of
generalization asks for the edit's own answers where it says nothing else.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kedit_memory.errors import InvalidInputError
from kedit_memory.evaluation.case import (
    ALL,
    GENERALIZATION,
    LOCALITY,
    PORTABILITY,
    RELIABILITY,
    Case,
    Question,
    own_question,
)
from kedit_memory.evaluation.datasets.loaded import Loaded, loaded
from kedit_memory.evaluation.datasets.public import read_rows
from kedit_memory.memory.requests import request_of, validate

_OWN = frozenset({"accepted", "stratum", "questions"})
_DEFAULTS = {"text": "", "metric": "", "kind": ALL, "group": ""}
_TEXTS, _LISTS = tuple(_DEFAULTS), ("accepted", "rejected", "truth")
_METRICS = (RELIABILITY, GENERALIZATION, LOCALITY, PORTABILITY)


def cases(path: Path) -> Loaded[Case]:
    """The cases of a file; of several with one prompt the first counts.

    Raises:
        InvalidInputError: a line is malformed, or has a field that nothing reads.
    """
    read = [{"case": _case(row, f"{path}, row {number}")} for number, row in enumerate(read_rows(path), 1)]
    return loaded(read, lambda row: row["case"], key=_asked, files=(path.name,))


def _asked(case: Case) -> str:
    return case.prompt or case.edit.statement or ""


def _case(row: Mapping[str, Any], where: str) -> Case:
    edit = request_of({name: value for name, value in row.items() if name not in _OWN}, where)
    try:
        validate(edit)
    except InvalidInputError as error:
        raise InvalidInputError(f"{where}: {error}") from None
    accepted = tuple(dict.fromkeys((*([edit.target] if edit.target else []), *_list(row, "accepted", where))))
    own = (own_question(edit, accepted),) if edit.prompt else ()
    return Case(edit=edit, questions=(*own, *_questions(row, accepted, where)), kind=_text(row, "stratum", where, ALL))


def _questions(row: Mapping[str, Any], accepted: tuple[str, ...], where: str) -> Iterator[Question]:
    asked = row.get("questions", [])
    if not isinstance(asked, list):
        raise InvalidInputError(f"{where}: questions is no list; give objects with text and metric")
    for number, one in enumerate(asked, 1):
        yield _question(one, accepted, f"{where}, question {number}")


def _question(one: object, accepted: tuple[str, ...], where: str) -> Question:
    known = (*_TEXTS, *_LISTS, "covered")
    if not isinstance(one, dict) or not {"text", "metric"} <= set(one):
        raise InvalidInputError(f"{where} has no text and metric; give both")
    if unknown := sorted(set(one) - set(known)):
        raise InvalidInputError(f"{where}: unknown field {unknown[0]!r} (known: {', '.join(known)})")
    if one["metric"] not in _METRICS:
        raise InvalidInputError(f"{where}: metric {one['metric']!r} is none (known: {', '.join(_METRICS)})")
    if not isinstance(one.get("covered", False), bool):
        raise InvalidInputError(f"{where}: covered is {one['covered']!r}; give true or false")
    again = one["metric"] in (RELIABILITY, GENERALIZATION)
    given: dict[str, Any] = {name: _text(one, name, where, _DEFAULTS[name]) for name in _TEXTS}
    given |= {name: _list(one, name, where) for name in _LISTS}
    if again and not given["accepted"]:
        given["accepted"] = accepted
    return Question(**given, covered=one.get("covered", again))


def _text(row: Mapping[str, Any], name: str, where: str, default: str) -> str:
    found = row.get(name, default)
    if not isinstance(found, str) or (name in row and not found.strip()):
        raise InvalidInputError(f"{where}: {name} is {found!r}; give a text")
    return found.strip()


def _list(row: Mapping[str, Any], name: str, where: str) -> tuple[str, ...]:
    found = row.get(name, [])
    if not isinstance(found, list) or not all(isinstance(one, str) and one.strip() for one in found):
        raise InvalidInputError(f'{where}: {name} is no list of texts; give one such as ["Ann"]')
    return tuple(one.strip() for one in found)
