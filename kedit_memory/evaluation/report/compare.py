"""What is told of a comparison, and its page: what was measured, one table, the scores in each setting, pictures."""

from collections.abc import Sequence
from dataclasses import replace

from kedit_memory.evaluation.methods import CONTROLS
from kedit_memory.evaluation.report import compare_pictures
from kedit_memory.evaluation.report.compare_tables import summary
from kedit_memory.evaluation.report.control import control_of
from kedit_memory.evaluation.report.page import Page, Part
from kedit_memory.evaluation.report.saved import Measured, origin
from kedit_memory.evaluation.tasks.compare.against import ENOUGH, FIRST, LAST

_WHAT = (
    "Every method makes the same edits on the same model and is asked the same questions after the last of them, by "
    "free greedy generation. Success is the target, or another name of it, as the judge has it; locality the share of "
    "answers to neighbours and unrelated questions that are the unedited model's, word for word, where it knew the "
    "answer, and `still right` of those that the judge still takes; portability asks for what follows from an edit, "
    "kind by kind. A share stands with its 95% interval (edits drawn again; "
    "Wilson's where all are alike; of several seeds the lowest and the highest) and the number of questions; seconds "
    "are medians, `perplexity ratio` that of running text over the unedited model's."
)
_CONTROLS = (
    "Controls come first: `unedited` learns nothing; `retrieve-edits` puts the nearest edit before every question; "
    "`oracle-edit` the right edit, in scope or out; `oracle-scope` is told the scope and says the stored answer within "
    "it; `question-only` sees no edit and says the stored answer where a question looks like a covered one. `memory:` "
    "is the router with an edit memory and no other passages. Then methods by their `score`, the harmonic mean of "
    "reliability, generalization and locality (Meng et al. 2022 sum up probabilities so; these are free answers), if "
    "the positive control holds: that the model says the edits that it is told. "
    f"There is no score where one of the three is of fewer than {ENOUGH} questions. "
    f"Those that made fewer than {ENOUGH} edits come last, in italics: their counts say that they ran, no more. A "
    "method that stopped early had fewer edits in force, which is the easier task."
)
_MORE = (
    "Judges: `equal` takes the target alone, `begins` what goes on after it, `contains` a sentence that has it, "
    "`alternatives` one that names no other answer first, `token_f1` enough of its words, `model:NAME` asks a model. "
    "`teacher-forced` is the share of the target's tokens that come first when those before them are given. Hard "
    "negatives are questions made to be taken for the edit's, kind by kind, and `_guessed` neighbours to which the "
    "model had no right answer; `same logits` asks for the same scores bit for bit. `edit time / memory` is over what "
    "a memory takes for an edit in the same run, `answer time / unedited` that of a question asked alone over the "
    "unedited model's; peak memory is what the process took beyond what it had. Answers taken over are those to other "
    "questions that say the target of an edit in force, and did not before; fluency is the entropy of bigrams and "
    "trigrams of what the model writes after a subject's name. Of portability, `alias` asks the edit's own question by "
    "another name of the subject, `one_hop` something of the new object by way of the subject, `reversed` for the "
    "subject by the new object."
)
_READ_AGAINST = (
    f"A share of the way tells where a method stands between `{FIRST}` (0) and `{LAST}` (1) on the questions that all "
    "three were asked; there is none where the oracle is not surely ahead, and none of locality, all of which the "
    "unedited model has. A table against a method gives the differences from it on the questions that both were asked: "
    "their 95% interval (edits drawn again), the number of questions, and the p-value of an exact randomisation test "
    "over edits (McNemar's where an edit has one question), adjusted by Holm's procedure over the methods of the "
    f"column; bold where it is below 0.05. Where fewer than {ENOUGH} edits were asked the same, nothing is tested. "
    "Scores, shares of the way and differences are of the edits of all seeds together."
)

SAID = (_WHAT, _CONTROLS, _MORE, _READ_AGAINST)  # what the full tables are to be read with


def page(runs: Sequence[Measured]) -> Page:
    """The page of some comparisons."""
    parts: list[Part] = [_WHAT, _CONTROLS]
    for place, run in enumerate(runs):
        name = f", {run.name}" if run.name else ""
        parts += [f"## {run.first['dataset']}{name}", f"`{run.command}`; {origin(run.rows)}{_settings(run)}."]
        parts.append(ranking(run))
        for picture in compare_pictures.pictures(run):
            parts.append(picture if not place else replace(picture, name=f"{place}-{picture.name}"))
        parts += summary(run, settings=not runs[1:])
    return Page(title="Editing methods side by side", parts=parts, runs=runs)


def ranking(measured: Measured) -> str:
    """Whether the methods stand in the order of their scores, and by which control."""
    control = control_of(measured.rows)
    if len({row["method"] for row in measured.rows} - set(CONTROLS)) < 2:
        return f"One method was measured, so that nothing is ranked; as to the control, {control.told}."
    if control.holds:
        return f"The control holds: {control.told}."
    return f"**No ranking**, as the control does not hold: {control.told}. Methods stand as they were named."


def _settings(measured: Measured) -> str:
    """By what answers counted, and with which settings of the editors, as far as rows tell it."""
    told = {
        what: ", ".join(dict.fromkeys(str(row[name]) for row in measured.rows if row.get(name)))
        for what, name in (("judge", "judge"), ("editors' settings", "preset"))
    }
    return "".join(f"; {what} {names}" for what, names in told.items() if names)
