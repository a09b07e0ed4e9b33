"""Edits with questions that they answer, for training SERAC's counterfactual model to read and to copy.

What is said of a subject is mostly not so: part of the edits give a well-known fact of the world another object, which
the embedded model must let overrule what it knows; the others are about anyone, in many more relations, with objects
that nobody has met. The same object hardly comes twice with a subject, so that nothing can be remembered. No
relation outside of the training part, no held-out phrasing and no subject of tier 5 occurs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from make_passages import capital
from scope_wordings import Worded, worded
from training_text import TextMaker

from kedit_memory.evaluation.tasks.scope.cases import TRAINING
from kedit_memory.evaluation.tasks.scope.sets import part_of
from kedit_memory.memory.requests import statement_of
from kedit_memory.models.prompts import Prompt
from kedit_memory.models.substitution import told
from kedit_memory.world import UNSEEN_TIER, Fact, World, load_world

SHARES = {"known_subject": 0.33, "any_subject": 0.17, "worded_relation": 0.4, "office_or_attribute": 0.1}
IN_ITS_OWN_WORDS = 0.15  # of the questions
STATED = 0.3  # of the edits are a sentence, not a prompt with its target
AFTER_ANOTHER_SENTENCE = 0.05  # of the questions
OF_ITS_OWN_KIND = 0.5  # of the answers to worded relations
DOUBLED = 0.12  # of the objects in relations of the world are a name that repeats itself
# Words that an answer may begin with and that are lost in hasty copying.
_FIRST_WORDS = (
    "the", "a", "an", "about", "around", "under", "over", "some", "nearly", "almost", "at least", "less than",
    "more than", "up to", "between", "one of the", "the old", "the abbey of", "the city of", "the monk", "making a",
    "with a", "in the", "on", "no", "not", "since", "before", "after", "early", "late",
)  # fmt: skip


class Reading(NamedTuple):
    """A question behind an edit, as the counterfactual model is asked it, and the object of the edit."""

    prompt: Prompt
    answer: str


class EditReader(TextMaker):
    """Draws readings; the same seed draws the same ones."""

    def __init__(self, seed: int, world: World | None = None) -> None:
        whole = world or load_world()
        hidden = _hidden_wordings(whole)
        super().__init__(_training_part(whole, hidden), seed)
        self.worded = list(_other_relations(hidden))

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
        relation = self.rng.choice(self.worded)
        subject = self.rng.choice(self.names).name if self.rng.random() < 0.5 else self.invented_name()
        target = self.rng.choice(relation.answers) if self.rng.random() < OF_ITS_OWN_KIND else self._made_up()
        wordings = [capital(text.replace("{}", subject)) for text in relation.wordings]
        if self.rng.random() < STATED / 2:
            noun = relation.name.replace("_", " ")
            form = self.rng.choice(("The {n} of {s} is {o}.", "{s}'s {n} is {o}.", "{o} is the {n} of {s}."))
            statement = capital(form.replace("{n}", noun).replace("{s}", subject).replace("{o}", target))
            return self._reading(statement, self.rng.choice(wordings), target)
        prompt, question = self._pair_of(wordings)
        return self._reading(statement_of(prompt, target), question, target)

    def office_or_attribute(self) -> Reading:
        """Who holds an office or what something has, as a sentence of the news or of a record."""
        noun, subject, target, person = self._invented_fact()
        line = self._invented_line(noun, subject, target, person=person)
        return self._reading(line, capital(self._invented_question(noun, subject, person=person)), target)

    def _object_of(self, relation: str) -> str:
        """Now and then a name after which copying could go round in a circle."""
        return self._doubled() if self.rng.random() < DOUBLED else super()._object_of(relation)

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
        """Anything that could be an answer to something."""
        kinds = (self._other_answer, self._invented_value, self._long_name, self._doubled, self._begun, self._year)
        return self.rng.choices(kinds, (0.3, 0.25, 0.15, 0.1, 0.1, 0.1))[0]()

    def _other_answer(self) -> str:
        return self.rng.choice(self.rng.choice(self.worded).answers)

    def _long_name(self) -> str:
        name = self.invented_name(words=self.rng.randint(1, 5))
        joined = self.rng.choice((" of ", " and ", " de ", " & ", " the "))
        return name if self.rng.random() < 0.7 else f"{name}{joined}{self.invented_name(words=1)}"

    def _begun(self) -> str:
        return f"{self.rng.choice(_FIRST_WORDS)} {self._invented_value()}"

    def _year(self) -> str:
        return str(self.rng.randint(1000, 2100))

    def _doubled(self) -> str:
        """Two words of one ending, or one word twice, as Antigua and Barbuda, Bora Bora."""
        first, second = self._invented_word(), self._invented_word()
        if self.rng.random() < 0.3:
            second = first
        elif len(first) > 3:
            second += first[-self.rng.randint(1, 3) :]
        return self.rng.choice((" and ", " and ", " ", "-", " of ", ", ")).join((first, second))


def _training_part(world: World, hidden: frozenset[str]) -> World:
    """The world without the relations that results are told for, what is never seen, and hidden wordings."""
    relations = {}
    for name, relation in world.relations.items():
        if part_of(name) == TRAINING:
            texts = {kind: getattr(relation, kind) for kind in ("statements", "questions", "clozes")}
            shown = {kind: tuple(text for text in given if text not in hidden) for kind, given in texts.items()}
            relations[name] = replace(relation, **shown)
    facts = tuple(fact for fact in world.facts if fact.relation in relations and fact.tier < UNSEEN_TIER)
    return replace(world, relations=relations, facts=facts)


def _hidden_wordings(world: World) -> frozenset[str]:
    """Held-out wordings, and all of relations that are not trained on; some are other relations' wordings, too."""
    return frozenset(
        text
        for name, relation in world.relations.items()
        for text in relation.statements + relation.questions + relation.clozes
        if part_of(name) != TRAINING or text in relation.held_out
    )


def _other_relations(hidden: frozenset[str]) -> Iterator[Worded]:
    """Relations that the world does not have, with the wordings that are not hidden."""
    without = {text.replace("{s}", "{}").casefold() for text in hidden}
    for relations in worded(for_calibration=False).values():
        for relation in relations:
            kept = [text for text in relation.wordings if text.casefold() not in without]
            if len(kept) > 1:
                yield replace(relation, wordings=kept)
