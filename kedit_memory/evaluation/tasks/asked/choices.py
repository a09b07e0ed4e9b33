"""Questions with answers to choose from, and what says yes and no."""

import random
from collections.abc import Sequence
from dataclasses import replace

from kedit_memory.evaluation.case import Question

YES = ("yes", "true", "correct", "right")
NO = ("no", "false", "incorrect", "wrong", "not", "isn't")


def offered(question: Question, right: str, wrong: Sequence[str], rng: random.Random) -> Question:
    """The question with the right answer and wrong ones in any order; its number counts as the answer does."""
    options = rng.sample([right, *wrong], len(wrong) + 1)
    text = " ".join((question.text, "Choose one:", *(f"({place}) {one}" for place, one in enumerate(options, 1))))
    return replace(
        question, text=text, bare=question.text, accepted=(right, str(options.index(right) + 1)), rejected=tuple(wrong)
    )
