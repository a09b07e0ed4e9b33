"""Fit the weight and the floor of `kedit_memory/retrieval/relevance.py`, on public sets that may be trained on.

    python scripts/fit_relevance.py --data ../shared/data

Positives are questions with the passage that answers them; negatives are questions of one set with passages of another
that shares no topic with it. A logistic regression weighs the mean of the two cosines and the share of common words;
the floor is the least hundredth that no negative pair reaches.
"""

import argparse
import math
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from relevance_sets import asked, passages, questions
from sklearn.linear_model import LogisticRegression

from kedit_memory.models.encoder import load_encoder
from kedit_memory.records import Passage
from kedit_memory.retrieval.relevance import Relevance

ANSWERED = ("squad2_dev", "boolq", "selqa", "dstc9_knowledge", "medquad_sample", "lfrqa_sample")
UNRELATED = {  # whose passages share no topic with the questions of a set
    "mintaka_dev": ("dstc9_knowledge", "medquad_sample"),
    "hwu64": ("squad2_dev", "medquad_sample"),
    "snips": ("squad2_dev", "medquad_sample"),
    "boolq": ("dstc9_knowledge",),
    "squad2_dev": ("dstc9_knowledge", "medquad_sample"),
    "medquad_sample": ("dstc9_knowledge",),
}
AMONG = 30  # passages of each other set that a question is put to


def main() -> None:
    """Print the two numbers, and what they keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder of public sets")
    parser.add_argument("--questions", type=int, default=150, help="of each set")
    parser.add_argument("--passages", type=int, default=60, help="of each set, for negatives")
    arguments = parser.parse_args()
    relevance = Relevance(load_encoder("minilm"), kept=100_000)
    answered = [
        feature
        for name in ANSWERED
        for one in asked(arguments.data, name, arguments.questions)
        for feature in relevance.features(one.question, [one.passage])
    ]
    unrelated = [
        feature
        for question, aside in _unrelated(arguments.data, arguments.questions, arguments.passages)
        for feature in relevance.features(question, aside)
    ]
    features = np.array(answered + unrelated)  # (pairs, 2)
    answers = np.arange(len(features)) < len(answered)
    fitted = LogisticRegression(C=100, class_weight="balanced", max_iter=1000).fit(features, answers)
    nearness, shared = fitted.coef_[0]
    scores = features @ np.array([1.0, shared / nearness])
    floor = math.floor(100 * scores[~answers].max() + 1) / 100
    passed = scores >= floor
    print(f"SHARED = {shared / nearness:.3f}, FLOOR = {floor:.2f}")
    print(f"{passed[answers].sum():,} of {answers.sum():,} answers reach it, {passed[~answers].sum()} of "
          f"{(~answers).sum():,} other passages")  # fmt: skip


def _unrelated(data: Path, count: int, among: int) -> Iterator[tuple[str, list[Passage]]]:
    """Questions with passages of other topics."""
    rng = random.Random("relevance:pairs")
    for name, sets in UNRELATED.items():
        pools = [passages(data, other, among) for other in sets]
        for question in questions(data, name, count):
            yield question, [passage for pool in pools for passage in rng.sample(pool, min(AMONG, len(pool)))]


if __name__ == "__main__":
    main()
