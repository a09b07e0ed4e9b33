"""Write `data/passages/passages.jsonl`: one short paragraph an entity, made from the facts of the world.

Run again after a change to the world: `python scripts/make_passages.py`. The same world gives the same bytes.
"""

import argparse
import json
import random
import re
from collections.abc import Sequence
from pathlib import Path

from kedit_memory.world import Entity, Fact, World, load_world, passages_file

_JOINTS = (", and ", "; ", ", while ")
NAMED = 0.75  # of the clauses name their subject, so that most can be read without the ones before them


def compose(
    entity: Entity,
    facts: Sequence[Fact],
    world: World,
    nouns: Sequence[str],
    rng: random.Random,
) -> str:
    """A paragraph that states every fact of `facts` once, about `entity`, in varied wording."""
    facts = rng.sample(list(facts), len(facts))
    sentences = [_opening(world.reference(entity), entity, nouns, rng)] if rng.random() < 0.7 else []
    clauses = []
    for position, fact in enumerate(facts):
        named = (position == 0 and not sentences) or rng.random() < NAMED
        reference = world.reference(entity) if named else f"the {rng.choice(nouns)}"
        clause = rng.choice(world.relations[fact.relation].clauses).replace("{r}", reference)
        clauses.append(world.put(clause, "{o}", fact.object))
    while clauses:
        sentence = clauses.pop(0)
        if clauses and rng.random() < 0.35:
            sentence += rng.choice(_JOINTS) + clauses.pop(0)
        sentences.append(capital(sentence) + ("" if sentence.endswith(".") else "."))
    return " ".join(sentences)


def _opening(name: str, entity: Entity, nouns: Sequence[str], rng: random.Random) -> str:
    noun = nouns[0]
    article = "an" if noun[0] in "aeio" else "a"  # "a university": no noun here begins with another u
    alias = ""
    if entity.aliases and rng.random() < 0.8:
        alias = f", also called {rng.choice(entity.aliases)},"
    return capital(f"{name}{alias} is {article} {noun}.")


def capital(sentence: str) -> str:
    """A sentence with a capital at its beginning."""
    return sentence[:1].upper() + sentence[1:]


def passages(world: World, seed: int) -> list[dict[str, str]]:
    """All paragraphs, in the order of their identifiers."""
    rows = []
    for name, entity in sorted(world.entities.items()):
        rng = random.Random(f"{seed}:{name}")
        facts = [f for f in world.by_subject.get(name, ()) if not world.relations[f.relation].inverse_of]
        text = compose(entity, facts, world, world.nouns[entity.type], rng)
        rows.append({"id": f"world-{_slug(name)}", "title": name, "text": text, "source": "data/world"})
    return rows


def _slug(name: str) -> str:
    return re.sub(r"[^\w]+", "-", name.casefold()).strip("-")


def main() -> None:
    """Write the file and say how many paragraphs it holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--output", type=Path, default=passages_file())
    arguments = parser.parse_args()
    rows = passages(load_world(), arguments.seed)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(row, ensure_ascii=False, sort_keys=True) + "\n" for row in rows]
    arguments.output.write_text("".join(lines), encoding="utf-8")
    print(f"{len(rows)} passages in {arguments.output}")


if __name__ == "__main__":
    main()
