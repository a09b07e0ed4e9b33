"""Single sentences as edits, with the many small questions that each of them answers."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kedit_memory.errors import InvalidInputError
from kedit_memory.evaluation.public import folder_of
from kedit_memory.evaluation.scope.cases import ScopeEdit, ScopeSet, SetBuilder, part_by_hash
from kedit_memory.evaluation.scope.paragraphs import alike, names_it, stands_alone
from kedit_memory.retrieval.words import words

_ASKED = 8  # questions of a sentence at most: its writers asked for many things twice
_LOOKED_AT = 200  # questions of other articles, of which the one most like the sentence is asked
_SHARED = 3  # content words that a question has from its sentence, of which a name counts twice
_NAMED = re.compile(r"\s[A-Z]\w")
_UNCLEAR = re.compile(
    r"\s\s|\t|\b(someone|something|somewhere|this|that|it|they|he|she|them|him|her|his|their)\b", re.IGNORECASE
)


@dataclass(frozen=True, kw_only=True)
class _Sentence:
    article: str
    text: str
    questions: tuple[str, ...]


def qamr_set(data: Path, *, seed: int = 1) -> ScopeSet:
    """QAMR (Michael et al. 2018): questions that say what they are about."""
    builder = SetBuilder("qamr", seed)
    found = [one for one in _sentences(folder_of(data, "qamr") / "dev_readable.tsv") if one.questions]
    others: dict[str, list[tuple[str, str]]] = defaultdict(list)  # by part, articles and their questions
    by_article: dict[str, list[_Sentence]] = defaultdict(list)
    for one in found:
        others[part_by_hash(one.article, trains=True)] += [(one.article, question) for question in one.questions]
        by_article[one.article].append(one)
    for one in found:
        part = part_by_hash(one.article, trains=True)
        edit = builder.add(ScopeEdit(prompt=one.text, target=one.text, part=part))
        if edit is None:
            continue
        for question in builder.rng.sample(one.questions, min(_ASKED, len(one.questions))):
            builder.case("question", edit, question, covered=True)
        beside = [q for other in by_article[one.article] if other is not one for q in other.questions]
        looked_at = builder.rng.sample(others[part], min(_LOOKED_AT, len(others[part])))
        strange = [question for article, question in looked_at if article != one.article]
        for kind, questions in (("same_article", beside), ("other_article", strange)):
            if questions:
                nearest = max(questions, key=lambda question: alike(question, one.text))
                if not names_it(nearest, one.text) or alike(nearest, one.text) < len({*words(nearest)}):
                    builder.case(kind, edit, nearest, covered=False)
    return builder.finished()


def _sentences(path: Path) -> Iterator[_Sentence]:
    """The sentences that stand alone, with their clear questions.

    Raises:
        InvalidInputError: the file cannot be read as the set has it.
    """
    try:
        blocks = path.read_text("utf-8").split("\n\n")
        for block in filter(str.strip, blocks):
            head, text, *rows = block.strip().split("\n")
            article = ":".join(head.split(":")[1:3])
            if stands_alone(text):
                asked = dict.fromkeys(question for row in rows if (question := _question(row, text)))
                yield _Sentence(article=article, text=text, questions=tuple(asked))
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"{path} cannot be read ({error}); fetch the set anew") from error


def _question(row: str, sentence: str) -> str | None:
    """The question of a row; None where it could be asked of many sentences."""
    question, mark, _ = row.partition("?")
    shared = alike(question, sentence) + bool(_NAMED.search(question))
    clear = shared >= _SHARED and names_it(question, sentence) and not _UNCLEAR.search(question)
    return f"{question}?" if mark and clear else None
