"""MLaKE (Wei et al. 2025): facts turned false, asked in several languages, alone and over a second fact.

A line of each single-hop file asks for one thing. Edits are made in English; a kind is the language of the question,
and an answer is expected in it. Questions over two facts name the edit that they need by its sentence.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from kedit_memory.evaluation.case import PORTABILITY, Case, Question, own_question, rephrased
from kedit_memory.evaluation.datasets.kinds import ONE_HOP
from kedit_memory.evaluation.datasets.loaded import Loaded, Row, loaded, text, texts
from kedit_memory.evaluation.datasets.public import in_step, present, read_rows
from kedit_memory.records import EditRequest

ENGLISH = "en"
LANGUAGES = (ENGLISH, "de", "fr", "ja", "zh")


def cases(folder: Path) -> Loaded[Case]:
    """A case for each single-hop question, in all languages that are there."""
    present(folder, (_single(ENGLISH),))
    names = [name for name in LANGUAGES if (folder / _single(name)).is_file()]
    over_two = [
        loaded(read_rows(present(folder, (_several(name),))[0]), partial(_following, name), key=_told) for name in names
    ]
    following: dict[str, list[Question]] = {}
    for edit, asked in (pair for read in over_two for pair in read.found):
        following.setdefault(edit, []).append(asked)
    read = loaded(
        single_hop(folder, names),
        lambda row: _case(row, following),
        key=lambda case: case.prompt,
        files=(file for name in names for file in (_single(name), _several(name))),
    )
    made = {case.edit.statement for case in read.found}
    left = sum((Counter(one.skipped) for one in over_two), Counter(read.skipped))
    left["a question over two facts of no edit"] += sum(len(one) for edit, one in following.items() if edit not in made)
    return replace(read, skipped=dict(+left))


def single_hop(folder: Path, languages: Iterable[str]) -> Iterator[dict[str, Row]]:
    """What each of some languages asks, row by row.

    Raises:
        InvalidInputError: the files have not equally many rows.
    """
    return in_step(folder, {name: _single(name) for name in languages})


def _single(language: str) -> str:
    return f"single_hop/{language}_qa.json"


def _several(language: str) -> str:
    return f"multi_hop/new_{language}_qa.json"


def _following(language: str, row: Row) -> tuple[str, Question]:
    """A question over two facts, after the sentence of its edit."""
    return text(row, "e_prompt"), Question(
        text=text(row, "question"),
        metric=PORTABILITY,
        kind=ONE_HOP if language == ENGLISH else language,
        accepted=_answers(row, "e_answer"),
    )


def _told(pair: tuple[str, Question]) -> str:
    return f"{pair[0]} {pair[1].text}"


def _case(row: Mapping[str, Row], following: Mapping[str, Iterable[Question]]) -> Case:
    own = row[ENGLISH]
    edit = EditRequest(prompt=text(own, "question"), target=text(own, "e_answer"), statement=text(own, "e_prompt"))
    asked = own_question(edit, _answers(own, "e_answer"), _answers(own, "o_answer"))
    others = [
        rephrased(text(one, "question"), language, _answers(one, "e_answer"))
        for language, one in row.items()
        if language != ENGLISH
    ]
    return Case(edit=edit, questions=(asked, *others, *following.get(edit.statement or "", ())))


def _answers(row: Row, name: str) -> tuple[str, ...]:
    return texts([text(row, name), list(row.get(f"{name}_aliases", ()))])
