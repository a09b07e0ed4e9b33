"""What came of reading a set: what can be used, in its order, and how many rows were left out for which reason."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from kedit_memory.errors import InvalidInputError
from kedit_memory.evaluation.case import Question

_T = TypeVar("_T")
Row = Mapping[str, Any]


class SkippedError(Exception):
    """A row that cannot be used; the message is the reason under which it is counted."""


@dataclass(frozen=True, kw_only=True)
class Loaded(Generic[_T]):
    """The usable rows of a set, read, and the others counted by reason.

    `outside` are questions of the set that none of its edits covers; `files` are those that were read.
    """

    found: tuple[_T, ...]
    skipped: Mapping[str, int] = field(default_factory=dict)
    outside: tuple[Question, ...] = ()
    files: tuple[str, ...] = ()

    @property
    def told(self) -> str:
        """What was left out, in words; empty where nothing was."""
        return "; ".join(f"{count:,} rows left out: {reason}" for reason, count in self.skipped.items())


def loaded(
    rows: Iterable[Row],
    read: Callable[[Row], _T],
    *,
    key: Callable[[_T], str],
    last: bool = False,
    outside: Iterable[Question] = (),
    files: Iterable[str] = (),
) -> Loaded[_T]:
    """The rows of a set as `read` makes them, without those that lack a field or that it skips.

    Of several with one key the first is kept, or with `last` the last, in the place of the first.

    Raises:
        InvalidInputError: a row has another form than those of the set, such as a text where a list should be.
    """
    kept: dict[str, _T] = {}
    skipped: Counter[str] = Counter()
    named = tuple(files)
    for number, row in enumerate(rows, 1):
        try:
            one = read(row)
        except KeyError as error:
            skipped[f"no {error.args[0]}"] += 1
            continue
        except SkippedError as error:
            skipped[str(error)] += 1
            continue
        except (TypeError, AttributeError, IndexError) as error:
            where = f"{', '.join(named)}: row {number}" if named else f"row {number}"
            raise InvalidInputError(f"{where} is not of the set's form ({error}); fetch the set anew") from error
        again = key(one) in kept
        if again:
            skipped["another row asks the same"] += 1
        if last or not again:
            kept[key(one)] = one
    return Loaded(found=tuple(kept.values()), skipped=dict(skipped), outside=tuple(outside), files=named)


def text(row: Row, name: str) -> str:
    """The text that a row has under a name, without blanks around it.

    Raises:
        SkippedError: there is none, or something else than text.
    """
    found = row.get(name)
    if isinstance(found, str) and found.strip():
        return found.strip()
    raise SkippedError(f"no {name}" if found is None or isinstance(found, str) else f"{name} is no text")


def texts(found: Any) -> tuple[str, ...]:
    """All texts in a value, however deep its lists are, each once; numbers are written out."""
    if isinstance(found, list):
        return tuple(dict.fromkeys(one for part in found for one in texts(part)))
    return (str(found).strip(),) if isinstance(found, (str, int, float)) and str(found).strip() else ()
