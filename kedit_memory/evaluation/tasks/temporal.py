"""Facts that hold for a time: asked as of a day, by a date in words, and with years that are no dates.

Each fact of our world that may change is given several answers with the days on which they hold. The edits come in an
order in which later ones supersede earlier ones, wholly or for some of their days:

    2012-01 ... 2017-05  one, which takes the place of another of the same days
    2017-05 ...          a second, but for
    2021-03 ... 2024-09  a third, after which the second holds again
    2031-01 ...          a fourth, which is still to come

Of every third fact only the first holds, so that it does not any more. Nothing holds before. Questions are asked on one
day, in the edits' own words (reliability) and in others, each with some of the ways to tell a time. The set of WISE has
texts about what is new, without days; choose `--judge token_f1` for it.
"""

import random
import re
from collections.abc import Iterator, Mapping, Sequence

from kedit_memory.evaluation.case import GENERALIZATION, HARD_NEGATIVE, RELIABILITY, Case, Question
from kedit_memory.evaluation.tasks.asked.sets import Chosen, Read, public
from kedit_memory.records import EditRequest
from kedit_memory.world import Fact, World, load_world

TODAY = "2026-06-15"
_CHANGING = ("capital", "currency", "headquarters", "industry", "official_language", "stadium")
_DAYS = (
    ("2012-01-01", "2017-05-01"),  # gives way to the next, of the same days
    ("2012-01-01", "2017-05-01"),
    ("2017-05-01", None),
    ("2021-03-01", "2024-09-01"),
    ("2031-01-01", None),
)
_OLD, _AGAIN, _BETWEEN, _TO_COME = 1, 2, 3, 4  # which edit answers
_ENDED = 3  # of so many facts one ends
_FORMS = 8  # of the ways to tell the time behind a question, for each wording of a fact

# What is asked: the kind, how the time is told ("" before the question, or behind it), and which edit answers.
_BEHIND = (
    ("in_year", "in 2014", _OLD),
    ("in_year", "during 2019", _AGAIN),
    ("in_year", "in 2022", _BETWEEN),
    ("in_month", "in March 2014", _OLD),
    ("in_month", "in August 2024", _BETWEEN),
    ("on_day", "on 3 March 2014", _OLD),
    ("on_day", "on April 30th, 2017", _OLD),
    ("on_day", "on 2021-03-01", _BETWEEN),
    ("as_of", "as of 2022", _BETWEEN),
    ("as_of", "as of June 2023", _BETWEEN),
    ("before", "before May 2017", _OLD),
    ("before", "before March 2021", _AGAIN),
    ("after", "after April 2017", _AGAIN),
    ("part_of_year", "at the end of 2016", _OLD),
    ("part_of_year", "in early 2023", _BETWEEN),
    ("part_of_year", "in the third quarter of 2022", _BETWEEN),
    ("range", "between 2013 and 2015", _OLD),
    ("relative", "three years ago", _BETWEEN),
    ("reinstated", "last year", _AGAIN),
    ("reinstated", "after August 2024", _AGAIN),
    ("reinstated", "in October 2024", _AGAIN),
    ("not_yet", "in 2032", _TO_COME),
)
_AHEAD = (("ahead", "In 2014,", _OLD), ("ahead", "Back in 2022,", _BETWEEN), ("ahead", "As of last year,", _AGAIN))
_OPTION = (("option", "2014-03-01", _OLD), ("option", "2023-01-01", _BETWEEN), ("option", "2025-01-01", _AGAIN))
_UNCOVERED = ("in 2009", "before 2012", "in the 1990s")
_GONE = ("in 2019", "last year", "as of 2022")
# The subject with a year in its name, or that is said of something else.
_NAMED = (("year_in_name", "{} 2014"), ("edition", "the 2014 edition of {}"), ("model", "the model {} 2022"))
_COUNTING = (
    ("number", "Which of the 2,014 pages about {} is the longest?"),
    ("number", "How many of 2022 visitors came back from {}?"),
    ("number", "What does error 2014 mean in the software of {}?"),
    ("number", "Who lives at 2014 Main Street, near {}?"),
)
_OPENING = ("What", "Which", "In which", "Where", "Who")
_LEFT_OPEN = (" in?", " from?", " of?")  # behind which no time can stand
_PAST = (("does", "did"), ("do", "did"), ("is", "was"), ("are", "were"), ("has", "had"))


def world(chosen: Chosen) -> list[Case]:
    """Facts of our world with the days on which they hold, and what is asked about them."""
    known = load_world()
    rng = random.Random(chosen.seed)  # noqa: S311 - no secret
    changing = [fact for fact in known.facts if fact.relation in _CHANGING]
    facts = {fact.subject: fact for fact in rng.sample(changing, len(changing))}  # one of each subject
    drawn = list(facts.values())[: chosen.cases]
    return [_case(known, fact, rng, ended=place % _ENDED == _ENDED - 1) for place, fact in enumerate(drawn)]


def _case(known: World, fact: Fact, rng: random.Random, *, ended: bool) -> Case:
    wordings = [
        text
        for text in known.relations[fact.relation].questions
        if text.startswith(_OPENING) and not text.endswith(_LEFT_OPEN)
    ]
    own, other = rng.sample([known.fill(text, fact.subject) for text in wordings], 2)
    answers = [name for name in known.objects[fact.relation] if name != fact.object]
    days = _DAYS[: _OLD + 1] if ended else _DAYS
    edits = [
        EditRequest(
            prompt=own, target=target, subject=fact.subject, relation=fact.relation, valid_from=first, valid_until=end
        )
        for (first, end), target in zip(days, rng.sample(answers, len(days)), strict=True)
    ]
    asked = _asked(known, fact, edits, (own, other), rng, ended=ended)
    return Case(edit=edits[0], also=tuple(edits[1:]), questions=tuple(asked), kind=fact.relation)


def _asked(
    known: World,
    fact: Fact,
    edits: Sequence[EditRequest],
    wordings: tuple[str, str],
    rng: random.Random,
    *,
    ended: bool,
) -> Iterator[Question]:
    for text, metric in zip(wordings, (RELIABILITY, GENERALIZATION), strict=True):
        told = [(kind, _behind(_past(text), when), at, TODAY) for kind, when, at in rng.sample(_BEHIND, _FORMS)]
        told += [
            (kind, f"{when} {_past(text[:1].lower() + text[1:])}", at, TODAY)
            for kind, when, at in rng.sample(_AHEAD, 1)
        ]
        told += [(kind, text, at, day) for kind, day, at in rng.sample(_OPTION, 1)]
        told += [] if ended else [("in_force", text, _AGAIN, TODAY)]
        for kind, question, at, day in told:
            if at < len(edits):
                yield _covered(question, metric, kind, edits[at], day)
        gone = [("no_longer", when) for when in _GONE] if ended else []
        for kind, when in (("before_any", rng.choice(_UNCOVERED)), *gone):
            yield _outside(_behind(_past(text), when), kind)
        if ended:
            yield _outside(text, "no_longer")
        else:
            of_thing = text.replace(fact.subject, f"{fact.subject}, which was founded in 2014,").replace(",?", "?")
            yield _covered(of_thing, GENERALIZATION, "year_of_a_thing", edits[_AGAIN], TODAY)
    named = known.reference(known.entities[fact.subject])
    for kind, name in _NAMED:
        yield _outside(wordings[0].replace(named, name.format(fact.subject)), kind)
    for kind, asked in _COUNTING:
        yield _outside(asked.format(named), kind)


def _covered(text: str, metric: str, kind: str, edit: EditRequest, day: str) -> Question:
    accepted = (edit.target or "",)
    return Question(text=text, metric=metric, kind=kind, accepted=accepted, covered=True, owner=edit, as_of=day)


def _outside(text: str, kind: str) -> Question:
    return Question(text=text, metric=HARD_NEGATIVE, kind=kind, as_of=TODAY)


def _behind(text: str, when: str) -> str:
    return f"{text.rstrip('?')} {when}?"


def _past(text: str) -> str:
    """A question about now as one about then."""
    for now, then in _PAST:
        text = re.sub(rf"\b{now}\b", then, text, count=1)
    return text


SETS: Mapping[str, Read] = {"world": world, "temporal": public("temporal")}
