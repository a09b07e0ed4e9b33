"""Measure what reads edits on SERAC's path: given the right edit with a question, does it answer with the new object?

    python scripts/evaluate_counterfactual.py --rows rows.jsonl
    python scripts/evaluate_counterfactual.py --rows rows.jsonl --data DATA --sets counterfact zsre
    python scripts/evaluate_counterfactual.py --rows rows.jsonl --card

The first two write rows; the last writes the card of the shipped model from rows and from the record of its training.
Scope is taken as known, so that its errors do not blur those of reading; answers are free generation. `world` is the
stream of `kedit evaluate lifelong`: edits, each also asked in wordings that no model was trained on (`held_out`) and
in one other (`rephrasing`); `worded` are made-up facts of domains that training left out; the public sets show whether
texts of another hand are copied.
"""

import argparse
import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from scope_wordings import worded_set

from kedit_memory.evaluation.case import GENERALIZATION
from kedit_memory.evaluation.datasets.public import sources_of
from kedit_memory.evaluation.intervals import wilson
from kedit_memory.evaluation.judges import is_answer
from kedit_memory.evaluation.rows import Row, Run, describe_run
from kedit_memory.evaluation.tasks.lifelong.streams import Wanted
from kedit_memory.evaluation.tasks.lifelong.world import world_stream
from kedit_memory.evaluation.tasks.scope.cases import TRAINING, ScopeSet
from kedit_memory.evaluation.tasks.scope.sets import SETS, part_of
from kedit_memory.memory.requests import statement_of
from kedit_memory.models.language import TextModel
from kedit_memory.models.named import load_model
from kedit_memory.models.prompts import Prompt
from kedit_memory.models.sources import COUNTERFACTUAL
from kedit_memory.models.substitution import told
from kedit_memory.shipped import counterfactual_model

PROMPT, UNSEEN_RELATION = "prompt", "unseen_relation"
_EMBEDDED = "kedit-mini"
_PUBLIC = ("counterfact", "zsre", "lre", "pararel")
_CARD = """---
license: apache-2.0
base_model: kedit-mini
library_name: peft
---

# kedit-mini-counterfactual

What reads edits on the path and in the editor `serac` (Mitchell et al., ICML 2022, equation 4): a low-rank adapter of
kedit-mini, rank {rank} at all projections, {kilobytes:,} kB in half precision, trained to answer from the edit before
the question also where it knows better. `load_model("kedit-mini-counterfactual")` gives kedit-mini with it;
kedit-mini itself stays as it is.

Trained in {steps:,} steps of {batch} edits in {seconds:,} s on a processor core that other work shared:

{commands}

Edits give facts of the shipped world and of the relations in `data/wordings` other objects; relations of any report,
held-out phrasings and subjects of tier 5 are left out. What the first run got wrong in `world` and `worded` was read
before the second, in which names that repeat themselves and answers that begin with small words came oftener.

Share of questions answered with the edit's object, the right edit given, by free generation
(`python scripts/evaluate_counterfactual.py`; `unseen_relation`: relations that training left out, in all wordings):

| set | kind | n | kedit-mini | 95% interval | with the adapter | 95% interval |
| --- | --- | --- | --- | --- | --- | --- |
{rows}

English; it copies what one edit says, reasons over nothing, and is asked only what an edit covers.
"""


class Case(NamedTuple):
    """A question, the edit that covers it, what counts as its answer, and the kinds under which it is counted."""

    question: str
    statement: str
    accepted: tuple[str, ...]
    kinds: tuple[str, ...]

    @property
    def asked(self) -> Prompt:
        """As a counterfactual model is asked."""
        return told(Prompt(question=self.question), self.statement)


def main() -> None:
    """Measure, or write the card."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=[_EMBEDDED, COUNTERFACTUAL])
    parser.add_argument("--sets", nargs="+", default=["world", "worded"], choices=("world", "worded", *_PUBLIC))
    parser.add_argument("--data", type=Path, help="folder of the public sets")
    parser.add_argument("--edits", type=int, default=150, help="of each set and seed")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--worst", type=int, default=20, help="wrong answers of each model and set that are printed")
    parser.add_argument("--rows", type=Path, required=True, help="added to by a measurement, read for the card")
    parser.add_argument("--card", action="store_true", help="write the card instead")
    arguments = parser.parse_args()
    if arguments.card:
        write_card([json.loads(line) for line in arguments.rows.read_text("utf-8").splitlines()])
        return
    torch.set_num_threads(1)
    config = {"edits": arguments.edits, "seeds": arguments.seeds}
    models = [load_model(name, device="cpu") for name in arguments.models]
    for name in arguments.sets:
        draw: Callable[..., Iterator[Case]] = of_world if name == "world" else of_set
        cases = [case for seed in arguments.seeds for case in draw(name, arguments.edits, seed, arguments.data)]
        for model in models:
            data = sources_of(name if name in _PUBLIC else "world", arguments.data)
            run = describe_run("counterfactual", name, config=config, data=data, model=model.fingerprint)
            said = model.answer_many([case.asked for case in cases])
            rows = list(measured(model, cases, said, run))
            with arguments.rows.open("a", encoding="utf-8") as file:
                file.writelines(json.dumps(row.flat()) + "\n" for row in rows)
            _tell(name, rows, _wrong(cases, said)[: arguments.worst])


def of_world(name: str, edits: int, seed: int, data: Path | None) -> Iterator[Case]:
    """The edits of a stream with their own prompts and rephrasings."""
    del name
    stream = world_stream(load_model(_EMBEDDED, device="cpu"), Wanted(edits=edits, questions=1, seed=seed), data)
    for edit in stream.edits:
        statement = statement_of(edit.prompt, edit.target)
        unseen = (UNSEEN_RELATION,) if part_of(edit.edit.relation or "") != TRAINING else ()
        yield Case(edit.prompt, statement, edit.own.accepted, (PROMPT, *unseen))
        for probe in edit.of(GENERALIZATION):
            yield Case(probe.text, statement, probe.accepted, (probe.kind, *unseen))


def of_set(name: str, edits: int, seed: int, data: Path | None) -> Iterator[Case]:
    """Edits of another set with their own prompts and rephrasings."""
    found: ScopeSet = worded_set(seed=seed) if name == "worded" else SETS[name](data, seed=seed)
    rng = random.Random(seed)
    chosen = set(rng.sample(range(len(found.edits)), min(edits, len(found.edits))))
    for case in found.cases:
        if case.edit in chosen and case.covered and case.kind in {PROMPT, "rephrasing"}:
            edit = found.edits[case.edit]
            yield Case(case.question, statement_of(edit.prompt, edit.target), (edit.target,), (case.kind,))


def measured(model: TextModel, cases: Sequence[Case], said: Sequence[str], run: Run) -> Iterator[Row]:
    """The share of answers with the edit's object, of each kind."""
    found: dict[str, list[bool]] = {}
    for case, answer in zip(cases, said, strict=True):
        for kind in case.kinds:
            found.setdefault(kind, []).append(is_answer(answer, case.accepted))
    for kind, right in found.items():
        low, high = wilson(sum(right), len(right))
        metric = "reliability" if kind == PROMPT else "generalization"
        yield Row(run=run, method=model.name, metric=metric, kind="all" if kind == PROMPT else kind, low=low,
                  high=high, value=sum(right) / len(right), n=len(right), unit="share", edits=1)  # fmt: skip


def _wrong(cases: Sequence[Case], said: Sequence[str]) -> list[str]:
    return [
        f"{case.statement!r} | {case.question!r} -> {answer!r}"
        for case, answer in zip(cases, said, strict=True)
        if not is_answer(answer, case.accepted)
    ]


def _tell(name: str, rows: Sequence[Row], wrong: Sequence[str]) -> None:
    for row in rows:
        print(f"{name} {row.method} {row.metric}/{row.kind} {row.value:.3f} "
              f"[{row.low:.3f}, {row.high:.3f}] n {row.n}", flush=True)  # fmt: skip
    print("\n".join(wrong), flush=True)


def write_card(rows: Sequence[Mapping[str, Any]]) -> None:
    """The card of the shipped model, its figures from rows; of several rows of one figure the last counts."""
    folder = counterfactual_model()
    runs = json.loads((folder / "training.json").read_text("utf-8"))["runs"]
    figures = {(r["dataset"], r["metric"], r["kind"], r["method"]): r for r in rows}
    lines = []
    for dataset, metric, kind in dict.fromkeys(key[:3] for key in figures):
        before, after = (figures[dataset, metric, kind, model] for model in (_EMBEDDED, COUNTERFACTUAL))
        shares = " | ".join(f"{r['value']:.3f} | {r['low']:.3f} to {r['high']:.3f}" for r in (before, after))
        lines.append(f"| {dataset} | {'own prompt' if metric == 'reliability' else kind} | {after['n']} | {shares} |")
    size = (folder / "adapter_model.safetensors").stat().st_size
    training = {
        "rank": runs[0]["rank"],
        "batch": runs[0]["batch"],
        "commands": "\n".join(_command(run) for run in runs),
        "steps": sum(run["steps"] for run in runs),
        "seconds": sum(run["seconds"] for run in runs),
    }
    text = _CARD.format(rows="\n".join(lines), kilobytes=round(size / 1000), **training)
    (folder / "README.md").write_text(text, encoding="utf-8")


def _command(run: Mapping[str, Any]) -> str:
    given = " ".join(f"--{name.replace('_', '-')} {run[name]:g}" for name in ("minutes", "seed", "learning_rate"))
    return f"    python scripts/train_serac.py counterfactual {given}" + (" --resume" if run["resume"] else "")


if __name__ == "__main__":
    main()
