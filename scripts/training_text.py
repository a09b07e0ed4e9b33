"""Documents for training the embedded model: what it should know, and how it should read.

Almost half of the documents state facts of the world by their fame, so that recall falls with fame. The others, which
are longer, put edits or passages with fresh, mostly random objects before a question, so that reading pays and
remembering does not. Nothing of tier 5 and no held-out phrasing occurs.
"""

import random
from bisect import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from make_passages import capital, compose

from kedit_memory.models.formats import Trained, render
from kedit_memory.models.prompts import Prompt
from kedit_memory.world import UNSEEN_TIER, Entity, Fact, World

# How often a fact of each tier is stated, relative to each other.
TIER_WEIGHTS = {1: 80.0, 2: 10.0, 3: 2.5, 4: 0.5}

_ROLES = (
    "president", "prime minister", "chief executive", "mayor", "head coach", "captain", "director", "chairman",
    "owner", "manager", "king", "chancellor", "governor", "editor", "secretary", "ambassador", "leader", "dean",
    "host", "spokesperson", "conductor", "principal", "treasurer", "champion", "minister of finance", "head chef",
    "lead singer", "vice president", "foreign minister", "wife", "husband", "father", "mother", "teacher", "lawyer",
    "doctor", "mentor", "assistant", "successor", "rival", "best friend", "agent", "architect in charge",
)  # fmt: skip
_ATTRIBUTES = (
    "phone number", "favourite colour", "motto", "nickname", "mascot", "official flower", "postal code", "address",
    "home town", "favourite food", "main export", "largest port", "national bird", "birthday", "email address",
    "access code", "middle name", "maiden name", "employer", "job", "hobby", "salary", "shoe size", "room number",
    "main rival", "slogan", "ticker symbol", "parent company", "main product", "highest point", "best-known work",
    "time zone", "patron saint", "flagship store", "biggest sponsor", "home ground", "latest model", "latest version",
    "default port", "file extension", "licence", "code name", "birthplace", "native language", "religion", "team",
    "favourite book", "car", "dog's name", "street", "password hint", "blood type", "starting date", "closing date",
    "opening time", "price", "length", "height", "weight", "population", "area", "capacity", "top speed", "budget",
)  # fmt: skip
_SYLLABLES = (
    "ba be bo bri ca cha da del dor dra el en fa fen fi gal gor ha hol in is ja jor ka kel kor la lan lin lo lu ma mar "
    "mel mi mon na nel no nor o or pa per pol qua ra ren ri ro sa sel sha sol sta su ta ten tor tri ul va ver vi vol "
    "wa wes win xa ya yor za zel ton ville berg land field ford wick stein mann sen dez ski kov etti ana ira eau"
).split()


@dataclass(frozen=True, kw_only=True)
class Document:
    """A text in three parts; only the last two count in the loss, the prompt with its own weight."""

    context: str = ""
    prompt: str
    answer: str
    prompt_weight: float = 0.3


# Shares of each kind of document. Reading begins with copying: until it has appeared, edits stand alone, half of them
# before a question in their own words.
WARM_UP = {"closed_book": 0.35, "edit_before_question": 0.45, "invented_relation": 0.2}
MAIN = {
    "closed_book": 0.31,
    "edit_before_question": 0.2,
    "invented_relation": 0.03,
    "passages_before_question": 0.39,
    "two_hops": 0.02,
    "idle_context": 0.04,
    "prose": 0.01,
}


class _Mixture:
    """Draws a document of a kind by its share."""

    def __init__(self, maker: "TextMaker", shares: dict[str, float]) -> None:
        self._kinds = [getattr(maker, kind) for kind in shares]
        self._weights = list(accumulate(shares.values()))

    def draw(self, rng: random.Random) -> Document:
        """A document."""
        kind: Document = self._kinds[bisect(self._weights, rng.random() * self._weights[-1])]()
        return kind


class TextMaker:
    """Draws documents; the same seed draws the same documents."""

    def __init__(self, world: World, seed: int, running_text: Sequence[str] = ()) -> None:
        self.world = world
        self.rng = random.Random(seed)
        self.running_text = running_text
        self.facts = [f for f in world.facts if f.tier < UNSEEN_TIER]
        self._weights = list(accumulate(TIER_WEIGHTS[f.tier] for f in self.facts))
        self.pools = {
            name: [o for o in objects if o not in world.entities or world.entities[o].tier < UNSEEN_TIER]
            for name, objects in world.objects.items()
        }
        self.relations = sorted(self.pools)
        self.forward = [name for name in self.relations if not world.relations[name].inverse_of]
        self.by_type: dict[str, list[str]] = {}
        for relation in self.relations:
            self.by_type.setdefault(world.relations[relation].subject_type, []).append(relation)
        self.names = [e for e in world.entities.values() if e.tier < UNSEEN_TIER]
        self.names_by_type: dict[str, list[Entity]] = {}
        for entity in self.names:
            self.names_by_type.setdefault(entity.type, []).append(entity)
        self._words = sorted({w for e in self.names for w in e.name.split() if w[:1].isupper() and len(w) > 3})
        self.warming_up = False
        self._mixtures = {True: _Mixture(self, WARM_UP), False: _Mixture(self, MAIN)}

    def __iter__(self) -> Iterator[Document]:
        while True:
            yield self._mixtures[self.warming_up].draw(self.rng)

    # What the model should know.

    def known_fact(self) -> Fact:
        """A seen fact, by its tier's weight."""
        return self.facts[bisect(self._weights, self.rng.random() * self._weights[-1])]

    def closed_book(self) -> Document:
        """A fact with nothing before it: a statement, an answered question or a completed cloze."""
        fact = self.known_fact()
        relation = self.world.relations[fact.relation]
        subject = self._called(fact.subject)
        if self.rng.random() < 0.25:
            statement = self.rng.choice(relation.training_statements())
            text = self.world.fill(statement, subject, fact.object)
            head, found, tail = text.partition(fact.object)
            if not found or not head:
                return Document(prompt="", answer=text, prompt_weight=0.0)
            # The words before the object do not count: "X lies in" is a cloze prompt, not the start of "the city of Y".
            return Document(prompt=head.rstrip(), answer=" " + fact.object + tail, prompt_weight=0.0)
        question = self.world.fill(self.rng.choice(relation.phrasings(held_out=False)), subject)
        return self._asked(question, fact.object)

    def prose(self) -> Document:
        """A stretch of running text."""
        if not self.running_text:
            return self.closed_book()
        return Document(prompt="", answer=self.rng.choice(self.running_text), prompt_weight=0.0)

    # How it should read.

    def edit_before_question(self) -> Document:
        """An edit, often among others, before the same fact: in its own words, or mostly in others."""
        fact = self._fresh_fact()
        if self.rng.random() < (0.5 if self.warming_up else 0.12):
            question = self._question(fact)
            return self._asked(question, fact.object, facts=[_pair(question, fact.object), *self._other_lines(fact)])
        lines = [self._edit_line(fact), *self._other_lines(fact)]
        passages = []
        if fact.relation in self.forward and self.rng.random() < 0.12:  # an edit overrides an older passage
            passages.append(self._passage(fact.subject, fact.relation, self._object_of(fact.relation)))
        self.rng.shuffle(lines)
        return self._asked(self._question(fact), fact.object, facts=lines, passages=passages)

    def passages_before_question(self) -> Document:
        """A paragraph that holds the answer, alone or among up to three others."""
        fact = self._fresh_fact(forward=True)
        texts = [self._passage(fact.subject, fact.relation, fact.object)]
        for _ in range(self.rng.choice((0, 0, 1, 2, 3, 3, 3, 3))):
            other = self._retrieved_beside(fact)
            texts.append(self._passage(other.subject, other.relation, other.object))
        self.rng.shuffle(texts)
        return self._asked(self._question(fact), fact.object, passages=texts)

    def two_hops(self) -> Document:
        """Two facts in a row, shuffled, before a question that needs both."""
        while True:
            first = self.world.relations[self.rng.choice(self.relations)]
            if self.by_type.get(first.object_type):
                break
        second = self.rng.choice(self.by_type[first.object_type])
        subject, middle = self._subject_of(first.subject_type), self._subject_of(first.object_type)
        target = self._object_of(second)
        chain = [
            Fact(subject=subject, relation=first.name, object=middle, tier=1),
            Fact(subject=middle, relation=second, object=target, tier=1),
        ]
        lines = [self._edit_line(f) for f in chain + [self._distractor(chain[1]) for _ in range(self._few())]]
        self.rng.shuffle(lines)
        through = first.noun.replace("{s}", subject)
        phrasing = self.rng.choice(self.world.relations[second].phrasings(held_out=False))
        return self._asked(self.world.fill(phrasing, through), target, facts=lines)

    def idle_context(self) -> Document:
        """Facts or a passage about something else before a question that the model can answer itself."""
        fact = self.known_fact()
        others = [self._distractor(fact) for _ in range(self.rng.choice((1, 1, 2, 3)))]
        question = self.world.fill(
            self.rng.choice(self.world.relations[fact.relation].phrasings(held_out=False)), self._called(fact.subject)
        )
        if self.rng.random() < 0.5:
            return self._asked(question, fact.object, facts=[self._edit_line(f) for f in others])
        texts = [self._passage(f.subject, f.relation, f.object) for f in others if f.relation in self.forward]
        return self._asked(question, fact.object, passages=texts)

    def invented_relation(self) -> Document:
        """An edit under a relation that the world does not have: an office, a number, a nickname."""
        noun, subject, target, person = self._invented_fact()
        lines = [self._invented_line(noun, subject, target, person=person)]
        for _ in range(self._few()):
            roll = self.rng.random()
            if roll < 0.35:
                other = self.rng.choice(_ROLES if person else _ATTRIBUTES)
                if other != noun:
                    lines.append(self._invented_line(other, subject, self._invented_value(), person=person))
            elif roll < 0.7:
                lines.append(self._invented_line(noun, self.invented_name(), self._invented_value(), person=person))
            else:
                lines.append(self._edit_line(self._fresh_fact()))
        self.rng.shuffle(lines)
        return self._asked(self._invented_question(noun, subject, person=person), target, facts=lines)

    # The pieces.

    def _asked(
        self,
        question: str,
        answer: str,
        facts: Sequence[str] = (),
        passages: Sequence[str] = (),
    ) -> Document:
        question = capital(question)
        prompt = render(question)
        context = render(question, facts=facts, passages=passages).removesuffix(prompt)
        return Document(context=context, prompt=prompt, answer=continued(question, answer))

    def _question(self, fact: Fact) -> str:
        phrasings = self.world.relations[fact.relation].phrasings(held_out=False)
        return self.world.fill(self.rng.choice(phrasings), fact.subject)

    def _edit_line(self, fact: Fact) -> str:
        """A fact in one of the forms in which a memory holds it."""
        relation = self.world.relations[fact.relation]
        roll = self.rng.random()
        if roll < 0.45:
            return self.world.fill(self.rng.choice(relation.training_statements()), fact.subject, fact.object)
        if roll < 0.55:
            return f"The {fact.relation.replace('_', ' ')} of {fact.subject} is {fact.object}."
        return _pair(self._question(fact), fact.object)

    def _other_lines(self, fact: Fact) -> list[str]:
        return [self._edit_line(self._distractor(fact)) for _ in range(self._few())]

    def _invented_fact(self) -> tuple[str, str, str, bool]:
        """Noun, subject and object of a relation that the world does not have, and whether it is held by a person."""
        person = self.rng.random() < 0.5
        noun = self.rng.choice(_ROLES if person else _ATTRIBUTES)
        subject = self.invented_name() if self.rng.random() < 0.5 else self._called(self.rng.choice(self.names).name)
        return noun, subject, self.invented_name(words=2) if person else self._invented_value(), person

    def _invented_question(self, noun: str, subject: str, *, person: bool) -> str:
        patterns = ["What is the {n} of {s}?", "What is {s}'s {n}?", "The {n} of {s} is", "{s}'s {n} is",
                    "Tell me the {n} of {s}.", "Do you know the {n} of {s}?"]  # fmt: skip
        if person:
            patterns += ["Who is the {n} of {s}?", "Who is {s}'s {n}?", "Who is now the {n} of {s}?",
                         "Who's the {n} of {s}?", "Name the {n} of {s}."]  # fmt: skip
        return self.rng.choice(patterns).replace("{n}", noun).replace("{s}", subject)

    def _invented_line(self, noun: str, subject: str, target: str, *, person: bool) -> str:
        year = self.rng.randint(1990, 2030)
        patterns = ["The {n} of {s} is {o}.", "{s}'s {n} is {o}.", "{o} is the {n} of {s}.",
                    "What is the {n} of {s}? {o}", "The {n} of {s} is now {o}."]  # fmt: skip
        if person:
            patterns += ["{o} became {n} of {s} in {y}.", "{o} has been the {n} of {s} since {y}.",
                         "Who is the {n} of {s}? {o}", "In {y}, {o} was named {n} of {s}.",
                         "{o} became the new {n} of {s}."]  # fmt: skip
        text = self.rng.choice(patterns).replace("{n}", noun).replace("{y}", str(year))
        return capital(text.replace("{s}", subject).replace("{o}", target))

    def _fresh_fact(self, *, forward: bool = False) -> Fact:
        relation = self.rng.choice(self.forward if forward else self.relations)
        subject = self._subject_of(self.world.relations[relation].subject_type)
        return Fact(subject=subject, relation=relation, object=self._object_of(relation), tier=1)

    def _distractor(self, fact: Fact) -> Fact:
        """Another fact: of the same relation, of the same subject, or of neither."""
        roll = self.rng.random()
        kind = self.world.relations[fact.relation].subject_type
        if roll < 0.45:
            relation, subject = fact.relation, self._subject_of(kind, unlike=fact.subject)
        elif roll < 0.75 and len(self.by_type[kind]) > 1:
            relation = self.rng.choice([r for r in self.by_type[kind] if r != fact.relation])
            subject = fact.subject
        else:
            relation = ""
        if not relation:
            return self._fresh_fact()
        return Fact(subject=subject, relation=relation, object=self._object_of(relation), tier=1)

    def _retrieved_beside(self, fact: Fact) -> Fact:
        """A fact as a search for `fact` brings it up: of the same relation, of a like name, or mentioning the subject.

        Never one about the subject itself, whose paragraph holds all of its facts.
        """
        kind = self.world.relations[fact.relation].subject_type
        roll = self.rng.random()
        if roll < 0.65:
            like = self.rng.random() < 0.35
            subject = self._name_like(fact.subject) if like else self._subject_of(kind, unlike=fact.subject)
            return Fact(subject=subject, relation=fact.relation, object=self._object_of(fact.relation), tier=1)
        mentioning = [r for r in self.forward if self.world.relations[r].object_type == kind]
        if roll < 0.8 and mentioning:
            relation = self.rng.choice(mentioning)
            subject = self._subject_of(self.world.relations[relation].subject_type, unlike=fact.subject)
            return Fact(subject=subject, relation=relation, object=fact.subject, tier=1)
        return self._fresh_fact(forward=True)

    def _name_like(self, name: str) -> str:
        """Another name that has a word of this one."""
        word = self.rng.choice(name.split())
        other = self._invented_word()
        return f"{word} {other}" if self.rng.random() < 0.5 else f"{other} {word}"

    def _passage(self, subject: str, relation: str, target: str) -> str:
        kind = self.world.relations[relation].subject_type
        known = self.world.entities.get(subject)
        aliases = known.aliases if known else ((self.invented_name(),) if self.rng.random() < 0.2 else ())
        entity = Entity(name=subject, type=kind, tier=1, aliases=aliases)
        others = [r for r in self.by_type[kind] if r != relation and not self.world.relations[r].inverse_of]
        chosen = self.rng.sample(others, min(len(others), self.rng.randint(0, 5)))
        facts = [Fact(subject=subject, relation=relation, object=target, tier=1)]
        facts += [Fact(subject=subject, relation=r, object=self._object_of(r), tier=1) for r in chosen]
        nouns = self.world.nouns.get(kind, ("thing",))
        return compose(entity, facts, self.world, nouns, self.rng)

    def _subject_of(self, kind: str, unlike: str = "") -> str:
        """A seen entity of a type, or a name that nobody has."""
        pool = self.names_by_type.get(kind)
        name = unlike
        while name == unlike:
            if pool and self.rng.random() < 0.5:
                name = self._called(self.rng.choice(pool).name)
            elif pool or self.rng.random() < 0.4:
                name = self.invented_name()
            else:  # a value such as a symbol: only an inverse relation has one as its subject
                name = self.rng.choice(self.world.values.get(kind) or (self._invented_value(),))
        return name

    def _object_of(self, relation: str) -> str:
        kind = self.world.relations[relation].object_type
        roll = self.rng.random()
        if kind == "year":
            return str(self.rng.randint(1000, 2030))
        if kind == "number":
            return str(self.rng.randint(1, 999))
        if roll < 0.6:
            return self.rng.choice(self.pools[relation])
        if 0.75 <= roll < 0.95 or (roll < 0.75 and kind not in self.names_by_type):
            return self.invented_name(words=2 if kind == "person" else None)
        return self.rng.choice(self.names_by_type[kind] if roll < 0.75 else self.names).name

    def _called(self, name: str) -> str:
        """A name, or now and then one of its aliases."""
        entity = self.world.entities.get(name)
        if entity and entity.aliases and self.rng.random() < 0.15:
            return self.rng.choice(entity.aliases)
        return name

    def invented_name(self, words: int | None = None) -> str:
        """A name that nobody has, of one to three words unless their number is given."""
        count = words or self.rng.choice((1, 1, 2, 2, 3))
        return " ".join(self._invented_word() for _ in range(count))

    def _invented_word(self) -> str:
        if self.rng.random() < 0.45:
            return self.rng.choice(self._words)
        return "".join(self.rng.choices(_SYLLABLES, k=self.rng.randint(2, 3))).capitalize()

    def _invented_value(self) -> str:
        roll = self.rng.random()
        if roll < 0.45:
            return self.invented_name()
        if roll < 0.65:
            return str(self.rng.randint(1, 10 ** self.rng.randint(1, 6)))
        if roll < 0.8:
            return f"{self.rng.randint(100, 999)}-{self.rng.randint(1000, 9999)}"
        if roll < 0.86:
            return f"{self._invented_word().lower()}@{self._invented_word().lower()}.org"
        return self.rng.choice(self.pools[self.rng.choice(self.relations)])

    def _few(self) -> int:
        return 0 if self.warming_up else self.rng.choice((0, 0, 0, 1, 1, 2, 3))


def _pair(question: str, answer: str) -> str:
    """A question or cloze prompt with its answer, as a memory holds it."""
    return question + continued(question, answer)


def continued(question: str, answer: str) -> str:
    """The text with which a trained model that gives `answer` goes on."""
    return Trained().continuation(Prompt(question=question), answer)
