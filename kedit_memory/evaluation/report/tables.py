"""Tables of texts, and rows as tables: for documents, for reports, for a terminal."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from kedit_memory.evaluation.rows import Row

Flat: TypeAlias = Mapping[str, Any]  # a row as its JSON object

REACHED, MISSED = "reached", "**missed**"  # of what was promised


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What stands in a table's cell.

    Attributes:
        text: in plain characters.
        detail: what stands behind it, smaller where that can be.
        share: 0 to 1 where a colour can tell it.
        strong: to be seen first.
        faint: of too little to be weighed.
    """

    text: str
    detail: str = ""
    share: float | None = None
    strong: bool = False
    faint: bool = False


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table with a title and what has to be said of it."""

    title: str
    note: str
    head: tuple[str, ...]
    rows: tuple[tuple[Entry, ...], ...]

    @property
    def heading(self) -> str:
        """The title as it stands above the table."""
        return self.title[:1].upper() + self.title[1:]


def plain_table(head: Sequence[str], rows: Iterable[Sequence[str]], *, title: str = "", note: str = "") -> Table:
    """A table of texts."""
    return Table(
        title=title, note=note, head=tuple(head), rows=tuple(tuple(Entry(text=cell) for cell in row) for row in rows)
    )


@dataclass(frozen=True, kw_only=True)
class Value:
    """A figure over all seeds: of one, with its interval; of several, their mean with the lowest and the highest."""

    value: float
    low: float | None
    high: float | None
    n: int
    unit: str


def over_seeds(rows: Sequence[Flat]) -> Value:
    """A figure of several seeds as one."""
    n, unit = sum(row["n"] for row in rows), rows[0]["unit"]
    if len(rows) == 1:
        return Value(value=rows[0]["value"], low=rows[0]["low"], high=rows[0]["high"], n=n, unit=unit)
    values = [row["value"] for row in rows]
    mean = sum(row["value"] * row["n"] for row in rows) / n if n else sum(values) / len(values)
    return Value(value=mean, low=min(values), high=max(values), n=n, unit=unit)


def with_interval(row: Flat | None, digits: int = 3) -> str:
    """The value of a row, and between what it lies; nothing where there is no row."""
    if row is None:
        return ""
    value, low, high = (row[name] for name in ("value", "low", "high"))
    bounds = "" if low is None or high is None else f" ({low:.{digits}f} to {high:.{digits}f})"
    return f"{value:.3f}{bounds}"


def verdict(
    value: float,
    *,
    least: float | None = None,
    most: float | None = None,
    shown: Callable[[float], str] = "{:g}".format,
) -> tuple[str, str]:
    """What was promised of a value, and whether it is reached, as cells; both empty where nothing was."""
    if least is not None:
        return f"≥ {shown(least)}", REACHED if value >= least else MISSED
    if most is not None:
        return f"≤ {shown(most)}", REACHED if value <= most else MISSED
    return "", ""


def table_lines(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table in Markdown; its cells are Markdown already."""
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]


def markdown(table: Table, level: int = 2) -> str:
    """A table as Markdown, with its title."""
    text = "\n".join(
        table_lines([_safe(name) for name in table.head], [[_marked(cell) for cell in row] for row in table.rows])
    )
    head = f"{'#' * level} {table.heading}\n\n" if table.title else ""
    note = f"{table.note}\n\n" if table.note else ""
    return f"{head}{note}{text}\n"


def table(rows: Sequence[Row], promised: Mapping[str, str] | None = None) -> str:
    """A Markdown table, a row each; a column of promises, by kind, where there are some."""
    sizes = any(row.edits for row in rows)
    head = ["figure", *(["edits"] if sizes else []), "value", "95% interval", "n", *(["promised"] if promised else [])]
    body = []
    for row in rows:
        interval = "" if row.low is None or row.high is None else f"{_number(row.low)} to {_number(row.high)}"
        cells = [f"{row.metric}/{row.kind}", *([f"{row.edits:,}"] if sizes else [])]
        cells += [f"{_number(row.value)} {row.unit}", interval, str(row.n)]
        body.append([*cells, *([promised.get(row.kind, "")] if promised else [])])
    return "\n".join(table_lines(head, body))


def _number(value: float) -> str:
    """Three decimals for small figures, whole ones with separators for large."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4f}" if abs(value) < 0.01 else f"{value:.3f}"


def _marked(cell: Entry) -> str:
    mark = "**" if cell.strong else "*" if cell.faint else ""
    detail = f" {_safe(cell.detail)}" if cell.detail else ""
    return f"{mark}{_safe(cell.text)}{mark}{detail}" if cell.text else ""


def _safe(cell: str) -> str:
    return cell.replace("|", "\\|")
