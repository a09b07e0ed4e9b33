"""Write edits of the shipped world for `kedit train`: facts get another object of their relation.

    python scripts/make_training_edits.py --output edits.jsonl
    kedit train mend --data edits.jsonl --output my-network --minutes 20

Relations that any report uses, and one subject in five, are left out (`held_out`): `evaluate_hypernetworks.py` measures
on these.
"""

import argparse
import hashlib
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kedit_memory.evaluation.tasks.scope.cases import TRAINING
from kedit_memory.evaluation.tasks.scope.sets import part_of
from kedit_memory.world import UNSEEN_TIER, Fact, World, load_world

OTHERS = {"same_relation": 3, "same_subject": 2}  # questions of each kind that an edit must leave
_MOST_TARGETS = 2  # a relation with no more objects gives the other one away


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--edits", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=31)
    arguments = parser.parse_args()
    rows = list(edits(load_world(), arguments.edits, random.Random(arguments.seed)))
    arguments.output.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")


def held_out(fact: Fact) -> bool:
    """Whether training leaves the fact out: by its relation, or by its subject."""
    return part_of(fact.relation) != TRAINING or hashlib.sha256(fact.subject.encode()).digest()[0] % 5 == 0


def edits(world: World, count: int, rng: random.Random) -> Iterator[dict[str, Any]]:
    """So many rows, or as many as there are facts."""
    facts = [f for f in world.facts if f.tier < UNSEEN_TIER and not held_out(f)]
    facts = [f for f in facts if len(world.objects[f.relation]) > _MOST_TARGETS]
    for fact in rng.sample(facts, min(count, len(facts))):
        prompt, *others = _wordings(world, fact, rng)
        yield {
            "prompt": prompt,
            "target": rng.choice([one for one in world.objects[fact.relation] if one != fact.object]),
            "subject": fact.subject,
            "relation": fact.relation,
            "paraphrases": others[:4],
            "unrelated": list(_unrelated(world, fact, facts, rng)),
        }


def _unrelated(world: World, fact: Fact, facts: list[Fact], rng: random.Random) -> Iterator[str]:
    groups = {
        "same_relation": [f for f in facts if f.relation == fact.relation and f.subject != fact.subject],
        "same_subject": [f for f in world.by_subject[fact.subject] if f.relation != fact.relation and not held_out(f)],
    }
    for kind, group in groups.items():
        for other in rng.sample(group, min(OTHERS[kind], len(group))):
            yield _wordings(world, other, rng)[0]


def _wordings(world: World, fact: Fact, rng: random.Random) -> list[str]:
    relation = world.relations[fact.relation]
    patterns = relation.questions + relation.clozes
    return [world.fill(pattern, fact.subject) for pattern in rng.sample(patterns, len(patterns))]


if __name__ == "__main__":
    main()
