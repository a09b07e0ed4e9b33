"""An edit told in one language and asked in others: in English and then in each, or in another one and then in English.

A kind is the language of the question; where the edit is told in another one than English, first that one. An answer is
expected in the language of the question, as the sets have it.
"""

import random
from collections.abc import Mapping
from dataclasses import replace

from kedit_memory.evaluation.case import GENERALIZATION, Case, Question
from kedit_memory.evaluation.datasets import mlake, mzsre
from kedit_memory.evaluation.tasks.asked.sets import Read, public
from kedit_memory.records import EditRequest

_ENGLISH = "en"
_OTHERS = frozenset({*mzsre.LANGUAGES, *mlake.LANGUAGES}) - {_ENGLISH}


def from_another(case: Case) -> Case | None:
    """The case with its edit told in one of its other languages, and asked in English and in that language.

    None where it has no wording in another language. Which one it is, is drawn by the English question.
    """
    told = {one.kind: one for one in reversed(case.of(GENERALIZATION)) if one.kind in _OTHERS}
    if not told:
        return None
    language = random.Random(case.prompt).choice(sorted(told))  # noqa: S311 - a reproducible sample
    own = replace(told[language], metric=case.own.metric, kind=language)
    edit = EditRequest(prompt=own.text, target=own.accepted[0])
    asked = [_asked(case.own, language), *(_asked(one, language) for one in case.of(GENERALIZATION))]
    beside = [one for one in case.questions if one.metric not in (own.metric, GENERALIZATION)]
    return replace(case, edit=edit, questions=(own, *(one for one in asked if one.text != own.text), *beside))


def _asked(question: Question, told: str) -> Question:
    """A question of the case, of an edit that is told in a language."""
    language = question.kind if question.kind in _OTHERS else _ENGLISH
    return replace(question, metric=GENERALIZATION, kind=f"{told}_{language}")


SETS: Mapping[str, Read] = {
    "mzsre": public("mzsre"),
    "mlake": public("mlake"),
    "mzsre-from-another": public("mzsre", from_another),
    "mlake-from-another": public("mlake", from_another),
}
