"""Write the page of public sets from what is in their folders.

    python scripts/datasets_report.py --data ../shared/data --page docs/datasets.md

A set that is not there keeps its line, without figures.
"""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from kedit_memory.errors import NotFoundError
from kedit_memory.evaluation.datasets import DATASETS, TEXTS, load_cases, load_texts
from kedit_memory.evaluation.datasets.loaded import Loaded
from kedit_memory.evaluation.datasets.sources import PublicSet, State, sources

_HEAD = """# Public sets

Written by `python scripts/datasets_report.py --data FOLDER --page docs/datasets.md`; no figure is typed by hand.
Each set is read as it is published, by one file of `kedit_memory/evaluation/datasets/`; `load_cases(NAME, FOLDER)`
gives its cases, and what was left out for which reason. None of them is part of this project:
`scripts/fetch_data.py NAME --to FOLDER` fetches the originals on a machine with a network, from the addresses and by
the checksums of `data/sources.toml`. A licence is that of the set's authors or of the repository that publishes it;
"none stated" means that none was found there.

*Cases* and *left out* count what the folder of this page held, which for some sets is a part: *files* tells how many of
the published files were there, and how many of those are as published, to the byte. A dash means that nothing that can
be read was there.

A set of one's own is read from a file whose name ends with `.jsonl`, in the form that `datasets/jsonl.py` shows.
Another public set is a file with a function from its folder to `Loaded[Case]`, a line in `DATASETS`, and a section in
`data/sources.toml`.
"""
_COLUMNS = ("set", "what it measures", "form read", "licence", "files", "cases", "questions", "left out")


def main() -> int:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder of public sets")
    parser.add_argument("--page", type=Path, required=True, help="the page to write")
    given = parser.parse_args()
    given.page.write_text(page(given.data), "utf-8")
    return 0


def page(data: Path) -> str:
    """The page of all sets, as they are in a folder."""
    lines = [_line(sources()[name], data) for name in (*DATASETS, *TEXTS)]
    return "\n".join([_HEAD, _row(_COLUMNS), _row("---" for _ in _COLUMNS), *lines]) + "\n"


def _line(one: PublicSet, data: Path) -> str:
    states = [*one.states(data).values()]
    there = sum(state is not State.ABSENT for state in states)
    files = f"{there} of {len(states)}, {states.count(State.PUBLISHED)} as published"
    told = (f"`{one.name}`: {one.title} ({one.paper})", one.measures, one.form, one.licence, files)
    try:
        return _row((*told, *(_counted(load_texts(one.name, data)) if one.name in TEXTS else _cases(one.name, data))))
    except NotFoundError:
        return _row((*told, "-", "-", "-"))


def _cases(name: str, data: Path) -> tuple[str, str, str]:
    read = load_cases(name, data)
    cases, _, left = _counted(read)
    asked = sum(len(case.questions) for case in read.found) + len(read.outside)
    return cases, f"{asked:,}", left


def _counted(read: Loaded) -> tuple[str, str, str]:  # type: ignore[type-arg]
    left = "; ".join(f"{count:,}: {reason}" for reason, count in read.skipped.items())
    return f"{len(read.found):,}", "-", left or "none"


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())
