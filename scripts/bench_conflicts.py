"""How often `possible_conflicts` is right: facts of the world, told again with another answer in other words.

For each of some subjects, its facts are stored by one of their questions each (or by subject and relation). Then a fact
is added again by another phrasing (or a synonym of the relation) with another answer, which should be told, and one
that nothing contradicts, of which nothing should be told. Rows: `recall` of the contradicted facts, `precision` of what
was told beside a contradiction, and `false_hints`, told for an add that contradicts nothing.

    python scripts/bench_conflicts.py --json
"""

import argparse
import random
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kedit_memory.evaluation.intervals import interval, share
from kedit_memory.evaluation.report.tables import table
from kedit_memory.evaluation.rows import Row, Run, describe_run, document
from kedit_memory.memory import EditMemory
from kedit_memory.world.tables import Fact, World, load_world

SYNONYMS = {
    "author": ["writer"], "birth_year": ["year of birth"], "book_language": ["original language"],
    "born_in": ["birthplace", "place of birth"], "capital": ["capital city"], "citizenship": ["nationality"],
    "composer": ["songwriter"], "continent": ["part of the world"], "currency": ["money"],
    "death_year": ["year of death"], "director": ["film director"], "discoverer": ["finder"], "field": ["discipline"],
    "founded_year": ["year of foundation"], "founder": ["creator"], "headquarters": ["head office", "seat"],
    "industry": ["sector", "line of business"], "inventor": ["creator"], "mythology": ["pantheon"],
    "occupation": ["job", "profession"], "official_language": ["national language"],
    "release_year": ["year of release"], "stadium": ["home ground"], "symbol": ["chemical symbol"],
}  # fmt: skip
FEWEST = 4  # facts of a subject
STORED, WITHOUT = "stored", "without"  # namespaces: with the fact that is contradicted, and without it


@dataclass(frozen=True, kw_only=True)
class Trial:
    """The facts of a subject as rows, one of them told again in other words, and the place of that one."""

    rows: Sequence[Mapping[str, str]]
    again: Mapping[str, str]
    place: int


@dataclass(frozen=True, kw_only=True)
class Told:
    """What `add` said of one trial."""

    found: bool  # the contradicted fact was told
    others: int  # and how many more
    unfounded: int  # told where nothing contradicts


def main() -> None:
    """Store, contradict, print rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subjects", type=int, default=300)
    parser.add_argument("--encoder", default="minilm")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    run = describe_run("possible_conflicts", "world", config=vars(arguments), model=arguments.encoder)
    rows: list[Row] = []
    for kind, trials in (("phrasings", _phrased), ("relations", _related)):
        drawn = list(trials(load_world(), random.Random(arguments.seed), arguments.subjects))
        rows += _rows(run, kind, [_told(*one) for one in _added(drawn, arguments.encoder)])
    print(document(rows, command=" ".join(sys.argv)) if arguments.json else table(rows))


def _phrased(world: World, rng: random.Random, count: int) -> Iterator[Trial]:
    """Facts by one of their questions each; one again by another question or a cloze."""
    for facts in _subjects(world, rng, count):
        asked = [rng.choice(world.relations[fact.relation].questions) for fact in facts]
        place = rng.randrange(len(facts))
        relation = world.relations[facts[place].relation]
        other = rng.choice([one for one in relation.questions + relation.clozes if one != asked[place]])
        rows = [_row(world, fact, prompt=world.fill(one, fact.subject)) for fact, one in zip(facts, asked, strict=True)]
        again = _row(world, facts[place], rng, prompt=world.fill(other, facts[place].subject))
        yield Trial(rows=rows, again=again, place=place)


def _related(world: World, rng: random.Random, count: int) -> Iterator[Trial]:
    """Facts by subject and relation; one again by a synonym of its relation."""
    for facts in _subjects(world, rng, count, SYNONYMS):
        place = rng.choice([place for place, fact in enumerate(facts) if fact.relation in SYNONYMS])
        rows = [_row(world, fact, relation=fact.relation) for fact in facts]
        synonym = rng.choice(SYNONYMS[facts[place].relation])
        yield Trial(rows=rows, again=_row(world, facts[place], rng, relation=synonym), place=place)


def _subjects(
    world: World, rng: random.Random, count: int, relations: Mapping[str, object] | None = None
) -> Iterator[Sequence[Fact]]:
    """The facts of some subjects, each relation once; of those that have one of some relations."""
    grouped = list(world.by_subject.values())
    for facts in rng.sample(grouped, len(grouped)):
        once = list({fact.relation: fact for fact in facts}.values())
        if len(once) >= FEWEST and (relations is None or any(fact.relation in relations for fact in once)):
            yield once
            count -= 1
        if not count:
            return


def _row(world: World, fact: Fact, rng: random.Random | None = None, **fields: str) -> dict[str, str]:
    """A fact as a row of `add_many`; with `rng`, with another answer."""
    target = rng.choice([one for one in world.objects[fact.relation] if one != fact.object]) if rng else fact.object
    return {"target": target, "subject": fact.subject, **fields}


def _added(
    trials: Sequence[Trial], encoder: str
) -> Iterator[tuple[Trial, Sequence[str], Sequence[str], Sequence[str]]]:
    """By trial: the ids of its facts, and what is told where the one is stored and where it is not."""
    with tempfile.TemporaryDirectory() as aside, EditMemory.open(Path(aside) / "store", encoder) as memory:
        stored = memory.add_many([row for trial in trials for row in trial.rows], namespace=STORED)
        ids = iter([edit.id for edit in stored])
        memory.add_many(
            [row for trial in trials for row in (*trial.rows[: trial.place], *trial.rows[trial.place + 1 :])],
            namespace=WITHOUT,
        )
        for trial in trials:
            told = []
            for namespace in (STORED, WITHOUT):
                told.append(memory.add(**trial.again, namespace=namespace).possible_conflicts)
                memory.undo()
            yield trial, [next(ids) for _ in trial.rows], *told


def _told(trial: Trial, ids: Sequence[str], beside: Sequence[str], alone: Sequence[str]) -> Told:
    right = ids[trial.place]
    return Told(found=right in beside, others=len(set(beside) - {right}), unfounded=len(alone))


def _rows(run: Run, kind: str, told: Sequence[Told]) -> Iterator[Row]:
    cases = np.array([(one.found, one.found + one.others, one.unfounded) for one in told], np.float64)
    recall, precision, hints = cases[:, 0].mean(), cases[:, 0].sum() / cases[:, 1].sum(), cases[:, 2].mean()
    figures = (
        ("recall", kind, recall, share([one.found for one in told]), ""),
        ("ratio", f"{kind}/precision", precision, interval(cases, lambda d: d[..., 0].sum(-1) / d[..., 1].sum(-1)), ""),
        ("rate", f"{kind}/false_hints", hints, interval(cases, lambda d: d[..., 2].mean(-1)), "an add"),
    )
    for metric, name, value, (low, high), unit in figures:
        yield Row(run=run, method="kedit", metric=metric, kind=name, value=float(value), low=low, high=high,
                  n=len(told), unit=unit)  # fmt: skip


if __name__ == "__main__":
    main()
