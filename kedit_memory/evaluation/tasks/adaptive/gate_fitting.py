"""A gate fitted to labelled questions: each answered both ways, one half to fit a policy, the other to judge it."""

from collections.abc import Sequence
from datetime import UTC, datetime

from kedit_memory.errors import InvalidInputError
from kedit_memory.evaluation.run import Progress, quiet
from kedit_memory.evaluation.tasks.adaptive.observed import Labelled, Observer, judge_for
from kedit_memory.models.language import TextModel
from kedit_memory.models.prompts import MAX_NEW_TOKENS
from kedit_memory.popularity.table import TIER_BOUNDS, tier_of
from kedit_memory.records import DEFAULT_NAMESPACE, Mention
from kedit_memory.retrieval.base import kind_of
from kedit_memory.routing.gate.calibration import (
    GateCalibration,
    GateQuestion,
    check_size,
    judged,
    known_signals,
    split,
)
from kedit_memory.routing.gate.policies import GateCase, GatePolicy, policy_class, weighs_uncertainty
from kedit_memory.routing.gate.relations import classifier, masked
from kedit_memory.routing.gate.signals import Sources
from kedit_memory.routing.gate.uncertainty import own_answers
from kedit_memory.routing.router import Router


def calibrate_gate(
    router: Router,
    asked: Sequence[GateQuestion],
    *,
    policy: str,
    budget: float,
    progress: Progress = quiet,
) -> GateCalibration:
    """The policy of that name, fitted for the router's model and passages; nothing is stored.

    Raises:
        InvalidInputError: there are too few questions for the budget, or the policy lacks a signal or cannot keep it.
        UnknownNameError: there is no such policy.
        ModelError: the model cannot be asked.
    """
    kind = policy_class(policy)
    check_size(len(asked), budget)
    if nothing := router.passages.none_to_find(DEFAULT_NAMESPACE):
        raise InvalidInputError(f"a gate has nothing to decide: {nothing}; ingest some, or give the router 1 or more")
    _check_tells(router.model, kind, asked[0].question)
    links = [router.link(one.question) for one in asked]
    fitting = split([_group(one, link) for one, link in zip(asked, links, strict=True)])
    phrasings = _phrasings(asked, links, fitting)
    observer = Observer(
        model=router.model,
        link=router.link,
        search=router.retrieve,
        sources=Sources(
            table=router.background.popularity, relations=classifier([*router.background.phrasings, *phrasings])
        ),
        max_new_tokens=router.config.max_new_tokens or MAX_NEW_TOKENS,
        judge=judge_for(router.model),
    )
    labelled = [Labelled(text=one.question, answers=one.answers, group="") for one in asked]
    cases = [
        GateCase(signals=known_signals(one, seen.signals, _tier(one)), alone=seen.alone_right, read=seen.read_right)
        for one, seen in zip(asked, observer.observe(labelled, progress), strict=True)
    ]
    fitted = kind.fit([case for case, fits in zip(cases, fitting, strict=True) if fits], budget=budget)
    return GateCalibration(
        policy=policy,
        parameters=fitted.parameters(),
        model=router.model.name,
        search=kind_of(router.passages.retriever()),
        passages=router.config.passages,
        background=router.background.name,
        budget=budget,
        fitted=sum(fitting),
        held_out=judged(fitted, [case for case, fits in zip(cases, fitting, strict=True) if not fits]),
        phrasings=phrasings,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _check_tells(model: TextModel, kind: type[GatePolicy], question: str) -> None:
    """Refuses, before anything is asked at length, a policy that weighs what the model does not tell.

    Raises:
        InvalidInputError: the model does not tell how sure it is.
    """
    if not weighs_uncertainty(kind):
        return
    (own,) = own_answers(model, [question], max_new_tokens=1)
    if own.log_probability is None:
        raise InvalidInputError(
            f"{model.name} gives no log-probabilities, which the policy {kind.name} weighs; choose form, which does "
            "without, or never, always, popularity or score"
        )


def _group(asked: GateQuestion, mentions: Sequence[Mention]) -> str:
    """What keeps questions about one subject in one half: its name, or where none is known the question."""
    return mentions[0].name if mentions else asked.question


def _phrasings(
    asked: Sequence[GateQuestion], links: Sequence[Sequence[Mention]], fitting: Sequence[bool]
) -> tuple[tuple[str, str], ...]:
    """How the fitting half words the relations that the file names."""
    return tuple(
        sorted(
            {
                (one.relation, masked(one.question, link))
                for one, link, fits in zip(asked, links, fitting, strict=True)
                if fits and one.relation is not None
            }
        )
    )


def _tier(asked: GateQuestion) -> int | None:
    return None if asked.popularity is None else tier_of(asked.popularity, TIER_BOUNDS)
