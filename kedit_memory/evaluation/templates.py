"""Edits made from templates, with the same question in other words and the one where a single thing differs.

A template is a group of wordings of one question that share one slot, its value. Two wordings with one value ask the
same; with two values they do not, however alike they look. The files of `data/contrast` hold them, a part each.
"""

import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from kedit_memory.errors import InvalidInputError
from kedit_memory.evaluation import invented, lexicons
from kedit_memory.shipped import data_folder

_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_SLOT = re.compile(r"\{([^{}]+)\}")
_NUMBERS = re.compile(r"(\d+)\.\.(\d+)(?:/(\d+))?")
_AN = re.compile(r"\b([Aa]) (?=8|11\b|18\b|1[18],)")
_TWICE = re.compile(r"\b(my|his|her|your|our|their|the) the ", re.IGNORECASE)
STATES = "= "  # what a wording begins with that is a statement
_VALUES = 3  # drawn for a template whose values are not written out


@dataclass(frozen=True, kw_only=True)
class Filled:
    """A template with its names and values: texts by value, the same order in each.

    `questions[v]` are the wordings of the question of value v, `statements[v]` sentences that say its answer.
    """

    kind: str
    template: str
    name: str
    answers: tuple[str, ...]
    questions: tuple[tuple[str, ...], ...]
    statements: tuple[tuple[str, ...], ...]

    @property
    def subject(self) -> str:
        """The name without its article, "" where the template has none."""
        return self.name.removeprefix("the ")


@dataclass(frozen=True, kw_only=True)
class Template:
    """A group of wordings of one question with one slot that tells it from others; `about` is the type of its name."""

    kind: str
    values: str
    answers: tuple[str, ...]
    wordings: tuple[str, ...]

    @property
    def about(self) -> str:
        """The type of name that it has, "" where it has none."""
        return type_named(self.wordings)

    def fill(self, rng: random.Random, part: str, *, named: str | None = None) -> Filled:
        """The template with invented names and sampled values; `named` is the name of its subject, if that is given."""
        filler = Filler(rng, part)
        if named is not None and self.about:
            filler.known[self.about] = named
        values = self._values(filler)
        answers = tuple(filler.answer(self.answers, place) for place in range(len(values)))
        texts = [
            [filler.fill(_chosen(wording, place), {"v": value, "a": answer}) for wording in self.wordings]
            for place, (value, answer) in enumerate(zip(values, answers, strict=True))
        ]
        states = [wording.startswith(STATES) for wording in self.wordings]
        return Filled(
            kind=self.kind,
            template=self.wordings[0],
            name=filler.known.get(self.about, ""),
            answers=answers,
            questions=tuple(tuple(t for t, s in zip(row, states, strict=True) if not s) for row in texts),
            statements=tuple(tuple(t for t, s in zip(row, states, strict=True) if s) for row in texts),
        )

    def _values(self, filler: "Filler") -> list[str]:
        if self.values.startswith("["):
            return self.values[1:-1].split("|")
        if " | " in self.values:
            return [filler.filled(value, {}) for value in self.values.split(" | ")]
        drawn = [filler.value(self.values) for _ in range(12)]
        return list(dict.fromkeys(drawn))[:_VALUES]


def slots(text: str) -> list[str]:
    """The slots of a text, in order."""
    found: list[str] = _SLOT.findall(text)
    return found


class Filler:
    """Fills slots, the same one with the same text; `known` are those that it has filled."""

    def __init__(self, rng: random.Random, part: str) -> None:
        self.rng, self.part = rng, part
        self.known: dict[str, str] = {}

    def fill(self, text: str, values: Mapping[str, str]) -> str:
        """A wording with its slots filled."""
        filled = _AN.sub(r"\1n ", self.filled(text.removeprefix(STATES), values))
        filled = _TWICE.sub(r"\1 ", filled)
        return filled[:1].upper() + filled[1:]

    def filled(self, text: str, values: Mapping[str, str]) -> str:
        """A piece of a text with its slots filled, those of `values` as told."""
        return _SLOT.sub(lambda found: values.get(found[1]) or self._known(found[1]), text)

    def answer(self, answers: tuple[str, ...], place: int) -> str:
        """An answer for the value at this place: the one beside it where there are as many, else any."""
        text = self.rng.choice(answers) if len(answers) < 2 or place >= len(answers) else answers[place]
        return _SLOT.sub(lambda found: self.known.get(found[1]) or self.value(found[1]), text)

    def _known(self, slot: str) -> str:
        while slot not in self.known:
            value = self.value(slot)
            if value not in self.known.values():
                self.known[slot] = value
        return self.known[slot]

    def value(self, slot: str) -> str:
        """A new text for a slot."""
        numbers = _NUMBERS.fullmatch(slot)
        if numbers:
            low, high, step = int(numbers[1]), int(numbers[2]), int(numbers[3] or 1)
            return _written(self.rng.randrange(low, high + 1, step))
        kind = slot.rstrip("23")
        if kind in invented.TYPES:
            return invented.name(kind, self.rng)
        if kind in _MADE:
            return _MADE[kind](self.rng)
        return self.rng.choice(lexicons.words(kind, self.part))


def _written(number: int) -> str:
    return f"{number:,}" if number >= 10_000 else str(number)


def _time(rng: random.Random) -> str:
    hour, minute = rng.randrange(6, 23), rng.choice(("00", "00", "15", "30", "45"))
    if rng.random() < 0.5:
        return f"{hour}:{minute}"
    return f"{(hour - 1) % 12 + 1}{'' if minute == '00' else ':' + minute} {'am' if hour < 12 else 'pm'}"


def _price(rng: random.Random) -> str:
    amount = rng.choice((rng.randrange(2, 30), rng.randrange(30, 100), rng.randrange(20, 100) * 5))
    cents = rng.choice(("", "", "", ".50", ".99", ".90"))
    return rng.choice(("${}{}", "€{}{}", "£{}{}", "{}{} euros", "{}{} dollars")).format(amount, cents)


def _date(rng: random.Random) -> str:
    return f"{rng.randrange(1, 29)} {rng.choice(lexicons.MONTHS)}"


def _code(rng: random.Random) -> str:
    return f"{rng.choice('ABCDEFGHJKLMNPRSTUVWX')}{rng.randrange(10, 999)}"


def _version(rng: random.Random) -> str:
    return f"{rng.randrange(1, 16)}.{rng.randrange(0, 20)}" + (f".{rng.randrange(0, 10)}" if rng.random() < 0.3 else "")


_MADE: Mapping[str, Callable[[random.Random], str]] = {
    "time": _time,
    "price": _price,
    "date": _date,
    "code": _code,
    "version": _version,
    "year": lambda rng: str(rng.randrange(1950, 2031)),
    "first": invented.first_name,
    "word": invented.word,
    "ordinal": lambda rng: lexicons.ordinal(rng.randrange(1, 13), rng),
    "month": lambda rng: rng.choice(lexicons.MONTHS),
    "weekday": lambda rng: rng.choice(lexicons.WEEKDAYS),
}


def _chosen(wording: str, place: int) -> str:
    return _CHOICE.sub(lambda found: found[1].split("|")[place], wording)


def type_named(wordings: Iterable[str]) -> str:
    """The type of name that wordings have a slot for, the first of several; "" where they have none."""
    every = (slot for wording in wordings for slot in slots(wording))
    return next((slot for slot in every if slot in invented.TYPES), "")


def blocks(file: Path) -> Iterator[list[str]]:
    """The blocks of a file that blank lines divide, each in its lines; without comments, and without empty ones."""
    for block in file.read_text("utf-8").split("\n\n"):
        if lines := [line.strip() for line in block.splitlines() if line.strip() and not line.startswith("#")]:
            yield lines


@cache
def templates(part: str) -> tuple[Template, ...]:
    """The templates of a part, `training`, `calibration` or `test`.

    Raises:
        InvalidInputError: a block of the file cannot be read, or one of its wordings does not have the slot.
    """
    kind = ""
    found: list[Template] = []
    for lines in blocks(data_folder() / "contrast" / f"{part}.txt"):
        if lines[0].startswith("[[") and lines[0].endswith("]]"):
            kind = lines.pop(0)[2:-2]
        if lines:
            found.append(_read(kind, lines))
    return tuple(found)


def _read(kind: str, lines: list[str]) -> Template:
    values, arrow, answers = lines[0].partition("=>")
    template = Template(
        kind=kind,
        values=values.strip(),
        answers=tuple(answer.strip() for answer in answers.split(" | ")),
        wordings=tuple(lines[1:]),
    )
    choices = {
        len(found.split("|")) for text in (template.values, *template.wordings) for found in _CHOICE.findall(text)
    }
    slotted = all(("[" if values.startswith("[") else "{v}") in wording for wording in template.wordings)
    if not arrow or len(template.wordings) < 2 or len(choices) > 1 or not slotted:
        raise InvalidInputError(
            f"no template: {' / '.join(lines)!r}; the first line is `values => answers`, then come two or more "
            "wordings, each with {v}, or where the values are [one|other] each with as many words of its own"
        )
    return template
