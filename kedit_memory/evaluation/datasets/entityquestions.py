"""EntityQuestions (Sciavolino et al. 2021), its development part: one question form for each of 24 relations."""

from collections.abc import Mapping
from pathlib import Path

from kedit_memory.errors import InvalidInputError, NotFoundError
from kedit_memory.evaluation.case import Case
from kedit_memory.evaluation.datasets.asked import EntityQuestion, cases_of
from kedit_memory.evaluation.datasets.loaded import Loaded, Row, texts
from kedit_memory.evaluation.datasets.public import read_json, read_json_lines

_TEMPLATES = "relation_query_templates.json"


def cases(folder: Path) -> Loaded[Case]:
    """A case for each question, of several subjects of one name with the answers of all."""
    rows = ({"asked": one} for found in questions(folder).values() for one in found)
    return cases_of(rows, lambda row: row["asked"], files=("dev", _TEMPLATES))


def questions(folder: Path) -> dict[str, list[EntityQuestion]]:
    """The questions of each relation, in the order of their files.

    Raises:
        NotFoundError: none is there.
        InvalidInputError: a question is not of its relation's form.
    """
    templates: Mapping[str, str] = read_json(folder / _TEMPLATES)
    found: dict[str, list[EntityQuestion]] = {}
    for path in sorted((folder / "dev").glob("P*.dev.jsonl")):
        relation = path.name.split(".")[0]
        try:
            found[relation] = [_question(row, relation, templates[relation]) for row in read_json_lines(path)]
        except (KeyError, TypeError) as error:
            raise InvalidInputError(f"{path} is not of the set's form ({error!r}); fetch the set anew") from error
    if not found:
        raise NotFoundError(f"{folder / 'dev'} holds no P*.dev.jsonl; scripts/fetch_data.py fetches the public sets")
    return found


def _question(row: Row, relation: str, template: str) -> EntityQuestion:
    return EntityQuestion(
        text=row["question"],
        answers=texts(row["answers"]),
        relation=relation,
        subject=_within(template, row["question"]),
    )


def _within(template: str, question: str) -> str:
    """What stands in the slot of a template."""
    before, _, after = template.partition("[X]")
    if not (question.startswith(before) and question.endswith(after)):
        raise InvalidInputError(f"{question!r} is not of the form {template!r}; fetch the set again")
    return question[len(before) : len(question) - len(after)]
