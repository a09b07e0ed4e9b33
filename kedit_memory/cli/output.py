"""How results are printed: JSON for machines, lines for people."""

import json
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kedit_memory.cli.progress import TELLER
from kedit_memory.memory.documents import edit_document
from kedit_memory.records import Edit, Match, Revision, Status
from kedit_memory.text import shortened, visible

if TYPE_CHECKING:
    from rich.console import Console

    from kedit_memory.evaluation.rows import Row

_WIDTH = 100  # characters of a prompt or a target in a line of a list
_INDENT = 15  # of the values of fields
_BREAK = "\n"


def emit(*, as_json: bool, document: Mapping[str, Any], lines: Iterable[str]) -> None:
    """Print the document, or the lines; whatever a line holds, it does not steer the terminal."""
    TELLER.clear()
    if as_json:
        print(json.dumps(document, ensure_ascii=False, default=str))
    else:
        for line in lines:
            print(visible(line))


def piece(text: str) -> None:
    """Print a part of an answer as it comes; whatever it holds, it does not steer the terminal."""
    TELLER.clear()
    print(visible(text), end="", flush=True)


def emit_rows(rows: "Iterable[Row]", **meta: Any) -> None:
    """Print measured rows as one JSON document, with the command that made them and what else is to be said."""
    document = {"rows": [row.flat() for row in rows], "meta": {"command": command_line(), **meta}}
    emit(as_json=True, document=document, lines=())


def counted(number: int, what: str) -> str:
    """A number of things, in words: "1 edit", "1,200 edits"."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def command_line() -> str:
    """The command as it was given, to be run again."""
    return shlex.join(["kedit", *sys.argv[1:]])


def table_console(width: int) -> "Console":
    """Where tables are printed: plain text, as wide as the terminal, or as `width` characters where there is none."""
    from rich.console import Console

    TELLER.clear()
    wide = Console(markup=False, emoji=False)  # a model may answer with brackets
    if not wide.is_terminal:
        wide.width = width
    return wide


def print_table(head: Sequence[str], rows: Iterable[Sequence[str]], *, width: int, title: str | None = None) -> None:
    """Print a table whose cells stay in one line; `width` as of `table_console`."""
    from rich.table import Table

    table = Table(title=title)
    for name in head:
        table.add_column(name, no_wrap=True)
    for row in rows:
        table.add_row(*row)
    table_console(width).print(table)


def print_notes(rows: "Sequence[Row]", lines: Iterable[str]) -> None:
    """Print what is to be said of rows, and of which version of their task they are."""
    version = f"{rows[0].run.task}, version {rows[0].run.task_version}"
    emit(as_json=False, document={}, lines=(*lines, f"Figures are of the task {version}."))


def plain_number(value: float | None) -> str:
    """A figure with the digits that its size needs; nothing where there is none."""
    return "" if value is None else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3f}"


def with_bounds(row: "Row | None", digits: int = 3) -> str:
    """A figure with its interval; nothing where there is none."""
    return "" if row is None else f"{row.value:.3f} ({row.low:.{digits}f} to {row.high:.{digits}f})"


def edit_line(edit: Edit) -> str:
    """An edit in one line; of longer texts the beginning."""
    target = "(erased)" if edit.target is None else shortened(edit.target, _WIDTH)
    answer = "" if edit.target == edit.prompt else f" → {target}"
    state = "" if edit.status is Status.ACTIVE else f"  [{edit.status.value}]"
    return f"{edit.id:>6}  {edit.kind.value:<12}  {shortened(edit.prompt, _WIDTH)}{answer}{state}"


def edit_lines(edit: Edit) -> list[str]:
    """An edit with every field that it has, whole; further lines of a text stand below its first one."""
    return [
        f"{name + ':':<{_INDENT}}{_plain(value).replace(_BREAK, _BREAK + ' ' * _INDENT)}"
        for name, value in edit_document(edit).items()
        if value not in (None, "", (), [], {})
    ]


def match_line(match: Match) -> str:
    """A match in one line."""
    mark = "in scope" if match.in_scope else "outside"
    return f"{edit_line(match.edit)}  (distance {match.distance:.3f}, radius {match.radius:.3f}, {mark})"


def revision_line(revision: Revision) -> str:
    """A revision in one line."""
    shown = revision.after or revision.before
    text = edit_line(shown).strip() if shown else revision.edit_id
    note = "  [undone]" if revision.undone else ""
    return f"{revision.operation:>6}  {revision.at}  {revision.verb:<10}  {text}{note}"


def _plain(value: object) -> str:
    if isinstance(value, tuple | list):
        return "; ".join(str(part) for part in value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)
