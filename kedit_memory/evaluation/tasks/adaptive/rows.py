"""The rows of a measured gate: accuracy and calls of each policy, by kind and by popularity, recall, and cost."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from kedit_memory.evaluation.rows import Row, Run
from kedit_memory.evaluation.tasks.adaptive.observed import ALONE, DECIDING, READING, SEARCHING, Observed
from kedit_memory.evaluation.tasks.adaptive.sets import REVERSED, TWO_HOP, AdaptiveQuestion

Flags: TypeAlias = npt.NDArray[np.bool_]
Numbers: TypeAlias = npt.NDArray[np.float64]

NEVER, ALWAYS, LEARNED, ORACLE = "never", "always", "learned", "oracle"
OVER_FIXED = "over_better_fixed"  # accuracy less that of the better of never and always
OVER_EACH = {NEVER: "over_never", ALWAYS: "over_always"}
GAIN = "gain_of_oracle"  # the share of the way from the better of never and always to the oracle
GAIN_OVER_NEVER = "gain_of_oracle_over_never"  # the share of the way from never
UNNAMED = (REVERSED, TWO_HOP)  # kinds whose questions do not name the subject of their gold passage


@dataclass(frozen=True, kw_only=True)
class Outcomes:
    """One split: which questions were judged, and by policy which were answered right and which searched for."""

    judged: Flags  # (questions,)
    right: Mapping[str, Flags]  # each (questions,)
    called: Mapping[str, Flags]


@dataclass(frozen=True, kw_only=True)
class Table:
    """Makes the rows of one set of questions that were answered both ways."""

    run: Run
    questions: Sequence[AdaptiveQuestion]
    observed: Sequence[Observed]
    seed: int
    judge: str | None = None

    def of_policies(self, splits: Sequence[Outcomes]) -> Iterator[Row]:
        """Mean over splits, with the interval that holds 95% of them; paired differences from the fixed policies."""
        strata = self._strata()
        for method in splits[0].right:
            row = self._row(method)
            for kind, members in strata.items():
                shares = self._shares(splits, method, members)
                yield from _over_splits(replace(row, metric="accuracy", kind=kind), shares[0], int(members.sum()))
                yield from _over_splits(replace(row, metric="calls", kind=kind), shares[1], int(members.sum()))
            yield from self._against_fixed(row, splits)
            for kind, members in strata.items():
                yield from self._way(row, splits, kind, members)

    def of_popularity(self, splits: Sequence[Outcomes], others: Mapping[str, Sequence[Observed]]) -> Iterator[Row]:
        """Accuracy by popularity: the model alone, with the passages of each search, and by the learned policy.

        Bins are the values of the popularity where these are few, else tenths of the questions.
        """
        values = np.array([_nan(one.signals.popularity) for one in self.observed])
        for centre, members in _bins(values):
            kind = f"popularity_{centre:.2f}"
            answered = {"model": [one.alone_right for one in self.observed]}
            answered |= {"bm25": [one.read_right for one in self.observed]}
            answered |= {name: [one.read_right for one in found] for name, found in others.items()}
            for name, right in answered.items():
                yield from _share(replace(self._row(name), metric="accuracy", kind=kind), np.array(right)[members])
            if LEARNED in splits[0].right:
                shares = self._shares(splits, LEARNED, members)[0]
                yield from _over_splits(
                    replace(self._row("adaptive"), metric="accuracy", kind=kind), shares, int(members.sum())
                )

    def of_recall(self, name: str, found: Sequence[frozenset[str]]) -> Iterator[Row]:
        """The share of questions of which one of the best passages is a gold one, where these are known.

        The first row counts the kinds whose questions name the subject of that passage. A reversed question names the
        object instead, and one of two hops another subject; each kind has a row of its own.
        """
        row = replace(self._row(name), metric="recall")
        hits: dict[str, list[bool]] = defaultdict(list)
        for question, titles in zip(self.questions, found, strict=True):
            if question.gold:
                hits[question.kind].append(bool(question.gold & titles))
        named = [hit for kind, of in hits.items() if kind not in UNNAMED for hit in of]
        yield from _share(replace(row, kind=f"{name}_at_5"), np.array(named, dtype=bool))
        for kind, of in hits.items():
            yield from _share(replace(row, kind=f"{name}_at_5/{kind}"), np.array(of, dtype=bool))

    def of_costs(self, splits: Sequence[Outcomes]) -> Iterator[Row]:
        """Seconds a question: of each step, and of each policy by the calls that it makes."""
        steps = {
            step: float(np.mean([one.seconds[step] for one in self.observed]))
            for step in (DECIDING, SEARCHING, ALONE, READING)
        }
        n = len(self.observed)
        row = replace(self._row("step"), metric="seconds", unit="s", n=n)
        yield from (replace(row, kind=step, value=value) for step, value in steps.items())
        everything = np.ones(n, bool)
        for method in splits[0].right:
            calls = float(np.mean(self._shares(splits, method, everything)[1]))
            asks_itself = method in ("uncertainty", LEARNED)
            alone = steps[ALONE] * (1.0 if asks_itself else 1 - calls)
            value = steps[DECIDING] + alone + calls * (steps[SEARCHING] + steps[READING])
            yield replace(row, method=method, kind="per_question", value=value)

    def _against_fixed(self, row: Row, splits: Sequence[Outcomes]) -> Iterator[Row]:
        """What a policy gains over never, always and the better of both."""
        everything = np.ones(len(self.questions), bool)
        own, never, always = (self._shares(splits, name, everything)[0] for name in (row.method, NEVER, ALWAYS))
        better = np.maximum(never, always)
        n = len(self.questions)
        gains = {OVER_EACH[NEVER]: own - never, OVER_EACH[ALWAYS]: own - always, OVER_FIXED: own - better}
        for kind, gain in gains.items():
            yield from _over_splits(replace(row, metric="accuracy", kind=kind, unit="difference"), gain, n)

    def _way(self, row: Row, splits: Sequence[Outcomes], kind: str, members: Flags) -> Iterator[Row]:
        """The share of the way to the oracle, from the better of never and always, and from never."""
        own, never, always, oracle = (
            self._shares(splits, name, members)[0] for name in (row.method, NEVER, ALWAYS, ORACLE)
        )
        suffix = "" if kind == "all" else f"/{kind}"
        for name, start in ((GAIN, np.maximum(never, always)), (GAIN_OVER_NEVER, never)):
            way = oracle - start
            if way.size and np.all(way > 0):
                found = replace(row, metric="ratio", kind=f"{name}{suffix}")
                yield from _over_splits(found, (own - start) / way, int(members.sum()))

    def _shares(self, splits: Sequence[Outcomes], method: str, members: Flags) -> tuple[Numbers, Numbers]:
        """The accuracy and the calls of a method among some questions, each of shape (splits,)."""
        counted = [one.judged & members for one in splits]
        right = [one.right[method][of].mean() for one, of in zip(splits, counted, strict=True) if of.any()]
        called = [one.called[method][of].mean() for one, of in zip(splits, counted, strict=True) if of.any()]
        return np.array(right), np.array(called)

    def _strata(self) -> dict[str, Flags]:
        """The questions of each kind, and of each tier, beside all."""
        strata = {"all": np.ones(len(self.questions), bool)}
        for name in ("kind", "stratum"):
            values = [getattr(question, name) for question in self.questions]
            for value in dict.fromkeys(values):
                if value:
                    strata[value] = np.array([one == value for one in values])
        return strata

    def _row(self, method: str) -> Row:
        """A row to be filled in."""
        return Row(
            run=self.run, method=method, metric="rate", value=0.0, n=0, unit="share", seed=self.seed, judge=self.judge
        )


def _over_splits(row: Row, values: Numbers, n: int) -> Iterator[Row]:
    if values.size:
        yield row.over_splits(values, n)


def _share(row: Row, found: Flags) -> Iterator[Row]:
    """The row with a share and Wilson's interval; none where nothing was asked."""
    if found.size:
        yield row.counted(found.tolist())


def _bins(values: Numbers, *, most: int = 10) -> Iterator[tuple[float, Flags]]:
    """The mean popularity and the members of each bin, least popular first; the unknown are in none."""
    known = values[~np.isnan(values)]
    if not known.size:
        return
    distinct = np.unique(known)
    few = distinct.size <= most
    edges = distinct if few else np.unique(np.quantile(known, np.linspace(0, 1, most + 1)[:-1]))
    places = np.searchsorted(edges, values, side="right")
    for place in range(1, edges.size + 1):
        members = (places == place) & ~np.isnan(values)
        if members.any():
            yield float(values[members].mean()), members


def _nan(value: float | None) -> float:
    return float("nan") if value is None else value
