"""Questions written by hand about the world's held-out relations, which nothing is trained or calibrated on."""

import json
import random
from collections.abc import Mapping, Sequence
from functools import cache

from kedit_memory.shipped import data_folder

ASKED, NEAR = "asked", "near"  # asks for the relation; speaks of the subject and asks for something else


@cache
def written() -> Mapping[str, Mapping[str, Sequence[str]]]:
    """By relation the questions of both kinds, with {s} for the subject."""
    found: Mapping[str, Mapping[str, Sequence[str]]] = json.loads(
        (data_folder() / "probes" / "world.json").read_text("utf-8")
    )
    return found


def probe(kind: str, relation: str, subject: str, rng: random.Random) -> str | None:
    """One question of a kind about a subject; None where none is written for the relation."""
    texts = written().get(relation, {}).get(kind, ())
    if not texts:
        return None
    text = rng.choice(texts).replace("{s}", subject)
    return text[:1].upper() + text[1:]
