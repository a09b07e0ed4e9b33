"""A comparison as files: a page of Markdown with its pictures beside it, and one HTML file that needs nothing else."""

import html
import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from kedit_memory.errors import InvalidInputError
from kedit_memory.evaluation.report.tables import Entry, Table, markdown
from kedit_memory.evaluation.task import FIRST_VERSION
from kedit_memory.evaluation.tasks.compare.against import ENOUGH, FIRST, LAST
from kedit_memory.evaluation.tasks.compare.figures import pictures
from kedit_memory.evaluation.tasks.compare.run import Comparison
from kedit_memory.evaluation.tasks.compare.tables import tables

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAGE, REPORT = "compare.md", "report.html"
_CAPTIONS = {
    "radar": "Each method with the most edits that it made, where these are enough; portability is that of all kinds.",
    "edits": "Measured after the last edit, over all edits so far. Controls are grey; portability is of all kinds.",
    "collapse": "Perplexity of running text; above the dotted line a model reads running text 10% worse.",
}
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
            parts.append(f"![{_CAPTIONS[name]}]({picture.name})\n\n{_CAPTIONS[name]}\n")
        parts += [markdown(table) for table in tables(comparison)]
        path.write_text("\n".join(parts), "utf-8")
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be written ({error.strerror or error}); choose another name") from error


def write_report(comparison: Comparison, path: Path, *, command: str) -> None:
    """Write the HTML report: pictures are inside it, and it loads nothing.

    Raises:
        InvalidInputError: it cannot be written.
    """
    body = [f"<p>{_marked(text)}</p>" for text in _preface(comparison, command)]
    for name, draw in pictures(comparison.rows).items():
        body.append(f"<figure>{_svg(draw)}<figcaption>{html.escape(_CAPTIONS[name])}</figcaption></figure>")
    found = tables(comparison)
    links = "".join(f'<li><a href="#t{n}">{_marked(table.heading)}</a></li>' for n, table in enumerate(found))
    body.append(f"<nav><ul>{links}</ul></nav>")
    body += [_table(table, f"t{number}") for number, table in enumerate(found)]
    try:
        path.write_text(_DOCUMENT.replace("{body}", "\n".join(body)), "utf-8")
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be written ({error.strerror or error}); choose another name") from error


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


def _svg(draw: "Callable[[], Figure]") -> str:
    """The picture as an element of a page."""
    buffer = io.StringIO()
    draw().savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def _table(table: Table, anchor: str) -> str:
    head = "".join(f"<th>{html.escape(name)}</th>" for name in table.head)
    rows = "".join(f"<tr>{''.join(_cell(cell, place) for place, cell in enumerate(row))}</tr>" for row in table.rows)
    note = f"<p>{_marked(table.note)}</p>" if table.note else ""
    return (
        f'<section id="{anchor}"><h2>{_marked(table.heading)}</h2>{note}'
        f"<div><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div></section>"
    )


def _cell(cell: Entry, place: int) -> str:
    kind = ' class="faint"' if cell.faint else ""
    shade = "" if cell.share is None else f' style="--s:{round(100 * cell.share)}"'
    text = f"<b>{html.escape(cell.text)}</b>" if cell.strong else html.escape(cell.text)
    detail = f" <small>{html.escape(cell.detail)}</small>" if cell.detail else ""
    tag = "td" if place else "th"
    return f"<{tag}{kind}{shade}>{text}{detail}</{tag}>"


def _marked(text: str) -> str:
    """Text with `code` between backticks, as HTML."""
    parts = html.escape(text).split("`")
    return "".join(f"<code>{part}</code>" if place % 2 else part for place, part in enumerate(parts))


_DOCUMENT = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Editing methods side by side</title>
<style>
:root { color-scheme: light; --ink: #1c2826; --line: #d9e0dd; --good: 11, 110, 79; }
body { font: 15px/1.55 system-ui, sans-serif; color: var(--ink); margin: 2rem auto; max-width: 84rem; padding: 0 1rem; }
h1 { font-size: 1.7rem; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .4rem; }
p { max-width: 62rem; } code { background: #eef2f0; padding: 0 .25em; border-radius: 3px; font-size: .92em; }
figure { margin: 1.6rem 0; } figure svg { max-width: 100%; height: auto; }
figcaption { color: #56635f; font-size: .9em; }
nav ul { columns: 3 18rem; font-size: .9em; padding-left: 1.2em; } a { color: rgb(var(--good)); }
section div { overflow-x: auto; }
table { border-collapse: collapse; font-size: .88em; font-variant-numeric: tabular-nums; }
th, td { padding: .28rem .6rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
thead th { vertical-align: bottom; border-bottom: 2px solid var(--ink); white-space: normal; }
tbody th, thead th:first-child { text-align: left; position: sticky; left: 0; background: #fff; }
td[style] { background: rgba(var(--good), calc(var(--s) * .0045)); }
td small { color: #56635f; } tbody .faint { color: #7d8984; font-weight: normal; font-style: italic; }
tbody tr:hover th, tbody tr:hover td { outline: 1px solid var(--line); }
</style>
</head>
<body>
<h1>Editing methods side by side</h1>
{body}
</body>
</html>
"""
