"""Attention keys and values of a prefix, read once and read on from again and again."""

import copy
from typing import Any


def fresh(cache: Any) -> Any:
    """A copy for one pass: a pass adds to the cache that it is given, though not to the tensors in it."""
    made = copy.copy(cache)
    made.layers = [copy.copy(layer) for layer in cache.layers]
    return made
