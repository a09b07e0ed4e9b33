"""Measure what the embedded model knows and how it reads, by free greedy generation on the world.

    python scripts/evaluate_embedded_model.py --json     # one JSON document of rows
    python scripts/evaluate_embedded_model.py --card     # the same run, written into the model card

An answer counts when, normalised, it equals the object or one of its aliases. Cases are drawn with a seed; intervals
are Wilson's at 95%. Rows of metric `recall` are a causal trace: the share of the answer's probability that comes back
when noise has hidden the subject and one layer's state at the subject's last token is restored (Meng et al., 2022).
"""

import argparse
import json
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
from training_text import TextMaker

from kedit_memory.evaluation.intervals import wilson
from kedit_memory.evaluation.judges import is_answer
from kedit_memory.evaluation.report.tables import table
from kedit_memory.evaluation.rows import Row, Run, describe_run, document
from kedit_memory.models.families import family_of
from kedit_memory.models.hooks import capture, replace
from kedit_memory.models.language import WhiteBoxModel, requires
from kedit_memory.models.named import load_model
from kedit_memory.models.prompts import Prompt
from kedit_memory.retrieval.bm25 import Bm25Retriever
from kedit_memory.retrieval.corpus import read_passages
from kedit_memory.shipped import embedded_model
from kedit_memory.world import UNSEEN_TIER, Fact, World, load_world, passages_file, world_folder

# kind → (smallest, largest) that the card promises; None where there is no promise.
PROMISED: dict[str, tuple[float | None, float | None]] = {
    "tier_1": (0.95, None),
    "tier_1_held_out": (0.85, None),
    "tier_4": (None, 0.30),
    "edit_in_context": (0.95, None),
    "edit_in_context_held_out": (0.90, None),
    "passage": (0.95, None),
    "passage_distractors": (0.85, None),
}
NOISE = 3.0  # standard deviations of the embeddings, as in the paper


@dataclass(frozen=True, kw_only=True)
class Case:
    """A prompt and what counts as its answer."""

    prompt: Prompt
    accepted: tuple[str, ...]


class Cases:
    """Draws the cases of each kind."""

    def __init__(self, world: World, seed: int, count: int) -> None:
        self.world = world
        self.rng = random.Random(seed)
        self.count = count
        self.maker = TextMaker(world, seed)
        self.passages = {p.title: p for p in read_passages(passages_file())}
        self.retriever = Bm25Retriever(list(self.passages.values()))

    def kinds(self) -> dict[str, list[Case]]:
        """All cases by kind."""
        cases = {f"tier_{tier}": self.closed_book(tier, held_out=False) for tier in range(1, UNSEEN_TIER + 1)}
        cases["tier_1_held_out"] = self.closed_book(1, held_out=True)
        cases["edit_in_context"] = [self.edit(held_out=False) for _ in range(self.count)]
        cases["edit_in_context_held_out"] = [self.edit(held_out=True) for _ in range(self.count)]
        described = [f for f in self.world.facts if f.tier >= 4 and not self.world.relations[f.relation].inverse_of]
        chosen = self.rng.sample(described, self.count)
        cases["passage"] = [self.passage(fact, distractors=0) for fact in chosen]
        cases["passage_distractors"] = [self.passage(fact, distractors=3) for fact in chosen]
        chains = self.rng.sample(list(self.world.chains()), self.count)
        cases["two_hop"] = [self.two_hop(*chain) for chain in chains]
        return cases

    def closed_book(self, tier: int, *, held_out: bool) -> list[Case]:
        """Facts of a tier with nothing before them."""
        facts = [f for f in self.world.facts if f.tier == tier]
        chosen = self.rng.sample(facts, min(self.count, len(facts)))
        return [self._case(f, Prompt(question=self._question(f, held_out=held_out))) for f in chosen]

    def edit(self, *, held_out: bool) -> Case:
        """An edit that contradicts the model, or is about a subject new to it, before its question.

        A third each: a popular fact with another object; an entity of the unseen tier; an invented name.
        """
        roll = self.rng.random()
        tiers = {1, 2} if roll < 1 / 3 else {UNSEEN_TIER}
        fact = self.rng.choice([f for f in self.world.facts if f.tier in tiers])
        subject = self.maker.invented_name() if roll > 2 / 3 else fact.subject
        pool = [o for o in self.world.objects[fact.relation] if o != fact.object] or [self.maker.invented_name()]
        edit = Fact(subject=subject, relation=fact.relation, object=self.rng.choice(pool), tier=fact.tier)
        relation = self.world.relations[fact.relation]
        if self.rng.random() < 0.5:
            statement = self.rng.choice(relation.statements if held_out else relation.training_statements())
            line = self.world.fill(statement, subject, edit.object)
        else:
            question = self.rng.choice([q for q in relation.questions if q not in relation.held_out])
            line = f"{self.world.fill(question, subject)} {edit.object}"
        return self._case(edit, Prompt(question=self._question(edit, held_out=held_out), facts=(line,)))

    def passage(self, fact: Fact, *, distractors: int) -> Case:
        """A question about a little-known entity behind its paragraph and the best-matching wrong ones."""
        question = self._question(fact, held_out=False)
        found = self.retriever.search(question, distractors + 1) if distractors else []
        texts = [f.passage.text for f in found if f.passage.title != fact.subject][:distractors]
        texts.insert(self.rng.randint(0, len(texts)), self.passages[fact.subject].text)
        return self._case(fact, Prompt(question=question, passages=tuple(texts)))

    def two_hop(self, first: Fact, second: Fact) -> Case:
        """Both facts, the second with another object, before a question that needs the two."""
        pool = [o for o in self.world.objects[second.relation] if o != second.object] or [second.object]
        second = Fact(subject=second.subject, relation=second.relation, object=self.rng.choice(pool), tier=1)
        lines = []
        for fact in (first, second):
            statement = self.rng.choice(self.world.relations[fact.relation].training_statements())
            lines.append(self.world.fill(statement, fact.subject, fact.object))
        self.rng.shuffle(lines)
        through = self.world.put(self.world.relations[first.relation].noun, "{s}", first.subject)
        phrasing = self.rng.choice(self.world.relations[second.relation].phrasings(held_out=False))
        return self._case(second, Prompt(question=self.world.fill(phrasing, through), facts=tuple(lines)))

    def _question(self, fact: Fact, *, held_out: bool) -> str:
        phrasings = self.world.relations[fact.relation].phrasings(held_out=held_out)
        return self.world.fill(self.rng.choice(phrasings), fact.subject)

    def _case(self, fact: Fact, prompt: Prompt) -> Case:
        entity = self.world.entities.get(fact.object)
        return Case(prompt=prompt, accepted=(fact.object, *(entity.aliases if entity else ())))


def trace(model: WhiteBoxModel, world: World, seed: int, count: int) -> list[float]:
    """By layer, the mean share of the lost probability that the subject's last token brings back."""
    rng = random.Random(seed)
    generator = torch.Generator().manual_seed(seed)
    facts = [f for f in world.facts if f.tier == 1]
    gained: list[list[float]] = []
    while len(gained) < count:
        fact = rng.choice(facts)
        question = world.fill(rng.choice(world.relations[fact.relation].phrasings(held_out=False)), fact.subject)
        prompt = Prompt(question=question)
        if is_answer(model.answer(question), [fact.object]) and (shares := _trace_one(model, prompt, fact, generator)):
            gained.append(shares)
    return [sum(column) / len(column) for column in zip(*gained, strict=True)]


def _trace_one(model: WhiteBoxModel, prompt: Prompt, fact: Fact, generator: torch.Generator) -> list[float] | None:
    text = model.render(prompt)
    start = text.rfind(fact.subject)
    ids = model.encode(prompt)
    ends = _subject_tokens(model, text, start, start + len(fact.subject)) if start >= 0 else []
    if not ends:
        return None
    target = model.tokenizer(model.continuation(prompt, fact.object), add_special_tokens=False)["input_ids"][0]
    family = family_of(model.model)
    embedding = model.model.get_submodule(family.embedding)
    noise = NOISE * embedding.weight.std() * torch.randn(len(ends), embedding.weight.shape[1], generator=generator)
    inputs = torch.tensor([ids])

    def probability() -> float:
        with torch.no_grad():
            logits = model.model(inputs, attention_mask=torch.ones_like(inputs)).logits
            return float(logits[0, -1].float().softmax(-1)[target])

    def hide(states: torch.Tensor) -> torch.Tensor:
        hidden = states.clone()
        hidden[0, ends] += noise.to(states.dtype)
        return hidden

    clean = probability()
    shares = []
    with replace(embedding, hide):
        lost = clean - probability()
    if lost < 0.3:
        return None
    for layer in (family.layer(model.model, place) for place in range(family.count)):
        with capture(layer) as seen:
            probability()

        def restore(states: torch.Tensor, kept: torch.Tensor = seen[0]) -> torch.Tensor:
            restored = states.clone()
            restored[0, ends[-1]] = kept[0, ends[-1]]
            return restored

        with replace(embedding, hide), replace(layer, restore):
            shares.append(1 - (clean - probability()) / lost)
    return shares


def _subject_tokens(model: WhiteBoxModel, text: str, start: int, end: int) -> list[int]:
    offsets = model.tokenizer(text, return_offsets_mapping=True)["offset_mapping"]
    return [i for i, (first, last) in enumerate(offsets) if first < end and last > start]


def measure(model: WhiteBoxModel, cases: dict[str, list[Case]], show: int) -> list[tuple[str, int, int]]:
    """(kind, successes, cases) for each kind; `show` wrong cases of each go to standard error."""
    results = []
    for kind, listed in cases.items():
        texts = model.answer_many([case.prompt for case in listed])
        verdicts = [is_answer(text, case.accepted) for text, case in zip(texts, listed, strict=True)]
        results.append((kind, sum(verdicts), len(listed)))
        wrong = [(c, t) for c, t, good in zip(listed, texts, verdicts, strict=True) if not good]
        for case, text in wrong[:show]:
            print(f"[{kind}] {model.render(case.prompt)!r}: {text!r}, not {case.accepted[0]!r}", file=sys.stderr)
    return results


def main() -> int:
    """Print rows; exit with 1 when a promised figure is missed."""
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    world = load_world()
    model = requires(load_model(arguments.model), WhiteBoxModel, "the evaluation")
    results = measure(model, Cases(world, arguments.seed, arguments.cases).kinds(), arguments.show)
    run = describe_run("embedded_model", "world", data=world_folder(), model=model.fingerprint)
    rows = [_share_row(run, kind, good, total, arguments.seed) for kind, good, total in results]
    if arguments.traces:
        rows += [
            Row(run=run, method="causal_trace", metric="recall", kind=f"layer_{layer}", value=share,
                n=arguments.traces, unit="share", seed=arguments.seed)
            for layer, share in enumerate(trace(model, world, arguments.seed, arguments.traces))
        ]  # fmt: skip
    missed = [row for row in rows if not _kept(row)]
    if arguments.card:
        write_card(rows, embedded_model())
    if arguments.json:
        print(document(rows, promised=PROMISED, missed=[row.kind for row in missed]))
    else:
        print(table(rows, promises()))
    return 1 if missed or not _monotone(rows) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="kedit-mini", help="a model's name or folder")
    parser.add_argument("--cases", type=int, default=500, help="cases of each kind, at most")
    parser.add_argument("--traces", type=int, default=100, help="facts that are traced; 0 for no trace")
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--show", type=int, default=0, help="wrong cases of each kind to print on standard error")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--card", action="store_true", help="write the model card from these rows")
    return parser.parse_args()


def _share_row(run: Run, kind: str, good: int, total: int, seed: int) -> Row:
    low, high = wilson(good, total)
    return Row(run=run, method="greedy", metric="accuracy", kind=kind, value=good / total, low=low, high=high,
               n=total, unit="share", seed=seed)  # fmt: skip


def _kept(row: Row) -> bool:
    low, high = PROMISED.get(row.kind, (None, None))
    return (low is None or row.value >= low) and (high is None or row.value <= high)


def _monotone(rows: Sequence[Row]) -> bool:
    """Whether recall falls from tier to tier."""
    values = {row.kind: row.value for row in rows}
    tiers = [values[f"tier_{tier}"] for tier in range(1, UNSEEN_TIER + 1)]
    return all(more > less for more, less in pairwise(tiers))


def promises() -> dict[str, str]:
    """The promised bounds, as the tables show them."""
    return {kind: f"≥ {low:.2f}" if low is not None else f"≤ {high:.2f}" for kind, (low, high) in PROMISED.items()}


def write_card(rows: Sequence[Row], folder: Path) -> None:
    """The card: what the model is, how it was trained, what was measured; every figure from a file or a row."""
    training = json.loads((folder / "training.json").read_text("utf-8"))
    size = (folder / "model.safetensors").stat().st_size
    text = CARD.format(
        size=f"{size / 1e6:.1f}",
        table=table(rows, promises()),
        model=rows[0].run.model,
        data=rows[0].run.data,
        **training,
    )
    (folder / "README.md").write_text(text, encoding="utf-8")


CARD = """---
language: en
license: apache-2.0
library_name: transformers
---

# kedit-mini

A small GPT-2 ({layers} layers, width {width}, {heads} heads, {vocabulary} tokens; {size} MB in bf16), trained from
scratch on the facts of `data/world`. It is a test bed for memory editing: it knows popular facts, does not know rare
ones, reads edits and passages that stand before a question, and stops by itself. It is not a general language model: it
knows nothing outside `data/world` and converses about nothing.

## Format

    Passage: TEXT            any number
    Fact: TEXT               any number; a fact counts more than a passage
    Question: QUESTION
    Answer:

or a cloze prompt in place of the last two lines. Greedy decoding; the end token closes the answer.

## Training

`python scripts/train_embedded_model.py`: {tokens} tokens in {seconds} s, learning rate {learning_rate}, {rows_a_step}
windows a step, running text: {running_text}. Seeds {seeds}: one a run, each going on from the last (`--resume`); the
shares of the kinds of documents were adjusted between runs. How often a fact is stated falls with its tier; facts of
tier 5 and held-out phrasings do not occur. Half of the documents, the longer ones, put edits or passages with fresh
objects before a question.

## Measured

`python scripts/evaluate_embedded_model.py --card`, model {model}, world {data}:

{table}

`accuracy/tier_1` to `tier_5`: closed-book, by fame of the subject. `recall/layer_N`: causal trace, the share of the
answer's probability that returns when layer N's state at the subject's last token is restored under noise.
"""


if __name__ == "__main__":
    sys.exit(main())
