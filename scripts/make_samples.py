"""Write the sample texts of editors, `data/samples`: running text, questions with answers, demonstrations.

    python scripts/make_samples.py

They are drawn from the world, in a fixed order, and stand for text of no particular matter: editors read them and know
nothing of the world.
"""

import argparse
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

import numpy as np

from kedit_memory.editors._demonstrations import Demonstration
from kedit_memory.editors._moments import read_paragraphs
from kedit_memory.memory.requests import statement_of
from kedit_memory.shipped import data_folder, sample_demonstrations, sample_questions, sample_texts
from kedit_memory.world import Fact, World, load_world, passages_file

# Moments of a projection that reads 8,000 numbers are taken from 160,000 tokens, half of each.
TEXTS, QUESTIONS = 2000, 6000
FACTS = 64  # with three demonstrations each
_BEST_KNOWN = 1
_SEED = 1

T = TypeVar("T")


def questions(world: World, count: int) -> list[tuple[str, str]]:
    """Questions about as many facts, with their answers, in wordings that are not held out."""
    rng = random.Random(_SEED)
    facts = rng.sample(world.facts, len(world.facts))[:count]
    wordings = [world.relations[fact.relation].phrasings(held_out=False) for fact in facts]
    return [(world.fill(rng.choice(own), fact.subject), fact.object) for fact, own in zip(facts, wordings, strict=True)]


def demonstrations(world: World, count: int, generator: np.random.Generator) -> list[Demonstration]:
    """One demonstration of each kind for as many well-known facts, each with another object put in."""
    known = [fact for fact in world.facts if fact.tier == _BEST_KNOWN and len(world.objects[fact.relation]) > 1]
    chosen = generator.permutation(len(known))[:count]
    return [made for place in chosen for made in _three(world, known[place], _pick(known, generator), generator)]


def _three(world: World, fact: Fact, other: Fact, generator: np.random.Generator) -> list[Demonstration]:
    target = _pick([name for name in world.objects[fact.relation] if name != fact.object], generator)
    wordings = world.relations[fact.relation].questions
    first, second = generator.permutation(len(wordings))[:2]
    asked, again = (world.fill(wordings[place], fact.subject) for place in (first, second))
    statement = statement_of(asked, target)
    elsewhere = world.fill(_pick(world.relations[other.relation].questions, generator), other.subject)
    return [
        Demonstration(fact=statement, question=asked, answer=target, kind="copy"),
        Demonstration(fact=statement, question=again, answer=target, kind="update"),
        Demonstration(fact=statement, question=elsewhere, answer=other.object, kind="retain"),
    ]


def _pick(items: Sequence[T], generator: np.random.Generator) -> T:
    return items[int(generator.integers(len(items)))]


def samples(world: World) -> Iterator[tuple[str, list[str]]]:
    """The name of each file with its lines."""
    yield sample_texts().name, read_paragraphs(passages_file())[:TEXTS]
    yield sample_questions().name, [f"{question}\t{answer}" for question, answer in questions(world, QUESTIONS)]
    made = demonstrations(world, FACTS, np.random.default_rng(0))
    yield sample_demonstrations().name, [json.dumps(asdict(one), ensure_ascii=False) for one in made]


def main() -> None:
    """Write the files and say what was written."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=data_folder() / "samples")
    folder = parser.parse_args().output
    for name, lines in samples(load_world()):
        (folder / name).write_text("\n".join(lines) + "\n", "utf-8")
        print(f"{len(lines):,} lines in {folder / name}")


if __name__ == "__main__":
    main()
