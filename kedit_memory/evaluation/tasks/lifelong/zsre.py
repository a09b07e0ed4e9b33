"""The stream of question answering: edits of zsRE, on a sequence-to-sequence or a causal model."""

import random
from pathlib import Path

from kedit_memory.evaluation.case import LOCALITY, Question
from kedit_memory.evaluation.datasets import zsre
from kedit_memory.evaluation.datasets.public import folder_of
from kedit_memory.evaluation.tasks.lifelong.streams import Stream, Wanted, wrong_before
from kedit_memory.evaluation.tasks.lifelong.world import known_facts
from kedit_memory.models.classifier import Editable
from kedit_memory.models.language import white_box
from kedit_memory.models.prompts import MAX_NEW_TOKENS


def zsre_stream(model: Editable, wanted: Wanted, data: Path | None) -> Stream:
    """The edits of zsRE (Levy et al. 2017) in the edition of KnowEdit, rephrased and about other properties.

    What must stay is one third each of the shipped world, which the embedded model was taught; of Natural Questions
    (Kwiatkowski et al. 2019), on which the model of the GRACE paper was trained; and of zsRE's training rows. A model
    made by scripts/train_stream_model.py knows the last two.
    """
    model = white_box(model, "the stream zsre")
    folder = folder_of(data, "zsre")
    rng = random.Random(f"zsre:{wanted.seed}")  # noqa: S311 - a sample, no secret
    read = zsre.edits(folder)
    cases = sorted(read.found, key=lambda case: case.prompt)
    edits = wrong_before(model, iter(rng.sample(cases, len(cases))), wanted, MAX_NEW_TOKENS)
    beside = [probe for edit in edits for probe in edit.of(LOCALITY)]
    return Stream(
        name="zsre",
        edits=edits,
        tests=_tests(folder, wanted, rng),
        outside=tuple(rng.sample(beside, min(wanted.questions, len(beside)))),
        data=folder,
        note=read.told,
    )


def _tests(folder: Path, wanted: Wanted, rng: random.Random) -> tuple[Question, ...]:
    """As many questions of each origin; where a file has fewer, all that it has."""
    share = -(-wanted.questions // 3)
    found = list(known_facts(wanted)[:share])
    for kind in (zsre.OPEN_QUESTION, zsre.TRAINED):
        probes = [probe for probe in zsre.trained_questions(folder) if probe.kind == kind]
        found += rng.sample(probes, min(share, len(probes)))
    rng.shuffle(found)
    return tuple(found[: wanted.questions])
