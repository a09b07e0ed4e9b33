"""The relations that the project words itself: by far the most for training, those of some domains for calibration."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kedit_memory.evaluation.tasks.scope.cases import CALIBRATING, ScopeEdit, ScopeSet, SetBuilder
from kedit_memory.world import load_world

WORDINGS = Path(__file__).parent.parent / "data" / "wordings"
# Domains of which training has no type: their relations are new to the verifier.
FOR_CALIBRATION = frozenset({
    "language", "alphabet_or_script", "dialect", "religion", "holiday", "calendar_system", "saint", "speech",
    "manuscript", "star_or_galaxy", "comet", "gene", "protein", "virus_or_bacterium", "body_organ", "volcano",
    "glacier", "cave", "desert", "patent", "standard_or_norm", "trademark", "laboratory_test", "clinical_trial",
    "scientific_instrument", "physical_unit", "musical_instrument", "loan", "mortgage", "tax_form", "chess_opening",
    "sports_record", "olympic_event", "photograph", "exam", "scholarship",
})  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Worded:
    """A relation: its wordings, with {} for the subject, and made-up answers."""

    name: str
    wordings: Sequence[str]
    answers: Sequence[str]


def worded(*, for_calibration: bool) -> Mapping[str, Sequence[Worded]]:
    """The relations of each type of subject, of one of the two parts.

    For calibration without those of which training has a wording, as the owner of anything.
    """
    relations, answers = (
        json.loads((WORDINGS / f"{name}.json").read_text("utf-8")) for name in ("relations", "answers")
    )
    learned = {
        text for type_ in relations.keys() - FOR_CALIBRATION for texts in relations[type_].values() for text in texts
    }
    return {
        type_: [
            Worded(name=name, wordings=texts, answers=answers[type_][name])
            for name, texts in named.items()
            if not for_calibration or learned.isdisjoint(texts)
        ]
        for type_, named in relations.items()
        if (type_ in FOR_CALIBRATION) == for_calibration
    }


SUBJECTS = 60  # of each type
STORED = 0.6  # of the relations of a subject's type; it is asked the others, too
MADE = 0.25  # of the edits get a question of every kind that the factory makes


def worded_set(data: Path | None = None, *, seed: int = 1) -> ScopeSet:
    """Made-up facts of many relations that training has no like of: thresholds are put under stress with them."""
    del data
    builder = SetBuilder("worded", seed)
    rng = builder.rng
    names = list(load_world().entities)
    for relations in worded(for_calibration=True).values():
        for subject in rng.sample(names, SUBJECTS):
            chosen = rng.sample(relations, len(relations))
            cut = max(1, round(STORED * len(chosen)))
            for relation in chosen[:cut]:
                _store(builder, subject, relation, chosen[cut:], names)
    return builder.finished()


def _store(builder: SetBuilder, subject: str, relation: Worded, others: Sequence[Worded], names: Sequence[str]) -> None:
    rng = builder.rng
    first, *rephrasings = (text.replace("{}", subject) for text in rng.sample(relation.wordings, 3))
    edit = ScopeEdit(
        prompt=first,
        target=rng.choice(relation.answers),
        subject=subject,
        part=CALIBRATING,
        relation=relation.name,
    )
    place = builder.add(edit)
    if place is None:
        return
    for text in rephrasings:
        builder.case("rephrasing", place, text, covered=True)
    if others:
        asked = rng.choice(rng.choice(others).wordings).replace("{}", subject)
        builder.case("same_subject", place, asked, covered=False)
    if rng.random() < MADE:
        builder.made(place, rephrasings[0], names)
