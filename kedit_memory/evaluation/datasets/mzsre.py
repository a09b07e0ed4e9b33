"""MzsRE (Wang et al. 2023): zsRE in many languages, an English edit asked in each of them.

A file holds a pair of languages, and its rows are those of every other file; files of English with another language are
read. A kind is a language; the answer to a question is expected in the language of the question.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from kedit_memory.evaluation.case import LOCALITY, PORTABILITY, Case, Question, rephrased
from kedit_memory.evaluation.datasets.kinds import ONE_HOP
from kedit_memory.evaluation.datasets.loaded import Loaded, Row, loaded, text
from kedit_memory.evaluation.datasets.public import in_step, present
from kedit_memory.evaluation.datasets.zsre import mend_case

ENGLISH = "en"
LANGUAGES = ("cz", "de", "du", "es", "fr", "pt", "ru", "th", "tr", "vi", "zh")  # as the files call them


def cases(folder: Path) -> Loaded[Case]:
    """A case for each English question, in all languages that are there."""
    files = present(folder, map(_name, LANGUAGES))
    names = [name for name in LANGUAGES if folder / _name(name) in files]
    return loaded(
        rows(folder, names), _case, key=lambda case: case.prompt, last=True, files=(path.name for path in files)
    )


def rows(folder: Path, languages: Iterable[str]) -> Iterator[dict[str, Row]]:
    """What English and each of some languages ask, row by row.

    Raises:
        InvalidInputError: the files have not equally many rows.
    """
    for found in in_step(folder, {name: _name(name) for name in languages}):
        first = next(iter(found.values()))
        yield {ENGLISH: first.get(ENGLISH, {})} | {name: row.get(name, {}) for name, row in found.items()}


def _name(language: str) -> str:
    return f"mzsre_test_duplicate_en{language}.json"


def _case(row: Mapping[str, Row]) -> Case:
    case = mend_case(row[ENGLISH])
    beside = [one for name, asked in row.items() if name != ENGLISH for one in _translated(name, asked)]
    return replace(case, questions=(*case.questions, _following(ONE_HOP, row[ENGLISH]), *beside))


def _translated(language: str, asked: Row) -> Iterator[Question]:
    """A question and its rephrasing, which is often the same, what must stay, and what follows, in a language."""
    for wording in dict.fromkeys((text(asked, "src"), text(asked, "rephrase"))):
        yield rephrased(wording, language, (text(asked, "alt"),))
    yield Question(text=text(asked, "loc"), metric=LOCALITY, kind=language, truth=(text(asked, "loc_ans"),))
    yield _following(language, asked)


def _following(kind: str, asked: Row) -> Question:
    following = asked["portability"]
    return Question(
        text=text(following, "New Question"), metric=PORTABILITY, kind=kind, accepted=(text(following, "New Answer"),)
    )
