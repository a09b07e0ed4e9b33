"""Counts the files of the package that one add and one question cross, and how often a call goes from one to another.

    python scripts/trace_calls.py --json
    python scripts/trace_calls.py --files

Both are asked of a store with one subject, once warm: an add of a fact about it, and a question in other words that
this fact answers.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import kedit_memory
from kedit_memory import EditMemory, Router, RouterConfig
from kedit_memory.evaluation.report.tables import table
from kedit_memory.evaluation.rows import Row, describe_run, document

ROOT = Path(kedit_memory.__file__).parent


def main() -> None:
    """Traces both and prints their rows, or the files in the order in which they are first met."""
    options = _options()
    with tempfile.TemporaryDirectory() as folder, EditMemory.open(Path(folder) / "store") as memory:
        memory.add("Who leads Acme?", "Ann Berg", subject="Acme")
        memory.add("Where is Acme based?", "Oslo", subject="Acme")
        router = Router(memory, config=RouterConfig(path="direct"))
        router.query("Which person is the leader of Acme?")
        traced = {
            "add": crossed(lambda: memory.add("Who owns Acme?", "Bo Ray", subject="Acme")),
            "question": crossed(lambda: router.query("Which person is the owner of Acme?")),
        }
    if options.files:
        for name, (files, changes) in traced.items():
            print(f"{name}: {len(files)} files, {changes} changes of file\n  " + "\n  ".join(files))
        return
    run = describe_run("trace_calls", "one fact", config={}, model=None)
    rows = [
        Row(run=run, method="kedit", metric="count", kind=f"{name}_{kind}", value=float(value), n=1, unit=unit)
        for name, (files, changes) in traced.items()
        for kind, value, unit in (("files", len(files), "files"), ("changes", changes, "changes"))
    ]
    print(document(rows) if options.json else table(rows))


def crossed(action: Callable[[], object]) -> tuple[list[str], int]:
    """The files of the package that an action calls into, in order, and how often a call goes from one to another."""
    files: dict[str, None] = {}
    here: list[str] = []
    changes = 0

    def note(frame: FrameType, event: str, _: object) -> None:
        nonlocal changes
        path = Path(frame.f_code.co_filename)
        if event not in ("call", "return") or not path.is_relative_to(ROOT):
            return
        if event == "return":
            if here:
                here.pop()
            return
        name = str(path.relative_to(ROOT))
        changes += bool(here) and here[-1] != name
        here.append(name)
        files.setdefault(name)

    sys.setprofile(note)
    try:
        action()
    finally:
        sys.setprofile(None)
    return list(files), changes


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON document of rows")
    parser.add_argument("--files", action="store_true", help="print the files")
    return parser.parse_args()


if __name__ == "__main__":
    main()
