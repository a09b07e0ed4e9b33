"""Whether a question looks like one that an edit answers, told without the edit: what its form gives away.

A word model is fitted on questions about the world's training relations, in the sentences that the verifier was trained
with, the subject left out. Where it does well, a comparison measures how questions are made, and not how they are read.
"""

import random
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from kedit_memory.evaluation import negatives
from kedit_memory.evaluation.tasks.scope.cases import TRAINING
from kedit_memory.evaluation.tasks.scope.sets import part_of
from kedit_memory.world import Fact, World, load_world

_FACTS = 1500
_SUBJECT = "thesubject"


def looks_covered(questions: Sequence[str], subjects: Sequence[str]) -> list[bool]:
    """For each question whether an edit about its subject would seem to answer it."""
    texts = [
        text.replace(subject, _SUBJECT) if subject else text for text, subject in zip(questions, subjects, strict=True)
    ]
    return [bool(label) for label in _fitted().predict(texts)]


@cache
def _fitted() -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    texts, labels = zip(*_examples(load_world(), random.Random(1)), strict=True)  # noqa: S311 - a sample
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    return make_pipeline(words, LogisticRegression(class_weight="balanced", max_iter=1000)).fit(texts, labels)


def _examples(world: World, rng: random.Random) -> Iterator[tuple[str, bool]]:
    facts = [fact for fact in world.facts if part_of(fact.relation) == TRAINING]
    for fact in rng.sample(facts, min(_FACTS, len(facts))):
        own, other = (_wording(world, fact, rng) for _ in range(2))
        yield own, True
        yield negatives.in_passing(other, _SUBJECT, rng), True
        outside = (negatives.mention(_SUBJECT, rng), negatives.dropped(other, rng), negatives.negated(own, rng))
        yield from ((text, False) for text in outside if text)


def _wording(world: World, fact: Fact, rng: random.Random) -> str:
    relation = world.relations[fact.relation]
    return world.fill(rng.choice(relation.questions + relation.clozes), fact.subject).replace(fact.subject, _SUBJECT)
