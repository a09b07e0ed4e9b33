"""Measure what `rome` reaches on a model, layer by layer, beside what any value could reach and where facts are read.

    python scripts/ablate_rome.py --rows rome.jsonl
    python scripts/rome_report.py --rows rome.jsonl --output docs/results/rome.md

Single counterfactual edits of the shipped world, as many of each tier, each made in every layer of the model in turn,
asked by free generation and undone. Beside it a free search: whether any change of the state at the subject's last
token makes the model say the target, without the bounds that keep an edit small. A target that no layer's search
reaches is out of reach of every editor that writes there. Facts of the same relations that the model knows are asked in
the same wordings: what it does not carry to another wording of what it was taught, an edit need not carry either.
Causal traces of known facts say from where it reads them. Rows are kept as they are measured; the same command goes on
where it was stopped.
"""

import argparse
import random
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from kedit_memory.editors._keyvalue import layer_indices, projection, texts_of
from kedit_memory.editors._locate import Site, decoder_family
from kedit_memory.editors._onward import Onward
from kedit_memory.editors._values import find_values
from kedit_memory.editors.base import facts
from kedit_memory.editors.rome import Rome, default_layer
from kedit_memory.errors import KeditError
from kedit_memory.evaluation.case import GENERALIZATION
from kedit_memory.evaluation.case import Case as Stored
from kedit_memory.evaluation.intervals import interval, widened, wilson
from kedit_memory.evaluation.judges import is_answer
from kedit_memory.evaluation.log import Log, Part, PartKey
from kedit_memory.evaluation.rows import Row, Run, describe_run
from kedit_memory.evaluation.score import rows_of
from kedit_memory.evaluation.tasks.lifelong.streams import HELD_OUT, REPHRASING, Wanted
from kedit_memory.evaluation.tasks.lifelong.world import world_stream
from kedit_memory.evaluation.tasks.trace.run import KINDS, Trace, trace
from kedit_memory.models.language import WhiteBoxModel, white_box
from kedit_memory.models.named import load_model
from kedit_memory.models.prompts import Prompt
from kedit_memory.world import Fact, World, load_world, world_folder

TASK = "ablation"
OTHERS = 4  # questions of each kind to an edit whose answers should stay
KNOWN_TIERS = (1, 2)  # what the embedded model was taught well
MOST_TOKENS = 4  # targets of so many or more are one stratum
SAYINGS = 8  # the most facts that are asked to see whether the model ever says a target
NOISES = 3  # of each trace
# No bound on the value, its own loss alone, and twice the editor's steps: some targets are found after a hundred.
FREE = Rome(prefixes=0, kl=0.0, decay=0.0, clamp=1000.0, steps=2 * Rome.steps, enough=0.05)
MADE = "made"  # edits that are said in their own wording
ONE_TOKEN, SEVERAL = "one_token", "several_tokens"  # answers of traced facts
POSITIONS = (
    "before_subject", "first_subject", "middle_subject", "last_subject", "next", "further", "last",
)  # fmt: skip

Hit = tuple[int, int]  # of one edit's questions: those that came out right, and all
Tally = dict[tuple[str, str], list[Hit]]  # by metric and kind


@dataclass(frozen=True, kw_only=True)
class Case:
    """An edit with what its target is like, and by kind the questions whose answers should stay."""

    edit: Stored
    tokens: int  # of the target, its end not counted
    said: bool  # whether the unedited model gives the target to any question of which it is the true answer
    others: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What rows of one file share: how many edits and traced facts, and the seed of both."""

    edits: int
    facts: int
    seed: int


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What every unit measures with."""

    model: WhiteBoxModel
    world: World
    cases: Sequence[Case]
    run: Run
    seed: int

    def row(self, method: str, metric: str, kind: str, hits: Sequence[Hit]) -> Row:
        """A share over cases with its interval."""
        value, low, high = share(hits)
        return Row(
            run=self.run, method=method, metric=metric, kind=kind, value=value, low=low, high=high,
            n=sum(asked for _, asked in hits), unit="share", edits=1, seed=self.seed,
        )  # fmt: skip

    def figure(self, method: str, metric: str, kind: str, value: float, unit: str) -> Row:
        """A figure of one case, or without cases."""
        return Row(
            run=self.run, method=method, metric=metric, kind=kind, value=value, n=1, unit=unit, edits=1, seed=self.seed
        )


def main() -> None:
    """Measure every unit that the file has no rows of."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=Path, required=True, help="added to; a run that was stopped goes on")
    parser.add_argument("--model", default="kedit-mini")
    parser.add_argument("--edits", type=at_least_one, default=40)
    parser.add_argument("--facts", type=at_least_one, default=20, help="that are traced, half with one-token answers")
    parser.add_argument("--seed", type=int, default=1, help="of edits, questions and facts")
    parser.add_argument("--layers", type=int, nargs="+", help="in which edits are made; all if none is named")
    arguments = parser.parse_args()
    plan = Plan(edits=arguments.edits, facts=arguments.facts, seed=arguments.seed)
    try:
        measure(arguments.rows, arguments.model, plan, arguments.layers)
    except KeditError as error:
        raise SystemExit(str(error)) from None


def at_least_one(text: str) -> int:
    """A number of cases."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of cases; give a whole number, 1 or more")
    return int(text)


def measure(path: Path, name: str, plan: Plan, chosen: Sequence[int] | None = None) -> None:
    """Measure what is missing, edits in the chosen layers or in all; errors as of the editor, the stream and `Log`.

    Raises:
        InvalidInputError: the model has no such layer.
    """
    log = Log.open(path, TASK, asdict(plan))
    model = white_box(load_model(name, device="cpu"), "an ablation of rome")
    family = decoder_family(model, "rome")
    layers = range(family.count)
    in_layers = layers if chosen is None else layer_indices(family, chosen)
    run = describe_run(TASK, "world", config=asdict(plan), data=world_folder(), model=model.fingerprint)
    log.check(run)
    world = load_world()
    bench = Bench(model=model, world=world, cases=draw(model, world, plan), run=run, seed=plan.seed)
    editor = Rome()
    units: dict[str, Callable[[], Iterable[Row]]] = {f"search:{i}": _later(search, bench, i) for i in layers}
    units["search"] = lambda: reachable_rows(bench, reachable(rows_in(log)))
    units |= {f"rome:{i}": _later(edited, bench, i, editor, log) for i in in_layers}
    units["rome"] = lambda: [bench.figure("rome", "rate", "default_layer", default_layer(len(layers)), "layer")]
    units["unedited"] = lambda: carried(bench)
    units["trace"] = lambda: traces(bench, plan.facts)
    for place, (method, rows) in enumerate(units.items(), start=1):
        key = PartKey(method=method, seed=plan.seed)
        if not log.finished(key):
            started = time.perf_counter()
            found = list(rows())
            seconds = time.perf_counter() - started
            found.append(bench.figure(method, "seconds", "all", seconds, "s"))
            log.record(Part(key=key, run=run, samples=[row.sample() for row in found]))
            print(f"{method} took {seconds:.0f} s; {place} of {len(units)} measured", file=sys.stderr, flush=True)


def rows_in(log: Log) -> list[Row]:
    """What was measured so far."""
    return [row for part in log.parts for row in rows_of(part)]


def _later(function: Callable[..., Iterable[Row]], *given: object) -> Callable[[], Iterable[Row]]:
    return lambda: function(*given)


# Cases and their strata


def draw(model: WhiteBoxModel, world: World, plan: Plan) -> list[Case]:
    """So many edits that the model does not answer already, with questions about other facts that it was taught.

    Raises:
        InvalidInputError: the world has fewer.
    """
    stream = world_stream(model, Wanted(edits=plan.edits, questions=1, phrasings=0, seed=plan.seed))
    rng = random.Random(f"ablation:{plan.seed}")
    known = [f for f in world.facts if f.tier in KNOWN_TIERS and not world.relations[f.relation].inverse_of]
    return [
        Case(
            edit=edit,
            tokens=tokens(model, edit.prompt, edit.target),
            said=says(model, world, edit),
            others=_others(world, edit, known, rng),
        )
        for edit in stream.edits
    ]


def _others(world: World, edit: Stored, known: Sequence[Fact], rng: random.Random) -> dict[str, tuple[str, ...]]:
    far = [f for f in known if f.subject != edit.edit.subject]
    groups = {
        "same_relation": [f for f in far if f.relation == edit.edit.relation],
        "unrelated": [f for f in far if f.relation != edit.edit.relation],
    }
    return {
        kind: tuple(_question(world, fact, rng) for fact in rng.sample(group, min(OTHERS, len(group))))
        for kind, group in groups.items()
    }


def _question(world: World, fact: Fact, rng: random.Random) -> str:
    return world.fill(rng.choice(world.relations[fact.relation].phrasings(held_out=False)), fact.subject)


def strata(cases: Sequence[Case], reached: Sequence[bool]) -> dict[str, list[int]]:
    """The cases of each stratum: all, by reach, by whether the model ever says the target, by the target's tokens."""
    found: dict[str, list[int]] = {"all": list(range(len(cases)))}
    for i, case in enumerate(cases):
        size = f"tokens_{case.tokens}" if case.tokens < MOST_TOKENS else f"tokens_{MOST_TOKENS}_or_more"
        for kind in ("reachable" if reached[i] else "unreachable", "said" if case.said else "never_said", size):
            found.setdefault(kind, []).append(i)
    return found


def tokens(model: WhiteBoxModel, prompt: str, answer: str) -> int:
    """How many tokens the answer has, its end not counted."""
    question = Prompt(question=prompt)
    return len(model.join(question, model.continuation(question, answer))[1])


def says(model: WhiteBoxModel, world: World, edit: Stored) -> bool:
    """Whether the unedited model gives the target to any question of which it is the true answer."""
    true = [fact for fact in world.facts if fact.object == edit.target][:SAYINGS]
    asked = [world.fill(world.relations[f.relation].phrasings(held_out=False)[0], f.subject) for f in true]
    return any(is_answer(answer, edit.own.accepted) for answer in _answers(model, asked))


def _answers(model: WhiteBoxModel, questions: Sequence[str]) -> list[str]:
    return model.answer_many([Prompt(question=text) for text in questions])


# The free search


def search(bench: Bench, layer: int) -> Iterator[Row]:
    """Of one layer, whether each edit's target is decoded greedily with the value that a free search finds."""
    method = f"search:{layer}"
    right = reached_at(bench.model, layer, [case.edit for case in bench.cases])
    for i, one in enumerate(right):
        yield bench.figure(method, "reliability", f"edit_{i}", float(one), "share")
    yield bench.row(method, "reliability", "all", [(int(one), 1) for one in right])


def reached_at(model: WhiteBoxModel, layer: int, edits: Sequence[Stored]) -> list[bool]:
    """Whether some change of what the layer gives at the subject makes the model decode the target greedily."""
    family = decoder_family(model, "rome")
    texts = texts_of(model, facts([one.edit for one in edits], subjects=True), FREE)
    deltas = find_values(model, family, layer, texts, FREE).deltas
    return [decoded(model, layer, one.taught[0], delta) for one, delta in zip(texts, deltas, strict=True)]


@torch.no_grad()
def decoded(model: WhiteBoxModel, layer: int, site: Site, delta: torch.Tensor) -> bool:
    """Whether each token of the target, the end included, is the best one with `delta` added at the subject."""
    before = range(site.target - 1, len(site.ids) - 1)
    family = decoder_family(model, "rome")
    onward = Onward(model, family, layer, [site], projection(model, family, layer))
    words = onward.words([0], delta[None], [before])
    return words.argmax(-1).tolist() == list(site.ids[site.target :])


def reachable(rows: Iterable[Row]) -> list[bool]:
    """By the rows of the searches, whether each edit's target was reached in any layer."""
    found: dict[int, bool] = {}
    for row in rows:
        if row.method.startswith("search:") and row.kind.startswith("edit_"):
            place = int(row.kind.removeprefix("edit_"))
            found[place] = found.get(place, False) or row.value > 0
    return [found[place] for place in sorted(found)]


def reachable_rows(bench: Bench, reached: Sequence[bool]) -> Iterator[Row]:
    """The share of each stratum that some layer's search reaches."""
    for kind, places in strata(bench.cases, reached).items():
        if kind not in {"reachable", "unreachable"}:
            yield bench.row("search", "reliability", kind, [(int(reached[i]), 1) for i in places])


# The edits


def edited(bench: Bench, layer: int, editor: Rome, log: Log) -> Iterator[Row]:
    """Each edit made in one layer, asked and undone: shares of each stratum."""
    method = f"rome:{layer}"
    one = Rome(layer=layer, memory=editor.memory)
    hits = [_asked(bench.model, one, case) for case in bench.cases]
    made = [place for place, hit in enumerate(hits) if all(hit["reliability", "all"])]
    for kind, places in (strata(bench.cases, reachable(rows_in(log))) | ({MADE: made} if made else {})).items():
        for (metric, own), found in _tally(hits[place] for place in places).items():
            yield bench.row(method, metric, within(own, kind), found)


def _tally(hits: Iterable[Mapping[tuple[str, str], Hit]]) -> Tally:
    """By metric and kind, what came out of each case that was asked such questions."""
    tally: Tally = {}
    for one in hits:
        for key, hit in one.items():
            tally.setdefault(key, []).append(hit)
    return tally


def within(own: str, stratum: str) -> str:
    """The kind of a row: of questions of one kind, to the edits of one stratum."""
    return stratum if own == "all" else own if stratum == "all" else f"{own}/{stratum}"


def _asked(model: WhiteBoxModel, editor: Rome, case: Case) -> dict[tuple[str, str], Hit]:
    """What came out right of one edit, by metric and kind."""
    others = [(kind, text) for kind, texts in case.others.items() for text in texts]
    before = _answers(model, [text for _, text in others])
    probes = case.edit.of(GENERALIZATION)
    applied = editor.apply(model, [case.edit.edit])
    try:
        said = _answers(model, [case.edit.prompt, *(p.text for p in probes), *(text for _, text in others)])
    finally:
        applied.undo()
    found = [("reliability", "all", is_answer(said[0], case.edit.own.accepted))]
    for probe, answer in zip(probes, said[1:], strict=False):
        found += [("generalization", kind, is_answer(answer, case.edit.own.accepted)) for kind in ("all", probe.kind)]
    for (kind, _), was, now in zip(others, before, said[1 + len(probes) :], strict=True):
        found += [("locality", one, was == now) for one in ("all", kind)]
    return _counted(found)


def _counted(found: Iterable[tuple[str, str, bool]]) -> dict[tuple[str, str], Hit]:
    """By metric and kind, how many came out right of how many."""
    hits: dict[tuple[str, str], Hit] = {}
    for metric, kind, right in found:
        done, asked = hits.get((metric, kind), (0, 0))
        hits[metric, kind] = (done + right, asked + 1)
    return hits


# What the model carries from wording to wording


def carried(bench: Bench) -> Iterator[Row]:
    """Of known facts of the edits' relations, the share that the unedited model gives in the wordings asked of edits.

    Known is what it gives in the wording that an edit is made in; each edit stands for up to `OTHERS` such facts.
    """
    rng = random.Random(f"carried:{bench.seed}")
    for (metric, kind), hits in _tally(_carried(bench, case, rng) for case in bench.cases).items():
        yield bench.row("unedited", metric, kind, hits)


def _carried(bench: Bench, case: Case, rng: random.Random) -> dict[tuple[str, str], Hit]:
    world, relation = bench.world, bench.world.relations[case.edit.edit.relation or ""]
    first, *more = relation.phrasings(held_out=False)
    wordings = [(pattern, HELD_OUT) for pattern in relation.phrasings(held_out=True)]
    wordings += [(rng.choice(more), REPHRASING)] if more else []
    facts = [
        fact
        for fact in world.facts
        if fact.tier in KNOWN_TIERS and fact.relation == relation.name and fact.subject != case.edit.edit.subject
    ]
    facts = rng.sample(facts, len(facts))
    known = _first_known(bench, first, facts)
    asked = [(fact, kind, world.fill(pattern, fact.subject)) for fact in known for pattern, kind in wordings]
    said = _answers(bench.model, [text for _, _, text in asked])
    return _counted(
        ("generalization", own, is_answer(answer, _names(world, fact.object)))
        for (fact, kind, _), answer in zip(asked, said, strict=True)
        for own in ("all", kind)
    )


def _first_known(bench: Bench, pattern: str, facts: Sequence[Fact]) -> list[Fact]:
    """The first `OTHERS` that the model answers rightly when asked in one wording."""
    found: list[Fact] = []
    for first in range(0, len(facts), OTHERS):
        batch = facts[first : first + OTHERS]
        said = _answers(bench.model, [bench.world.fill(pattern, fact.subject) for fact in batch])
        found += [f for f, answer in zip(batch, said, strict=True) if is_answer(answer, _names(bench.world, f.object))]
        if len(found) >= OTHERS:
            break
    return found[:OTHERS]


def _names(world: World, name: str) -> tuple[str, ...]:
    entity = world.entities.get(name)
    return (name, *(entity.aliases if entity else ()))


def share(hits: Sequence[Hit]) -> tuple[float, float, float]:
    """A share and its 95% interval: drawn again by edit, since an edit's questions stand and fall together.

    Where all edits are alike, drawing them again would show no spread; it is then as wide as so many edits allow.
    """
    right, asked = (sum(side) for side in zip(*hits, strict=True))
    value = right / asked
    if right in (0, asked):
        return value, *wilson(len(hits) if right else 0, len(hits))
    drawn = interval(hits, lambda sample: sample[..., 0].sum(-1) / sample[..., 1].sum(-1))
    low, high = widened(drawn, value, len(hits))
    return value, max(0.0, low), min(1.0, high)


# The traces


def traces(bench: Bench, count: int) -> Iterator[Row]:
    """The average indirect effect of each kind, position and layer, by whether the answer is one token."""
    for group, found in known_facts(bench, count).items():
        done = [trace(bench.model, prompt, subject=subject, seeds=NOISES) for prompt, subject in found]
        for name, values in (("clean", [one.clean for one in done]), ("noised", [one.noised for one in done])):
            yield _mean(bench, f"{name}/{group}", values)
        for kind in KINDS:
            for position in POSITIONS:
                held = [effect for one in done if (effect := indirect_effect(one, kind, position)) is not None]
                for layer in range(len(held[0]) if held else 0):
                    yield _mean(bench, f"{kind}/{group}/{position}/{layer}", [float(effect[layer]) for effect in held])


def known_facts(bench: Bench, count: int) -> dict[str, list[tuple[str, str]]]:
    """Prompts and subjects of facts that the model answers rightly, half of them with answers of one token."""
    rng = random.Random(f"trace:{bench.seed}")
    world = bench.world
    pool = [f for f in world.facts if f.tier in KNOWN_TIERS and not world.relations[f.relation].inverse_of]
    wanted = {ONE_TOKEN: -(-count // 2), SEVERAL: count // 2}
    found: dict[str, list[tuple[str, str]]] = {group: [] for group, size in wanted.items() if size}
    for fact in rng.sample(pool, len(pool)):
        if all(len(found[group]) == wanted[group] for group in found):
            break
        prompt = world.fill(world.relations[fact.relation].questions[0], fact.subject)
        group = ONE_TOKEN if tokens(bench.model, prompt, fact.object) == 1 else SEVERAL
        if len(found.get(group, ())) < wanted[group] and is_answer(_answers(bench.model, [prompt])[0], [fact.object]):
            found[group].append((prompt, fact.subject))
    return {group: held for group, held in found.items() if held}


def indirect_effect(one: Trace, kind: str, position: str) -> np.ndarray | None:
    """What restoring a position brings back of the answer's probability, (layers,); None where no token is there."""
    places = positions(one.subject_at, len(one.tokens))[position]
    return np.asarray(one.scores[kind][places].mean(0) - one.noised) if places else None


def positions(subject: range, count: int) -> dict[str, list[int]]:
    """The tokens at each position of the paper; those before the subject are one more, and none of them overlap."""
    after = range(subject.stop, count)
    return dict(zip(POSITIONS, (
        list(range(subject.start)),
        list(subject[:1]) if len(subject) > 1 else [],
        list(subject[1:-1]),
        list(subject[-1:]),
        list(after[:1]) if len(after) > 1 else [],
        list(after[1:-1]),
        list(after[-1:]),
    ), strict=True))  # fmt: skip


def _mean(bench: Bench, kind: str, values: Sequence[float]) -> Row:
    low, high = interval([[value] for value in values], lambda drawn: drawn[..., 0].mean(-1))
    return Row(
        run=bench.run, method="trace", metric="rate", kind=kind, value=sum(values) / len(values), low=low, high=high,
        n=len(values), unit="probability", edits=0, seed=bench.seed,
    )  # fmt: skip


if __name__ == "__main__":
    main()
