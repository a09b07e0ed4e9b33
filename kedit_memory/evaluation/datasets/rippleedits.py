"""RippleEdits (Cohen et al. 2024): what else changes with an edit, and what does not, by six criteria.

Edits come as sentences with the ids of their subject and object. Where a test names the object, the sentence is cut
before it, and what stands there is the edit's question; else the edit is a statement. A test is passed by any of its
questions, and tells nothing of a model that does not answer its conditions before the edit.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kedit_memory.evaluation.case import LOCALITY, PORTABILITY, Case, Question, own_question
from kedit_memory.evaluation.datasets.kinds import ALIAS, LOGICAL, ONE_HOP, OTHER_ANSWER, SAME_SUBJECT, THROUGH
from kedit_memory.evaluation.datasets.loaded import Loaded, Row, loaded, text, texts
from kedit_memory.evaluation.datasets.public import present, read_rows
from kedit_memory.records import EditRequest

_FILES = ("recent.json", "random.json", "popular.json")
_CRITERIA: Mapping[str, tuple[str, str]] = {
    "Logical_Generalization": (PORTABILITY, LOGICAL),
    "Compositionality_I": (PORTABILITY, ONE_HOP),
    "Compositionality_II": (PORTABILITY, THROUGH),
    "Subject_Aliasing": (PORTABILITY, ALIAS),
    "Relation_Specificity": (LOCALITY, SAME_SUBJECT),
    "Forgetfulness": (LOCALITY, OTHER_ANSWER),
}


def cases(folder: Path) -> Loaded[Case]:
    """A case for each edit of all files that are there; its kind is that of its file."""
    files = present(folder, _FILES)
    rows = [dict(row, file=path.stem) for path in files for row in read_rows(path)]
    return loaded(rows, _case, key=lambda case: case.edit.source or "", files=(path.name for path in files))


def _case(row: Row) -> Case:
    made = row["edit"]
    sentence, ids = text(made, "prompt"), (made["subject_id"], made["relation"], made["target_id"])
    names = _names(row, made["target_id"])
    cut = next((name for name in names if sentence.removesuffix(".").endswith(f" {name}")), None)
    told: dict[str, Any] = {
        "relation": text(made, "relation"),
        "statement": sentence,
        "source": f"{row['file']}: {' '.join(map(str, ids))}",
    }
    asked = tuple(_questions(row))
    if cut is None:
        return Case(edit=EditRequest(**told), questions=asked, kind=row["file"])
    prompt = sentence.removesuffix(".").removesuffix(cut).strip()
    before = made.get("original_fact", {}).get("prompt", "").removesuffix(".")
    truth = (before.removeprefix(prompt).strip(),) if before.startswith(prompt) else ()
    edit = EditRequest(prompt=prompt, target=cut, **told)
    return Case(edit=edit, questions=(own_question(edit, names, truth), *asked), kind=row["file"])


def _names(row: Row, target: str) -> tuple[str, ...]:
    """The names of the edit's object, as a test has them that it alone answers."""
    queries = (query for criterion in _CRITERIA for test in row.get(criterion, ()) for query in test["test_queries"])
    return next((_answers(query) for query in queries if _answered_by(query) == [target]), ())


def _answered_by(query: Row) -> object:
    """The ids of a query's answers; of one over two facts `target_ids` are those of the first."""
    return query["second_hop_target_ids" if query["query_type"] == "two_hop" else "target_ids"]


def _questions(row: Row) -> Iterator[Question]:
    for criterion, (metric, kind) in _CRITERIA.items():
        for number, test in enumerate(row.get(criterion, ())):
            given = tuple(
                Question(text=text(one, "prompt"), accepted=_answers(one)) for one in test["condition_queries"]
            )
            for query in test["test_queries"]:
                kept = metric == LOCALITY
                answers = _answers(query)
                yield Question(
                    text=text(query, "prompt"),
                    metric=metric,
                    kind=kind,
                    accepted=() if kept else answers,
                    truth=answers if kept else (),
                    covered=kind == ALIAS,
                    group=f"{kind}_{number}",
                    given=given,
                )


def _answers(query: Row) -> tuple[str, ...]:
    return texts([[answer["value"], answer["aliases"]] for answer in query["answers"]])
