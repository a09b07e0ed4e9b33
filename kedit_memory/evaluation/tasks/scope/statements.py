"""Sentences of an encyclopedia as edits: does a stored statement answer this question about its paragraph?"""

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from kedit_memory.evaluation.datasets.public import folder_of, read_json
from kedit_memory.evaluation.tasks.scope.cases import TRAINING, ScopeEdit, ScopeSet, SetBuilder, part_by_hash
from kedit_memory.evaluation.tasks.scope.examples import Example
from kedit_memory.evaluation.tasks.scope.nearest import NearTexts
from kedit_memory.evaluation.tasks.scope.paragraphs import Asked, alike, answering, cut, holds, names_it, stands_alone

_NEAREST = 4  # sentences of other paragraphs beside a question
_ASIDE = 6  # of so many articles one is left out of the store
_TWO = 2  # words that a question shares with a sentence that may answer it
_STORED = 2  # sentences of a paragraph at most, and never all that answer a question


@dataclass(frozen=True, kw_only=True)
class _Paragraph:
    """The sentences of a paragraph, and the questions that people asked about it; some have no answer in it."""

    article: str
    found: list[str]
    asked: tuple[Asked, ...]

    @property
    def part(self) -> str:
        """The part of its article."""
        return part_by_hash(self.article, trains=True)


def statements_set(data: Path, *, seed: int = 1) -> ScopeSet:
    """Sentences of SQuAD (Rajpurkar et al. 2016) and the questions of SQuAD 2.0 (Rajpurkar, Jia and Liang 2018).

    One or two sentences of a paragraph are stored, so that its other questions have no edit; of some articles none. A
    question whose names are not in its sentence ("When did it open?" is not what was asked) is of a kind of its own,
    and not trained on.
    """
    builder = SetBuilder("statements", seed)
    paragraphs = _paragraphs(data)
    aside = _articles_aside(paragraphs)
    kept = [_stored(builder, one) for one in paragraphs if one.article not in aside]
    strange: dict[str, list[Asked]] = defaultdict(list)  # by part, the questions of articles of which nothing is stored
    for left in (one for one in paragraphs if one.article in aside):
        strange[left.part] += [asked for asked in left.asked if asked.answers]
    told: dict[str, list[str]] = defaultdict(list)  # what is stored of each article
    for one in kept:
        told[one.paragraph.article] += one.stored()
    for one in kept:
        _covered(builder, one)
        _not_covered(builder, one, told[one.paragraph.article])
        _elsewhere(builder, one, strange[one.part])
    return builder.finished()


def _articles_aside(paragraphs: Sequence[_Paragraph]) -> set[str]:
    """Of each part the third article and every sixth after it, of which nothing is stored."""
    by_part: dict[str, list[str]] = defaultdict(list)
    for article, part in {one.article: one.part for one in paragraphs}.items():
        by_part[part].append(article)
    return {article for articles in by_part.values() for article in articles[2::_ASIDE]}


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


@dataclass(frozen=True, kw_only=True)
class _Kept:
    """A paragraph with its questions by the place of the sentence that answers them, and the edits by that place."""

    paragraph: _Paragraph
    answered: Mapping[int, Sequence[Asked]]
    edits: Mapping[int, int]

    @property
    def part(self) -> str:
        return self.paragraph.part

    def stored(self) -> list[str]:
        """The sentences that are edits."""
        return [self.paragraph.found[place] for place in self.edits]

    def free(self) -> list[Asked]:
        """The questions that only sentences answer which are not stored."""
        return [asked for place, found in self.answered.items() if place not in self.edits for asked in found]


def _stored(builder: SetBuilder, one: _Paragraph) -> _Kept:
    answered: dict[int, list[Asked]] = defaultdict(list)
    for asked in one.asked:
        place = answering(asked, one.found)
        if place is not None:
            answered[place].append(asked)
    usable = [place for place in answered if stands_alone(one.found[place])]
    edits: dict[int, int] = {}
    for place in builder.rng.sample(usable, min(_STORED, len(usable), max(1, len(answered) - 1))):
        sentence = one.found[place]
        edit = builder.add(ScopeEdit(prompt=sentence, target=sentence, part=one.part))
        if edit is not None:
            edits[place] = edit
    return _Kept(paragraph=one, answered=answered, edits=edits)


def _covered(builder: SetBuilder, one: _Kept) -> None:
    for place, edit in one.edits.items():
        for asked in one.answered[place]:
            clear = names_it(asked.question, one.paragraph.found[place])
            if clear or one.part != TRAINING:
                builder.case("question" if clear else "question_unnamed", edit, asked.question, covered=True)


def _not_covered(builder: SetBuilder, one: _Kept, told: Sequence[str]) -> None:
    """Other questions, which nothing stored of the article answers, each of the stored sentence that is likest."""
    found = one.paragraph.found
    others = [("unanswerable", asked) for asked in one.paragraph.asked if not asked.answers]
    others += [("same_paragraph", asked) for asked in one.free() if not any(_may_answer(each, asked) for each in told)]
    for kind, asked in others:
        nearest = max(one.edits, key=partial(_alike, found, asked.question), default=None)
        if nearest is not None and alike(asked.question, found[nearest]):
            builder.case(kind, one.edits[nearest], asked.question, covered=False)


def _alike(found: Sequence[str], question: str, place: int) -> int:
    return alike(question, found[place])


def _may_answer(sentence: str, asked: Asked) -> bool:
    """Whether an answer stands in a sentence, with two words of the question."""
    return alike(asked.question, sentence) >= _TWO and holds(sentence, asked.answers)


def _elsewhere(builder: SetBuilder, one: _Kept, strange: Sequence[Asked]) -> None:
    """A question about an article of which nothing is stored, for each edit."""
    for edit in one.edits.values() if strange else ():
        builder.case("other_article", edit, builder.rng.choice(strange).question, covered=False)


def sentence_examples(data: Path, rng: random.Random, nearest: NearTexts) -> Iterator[Example]:
    """Questions beside sentences of the training part, without end.

    As many examples as a set gives with one or two sentences of a paragraph stored are too few to learn reading from:
    here every sentence is an edit that answers some of the questions and not the others, be they about its paragraph
    or any other. `nearest` finds for each question the sentences that mean nearly what it asks.
    """
    answered: list[tuple[str, str]] = []  # question and sentence
    others: list[tuple[str, str]] = []
    impossible: list[tuple[str, str]] = []
    stored: list[str] = []
    paragraphs = [one for one in _paragraphs(data) if one.part == TRAINING]
    for one in paragraphs:
        usable = [place for place, sentence in enumerate(one.found) if stands_alone(sentence)]
        stored += [one.found[place] for place in usable]
        for asked in one.asked:
            place = answering(asked, one.found)
            if place in usable and names_it(asked.question, one.found[place]):
                answered.append((asked.question, one.found[place]))
            near = [other for other in usable if other != place and not holds(one.found[other], asked.answers)]
            near = sorted(near, key=lambda other, text=asked.question: -alike(text, one.found[other]))[:2]  # type: ignore[misc]
            if near and (place is not None or not asked.answers):
                kind = others if asked.answers else impossible
                kind += [(asked.question, one.found[other]) for other in near]
    elsewhere = _nearest_of_all(paragraphs, stored, nearest)
    while True:
        kind = rng.choices((answered, others, impossible, elsewhere), (0.42, 0.22, 0.2, 0.16))[0]
        question, sentence = rng.choice(kind)
        yield Example(question=question, wording=sentence, answer="", covered=kind is answered)


def _nearest_of_all(
    paragraphs: Sequence[_Paragraph], stored: Sequence[str], nearest: NearTexts
) -> list[tuple[str, str]]:
    """Each question beside the sentences of all paragraphs that are nearest to it and hold none of its answers."""
    asked = [asked for one in paragraphs for asked in one.asked]
    own = [set(one.found) for one in paragraphs for _ in one.asked]
    found = []
    for question, paragraph, near in zip(asked, own, nearest([one.question for one in asked], stored), strict=True):
        texts = [stored[place] for place in near]
        strange = [text for text in texts if text not in paragraph and not holds(text, question.answers)]
        found += [(question.question, text) for text in strange[:_NEAREST]]
    return found
