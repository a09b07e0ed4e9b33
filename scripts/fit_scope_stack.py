"""Fit the stack of the reader of scope: `data/models/kedit-scope/stack.json`.

    python scripts/fit_scope_stack.py --data ../shared/data

For what words and meaning find, a logistic regression weighs the reader's estimate with the distances. Each candidate
that was read is a case; each set counts as much as another, and what an edit covers as much as what none does. The
thresholds rest on the stack: calibrate again after it.
"""

import argparse
from collections import Counter

import numpy as np
from scope_questions import add_drawing, drawn_sets, for_stack, say, stored

from kedit_memory.evaluation.tasks.scope.run import Drawn
from kedit_memory.models.encoder import minilm
from kedit_memory.models.reader import ScopeReader
from kedit_memory.records import DEFAULT_NAMESPACE
from kedit_memory.routing.logistic import Numbers, fit_logistic
from kedit_memory.routing.question import UNLINKED, Question
from kedit_memory.routing.stack import Stack, features
from kedit_memory.routing.verify import ScopeVerifier

RIDGE = 1.0
BATCH = 200  # questions judged at once


def main() -> None:
    """Judge, fit, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_drawing(parser, questions=200, strangers=300, edits=1000)
    arguments = parser.parse_args()
    model = ScopeReader.load(arguments.verifier)
    seen: list[Numbers] = []
    covers: list[bool] = []
    groups: list[tuple[str, bool]] = []
    for name, drawn in drawn_sets(arguments):
        found = cases(drawn, model, name)
        for rows, right, covered in found:
            seen.append(rows)
            covers += right
            groups += [(name, covered)] * len(right)
        say(f"{name}: {len(found):,} questions with candidates that words or meaning found")
    counts = Counter(groups)
    weights = np.array([1 / counts[group] for group in groups])
    held = np.concatenate(seen)
    fitted = fit_logistic(held, np.array(covers), ridge=RIDGE, weights=weights * len(weights) / weights.sum())
    encoder = minilm()
    logit, distance, behind = fitted.weights
    Stack(
        encoder=encoder.name, encoder_revision=encoder.revision, bias=fitted.bias, weights=(logit, distance, behind)
    ).write(arguments.verifier)
    print(f"{len(held):,} candidates, {sum(covers):,} of them right: {fitted}")


def cases(drawn: Drawn, model: ScopeReader, source: str) -> list[tuple[Numbers, list[bool], bool]]:
    """Of each question the features of the candidates that were read, which are right, and whether one may be."""
    with stored(drawn, source, ScopeVerifier(model)) as (router, wanted):
        asked = [
            (Question(text=one.text, turns=one.turns, as_of=None, namespace=DEFAULT_NAMESPACE), want)
            for one, want in zip(drawn.questions, wanted, strict=True)
            if for_stack(one.text)
        ]
        judged = [
            one
            for start in range(0, len(asked), BATCH)
            for one in router.scope.judge([question for question, _ in asked[start : start + BATCH]])
        ]
    found = []
    for one, (_, want) in zip(judged, asked, strict=True):
        free = [weighed for weighed in one.weighed if weighed.candidate.found == UNLINKED]
        read = [place for place, weighed in enumerate(free) if weighed.score]
        if read:
            rows = features([weighed.candidate for weighed in free], [weighed.score for weighed in free])
            found.append((rows[read], [free[place].edit.id == want for place in read], want is not None))
    return found


if __name__ == "__main__":
    main()
