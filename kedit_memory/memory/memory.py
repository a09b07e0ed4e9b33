"""The memory as its users meet it: each verb is one short step of a session on a store."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO, Unpack

from kedit_memory.errors import ConflictError, InvalidInputError, NotFoundError
from kedit_memory.memory import consolidation, feedback, maintenance, transfer
from kedit_memory.memory.encoding import Encoding
from kedit_memory.memory.formats import read_rows
from kedit_memory.memory.history import purgeable, revisions_of, undo_last
from kedit_memory.memory.index.cached import CachedIndex
from kedit_memory.memory.maintenance import Stats, Verification
from kedit_memory.memory.read import Reader
from kedit_memory.memory.replaced import Replacing
from kedit_memory.memory.revising import EditChanges, EditFields, revised
from kedit_memory.memory.session import SINGLE, Session, conflict_rule, named, request
from kedit_memory.memory.store import Store
from kedit_memory.records import (
    DEFAULT_NAMESPACE,
    Checkpoint,
    Consolidation,
    Edit,
    Encoder,
    Imported,
    Kind,
    Match,
    OnConflict,
    Revision,
    Status,
    Vectors,
)


class EditMemory:
    """Edits in one store. `namespace=None`, where it is allowed, means all namespaces.

    Safe to share between threads; several processes may open one store, and each sees what the
    others have committed.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

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
            return cls(Session(store, Encoding(store, encoder), CachedIndex(store, engine), clock))
        except BaseException:
            store.close()
            raise

    @property
    def path(self) -> Path:
        """The folder of the store."""
        return self._session.store.path

    @property
    def encoder(self) -> Encoder:
        """The encoder of the store, loaded at the first use."""
        return self._session.encoding.encoder

    def __len__(self) -> int:
        """The number of active edits, of all namespaces."""
        with self._session.store.reading() as rows:
            return rows.active()

    def encode(self, texts: Sequence[str]) -> Vectors:
        """The vectors of texts, of shape (texts, dimension): unit length, as keys are stored."""
        return self._session.encoding.array(texts)

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
            if prompt is None and fields["statement"].rstrip().endswith("?"):
                raise InvalidInputError("a question without its answer; give the answer after it, or use erase")
        return self._session.add([(SINGLE, request(prompt, target, fields))], on_conflict, "add")[0]

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
        return self._session.add([(SINGLE, request(prompt, None, fields))], on_conflict, "erase")[0]

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
            rows: mappings or `EditRequest`s, or the path of a file, as in `import_file`.
            on_conflict: as in `add`; rows of one call conflict with each other too.
            partial: pass over rows that cannot be stored, each with a warning in the log.
            namespace: of rows that name none.

        Raises:
            ConflictError: as in `add`; the message names the row, and nothing was stored.
            InvalidInputError: a row is malformed; the message names it, and nothing was stored.
        """
        return self._session.add(named(rows), on_conflict, "add", partial=partial, namespace=namespace)

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
        with self._session.store.reading() as rows:
            before = rows.snapshot(edit_id)
        draft = revised(before, changes)
        vectors = self._session.vectors([draft])
        with self._session.operation("update", draft.edit.namespace) as writer:
            if self._session.store.snapshot(edit_id) != before:
                raise ConflictError(f"{edit_id} was changed by another process; look and try again")
            writer.update(before, draft, vectors, conflict_rule(on_conflict))
            return self._session.store.edit(edit_id)

    def retract(self, edit_id: str, *, namespace: str | None = None) -> Edit:
        """The edit, no longer active; its history stays. What it superseded stays superseded.

        Raises:
            InvalidInputError: it is retracted already.
            NotFoundError: there is no such edit.
        """
        edit = self.get(edit_id, namespace=namespace)
        with self._session.operation("retract", edit.namespace) as writer:
            writer.retract(edit_id)
            return self._session.store.edit(edit_id)

    def confirm(self, edit_id: str, question: str, *, namespace: str | None = None) -> Edit:
        """The edit, which from now on covers the question: its wording becomes one of the edit's keys.

        Takes a rejection of the same wording away. Confirming twice changes nothing.

        Raises:
            ConflictError: another active edit, of another slot, is asked in these words.
            InvalidInputError: the edit is not active, or the question is not allowed.
            NotFoundError: there is no such edit.
        """
        return self._session.hear("confirm", feedback.confirm, self.get(edit_id, namespace=namespace), question)

    def reject(self, edit_id: str, question: str, *, namespace: str | None = None) -> Edit:
        """The edit, which from now on leaves the question alone, and others that lie nearest to it.

        Takes a confirmation of the same wording away. Rejecting twice changes nothing.

        Raises:
            InvalidInputError: the edit is not active, or the question is its prompt or not allowed.
            NotFoundError: there is no such edit.
        """
        return self._session.hear("reject", feedback.reject, self.get(edit_id, namespace=namespace), question)

    def undo(self, edit_id: str | None = None, *, namespace: str | None = None) -> list[Revision]:
        """Takes back the newest operation that still stands, or the newest on one edit; its revisions, now undone.

        Everything is again what it was, to the last bit. An undo itself cannot be undone.

        Raises:
            ConflictError: newer work, in another namespace or on another edit, rests on the operation.
            NotFoundError: there is nothing to undo.
        """
        if edit_id is not None:
            edit_id = self.get(edit_id, namespace=namespace).id
        with self._session.operation("undo", namespace) as writer:
            return undo_last(self._session.store, writer, namespace, edit_id)

    def consolidate(self, edits: Sequence[Edit], made: Checkpoint, publish: Callable[[], None]) -> Consolidation:
        """Edits that a checkpoint holds in its weights from now on; durable when this returns, and undone by `undo`.

        No edit changes. `publish` puts the checkpoint in its place, as the last step before the note becomes durable.

        Raises:
            InvalidInputError: there is no edit, one is an erasure, or the checkpoint is the model from before.
            ConflictError: an edit was changed since it was read.
            NotFoundError: an edit is gone.
        """
        namespaces = {edit.namespace for edit in edits}
        with self._session.operation(consolidation.VERB, namespaces.pop() if len(namespaces) == 1 else None) as writer:
            operation = consolidation.consolidate(self._session.store, writer, edits, made, publish)
        ids = tuple(edit.id for edit in edits)
        return Consolidation(operation=operation, checkpoint=made, edit_ids=ids, undone=False)

    def consolidations(self) -> list[Consolidation]:
        """All consolidations, undone ones too, oldest first."""
        with self._session.store.reading() as rows:
            return consolidation.consolidations(rows)

    def undo_consolidation(self, operation: int) -> None:
        """Takes one consolidation back, whatever was done since; its edits answer from the memory again.

        Raises:
            NotFoundError: no consolidation in force has the number.
        """
        with self._session.operation("undo", None) as writer:
            consolidation.take_back(self._session.store, writer, operation)

    def any_consolidated(self) -> bool:
        """Whether any model holds edits in its weights."""
        with self._session.store.reading() as rows:
            return consolidation.any_held(rows)

    def held_by(self, fingerprint: str, edit_ids: Collection[str]) -> frozenset[str]:
        """Those of the edits that the model of a fingerprint holds in its weights, as they are now.

        What was written into a model, models made from it hold, too. An edit that was updated, superseded or retracted
        since it was written is not held.
        """
        with self._session.store.reading() as rows:
            return consolidation.held_by(rows, fingerprint, edit_ids)

    def get(self, edit_id: str, *, namespace: str | None = None) -> Edit:
        """The edit of that id, whatever its status.

        Raises:
            NotFoundError: there is none, or it is of another namespace.
        """
        with self._session.store.reading() as rows:
            edit = rows.edit(edit_id)
        if namespace is not None and edit.namespace != namespace:
            raise NotFoundError(f"{edit_id} is in namespace {edit.namespace!r}, not {namespace!r}; name its own")
        return edit

    def all(
        self,
        *,
        status: str | None = Status.ACTIVE,
        namespace: str | None = DEFAULT_NAMESPACE,
    ) -> list[Edit]:
        """All edits of a status (None: of any), by id."""
        if status is not None and status not in list(Status):
            raise InvalidInputError(f"status {status!r} is unknown (known: {', '.join(Status)})")
        with self._session.store.reading() as rows:
            return rows.edits("(?1 IS NULL OR e.status = ?1) AND (?2 IS NULL OR e.namespace = ?2)", status, namespace)

    @contextmanager
    def reader(self, *, as_of: str | None = None, namespace: str = DEFAULT_NAMESPACE) -> Iterator[Reader]:
        """What the memory answers from, on one snapshot: for several looks that have to agree with each other."""
        with self._session.reader(as_of, namespace) as reader:
            yield reader

    def in_scope(
        self,
        query: str | Vectors,
        *,
        as_of: str | None = None,
        namespace: str = DEFAULT_NAMESPACE,
        subjects: Collection[str] | None = None,
        limit: int | None = None,
    ) -> list[Match]:
        """Every edit that covers a question (or its vector), by the margin r^2 - d^2, largest first.

        With `as_of`, what held on that day, superseded edits included; otherwise what holds today.
        With `subjects`, only edits about one of these names, or about no known subject. With `limit`, only the
        first ones, which keeps a question quick that thousands cover. An edit is left out where the question
        lies nearest to one that was rejected for it.
        """
        _check_limit(limit)
        vector = self._session.question(query)
        with self.reader(as_of=as_of, namespace=namespace) as reader:
            return reader.in_scope(vector, subjects=subjects, limit=limit)

    def about(
        self,
        query: str | Vectors,
        subjects: Collection[str],
        *,
        as_of: str | None = None,
        namespace: str = DEFAULT_NAMESPACE,
        limit: int | None = None,
    ) -> list[Match]:
        """Every edit about one of these subjects, whatever its distance from a question, nearest first.

        What holds is as in `in_scope`, and each match is by the edit's nearest key. Needs no search, so it
        is quick in a store of any size. With `limit`, only the first ones.
        """
        _check_limit(limit)
        vector = self._session.question(query)
        with self.reader(as_of=as_of, namespace=namespace) as reader:
            return reader.about(vector, subjects, limit=limit)

    def replacing(
        self, subjects: Collection[str], *, as_of: str | None = None, namespace: str = DEFAULT_NAMESPACE
    ) -> list[Replacing]:
        """The edits about one of these subjects that hold, today or on a day, with the values that each replaced."""
        with self.reader(as_of=as_of, namespace=namespace) as reader:
            return reader.replacing(subjects)

    def worded(
        self, texts: Collection[str], *, as_of: str | None = None, namespace: str = DEFAULT_NAMESPACE
    ) -> list[Match]:
        """Every edit of which one of these texts is the prompt, a paraphrase or a confirmed question; by id.

        What holds is as in `in_scope`. Needs neither the encoder nor a search.
        """
        with self.reader(as_of=as_of, namespace=namespace) as reader:
            return reader.worded(texts)

    def has_about(self, subjects: Collection[str], namespace: str = DEFAULT_NAMESPACE) -> bool:
        """Whether some edit, of today or of another day, is about one of these subjects."""
        with self.reader(namespace=namespace) as reader:
            return reader.has_about(subjects)

    def has_subjectless(self, namespace: str = DEFAULT_NAMESPACE) -> bool:
        """Whether some edit, of today or of another day, is about no known subject.

        When none is, `about` finds all that `in_scope` could, once the subjects of a question are known.
        """
        with self.reader(namespace=namespace) as reader:
            return reader.has_subjectless()

    def search(
        self,
        query: str | Vectors,
        k: int = 5,
        *,
        as_of: str | None = None,
        namespace: str = DEFAULT_NAMESPACE,
    ) -> list[Match]:
        """The `k` edits nearest to a text, in scope or not, rejected for it or not, nearest first."""
        if k < 1:
            raise InvalidInputError(f"k is {k}; give 1 or more")
        vector = self._session.question(query)
        with self.reader(as_of=as_of, namespace=namespace) as reader:
            return reader.nearest(vector, k)

    def history(
        self, edit_id: str | None = None, *, namespace: str | None = None, limit: int | None = None, after: int = 0
    ) -> list[Revision]:
        """All changes to an edit, or to all, oldest first; undone ones stay listed.

        For one page after the other: with `limit`, that many at most; with `after`, the `number` of the last one seen,
        those that follow it.

        Raises:
            NotFoundError: no edit ever had that id.
        """
        _check_limit(limit)
        with self._session.store.reading() as rows:
            return revisions_of(rows, edit_id, namespace, after=after, limit=limit)

    def export(self, to: str | Path | TextIO, *, namespace: str | None = None) -> int:
        """Writes all edits as JSON lines, sorted; equal stores give equal bytes. Their number."""
        with self._session.store.reading() as rows:
            return transfer.write_lines(transfer.export_lines(rows, namespace), to)

    def import_file(
        self,
        path: str | Path,
        *,
        form: str | None = None,
        on_conflict: str = OnConflict.SUPERSEDE,
        strict: bool = False,
        namespace: str = DEFAULT_NAMESPACE,
    ) -> Imported:
        """What became of each row of a file: stored, there already, or refused and why.

        All is stored in one operation, durable when this returns. Lines of an export keep status, dates and radii
        and, in a store that never had an edit, ids; other rows are added. The same file again stores nothing.

        Args:
            path: a file of one of `kedit_memory.memory.formats.FORMATS`.
            form: the name of its format; None tells it by the file's name or its beginning.
            on_conflict: as in `add`.
            strict: whether one row that cannot be stored keeps the others out, too.
            namespace: of rows that name none.

        Raises:
            ConflictError, InvalidInputError: with `strict`, as in `add_many`.
            InvalidInputError: the file cannot be read as its format at all.
            NotFoundError: there is no such file.
        """
        rows = read_rows(Path(path), form)
        return self._session.take(rows, on_conflict, "import", strict=strict, namespace=namespace)

    def import_(
        self,
        path: str | Path,
        *,
        on_conflict: str = OnConflict.SUPERSEDE,
        partial: bool = False,
        namespace: str = DEFAULT_NAMESPACE,
    ) -> list[Edit]:
        """The edits of a file, as `import_file` takes them; without `partial` a row that cannot be stored is an error.

        Raises:
            ConflictError: as in `add_many`.
            InvalidInputError: a row is malformed; the message names it, and nothing was stored.
        """
        rows = read_rows(Path(path))
        return self._session.add(rows, on_conflict, "import", partial=partial, namespace=namespace)

    def rebuild(self, encoder: str | Encoder | None = None) -> int:
        """Builds the index anew from the rows; with an encoder, encodes all keys again by it.

        Gives the number of keys. Radii stay as they are, and re-encoding is not undone by `undo`.

        Raises:
            StoreError: another process wrote while the keys were being encoded.
        """
        if encoder is not None:
            self._session.encode_again(encoder)
        return self._session.index.rebuild()

    def verify(self) -> Verification:
        """Compares rows, index and cache with each other; problems are listed, not raised."""
        return maintenance.verify(self._session.store, self._session.index)

    def note(self, name: str) -> str | None:
        """What was kept with the store under `name`, such as a calibration; None where nothing was."""
        with self._session.store.reading() as rows:
            return rows.meta(f"note:{name}")

    def set_note(self, name: str, value: str | None) -> None:
        """Keeps a text with the store under `name`; None takes it away. No edit changes, so nothing is to undo."""
        with self._session.store.transaction():
            self._session.store.set_meta(f"note:{name}", value)

    def stats(self) -> Stats:
        """Counts of edits, keys and bytes."""
        with self._session.store.reading() as rows:
            return maintenance.stats(rows)

    def purge(self, edit_id: str | None = None, *, namespace: str | None = None, superseded: bool = False) -> list[str]:
        """Removes an edit, or all that answer no question, from every file, history included; their ids.

        Meant for private data: nothing brings it back, and backups are not touched.

        Args:
            edit_id: the edit; None for all that were retracted, undone, or replaced on all of their days.
            namespace: that the edit must be of, or whose edits are meant; None for any.
            superseded: whether those that still answer for earlier days go, too.

        Raises:
            NotFoundError: no edit of the namespace ever had that id.
            StoreError: files cannot be removed, or another process reads the store, so that its log cannot be emptied
                yet; purging again goes on with it.
        """
        store = self._session.store
        with store.reading() as rows:
            unscrubbed = rows.unscrubbed()
            chosen = purgeable(rows, namespace, superseded=superseded) if edit_id is None else [edit_id]
            if edit_id is not None and not revisions_of(rows, edit_id, namespace, missing=not unscrubbed):
                chosen = []
            chosen += [part for one in chosen[:1] if edit_id for part in rows.parts_of(one)]
        if chosen:
            maintenance.purge(store, self._session.index, chosen, self._session.now())
        if unscrubbed:
            maintenance.scrub(store, self._session.index)
        return chosen

    def backup(self, to: str | Path) -> Path:
        """A copy of the store in another folder, consistent even while others write.

        Raises:
            StoreError: the folder holds a store already, or cannot be written.
        """
        return maintenance.backup(self._session.store, to)

    def close(self) -> None:
        """Writes the cache if it lags behind and ends the connection; closing again does nothing."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _check_limit(limit: int | None) -> None:
    if limit is not None and limit < 1:
        raise InvalidInputError(f"limit is {limit}; give 1 or more, or None for all")
