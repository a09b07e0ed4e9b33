"""Pages of Markdown: what a page shows, its pictures beside it, and all of its figures as a table in `rows`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from kedit_memory.errors import InvalidInputError
from kedit_memory.evaluation.report.pictures import Picture, save_figure
from kedit_memory.evaluation.report.saved import Measured, write_rows
from kedit_memory.evaluation.report.tables import Table, markdown

ROWS = "rows"  # the folder beside a page for what is too long for it
LONGEST = 120  # lines of a page: two screens

Part: TypeAlias = str | Table | Picture  # a text is Markdown


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page of one task.

    Attributes:
        title: above it.
        parts: what it shows, in order.
        runs: what its figures are of.
        more: longer texts that stand beside its table of figures, by name.
    """

    title: str
    parts: Sequence[Part]
    runs: Sequence[Measured]
    more: Mapping[str, Sequence[Part]] = field(default_factory=dict)


def write_page(page: Page, path: Path) -> None:
    """Write a page, its pictures as PNG, and what stands in `rows`.

    Raises:
        InvalidInputError: a file cannot be written.
        MissingDependencyError: matplotlib is not installed.
    """
    table = path.parent / ROWS / f"{path.stem}.csv"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_rows(page.runs, table)
        files = {table.name: table.name, **{name: f"{path.stem}-{name}.md" for name in page.more}}
        head = (
            f"Written by `kedit report ROWS... --output {path.name}`; no figure is typed by hand. All figures, also "
            f"those that are not shown here: {', '.join(f'[{name}]({ROWS}/{file})' for name, file in files.items())}."
        )
        path.write_text(_text(page.title, [head, *page.parts], path), "utf-8")
        for name, parts in page.more.items():
            table.with_name(files[name]).write_text(_text(f"{page.title}: {name}", parts, path), "utf-8")
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be written ({error.strerror or error}); choose another name") from error


def _text(title: str, parts: Sequence[Part], path: Path) -> str:
    shown = [text for part in parts if (text := _shown(part, path))]
    return "\n\n".join([f"# {title}", *(text.strip("\n") for text in shown)]) + "\n"


def _shown(part: Part, path: Path) -> str:
    if isinstance(part, Table):
        return markdown(part) if part.rows else ""
    if isinstance(part, str):
        return part
    file = path.with_name(f"{path.stem}-{part.name}.png")
    if part.draw:
        save_figure(part.draw, file)
    return f"![{part.caption}]({file.name})" if file.exists() else ""
