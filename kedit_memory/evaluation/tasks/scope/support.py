"""What a support desk stores, in one store: intents of customers, and questions about places."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from kedit_memory.evaluation.tasks.scope.cases import ScopeSet
from kedit_memory.evaluation.tasks.scope.faq import dstc9_faq_set
from kedit_memory.evaluation.tasks.scope.intents import CUSTOMERS, intents_set

_WORDINGS = 4


def support_set(data: Path | None, *, seed: int = 1, wordings: int = _WORDINGS) -> ScopeSet:
    """HWU64, BANKING77, Bitext and DSTC9 together, every edit in so many wordings."""
    name = "support" if wordings == _WORDINGS else "support_one_wording"
    customers = intents_set(CUSTOMERS, data, seed=seed, wordings=wordings)
    return joined(name, customers, dstc9_faq_set(data, seed=seed, wordings=wordings))


def joined(name: str, *sets: ScopeSet) -> ScopeSet:
    """Sets of which none covers a question of another, in one store."""
    edits = tuple(edit for one in sets for edit in one.edits)
    cases = []
    before = 0
    for one in sets:
        cases += [replace(case, edit=before + case.edit) for case in one.cases]
        before += len(one.edits)
    return ScopeSet(name=name, edits=edits, cases=tuple(cases), dropped=sum(one.dropped for one in sets))


SUPPORT: Mapping[str, Callable[..., ScopeSet]] = {
    "support": support_set,
    "support_one_wording": partial(support_set, wordings=1),
}
