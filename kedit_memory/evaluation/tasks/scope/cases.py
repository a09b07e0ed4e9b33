"""What every set is made of: edits, the questions that they cover and those that they do not, and the parts.

A part holds whole relations, templates, intents, articles or dialogues: what training saw is not asked.
"""

import hashlib
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from kedit_memory.evaluation.negatives import dropped, in_passing, mention, misspelt, negated, similar_name, swapped

TRAINING, CALIBRATING, TEST = "training", "calibration", "test"
_ALSO_IN_PASSING = frozenset({"same_relation", "same_subject"})
# Properties whose questions share wordings ("is located in"): a question of one is no honest negative of another.
_OVERLAPPING = (
    {"P17", "P131", "P276", "P30", "P361", "P47", "P159", "P740"},
    {"P103", "P1412", "P364", "P37", "P407"},
    {"P19", "P27", "P495", "P740", "P17", "P131", "P276"},
    {"P176", "P178", "P127", "P495", "P170", "P50", "P112"},
    {"P101", "P106", "P39", "P800"},
    {"P1303", "P136", "P413", "P106", "P641"},
    {"P361", "P463"},
    {"P36", "P1376"},
    {"P937", "P108"},
    {"P279", "P31", "P361"},
    {"P190", "P530", "P47"},
    {"P364", "P495"},  # "X, formulated in": in a language, or in a country
)
_TRAINED, _FITTED = 0.60, 0.15  # shares of the units of a set that training and calibration get, where it may train
_ONLY_FITTED = 0.40  # share that calibration gets where it may not


def part_by_hash(unit: str, *, trains: bool, trained: float = _TRAINED, fitted: float = _FITTED) -> str:
    """The part of a relation, template, intent, article or dialogue, by its name: the same in every set and run.

    `trains` where the licence of the set lets it train weights that are shipped: then training gets a share `trained`
    of the units, calibration a share `fitted`.
    """
    place = int.from_bytes(hashlib.sha256(unit.casefold().encode()).digest()[:8]) / 2**64
    if not trains:
        return CALIBRATING if place < _ONLY_FITTED else TEST
    if place < trained:
        return TRAINING
    return CALIBRATING if place < trained + fitted else TEST


@dataclass(frozen=True, kw_only=True)
class ScopeEdit:
    """An edit of a set; `aliases` are other names of the subject, `paraphrases` other prompts stored with it.

    A statement has its sentence as prompt and as target. `subject` is empty where the edit is about no one thing.
    `truth` holds the answers that were right before the edit, which tell a question that asks for the same thing.
    """

    prompt: str
    target: str
    part: str
    subject: str = ""
    relation: str = ""
    aliases: tuple[str, ...] = ()
    paraphrases: tuple[str, ...] = ()
    truth: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class OpenQuestion:
    """A question that was not made from the edits, with its accepted answers."""

    text: str
    answers: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ScopeCase:
    """A question, what kind it is, and which edit covers it: `covered` false where `edit` is only the nearest one.

    `turns` are what was said before it, the user's turns and the answers, oldest first. `answers` are those that are
    right where no edit covers it and its set tells them.
    """

    question: str
    kind: str
    edit: int
    covered: bool
    part: str
    turns: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()

    @property
    def held_out(self) -> bool:
        """Whether it may be reported: neither trained on nor used to choose a threshold."""
        return self.part == TEST


@dataclass(frozen=True, kw_only=True)
class ScopeSet:
    """All edits of a set and all its questions; `dropped` counts prompts with more than one answer."""

    name: str
    edits: tuple[ScopeEdit, ...]
    cases: tuple[ScopeCase, ...]
    dropped: int = 0


class SetBuilder:
    """Collects the edits and cases of one set."""

    def __init__(self, name: str, seed: int) -> None:
        self.name = name
        self.rng = random.Random(f"{name}:{seed}")  # noqa: S311 - a reproducible sample
        self.edits: list[ScopeEdit] = []
        self.cases: list[ScopeCase] = []
        self.dropped = 0
        self._taken: dict[str, int] = {}
        self._subjects: set[tuple[str, str]] = set()  # relation and subject of each edit
        self._asked: list[frozenset[str]] = []  # the relations that each case may be read to ask for

    def add(self, edit: ScopeEdit) -> int | None:
        """The place of a new edit; None where another holds the same prompt, or says the same relation of its subject.

        Two answers to one question in one store are a clash that no scope can settle.
        """
        key, slot = edit.prompt.casefold(), (edit.relation, plain(edit.subject))
        if key in self._taken or (edit.relation and slot in self._subjects):
            self.dropped += 1
            return None
        self._taken[key] = len(self.edits)
        self._subjects.add(slot)
        self.edits.append(edit)
        self.case("prompt", len(self.edits) - 1, edit.prompt, covered=True)
        return len(self.edits) - 1

    def case(  # noqa: PLR0913 - a case's own fields
        self,
        kind: str,
        edit: int,
        question: str | None,
        *,
        covered: bool,
        asked: Iterable[str] = (),
        turns: tuple[str, ...] = (),
        answers: tuple[str, ...] = (),
    ) -> None:
        """A question of an edit, in the edit's part, after the turns of its dialogue; None is passed over.

        `asked` are the relations that its wording may be read to ask for, in a covered one beside the edit's own.
        """
        if question and question.strip():
            one = ScopeCase(
                question=question.strip(),
                kind=kind,
                edit=edit,
                covered=covered,
                part=self.edits[edit].part,
                turns=turns,
                answers=answers,
            )
            self.cases.append(one)
            self._asked.append(frozenset(asked))

    def made(self, edit: int, question: str, names: Sequence[str], readings: Iterable[str] = ()) -> None:
        """One question of every kind that the factory makes, of an edit and one of its questions.

        `readings` are the relations that the question's wording may be read to ask for.
        """
        one = self.edits[edit]
        if not one.subject or one.subject not in question:
            return
        like = similar_name(one.subject, names, self.rng)
        named = question.replace(one.subject, like)
        asked = with_overlapping(one.relation) or {one.relation}
        self.case("similar_name", edit, named, covered=False, asked=asked)
        turned = swapped(question, one.subject, one.target)
        self.case("swapped", edit, turned, covered=False, asked=asked)
        self.case("negation", edit, negated(question, self.rng), covered=False)
        self.case("mention", edit, mention(one.subject, self.rng), covered=False)
        self.case("dialogue", edit, in_passing(question, one.subject, self.rng), covered=True, asked=readings)
        self.case("prefix", edit, dropped(question, self.rng), covered=False)
        slipped = misspelt(question, one.subject, random.Random(question))  # noqa: S311 - a reproducible sample
        self.case("misspelt", edit, slipped, covered=True, asked=readings)

    def finished(self) -> ScopeSet:
        """The set; a question that another edit truly covers is taken out and counted."""
        cases = [
            case
            for case, asked in zip(self.cases, self._asked, strict=True)
            if case.kind == "prompt" or not self._of_another(case, asked)
        ]
        dropped = self.dropped + len(self.cases) - len(cases)
        cases += [self._in_passing(case) for case in cases if case.kind in _ALSO_IN_PASSING and not case.covered]
        return ScopeSet(name=self.name, edits=tuple(self.edits), cases=tuple(cases), dropped=dropped)

    def _in_passing(self, case: ScopeCase) -> ScopeCase:
        """The case after other words, as a dialogue has a covered one, so that these words do not give a class away."""
        rng = random.Random(case.question)  # noqa: S311 - a reproducible sample
        text = in_passing(case.question, self.edits[case.edit].subject, rng)
        return replace(case, kind="in_passing", question=text)

    def _of_another(self, case: ScopeCase, asked: frozenset[str]) -> bool:
        """Whether another edit has the question as its prompt, or is about a subject and relation that it asks for."""
        owner = self._taken.get(case.question.casefold())
        if owner is not None:
            return owner != case.edit or not case.covered
        if not asked:
            return False
        own = (self.edits[case.edit].relation, plain(self.edits[case.edit].subject))
        held = {(relation, span) for relation in asked for span in spans(case.question)} - {own}
        return not held.isdisjoint(self._subjects)


def plain(text: str) -> str:
    """A text as subjects are sought in it: without case, possessives and marks at the ends of words."""
    words = (f"{word} ".replace("'s ", " ").strip(" ,.?!:;") for word in text.casefold().split())
    return " ".join(word for word in words if word)


def spans(text: str) -> set[str]:
    """Every run of a text's words, as `plain` has them."""
    words = plain(text).split()
    return {" ".join(words[i:k]) for i in range(len(words)) for k in range(i + 1, len(words) + 1)}


def with_overlapping(*relations: str) -> set[str]:
    """The relations with those whose questions share wordings with theirs."""
    return set(relations).union(*(group for group in _OVERLAPPING if not group.isdisjoint(relations))) - {""}


def overlapping(one: str, other: str) -> bool:
    """Whether the questions of two relations share wordings."""
    return any(one in group and other in group for group in _OVERLAPPING)
