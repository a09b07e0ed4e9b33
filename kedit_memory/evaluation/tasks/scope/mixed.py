"""Facts, statements, intents and policies in one store, asked in their own words: what a large memory holds.

Other questions of these sets are left out, since an edit of one set may cover a question of another.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from kedit_memory.evaluation.tasks.scope.cases import ScopeEdit, ScopeSet
from kedit_memory.evaluation.tasks.scope.rows import PROMPT


def mixed_set(data: Path | None, *, seed: int = 1, of: tuple[Callable[..., ScopeSet], ...]) -> ScopeSet:
    """The edits of these sets, of those with one prompt the first, and each once more as a question."""
    edits: dict[str, ScopeEdit] = {}
    cases = []
    dropped = 0
    for one in (read(data, seed=seed) for read in of):
        own = {case.edit: case for case in one.cases if case.kind == PROMPT}
        for place, edit in enumerate(one.edits):
            key = edit.prompt.casefold()
            if key in edits or place not in own:
                dropped += 1
                continue
            cases.append(replace(own[place], edit=len(edits)))
            edits[key] = edit
    return ScopeSet(name="mixed", edits=tuple(edits.values()), cases=tuple(cases), dropped=dropped)
