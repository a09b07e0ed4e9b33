"""What speaks against an edit with certainty, beside the model that estimates: another value, or the opposite."""

from kedit_memory.routing.guard.across import across
from kedit_memory.routing.guard.disagreement import Disagreement, disagreement
from kedit_memory.routing.guard.opposites import AMOUNTS

__all__ = ["AMOUNTS", "Disagreement", "across", "disagreement"]
