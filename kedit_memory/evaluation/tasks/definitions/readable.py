"""How much of a set a model can read at all."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean

from kedit_memory.evaluation.datasets.onoe import Case, DefinitionSet, Probe
from kedit_memory.evaluation.rows import Row, Run
from kedit_memory.evaluation.tasks.definitions.measures import Asked, fits
from kedit_memory.models.language import ScoringModel, WhiteBoxModel
from kedit_memory.models.prompts import Prompt

OF_THE_SET = "set"  # the method of rows that no method changes


def readable(model: ScoringModel, known: DefinitionSet, strangers: Mapping[str, str]) -> DefinitionSet:
    """The set without probes that do not fit the model's window with the definitions before them."""

    def keep(case: Case, prefixes: Sequence[str]) -> Case:
        return replace(case, probes=tuple(probe for probe in case.probes if _fits_behind(model, probe, prefixes)))

    cases = [keep(case, (case.description, strangers[case.id])) for case in known.cases]
    others = [keep(case, ()) for case in known.others]
    return replace(
        known,
        cases=tuple(case for case in cases if case.probes),
        others=tuple(case for case in others if case.probes),
    )


def _fits_behind(model: ScoringModel, probe: Probe, prefixes: Sequence[str]) -> bool:
    left = probe.text.left
    prompts = [Prompt(question=left), *(Prompt(question=left, facts=(prefix,)) for prefix in prefixes)]
    return all(fits(model, Asked(prompt=prompt, probe=probe)) for prompt in prompts)


def rows_of_the_set(run: Run, model: ScoringModel, chosen: DefinitionSet, kept: DefinitionSet) -> list[Row]:
    """The share of probes that are too long or hold what the tokenizer does not know, and what guessing would give."""
    probes = [probe for case in chosen.cases for probe in case.probes]
    asked = [probe for case in kept.cases for probe in case.probes]
    row = Row(run=run, method=OF_THE_SET, metric="rate", value=0.0, n=len(probes), unit="share")
    rows = [replace(row, kind="too_long").counted([place >= len(asked) for place in range(len(probes))])]
    if isinstance(model, WhiteBoxModel):
        texts = [probe.text.filled(probe.span) for probe in probes]
        tokens = [model.tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
        rows.append(replace(row, kind="not_representable").counted([_has_unknown(model, ids) for ids in tokens]))
        per_word = sum(map(len, tokens)) / sum(len(text.split()) for text in texts)
        rows.append(replace(row, metric="ratio", kind="tokens_per_word", value=per_word, unit="ratio"))
    if all(len(probe.options) > 1 for probe in asked):
        chance = fmean(1 / len(probe.options) for probe in asked)
        rows.append(replace(row, metric="accuracy", kind="chance", value=chance, n=len(asked)))
    return rows


def _has_unknown(model: WhiteBoxModel, ids: Sequence[int]) -> bool:
    """Whether a part of a text became the token for the unknown; a tokenizer of bytes has none."""
    return model.tokenizer.unk_token_id is not None and model.tokenizer.unk_token_id in ids
