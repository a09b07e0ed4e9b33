"""Choose options of an editor for a model, on edits of which nothing is reported, and keep them as its preset.

Every combination of the options tried makes the same edits of the shipped world, each alone: of facts that the model
knows and of relations that comparisons do not report while they have others. The one with the highest harmonic mean of
reliability, generalization and locality is written to METHOD/MODEL.toml, with this command, for `--preset tuned`.

python scripts/tune_editor.py ft-l --model smollm2 --try rate=5e-4,2e-3 --try norm=5e-4,5e-2
"""

import argparse
import json
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from statistics import harmonic_mean
from typing import Any

from kedit_memory.editors import presets
from kedit_memory.editors.base import named_options
from kedit_memory.editors.presets import TUNED
from kedit_memory.evaluation.case import GENERALIZATION, LOCALITY, RELIABILITY, Case
from kedit_memory.evaluation.judges import DEFAULT, Judge, judge_of
from kedit_memory.evaluation.methods import method_of
from kedit_memory.evaluation.tasks.compare.cases import world_cases
from kedit_memory.evaluation.tasks.compare.measures import LOGITS, TEACHER_FORCED, observe, remember_unedited
from kedit_memory.evaluation.tasks.compare.model import WatchedBench
from kedit_memory.models.language import white_box
from kedit_memory.models.named import load_model
from kedit_memory.world import load_world

WEIGHED = (RELIABILITY, GENERALIZATION, LOCALITY)


def main(words: Sequence[str] | None = None) -> None:
    """Try, print what each combination reached, and write the best."""
    arguments = _arguments(words)
    bench = WatchedBench(lambda: white_box(load_model(arguments.model, device=arguments.device), arguments.method))
    cases = world_cases(load_world(), bench.model, arguments.edits, arguments.seed, reported=False)
    remember_unedited(bench, (one for case in cases for one in case.questions))
    judge = judge_of(arguments.judge)
    scores: dict[str, float] = {}
    tried = list(combinations(arguments.tried))
    for options in tried:
        name = ":".join([arguments.method, *(f"{key}={json.dumps(value)}" for key, value in options.items())])
        reached = shares(name, bench, cases, judge)
        scores[name] = harmonic_mean([reached.get(metric, 0.0) for metric in WEIGHED])
        told = ", ".join(f"{metric} {value:.2f}" for metric, value in reached.items())
        print(f"{name}: {scores[name]:.3f} ({told})", flush=True)
    best = tried[max(range(len(tried)), key=lambda place: list(scores.values())[place])]
    command = shlex.join(["python", "scripts/tune_editor.py", *(sys.argv[1:] if words is None else words)])
    write(arguments.to / arguments.method / f"{Path(arguments.model).name}.toml", best, command)


def combinations(tried: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Every choice of one value for each option, from words such as `rate=0.1,0.2`."""
    named = [(word.partition("=")[0], word.partition("=")[2].split(",")) for word in tried]
    for values in product(*(given for _, given in named)):
        yield named_options([f"{name}={value}" for (name, _), value in zip(named, values, strict=True)])


def shares(name: str, bench: WatchedBench, cases: Sequence[Case], judge: Judge) -> dict[str, float]:
    """What a method reaches with each edit alone: of each metric that is weighed the share of right answers."""
    method = method_of(name)(bench)
    found: dict[str, list[float]] = {metric: [] for metric in WEIGHED}
    for case in cases:
        method.add([case.edit])
        for one in observe(method, [case], case.asked(), (), judge):
            if one.metric in found and one.kind != TEACHER_FORCED and not one.kind.startswith(LOGITS):
                found[one.metric].append(one.total)
        method.clear()
    return {metric: sum(held) / len(held) for metric, held in found.items() if held}


def write(path: Path, options: Mapping[str, Any], command: str) -> None:
    """Keep options as the preset that is tuned, in place of an earlier one; JSON's values are TOML's, too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    held = ", ".join(f"{name} = {json.dumps(value)}" for name, value in options.items())
    path.write_text(f"[{TUNED}]\nsource = {json.dumps(command)}\noptions = {{ {held} }}\n", "utf-8")


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("method")
    parser.add_argument("--model", required=True)
    parser.add_argument("--device")
    parser.add_argument("--try", dest="tried", action="append", required=True, metavar="NAME=VALUE,VALUE")
    parser.add_argument("--edits", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--judge", default=DEFAULT)
    parser.add_argument("--to", type=Path, default=Path(presets.__file__).parent, help="the folder of presets")
    return parser.parse_args(words)


if __name__ == "__main__":
    main()
