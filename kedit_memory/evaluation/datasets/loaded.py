"""What came of reading a set: what can be used, in its order, and how many rows were left out for which reason."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

_T = TypeVar("_T")
Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Loaded(Generic[_T]):
    """The usable rows of a set, read, and the others counted by reason."""

    found: tuple[_T, ...]
    skipped: Mapping[str, int] = field(default_factory=dict)

    @property
    def told(self) -> str:
        """What was left out, in words; empty where nothing was."""
        return "; ".join(f"{count:,} rows left out: {reason}" for reason, count in self.skipped.items())


def loaded(
    rows: Iterable[Row], read: Callable[[Row], _T], *, key: Callable[[_T], str], last: bool = False
) -> Loaded[_T]:
    """The rows of a set as `read` makes them, without those that lack a field.

    Of several with one key the first is kept, or with `last` the last, in the place of the first.
    """
    kept: dict[str, _T] = {}
    skipped: Counter[str] = Counter()
    for row in rows:
        try:
            one = read(row)
        except KeyError as error:
            skipped[f"no {error.args[0]}"] += 1
            continue
        again = key(one) in kept
        if again:
            skipped["another row asks the same"] += 1
        if last or not again:
            kept[key(one)] = one
    return Loaded(found=tuple(kept.values()), skipped=dict(skipped))
