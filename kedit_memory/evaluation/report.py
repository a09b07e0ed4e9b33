"""Rows as tables for documents: no figure in a document is typed by hand."""

from collections.abc import Mapping, Sequence

from kedit_memory.evaluation.rows import Row


def table(rows: Sequence[Row], promised: Mapping[str, str] | None = None) -> str:
    """A Markdown table, a row each; a column of promises, by kind, where there are some."""
    sizes = any(row.edits for row in rows)
    head = ["figure", *(["edits"] if sizes else []), "value", "95% interval", "n", *(["promised"] if promised else [])]
    lines = [head, ["---"] * len(head)]
    for row in rows:
        interval = "" if row.low is None or row.high is None else f"{_number(row.low)} to {_number(row.high)}"
        cells = [f"{row.metric}/{row.kind}", *([f"{row.edits:,}"] if sizes else [])]
        cells += [f"{_number(row.value)} {row.unit}", interval, str(row.n)]
        lines.append([*cells, *([promised.get(row.kind, "")] if promised else [])])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _number(value: float) -> str:
    """Three decimals for small figures, whole ones with separators for large."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4f}" if abs(value) < 0.01 else f"{value:.3f}"
