"""Edits with their questions, put into a set so that some are left out: what only those answer is not covered.

A set in which every question has its edit stored could not tell a false fire, so a share of the edits of each page or
article is kept aside, and their questions are asked.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from kedit_memory.evaluation.tasks.scope.cases import ScopeEdit, SetBuilder, part_by_hash
from kedit_memory.evaluation.tasks.scope.paragraphs import alike
from kedit_memory.words import words

_ASIDE = 0.3  # of the edits are not stored
_ASKED = 6  # questions of an edit at most
_BESIDE = 2  # questions of its own group at most that it does not cover
_LOOKED_AT = 150  # questions of other groups, of which the one most like an edit is asked


@dataclass(frozen=True, kw_only=True)
class Answered:
    """An edit with what it answers; a statement has its text as prompt and target.

    Attributes:
        group: the page, article or thing that it is about, which decides its part.
        prompt: the question or the statement that is stored.
        target: its answer, or the statement again.
        questions: what it covers, in other words than the prompt's.
        paraphrases: other prompts that are stored with it.
        subject: the thing that the prompt names, empty where there is none.
    """

    group: str
    prompt: str
    target: str
    questions: tuple[str, ...]
    paraphrases: tuple[str, ...] = ()
    subject: str = ""


def statement(group: str, text: str, *questions: str) -> Answered:
    """A statement and the questions that it answers."""
    return Answered(group=group, prompt=text, target=text, questions=questions)


def add_answered(builder: SetBuilder, found: Sequence[Answered], *, of: str, trains: bool) -> None:
    """Store most of what was found, and ask for all of it.

    The questions of what is not stored are of the kinds `same_` and `other_` with `of`, the word for a group: each is
    asked of the stored edit that is most like it among those of its group, and each edit gets the one most like it of
    other groups.
    """
    by_group: dict[str, list[Answered]] = defaultdict(list)
    for one in builder.rng.sample(found, len(found)):
        by_group[one.group].append(one)
    stored: dict[str, list[int]] = defaultdict(list)  # by group
    left_out: dict[str, list[Answered]] = defaultdict(list)  # by part
    covered: set[str] = set()
    for group, members in by_group.items():
        part = part_by_hash(group, trains=trains)
        out = round(_ASIDE * len(members) + builder.rng.random() - 0.5)
        left_out[part] += members[:out]
        for one in members[out:]:
            covered |= {question.casefold() for question in one.questions}
            edit = _add(builder, one, part)
            stored[group] += [] if edit is None else [edit]
    aside = {
        part: [
            (one.group, question) for one in members for question in one.questions if question.casefold() not in covered
        ]
        for part, members in left_out.items()
    }
    for of_part in aside.values():
        _beside(builder, of_part, stored, f"same_{of}")
    for edits in stored.values():
        for edit in edits:
            _elsewhere(builder, edit, aside.get(builder.edits[edit].part, ()), stored, f"other_{of}")


def _add(builder: SetBuilder, one: Answered, part: str) -> int | None:
    edit = builder.add(
        ScopeEdit(prompt=one.prompt, target=one.target, part=part, subject=one.subject, paraphrases=one.paraphrases)
    )
    if edit is not None:
        for question in builder.rng.sample(one.questions, min(_ASKED, len(one.questions))):
            builder.case("question", edit, question, covered=True)
    return edit


def _beside(builder: SetBuilder, aside: Sequence[tuple[str, str]], stored: dict[str, list[int]], kind: str) -> None:
    """The questions that are kept aside, of the stored edits of their group."""
    asked: dict[int, int] = defaultdict(int)
    for group, question in aside:
        free = [edit for edit in stored[group] if asked[edit] < _BESIDE]
        if free:
            nearest = max(free, key=lambda edit: alike(question, _text(builder, edit)))
            asked[nearest] += 1
            builder.case(kind, nearest, question, covered=False)


def _elsewhere(
    builder: SetBuilder, edit: int, aside: Sequence[tuple[str, str]], stored: dict[str, list[int]], kind: str
) -> None:
    """The question of another group that is most like the edit, and does not say all that the edit says."""
    text = _text(builder, edit)
    looked_at = builder.rng.sample(aside, min(_LOOKED_AT, len(aside)))
    questions = [
        question
        for group, question in looked_at
        if edit not in stored[group] and alike(question, text) < len({*words(question)})
    ]
    if questions:
        builder.case(kind, edit, max(questions, key=lambda question: alike(question, text)), covered=False)


def _text(builder: SetBuilder, edit: int) -> str:
    one = builder.edits[edit]
    return one.prompt if one.prompt == one.target else f"{one.prompt} {one.target}"
