"""A table of texts, and the same as Markdown."""

from dataclasses import dataclass


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


def markdown(table: Table, level: int = 2) -> str:
    """A table as Markdown, with its title."""
    lines = [[_safe(name) for name in table.head], ["---"] * len(table.head)]
    lines += [[_marked(cell) for cell in row] for row in table.rows]
    text = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    note = f"{table.note}\n\n" if table.note else ""
    return f"{'#' * level} {table.heading}\n\n{note}{text}\n"


def _marked(cell: Entry) -> str:
    mark = "**" if cell.strong else "*" if cell.faint else ""
    detail = f" {_safe(cell.detail)}" if cell.detail else ""
    return f"{mark}{_safe(cell.text)}{mark}{detail}" if cell.text else ""


def _safe(cell: str) -> str:
    return cell.replace("|", "\\|")
