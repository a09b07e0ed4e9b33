"""Edits with questions that they answer, for training SERAC's counterfactual model to read and to copy.

What is said of a subject is mostly not so: half of the edits give a well-known fact of the world another object, which
the embedded model must let overrule what it knows; the others are about anyone, in many more relations, with objects
that nobody has met. The same object hardly comes twice with a subject, so that nothing can be remembered. No
relation outside of the training part and no held-out phrasing occurs, and no subject of tier 5.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from make_passages import capital
from scope_wordings import Worded, worded
from training_text import TextMaker

from kedit_memory.evaluation.scope.sets import TRAINING, part_of
from kedit_memory.memory.add import statement_of
from kedit_memory.models.prompts import Prompt
from kedit_memory.models.substitution import told
from kedit_memory.world import UNSEEN_TIER, Fact, World, load_world

SHARES = {"known_subject": 0.45, "any_subject": 0.2, "worded_relation": 0.35}
IN_ITS_OWN_WORDS = 0.15  # of the questions
STATED = 0.3  # of the edits are a sentence, not a prompt with its target
AFTER_ANOTHER_SENTENCE = 0.05  # of the questions
_SHORT_ANSWERS = 0.5  # of those to worded relations are of the relation's own kind


class Reading(NamedTuple):
    """A question behind an edit, as the counterfactual model is asked it, and the object of the edit."""

    prompt: Prompt
    answer: str


class EditReader(TextMaker):
    """Draws readings; the same seed draws the same ones."""

    def __init__(self, seed: int, world: World | None = None) -> None:
        whole = world or load_world()
        super().__init__(_training_part(whole), seed)
        self.hidden = _hidden_wordings(whole)
        self.names_of_all = [entity.name for entity in self.names]
        self.worded = [(type_, each) for type_, each in _distinct_relations(self.hidden)]

    def readings(self) -> Iterator[Reading]:
        """Without end, by the shares."""
        kinds = [getattr(self, kind) for kind in SHARES]
        while True:
            yield self.rng.choices(kinds, list(SHARES.values()))[0]()

    def known_subject(self) -> Reading:
        """A fact by its subject's fame, with another object."""
        fact = self.known_fact()
        target = fact.object
        while target == fact.object:
            target = self._object_of(fact.relation)
        return self._of_world(replace(fact, object=target))

    def any_subject(self) -> Reading:
        """A relation of the world about a subject of the right type or a name that nobody has."""
        return self._of_world(self._fresh_fact())

    def worded_relation(self) -> Reading:
        """A relation that the world does not have, of a subject of any kind."""
        _, relation = self.rng.choice(self.worded)
        subject = self.rng.choice(self.names_of_all) if self.rng.random() < 0.5 else self.invented_name()
        target = self.rng.choice(relation.answers) if self.rng.random() < _SHORT_ANSWERS else self._made_up()
        wordings = [capital(text.replace("{}", subject)) for text in relation.wordings]
        if self.rng.random() < STATED / 2:
            noun = relation.name.replace("_", " ")
            form = self.rng.choice(("The {n} of {s} is {o}.", "{s}'s {n} is {o}.", "{o} is the {n} of {s}."))
            statement = capital(form.replace("{n}", noun).replace("{s}", subject).replace("{o}", target))
            return self._reading(statement, self.rng.choice(wordings), target)
        prompt, question = self._pair_of(wordings)
        return self._reading(statement_of(prompt, target), question, target)

    def _of_world(self, fact: Fact) -> Reading:
        relation = self.world.relations[fact.relation]
        phrasings = [self.world.fill(text, fact.subject) for text in relation.phrasings(held_out=False)]
        if self.rng.random() < STATED:
            named = f"The {relation.name.replace('_', ' ')} of {{s}} is {{o}}."  # as a memory words it
            form = self.rng.choice([*relation.training_statements(), named])
            statement = self.world.fill(form, fact.subject, fact.object)
            return self._reading(statement, self.rng.choice(phrasings), fact.object)
        prompt, question = self._pair_of(phrasings)
        return self._reading(statement_of(prompt, fact.object), question, fact.object)

    def _pair_of(self, wordings: Sequence[str]) -> tuple[str, str]:
        """An edit's prompt and a question, mostly in other words."""
        prompt = self.rng.choice(wordings)
        if self.rng.random() < IN_ITS_OWN_WORDS or len(wordings) == 1:
            return prompt, prompt
        return prompt, self.rng.choice([text for text in wordings if text != prompt])

    def _reading(self, statement: str, question: str, target: str) -> Reading:
        if self.rng.random() < AFTER_ANOTHER_SENTENCE:
            other = self._fresh_fact()
            form = self.rng.choice(self.world.relations[other.relation].training_statements())
            question = f"{self.world.fill(form, other.subject, other.object)} {question}"
        return Reading(told(Prompt(question=question), statement), target)

    def _made_up(self) -> str:
        """A name of up to five words, a number, a year, an address, or an answer to something else."""
        roll = self.rng.random()
        if roll < 0.3:
            return self.rng.choice(self.rng.choice(self.worded)[1].answers)
        if roll < 0.55:
            return self._invented_value()
        if roll < 0.7:
            return str(self.rng.randint(1000, 2100))
        name = self.invented_name(words=self.rng.randint(1, 5))
        joined = self.rng.choice((" of ", " and ", " de ", " & ", " the "))
        return name if self.rng.random() < 0.7 else f"{name}{joined}{self.invented_name(words=1)}"


def _training_part(world: World) -> World:
    """The world without the relations that results are told for, and without what is never seen."""
    return replace(
        world,
        relations={name: one for name, one in world.relations.items() if part_of(name) == TRAINING},
        facts=tuple(fact for fact in world.facts if part_of(fact.relation) == TRAINING and fact.tier < UNSEEN_TIER),
    )


def _hidden_wordings(world: World) -> frozenset[str]:
    """Held-out phrasings, with {} for the subject, and all phrasings of relations that are not trained on."""
    hidden = set()
    for relation in world.relations.values():
        texts = relation.held_out if part_of(relation.name) == TRAINING else relation.questions + relation.clozes
        hidden |= {text.replace("{s}", "{}").casefold() for text in texts}
    return frozenset(hidden)


def _distinct_relations(hidden: frozenset[str]) -> Iterator[tuple[str, Worded]]:
    for type_, relations in worded(for_calibration=False).items():
        for relation in relations:
            kept = [text for text in relation.wordings if text.casefold() not in hidden]
            if len(kept) > 1:
                yield type_, replace(relation, wordings=kept)
