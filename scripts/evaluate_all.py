"""Measure the main tasks and write one report: what `make evaluate` runs.

    python scripts/evaluate_all.py --output build/evaluate
    python scripts/evaluate_all.py --setting full --output build/full

Each run keeps a log in the output folder, and one that is there to its end is not made again: a command that was
stopped goes on. What needs public sets is left out where there are none (KEDIT_DATA, see README), and what needs
SmolLM2 where it is not there (`kedit models get smollm2`). The report is `report.html`, its rows are the logs;
`kedit compare-reports` sets two of a kind side by side. What each run took is printed, and kept in `seconds.json`.
"""

import argparse
import json
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kedit_memory.cli.public_sets import public_sets
from kedit_memory.models.known import fault

SMOLLM2 = "smollm2"
CONTROLS = "unedited,retrieve-edits,oracle-edit,oracle-scope"
ORACLES = "unedited,oracle-edit,oracle-scope"
EDITORS = "ft,lora,rome,memit,alphaedit,mend,grace-fast"


@dataclass(frozen=True, kw_only=True)
class Step:
    """A run: its name, by which its log is called, and the words of the command in each setting."""

    name: str
    command: str
    quick: str
    full: str
    public: bool = False  # whether it asks of public sets
    model: str | None = None  # that has to be there

    def words(self, setting: str) -> list[str]:
        """The command without `kedit`."""
        return shlex.split(f"{self.command} {getattr(self, setting)}")

    def missing(self) -> str:
        """What it needs and is not there, in words; nothing where all is."""
        if self.model and (why := fault(self.model)):
            return f"{self.model} {why}"
        return "the public sets are not here" if self.public and public_sets(None, needed=False) is None else ""


STEPS = (
    Step(
        name="scope-world",
        command="evaluate scope --dataset world --open-questions 100",
        quick="--edits 300 --questions 60",
        full="--questions 600",
    ),
    Step(
        name="scope-everyday",
        command="evaluate scope --dataset everyday --open-questions 100",
        quick="--edits 200 --questions 60",
        full="--questions 600",
    ),
    Step(
        name="scope-counterfact",
        command="evaluate scope --dataset counterfact --open-questions 300",
        quick="--edits 300 --questions 60",
        full="--edits 3000 --questions 300",
        public=True,
    ),
    Step(
        name="lifelong-world",
        command="evaluate lifelong --stream world",
        quick="--editors grace-fast,router:direct,ft --edits 20 --every 10 --seeds 1 --questions 40 --timed 2",
        full="--editors grace,grace-fast,router:grace,router:context,ft,lora --edits 1000 --every 100",
    ),
    Step(
        name="adaptive-world",
        command="evaluate adaptive-retrieval --dataset world",
        quick="--questions 200 --resplits 20 --no-dense",
        full="--questions 4000",
    ),
    Step(
        name="entity-inferences",
        command="evaluate entity-inferences",
        quick="--methods definition,random-definition,memory:context,ft --limit 20 --others 2",
        full="--others 5",
        public=True,
    ),
    Step(
        name="ecbd-np",
        command="evaluate ecbd",
        quick="--methods definition,random-definition,memory:context --limit 20 --others 2",
        full="--limit 60",
        public=True,
    ),
    Step(
        name="multihop-world",
        command="evaluate multihop --methods oracle-edit,memory:direct",
        quick="--cases 10 --alone",
        full="--cases 100",
    ),
    Step(
        name="ripple-world",
        command="evaluate ripple",
        quick="--cases 10 --methods oracle-edit,memory:auto",
        full="--cases 100 --methods oracle-edit,memory:auto,ft,rome,memit",
    ),
    Step(
        name="temporal-world",
        command="evaluate temporal --methods oracle-edit,retrieve-edits,memory:direct",
        quick="--cases 4",
        full="--cases 60",
    ),
    Step(
        name="unlearning-world",
        command="evaluate unlearning",
        quick="--cases 4 --methods oracle-edit,memory:direct",
        full="--cases 100 --methods oracle-edit,memory:direct,ext-sub,dinm,ft",
    ),
    Step(
        name="robustness-world",
        command="evaluate robustness --methods oracle-edit,memory:auto",
        quick="--cases 10",
        full="--cases 100",
    ),
    Step(
        name="use-invented",
        command="evaluate use",
        quick="--cases 20 --methods oracle-edit,memory:context,memory:related",
        full=f"--model {SMOLLM2} --cases 200 --methods {CONTROLS},memory:context,memory:direct,memory:related",
    ),
    Step(
        name="compare-mini",
        command="compare --limit 5",
        quick=f"--methods {CONTROLS},memory:auto,ft,rome,grace-fast --edits 10 --singles 10 --questions 10",
        full="--methods all --edits 10,100 --singles 10 --questions 20 --seeds 1,2,3",
    ),
    Step(
        name="compare-smollm2",
        command=f"compare --model {SMOLLM2} --limit 60",
        quick=f"--methods {ORACLES},memory:auto --edits 10 --singles 3 --mode single,batch --questions 4",
        full=f"--methods {CONTROLS},memory:auto,memory:context,{EDITORS} --edits 10,100 --singles 100 --seeds 1,2,3",
        model=SMOLLM2,
    ),
)


def main() -> None:
    """Run what is missing, then write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--setting", choices=("quick", "full"), default="quick")
    parser.add_argument("--output", type=Path, required=True, help="the folder of logs and the report")
    parser.add_argument("--only", nargs="+", choices=[step.name for step in STEPS], help="these runs alone")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    chosen = [step for step in STEPS if not arguments.only or step.name in arguments.only]
    failed = list(measured(chosen, arguments.setting, arguments.output))
    logs = [log for step in chosen if (log := log_of(step, arguments.output)).exists()]
    if logs:
        kedit("report", *map(str, logs), "--output", str(arguments.output / "report.html"))
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


def measured(steps: list[Step], setting: str, output: Path) -> Iterator[str]:
    """Run each step that is not in its log; the names of those that failed."""
    kept = output / "seconds.json"
    seconds: dict[str, float] = json.loads(kept.read_text("utf-8")) if kept.exists() else {}
    for step in steps:
        if missing := step.missing():
            print(f"{step.name}: left out, {missing}", file=sys.stderr)
            continue
        if step.name in seconds:
            print(f"{step.name}: is in {log_of(step, output)}", file=sys.stderr)
            continue
        began = time.perf_counter()
        kept_in = output / step.name if step.command.startswith("compare") else log_of(step, output)
        option = "--output" if step.command.startswith("compare") else "--log"
        status = kedit(*step.words(setting), option, str(kept_in), "--json", quiet=True)
        if status:
            yield step.name
            continue
        seconds[step.name] = round(time.perf_counter() - began, 1)
        kept.write_text(json.dumps(seconds, indent=1), "utf-8")
        print(f"{step.name}: {seconds[step.name]:.0f} s, {sum(seconds.values()) / 60:.1f} min in all", file=sys.stderr)


def log_of(step: Step, output: Path) -> Path:
    """Where a step's log is."""
    return output / step.name / "log.jsonl" if step.command.startswith("compare") else output / f"{step.name}.jsonl"


def kedit(*words: str, quiet: bool = False) -> int:
    """The status of a command, run as its own process; what it prints is in its log."""
    command = [sys.executable, "-m", "kedit_memory.cli.main", *words]
    return subprocess.run(command, check=False, stdout=subprocess.DEVNULL if quiet else None).returncode  # noqa: S603 - our own words


if __name__ == "__main__":
    main()
