"""GRACE with its known weaknesses removed: `grace-fast`. Six things differ from `grace`.

Layers up to the codebook's are run once for an edit, and only those above it at each step. Many values are learned in
one batch, each on its own, and each stops once its target is decoded. A value is learned from several phrasings where
the edit has them, and each phrasing is a key. Radii of different answers never overlap, and the entry that covers a
question with the largest margin answers it, which is exact for radii that differ. Steps are measured by the state that
they change. Keys are compared by how much other questions differ from each other, and a radius is one within which a
stated share of other questions lies, so that it means the same in a chat form as in plain text.
"""

from dataclasses import dataclass
from typing import ClassVar

from kedit_memory.editors._codebook_adapter import Replacement
from kedit_memory.editors._codebook_batched import BatchedCodebookEditor
from kedit_memory.editors._codebook_descent import ReadOf
from kedit_memory.editors._codebook_tail import Tail


@dataclass(frozen=True, kw_only=True)
class GraceFast(BatchedCodebookEditor):
    """Batched learning above the layer, several phrasings, exact radii: values are states, as in GRACE."""

    name: ClassVar[str] = "grace-fast"

    def _replaces(self) -> Replacement:
        return "replace_last"

    def _reads(self) -> ReadOf:
        return Tail
