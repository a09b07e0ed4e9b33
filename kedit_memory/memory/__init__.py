"""WRITE: request → validate → link subject → encode keys → set radius → store row → index."""

from kedit_memory.memory.memory import EditMemory

__all__ = ["EditMemory"]
