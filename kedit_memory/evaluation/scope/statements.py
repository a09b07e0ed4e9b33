"""Sentences of an encyclopedia as edits: does a stored statement answer this question about its paragraph?"""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from kedit_memory.evaluation.public import folder_of, read_json
from kedit_memory.evaluation.scope.cases import TRAINING, ScopeEdit, ScopeSet, SetBuilder, part_by_hash
from kedit_memory.evaluation.scope.paragraphs import Asked, alike, answering, cut, holds, names_it, stands_alone

_STORED = 2  # sentences of a paragraph at most, and never all that answer a question


@dataclass(frozen=True, kw_only=True)
class _Paragraph:
    """The sentences of a paragraph, and the questions that people asked about it; some have no answer in it."""

    article: str
    found: list[str]
    asked: tuple[Asked, ...]


def statements_set(data: Path, *, seed: int = 1) -> ScopeSet:
    """Sentences of SQuAD (Rajpurkar et al. 2016) and the questions of SQuAD 2.0 (Rajpurkar, Jia and Liang 2018).

    One or two sentences of a paragraph are stored, so that its other questions have no edit. A question whose names are
    not in its sentence ("When did it open?" is not what was asked) is of a kind of its own, and not trained on.
    """
    builder = SetBuilder("statements", seed)
    paragraphs = _paragraphs(data)
    by_part: dict[str, list[tuple[str, str]]] = defaultdict(list)  # articles and their questions
    for one in paragraphs:
        part = part_by_hash(one.article, trains=True)
        by_part[part] += [(one.article, asked.question) for asked in one.asked if asked.answers]
    for one in paragraphs:
        _add(builder, one, by_part[part_by_hash(one.article, trains=True)])
    return builder.finished()


def _paragraphs(data: Path) -> list[_Paragraph]:
    asked: dict[tuple[str, str], dict[str, Asked]] = defaultdict(dict)
    for folder, name in (("squad", "squad1.1_dev_from_explorer"), ("squad2_dev", "squad2.0_dev_from_explorer")):
        for article in read_json(folder_of(data, folder) / f"{name}.json")["data"]:
            for paragraph in article["paragraphs"]:
                own = asked[article["title"], paragraph["context"]]
                for row in paragraph["qas"]:
                    answers = tuple(dict.fromkeys(answer["text"] for answer in row["answers"]))
                    own[row["question"].strip()] = Asked(question=row["question"].strip(), answers=answers)
    return [
        _Paragraph(article=title, found=cut(text), asked=tuple(own.values())) for (title, text), own in asked.items()
    ]


def _add(builder: SetBuilder, one: _Paragraph, questions: list[tuple[str, str]]) -> None:
    part = part_by_hash(one.article, trains=True)
    answered: dict[int, list[Asked]] = defaultdict(list)
    for asked in one.asked:
        place = answering(asked, one.found)
        if place is not None:
            answered[place].append(asked)
    usable = [place for place in answered if stands_alone(one.found[place])]
    stored: dict[int, int] = {}  # from the place of a sentence to that of its edit
    for place in builder.rng.sample(usable, min(_STORED, len(usable), max(1, len(answered) - 1))):
        sentence = one.found[place]
        edit = builder.add(ScopeEdit(prompt=sentence, target=sentence, part=part))
        if edit is not None:
            stored[place] = edit
    for place, edit in stored.items():
        for asked in answered[place]:
            clear = names_it(asked.question, one.found[place])
            if clear or part != TRAINING:
                kind = "question" if clear else "question_unnamed"
                builder.case(kind, edit, asked.question, covered=True)
        article, question = builder.rng.choice(questions)
        if article != one.article:
            builder.case("other_article", edit, question, covered=False)
    _not_covered(builder, one, stored, answered)


def _not_covered(
    builder: SetBuilder, one: _Paragraph, stored: dict[int, int], answered: dict[int, list[Asked]]
) -> None:
    """The paragraph's other questions, each of the stored sentence that is most like it."""
    if not stored:
        return
    others = [("unanswerable", asked) for asked in one.asked if not asked.answers]
    others += [
        ("same_paragraph", asked)
        for place, found in answered.items()
        if place not in stored
        for asked in found
        if not any(holds(one.found[kept], asked.answers) for kept in stored)
    ]
    for kind, asked in others:
        nearest = max(stored, key=lambda place: alike(asked.question, one.found[place]))
        if alike(asked.question, one.found[nearest]):
            builder.case(kind, stored[nearest], asked.question, covered=False)
