"""The rows of a measured scope: each covered kind's right answers, each other kind's false fires, speed, shortcuts."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from kedit_memory.evaluation.negatives import KINDS
from kedit_memory.evaluation.rows import Row, Run
from kedit_memory.evaluation.tasks.scope import controls
from kedit_memory.evaluation.tasks.scope.controls import Verdict
from kedit_memory.evaluation.tasks.scope.reliability import ReliabilityBin, calibration_error
from kedit_memory.records import Vectors
from kedit_memory.routing.question import Judged

PROMPT, REPHRASING, DIALOGUE, MISSPELT, OPEN = "prompt", "rephrasing", "dialogue", "misspelt", "open_question"
ASKING = (
    PROMPT,
    REPHRASING,
    DIALOGUE,
    MISSPELT,
    "same_relation",
)  # kinds that ask for the relation of the edit they come from
AUC = "question_only_auc"  # before the kind from which rephrasings are told apart


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question of a kind; `edit` is the place of the edit that it was made from, None for an open one.

    `turns` are what was said before it, oldest first.
    """

    text: str
    kind: str
    edit: int | None
    covered: bool
    turns: tuple[str, ...] = ()


SPOKEN = ("negation", "mention", "prefix", "in_passing")  # kinds that show in the question itself


@dataclass(frozen=True, kw_only=True)
class Table:
    """Makes the rows of one store and one set of questions; `expected` is the edit that covers each, if any."""

    run: Run
    questions: Sequence[Question]
    expected: Sequence[str | None]
    edits: int
    seed: int

    def of_method(self, method: str, verdicts: Sequence[Verdict]) -> Iterator[Row]:
        """Right answers of each covered kind, wrong edits among all of them, and false fires of each other kind."""
        fired = [verdict.fired for verdict in verdicts]
        right = [have == want for have, want in zip(fired, self.expected, strict=True)]
        kinds, row = self._places(), self._row(method)
        covered = [kind for kind, places in kinds.items() if self.questions[places[0]].covered]
        for kind in covered:
            metric = "reliability" if kind == PROMPT else "generalization"
            yield from _share(replace(row, metric=metric, kind=kind), [right[place] for place in kinds[kind]])
        asked = [place for kind in covered if kind not in (PROMPT, MISSPELT) for place in kinds[kind]]
        yield from _share(replace(row, metric="generalization", kind="all"), [right[place] for place in asked])
        wrong = [
            have is not None and have != want
            for have, want in zip(fired, self.expected, strict=True)
            if want is not None
        ]
        yield from _share(replace(row, metric="fire", kind="wrong_edit"), wrong)
        for kind in self._refused():
            false = [fired[place] is not None for place in kinds[kind]]
            yield from _share(replace(row, metric="false_fire", kind=kind), false)

    def of_speed(self, method: str, judged: Sequence[Judged]) -> Iterator[Row]:
        """Median and 99th percentile of a question's seconds by step, and of all steps together."""
        seconds: dict[str, list[float]] = defaultdict(list)
        for one in judged:
            for step, spent in one.timings.items():
                seconds[step].append(spent)
            seconds["total"].append(sum(one.timings.values()))
        row = replace(self._row(method), metric="seconds", unit="s")
        for step, all_spent in seconds.items():
            for percent in (50, 99):
                value = float(np.percentile(all_spent, percent))
                yield replace(row, kind=f"p{percent}/{step}", value=value, n=len(all_spent))

    def of_doubts(self, method: str, kinds: Sequence[str]) -> Iterator[Row]:
        """Share of a kind's questions that count as wrong though the label may be, from the kinds of these."""
        asked = self._places()
        for kind in ASKING:
            if kind in asked:
                n = len(asked[kind])
                yield replace(self._row(method), kind=f"doubtful/{kind}", value=kinds.count(kind) / n, n=n)

    def of_bins(self, method: str, bins: Sequence[ReliabilityBin]) -> Iterator[Row]:
        """How far the scores are from the shares that come true."""
        if bins:
            error, n = calibration_error(bins), sum(one.n for one in bins)
            yield replace(self._row(method), kind="calibration_error", value=error, n=n)

    def of_shortcuts(self, vectors: Vectors) -> Iterator[Row]:
        """How well the question alone tells covered ones from each other kind; 0.5 is chance.

        Other wordings, or dialogues where what makes a negative are words that dialogues have too.
        """
        kinds = self._places()
        row = replace(self._row("question_only"), unit="AUC")
        others = [
            place
            for kind, places in kinds.items()
            if kind not in (PROMPT, DIALOGUE, MISSPELT) and self.questions[places[0]].covered
            for place in places
        ]
        for kind in self._refused():
            positive = kinds.get(DIALOGUE, []) if kind in SPOKEN else others
            places = [*positive, *kinds.get(kind, ())]
            edits = [self.questions[place].edit for place in places]
            groups = [-1 - place if edit is None else edit for place, edit in zip(places, edits, strict=True)]
            labels = [number < len(positive) for number in range(len(places))]
            found = controls.told_apart(vectors[places], labels, groups, self.seed)
            if found:
                area, low, high = found
                yield replace(row, kind=f"{AUC}/{kind}", value=area, low=low, high=high, n=len(places))

    def _places(self) -> dict[str, list[int]]:
        kinds: dict[str, list[int]] = defaultdict(list)
        for place, question in enumerate(self.questions):
            kinds[question.kind].append(place)
        return dict(kinds)

    def _refused(self) -> list[str]:
        """The kinds that no edit covers, those of the oldest sets in their order first."""
        kinds = [kind for kind, places in self._places().items() if not self.questions[places[0]].covered]
        return sorted(kinds, key=lambda kind: KINDS.index(kind) if kind in KINDS else len(KINDS))

    def _row(self, method: str) -> Row:
        """A row to be filled in."""
        return Row(
            run=self.run, method=method, metric="rate", value=0.0, n=0, unit="share", edits=self.edits, seed=self.seed
        )


def _share(row: Row, found: Sequence[bool]) -> Iterator[Row]:
    """The row with a share and Wilson's interval; none where nothing was asked."""
    if found:
        yield row.counted(found)
