"""Write the page on tasks of cases from their logs: every figure comes from them, none is typed.

python scripts/tasks_report.py build/tasks/*.jsonl --output docs/results/tasks.md
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from kedit_memory.evaluation.log import Log
from kedit_memory.evaluation.report.asked import table_of
from kedit_memory.evaluation.report.tables import markdown
from kedit_memory.evaluation.score import score
from kedit_memory.evaluation.task import ASKED

HEAD = """# What is asked of edits beyond their own question

Written by `python scripts/tasks_report.py`; no figure is typed by hand. A cell is a share with its 95% interval, by
drawing cases again. `rate` counts what must not be said, so that less is better; `share of gain` is how much of the way
from the unedited model to the one that is told the right edit (`oracle-edit`) a method goes.
"""


def main() -> None:
    """Read the logs, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("logs", type=Path, nargs="+", help="files that `kedit evaluate TASK --log` wrote")
    parser.add_argument("--output", type=Path, required=True, help="the Markdown file to write")
    arguments = parser.parse_args()
    arguments.output.write_text("\n".join([HEAD, *sections(arguments.logs)]), "utf-8")


def sections(logs: Sequence[Path]) -> Iterator[str]:
    """A section for each log, in the order of the tasks."""
    read = [Log.read(path) for path in logs]
    if strangers := [log.task for log in read if log.task not in ASKED]:
        raise SystemExit(f"{strangers[0]} is no task of cases; give logs of {', '.join(ASKED)}")
    for log in sorted(read, key=lambda log: list(ASKED).index(log.task)):
        rows = score(log)
        yield markdown(table_of(rows, log.plan))
        yield f"`{_command(log)}`, commit {', '.join(sorted({str(row['commit']) for row in rows}))}.\n"


def _command(log: Log) -> str:
    """How the run is made again."""
    methods = ",".join(part.key.method for part in log.parts)
    plan = log.plan
    words = [f"kedit evaluate {log.task} --dataset {plan['dataset']} --model {plan['model']} --methods {methods}"]
    words += [f"--cases {plan['cases']} {'--together' if plan['together'] else '--alone'} --seed {plan['seed']}"]
    for option in ("judge", "preset", "encoder", "max_new_tokens"):
        if plan[option] is not None:
            words.append(f"--{option.replace('_', '-')} {plan[option]}")
    return " ".join(words)


if __name__ == "__main__":
    main()
