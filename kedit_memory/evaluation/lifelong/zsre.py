"""The stream of question answering: edits of zsRE, on a sequence-to-sequence or a causal model."""

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kedit_memory.evaluation.lifelong.streams import REPHRASING, Probe, Stream, StreamEdit, Wanted, wrong_before
from kedit_memory.evaluation.lifelong.world import known_facts
from kedit_memory.evaluation.public import folder_of, read_json
from kedit_memory.models.classifier import Editable
from kedit_memory.models.language import white_box
from kedit_memory.models.prompts import MAX_NEW_TOKENS
from kedit_memory.records import EditRequest

TRAINED, OPEN_QUESTION = "trained", "open_question"  # origins of questions that a trained model knows


def zsre_stream(model: Editable, wanted: Wanted, data: Path | None) -> Stream:
    """The edits of zsRE (Levy et al. 2017) in the edition of KnowEdit, rephrased and about other properties.

    What must stay is one third each of the shipped world, which the embedded model was taught; of Natural Questions
    (Kwiatkowski et al. 2019), on which the model of the GRACE paper was trained; and of zsRE's training rows. A model
    made by scripts/train_stream_model.py knows the last two.
    """
    model = white_box(model, "the stream zsre")
    folder = folder_of(data, "zsre")
    rng = random.Random(f"zsre:{wanted.seed}")  # noqa: S311 - a sample, no secret
    rows = {row["prompt"]: row for row in read_json(folder / "ZsRE-test-all.json")}  # one edit a question
    chosen = rng.sample(sorted(rows), len(rows))
    edits = wrong_before(model, (_zsre_edit(rows[prompt]) for prompt in chosen), wanted.edits, MAX_NEW_TOKENS)
    beside = [
        Probe(question=probe["prompt"], kind="same_subject")
        for edit in edits
        for probe in rows[edit.prompt].get("locality", {}).get("Relation_Specificity", ())
    ]
    return Stream(
        name="zsre",
        edits=edits,
        tests=_tests(folder, wanted, rng),
        outside=tuple(rng.sample(beside, min(wanted.questions, len(beside)))),
        data=folder,
    )


def trained_questions(folder: Path) -> list[Probe]:
    """The questions of the training file: of zsRE in two wordings, and of Natural Questions."""
    rows = read_json(folder / "zsre_mend_train-1k.json")
    return [
        Probe(question=question, kind=kind, accepted=accepted)
        for row in rows
        for question, kind, accepted in (
            (row["src"], TRAINED, tuple(row["answers"])),
            (row["rephrase"], REPHRASING, tuple(row["answers"])),
            (_asked(row["loc"]), OPEN_QUESTION, (row["loc_ans"],)),
        )
    ]


def _tests(folder: Path, wanted: Wanted, rng: random.Random) -> tuple[Probe, ...]:
    """As many questions of each origin; where a file has fewer, all that it has."""
    share = -(-wanted.questions // 3)
    found = list(known_facts(wanted)[:share])
    for kind in (OPEN_QUESTION, TRAINED):
        probes = [probe for probe in trained_questions(folder) if probe.kind == kind]
        found += rng.sample(probes, min(share, len(probes)))
    rng.shuffle(found)
    return tuple(found[: wanted.questions])


def _zsre_edit(row: Mapping[str, Any]) -> StreamEdit:
    accepted = (row["target_new"],)
    return StreamEdit(
        request=EditRequest(prompt=row["prompt"], target=row["target_new"], subject=row["subject"]),
        accepted=accepted,
        kind="all",
        rephrasings=(Probe(question=row["rephrase_prompt"], kind=REPHRASING, accepted=accepted),),
    )


def _asked(text: str) -> str:
    """A question of Natural Questions as it is asked: with a capital and a question mark."""
    text = text.removeprefix("nq question: ").strip()
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('?') else '?'}"
