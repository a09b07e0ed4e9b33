"""Keep every figure in README and docs equal to a measured row, the tables beside the pages, and pages at two screens.

    python scripts/render_results.py --rows build/evaluate/*.jsonl build/evaluate/compare-mini/log.jsonl
    python scripts/render_results.py --check

The first writes the rows of each file into a table of `docs/results/rows`, called as the file (a `log.jsonl` as its
folder), and renews the figures that are of it. The second changes nothing and ends with 1 where a figure is not what
its row says. A figure is a link to its table whose title tells the row:

    fires for [0.69](docs/results/rows/scope-world.csv "router generalization/all") of the questions

After method and measure there may stand what else tells the row, as `planned=10 mode=batch edits=50 seed=1`. Of several
numbers of edits the most counts, of several seeds the mean. As many decimals are told as stand there; `69%` is a share.
"""

import argparse
import re
from pathlib import Path

from kedit_memory.errors import KeditError
from kedit_memory.evaluation.report.page import LONGEST, ROWS
from kedit_memory.evaluation.report.saved import read_saved, write_rows
from kedit_memory.evaluation.report.tables import over_seeds

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path("docs/results")
TABLES = RESULTS / ROWS
# A number as the text of a link, a table, and in the title which of its rows the number is of.
FIGURE = re.compile(r'\[(?P<text>[-+]?[\d,]*\.?\d+%?)\]\((?P<table>[^)\s]+\.csv) "(?P<row>[^"]+)"\)')


class FigureError(Exception):
    """A figure that no row tells."""


def main() -> None:
    """Write tables and renew figures, or check them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    work = parser.add_mutually_exclusive_group(required=True)
    work.add_argument("--rows", type=Path, nargs="+", help="logs, documents of --json, or files of rows")
    work.add_argument("--check", action="store_true")
    parser.add_argument("--root", type=Path, default=ROOT, help="the folder of README and docs")
    arguments = parser.parse_args()
    try:
        for path in arguments.rows or ():
            name = path.parent.name if path.stem == "log" else path.stem
            write_rows(read_saved(path).runs, arguments.root / TABLES / f"{name}.csv")
    except KeditError as error:
        raise SystemExit(str(error)) from None
    faults = [fault for page in pages(arguments.root) for fault in rendered(page, write=not arguments.check)]
    faults += [fault for page in (arguments.root / RESULTS).glob("*.md") for fault in too_long(page)]
    if faults:
        raise SystemExit("\n".join(faults))


def pages(root: Path) -> list[Path]:
    """What may hold figures."""
    return [path for path in (root / "README.md", *sorted((root / "docs").rglob("*.md"))) if path.is_file()]


def too_long(page: Path) -> list[str]:
    """Whether a page is of more than two screens."""
    lines = len(page.read_text("utf-8").splitlines())
    told = f"{page} has {lines} lines; {LONGEST} are two screens, and what is more belongs into {TABLES}"
    return [told] if lines > LONGEST else []


def rendered(page: Path, *, write: bool) -> list[str]:
    """What is wrong on a page, in lines; with `write` it is put right where a row tells how."""
    text = page.read_text("utf-8")
    faults: list[str] = []

    def renewed(figure: re.Match[str]) -> str:
        number = text.count("\n", 0, figure.start()) + 1
        try:
            right = written(value_of(page.parent / figure["table"], figure["row"]), figure["text"])
        except FigureError as error:
            faults.append(f"{page}, line {number}: {error}")
            return figure[0]
        if right != figure["text"] and not write:
            faults.append(f"{page}, line {number}: {figure['text']} is {right} by its row ({figure['row']})")
        return figure[0].replace(f"[{figure['text']}]", f"[{right}]", 1)

    changed = FIGURE.sub(renewed, text)
    if write and changed != text:
        page.write_text(changed, "utf-8")
    return faults


def written(value: float, like: str) -> str:
    """A value with the decimals, the sign and the unit that stand there."""
    share = like.endswith("%")
    plain = like.rstrip("%")
    decimals = len(plain.partition(".")[2])
    text = f"{100 * value if share else value:{'+' if like.startswith('+') else ''},.{decimals}f}"
    bare = plain.lstrip("+-").startswith(".")  # .69 for 0.69
    return (
        f"{text.replace('0.', '.', 1) if bare and text.lstrip('+-').startswith('0.') else text}{'%' if share else ''}"
    )


def value_of(table: Path, told: str) -> float:
    """The value of the row that a title tells.

    Raises:
        FigureError: there is no such table or row.
    """
    method, figure, *rest = told.split()
    metric, _, kind = figure.partition("/")
    wanted = {"method": method, "metric": metric, "kind": kind or "all"} | dict(part.split("=", 1) for part in rest)
    if not table.is_file():
        raise FigureError(f"no table {table}")
    found = [
        row for row in read_saved(table).rows if all(str(row.get(name, "")) == value for name, value in wanted.items())
    ]
    if not found:
        raise FigureError(f"{table} has no row {told!r}")
    most = max(row["edits"] for row in found)
    last = [row for row in found if row["edits"] == most]
    if len({tuple(row.get(name) for name in ("task", "dataset", "mode", "planned")) for row in last}) > 1:
        raise FigureError(f"{table} has several rows {told!r}; say more of it, such as planned=10")
    return over_seeds(last).value


if __name__ == "__main__":
    main()
