"""The tables of the world: true facts about real entities, with phrasings, aliases and tiers of fame.

A table `tables/TYPE.tsv` (or `tables/TYPE-part.tsv`) has one entity a row; each column past `name`, `fame` and
`aliases` is a relation. `relations/*.toml` says how each relation is phrased. Tier 1 is best known; the
embedded model never saw tier 5.
"""

import csv
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from kedit_memory.errors import InvalidInputError
from kedit_memory.world.files import world_folder

UNSEEN_TIER = 5


@dataclass(frozen=True, kw_only=True)
class Entity:
    """A thing with a name. `tier` runs from 1 (famous) to 5 (never seen in training)."""

    name: str
    type: str
    tier: int
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Relation:
    """A functional relation and its phrasings; `{s}` and `{o}` stand for subject and object."""

    name: str
    subject_type: str
    object_type: str
    noun: str
    statements: tuple[str, ...]
    questions: tuple[str, ...]
    clozes: tuple[str, ...]
    held_out: frozenset[str]
    clauses: tuple[str, ...]
    inverse: str | None = None
    inverse_of: str | None = None

    def phrasings(self, *, held_out: bool) -> tuple[str, ...]:
        """The questions and clozes that training saw, or those that it did not.

        A cloze with which a held-out statement begins belongs to neither: training on it would show the statement.
        """
        if held_out:
            return tuple(p for p in self.questions + self.clozes if p in self.held_out)
        hidden = tuple(p for p in self.statements if p in self.held_out)
        return tuple(
            p
            for p in self.questions + self.clozes
            if p not in self.held_out and not any(h.startswith(p) for h in hidden)
        )

    def training_statements(self) -> tuple[str, ...]:
        """The statements that training saw: not held out, and not begun by a held-out cloze."""
        hidden = tuple(p for p in self.clozes if p in self.held_out)
        return tuple(p for p in self.statements if p not in self.held_out and not any(p.startswith(h) for h in hidden))


@dataclass(frozen=True, kw_only=True)
class Fact:
    """A triple; its tier is its subject's, an inverse fact's that of the fact it reverses."""

    subject: str
    relation: str
    object: str
    tier: int


@dataclass(frozen=True, kw_only=True)
class World:
    """All tables, read."""

    entities: Mapping[str, Entity]
    relations: Mapping[str, Relation]
    facts: tuple[Fact, ...]
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    nouns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    with_article: frozenset[str] = frozenset()  # names and types that take "the" within a sentence

    def fill(self, pattern: str, subject: str, target: str = "") -> str:
        """A phrasing about `subject`, with `target` where it has a place for the object; begins with a capital."""
        text = self.put(self.put(pattern, "{s}", subject), "{o}", target)
        return text[:1].upper() + text[1:]

    def put(self, pattern: str, slot: str, name: str) -> str:
        """`pattern` with `name` in its slot, after "the" where the name takes it."""
        before, found, after = pattern.partition(slot)
        article = "the " if found and name in self.with_article and not before.lower().endswith("the ") else ""
        return before + article + name + after if found else pattern

    def reference(self, entity: Entity) -> str:
        """An entity as it is named within a sentence: "the lion", "the United States", "Paris"."""
        takes = entity.name in self.with_article or entity.type in self.with_article
        return f"the {entity.name}" if takes else entity.name

    @cached_property
    def by_subject(self) -> Mapping[str, tuple[Fact, ...]]:
        """Facts grouped by subject."""
        grouped: dict[str, list[Fact]] = {}
        for fact in self.facts:
            grouped.setdefault(fact.subject, []).append(fact)
        return {subject: tuple(facts) for subject, facts in grouped.items()}

    @cached_property
    def objects(self) -> Mapping[str, tuple[str, ...]]:
        """Every object that occurs under a relation, sorted."""
        found: dict[str, set[str]] = {}
        for fact in self.facts:
            found.setdefault(fact.relation, set()).add(fact.object)
        return {relation: tuple(sorted(objects)) for relation, objects in found.items()}

    def chains(self) -> Iterator[tuple[Fact, Fact]]:
        """Two facts in a row: the object of the first is the subject of the second."""
        for first in self.facts:
            if first.object not in self.entities:
                continue
            for second in self.by_subject.get(first.object, ()):
                if second.object != first.subject:
                    yield first, second


def load_world(folder: Path | None = None) -> World:
    """The world in `folder`, by default the shipped one.

    Raises:
        InvalidInputError: a table or a relation file that does not have its form; the line names it.
    """
    folder = folder or world_folder()
    relations, values = _read_relations(folder / "relations")
    entities: dict[str, Entity] = {}
    facts: list[Fact] = []
    for table in sorted((folder / "tables").glob("*.tsv")):
        for entity, row in _read_table(table, relations):
            if entity.name in entities:
                raise InvalidInputError(f"{table.name}: {entity.name!r} has a row already")
            entities[entity.name] = entity
            facts += row
    facts += [_reverse(fact, relations) for fact in facts if relations[fact.relation].inverse]
    types = tomllib.loads((folder / "types.toml").read_text("utf-8"))
    return World(
        entities=entities,
        relations=relations,
        facts=tuple(facts),
        values=values,
        nouns={name: tuple(given) for name, given in types["nouns"].items()},
        with_article=frozenset(types["article"]["names"]) | frozenset(types["article"]["types"]),
    )


def _reverse(fact: Fact, relations: Mapping[str, Relation]) -> Fact:
    inverse = relations[fact.relation].inverse or ""
    return Fact(subject=fact.object, relation=inverse, object=fact.subject, tier=fact.tier)


def _read_table(table: Path, relations: Mapping[str, Relation]) -> Iterator[tuple[Entity, list[Fact]]]:
    kind = table.stem.split("-")[0]
    with table.open(encoding="utf-8", newline="") as lines:
        reader = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        columns = [c for c in reader.fieldnames or () if c not in {"name", "fame", "aliases"}]
        for column in columns:
            if column not in relations or relations[column].subject_type != kind:
                raise InvalidInputError(f"{table.name}: column {column!r} is no relation of a {kind}")
        for row in reader:
            if None in row or None in row.values():
                raise InvalidInputError(f"{table.name}:{reader.line_num}: wrong number of cells")
            tier = int(row["fame"])
            aliases = tuple(alias for alias in row["aliases"].split("|") if alias)
            facts = [
                Fact(subject=row["name"], relation=column, object=row[column], tier=tier)
                for column in columns
                if row[column]
            ]
            yield Entity(name=row["name"], type=kind, tier=tier, aliases=aliases), facts


def _read_relations(
    folder: Path,
) -> tuple[dict[str, Relation], dict[str, tuple[str, ...]]]:
    relations: dict[str, Relation] = {}
    values: dict[str, tuple[str, ...]] = {}
    for file in sorted(folder.glob("*.toml")):
        content = tomllib.loads(file.read_text("utf-8"))
        for name, allowed in content.pop("values", {}).items():
            values[name] = tuple(dict.fromkeys(values.get(name, ()) + tuple(allowed)))
        for name, table in content.items():
            try:
                _add_relation(relations, name, table)
            except KeyError as missing:
                raise InvalidInputError(f"{file.name}: relation {name!r} lacks {missing}") from missing
    return relations, values


def _add_relation(relations: dict[str, Relation], name: str, table: dict[str, Any]) -> None:
    inverse = table.get("inverse")
    relations[name] = _relation(name, table, table["subject"], table["object"], inverse=inverse and inverse["name"])
    if inverse:
        relations[inverse["name"]] = _relation(
            inverse["name"], inverse, table["object"], table["subject"], inverse_of=name
        )


def _relation(
    name: str,
    table: dict[str, Any],
    subject_type: str,
    object_type: str,
    inverse: str | None = None,
    inverse_of: str | None = None,
) -> Relation:
    return Relation(
        name=name,
        subject_type=subject_type,
        object_type=object_type,
        noun=table["noun"],
        statements=tuple(table["statements"]),
        questions=tuple(table["questions"]),
        clozes=tuple(table["clozes"]),
        held_out=frozenset(table["held_out"]),
        clauses=tuple(table["clauses"]),
        inverse=inverse,
        inverse_of=inverse_of,
    )
