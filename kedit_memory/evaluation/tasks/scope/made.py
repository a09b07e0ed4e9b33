"""Examples for training that are made: from templates, and from other examples with one thing changed.

Only templates and words of the training part are used.
"""

import random
import re
from calendar import day_name, month_name
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache

from kedit_memory.evaluation import contrast, invariance
from kedit_memory.evaluation.tasks.scope.cases import TRAINING
from kedit_memory.evaluation.tasks.scope.examples import Example
from kedit_memory.evaluation.templates import Filled, Template, templates

_COVERED, _CONTRAST = 0.45, 0.40  # shares of examples; the rest ask something else about the same subject
_STATED = 0.35  # of the edits that have a sentence are stored as that sentence
_VARIED = 0.25  # of the made examples come in other clothes
_NARROWED = 0.2  # of the made examples are narrowed down to the same year, place or version on both sides
_NARROWING = (
    "in {year}", "in {year}", "as of {year}", "on {weekday}s", "since {month} {year}", "in {month}", "in version {few}",
    "for {few} people", "for a team of {many}", "within {many} days", "under contract {many}", "at gate {few}",
)  # fmt: skip
_ALIKE = 0.34  # of their words two templates may share, to be sure that they ask for two things
_COMMON = frozenset(
    {
        "the", "and", "for", "that", "this", "what", "when", "where", "who", "whom", "which", "how", "why",
        "does",
        "did", "was", "were", "are", "has", "have", "had", "can", "may", "must", "should", "will",
        "much", "many", "with",
        "from", "into", "get", "gets", "his", "her", "its", "name", "there",
    }
)  # fmt: skip
# Kinds that change what is asked wherever they are, in a text of one sentence beside an edit with an answer of its own
# and in nearly the same words; of the others, what changes has to stand in both texts, or one may not depend on it.
_IN_ONE = frozenset({"voice", "direction", "standing", "negation", "attribute", "interrogative"})
_MORE_SENTENCES = re.compile(r"[.?!] \S")
_NEARLY = 0.5  # of the words of the shorter text
_ENDS = re.compile(r"[.?!]?$")
_SHORT = 90  # characters of a text of which each word counts
_WHERE_EACH_COUNTS = frozenset({"owner", "modality"})
_IN_PASSING = frozenset({"politeness", "before", "after", "brackets"})  # what no one stores


def made_examples(rng: random.Random) -> Iterator[Example]:
    """Examples from the templates of training, without end: about 45% are covered, 40% ask for another value."""
    rows = templates(TRAINING)
    kinds: dict[str, list[Template]] = defaultdict(list)
    about: dict[str, list[Template]] = defaultdict(list)
    for row in rows:
        kinds[row.kind].append(row)
        about[row.about].append(row)
    while True:
        template = rng.choice(kinds[rng.choice(tuple(kinds))])
        example = _made(template, about, rng)
        if example is not None:
            example = _narrowed(example, rng) if rng.random() < _NARROWED else example
            yield varied_example(example, rng) if rng.random() < _VARIED else example


def _made(template: Template, about: Mapping[str, Sequence[Template]], rng: random.Random) -> Example | None:
    filled = template.fill(rng, TRAINING)
    value, other = rng.sample(range(len(filled.answers)), 2)
    roll = rng.random()
    if roll < _COVERED:
        asked = filled.questions[value]
    elif roll < _COVERED + _CONTRAST:
        asked = filled.questions[other]
    else:
        others = [one for one in about[template.about] if _unlike(one, template)]
        if not others:
            return None
        asked = rng.choice(rng.choice(others).fill(rng, TRAINING, named=filled.subject).questions)
    question = rng.choice(asked)
    wording, answer = _stored(filled, value, question, rng)
    texts = f"{question} {wording}"
    names = (filled.subject,) if filled.subject and filled.subject.casefold() in texts.casefold() else ()
    return Example(question=question, wording=wording, answer=answer, names=names, covered=roll < _COVERED)


def _narrowed(example: Example, rng: random.Random) -> Example:
    """The example with the same value added to both texts: that they agree in it does not make them ask the same."""
    made = rng.choice(_NARROWING).format(
        year=rng.randrange(1960, 2031),
        month=rng.choice(month_name[1:]),
        weekday=rng.choice(day_name),
        few=rng.randrange(2, 10),
        many=rng.randrange(10, 100),
    )
    question, wording = (_ENDS.sub(rf" {made}\g<0>", text, count=1) for text in (example.question, example.wording))
    return replace(example, question=question, wording=wording)


def _stored(filled: Filled, value: int, question: str, rng: random.Random) -> tuple[str, str]:
    """The edit of a value, as a sentence or as a question with its answer, in other words than what is asked."""
    if filled.statements[value] and rng.random() < _STATED:
        return rng.choice(filled.statements[value]), ""
    wordings = [wording for wording in filled.questions[value] if wording != question]
    return rng.choice(wordings), filled.answers[value]


def _unlike(one: Template, other: Template) -> bool:
    """Whether two templates about the same type of thing surely ask for two things."""
    mine, theirs = _content(one), _content(other)
    return one is not other and len(mine & theirs) < _ALIKE * min(len(mine), len(theirs))


@cache
def _content(template: Template) -> frozenset[str]:
    """The words of a template that tell what it asks for, by their first letters."""
    return _telling_words(re.sub(r"\{\w+\}", " ", " ".join(template.wordings)))


def _telling_words(text: str) -> frozenset[str]:
    """The first letters of the words that tell what a text is about."""
    return frozenset(word[:5] for word in re.findall(r"[a-z]{3,}", text.lower()) if word not in _COMMON)


def contrasted(example: Example, rng: random.Random) -> Example | None:
    """A covered example with one slot changed in its question or its wording, so that it is no longer covered.

    None where no kind has a slot that may be changed: it is not covered, it asks for yes or no of a sentence, or what
    would change stands in one of the texts only, so that the other may not depend on it.
    """
    if not example.covered:
        return None
    in_wording = rng.random() < 0.5
    turned = replace(example, question=example.wording, wording=example.question) if in_wording else example
    for kind in rng.sample(contrast.KINDS, len(contrast.KINDS)):
        made = other_question(turned, kind, rng, TRAINING)
        if made is not None:
            wording, question = (made, example.question) if in_wording else (example.wording, made)
            return replace(example, covered=False, question=question, wording=wording)
    return None


def other_question(example: Example, kind: str, rng: random.Random, part: str) -> str | None:
    """The question of a covered example with a slot of a kind changed, where it then surely asks something else.

    Question and wording may have changed places. None where the kind has no such slot.

    Raises:
        UnknownNameError: no such kind, or no such part.
    """
    text, other = example.question, example.wording
    states = not example.answer
    if states and (contrast.asks_yes_or_no(text) or contrast.asks_yes_or_no(other)):
        return None
    if kind in _IN_ONE and (states or _MORE_SENTENCES.search(text) or not _alike(example)):
        return None
    if kind in _WHERE_EACH_COUNTS and (
        max(len(text), len(other)) > _SHORT or any(map(contrast.asks_how, (text, other)))
    ):
        return None
    shared = None if kind in _IN_ONE else other
    made = contrast.changed(text, kind, rng, part, names=example.names, shared=shared)
    return made if made is not None and made.casefold() != other.casefold() else None


def _alike(example: Example) -> bool:
    """Whether question and wording are nearly in the same words, beside the names."""
    texts = [example.question, example.wording]
    for name in sorted(example.names, key=len, reverse=True):
        texts = [text.replace(name, " ") for text in texts]
    mine, theirs = map(_telling_words, texts)
    return len(mine & theirs) >= _NEARLY * min(len(mine), len(theirs))


def varied_example(example: Example, rng: random.Random) -> Example:
    """The example with its question, or now and then its wording, in other clothes; the same where none fits it."""
    subject = example.names[0] if example.names else ""
    kinds = list(invariance.KINDS)
    rng.shuffle(kinds)
    for kind in kinds:
        if rng.random() < 0.2 and kind not in _IN_PASSING:
            wording = invariance.varied(example.wording, kind, rng, TRAINING, subject)
            if wording is not None:
                return replace(example, wording=wording)
        question = invariance.varied(example.question, kind, rng, TRAINING, subject)
        if question is not None:
            return replace(example, question=question)
    return example
