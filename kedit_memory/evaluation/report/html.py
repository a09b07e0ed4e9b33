"""Pages of HTML that need nothing else: one file, pictures within, for phone and desk, in light and in dark."""

import html
import io
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from kedit_memory.errors import InvalidInputError
from kedit_memory.evaluation.report.tables import Entry, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure


_NAMED = re.compile(r'\bid="|url\(#|href="#')  # what stands before the name of a part of a picture


def write_document(path: Path, title: str, body: Iterable[str]) -> None:
    """Write a page whose parts are HTML already.

    Raises:
        InvalidInputError: it cannot be written.
    """
    page = _DOCUMENT.replace("{title}", html.escape(title)).replace("{body}", "\n".join(body))
    try:
        path.write_text(page, "utf-8")
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be written ({error.strerror or error}); choose another name") from error


def paragraph(text: str) -> str:
    """A paragraph; what stands between backticks is code."""
    return f"<p>{marked(text)}</p>"


def heading(text: str, anchor: str, level: int = 2) -> str:
    """A heading that links lead to."""
    return f'<h{level} id="{anchor}">{marked(text)}</h{level}>'


def links(named: Mapping[str, str]) -> str:
    """A list of links to headings, by their anchors."""
    items = "".join(f'<li><a href="#{anchor}">{marked(text)}</a></li>' for anchor, text in named.items())
    return f"<nav><ul>{items}</ul></nav>"


def picture(draw: "Callable[[], Figure]", caption: str, name: str) -> str:
    """A figure as an element of the page, in the page's own colours; its parts are called by a name of its own."""
    buffer = io.StringIO()
    draw().savefig(buffer, format="svg", metadata={"Date": None}, transparent=True)
    text = buffer.getvalue()
    drawn = text[text.index("<svg") :].replace("#000000", "currentColor")
    drawn = _NAMED.sub(rf"\g<0>{name}-", drawn)
    return f'<figure><div tabindex="0">{drawn}</div><figcaption>{html.escape(caption)}</figcaption></figure>'


def section(table: Table, anchor: str, level: int = 2) -> str:
    """A table with its title and its note."""
    head = "".join(f"<th>{html.escape(name)}</th>" for name in table.head)
    rows = "".join(f"<tr>{''.join(_cell(cell, place) for place, cell in enumerate(row))}</tr>" for row in table.rows)
    note = paragraph(table.note) if table.note else ""
    return (
        f"<section>{heading(table.heading, anchor, level)}{note}"
        f'<div tabindex="0"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div></section>'
    )


def marked(text: str) -> str:
    """Text with `code` between backticks, as HTML."""
    parts = html.escape(text).split("`")
    return "".join(f"<code>{part}</code>" if place % 2 else part for place, part in enumerate(parts))


def _cell(cell: Entry, place: int) -> str:
    kind = ' class="faint"' if cell.faint else ""
    shade = "" if cell.share is None else f' style="--s:{round(100 * cell.share)}"'
    text = f"<b>{html.escape(cell.text)}</b>" if cell.strong else html.escape(cell.text)
    detail = f" <small>{html.escape(cell.detail)}</small>" if cell.detail else ""
    tag = "td" if place else "th"
    return f"<{tag}{kind}{shade}>{text}{detail}</{tag}>"


_DOCUMENT = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
:root {
  color-scheme: light dark; --paper: #fff; --ink: #1c2826; --soft: #56635f; --line: #d9e0dd; --code: #eef2f0;
  --good: 11, 110, 79; --link: #0b6e4f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14191a; --ink: #e3e9e7; --soft: #a3b0ac; --line: #36403e; --code: #232b2a;
    --good: 62, 180, 137; --link: #6fd0a8;
  }
}
* { box-sizing: border-box; }
body {
  font: 15px/1.55 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  margin: 0 auto; max-width: 84rem; padding: 1.5rem 1rem 4rem; overflow-wrap: anywhere;
}
h1 { font-size: 1.7rem; } h2 { font-size: 1.35rem; margin: 2.6rem 0 .4rem; }
h3 { font-size: 1.08rem; margin: 1.6rem 0 .3rem; }
p { max-width: 62rem; } code { background: var(--code); padding: 0 .25em; border-radius: 3px; font-size: .92em; }
figure { margin: 1.4rem 0; } figure svg { max-width: 100%; height: auto; fill: currentColor; }
figcaption { color: var(--soft); font-size: .9em; }
nav ul { columns: 3 18rem; font-size: .9em; padding-left: 1.2em; } a { color: var(--link); }
section div, figure div { overflow-x: auto; }
table { border-collapse: collapse; font-size: .88em; font-variant-numeric: tabular-nums; overflow-wrap: normal; }
th, td { padding: .28rem .6rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
thead th { vertical-align: bottom; border-bottom: 2px solid var(--ink); white-space: normal; font-weight: 600; }
tbody th, thead th:first-child { text-align: left; position: sticky; left: 0; background: var(--paper); }
tbody th { font-weight: 500; }
td[style] { background: rgba(var(--good), calc(var(--s) * .0038)); }
td small { color: var(--soft); }
td[style] small { color: inherit; }
tbody .faint { color: var(--soft); font-weight: normal; font-style: italic; }
tbody tr:hover th, tbody tr:hover td { outline: 1px solid var(--line); }
@media (max-width: 40rem) {
  h1 { font-size: 1.4rem; } td small { display: block; line-height: 1.2; }
  tbody th { min-width: 7.5rem; max-width: 9.5rem; white-space: normal; overflow-wrap: anywhere; }
  figure svg { max-width: none; width: 46rem; }
}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
{body}
</main>
</body>
</html>
"""
