"""Questions to which a model's own recall and retrieved passages give different answers: the world and two public sets.

A set brings its questions with what a gate may use of them: the linker, the table of popularity, the phrasings of its
relations and its passages. Questions with one `group` share a subject and stay on one side of every split.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kedit_memory.errors import InvalidInputError
from kedit_memory.evaluation.datasets import entityquestions, popqa
from kedit_memory.evaluation.datasets.asked import EntityQuestion
from kedit_memory.evaluation.datasets.public import folder_of, read_json, read_json_lines
from kedit_memory.popularity.table import PopularityTable
from kedit_memory.records import Passage
from kedit_memory.routing.gate.relations import SLOT, RelationClassifier
from kedit_memory.routing.gate.signals import Sources
from kedit_memory.routing.link import Linker, surfaces_of
from kedit_memory.text import fold
from kedit_memory.world import UNSEEN_TIER, Fact, World, background, load_world, world_folder

DIRECT, HELD_OUT, ALIAS, REVERSED, TWO_HOP = "direct", "held_out", "alias", "reversed", "two_hop"
KINDS = (DIRECT, HELD_OUT, ALIAS, REVERSED, TWO_HOP)  # of the world's questions, equally many of each
_CORPUS = "wiki_passages"
_Facts = tuple[Fact, ...]  # one, or two in a row


@dataclass(frozen=True, kw_only=True)
class AdaptiveQuestion:
    """A question with its accepted answers.

    Attributes:
        text: the question or cloze prompt.
        answers: that count, the object first, then its aliases.
        kind: see `KINDS`; the relation in a public set.
        stratum: `tier_1` to `tier_5` in the world, empty elsewhere.
        group: what must not be on both sides of a split.
        gold: titles of the passages that hold the answer, any of them; empty where that is unknown.
    """

    text: str
    answers: tuple[str, ...]
    kind: str
    stratum: str = ""
    group: str
    gold: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class AdaptiveSet:
    """Questions with all that answers and gates need; `source` is the file or folder whose bytes name the data."""

    name: str
    questions: tuple[AdaptiveQuestion, ...]
    passages: tuple[Passage, ...]
    linker: Linker
    sources: Sources
    source: Path | None


def world_set(_: Path | None, *, questions: int, seed: int, even: bool = False) -> AdaptiveSet:
    """As many questions of each kind, all answered by the shipped passages.

    `direct` asks in a phrasing that the model was trained on, `held_out` in one that it was not, `alias` by another
    name of the subject; `reversed` asks an inverse relation, `two_hop` names its subject by another fact. Subjects of
    tier n are asked about 1/n as often as those of tier 1 (Zipf's law, which page views follow), or, where `even`, all
    tiers equally often.
    """
    world = load_world()
    known = background(world)
    rng = random.Random(f"world:{seed}")  # noqa: S311 - a sample, no secret
    makers = _Makers(world)
    tiers = range(1, UNSEEN_TIER + 1)
    cells = {(kind, tier): 1.0 if even else 1 / tier for kind in KINDS for tier in tiers}
    drawn: list[AdaptiveQuestion] = []
    left = sum(cells.values())
    for (kind, tier), weight in cells.items():
        drawn += makers.draw(kind, tier, round((questions - len(drawn)) * weight / left), rng)
        left -= weight
    return AdaptiveSet(
        name="world",
        questions=tuple(drawn),
        passages=known.passages,
        linker=Linker.of(surfaces_of(known.aliases)),
        sources=Sources(table=known.popularity, relations=RelationClassifier(known.phrasings)),
        source=world_folder(),
    )


class _Makers:
    """Makes the world's questions of each kind."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._objects: dict[tuple[str, str], list[str]] = defaultdict(list)  # every answer of a slot
        for fact in world.facts:
            self._objects[fact.subject, fact.relation].append(fact.object)
        owners: dict[str, set[str]] = defaultdict(set)
        for surface, name in surfaces_of({name: entity.aliases for name, entity in world.entities.items()}):
            owners[fold(surface)].add(name)
        self._own = {surface for surface, names in owners.items() if len(names) == 1}  # that mean one entity
        self._facts = [fact for fact in world.facts if fold(fact.subject) in self._own or self._is_reversed(fact)]
        self._chains: list[_Facts] = [(a, b) for a, b in world.chains() if not self._is_reversed(a)]

    def draw(self, kind: str, tier: int, count: int, rng: random.Random) -> list[AdaptiveQuestion]:
        """At most `count` questions, no two alike."""
        pool = [
            (one, phrasing)
            for one in self._pool(kind)
            if one[0].tier == tier
            for phrasing in self.world.relations[one[-1].relation].phrasings(held_out=kind == HELD_OUT)
        ]
        return [self._question(kind, *chosen, rng) for chosen in rng.sample(pool, min(count, len(pool)))]

    def _pool(self, kind: str) -> Sequence[_Facts]:
        if kind == TWO_HOP:
            return self._chains
        return [
            (fact,)
            for fact in self._facts
            if self._is_reversed(fact) == (kind == REVERSED) and (kind != ALIAS or self._aliases(fact))
        ]

    def _question(self, kind: str, one: _Facts, phrasing: str, rng: random.Random) -> AdaptiveQuestion:
        first, fact = one[0], one[-1]
        subject = rng.choice(self._aliases(fact)) if kind == ALIAS else fact.subject
        if kind == TWO_HOP:
            subject = self.world.put(self.world.relations[first.relation].noun, "{s}", first.subject)
        group = fact.object if kind == REVERSED else first.subject
        return AdaptiveQuestion(
            text=self.world.fill(phrasing, subject),
            answers=self._answers(fact),
            kind=kind,
            stratum=f"tier_{first.tier}",
            group=group,
            gold=frozenset({fact.subject, fact.object} if kind == REVERSED else {fact.subject}),
        )

    def _answers(self, fact: Fact) -> tuple[str, ...]:
        objects = self._objects[fact.subject, fact.relation]
        aliases = [
            alias for name in objects if name in self.world.entities for alias in self.world.entities[name].aliases
        ]
        return tuple(dict.fromkeys([fact.object, *objects, *aliases]))

    def _aliases(self, fact: Fact) -> list[str]:
        entity = self.world.entities.get(fact.subject)
        return [alias for alias in entity.aliases if fold(alias) in self._own] if entity else []

    def _is_reversed(self, fact: Fact) -> bool:
        return self.world.relations[fact.relation].inverse_of is not None


def popqa_set(data: Path | None, *, questions: int, seed: int) -> AdaptiveSet:
    """PopQA (Mallen et al., ACL 2023): the rows of all 16 relations that come with page views."""
    folder = folder_of(data, "popqa")
    rows = popqa.questions(folder)
    chosen = random.Random(f"popqa:{seed}").sample(rows, min(questions, len(rows)))  # noqa: S311 - a sample
    views: dict[str, float] = {}
    for one in chosen:
        if one.views is not None:
            views[one.subject] = max(one.views, views.get(one.subject, 0.0))
    return _public("popqa", popqa.file_of(folder), chosen, PopularityTable.of_views(views), _corpus(data))


def entity_questions_set(data: Path | None, *, questions: int, seed: int) -> AdaptiveSet:
    """EntityQuestions (Sciavolino et al., EMNLP 2021), its development part, as many of each relation; no views."""
    folder = folder_of(data, "entityquestions")
    rng = random.Random(f"entityquestions:{seed}")  # noqa: S311 - a sample
    asked: list[EntityQuestion] = []
    by_relation = entityquestions.questions(folder)
    for number, found in enumerate(by_relation.values()):
        wanted = (questions - len(asked)) // (len(by_relation) - number)
        asked += rng.sample(found, min(wanted, len(found)))
    return _public("entityquestions", folder / "dev", asked, PopularityTable({}), _corpus(data))


SETS: Mapping[str, Callable[..., AdaptiveSet]] = {
    "world": world_set,
    "popqa": popqa_set,
    "entityquestions": entity_questions_set,
}


def _public(
    name: str,
    source: Path,
    asked: Sequence[EntityQuestion],
    table: PopularityTable,
    passages: tuple[Passage, ...],
) -> AdaptiveSet:
    """A set of questions about entities."""
    if not asked:
        raise InvalidInputError(f"{source} holds no question; fetch the set again")
    phrasings = {(one.relation, one.text.replace(one.subject, SLOT)) for one in asked}
    return AdaptiveSet(
        name=name,
        questions=tuple(
            AdaptiveQuestion(text=one.text, answers=one.answers, kind=one.relation, group=one.subject) for one in asked
        ),
        passages=passages,
        linker=Linker.of((one.subject, one.subject) for one in asked),
        sources=Sources(table=table, relations=RelationClassifier(phrasings)),
        source=source,
    )


def _corpus(data: Path | None) -> tuple[Passage, ...]:
    """The passages of all files with titles and texts in the folder of passages, each text once."""
    folder = folder_of(data, _CORPUS)
    texts: dict[str, str] = {}
    for file in sorted(folder.glob("*.json*")):
        for title, text in _titled(file):
            texts.setdefault(text, title)
    if not texts:
        raise InvalidInputError(f"{folder} holds no passage; give files of objects with a title and a text")
    return tuple(Passage(id=f"w{number}", title=title, text=text) for number, (text, title) in enumerate(texts.items()))


def _titled(file: Path) -> Iterator[tuple[str, str]]:
    """Titles and texts of a file's rows; rows of another form, such as questions, hold none."""
    for row in read_json_lines(file) if file.suffix == ".jsonl" else read_json(file):
        text = row.get("text") or row.get("paragraph")
        if isinstance(row.get("title"), str) and isinstance(text, str):
            yield row["title"], text
