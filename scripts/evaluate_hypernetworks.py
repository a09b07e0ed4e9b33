"""Measure editors on facts that no network was trained on, one edit at a time, by free generation.

    python scripts/evaluate_hypernetworks.py --methods mend ke ft --rows rows.jsonl
    python scripts/evaluate_hypernetworks.py --rows rows.jsonl --card

The first writes rows; the second writes the cards of the shipped networks from rows and from the record of their
training. Facts are those of `train_hypernetworks.held_out` by relation and by subject, of which the model says the
object; locality asks whether the answers to other questions stay what they were.
"""

import argparse
import json
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train_hypernetworks import held_out

from kedit_memory.editors import Applied, Editor, load_editor
from kedit_memory.evaluation.intervals import wilson
from kedit_memory.evaluation.judges import is_answer
from kedit_memory.evaluation.rows import Row, Run, describe_run
from kedit_memory.evaluation.tasks.scope.cases import TEST
from kedit_memory.evaluation.tasks.scope.sets import part_of
from kedit_memory.models.language import WhiteBoxModel, white_box
from kedit_memory.models.named import load_model
from kedit_memory.models.prompts import Prompt
from kedit_memory.records import EditRequest
from kedit_memory.shipped import hypernetwork
from kedit_memory.world import UNSEEN_TIER, Fact, World, load_world, world_folder

REWORDINGS = 3  # of an edit
OTHERS = {"same_relation": 4, "same_subject": 2, "unrelated": 4}  # questions of each kind to an edit
NETWORKS = ("mend", "ke")
CARD = """---
license: apache-2.0
base_model: kedit-mini
---

# kedit-{method}

The network by which `{method}` ({paper}) edits kedit-mini: from the gradient of an edit it predicts an update of
{matrices} matrices, those of the MLPs of the last layers.
It fits no other model; `scripts/train_hypernetworks.py --method {method} --model NAME` trains one for another.

Trained on facts of the shipped world, {steps:,} steps of {batch} edits in {seconds:,} s on a processor core that other
work shared; relations of any report and one subject in five are left out:

{runs}

`python scripts/evaluate_hypernetworks.py` on facts left out by relation and by subject, one edit at a time, in free
generation, beside fine-tuning (`ft` with its defaults):

| method | metric | kind | share | 95% interval | n |
| --- | --- | --- | --- | --- | --- |
{rows}

Locality is the share of other questions whose answer stays what it was. A later edit starts from the edited weights,
which the network has not seen in training: it is meant for single edits and small batches.
"""
PAPERS = {"mend": "Mitchell et al. 2022", "ke": "De Cao et al. 2021"}


def main() -> None:
    """Measure, or write the cards."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", nargs="+", default=[*NETWORKS, "ft"])
    parser.add_argument("--model", default="kedit-mini")
    parser.add_argument("--rows", type=Path, required=True, help="added to by a measurement, read for the cards")
    parser.add_argument("--edits", type=int, default=50)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--card", action="store_true", help="write the cards instead")
    arguments = parser.parse_args()
    if arguments.card:
        rows = [json.loads(line) for line in arguments.rows.read_text("utf-8").splitlines()]
        for method in NETWORKS:
            write_card(method, rows)
        return
    model = white_box(load_model(arguments.model, device="cpu"), "an editor")
    cases = list(draw(load_world(), model, arguments.edits, random.Random(arguments.seed)))
    config = {"edits": arguments.edits, "seed": arguments.seed}
    run = describe_run("edit", "world", config=config, data=world_folder(), model=model.fingerprint)
    for method in arguments.methods:
        rows = measure(method, model, cases, run)
        with arguments.rows.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(row.flat()) + "\n" for row in rows)
        for row in rows:
            print(f"{row.method} {row.metric}/{row.kind} {row.value:.3f} n {row.n}", flush=True)


@dataclass(frozen=True, kw_only=True)
class Case:
    """An edit, its rewordings, and other questions by kind."""

    edit: EditRequest
    rewordings: tuple[str, ...]
    others: tuple[tuple[str, str], ...]  # kind and question


def draw(world: World, model: WhiteBoxModel, count: int, rng: random.Random) -> Iterator[Case]:
    """So many cases of held-out facts that the model knows.

    Raises:
        ValueError: there are fewer.
    """
    facts = [f for f in world.facts if f.tier < UNSEEN_TIER]
    chosen = [f for f in facts if part_of(f.relation) == TEST and _subject_held_out(f)]
    chosen = rng.sample(chosen, len(chosen))
    asked = [_wordings(world, fact, rng)[0] for fact in chosen]
    answers = model.answer_many([Prompt(question=text) for text in asked])
    known = [pair for *pair, said in zip(chosen, asked, answers, strict=True) if is_answer(said, [pair[0].object])]
    if len(known) < count:
        raise ValueError(f"the model knows {len(known)} held-out facts; ask for no more edits than that")
    for fact, prompt in known[:count]:
        target = rng.choice([one for one in world.objects[fact.relation] if one != fact.object])
        rewordings = [text for text in _wordings(world, fact, rng) if text != prompt][:REWORDINGS]
        edit = EditRequest(prompt=prompt, target=target, subject=fact.subject)
        others = tuple(_others(world, fact, facts, rng))
        yield Case(edit=edit, rewordings=tuple(rewordings), others=others)


def _subject_held_out(fact: Fact) -> bool:
    """Whether training would leave the subject out whatever its relation."""
    return held_out(Fact(subject=fact.subject, relation="capital", object="", tier=1))


def _wordings(world: World, fact: Fact, rng: random.Random) -> list[str]:
    relation = world.relations[fact.relation]
    patterns = relation.questions + relation.clozes
    return [world.fill(pattern, fact.subject) for pattern in rng.sample(patterns, len(patterns))]


def _others(world: World, fact: Fact, facts: Sequence[Fact], rng: random.Random) -> Iterator[tuple[str, str]]:
    groups = {
        "same_relation": [f for f in facts if f.relation == fact.relation and f.subject != fact.subject],
        "same_subject": [f for f in world.by_subject[fact.subject] if f.relation != fact.relation],
        "unrelated": [f for f in facts if f.relation != fact.relation and f.subject != fact.subject],
    }
    for kind, group in groups.items():
        for other in rng.sample(group, min(OTHERS[kind], len(group))):
            yield kind, _wordings(world, other, rng)[0]


class Tally:
    """What was found of one method, by metric and kind."""

    def __init__(self, method: str) -> None:
        self.method = method
        self.found: dict[tuple[str, str], list[bool]] = {}
        self.seconds: list[float] = []

    def add(self, case: Case, before: Sequence[str], said: Sequence[str], seconds: float) -> None:
        """One case: the answers to its other questions before the edit, and all answers after it."""
        target, covered = [case.edit.target or ""], 1 + len(case.rewordings)
        self._count("reliability", "all", is_answer(said[0], target))
        for text in said[1:covered]:
            self._count("generalization", "all", is_answer(text, target))
        for (kind, _), was, now in zip(case.others, before, said[covered:], strict=True):
            self._count("locality", kind, was == now)
            self._count("locality", "all", was == now)
        self.seconds.append(seconds)

    def _count(self, metric: str, kind: str, right: bool) -> None:  # noqa: FBT001 - a result, no switch
        self.found.setdefault((metric, kind), []).append(right)

    def rows(self, run: Run) -> Iterator[Row]:
        """Shares with their intervals, and the mean time of an edit."""
        for (metric, kind), found in self.found.items():
            low, high = wilson(sum(found), len(found))
            yield Row(run=run, method=self.method, metric=metric, kind=kind, value=sum(found) / len(found), low=low,
                      high=high, n=len(found), unit="share", edits=1)  # fmt: skip
        mean = sum(self.seconds) / len(self.seconds)
        yield Row(run=run, method=self.method, metric="seconds", value=mean, n=len(self.seconds), unit="s", edits=1)


def measure(method: str, model: WhiteBoxModel, cases: Sequence[Case], run: Run) -> list[Row]:
    """Each case edited by the editor's defaults, asked and undone; of a network, its first step is a row of its own.

    Further steps start from the first one's model, as the loop of the editor does.
    """
    before = iter(_answers(model, [text for case in cases for _, text in case.others]))
    whole, single = Tally(method), Tally(f"{method} (one step)")
    for case in cases:
        was = [next(before) for _ in case.others]
        if method not in NETWORKS:
            applied, seconds = _edit(load_editor(method), model, case)
            whole.add(case, was, _asked(model, case), seconds)
            applied.undo()
            continue
        applied, seconds = _edit(load_editor(method, steps=1), model, case)
        said = _asked(model, case)
        single.add(case, was, said, seconds)
        further, more = _edit(load_editor(method, steps=_steps(method) - 1), model, case)
        whole.add(case, was, _asked(model, case) if further.outcomes[0].steps else said, seconds + more)
        further.undo()
        applied.undo()
    return [row for tally in (whole, single) if tally.seconds for row in tally.rows(run)]


def _steps(method: str) -> int:
    editor: Any = load_editor(method)
    return int(editor.steps)


def _edit(editor: Editor, model: WhiteBoxModel, case: Case) -> tuple[Applied, float]:
    """The edit in force, and the seconds that it took."""
    started = time.perf_counter()
    applied = editor.apply(model, [case.edit])
    return applied, time.perf_counter() - started


def _asked(model: WhiteBoxModel, case: Case) -> list[str]:
    """The answers to the edit's prompt, its rewordings and the other questions."""
    return _answers(model, [case.edit.prompt or "", *case.rewordings, *(text for _, text in case.others)])


def _answers(model: WhiteBoxModel, questions: Sequence[str]) -> list[str]:
    return model.answer_many([Prompt(question=text) for text in questions])


def write_card(method: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """The card of a shipped network, its figures from rows; of several rows of one figure the last counts."""
    folder = hypernetwork(method)
    config = json.loads((folder / "config.json").read_text("utf-8"))
    shown = {(r["method"], r["metric"], r["kind"]): r for r in rows if r["method"].split(" ")[0] in {method, "ft"}}
    ordered = sorted((r for r in shown.values() if r["unit"] == "share"), key=lambda r: (r["metric"], r["kind"]))
    lines = [
        f"| {r['method']} | {r['metric']} | {r['kind']} | {r['value']:.3f} | {r['low']:.3f} to {r['high']:.3f} "
        f"| {r['n']} |"
        for r in ordered
    ]
    runs = list(_runs(config["training"]))
    figures = {
        "method": method,
        "paper": PAPERS[method],
        "matrices": len(config["sites"]),
        "runs": "\n".join(_command(one) for one in reversed(runs)),
        "steps": sum(one["steps"] for one in runs),
        "seconds": sum(one["seconds"] for one in runs),
        "batch": runs[0]["batch"],
    }
    text = CARD.format(rows="\n".join(lines), **figures)
    (folder / "README.md").write_text(text, encoding="utf-8")


def _runs(training: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The records of all runs, the last first."""
    yield training
    if training["resume"]:
        yield from _runs(training["resume"])


def _command(one: Mapping[str, Any]) -> str:
    """What a run was started with, where it matters."""
    own = {"mend": ("edit_weight",), "ke": ("margin", "least_margin")}[one["method"]]
    given = " ".join(f"--{name.replace('_', '-')} {one[name]:g}" for name in (*own, "seed"))
    resumed = " --resume" if one["resume"] else ""
    return f"    python scripts/train_hypernetworks.py --method {one['method']} {given}{resumed}"


if __name__ == "__main__":
    main()
