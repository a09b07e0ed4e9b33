"""The router with a part taken out, on the same questions and the same store: what each part is worth."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from kedit_memory.evaluation.tasks.scope.controls import Verdict
from kedit_memory.memory import EditMemory
from kedit_memory.models.reader import Pair
from kedit_memory.records import DEFAULT_NAMESPACE, Vectors
from kedit_memory.routing.question import LINKED, Candidate, Judged, Question
from kedit_memory.routing.router import Router, RouterConfig
from kedit_memory.routing.verify import MOST_FREE, PairScorer, ScopeVerifier

_NEAR = 256  # questions at once


class LightTier:
    """The reader's light tier alone: the plain cosine of the two texts without their subject, as 0 to 1."""

    def __init__(self, model: PairScorer) -> None:
        self._model = model
        self.fingerprint = f"{model.fingerprint}-light"

    def likeness(self, pairs: Sequence[Pair]) -> NDArray[np.float32]:
        """As the whole model has it."""
        return self._model.likeness(pairs)

    def scores(self, pairs: Sequence[Pair]) -> NDArray[np.float32]:
        """The likeness alone."""
        return ((self._model.likeness(pairs) + 1) / 2).astype(np.float32)


def without_cross_encoder(whole: Router, questions: Sequence[str]) -> list[Verdict]:
    """The light tier alone decides between the edits that the names bring up."""
    verifier = ScopeVerifier(LightTier(whole.scope.verifier.model))
    config = RouterConfig(scope="verified")
    router = Router(whole.memory, background=whole.background, verifier=verifier, config=config)
    return [_verdict(one) for one in router.judge_many(questions)]


def without_verifier(whole: Router, questions: Sequence[str]) -> list[Verdict]:
    """The names bring edits up, the radius of their keys decides."""
    router = Router(whole.memory, background=whole.background, config=RouterConfig(scope="radius"))
    return [_verdict(one) for one in router.judge_many(questions)]


def without_link(
    memory: EditMemory, verifier: ScopeVerifier, questions: Sequence[str], vectors: Vectors
) -> list[Verdict]:
    """The nearest keys bring edits up, whatever the question names; the reader reads both texts as they are."""
    found = [
        tuple(Candidate(match=match, found=LINKED) for match in memory.search(vector, MOST_FREE)) for vector in vectors
    ]
    asked = [
        Question(text=text, as_of=None, namespace=DEFAULT_NAMESPACE, candidates=candidates)
        for text, candidates in zip(questions, found, strict=True)
    ]
    weighed = [
        one for start in range(0, len(asked), _NEAR) for one in verifier.weigh(asked[start : start + _NEAR])
    ]  # some at a time: the reader remembers few texts
    best = [one[0] if one else None for one in weighed]
    return [
        Verdict(edit=one.match.edit.id, score=one.score, fires=False)
        if one
        else Verdict(edit=None, score=0.0, fires=False)
        for one in best
    ]


def with_one_key(memory: EditMemory, prompts: Sequence[str], ids: Sequence[str], vectors: Vectors) -> list[Verdict]:
    """The nearest prompt: as `cosine`, but without the key of the statement."""
    keys = memory.encode(prompts)  # (edits, dim)
    verdicts = []
    for start in range(0, len(vectors), _NEAR):
        likeness = vectors[start : start + _NEAR] @ keys.T  # (questions, edits)
        best = likeness.argmax(1)
        for row, place in enumerate(best.tolist()):
            distance = float(np.sqrt(max(0.0, 2 - 2 * likeness[row, place])))
            verdicts.append(Verdict(edit=ids[place], score=1 - distance / 2, fires=False))
    return verdicts


def _verdict(judged: Judged) -> Verdict:
    return Verdict(edit=judged.edit_id, score=judged.score, fires=judged.fires)
