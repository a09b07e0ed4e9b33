"""Edits that are used rather than repeated: sums, comparisons, limits, times, units, steps, two facts together.

Questions of this kind are where MedKIT (2026) finds that methods gain nothing while the evidence in the context does:
the figure to look at is the share of that gain, `share_of_gain`, of each kind; where the model itself gains little,
`recall` says for which questions it was told all that they need. All facts are invented and everyday, all answers
follow from them alone, so that they are known and few. Beside them stand questions about the same thing that the fact
does not answer, which are to be left alone.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from kedit_memory.evaluation import invented
from kedit_memory.evaluation.case import HARD_NEGATIVE, PORTABILITY, Case, Question, own_question
from kedit_memory.evaluation.datasets.kinds import SAME_SUBJECT
from kedit_memory.evaluation.datasets.public import INVENTED
from kedit_memory.evaluation.tasks.asked.choices import NO, YES
from kedit_memory.evaluation.tasks.asked.sets import Chosen, Read
from kedit_memory.records import EditRequest

SUM, LIMIT, COMPARISON, TIME, UNIT, STEP, TWO_FACTS = (
    "sum", "limit", "comparison", "time", "unit", "next_step", "two_facts"
)  # fmt: skip


_OF_ALL = (COMPARISON, TWO_FACTS)  # need all edits of a case


@dataclass(frozen=True, kw_only=True)
class _Made:
    """Edits and what uses them; the first edit is the case's own."""

    edits: Sequence[EditRequest]
    uses: Sequence[Question]
    aside: str  # about the same thing, and not answered


def _use(kind: str, text: str, *accepted: str, rejected: Sequence[str] = (), bare: str = "") -> Question:
    return Question(text=text, kind=kind, metric=PORTABILITY, accepted=accepted, rejected=tuple(rejected), bare=bare)


def _whether(kind: str, text: str, *, holds: bool) -> Question:
    right, wrong = (YES, NO) if holds else (NO, YES)
    return _use(kind, text, *right, rejected=wrong)


def _price(rng: random.Random) -> _Made:
    hotel, night, nights, purse = invented.name("hotel", rng), *(rng.randrange(*of) for of in _PRICES)
    edit = EditRequest(prompt=f"What does a night at {hotel} cost?", target=f"{night} euros", subject=hotel)
    paid = night + rng.randrange(5, 60)
    uses = (
        _use(SUM, f"How many euros do {nights} nights at {hotel} cost?", str(night * nights)),
        _use(SUM, f"I pay for a night at {hotel} with {paid} euros. How many do I get back?", str(paid - night)),
        _whether(LIMIT, f"Are {purse} euros enough for a night at {hotel}?", holds=purse >= night),
    )
    return _Made(edits=(edit,), uses=uses, aside=f"Does {hotel} have a pool?")


_PRICES = ((40, 180), (2, 6), (30, 200))  # euros a night, nights, euros at hand


def _fees(rng: random.Random) -> _Made:
    one, other = invented.name("gym", rng), invented.name("gym", rng)
    low = rng.randrange(15, 60)
    high = low + rng.randrange(3, 40)
    fees = dict(zip((one, other), rng.sample((low, high), 2), strict=True))
    edits = tuple(
        EditRequest(prompt=f"What is the monthly fee of {gym}?", target=f"{fee} euros", subject=gym)
        for gym, fee in fees.items()
    )
    cheap, dear = sorted(fees, key=fees.__getitem__)
    which = f"Which of the two has the lower monthly fee, {one} or {other}?"
    uses = (
        _use(COMPARISON, which, cheap, rejected=(dear,), bare="Which of the two has the lower monthly fee?"),
        _use(SUM, f"How many euros does a year at {one} cost?", str(12 * fees[one]), f"{12 * fees[one]:,}"),
        _use(TWO_FACTS, f"By how many euros do the monthly fees of {one} and {other} differ?", str(high - low)),
    )
    return _Made(edits=edits, uses=uses, aside=f"Who founded {one}?")


def _tour(rng: random.Random) -> _Made:
    museum, hours, start = invented.name("museum", rng), rng.randrange(2, 5), rng.randrange(9, 13)
    edit = EditRequest(prompt=f"How long does the tour of {museum} take?", target=f"{hours} hours", subject=museum)
    over = start + hours
    least = rng.choice((hours - 1, hours + 1))
    uses = (
        _use(UNIT, f"How many minutes does the tour of {museum} take?", str(60 * hours)),
        _use(TIME, f"The tour of {museum} begins at {start}:00. When is it over?", *_clock(over)),
        _whether(LIMIT, f"I have {least} hours. Is that enough for the tour of {museum}?", holds=least >= hours),
    )
    return _Made(edits=(edit,), uses=uses, aside=f"What hangs in {museum}?")


def _clock(hour: int) -> tuple[str, ...]:
    half = f"{hour - 12 if hour > 12 else hour}"
    return (f"{hour}:00", f"{half}:00", f"{hour} o'clock", f"{half} o'clock", f"{half} pm", f"{half} p.m.")


def _closing(rng: random.Random) -> _Made:
    library, closes = invented.name("library", rng), rng.randrange(16, 22)
    now, stay = closes + rng.choice((-2, -1, 1, 2)), rng.randrange(1, 4)
    edit = EditRequest(prompt=f"When does {library} close?", target=f"{closes}:00", subject=library)
    uses = (
        _whether(LIMIT, f"It is {now}:00. Is {library} still open?", holds=now < closes),
        _use(
            TIME, f"I want to spend {stay} hours in {library} until it closes. When do I have to come?",
            *_clock(closes - stay),
        ),
    )  # fmt: skip
    return _Made(edits=(edit,), uses=uses, aside=f"How many books does {library} hold?")


def _age(rng: random.Random) -> _Made:
    one, other = invented.name("person", rng), invented.name("person", rng)
    years = dict(zip((one, other), rng.sample(range(1930, 1990), 2), strict=True))
    edits = tuple(
        EditRequest(prompt=f"In which year was {person} born?", target=str(year), subject=person)
        for person, year in years.items()
    )
    older, younger = sorted(years, key=years.__getitem__)
    age = rng.randrange(18, 70)
    which = f"Who is older, {one} or {other}?"
    uses = (
        _use(COMPARISON, which, older, rejected=(younger,), bare="Who is older?"),
        _use(SUM, f"In which year did {one} turn {age}?", str(years[one] + age)),
        _use(TWO_FACTS, f"How many years lie between the births of {one} and {other}?", str(abs(_gap(years)))),
    )
    return _Made(edits=edits, uses=uses, aside=f"What does {one} do for a living?")


def _gap(years: Mapping[str, int]) -> int:
    first, second = years.values()
    return first - second


def _warranty(rng: random.Random) -> _Made:
    device = invented.name("device", rng)
    ends = date(2027, 1, 1) + timedelta(days=rng.randrange(365))
    asked = ends + timedelta(days=rng.choice((-60, -20, 20, 60)))
    before = rng.randrange(2, 28)
    edit = EditRequest(prompt=f"When does the warranty of {device} end?", target=_day(ends), subject=device)
    uses = (
        _whether(LIMIT, f"Is {device} still under warranty on {_day(asked)}?", holds=asked <= ends),
        _use(TIME, f"How many days are left of the warranty of {device} on {_day(ends - timedelta(days=before))}?",
             str(before)),
        _use(UNIT, f"In which month does the warranty of {device} end?", f"{ends:%B}"),
    )  # fmt: skip
    return _Made(edits=(edit,), uses=uses, aside=f"Where can I buy {device}?")


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def _weight(rng: random.Random) -> _Made:
    device, kilos = invented.name("device", rng), rng.randrange(2, 30)
    bears, number = kilos + rng.choice((-1, 1, 4)), rng.randrange(2, 6)
    edit = EditRequest(prompt=f"How heavy is {device}?", target=f"{kilos} kg", subject=device)
    uses = (
        _use(UNIT, f"How many grams does {device} weigh?", f"{kilos}000", f"{kilos},000"),
        _use(SUM, f"How many kilos do {number} pieces of {device} weigh together?", str(kilos * number)),
        _whether(LIMIT, f"A shelf bears {bears} kg. Can I put {device} on it?", holds=bears >= kilos),
    )
    return _Made(edits=(edit,), uses=uses, aside=f"Which colours does {device} come in?")


_ALLERGIES = (
    ("peanuts", "a peanut butter sandwich", "an apple"), ("milk", "a milk shake", "a slice of melon"),
    ("shellfish", "a plate of shrimps", "a bowl of rice"), ("eggs", "an omelette", "a banana"),
    ("hazelnuts", "hazelnut ice cream", "a boiled potato"), ("fish", "grilled salmon", "a carrot"),
)  # fmt: skip


def _allergy(rng: random.Random) -> _Made:
    person, (what, dish, safe) = invented.name("person", rng), rng.choice(_ALLERGIES)
    edit = EditRequest(prompt=f"What is {person} allergic to?", target=what, subject=person)
    uses = (
        _whether(LIMIT, f"Is it safe for {person} to eat {dish}?", holds=False),
        _use(
            STEP, f"I cook for {person} and choose between {dish} and {safe}. Which one should it be?", safe,
            rejected=(dish,), bare="Which one should it be?",
        ),
    )  # fmt: skip
    return _Made(edits=(edit,), uses=uses, aside=f"Where does {person} go on holiday?")


_STEPS = (
    ("press the red button", "pressed the red button"), ("unplug it", "unplugged it"),
    ("close the valve", "closed the valve"), ("wait two minutes", "waited two minutes"),
    ("open the side door", "opened the side door"), ("turn the key to the left", "turned the key to the left"),
    ("empty the tank", "emptied the tank"), ("hold the power switch", "held the power switch"),
)  # fmt: skip


def _reset(rng: random.Random) -> _Made:
    device = invented.name("device", rng)
    (first, done), (second, _), (third, _) = rng.sample(_STEPS, 3)
    edit = EditRequest(
        prompt=f"How is {device} reset?", target=f"first {first}, then {second}, then {third}", subject=device
    )
    uses = (
        _use(STEP, f"I am resetting {device} and have just {done}. What do I do next?", second, rejected=(third,)),
        _use(STEP, f"What is the last thing to do when I reset {device}?", third, rejected=(first, second)),
    )
    return _Made(edits=(edit,), uses=uses, aside=f"Who makes {device}?")


def _head(rng: random.Random) -> _Made:
    company, person = invented.name("company", rng), invented.name("person", rng)
    room = f"{rng.randrange(1, 9)}{rng.randrange(10, 60)}"
    edits = (
        EditRequest(prompt=f"Who is the head of {company}?", target=person, subject=company),
        EditRequest(prompt=f"In which room does {person} work?", target=f"room {room}", subject=person),
    )
    uses = (_use(TWO_FACTS, f"In which room does the head of {company} work?", room),)
    return _Made(edits=edits, uses=uses, aside=f"What does {company} produce?")


_MAKERS: Sequence[Callable[[random.Random], _Made]] = (
    _price, _fees, _tour, _closing, _age, _warranty, _weight, _allergy, _reset, _head,
)  # fmt: skip


def _everyday(chosen: Chosen) -> list[Case]:
    rng = random.Random(f"use:{chosen.seed}")  # noqa: S311 - a sample, no secret
    return [_case(_MAKERS[place % len(_MAKERS)](rng)) for place in range(chosen.cases)]


def _case(made: _Made) -> Case:
    own, *also = made.edits
    return Case(edit=own, also=tuple(also), questions=tuple(_questions(made)))


def _questions(made: _Made) -> Iterator[Question]:
    own = made.edits[0]
    yield own_question(own, (own.target or "",))
    yield from (replace(one, needs=tuple(made.edits) if one.kind in _OF_ALL else (own,)) for one in made.uses)
    yield Question(text=made.aside, kind=SAME_SUBJECT, metric=HARD_NEGATIVE)


SETS: Mapping[str, Read] = {INVENTED: _everyday}
