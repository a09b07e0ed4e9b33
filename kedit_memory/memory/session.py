"""An open store with its encoder, its index and its clock: what every verb of the memory works on."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

from kedit_memory.errors import ConflictError, InvalidInputError, KeditError, StoreError
from kedit_memory.memory import transfer
from kedit_memory.memory.arguments import (
    collection_of_rows,
    conflict_rule,
    file_path,
    namespace_name,
    vector_of_numbers,
)
from kedit_memory.memory.encoding import Encoding, encode_all, load_by_name, write_encoder
from kedit_memory.memory.feedback import Feedback
from kedit_memory.memory.formats import NamedRow, read_rows
from kedit_memory.memory.index.cached import CachedIndex
from kedit_memory.memory.read import Reader, question_vector
from kedit_memory.memory.requests import Draft, StoredEdit, day, request_of, validate
from kedit_memory.memory.restore import Restoration
from kedit_memory.memory.store import Store
from kedit_memory.memory.write import Writer, Written
from kedit_memory.records import DEFAULT_NAMESPACE, Edit, Encoder, Imported, OnConflict, Outcome, Vectors
from kedit_memory.text import clean

_LOG = logging.getLogger(__name__)

Entry: TypeAlias = Draft | StoredEdit | InvalidInputError  # what a row asks for, or why it cannot be stored
SINGLE = "edit"  # the name of a row that is alone, which messages leave out


class Session:
    """The parts behind an `EditMemory`, and the steps that its verbs share."""

    def __init__(self, store: Store, encoding: Encoding, index: CachedIndex, clock: Callable[[], datetime]) -> None:
        self.store = store
        self.encoding = encoding
        self.index = index
        self._clock = clock

    @contextmanager
    def operation(self, verb: str, namespace: str | None) -> Iterator[Writer]:
        """One transaction with its entry in history, which the index follows once it is committed."""
        with self.store.transaction():
            self.encoding.check(self.store)
            writer = Writer(self.store, self.index, verb=verb, namespace=namespace, at=self.now())
            yield writer
            writer.prepare()
        writer.publish()

    @contextmanager
    def reader(self, as_of: str | None, namespace: str) -> Iterator[Reader]:
        """What holds, on one snapshot: nothing is written or seen meanwhile that would disagree with it."""
        namespace, day_ = namespace_name(namespace), self.day(as_of)
        with self.index.alone(), self.store.reading() as rows:
            self.encoding.check(rows)
            yield Reader(rows, self.index, namespace, day_)

    def add(
        self,
        rows: Iterable[NamedRow],
        on_conflict: str,
        verb: str,
        *,
        partial: bool = False,
        namespace: str = DEFAULT_NAMESPACE,
        into: str | None = None,
    ) -> list[Edit]:
        """The edits that rows stand for, stored as one operation; those passed over are named in the log."""
        taken = self.take(rows, on_conflict, verb, strict=not partial, namespace=namespace, into=into)
        for one in taken.refused:
            _LOG.warning("passed over: %s: %s", one.where, one.refusal)
        return [one.edit for one in taken.outcomes if one.edit]

    def take(
        self,
        rows: Iterable[NamedRow],
        on_conflict: str,
        verb: str,
        *,
        strict: bool,
        namespace: str = DEFAULT_NAMESPACE,
        into: str | None = None,
    ) -> Imported:
        """Validates, encodes and writes rows as one operation; gives what became of each.

        `namespace` is that of rows that name none; with `into`, that of all.

        Raises:
            ConflictError, InvalidInputError: with `strict`, a row cannot be stored; then none is.
        """
        rule, namespace = conflict_rule(on_conflict), namespace_name(namespace if into is None else into)
        read = {
            where: entry if into is None or isinstance(entry, InvalidInputError) else entry.moved(namespace)
            for where, entry in self._read(rows, namespace)
        }
        errors = [entry for entry in read.values() if isinstance(entry, InvalidInputError)]
        if strict and errors:
            raise errors[0]
        drafts = {where: entry for where, entry in read.items() if isinstance(entry, Draft)}
        stored = {where: entry for where, entry in read.items() if isinstance(entry, StoredEdit)}
        result: dict[str, Written | KeditError] = {w: e for w, e in read.items() if isinstance(e, InvalidInputError)}
        edits: list[Edit] = []
        if drafts or stored:
            written, edits = self._write(drafts, stored, rule, verb, strict=strict)
            result |= written
        return _outcomes({where: result[where] for where in read}, edits)

    def _read(self, rows: Iterable[NamedRow], namespace: str) -> Iterator[tuple[str, Entry]]:
        """Each row as an edit to be made or one of an export, or what is wrong with it."""
        seen: set[str] = set()
        for where, row in transfer.completed(rows):
            try:
                entry = self._entry(where, row, namespace)
            except InvalidInputError as error:
                yield where, error
                continue
            if isinstance(entry, StoredEdit) and entry.edit.id in seen:
                yield where, InvalidInputError(f"{where}: id {entry.edit.id} comes twice; remove one line")
                continue
            seen.add(entry.edit.id)
            yield where, entry

    def _entry(self, where: str, row: object, namespace: str) -> Draft | StoredEdit:
        if isinstance(row, InvalidInputError):
            raise row
        if transfer.is_export(row):
            return transfer.stored_edit(row, where)
        request = request_of(row, where, namespace)
        try:
            return validate(request, created_at=self.now())
        except InvalidInputError as error:
            if where == SINGLE:
                raise
            raise InvalidInputError(f"{where}: {error}") from None

    def _write(
        self,
        drafts: Mapping[str, Draft],
        stored: Mapping[str, StoredEdit],
        rule: OnConflict,
        verb: str,
        *,
        strict: bool,
    ) -> tuple[dict[str, Written | ConflictError], list[Edit]]:
        """Encodes and writes what was read, in one transaction; what became of each row, and the edits then."""
        texts = [key.text for draft in drafts.values() for key in draft.keys]
        texts += [key.text for one in stored.values() for key, _ in one.keys]
        vectors, made_by = self.encoding.encode(texts)
        result: dict[str, Written | ConflictError] = {}
        with self.operation(verb, _common_namespace([*drafts.values(), *stored.values()])) as writer:
            self.encoding.record(made_by)
            restoration = Restoration(self.store, writer, rule)
            restored = restoration.run(list(stored.values()), vectors) if stored else {}
            result |= {where: restored[one.edit.id] for where, one in stored.items()}
            result |= zip(drafts, writer.add(list(drafts.values()), vectors, rule), strict=True)
            for where, written in result.items():
                if strict and isinstance(written, ConflictError):
                    raise written if where == SINGLE else ConflictError(f"{where}: {written}")
            # Read before another process may change them.
            edits = self.store.each([one.edit_id for one in result.values() if isinstance(one, Written)])
        return result, edits

    def hear(self, verb: str, give: Feedback, edit: Edit, question: str) -> Edit:
        """The edit after somebody said whether a question asks for it; saying so again changes nothing."""
        text = clean(question, "question")
        vector = self.question(text)
        with self.operation(verb, edit.namespace) as writer:
            give(self.store, writer, edit.id, text, vector)
            return self.store.edit(edit.id)

    def vectors(self, drafts: Sequence[Draft]) -> Mapping[str, Vectors]:
        """The vector of each text that is a key of these drafts."""
        return self.encoding.encode([key.text for draft in drafts for key in draft.keys]).vectors

    def question(self, query: str | Vectors) -> Vectors:
        """The vector of a question, or the one given, checked."""
        if isinstance(query, str):
            encoded: Vectors = self.encoding.array([clean(query, "question")])[0]
            return encoded
        vector = vector_of_numbers(query)
        with self.store.reading() as rows:
            return question_vector(vector, rows.meta("dimension"))

    def encode_again(self, encoder: str | Encoder) -> None:
        """Gives all keys vectors of another encoder.

        Raises:
            StoreError: another process wrote while the keys were being encoded.
        """
        other = load_by_name(encoder) if isinstance(encoder, str) else encoder
        with self.store.reading() as rows:
            newest = rows.last_sequence()
            keys = rows.query("SELECT id, text FROM keys ORDER BY id")
        texts = list(dict.fromkeys(key["text"] for key in keys))
        vectors = dict(zip(texts, encode_all(other, texts), strict=True))
        with self.store.transaction():
            if self.store.last_sequence() != newest:
                raise StoreError(f"{self.store.path} was written to meanwhile; rebuild it again")
            self.store.set_vectors((key["id"], vectors[key["text"]]) for key in keys)
            write_encoder(self.store, other, encoder if isinstance(encoder, str) else None)
            self.store.begin_operation("rebuild", None, self.now())
            self.encoding.replace(other)

    def close(self) -> None:
        """Writes the cache if it lags behind and ends the connection."""
        try:
            self.index.save_if_worthwhile()
        finally:
            self.index.forget()
            self.store.close()

    def now(self) -> str:
        """The present moment in UTC, ISO 8601."""
        moment = self._clock().astimezone(UTC)
        return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")

    def day(self, as_of: str | None) -> str:
        """The day that a question is about: today, unless it says another."""
        return self._clock().date().isoformat() if as_of is None else day(as_of, "as_of")


def named(rows: Iterable[object] | str | Path) -> Iterable[NamedRow]:
    """Rows with the names that messages call them by."""
    if isinstance(rows, (str, Path)):
        return read_rows(file_path(rows))
    return ((f"row {number}", row) for number, row in enumerate(collection_of_rows(rows), start=1))


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


def _common_namespace(entries: Iterable[Draft | StoredEdit]) -> str | None:
    names = {entry.edit.namespace for entry in entries}
    return names.pop() if len(names) == 1 else None
