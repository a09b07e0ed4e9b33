"""The first step of a question: which known names stand in it, as they are written, misspelt or in pieces."""

from kedit_memory.routing.link.given import GivenNames
from kedit_memory.routing.link.linker import Linked, Linker, surfaces_of

__all__ = ["GivenNames", "Linked", "Linker", "surfaces_of"]
