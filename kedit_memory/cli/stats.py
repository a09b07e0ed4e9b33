"""What a store holds, and what feedback says of its answers."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from kedit_memory.cli import options as o
from kedit_memory.cli.output import counted, emit
from kedit_memory.cli.store import open_store

if TYPE_CHECKING:
    from kedit_memory.memory.maintenance import Stats

_CONFIDENCE = 0.95


def stats(store: o.ExistingStore = o.STORE, as_json: o.Json = False) -> None:
    """Count what a store holds, and bound how many of its edits' answers are wrong, from confirm and reject."""
    from kedit_memory.routing.anytime import upper_bound

    with open_store(store, create=False) as memory:
        found = memory.stats()
    judged = found.fires_confirmed + found.fires_rejected
    bound = upper_bound(found.fires_rejected, judged, _CONFIDENCE)
    feedback = {"n": judged, "rejected": found.fires_rejected, "upper": bound, "confidence": _CONFIDENCE}
    emit(
        as_json=as_json,
        document=asdict(found) | {"feedback": feedback},
        lines=[*_counts(found), _told(found.fires_rejected, judged, bound)],
    )


def _counts(found: "Stats") -> list[str]:
    by_status = ", ".join(f"{count:,} {status}" for status, count in found.edits.items())
    spaces = ", ".join(f"{name} {count:,}" for name, count in found.namespaces.items())
    return [
        f"edits: {by_status}",
        *([f"active by namespace: {spaces}"] if spaces else []),
        f"{counted(found.keys, 'key')} by {found.encoder or 'no encoder yet'}",
        f"{counted(found.operations, 'operation')}, {found.bytes / 1e6:,.1f} MB",
    ]


def _told(rejected: int, judged: int, bound: float) -> str:
    """What feedback on answers says of all answers."""
    if not judged:
        return "answers of edits: no feedback yet; `kedit confirm` and `kedit reject` on what an edit answered give it"
    return (
        f"answers of edits: {rejected:,} of {judged:,} that were judged were rejected; wrong ≤ {bound:.2%} with "
        f"{_CONFIDENCE:.0%} confidence, at every look. This holds for answers like those judged: people choose what "
        "they confirm or reject, so these are no random sample of all answers; feedback on what no edit answered "
        "does not count."
    )
