"""An edit's question in other clothes: after other words, misspelt, turned round, denied, confirmed, chosen from.

What counts is said by each kind. After a prefix, in a dialogue, with a slip, from choices: the new answer. Of the
question turned round: the subject. Of "is it so?": yes of the new answer, no of the old one, or the new one said. Of
the question denied the new answer is the one that is wrong: its `rate` is how often it is said all the same.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import replace

from kedit_memory.evaluation import negatives
from kedit_memory.evaluation.case import GENERALIZATION, PORTABILITY, Case, Question
from kedit_memory.evaluation.tasks.asked.answers import OBTAINED
from kedit_memory.evaluation.tasks.asked.choices import NO, YES, offered
from kedit_memory.evaluation.tasks.asked.sets import Chosen, Read, public
from kedit_memory.evaluation.tasks.compare.cases import REVERSED, world_cases
from kedit_memory.questions import is_cloze
from kedit_memory.world import load_world

_ASIDES = 3  # sentences of a prefix


def robust(case: Case) -> Case | None:
    """The case with its own question in other clothes; None where it has no subject or no old answer to tell apart."""
    own, subject = case.own, case.edit.subject
    if not subject or subject not in own.text or not own.truth:
        return None
    rng = random.Random(own.text)  # noqa: S311 - a reproducible sample
    turned = [one for one in case.questions if one.kind == REVERSED]
    return replace(case, questions=(own, *_asked(own, subject, rng), *turned, *_confirmed(own), _denied(own, rng)))


def _asked(own: Question, subject: str, rng: random.Random) -> Iterator[Question]:
    """The same question, which has the same answer."""
    same = replace(own, metric=GENERALIZATION)
    frames = negatives.HELD_OUT
    aside = rng.choice(frames.asides)
    texts = {
        "prefix": " ".join((*rng.sample(frames.asides, _ASIDES), own.text)),
        "dialogue": f"User: {aside} Assistant: I see. User: {own.text}",
        "mention": f"{negatives.mention(subject, rng, frames)} {own.text}",
        "misspelt": negatives.misspelt(own.text, subject, rng),
    }
    yield from (replace(same, text=text, kind=kind) for kind, text in texts.items() if text)
    yield offered(replace(same, kind="multiple_choice"), own.accepted[0], own.truth[:1], rng)


def _confirmed(own: Question) -> Iterator[Question]:
    """Whether the new answer is so, and whether the old one is."""
    for kind, answer, right, wrong in (("true", own.accepted[0], YES, NO), ("false", own.truth[0], NO, YES)):
        text = f"Is it true that {own.text} {answer}?" if is_cloze(own.text) else f"{own.text} Is it {answer}?"
        yield Question(text=text, kind=kind, metric=PORTABILITY, accepted=(*right, *own.accepted), rejected=wrong)


def _denied(own: Question, rng: random.Random) -> Question:
    """The question to which all other answers are right."""
    text = negatives.negated(own.text, rng) or f"What is a wrong answer to this: {own.text}"
    return Question(text=text, kind="negation", metric=OBTAINED, rejected=own.accepted)


def _world(chosen: Chosen) -> list[Case]:
    cases = world_cases(load_world(), chosen.model, chosen.cases, chosen.seed)
    return [one for case in cases if (one := robust(case)) is not None]


SETS: Mapping[str, Read] = {
    "world": _world,
    "counterfact": public("counterfact", robust),
    "zsre": public("zsre", robust),
}
