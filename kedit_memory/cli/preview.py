"""What `kedit add --preview` prints: what an edit would do, as a table or as JSON."""

from typing import TYPE_CHECKING

from kedit_memory.cli.output import counted, edit_line, emit, table_console
from kedit_memory.text import shortened, visible

if TYPE_CHECKING:
    from kedit_memory.routing.preview import Fired, Preview

_WIDTH = 120
_SHOWN = 50  # questions in the table


def print_preview(preview: "Preview", *, as_json: bool) -> None:
    """Print what an edit would do."""
    if as_json:
        from kedit_memory.routing.preview import preview_document

        emit(as_json=True, document=preview_document(preview), lines=())
        return
    rehearsal = preview.rehearsal
    lines = [edit_line(rehearsal.edit)] if rehearsal.new else [f"{edit_line(rehearsal.edit).strip()} is there already"]
    lines[0] = lines[0].replace(rehearsal.edit.id, "new", 1) if rehearsal.new else lines[0]
    lines += [f"gives way:        {edit_line(one).strip()}" for one in rehearsal.giving_way]
    lines += [f"may contradict:   {edit_line(one).strip()}" for one in preview.contradicts]
    for one in preview.shares:
        what = "its own wording would ask for the new edit, too" if not one.own else "covers a wording of the new edit"
        lines.append(f"shares questions: {one.edit.id} {what} ({one.score:.3f}): {shortened(one.wording, _WIDTH)}")
    emit(as_json=False, document={}, lines=lines)
    if preview.fires:
        _print_table(preview.fires)
    emit(as_json=False, document={}, lines=[_summary(preview)])


def _print_table(fires: "tuple[Fired, ...]") -> None:
    from rich.table import Table

    table = Table("question", "times", "score", "threshold", "how", "answered today by")
    for one in fires[:_SHOWN]:
        today = (one.now or "-") + (", which stays" if one.keeps else "")
        figures = (f"{one.times:,}", f"{one.score:.3f}", f"{one.threshold:.3f}")
        table.add_row(visible(shortened(one.question, _WIDTH)), *figures, one.stratum, today)
    table_console(_WIDTH).print(table)


def _summary(preview: "Preview") -> str:
    if not preview.asked + preview.unread:
        return "Nothing was stored. Give --questions FILE to see which logged questions it would answer."
    more = f", the first {_SHOWN} above" if len(preview.fires) > _SHOWN else ""
    unread = f"; {counted(preview.unread, 'row')} not read" if preview.unread else ""
    fires = f"{len(preview.fires):,} of {counted(preview.asked, 'distinct question')}"
    return f"It would answer {fires}{more}{unread}. Nothing was stored."
