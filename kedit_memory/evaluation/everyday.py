"""Matters of everyday life that people store, each with wordings that ask for it and with questions that only seem to.

The file of `data/everyday` holds them; it is for training: no report reads it.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from kedit_memory.errors import InvalidInputError
from kedit_memory.evaluation.scope.examples import Example
from kedit_memory.evaluation.templates import STATES, Filler, blocks, type_named
from kedit_memory.shipped import data_folder

_COVERED = 0.45  # of the examples
_STATED = 0.4  # of the edits are stored as a sentence
_OTHER = "! "  # what a question begins with that asks for something else


@dataclass(frozen=True, kw_only=True)
class Matter:
    """What is asked in several wordings; `stated` say the answer {a}, `others` ask for something else."""

    answers: tuple[str, ...]
    wordings: tuple[str, ...]
    stated: tuple[str, ...]
    others: tuple[str, ...]

    @property
    def about(self) -> str:
        """The type of name that all wordings have; "" where they have none."""
        return type_named(self.wordings[:1])


def everyday_examples(rng: random.Random, part: str) -> Iterator[Example]:
    """Questions beside edits of the file, without end, with names and values of a part."""
    while True:
        yield _example(rng.choice(matters()), rng, part)


def _example(matter: Matter, rng: random.Random, part: str) -> Example:
    filler = Filler(rng, part)
    covered = rng.random() < _COVERED
    question = rng.choice(matter.wordings if covered else matter.others)
    answer = filler.answer((rng.choice(matter.answers),), 0)
    if rng.random() < _STATED:
        wording, told = rng.choice(matter.stated), ""
    else:
        wording, told = rng.choice([one for one in matter.wordings if one != question]), answer
    texts = [filler.fill(one, {"a": answer}) for one in (question, wording)]
    name = filler.known.get(matter.about, "")
    named = (name.removeprefix("the "),) if name else ()
    return Example(question=texts[0], wording=texts[1], answer=told, covered=covered, names=named)


@cache
def matters() -> tuple[Matter, ...]:
    """The matters of the file.

    Raises:
        InvalidInputError: a block cannot be read.
    """
    return tuple(map(_read, blocks(data_folder() / "everyday" / "training.txt")))


def _read(lines: list[str]) -> Matter:
    def begun(mark: str) -> tuple[str, ...]:
        return tuple(line.removeprefix(mark) for line in lines[1:] if line.startswith(mark))

    matter = Matter(
        answers=tuple(one.strip() for one in lines[0].removeprefix("=>").split(" | ")),
        wordings=tuple(line for line in lines[1:] if not line.startswith((STATES, _OTHER))),
        stated=begun(STATES),
        others=begun(_OTHER),
    )
    if not lines[0].startswith("=>") or len(matter.wordings) < 2 or not (matter.stated and matter.others):
        raise InvalidInputError(
            f"no matter: {' / '.join(lines)!r}; the first line is `=> answers`, then come two or more wordings, one or "
            f"more sentences that begin with {STATES!r}, and one or more other questions that begin with {_OTHER!r}"
        )
    return matter
