"""Result rows: flat, one a measured figure, each saying where it comes from."""

import hashlib
import json
import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

METRICS = frozenset((
    "reliability", "generalization", "locality", "portability", "fluency", "perplexity", "false_fire", "fire", "trr",
    "err", "arr", "accuracy", "calls", "recall", "seconds", "ratio", "rate", "bytes", "count",
))  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Run:
    """What all rows of a run share."""

    task: str
    dataset: str
    commit: str | None
    config: str | None
    data: str | None
    model: str | None
    machine: str


@dataclass(frozen=True, kw_only=True)
class Row:
    """One figure. `low` and `high` bound its 95% interval, or are None; `kind` is the stratum or variant."""

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

    def __post_init__(self) -> None:
        if self.metric not in METRICS:
            raise ValueError(f"no metric {self.metric!r}; known: {', '.join(sorted(METRICS))}")

    def flat(self) -> dict[str, Any]:
        """The row as its JSON object."""
        fields = asdict(self)
        run: dict[str, Any] = fields.pop("run")
        return run | fields


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
