"""Result rows: flat, one a measured figure, each saying where it comes from."""

import hashlib
import json
import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike

from kedit_memory.evaluation.intervals import Statistic, drawn_again, share, wilson
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


@dataclass(frozen=True, kw_only=True)
class Row:
    """One figure.

    `low` and `high` bound its 95% interval, or are None; `kind` is the stratum or variant. `judge` says by what answers
    counted, `preset` where the method's options come from; both are None where there is no such thing.
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

    def __post_init__(self) -> None:
        if self.metric not in METRICS:
            raise ValueError(f"no metric {self.metric!r}; known: {', '.join(sorted(METRICS))}")

    def flat(self) -> dict[str, Any]:
        """The row as its JSON object."""
        found = asdict(self)
        run: dict[str, Any] = found.pop("run")
        return run | found

    def counted(self, right: int, cases: int) -> "Row":
        """The row with a share of cases, and Wilson's interval."""
        low, high = wilson(right, cases)
        return replace(self, value=right / cases, low=low, high=high, n=cases)

    def share(self, right: Sequence[bool]) -> "Row":
        """The row with the share of cases that are right, and its interval by drawing them again."""
        low, high = share(right)
        return replace(self, value=sum(right) / len(right), low=low, high=high, n=len(right))

    def drawn(self, cases: ArrayLike, statistic: Statistic, *, seed: int = 0) -> "Row":
        """The row with a statistic of cases, a row of the table each, and its interval by drawing them again."""
        value, low, high, n = drawn_again(cases, statistic, seed=seed)
        return replace(self, value=value, low=low, high=high, n=n)


def row_of(flat: Mapping[str, Any]) -> Row:
    """The row of a JSON object that `Row.flat` gave, of what else it holds nothing; older ones tell less.

    Raises:
        KeyError: it lacks a field.
        ValueError: its metric is unknown.
    """
    told = {"task_version": FIRST_VERSION, "judge": None, "preset": None, **flat}
    run = Run(**{one.name: told[one.name] for one in fields(Run)})
    return Row(run=run, **{one.name: told[one.name] for one in fields(Row) if one.name != "run"})


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
