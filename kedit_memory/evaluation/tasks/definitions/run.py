"""One set, one method after the other: tell it the definitions, ask the probes, compare with the unedited model."""

import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from kedit_memory.editors import EDITORS
from kedit_memory.editors.presets import check_kind
from kedit_memory.errors import CapabilityError, InvalidInputError, UnknownNameError
from kedit_memory.evaluation.datasets.onoe import PARTS, DefinitionSet, ecbd_set, entity_inferences_set, sample
from kedit_memory.evaluation.methods import TOLD, telling
from kedit_memory.evaluation.rows import Row, describe_run
from kedit_memory.evaluation.run import Pace, Progress, quiet
from kedit_memory.evaluation.tasks.definitions.asking import Asking
from kedit_memory.evaluation.tasks.definitions.edited import SPAN, TAUGHT
from kedit_memory.evaluation.tasks.definitions.method import DefinitionBench
from kedit_memory.evaluation.tasks.definitions.readable import readable, rows_of_the_set
from kedit_memory.evaluation.tasks.definitions.results import Outcome
from kedit_memory.evaluation.tasks.definitions.rows import rows_of
from kedit_memory.models.language import ScoringModel, TextModel, WhiteBoxModel, requires

ENTITY_INFERENCES, ECBD = "entity-inferences", "ecbd"
INFERENCE_SETS = (ENTITY_INFERENCES,)
BASE, RANDOM = "base", "random-definition"  # what others are compared with
# What is measured unless somebody says otherwise: the methods of the paper, and the memory's paths.
DEFAULT = (*(name for name in TOLD if name not in EDITORS), "ft", "ft-last", "mend", "rome")


@dataclass(frozen=True, kw_only=True)
class DefinitionPlan:
    """What is measured, checked when it is made.

    Attributes:
        dataset: `entity-inferences` or `ecbd`.
        part: of ECBD, a name in `datasets.onoe.PARTS`; None for the other set.
        methods: names in `methods.TOLD`; `base` is always measured, and first.
        limit: the most cases, drawn by chance; None takes all.
        others: how many entities that a method was not told of are asked about, after each edit.
        taught: what editors are given of a definition as their target: `span` or `rest`.
        seed: of every sample, and of intervals.
        preset: the kind of settings that editors take where they have it, of `editors.presets.KINDS`; else their own.
    """

    dataset: str
    part: str | None = None
    methods: tuple[str, ...] = DEFAULT
    limit: int | None = None
    others: int = 10
    taught: str = SPAN
    seed: int = 1
    preset: str | None = None

    def __post_init__(self) -> None:
        check_kind(self.preset)
        if self.dataset not in (ENTITY_INFERENCES, ECBD):
            raise UnknownNameError("set of definitions", self.dataset, (ENTITY_INFERENCES, ECBD))
        if (self.dataset == ECBD) != (self.part is not None):
            raise InvalidInputError("ecbd needs a part, and entity-inferences has none")
        if self.part is not None and self.part not in PARTS:
            raise UnknownNameError("part of ECBD", self.part, PARTS)
        for name in self.methods:
            telling(name)
        object.__setattr__(self, "methods", tuple(dict.fromkeys((BASE, *self.methods))))
        if self.limit is not None and self.limit < 2:
            raise InvalidInputError(f"limit is {self.limit}; give 2 cases or more, since one is the other's control")
        if self.others < 0:
            raise InvalidInputError(f"others is {self.others}; it must be 0 or more")
        if self.taught not in TAUGHT:
            raise UnknownNameError("way to teach a definition", self.taught, TAUGHT)


@dataclass(frozen=True, kw_only=True)
class DefinitionReport:
    """The rows, every method's probes, and which methods could not be measured or not on all definitions, and why."""

    rows: tuple[Row, ...]
    outcomes: tuple[Outcome, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)
    refused: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


def run_definitions(
    plan: DefinitionPlan,
    data: Path | None,
    model: TextModel,
    *,
    encoder: str | None = None,
    progress: Progress = quiet,
) -> DefinitionReport:
    """Measure a plan; `data` is the folder of the public sets.

    Raises:
        NotFoundError: the set is absent.
        InvalidInputError: the set is malformed, or fewer than two of its cases fit the model's window.
        CapabilityError: the model gives no probabilities, or reads both sides of a mask at once.
    """
    scoring = _reads_from_the_left(model)
    whole = ecbd_set(data, plan.part) if plan.part else entity_inferences_set(data)
    chosen = replace(whole, cases=sample(whole.cases, plan.limit, plan.seed))
    strangers = _strangers(chosen, plan.seed)
    kept = readable(scoring, chosen, strangers)
    if len(kept.cases) < 2:
        raise InvalidInputError(
            f"{len(kept.cases)} of {len(chosen.cases)} cases fit the window of {model.name}, two are needed; take "
            "a larger model or limit"
        )
    run = describe_run(
        plan.dataset, plan.part or plan.dataset, config=asdict(plan), data=whole.source, model=model.fingerprint
    )
    bench = DefinitionBench(scoring, taught=plan.taught, strangers=strangers, encoder=encoder, preset=plan.preset)
    asking = Asking(bench, kept, others=plan.others, seed=plan.seed, pace=Pace(progress, len(plan.methods), "methods"))
    outcomes = [asking.outcome(name) for name in plan.methods]
    control = next((one for one in outcomes if one.method == RANDOM), None)
    rows = [row for one in outcomes for row in rows_of(one, run, base=BASE, control=control, seed=plan.seed)]
    return DefinitionReport(
        rows=(*rows_of_the_set(run, scoring, chosen, kept), *rows),
        outcomes=tuple(outcomes),
        left_out={one.method: one.refused.most_common(1)[0][0] for one in outcomes if not one.told},
        refused={one.method: dict(one.refused) for one in outcomes if one.told and one.refused},
    )


def _reads_from_the_left(model: TextModel) -> ScoringModel:
    scoring = requires(model, ScoringModel, "the probability of a span")  # type: ignore[type-abstract]
    if isinstance(model, WhiteBoxModel) and model.model.config.is_encoder_decoder:
        raise CapabilityError(
            f"{model.name} is an encoder-decoder; spans are scored from left to right, so give a causal language model"
        )
    return scoring


def _strangers(known: DefinitionSet, seed: int) -> dict[str, str]:
    """For each case, by its id, the definition of another entity: of the popular ones where the set has them."""
    found = {}
    for case in known.cases:
        rng = random.Random(f"stranger:{seed}:{case.id}")  # noqa: S311 - a sample, no secret
        others = known.others or [one for one in known.cases if one.entity != case.entity]
        if not others:
            raise InvalidInputError(f"all cases are about {case.entity!r}; give a set with two entities or more")
        found[case.id] = rng.choice(others).description
    return found
