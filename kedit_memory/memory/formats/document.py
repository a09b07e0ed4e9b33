"""One JSON document: a list of edits or conversations, a single one, an export, or JSON-LD of a FAQ page."""

from collections.abc import Iterator
from pathlib import Path

from kedit_memory.errors import InvalidInputError
from kedit_memory.memory.formats.content import text_of
from kedit_memory.memory.formats.fields import NamedRow
from kedit_memory.memory.formats.jsonl import parsed_json, record_of
from kedit_memory.memory.formats.linked_data import questions_in

_EDITS = "edits"  # under which `kedit export --json` has its lines


def read_document(path: Path) -> Iterator[NamedRow]:
    """The rows of a JSON file.

    Raises:
        NotFoundError: there is no such file.
        InvalidInputError: it is in another encoding, or no JSON.
    """
    try:
        document = parsed_json(text_of(path))
    except RecursionError as error:
        raise InvalidInputError(f"{path} is nested too deeply; give a list of objects") from error
    except InvalidInputError:
        raise
    except ValueError as error:
        raise InvalidInputError(f"{path} is no JSON ({error}); correct it, or name its --format") from error
    questions = list(questions_in(document))
    if questions:
        yield from ((f"question {number}", row) for number, row in enumerate(questions, start=1))
        return
    if isinstance(document, dict) and isinstance(document.get(_EDITS), list):
        document = document[_EDITS]
    rows = document if isinstance(document, list) else [document]
    for number, row in enumerate(rows, start=1):
        where = f"item {number}"
        yield where, record_of(row, where)
