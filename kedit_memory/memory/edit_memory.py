"""The memory as its users meet it: each verb validates, writes one transaction, keeps the index in step."""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from types import TracebackType
from typing import Concatenate, ParamSpec, Self, TextIO, TypeVar, Unpack

import numpy as np

from kedit_memory.errors import ConflictError, InvalidInputError, NotFoundError, StoreError
from kedit_memory.memory import exchange, maintenance
from kedit_memory.memory.add import Draft, clean, day, request_of, validate
from kedit_memory.memory.encoding import Encoder, Encoding, encode_all, write_encoder
from kedit_memory.memory.index.base import Vectors
from kedit_memory.memory.journal import revisions_of, undo_last
from kedit_memory.memory.keys import KeyIndex
from kedit_memory.memory.maintenance import Verification
from kedit_memory.memory.matching import matches_of, nearest_matches
from kedit_memory.memory.revising import EditChanges, EditFields, revised
from kedit_memory.memory.rows import number_of, to_json
from kedit_memory.memory.store import Store
from kedit_memory.memory.writing import Writer
from kedit_memory.records import (
    DEFAULT_NAMESPACE,
    Edit,
    EditRequest,
    Kind,
    Match,
    OnConflict,
    Revision,
    Status,
)

_LOG = logging.getLogger(__name__)
_P = ParamSpec("_P")
_T = TypeVar("_T")
_Row = tuple[str, object]  # its name in messages, such as "line 3", and what it holds


@dataclass(frozen=True, kw_only=True)
class Stats:
    """Counts of a store."""

    path: str
    edits: dict[str, int]  # by status
    kinds: dict[str, int]  # of active edits
    namespaces: dict[str, int]  # of active edits
    keys: int
    operations: int
    encoder: str | None
    encoder_revision: str | None
    dimension: int | None
    bytes: int  # of all files


def _locked(
    verb: Callable[Concatenate["EditMemory", _P], _T],
) -> Callable[Concatenate["EditMemory", _P], _T]:
    """Lets one thread at a time into a verb: a server shares one memory among its workers."""

    @wraps(verb)
    def guarded(self: "EditMemory", *args: _P.args, **kwargs: _P.kwargs) -> _T:
        with self.lock:
            return verb(self, *args, **kwargs)

    return guarded


class EditMemory:
    """Edits in one store. `namespace=None`, where it is allowed, means all namespaces.

    Safe to share between threads; several processes may open one store, and each sees what the
    others have committed.
    """

    def __init__(
        self, store: Store, encoding: Encoding, index: KeyIndex, clock: Callable[[], datetime]
    ) -> None:
        self.lock = threading.RLock()
        self._store = store
        self._encoding = encoding
        self._index = index
        self._clock = clock

    @classmethod
    def open(
        cls,
        path: str | Path,
        encoder: str | Encoder | None = None,
        *,
        engine: str = "faiss",
        create: bool = True,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> Self:
        """The memory in the folder `path`, made if absent unless `create` is false.

        Args:
            path: the folder of the store.
            encoder: a name or an encoder; None takes the one of the store, or the default one.
            engine: the vector index, a name in `kedit_memory.memory.index.ENGINES`.
            create: whether a missing store is made.
            clock: tells the time of operations, and the day that "now" means.

        Raises:
            EncoderMismatchError: the keys of the store come from another encoder.
            NotFoundError: there is no store and none shall be made.
            StoreError: it cannot be read or written, is damaged, foreign or of a newer format.
        """
        store = Store.open(path, create=create)
        try:
            return cls(store, Encoding(store, encoder), KeyIndex(store, engine), clock)
        except BaseException:
            store.close()
            raise

    @property
    def path(self) -> Path:
        """The folder of the store."""
        return self._store.path

    @property
    def encoder(self) -> Encoder:
        """The encoder of the store, loaded at the first use."""
        return self._encoding.encoder

    def add(
        self,
        prompt: str | None = None,
        target: str | None = None,
        *,
        on_conflict: str = OnConflict.SUPERSEDE,
        **fields: Unpack[EditFields],
    ) -> Edit:
        """The stored edit, durable when this returns.

        Give prompt and target (a question or a cloze), one text alone (a statement), or subject,
        relation and target. An active edit that says exactly the same is given back unchanged.

        Raises:
            ConflictError: another answer holds the slot and `on_conflict` is "reject".
            InvalidInputError: something is missing, malformed or beyond a limit.
        """
        if target is None and fields.get("kind") is not Kind.ERASURE:
            if fields.get("statement") is None:
                prompt, fields["statement"] = None, prompt
            if fields["statement"] is None:
                raise InvalidInputError("no target; give a target, a statement alone, or use erase")
        request = _request(prompt, target, fields)
        return self._add([("edit", request)], on_conflict, "add")[0]

    def erase(
        self,
        prompt: str | None = None,
        *,
        on_conflict: str = OnConflict.SUPERSEDE,
        **fields: Unpack[EditFields],
    ) -> Edit:
        """A stored erasure: what the prompt, or subject and relation, ask for is to be forgotten.

        Raises:
            ConflictError: an answer holds the slot and `on_conflict` is "reject".
            InvalidInputError: something is missing, malformed or beyond a limit.
        """
        fields["kind"] = Kind.ERASURE
        return self._add([("edit", _request(prompt, None, fields))], on_conflict, "erase")[0]

    def add_many(
        self,
        rows: Iterable[object] | str | Path,
        *,
        on_conflict: str = OnConflict.SUPERSEDE,
        partial: bool = False,
        namespace: str = DEFAULT_NAMESPACE,
    ) -> list[Edit]:
        """All rows as edits, in one transaction and one operation.

        Args:
            rows: mappings or `EditRequest`s, or the path of a JSONL file.
            on_conflict: as in `add`; rows of one call conflict with each other too.
            partial: pass over rows that cannot be stored, each with a warning in the log.
            namespace: of rows that name none.

        Raises:
            ConflictError: as in `add`; the message names the row, and nothing was stored.
            InvalidInputError: a row is malformed; the message names it, and nothing was stored.
        """
        return self._add(_named(rows), on_conflict, "add", partial=partial, namespace=namespace)

    @_locked
    def update(
        self,
        edit_id: str,
        *,
        on_conflict: str = OnConflict.SUPERSEDE,
        namespace: str | None = None,
        **changes: Unpack[EditChanges],
    ) -> Edit:
        """The edit with some fields changed; None takes a value away.

        Raises:
            ConflictError: as in `add`, or the edit was changed by another process meanwhile.
            InvalidInputError: the edit is not active, or a value is not allowed.
            NotFoundError: there is no such edit.
        """
        self.get(edit_id, namespace=namespace)
        before = self._store.snapshot(edit_id)
        draft = revised(before, changes)
        vectors = self._vectors([draft])
        with self._operation("update", draft.edit.namespace) as writer:
            if self._store.snapshot(edit_id) != before:
                raise ConflictError(f"{edit_id} was changed by another process; look and try again")
            writer.update(before, draft, vectors, _conflict_rule(on_conflict))
        return self._store.edit(edit_id)

    @_locked
    def retract(self, edit_id: str, *, namespace: str | None = None) -> Edit:
        """The edit, no longer active; its history stays. What it superseded stays superseded.

        Raises:
            InvalidInputError: it is retracted already.
            NotFoundError: there is no such edit.
        """
        edit = self.get(edit_id, namespace=namespace)
        with self._operation("retract", edit.namespace) as writer:
            writer.retract(edit_id)
        return self._store.edit(edit_id)

    @_locked
    def undo(self, *, namespace: str | None = None) -> list[Revision]:
        """Takes back the newest operation that still stands; gives its revisions, now undone.

        Everything is again what it was, to the last bit. An undo itself cannot be undone.

        Raises:
            NotFoundError: there is nothing to undo.
        """
        with self._operation("undo", namespace) as writer:
            return undo_last(self._store, writer, namespace)

    @_locked
    def get(self, edit_id: str, *, namespace: str | None = None) -> Edit:
        """The edit of that id, whatever its status.

        Raises:
            NotFoundError: there is none, or it is of another namespace.
        """
        edit = self._store.edit(edit_id)
        if namespace is not None and edit.namespace != namespace:
            raise NotFoundError(
                f"{edit_id} is in namespace {edit.namespace!r}, not {namespace!r}; name its own"
            )
        return edit

    @_locked
    def all(
        self,
        *,
        status: str | None = Status.ACTIVE,
        namespace: str | None = DEFAULT_NAMESPACE,
    ) -> list[Edit]:
        """All edits of a status (None: of any), by id."""
        if status is not None and status not in list(Status):
            raise InvalidInputError(f"status {status!r} is unknown (known: {', '.join(Status)})")
        return self._store.edits(
            "(?1 IS NULL OR e.status = ?1) AND (?2 IS NULL OR e.namespace = ?2)", status, namespace
        )

    @_locked
    def in_scope(
        self,
        query: str | Vectors,
        *,
        as_of: str | None = None,
        namespace: str = DEFAULT_NAMESPACE,
    ) -> list[Match]:
        """Every edit that covers a question (or its vector), by the margin r^2 - d^2, largest first.

        With `as_of`, what held on that day, superseded edits included; otherwise what holds today.
        """
        vector = self._query_vector(query)
        return matches_of(self._store, self._index.in_scope(vector), namespace, self._day(as_of))

    @_locked
    def search(
        self,
        query: str | Vectors,
        k: int = 5,
        *,
        as_of: str | None = None,
        namespace: str = DEFAULT_NAMESPACE,
    ) -> list[Match]:
        """The `k` edits nearest to a text, in scope or not, nearest first."""
        if k < 1:
            raise InvalidInputError(f"k is {k}; give 1 or more")
        vector, today = self._query_vector(query), self._day(as_of)
        return nearest_matches(self._store, self._index, vector, k, namespace=namespace, day=today)

    @_locked
    def history(
        self, edit_id: str | None = None, *, namespace: str | None = None
    ) -> list[Revision]:
        """All changes to an edit, or to all, oldest first; undone ones stay listed.

        Raises:
            NotFoundError: no edit ever had that id.
        """
        return revisions_of(self._store, edit_id, namespace)

    @_locked
    def export(self, to: str | Path | TextIO, *, namespace: str | None = None) -> int:
        """Writes all edits as JSON lines, sorted; equal stores give equal bytes. Their number."""
        return exchange.write_lines(exchange.export_lines(self._store, namespace), to)

    def import_(
        self,
        path: str | Path,
        *,
        on_conflict: str = OnConflict.SUPERSEDE,
        partial: bool = False,
        namespace: str = DEFAULT_NAMESPACE,
    ) -> list[Edit]:
        """Edits from a JSONL file: an export is taken over as it is, other rows are added.

        An export keeps status, radii and, in a store that never had an edit, ids.

        Raises:
            ConflictError: as in `add_many`.
            InvalidInputError: a line is malformed; the message names it, and nothing was stored.
        """
        rows = list(exchange.read_lines(Path(path)))
        if not any(exchange.is_export(row) for _, row in rows):
            return self._add(rows, on_conflict, "import", partial=partial, namespace=namespace)
        if partial:
            raise InvalidInputError("an export is imported whole; leave out partial")
        return self._restore(rows)

    @_locked
    def rebuild(self, encoder: str | Encoder | None = None) -> int:
        """Builds the index anew from the rows; with an encoder, encodes all keys again by it.

        Gives the number of keys. Radii stay as they are, and re-encoding is not undone by `undo`.

        Raises:
            StoreError: another process wrote while the keys were being encoded.
        """
        if encoder is not None:
            self._encode_again(encoder)
        return self._index.rebuild()

    @_locked
    def verify(self) -> Verification:
        """Compares rows, index and cache with each other; problems are listed, not raised."""
        return maintenance.verify(self._store, self._index)

    @_locked
    def stats(self) -> Stats:
        """Counts of edits, keys and bytes."""
        active = self.all(namespace=None)
        statuses = self._store.query("SELECT status, count(*) FROM edits GROUP BY status")
        dimension = self._store.meta("dimension")
        return Stats(
            path=str(self.path),
            edits={str(status): 0 for status in Status} | {row[0]: row[1] for row in statuses},
            kinds={str(kind): sum(edit.kind is kind for edit in active) for kind in Kind},
            namespaces=dict(sorted(Counter(edit.namespace for edit in active).items())),
            keys=self._store.query("SELECT count(*) FROM keys WHERE live")[0][0],
            operations=self._store.last_sequence(),
            encoder=self._store.meta("encoder"),
            encoder_revision=self._store.meta("encoder_revision"),
            dimension=None if dimension is None else int(dimension),
            bytes=sum(file.stat().st_size for file in self.path.rglob("*") if file.is_file()),
        )

    @_locked
    def purge(self, edit_id: str | None = None, *, namespace: str | None = None) -> list[str]:
        """Removes an edit, or all that are not active, from every file, history included; their ids.

        Meant for private data: nothing brings it back, and backups are not touched.

        Raises:
            NotFoundError: no edit ever had that id.
            StoreError: another process reads the store, so that its log cannot be emptied yet.
        """
        if edit_id is not None:
            revisions_of(self._store, edit_id, namespace)
            chosen = [edit_id]
        else:
            active = {edit.id for edit in self.all(namespace=None)}
            every = {one.edit_id for one in revisions_of(self._store, None, namespace)}
            chosen = sorted(every - active, key=number_of)
        maintenance.purge(self._store, chosen, self._now())
        self._index.rebuild()
        return chosen

    @_locked
    def backup(self, to: str | Path) -> Path:
        """A copy of the store in another folder, consistent even while others write.

        Raises:
            StoreError: the folder holds a store already, or cannot be written.
        """
        return maintenance.backup(self._store, to)

    @_locked
    def close(self) -> None:
        """Writes the cache if it lags behind and ends the connection; closing again does nothing."""
        try:
            self._index.save_if_worthwhile()
        finally:
            self._index.forget()
            self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @_locked
    def _add(
        self,
        rows: Iterable[_Row],
        on_conflict: str,
        verb: str,
        *,
        partial: bool = False,
        namespace: str = DEFAULT_NAMESPACE,
    ) -> list[Edit]:
        rule, drafts = _conflict_rule(on_conflict), dict[str, Draft]()
        for where, row in rows:
            try:
                drafts[where] = self._draft(where, row, namespace)
            except InvalidInputError as error:
                if not partial:
                    raise
                _LOG.warning("passed over: %s", error)
        if not drafts:
            return []
        vectors = self._vectors(list(drafts.values()))
        ids = []
        with self._operation(verb, _common_namespace(drafts.values())) as writer:
            self._encoding.record()
            added = writer.add(list(drafts.values()), vectors, rule)
            for where, result in zip(drafts, added, strict=True):
                if isinstance(result, str):
                    ids.append(result)
                elif partial:
                    _LOG.warning("passed over: %s: %s", where, result)
                else:
                    raise ConflictError(str(result) if len(drafts) == 1 else f"{where}: {result}")
        return self._edits(ids)

    def _draft(self, where: str, row: object, namespace: str) -> Draft:
        if isinstance(row, InvalidInputError):
            raise row
        request = request_of(row, where, namespace)
        try:
            return validate(request, created_at=self._now())
        except InvalidInputError as error:
            raise InvalidInputError(
                str(error) if where == "edit" else f"{where}: {error}"
            ) from None

    @_locked
    def _restore(self, rows: Sequence[_Row]) -> list[Edit]:
        for _, row in rows:
            if isinstance(row, InvalidInputError):
                raise row
        stored = exchange.stored_edits(rows)
        texts = [text.text for one in stored for text, _ in one.keys]
        vectors = dict(zip(texts, self._encoding.encode(texts), strict=True))
        with self._operation("import", None) as writer:
            self._encoding.record()
            ids = list(writer.restore(stored, vectors))
        return self._edits(ids)

    def _edits(self, ids: Sequence[str]) -> list[Edit]:
        """Edits as they are now, in the order of ids."""
        if len(ids) == 1:
            return [self._store.edit(ids[0])]
        numbers = to_json([number_of(edit_id) for edit_id in ids])
        found = self._store.edits("e.id IN (SELECT value FROM json_each(?))", numbers)
        by_id = {edit.id: edit for edit in found}
        return [by_id[edit_id] for edit_id in ids]

    @contextmanager
    def _operation(self, verb: str, namespace: str | None) -> Iterator[Writer]:
        """One transaction with its entry in history; the index follows, or is dropped on failure."""
        writer = Writer(self._store, self._index, verb=verb, namespace=namespace, at=self._now())
        try:
            with self._store.transaction():
                self._encoding.check()
                if self._index.loaded:
                    self._index.current()
                yield writer
                writer.flush()
        except BaseException:
            if writer.changed:
                self._index.forget()
            raise

    def _vectors(self, drafts: Sequence[Draft]) -> dict[str, Vectors]:
        texts = [key.text for draft in drafts for key in draft.keys]
        return dict(zip(texts, self._encoding.encode(texts), strict=True))

    def _query_vector(self, query: str | Vectors) -> Vectors:
        self._encoding.check()
        if isinstance(query, str):
            return self._encoding.encode([clean(query, "question")])[0]
        vector = np.asarray(query, np.float32)
        dimension = self._store.meta("dimension")
        if vector.ndim != 1 or not np.isfinite(vector).all():
            raise InvalidInputError(f"a question's vector has shape {vector.shape} or holds NaN")
        if dimension is not None and len(vector) != int(dimension):
            raise InvalidInputError(f"a vector of {len(vector)} coordinates; give {dimension}")
        return vector

    def _encode_again(self, encoder: str | Encoder) -> None:
        newest = self._store.last_sequence()
        other = self._encoding.replace(encoder)
        rows = self._store.query("SELECT id, text FROM keys ORDER BY id")
        texts = list(dict.fromkeys(row["text"] for row in rows))
        vectors = dict(zip(texts, encode_all(other, texts), strict=True))
        with self._store.transaction():
            if self._store.last_sequence() != newest:
                raise StoreError(f"{self.path} was written to meanwhile; rebuild it again")
            self._store.set_vectors((row["id"], vectors[row["text"]]) for row in rows)
            write_encoder(self._store, other, encoder if isinstance(encoder, str) else None)
            self._store.begin_operation("rebuild", None, self._now())

    def _now(self) -> str:
        moment = self._clock().astimezone(UTC)
        return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")

    def _day(self, as_of: str | None) -> str:
        return self._clock().date().isoformat() if as_of is None else day(as_of, "as_of")


def _request(prompt: str | None, target: str | None, fields: EditFields) -> EditRequest:
    given = dict(fields)
    for name in ("paraphrases", "aliases"):
        if isinstance(given.get(name), list):
            given[name] = tuple(fields[name])  # type: ignore[literal-required]
    return EditRequest(prompt=prompt, target=target, **given)  # type: ignore[arg-type]


def _named(rows: Iterable[object] | str | Path) -> Iterable[_Row]:
    if isinstance(rows, (str, Path)):
        return exchange.read_lines(Path(rows))
    return ((f"row {number}", row) for number, row in enumerate(rows, start=1))


def _common_namespace(drafts: Iterable[Draft]) -> str | None:
    names = {draft.edit.namespace for draft in drafts}
    return names.pop() if len(names) == 1 else None


def _conflict_rule(value: str) -> OnConflict:
    try:
        return OnConflict(value)
    except ValueError:
        known = ", ".join(OnConflict)
        raise InvalidInputError(f"on_conflict {value!r} is unknown (known: {known})") from None
