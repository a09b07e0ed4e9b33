"""Result rows: flat, one a measured figure, each saying where it comes from."""

import hashlib
import json
import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from kedit_memory.evaluation.figures import FIGURES
from kedit_memory.evaluation.intervals import drawn_again, share, wilson
from kedit_memory.evaluation.task import FIRST_VERSION, version_of

METRICS = frozenset((
    "reliability", "generalization", "locality", "hard_negative", "portability", "fluency", "perplexity", "false_fire",
    "fire", "trr", "err", "arr", "accuracy", "calls", "recall", "seconds", "ratio", "rate", "bytes", "count",
))  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Run:
    """What all rows of a run share."""

    task: str
    task_version: int = FIRST_VERSION
    dataset: str
    commit: str | None
    config: str | None
    data: str | None
    model: str | None
    machine: str


_SHARE, _COUNTED, _SPLITS = "share", "counted", "splits"  # ways beside those of `FIGURES`


@dataclass(frozen=True, kw_only=True)
class Cases:
    """What a figure was made of: the cases, how, and the seed by which they were drawn again."""

    way: str
    values: list[Any]
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Row:
    """One figure.

    `low` and `high` bound its 95% interval, or are None; `kind` is the stratum or variant. `judge` says by what answers
    counted, `preset` where the method's options come from; both are None where there is no such thing. `cases` are what
    it is of, where they are known; they stand in logs and not in rows.
    """

    run: Run
    method: str
    metric: str
    kind: str = "all"
    value: float
    low: float | None = None
    high: float | None = None
    n: int
    unit: str
    edits: int = 0
    seed: int | None = None
    judge: str | None = None
    preset: str | None = None
    cases: Cases | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.metric not in METRICS:
            raise ValueError(f"no metric {self.metric!r}; known: {', '.join(sorted(METRICS))}")

    def flat(self) -> dict[str, Any]:
        """The row as its JSON object."""
        return asdict(self.run) | self._figure()

    def sample(self) -> dict[str, Any]:
        """The row as a log keeps it: beside its cases, from which `again` makes it, and without what a run shares."""
        return self._figure() | ({"cases": asdict(self.cases)} if self.cases else {})

    def again(self) -> "Row":
        """The row, counted anew from its cases where it has some; how many values these are is told as before."""
        if self.cases is None:
            return self
        values = self.cases.values
        match self.cases.way:
            case way if way == _SHARE:
                found = self.share(values)
            case way if way == _COUNTED:
                found = self.counted(values)
            case way if way == _SPLITS:
                found = self.over_splits(values, self.n)
            case way:
                found = self.drawn(values, way, seed=self.cases.seed)
        return replace(found, n=self.n)

    def _figure(self) -> dict[str, Any]:
        return {one.name: getattr(self, one.name) for one in fields(self) if one.name not in {"run", "cases"}}

    def counted(self, right: Sequence[bool]) -> "Row":
        """The row with the share of cases that are right, and Wilson's interval."""
        low, high = wilson(sum(right), len(right))
        return self._of(right, _COUNTED, value=sum(right) / len(right), low=low, high=high, n=len(right))

    def share(self, right: Sequence[bool]) -> "Row":
        """The row with the share of cases that are right, and its interval by drawing them again."""
        low, high = share(right)
        return self._of(right, _SHARE, value=sum(right) / len(right), low=low, high=high, n=len(right))

    def drawn(self, cases: ArrayLike, way: str, *, seed: int = 0) -> "Row":
        """The row with a figure of `FIGURES` of cases, a row of the table each; its interval by drawing them again."""
        value, low, high, n = drawn_again(cases, FIGURES[way], seed=seed)
        return self._of(cases, way, seed=seed, value=value, low=low, high=high, n=n)

    def over_splits(self, values: ArrayLike, n: int) -> "Row":
        """The row with the mean over splits of `n` questions, and the interval that holds 95% of the splits."""
        splits = np.asarray(values, np.float64)
        low, high = np.percentile(splits, [2.5, 97.5])
        return self._of(splits, _SPLITS, value=float(splits.mean()), low=float(low), high=float(high), n=n)

    def _of(self, cases: ArrayLike, way: str, *, seed: int = 0, **figures: Any) -> "Row":
        return replace(self, **figures, cases=Cases(way=way, values=np.asarray(cases).tolist(), seed=seed))


def row_of(flat: Mapping[str, Any]) -> Row:
    """The row of a JSON object that `Row.flat` gave, of what else it holds nothing; older ones tell less.

    Raises:
        KeyError: it lacks a field.
        ValueError: its metric is unknown.
    """
    told = {"task_version": FIRST_VERSION, **flat}
    return row_of_sample(Run(**{one.name: told[one.name] for one in fields(Run)}), flat)


def row_of_sample(run: Run, sample: Mapping[str, Any]) -> Row:
    """The row that `Row.sample` gave.

    Errors as of `row_of`.
    """
    told = {"judge": None, "preset": None, **sample}
    cases = told.get("cases")
    figures = {one.name: told[one.name] for one in fields(Row) if one.name not in {"run", "cases"}}
    return Row(run=run, **figures, cases=Cases(**cases) if cases else None)


def describe_run(
    task: str,
    dataset: str,
    *,
    config: Mapping[str, Any] | None = None,
    data: Path | Sequence[Path] | None = None,
    model: str | None = None,
) -> Run:
    """The facts of this run: commit, digests of configuration and data, machine."""
    paths = (data,) if isinstance(data, Path) else data or ()
    return Run(
        task=task,
        task_version=version_of(task),
        dataset=dataset,
        commit=_commit(),
        config=_digest([json.dumps(config, sort_keys=True).encode()]) if config else None,
        data=_digest(part for path in paths for part in _contents(path)) if paths else None,
        model=model,
        machine=f"{platform.machine()} {platform.system()} python {platform.python_version()}",
    )


def document(rows: Iterable[Row], **meta: Any) -> str:
    """The JSON document that `--json` prints."""
    return json.dumps({"rows": [row.flat() for row in rows], "meta": meta}, ensure_ascii=False)


def _commit() -> str | None:
    """The commit of the checkout that holds this package, marked when files differ from it."""
    folder = Path(__file__).parent
    if "site-packages" in folder.parts:  # installed: a repository around it is somebody else's
        return None
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed words
    except FileNotFoundError:  # no git
        return None
    return done.stdout.strip() or None


def _contents(path: Path) -> Iterable[bytes]:
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    for file in files:
        yield file.name.encode() + file.read_bytes()


def _digest(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()[:12]
