"""What became of one fault: nothing was lost, it was told with how to mend it, or something was lost."""

from dataclasses import dataclass

OUTCOMES = SURVIVED, TOLD, LOST = "survived", "told", "lost"


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One fault, and what became of the store; `why` says what was lost."""

    fault: str
    outcome: str
    why: str = ""


def lost(fault: str, why: str) -> Trial:
    """A trial in which something was lost."""
    return Trial(fault=fault, outcome=LOST, why=why)
