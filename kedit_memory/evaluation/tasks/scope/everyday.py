"""Matters of everyday life that people store, each with wordings that ask for it and with questions that only seem to.

The files of `data/everyday` hold them, written for this; the names and values in them are invented.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path

from kedit_memory.errors import InvalidInputError
from kedit_memory.evaluation.tasks.scope.cases import TRAINING, ScopeEdit, ScopeSet, SetBuilder, part_by_hash
from kedit_memory.evaluation.tasks.scope.examples import Example
from kedit_memory.evaluation.tasks.scope.nearest import NearTexts
from kedit_memory.evaluation.templates import STATES, Filler, blocks, type_named
from kedit_memory.shipped import data_folder

_TRAINED, _FITTED = 0.8, 0.1  # shares of the matters that training and calibration get
_COVERED = 0.45  # of the examples
_STATED = 0.4  # of the edits are stored as a sentence
_WORDED = 0.5  # of those stored as a question have more wordings than one
_WORDINGS = 4  # that such a one has
_IN_TURNS = 0.4  # of the examples of a matter with dialogues are one of them
_NAMESAKE = 0.15  # of the examples that are not covered ask the same of another name
_NEIGHBOUR = 0.25  # of them ask for a matter like it
_NEIGHBOURS = 4  # of each matter
_OTHER = "! "  # what a question begins with that asks for something else
_FOLLOWS, _LEADS_AWAY = "+ ", "- "  # what a dialogue begins with whose last question asks for the matter, or does not
_MARKS = (STATES, _OTHER, _FOLLOWS, _LEADS_AWAY)
_TURN = " / "  # between the turns of a dialogue


@dataclass(frozen=True, kw_only=True)
class Matter:
    """What is asked in several wordings; `stated` say the answer {a}, `others` ask for something else.

    `follow` are dialogues, turns and a question, that ask for it, `lead_away` those that ask for something else; `file`
    holds matters of one field, of which no two are the same.
    """

    file: str
    answers: tuple[str, ...]
    wordings: tuple[str, ...]
    stated: tuple[str, ...]
    others: tuple[str, ...]
    follow: tuple[tuple[str, ...], ...] = ()
    lead_away: tuple[tuple[str, ...], ...] = ()

    @property
    def about(self) -> str:
        """The type of name that all wordings have; "" where they have none."""
        return type_named(self.wordings[:1])

    @property
    def part(self) -> str:
        """The part that it belongs to."""
        return part_by_hash(f"everyday: {self.wordings[0]}", trains=True, trained=_TRAINED, fitted=_FITTED)


def everyday_set(data: Path | None = None, *, seed: int = 1) -> ScopeSet:
    """The matters that are not trained on, with invented names and values; nothing is read from `data`."""
    del data
    builder = SetBuilder("everyday", seed)
    for matter in matters():
        if matter.part != TRAINING:
            _add(builder, matter)
    return builder.finished()


def _add(builder: SetBuilder, matter: Matter) -> None:
    rng = builder.rng
    filled = _Filled(matter, rng, matter.part)
    wordings = rng.sample(matter.wordings, len(matter.wordings))
    stated = rng.random() < _STATED
    stored = [] if stated else wordings[: _WORDINGS if rng.random() < _WORDED else 1]
    prompt = filled.text(rng.choice(matter.stated) if stated else stored[0])
    place = builder.add(
        ScopeEdit(
            prompt=prompt,
            target=prompt if stated else filled.answer,
            part=matter.part,
            subject=filled.name if filled.name.casefold() in prompt.casefold() and rng.random() < 0.5 else "",
            paraphrases=tuple(map(filled.text, stored[1:])),
        )
    )
    if place is None:
        return
    for text in wordings[len(stored) :]:
        builder.case("question" if stated else "rewording", place, filled.text(text), covered=True)
    for text in matter.others:
        builder.case("near_miss", place, filled.text(text), covered=False)
    for kind, dialogues in (("follow_up", matter.follow), ("leads_away", matter.lead_away)):
        for dialogue in dialogues:
            *turns, question = map(filled.text, dialogue)
            builder.case(kind, place, question, turns=tuple(turns), covered=kind == "follow_up")
    if filled.name:
        other = _Filled(matter, rng, matter.part)
        builder.case("namesake", place, other.text(rng.choice(matter.wordings)), covered=False)


def everyday_examples(rng: random.Random, nearest: NearTexts) -> Iterator[Example]:
    """Questions beside edits of the matters of training, without end.

    `nearest` finds for each matter those that are like it.
    """
    known = [matter for matter in matters() if matter.part == TRAINING]
    neighbours = _neighbours(known, nearest)
    while True:
        place = rng.randrange(len(known))
        yield _example(known[place], neighbours[place], rng)


def _neighbours(known: Sequence[Matter], nearest: NearTexts) -> list[list[Matter]]:
    """For each matter those of its file that ask for something like it."""
    texts = [matter.wordings[0] for matter in known]
    found = []
    for matter, row in zip(known, nearest(texts, texts), strict=True):
        alike = (known[at] for at in row if known[at].file == matter.file and known[at] is not matter)
        found.append(list(islice(alike, _NEIGHBOURS)))
    return found


def _example(matter: Matter, neighbours: Sequence[Matter], rng: random.Random) -> Example:
    filled = _Filled(matter, rng, TRAINING)
    asker = filled
    covered = rng.random() < _COVERED
    dialogues = matter.follow if covered else matter.lead_away
    roll = rng.random()
    if dialogues and rng.random() < _IN_TURNS:
        asked = rng.choice(dialogues)
    elif covered:
        asked = (rng.choice(matter.wordings),)
    elif matter.about and roll < _NAMESAKE:
        asker, asked = _Filled(matter, rng, TRAINING), (rng.choice(matter.wordings),)
    elif neighbours and roll > 1 - _NEIGHBOUR:
        other = rng.choice(neighbours)
        asker, asked = filled.of(other), (rng.choice(other.wordings),)
    else:
        asked = (rng.choice(matter.others),)
    *turns, question = map(asker.text, asked)
    if rng.random() < _STATED:
        wording, answer = filled.text(rng.choice(matter.stated)), ""
    else:
        wording = filled.text(rng.choice([text for text in matter.wordings if text != asked[-1]]))
        answer = filled.answer
    names = (filled.name,) if filled.name else ()
    return Example(question=question, turns=tuple(turns), wording=wording, answer=answer, covered=covered, names=names)


class _Filled:
    """A matter with names and values in its slots."""

    def __init__(self, matter: Matter, rng: random.Random, part: str, *, filler: Filler | None = None) -> None:
        self._filler = filler or Filler(rng, part)
        self.answer = self._filler.answer((rng.choice(matter.answers),), 0)
        self._about = matter.about

    def text(self, template: str) -> str:
        return self._filler.fill(template, {"a": self.answer})

    def of(self, matter: Matter) -> "_Filled":
        """Another matter with the same names and values."""
        return _Filled(matter, self._filler.rng, self._filler.part, filler=self._filler)

    @property
    def name(self) -> str:
        """The name that the matter is about, as far as one of its texts has been filled; "" where it is about none."""
        return self._filler.known.get(self._about, "").removeprefix("the ")


@cache
def matters() -> tuple[Matter, ...]:
    """The matters of all files.

    Raises:
        InvalidInputError: a block cannot be read.
    """
    files = sorted((data_folder() / "everyday").glob("*.txt"))
    return tuple(_read(file.stem, lines) for file in files for lines in blocks(file))


def _read(file: str, lines: list[str]) -> Matter:
    marked = {mark: [line[2:] for line in lines[1:] if line.startswith(mark)] for mark in _MARKS}
    matter = Matter(
        file=file,
        answers=tuple(one.strip() for one in lines[0].removeprefix("=>").split(" | ")),
        wordings=tuple(line for line in lines[1:] if not line.startswith(_MARKS)),
        stated=tuple(marked[STATES]),
        others=tuple(marked[_OTHER]),
        follow=tuple(tuple(line.split(_TURN)) for line in marked[_FOLLOWS]),
        lead_away=tuple(tuple(line.split(_TURN)) for line in marked[_LEADS_AWAY]),
    )
    alone = [dialogue for dialogue in (*matter.follow, *matter.lead_away) if len(dialogue) < 2]
    if not lines[0].startswith("=>") or len(matter.wordings) < 2 or not (matter.stated and matter.others) or alone:
        raise InvalidInputError(
            f"no matter: {' / '.join(lines)!r}; the first line is `=> answers`, then come two or more wordings, one or "
            f"more sentences that begin with {STATES!r}, one or more other questions that begin with {_OTHER!r}, and "
            f"dialogues, turns and a question with {_TURN!r} between them, that begin with {_FOLLOWS!r} where the "
            f"question asks for the matter, and with {_LEADS_AWAY!r} where it does not"
        )
    return matter
