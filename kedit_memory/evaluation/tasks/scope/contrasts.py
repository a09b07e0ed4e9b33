"""Edits with questions that differ from theirs in one thing: a number, a weekday, "open" for "close".

Half come from templates, half from the edits and questions of other sets. A case of a kind asks for the other value and
is not covered; one of `same_` and the kind asks for the edit's own, in other words.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from kedit_memory.evaluation.contrast import KINDS
from kedit_memory.evaluation.tasks.scope.cases import (
    CALIBRATING,
    TEST,
    TRAINING,
    ScopeCase,
    ScopeEdit,
    ScopeSet,
    SetBuilder,
)
from kedit_memory.evaluation.tasks.scope.examples import Example
from kedit_memory.evaluation.tasks.scope.made import other_question
from kedit_memory.evaluation.templates import Filled, templates

_FILLED = {TRAINING: 5, CALIBRATING: 20, TEST: 30}  # times that each template is filled
_ASKED = 2  # questions of either sort of a filled template, and of a mined edit
_STATED = 0.35  # of the edits that have a sentence are stored as that sentence
_BOTH_STORED = 0.3  # of the edits whose template has a third value stand beside the edit of another value
_KINDS = 2  # of each mined edit, those that have been asked least
_MINED = 120  # edits of each kind, part and mined set at most


_DRESSED = frozenset({"prompt", "misspelt", "dialogue"})  # covered questions that are not plain ones in other words


def contrast_set(data: Path | None = None, *, seed: int = 1, mined: Sequence[Callable[..., ScopeSet]] = ()) -> ScopeSet:
    """Edits of templates, and of other sets where their questions have a slot that tells them from another question.

    Raises:
        NotFoundError: the folder of a mined set is absent.
    """
    builder = SetBuilder("contrast", seed)
    for part, times in _FILLED.items():
        for template in templates(part):
            filled = [template.fill(builder.rng, part) for _ in range(times)]
            for one in {one.name: one for one in filled}.values():
                _add(builder, one, part)
    for read in mined:
        _mine(builder, read(data, seed=seed))
    return builder.finished()


def _add(builder: SetBuilder, filled: Filled, part: str) -> None:
    """The edit of one value with questions for it and for another; now and then that of a second value beside it."""
    rng = builder.rng
    places = rng.sample(range(len(filled.answers)), min(3, len(filled.answers)))
    stored = places[:2] if len(places) > 2 and rng.random() < _BOTH_STORED else places[:1]
    edits = [(place, _stored(builder, filled, place, part)) for place in stored]
    if any(edit is None for _, edit in edits):
        return
    for place, edit in edits:
        if edit is not None:
            prompt = builder.edits[edit].prompt
            others = [text for text in filled.questions[place] if text != prompt]
            for question in rng.sample(others, min(_ASKED, len(others))):
                builder.case(f"same_{filled.kind}", edit, question, covered=True)
    first, other = edits[0][1], places[-1]
    if first is not None and other not in stored:
        for question in rng.sample(filled.questions[other], min(_ASKED, len(filled.questions[other]))):
            builder.case(filled.kind, first, question, covered=False)


def _stored(builder: SetBuilder, filled: Filled, place: int, part: str) -> int | None:
    rng = builder.rng
    if filled.statements[place] and rng.random() < _STATED:
        prompt = target = rng.choice(filled.statements[place])
    else:
        prompt, target = rng.choice(filled.questions[place]), filled.answers[place]
    relation = f"{filled.template}:{place}" if filled.subject else ""
    return builder.add(ScopeEdit(prompt=prompt, target=target, part=part, subject=filled.subject, relation=relation))


def _mine(builder: SetBuilder, one: ScopeSet) -> None:
    """Edits of another set with a covered question that has a slot: that question, and one with the slot changed."""
    taken = Counter[tuple[str, str]]()
    added: set[int] = set()
    asked = {case.question.casefold() for case in one.cases if case.covered}
    for case, example in covered_questions(one, builder.rng):
        if case.edit in added:
            continue
        found: dict[str, str] = {}
        for kind in sorted(KINDS, key=lambda kind: taken[kind, case.part]):
            if len(found) == _KINDS or taken[kind, case.part] >= _MINED:
                break
            other = other_question(example, kind, builder.rng, case.part)
            if other is not None and other.casefold() not in asked:
                found[kind] = other
        place = builder.add(replace(one.edits[case.edit], relation="")) if found else None
        if place is None:
            continue
        added.add(case.edit)
        for kind, other in found.items():
            taken[kind, case.part] += 1
            builder.case(f"same_{kind}", place, case.question, covered=True)
            builder.case(kind, place, other, covered=False)


def covered_questions(one: ScopeSet, rng: random.Random) -> Iterator[tuple[ScopeCase, Example]]:
    """The covered questions of a set that stand alone and are not the edit's own wording, in any order."""
    cases = [case for case in one.cases if case.covered and case.kind not in _DRESSED and not case.turns]
    for case in rng.sample(cases, len(cases)):
        edit = one.edits[case.edit]
        texts = f"{case.question} {edit.prompt}"
        names = tuple(name for name in (edit.subject, *edit.aliases) if name and name in texts)
        answer = "" if edit.prompt == edit.target else edit.target
        yield case, Example(question=case.question, wording=edit.prompt, answer=answer, names=names, covered=True)
