"""Which edits a new one may contradict, though no name or prompt says that they answer the same question.

Two facts about one subject may contradict each other where they are asked for in about the same words and answered
differently: prompts near each other that have a word in common besides the subject's name, and of those that have none
the very nearest. An answer with a number in it does not contradict one without. No model runs for it, and only
neighbours that the rules of scope have found are looked at: without a subject, those within the default radius.
`scripts/bench_conflicts.py` measures how often this is right.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import Stemmer

from kedit_memory.memory.conflicts import Interval, interval_of, overlap
from kedit_memory.memory.radius import Neighbour
from kedit_memory.memory.requests import KeyText
from kedit_memory.memory.rows import Rows, id_of, to_json
from kedit_memory.questions import FUNCTION_WORDS
from kedit_memory.records import Edit
from kedit_memory.text import fold

_IN_COMMON = 0.75  # how far a prompt may lie that has a word in common
_OTHER_WORDS = 0.6  # and the nearest that has none
_MOST = 32  # keys looked at
_WORD = re.compile(r"\w{2,}")
_STEMMER = Stemmer.Stemmer("english")
_SELECT = (
    "SELECT k.id, k.text, e.id AS edit, e.target, e.subject, e.valid_from, e.valid_until FROM json_each(?) near "
    "CROSS JOIN keys k ON k.id = CAST(near.value AS BIGINT) CROSS JOIN edits e ON e.id = k.edit_id"
)


@dataclass(frozen=True, kw_only=True)
class Near:
    """A key of another edit, and the key of the new one that lies nearest to it."""

    edit_id: str
    distance: float
    shares_word: bool


def possible_conflicts(
    store: Rows, edit: Edit, texts: Sequence[KeyText], neighbours: Sequence[Sequence[Neighbour]]
) -> tuple[str, ...]:
    """The ids of edits that a new one may contradict, nearest first; `neighbours` are those of each of its texts."""
    nearest: dict[int, tuple[float, str]] = {}
    for text, found in zip(texts, neighbours, strict=True):
        for one in found:
            gap = (one.distance, text.text)
            if not one.same_label and one.distance <= _IN_COMMON and gap < nearest.get(one.key, (3.0, "")):
                nearest[one.key] = gap
    keys = sorted(nearest, key=nearest.__getitem__)[:_MOST]
    return likely(_against(store, edit, {key: nearest[key] for key in keys})) if keys else ()


def likely(near: Iterable[Near]) -> tuple[str, ...]:
    """The ids of those that ask about the same, nearest first."""
    ordered = sorted(near, key=lambda one: one.distance)
    first = [one for one in ordered[:1] if one.distance <= _OTHER_WORDS]
    return tuple(dict.fromkeys(one.edit_id for one in [*first, *(one for one in ordered if one.shares_word)]))


def _against(store: Rows, edit: Edit, nearest: dict[int, tuple[float, str]]) -> list[Near]:
    """The keys of edits that answer on a common day, with an answer of the same kind."""
    found = []
    for row in store.query(_SELECT, to_json(list(nearest))):
        distance, text = nearest[row["id"]]
        days = Interval(row["valid_from"], row["valid_until"])
        if overlap(interval_of(edit), days) and _of_one_kind(edit.target, row["target"]):
            names = " ".join(filter(None, (edit.subject, row["subject"], *edit.aliases)))
            common = _words(text) & _words(row["text"]) - _words(names)
            found.append(Near(edit_id=id_of(row["edit"]), distance=distance, shares_word=bool(common)))
    return found


def _of_one_kind(one: str | None, other: str | None) -> bool:
    return one is None or other is None or _has_number(one) == _has_number(other)


def _has_number(text: str) -> bool:
    return any(character.isdigit() for character in text)


@lru_cache(1024)
def _words(text: str) -> frozenset[str]:
    """The words that carry content, without their endings."""
    words = [word for word in _WORD.findall(fold(text)) if word not in FUNCTION_WORDS]
    return frozenset(_STEMMER.stemWords(words)) - FUNCTION_WORDS
