"""Fit the gate that ships with the embedded model, on questions about the world.

    python scripts/calibrate_gate.py     # writes data/models/kedit-mini/gate.json

The questions are those of `kedit evaluate adaptive-retrieval --dataset world` under another seed; that evaluation fits
its policies anew and does not read this file.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from kedit_memory.evaluation.tasks.adaptive.gate_fitting import calibrate_gate
from kedit_memory.evaluation.tasks.adaptive.sets import world_set
from kedit_memory.memory import EditMemory
from kedit_memory.routing.gate.calibration import GateCalibration, GateQuestion
from kedit_memory.routing.router import Router
from kedit_memory.shipped import embedded_model
from kedit_memory.world import background


def main() -> None:
    """Fit, write the file, and say what came out on the held-out half."""
    arguments = _arguments()
    questions = world_set(None, questions=arguments.questions, seed=arguments.seed).questions
    asked = [GateQuestion(question=one.text, answers=one.answers) for one in questions]
    with tempfile.TemporaryDirectory() as aside, EditMemory.open(Path(aside) / "store", encoder="hashing") as memory:
        router = Router(memory, arguments.model, background=background())
        calibration = calibrate_gate(router, asked, policy=arguments.policy, budget=arguments.budget, progress=_say)
    arguments.output.write_text(calibration.to_json() + "\n", encoding="utf-8")
    print(summary(calibration))


def summary(calibration: GateCalibration) -> str:
    """What came out on the held-out half, in one line."""
    held = calibration.held_out
    shares = {
        "never": held.never_right,
        "always": held.always_right,
        calibration.policy: held.right,
        "oracle": held.oracle_right,
        "calls": held.called,
    }
    figures = ", ".join(f"{name} {count / held.questions:.3f}" for name, count in shares.items())
    return f"{figures} (n {held.questions:,}, fitted on {calibration.fitted:,} others)"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="kedit-mini", help="a model's name or folder")
    parser.add_argument("--policy", default="learned")
    parser.add_argument("--budget", type=float, default=0.6, help="the share of questions that may be searched for")
    parser.add_argument("--questions", type=int, default=1600)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--output", type=Path, default=embedded_model() / "gate.json")
    return parser.parse_args()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
