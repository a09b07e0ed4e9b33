"""Many rows as one operation: requests and lines of an export; one that cannot be stored keeps no other out."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from kedit_memory.errors import ConflictError, InvalidInputError, KeditError
from kedit_memory.memory import transfer
from kedit_memory.memory.arguments import collection_of_rows, conflict_rule, file_path, namespace_name
from kedit_memory.memory.encoding import Encoding
from kedit_memory.memory.formats import NamedRow, read_rows
from kedit_memory.memory.requests import Draft, StoredEdit, request_of, validate
from kedit_memory.memory.restore import Restoration
from kedit_memory.memory.store import Store
from kedit_memory.memory.write import Writer, Written
from kedit_memory.records import DEFAULT_NAMESPACE, Edit, Imported, Outcome

Entry: TypeAlias = Draft | StoredEdit | InvalidInputError  # what a row asks for, or why it cannot be stored
Operation: TypeAlias = Callable[[str, str | None], AbstractContextManager[Writer]]  # of a verb, in a namespace


@dataclass(frozen=True, kw_only=True)
class Batch:
    """How rows are stored.

    Attributes:
        verb: of the operation, as history names it.
        on_conflict: one of `OnConflict`.
        strict: whether one row that cannot be stored keeps the others out, too.
        namespace: of rows that name none.
        into: of all rows, whatever they name; None for their own.
        at: the moment at which they are made.
    """

    verb: str
    on_conflict: str
    strict: bool
    namespace: str = DEFAULT_NAMESPACE
    into: str | None = None
    at: str


def store_rows(
    rows: Iterable[NamedRow], batch: Batch, store: Store, encoding: Encoding, operation: Operation
) -> Imported:
    """Validates, encodes and writes rows in one operation; gives what became of each.

    Raises:
        ConflictError, InvalidInputError: with `strict`, a row cannot be stored; then none is.
    """
    rule = conflict_rule(batch.on_conflict)
    read = dict(_read(rows, batch))
    errors = [entry for entry in read.values() if isinstance(entry, InvalidInputError)]
    if batch.strict and errors:
        raise errors[0]
    drafts = {where: entry for where, entry in read.items() if isinstance(entry, Draft)}
    stored = {where: entry for where, entry in read.items() if isinstance(entry, StoredEdit)}
    result: dict[str, Written | KeditError] = {w: e for w, e in read.items() if isinstance(e, InvalidInputError)}
    edits: list[Edit] = []
    entries: list[Draft | StoredEdit] = [*drafts.values(), *stored.values()]
    if entries:
        vectors, made_by = encoding.encode([text for entry in entries for text in entry.texts])
        with operation(batch.verb, _common_namespace(entries)) as writer:
            encoding.record(made_by)
            restored = Restoration(store, writer, rule).run(list(stored.values()), vectors) if stored else {}
            result |= {where: restored[one.edit.id] for where, one in stored.items()}
            result |= zip(drafts, writer.add(list(drafts.values()), vectors, rule), strict=True)
            if batch.strict:
                _refuse_conflicts(result)
            # Read before another process may change them.
            edits = store.each([one.edit_id for one in result.values() if isinstance(one, Written)])
    return _outcomes({where: result[where] for where in read}, edits)


def named(rows: Iterable[object] | str | Path) -> Iterable[NamedRow]:
    """Rows with the names that messages call them by."""
    if isinstance(rows, (str, Path)):
        return read_rows(file_path(rows))
    return ((f"row {number}", row) for number, row in enumerate(collection_of_rows(rows), start=1))


def _read(rows: Iterable[NamedRow], batch: Batch) -> Iterator[tuple[str, Entry]]:
    """Each row as an edit to be made or one of an export, or what is wrong with it."""
    namespace = namespace_name(batch.namespace if batch.into is None else batch.into)
    seen: set[str] = set()
    for where, row in transfer.completed(rows):
        try:
            entry = _entry(where, row, namespace, batch.at)
        except InvalidInputError as error:
            yield where, error
            continue
        if isinstance(entry, StoredEdit) and entry.edit.id in seen:
            yield where, InvalidInputError(f"{where}: id {entry.edit.id} comes twice; remove one line")
            continue
        seen.add(entry.edit.id)
        yield where, entry if batch.into is None else entry.moved(namespace)


def _entry(where: str, row: object, namespace: str, at: str) -> Draft | StoredEdit:
    if isinstance(row, InvalidInputError):
        raise row
    if transfer.is_export(row):
        return transfer.stored_edit(row, where)
    request = request_of(row, where, namespace)
    try:
        return validate(request, created_at=at)
    except InvalidInputError as error:
        raise InvalidInputError(f"{where}: {error}") from None


def _refuse_conflicts(result: Mapping[str, object]) -> None:
    for where, one in result.items():
        if isinstance(one, ConflictError):
            raise ConflictError(f"{where}: {one}")


def _outcomes(result: Mapping[str, Written | KeditError], edits: Iterable[Edit]) -> Imported:
    by_id = {edit.id: edit for edit in edits}
    return Imported(
        outcomes=tuple(
            Outcome(
                where=where, edit=replace(by_id[one.edit_id], possible_conflicts=one.possible_conflicts), new=one.new
            )
            if isinstance(one, Written)
            else Outcome(where=where, edit=None, refusal=str(one).removeprefix(f"{where}: "))
            for where, one in result.items()
        )
    )


def _common_namespace(entries: Sequence[Draft | StoredEdit]) -> str | None:
    names = {entry.edit.namespace for entry in entries}
    return names.pop() if len(names) == 1 else None
