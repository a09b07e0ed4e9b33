"""English words that are also names ("Main", "US", "An"): a name only where they are spelt as it is."""

from kedit_memory.routing.link.text import LinkedText
from kedit_memory.text import fold, fold_with_offsets

_WORDS = """
    alien aliens an arrival as at basic bath burning car demons do don first flights foundation go hero hope hunger i in
    inn is island it la lead main male may nice no on or parade persona pan rails raiding ran re reading rugby sequel
    split the-artist the-word time tours underground up us we web who
"""
_OPENERS = "an as at do don first i in is it no on or re up we who"  # begin a sentence too often to be a name there
_ORDINARY = frozenset(word.replace("-", " ") for word in _WORDS.split())
_OPENING = frozenset(_OPENERS.split())


def is_ordinary(folded: str) -> bool:
    """Whether a folded name is an ordinary word."""
    return folded in _ORDINARY


def is_spelt(text: LinkedText, first: int, last: int, surface: str) -> bool:
    """Whether tokens [first, last) are written as a name is, and do not just begin a sentence."""
    start, end = text.span(first, last)
    word = text.text[start:end]
    opens = not text.text[:start].strip() and text.text[end:].strip() and fold(word) in _OPENING
    return word == _as_written(surface) and not opens


def _as_written(surface: str) -> str:
    """The part of a name that its folded form stands for: of "I\u00af" the "I"."""
    folded, offsets = fold_with_offsets(surface)
    return surface[offsets[0] : max(offsets[-1], offsets[-2] + 1)] if folded else surface
