"""Attention keys and values of a prefix, read once and read on from again and again.

transformers 5.24 renamed `past_key_values` to `cache`; the name is taken from what stands before us, so both work.
"""

import copy
import inspect
from collections.abc import Mapping
from typing import Any

_NAMES = ("cache", "past_key_values")  # of the argument and of the output, newest first


def reading_on(model: Any, cache: Any) -> dict[str, Any]:
    """The argument with which a model's forward pass goes on from `cache`."""
    known = inspect.signature(model.forward).parameters
    return {next((name for name in _NAMES if name in known), _NAMES[0]): cache}


def given_cache(arguments: Mapping[str, Any]) -> Any:
    """The cache among the arguments of a forward pass; None where it begins anew."""
    return next((arguments[name] for name in _NAMES if arguments.get(name) is not None), None)


def cache_of(output: Any) -> Any:
    """The cache that a forward pass gave back; None where it kept none."""
    name = next((name for name in _NAMES if hasattr(output, name)), None)
    return None if name is None else getattr(output, name)


def fresh(cache: Any) -> Any:
    """A copy for one pass: a pass adds to the cache that it is given, though not to the tensors in it."""
    made = copy.copy(cache)
    made.layers = [copy.copy(layer) for layer in cache.layers]
    return made
