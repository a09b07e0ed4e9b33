"""A comparison as files: a page of Markdown with its pictures beside it, and one HTML file that needs nothing else."""

from pathlib import Path

from kedit_memory.errors import InvalidInputError
from kedit_memory.evaluation.report.compare_pictures import CAPTIONS, pictures
from kedit_memory.evaluation.report.compare_tables import tables
from kedit_memory.evaluation.report.html import links, paragraph, picture, section, write_document
from kedit_memory.evaluation.report.tables import markdown
from kedit_memory.evaluation.task import FIRST_VERSION
from kedit_memory.evaluation.tasks.compare.against import ENOUGH, FIRST, LAST
from kedit_memory.evaluation.tasks.compare.run import Comparison

PAGE, REPORT = "compare.md", "report.html"
_HOW = (
    "Success is the target, or another name of it, in the model's own greedy answer, as the judge has it that is named "
    "above: `equal` takes nothing else, `begins` what goes on after it, `contains` a sentence that has it, "
    "`alternatives` one that names no other answer first, `token_f1` enough of its words, `model:NAME` asks a model. "
    "`teacher-forced` is the share of "
    "the target's tokens that come first when those before them are given, told where it can be read of all answers. "
    "Locality is the share of answers to neighbours of the edit (`same_relation`) and to unrelated questions that are "
    "the unedited model's, up to case and a last full stop, where it knew the answer; hard negatives are questions "
    "made to be taken for the edit's, kind by kind, and `_guessed` those it had no right answer to; `same logits` "
    "asks for the same scores bit for bit. A share stands with its "
    "95% interval (cases drawn again; Wilson's where all are alike) and the number of questions. Times are medians; "
    "`edit time / memory` is over what a memory takes for an edit in the same run, `answer time / unedited` that of a "
    "question asked alone over the unedited model's. Peak memory is what the process took beyond what it had. "
    "Perplexity is that of text to which no method is fitted (WikiText's test part where it is at hand, else shipped "
    "passages), of a quarter of it where each edit is alone; `perplexity ratio` is over the unedited model's; answers "
    "taken over are those to other questions that say the target of an edit in force, and did not before; fluency is "
    "the entropy of bigrams and trigrams of what the model writes after a subject's name. Questions of the kind "
    "`written` are written by hand; what stands around a question is of sentences that nothing was trained with."
)
_CONTROLS = (
    "Controls: `unedited` learns nothing; `retrieve-edits` puts the nearest edit before every question; `oracle-edit` "
    "puts the right edit before every question of its case, in scope or out; `oracle-scope` is told the scope and says "
    "the stored answer within it; `question-only` sees no edit and says the stored answer where a question looks like "
    "one that is covered. `memory:` is the router with an edit memory and no other passages."
)
_READ_AGAINST = (
    "`score` is the harmonic mean of reliability, generalization and locality, as Meng et al. (2022) sum up efficacy, "
    "paraphrases and neighbourhood in their Score S; theirs compare the probabilities of two answers and these are "
    "free answers, so it is no figure to set beside published ones. A share of the way tells where a method stands "
    f"between `{FIRST}` (0) and `{LAST}` (1) on the questions that all three were asked; there is none where the "
    "oracle is not surely ahead, and none of locality, all of which the unedited model has. A table against a method "
    "gives the differences from it on the questions that both were asked: their 95% interval (edits drawn again), "
    "the number of questions, and the p-value of an exact randomisation test over edits (McNemar's where an edit has "
    "one question), "
    "adjusted by Holm's procedure over the methods of the column; bold where it is below 0.05. Where fewer than "
    f"{ENOUGH} edits were asked the same, nothing is tested."
)
_FEW = (
    f"Controls come first, then methods by their score. Those that made fewer than {ENOUGH} edits come last, in "
    "italics and without a score: their counts say that they ran, and nothing can be concluded from them. A method "
    "that stopped early had fewer edits in force when it was asked, which is the easier task, so its shares may "
    "flatter it."
)
_PORTABILITY = (
    "Of portability, `alias` asks the edit's own question by another name of the subject; `one_hop` asks something of "
    "the new object by way of the subject; `reversed` asks for the subject by the new object, which can be asked of "
    "relations alone whose objects belong to one subject each: these are few, and so are the questions. The kinds "
    "measure different things and are not averaged in tables."
)
_SEEDS = (
    "Of several seeds a share is the mean, with the lowest and the highest in place of an interval; scores, shares of "
    "the way and differences are of the edits of all seeds together."
)


def write_page(comparison: Comparison, path: Path, *, command: str) -> None:
    """Write a Markdown page, and its pictures as PNG beside it.

    Raises:
        InvalidInputError: it cannot be written.
    """
    parts = ["# Editing methods side by side\n", *(f"{text}\n" for text in _preface(comparison, command))]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for name, draw in pictures(comparison.rows).items():
            picture = path.with_name(f"{path.stem}-{name}.png")
            draw().savefig(picture, dpi=110)
            parts.append(f"![{CAPTIONS[name]}]({picture.name})\n\n{CAPTIONS[name]}\n")
        parts += [markdown(table) for table in tables(comparison)]
        path.write_text("\n".join(parts), "utf-8")
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be written ({error.strerror or error}); choose another name") from error


def write_report(comparison: Comparison, path: Path, *, command: str) -> None:
    """Write the HTML report: pictures are inside it, and it loads nothing.

    Raises:
        InvalidInputError: it cannot be written.
    """
    body = [paragraph(text) for text in _preface(comparison, command)]
    body += [picture(draw, CAPTIONS[name], name) for name, draw in pictures(comparison.rows).items()]
    found = {f"t{number}": table for number, table in enumerate(tables(comparison))}
    body += [links({anchor: table.heading for anchor, table in found.items()})]
    body += [section(table, anchor) for anchor, table in found.items()]
    write_document(path, "Editing methods side by side", body)


def _preface(comparison: Comparison, command: str) -> list[str]:
    """What was compared, how, and with what."""
    plan = comparison.plan
    made = [f"Made by `{command}`; no figure is typed by hand."]
    for row in comparison.rows[:1]:
        made.append(
            f"Task {row['task']}, version {row.get('task_version', FIRST_VERSION)}; judge `{plan.judge}`; "
            f"editors' settings {plan.preset or 'their defaults'}; "
            f"commit {row['commit']}, configuration {row['config']}, data {row['data']}, model {plan.model} "
            f"({row['model']}), seeds {', '.join(map(str, plan.seeds))}, {row['machine']}."
        )
    if plan.limit is not None:
        made.append(f"The edits of a measurement have {plan.limit:g} s; a slow method makes fewer of them.")
    absent = [name for name in (FIRST, LAST) if name not in plan.methods]
    if absent:
        made.append(f"No share of the way is told: `{'` and `'.join(absent)}` were not among the methods.")
    return [" ".join(made), _HOW, _CONTROLS, _READ_AGAINST, _FEW, _PORTABILITY, *([_SEEDS] if plan.seeds[1:] else [])]
