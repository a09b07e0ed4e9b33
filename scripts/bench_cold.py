"""Measures `kedit ask` from a cold start: seconds until the first token is out, and where they go.

    python scripts/bench_cold.py --json

Each run is a new process. `seconds/first_token` is the command itself, until its first byte; the steps are those of the
command, taken one after the other in a process of their own, without its start. Nobody empties the caches of the disk.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from time import perf_counter

import numpy as np
from bench_memory import questions

from kedit_memory.evaluation.report.tables import table
from kedit_memory.evaluation.rows import Row, describe_run, document
from kedit_memory.memory import EditMemory

QUESTION = "In which country is Paris?"  # which no edit answers, so that the model speaks
STEPS = """
import json, sys
from pathlib import Path
from time import perf_counter

taken, began = {}, perf_counter()
def step(name):
    global began
    taken[name], began = perf_counter() - began, perf_counter()

from kedit_memory.cli import app
step("import_command")
from kedit_memory.cli.routers import make_router
from kedit_memory.cli.store import open_store
import torch
step("import_torch")
import transformers
step("import_transformers")
with open_store(Path(sys.argv[1]), None, create=False) as memory:
    step("open_store")
    router = make_router(memory, sys.argv[2], "auto", None, None)
    router.load()
    step("load_encoder_and_reader")
    router.model
    step("load_model")
    heard = []
    def on_text(text):
        if not heard:
            step("first_answer")
        heard.append(text)
    router.query(sys.argv[3], on_text=on_text)
print(json.dumps(taken))
"""


def main() -> None:
    """Make a store, start processes, print rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="kedit-mini")
    parser.add_argument("--edits", type=int, default=100)
    parser.add_argument("--runs", type=int, default=5, help="processes of each kind, after one that warms the disk up")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as aside:
        store = Path(aside) / "store"
        with EditMemory.open(store) as memory:
            stored = islice(questions(arguments.edits), arguments.edits)
            memory.add_many([{"prompt": text, "target": "yes", "subject": subject} for text, subject in stored])
            memory.in_scope(QUESTION)  # writes the cache
        whole = [_first_byte(store, arguments.model) for _ in range(arguments.runs + 1)][1:]
        steps = [_steps(store, arguments.model) for _ in range(arguments.runs)]
    run = describe_run("cold_speed", "templates", config=vars(arguments), model=arguments.model)
    found = {"first_token": whole} | {f"step/{name}": [one[name] for one in steps] for name in steps[0]}
    rows = [
        Row(run=run, method="kedit", metric="seconds", kind=kind, value=float(np.median(values)), n=len(values),
            unit="s", edits=arguments.edits)
        for kind, values in found.items()
    ]  # fmt: skip
    print(document(rows) if arguments.json else table(rows))


def _first_byte(store: Path, model: str) -> float:
    """Seconds from the start of the command to the first byte that it prints."""
    command = [
        "-c",
        "from kedit_memory.cli.main import main; main()",
        "ask",
        QUESTION,
        "--store",
        str(store),
        "--model",
        model,
    ]
    began = perf_counter()
    with subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE) as process:  # noqa: S603 - fixed words
        assert process.stdout is not None  # noqa: S101 - which a pipe is
        first = process.stdout.read(1)
        spent = perf_counter() - began
        process.stdout.read()
    if process.returncode or not first:
        raise SystemExit(f"kedit ask ended with {process.returncode} and said {'something' if first else 'nothing'}")
    return spent


def _steps(store: Path, model: str) -> Mapping[str, float]:
    command = [sys.executable, "-c", STEPS, str(store), model, QUESTION]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603 - fixed words
    taken: Mapping[str, float] = json.loads(done.stdout)
    return taken


if __name__ == "__main__":
    main()
