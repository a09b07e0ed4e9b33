"""Prove that the tables of the world are sound; print the faults, one a line, or the counts.

    python scripts/check_world.py

Checked: every object is an entity of its relation's type, a listed value, a year or a number; relations with an inverse
are functional both ways; names and aliases belong to one entity; phrasings have their placeholders and some are held
out; nothing of tier 5 stands in a fact that training sees; the counts that the documents promise.
"""

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator

from kedit_memory.world import UNSEEN_TIER, Relation, World, load_world

MINIMUM = {"entities": 2000, "facts": 6000, "relations": 25, "entities with aliases": 500}
_NUMERALS = {"year": re.compile(r"[1-9]\d{0,3}"), "number": re.compile(r"\d+")}
_NAME = re.compile(r"[\w .,'\u2019&!:+#/%*-]+")


def faults(world: World) -> list[str]:
    """Everything that is wrong, as lines; empty when the world is sound."""
    found = [fault for relation in world.relations.values() for fault in _phrasing_faults(relation)]
    found += _object_faults(world)
    found += _name_faults(world)
    found += _inverse_faults(world)
    found += [
        f"{name}: {count} counted, at least {MINIMUM[name]} promised"
        for name, count in counts(world).items()
        if name in MINIMUM and count < MINIMUM[name]
    ]
    return found


def counts(world: World) -> dict[str, int]:
    """What there is of each."""
    tiers = Counter(entity.tier for entity in world.entities.values())
    forward = [fact for fact in world.facts if not world.relations[fact.relation].inverse_of]
    return {
        "entities": len(world.entities),
        "facts": len(forward),
        "facts of inverse relations": len(world.facts) - len(forward),
        "relations": sum(1 for r in world.relations.values() if not r.inverse_of),
        "inverse relations": sum(1 for r in world.relations.values() if r.inverse_of),
        "entities with aliases": sum(1 for e in world.entities.values() if e.aliases),
        "two-hop chains": sum(1 for _ in world.chains()),
    } | {f"entities of tier {tier}": tiers[tier] for tier in sorted(tiers)}


def _phrasing_faults(relation: Relation) -> Iterator[str]:
    where = f"relation {relation.name}"
    texts = relation.statements + relation.questions + relation.clozes
    if len(texts) < 8:
        yield f"{where}: {len(texts)} phrasings, at least 8 promised"
    if len(relation.held_out) < 2 or not relation.held_out <= set(texts):
        yield f"{where}: held_out must list two or more of its phrasings, word for word"
    if len(relation.training_statements()) < 2 or len(relation.phrasings(held_out=False)) < 3:
        yield f"{where}: too few phrasings are left for training once the held-out ones are hidden"
    if not relation.phrasings(held_out=True):
        yield f"{where}: no question or cloze is held out"
    if len(set(texts)) != len(texts):
        yield f"{where}: a phrasing is listed twice"
    for form, sound in _FORMS.items():
        for text in getattr(relation, form):
            if not sound(text):
                yield f"{where}: not one of {form}: {text!r}"


_FORMS: dict[str, Callable[[str], bool]] = {
    "statements": lambda text: text.endswith(".") and text.count("{s}") == 1 and text.count("{o}") == 1,
    "questions": lambda text: text.endswith("?") and text.count("{s}") == 1 and "{o}" not in text,
    "clozes": lambda text: not text.endswith((".", "?", "!", " ")) and text.count("{s}") == 1 and "{o}" not in text,
    "clauses": lambda text: not text.endswith(".") and text.count("{r}") == 1 and text.count("{o}") == 1,
}


def _object_faults(world: World) -> Iterator[str]:
    for fact in world.facts:
        kind = world.relations[fact.relation].object_type
        entity = world.entities.get(fact.object)
        if kind in _NUMERALS:
            sound = bool(_NUMERALS[kind].fullmatch(fact.object))
        elif entity and entity.type == kind:
            sound = True
        else:
            sound = fact.object in world.values.get(kind, ())
        if not sound:
            yield f"{fact.subject} / {fact.relation}: {fact.object!r} is no {kind} that the world knows"
        elif entity and entity.type == kind and fact.tier < UNSEEN_TIER and entity.tier == UNSEEN_TIER:
            yield f"{fact.subject} / {fact.relation}: {fact.object!r} is of tier {UNSEEN_TIER}, its subject is not"


def _name_faults(world: World) -> Iterator[str]:
    owners: dict[str, str] = {}
    for entity in world.entities.values():
        for name in (entity.name, *entity.aliases):
            if not _NAME.fullmatch(name) or name != name.strip():
                yield f"{entity.name}: a name with odd characters: {name!r}"
            owner = owners.setdefault(name.casefold(), entity.name)
            if owner != entity.name:
                yield f"{name!r} names both {owner} and {entity.name}"
        if entity.tier not in range(1, UNSEEN_TIER + 1):
            yield f"{entity.name}: fame {entity.tier} is not 1 to {UNSEEN_TIER}"
        if entity.type not in world.nouns:
            yield f"{entity.name}: types.toml has no nouns for {entity.type!r}"


def _inverse_faults(world: World) -> Iterator[str]:
    slots = Counter((fact.subject, fact.relation) for fact in world.facts)
    for (subject, relation), count in slots.items():
        if count > 1:
            yield f"{subject} / {relation}: {count} objects, a relation here has one"


def main() -> int:
    """Print and say by the exit status whether all is well."""
    world = load_world()
    found = faults(world)
    for fault in found:
        print(fault)
    for name, count in counts(world).items():
        print(f"{count:7d} {name}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
