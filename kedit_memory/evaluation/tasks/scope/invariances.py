"""Edits with questions that are asked as they are and in other clothes: a title, quotes, a sentence before, a slip.

Half come from templates, half from the edits and questions of other sets. Every case is covered; those of kind `plain`
are the questions that the others were made from.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from kedit_memory.evaluation.invariance import KINDS, varied
from kedit_memory.evaluation.tasks.scope.cases import CALIBRATING, TEST, TRAINING, ScopeEdit, ScopeSet, SetBuilder
from kedit_memory.evaluation.tasks.scope.contrasts import covered_questions
from kedit_memory.evaluation.templates import Filled, templates

_FILLED = {TRAINING: 4, CALIBRATING: 15, TEST: 30}  # times that each template is filled
_KINDS = 4  # of each question
_MINED = 150  # questions of each kind, part and mined set at most
_STATED = 0.35  # of the edits that have a sentence are stored as that sentence
PLAIN = "plain"


def invariance_set(
    data: Path | None = None, *, seed: int = 1, mined: Sequence[Callable[..., ScopeSet]] = ()
) -> ScopeSet:
    """Edits of templates and of other sets, each with a question in its plain form and in several others.

    Raises:
        NotFoundError: the folder of a mined set is absent.
    """
    builder = SetBuilder("invariance", seed)
    taken = Counter[tuple[str, str]]()
    for part, times in _FILLED.items():
        for template in templates(part):
            for _ in range(times):
                _add(builder, template.fill(builder.rng, part), part, taken)
    for read in mined:
        _mine(builder, read(data, seed=seed))
    return builder.finished()


def _add(builder: SetBuilder, filled: Filled, part: str, taken: Counter[tuple[str, str]]) -> None:
    rng = builder.rng
    place = rng.randrange(len(filled.answers))
    question, prompt = rng.sample(filled.questions[place], 2)
    target = filled.answers[place]
    if filled.statements[place] and rng.random() < _STATED:
        prompt = target = rng.choice(filled.statements[place])
    edit = builder.add(
        ScopeEdit(prompt=prompt, target=target, part=part, subject=filled.subject, relation=filled.template)
    )
    if edit is not None:
        _ask(builder, edit, question, taken)


def _mine(builder: SetBuilder, one: ScopeSet) -> None:
    taken = Counter[tuple[str, str]]()
    added: set[int] = set()
    for case, _ in covered_questions(one, builder.rng):
        full = all(taken[kind, case.part] >= _MINED for kind in KINDS)
        if case.edit in added or full:
            continue
        added.add(case.edit)
        edit = builder.add(replace(one.edits[case.edit], relation=""))
        if edit is not None:
            _ask(builder, edit, case.question, taken, limit=_MINED)


def _ask(
    builder: SetBuilder, edit: int, question: str, taken: Counter[tuple[str, str]], *, limit: int | None = None
) -> None:
    """The question as it is, and in the kinds that have been asked least."""
    rng, part, subject = builder.rng, builder.edits[edit].part, builder.edits[edit].subject
    builder.case(PLAIN, edit, question, covered=True)
    asked = 0
    for kind in sorted(rng.sample(KINDS, len(KINDS)), key=lambda one: taken[one, part]):
        if asked == _KINDS or (limit is not None and taken[kind, part] >= limit):
            break
        made = varied(question, kind, rng, part, subject)
        if made is not None:
            builder.case(kind, edit, made, covered=True)
            taken[kind, part] += 1
            asked += 1
