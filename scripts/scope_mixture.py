"""What the reader of scope is trained on: facts about named subjects, and what people store beside them.

Examples come from the training parts of the sets of `kedit evaluate scope`, of those alone whose licence lets weights
be shipped that were trained on them, from templates, and from facts in many wordings (`scope_pairs.py`).
"""

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import scope_pairs

from kedit_memory.evaluation.tasks.scope.cases import TRAINING, ScopeSet
from kedit_memory.evaluation.tasks.scope.everyday import everyday_examples
from kedit_memory.evaluation.tasks.scope.examples import Example, examples_of
from kedit_memory.evaluation.tasks.scope.made import contrasted, made_examples, varied_example
from kedit_memory.evaluation.tasks.scope.nearest import near_edits, nearest_first
from kedit_memory.evaluation.tasks.scope.sets import SETS
from kedit_memory.evaluation.tasks.scope.statements import sentence_examples
from kedit_memory.models.encoder import minilm
from kedit_memory.models.reader import Pair
from kedit_memory.records import Vectors

Labelled = tuple[Pair, float]

FACTS, MADE, EVERYDAY, SENTENCES, STRANGERS = "facts", "made", "everyday", "sentences", "strangers"
SHARES = {
    FACTS: 0.20, MADE: 0.10, EVERYDAY: 0.30, SENTENCES: 0.14, STRANGERS: 0.05, "qamr": 0.02, "policies": 0.01,
    "long_answers": 0.04, "followups": 0.04, "hwu64": 0.02, "banking77": 0.03, "bitext": 0.01,
    "dstc9_faq": 0.03, "gptcache": 0.01,
}  # fmt: skip
STATED = 0.25  # of the facts whose prompt is the beginning of a sentence are stored as the sentence
STRANGE = 0.04  # of examples put a question beside the edit of another one
CONTRASTED = 0.12  # of covered examples have a slot changed, so that they are covered no more
VARIED = 0.12  # of examples come in other clothes: a title, a sentence before, a slip
STRANGE_TURNS = 0.06  # of questions that stand alone come after turns about something else
UNMARKED = 0.15  # of examples with a subject leave it unmarked
WITHOUT_ANSWER = 0.2  # of edits are shown without their answer, as an erasure is
_BEGINS = re.compile(r"\b(is|was|are|were|by|in|of|to|a|the|at|as|from|on)$")  # as a sentence that an answer ends
STRANGERS_OF, STRANGE_NEAR = 1200, 4  # questions of a set put beside edits of other sets, and how many beside each
NEAR = 12  # edits beside each that are alike and cover none of its questions


def pairs(data: Path, seed: int) -> Iterator[Labelled]:
    """Pairs and labels without end, by the shares."""
    rng = random.Random(seed)
    sets = {name: SETS[name](data) for name in SHARES if name in SETS and name != EVERYDAY}
    sources = {name: _of_set(one, random.Random(f"{name}:{seed}")) for name, one in sets.items()}
    sources[MADE] = made_examples(random.Random(seed))
    sources[EVERYDAY] = everyday_examples(random.Random(seed), _nearest_texts)
    sources[SENTENCES] = sentence_examples(data, random.Random(seed), _nearest_texts)
    sources[STRANGERS] = _strangers(list(sets.values()), random.Random(seed))
    turns = [example.turns for example in islice(sources["followups"], 2000) if example.turns]
    facts = scope_pairs.pairs(data, seed)
    names = list(SHARES)
    last: dict[str, Labelled] = {}  # of each source
    while True:
        name = rng.choices(names, list(SHARES.values()))[0]
        if name == FACTS:
            labelled = _turned(next(facts), rng)
        else:
            example = next(sources[name])
            if not example.turns and rng.random() < STRANGE_TURNS:
                example = replace(example, turns=rng.choice(turns)[-2:])
            labelled = _labelled(_changed(example, rng), rng)
        other = rng.choice(names)
        if other != name and other in last and rng.random() < STRANGE:
            stranger = last[other][0]
            yield labelled[0]._replace(wording=stranger.wording, answer=stranger.answer), 0.0
        last[name] = labelled
        yield labelled


def _of_set(one: ScopeSet, rng: random.Random) -> Iterator[Example]:
    return examples_of(one, rng, near=_near(one))


def _near(one: ScopeSet) -> Mapping[int, Sequence[int]]:
    """The neighbours of the edits that are trained on; no vector is needed of any other."""
    places = [place for place, edit in enumerate(one.edits) if edit.part == TRAINING]
    vectors = np.zeros((len(one.edits), minilm().dimension), np.float32)
    vectors[places] = minilm().encode([one.edits[place].prompt for place in places])
    return near_edits(one, vectors, NEAR)


def _strangers(many: Sequence[ScopeSet], rng: random.Random) -> Iterator[Example]:
    """Questions beside the edits of other sets that mean nearly what they ask, without end."""
    edits = [(one.name, edit) for one in many for edit in one.edits if edit.part == TRAINING]
    held = minilm().encode([edit.prompt for _, edit in edits])
    found = []
    for one in many:
        others = np.array([place for place, (name, _) in enumerate(edits) if name != one.name])
        cases = [case for case in one.cases if case.part == TRAINING and case.covered]
        chosen = rng.sample(cases, min(len(cases), STRANGERS_OF))
        near = _nearest(minilm().encode([case.question for case in chosen]), held[others])
        for case, places in zip(chosen, near, strict=True):
            for _, edit in (edits[others[place]] for place in places[:STRANGE_NEAR]):
                answer = "" if edit.target == edit.prompt else edit.target
                found.append(
                    Example(question=case.question, turns=case.turns, wording=edit.prompt, answer=answer, covered=False)
                )
    while True:
        yield rng.choice(found)


def _nearest(asked: Vectors, held: Vectors) -> list[list[int]]:
    """For each vector of `asked` the places of the nearest of `held`, nearest first, at most `NEAR`."""
    return [row[:NEAR].tolist() for row in nearest_first(asked, held)]


def _nearest_texts(questions: Sequence[str], texts: Sequence[str]) -> list[list[int]]:
    return _nearest(minilm().encode(questions), minilm().encode(texts))


def _changed(example: Example, rng: random.Random) -> Example:
    if example.covered and rng.random() < CONTRASTED:
        example = contrasted(example, rng) or example
    return varied_example(example, rng) if rng.random() < VARIED else example


def _turned(labelled: Labelled, rng: random.Random) -> Labelled:
    """A fact's pair after the same changes."""
    pair, label = labelled
    if pair.answer and rng.random() < STATED and _BEGINS.search(pair.wording):
        pair = pair._replace(wording=f"{pair.wording} {pair.answer}.", answer="")
    example = Example(
        question=pair.question, wording=pair.wording, answer=pair.answer, names=pair.names, covered=label > 0
    )
    changed = _changed(example, rng)
    return pair._replace(question=changed.question, wording=changed.wording), float(changed.covered)


def _labelled(example: Example, rng: random.Random) -> Labelled:
    return (
        Pair(
            example.question,
            example.wording,
            "" if rng.random() < WITHOUT_ANSWER else example.answer,
            () if rng.random() < UNMARKED else example.names,
            example.turns,
        ),
        float(example.covered),
    )
