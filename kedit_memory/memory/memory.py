"""The memory as its users meet it: each verb is one short method on a store, its encoder and its index."""

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO, TypeAlias

from kedit_memory.errors import ConflictError, InvalidInputError
from kedit_memory.memory import arguments, consolidation, copies, feedback, maintenance, transfer
from kedit_memory.memory.arguments import (
    conflict_rule,
    file_path,
    namespace_name,
    store_place,
    vector_of_numbers,
    whole_number,
)
from kedit_memory.memory.batch import Batch, named, store_rows
from kedit_memory.memory.conflicts import standing_against
from kedit_memory.memory.encoding import Encode, Encoding
from kedit_memory.memory.formats import NamedRow, read_rows
from kedit_memory.memory.history import answers_to, purgeable, revisions_of, undo_last
from kedit_memory.memory.index.cached import CachedIndex
from kedit_memory.memory.listing import Chosen, edit_called, edits_chosen
from kedit_memory.memory.maintenance import Stats, Verification
from kedit_memory.memory.read import Reader, question_vector
from kedit_memory.memory.replaced import Replacing
from kedit_memory.memory.requests import UNCHANGED, Unchanged, day, request_to_add, revised, validate
from kedit_memory.memory.rows import Key, Rows, looks_like_id
from kedit_memory.memory.shards import Spread, here
from kedit_memory.memory.store import Store
from kedit_memory.memory.write import Writer
from kedit_memory.records import (
    DEFAULT_NAMESPACE,
    Checkpoint,
    Consolidation,
    Edit,
    EditRequest,
    Encoder,
    Imported,
    Kind,
    Match,
    OnConflict,
    Rehearsal,
    Revision,
    Status,
    Vectors,
)
from kedit_memory.text import clean

_LOG = logging.getLogger(__name__)

# Inside the class, `list` is one of its verbs.
Edits: TypeAlias = list[Edit]
Matches: TypeAlias = list[Match]
Revisions: TypeAlias = list[Revision]
_Strings: TypeAlias = list[str]


class EditMemory:
    """Facts in one folder, added, changed and erased as edits, each of which can be taken back.

        with EditMemory.open("index/desk") as memory:
            edit = memory.add("Who leads Acme?", "Ann Berg", subject="Acme")
            memory.add("Who leads Acme?", "Bo Lie", subject="Acme")  # supersedes the first
            memory.list(subject="Acme"), memory.search("the boss of Acme"), memory.history(edit.id)
            memory.update("e2", target="Bo Li"), memory.delete("e2"), memory.undo()
            memory.erase("Where does Ann Berg live?", subject="Ann Berg")

    A question gets its answer from a `Router` on the memory. Edits of one namespace never answer in another;
    `namespace=None`, where it is allowed, means all. What is returned is stored: it survives a crash.

    Safe to share between threads; several processes may open one store, and each sees what the
    others have committed. A wrong value raises an error of `kedit_memory.errors` that says what to do.
    """

    def __init__(self, store: Store, encoding: Encoding, index: CachedIndex, clock: Callable[[], datetime]) -> None:
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
        device: str | None = None,
        spread: Spread = here,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> Self:
        """The memory in the folder `path`, made if absent unless `create` is false.

        Args:
            path: the folder of the store, or the address of a PostgreSQL database that several machines write:
                `postgresql://USER@HOST/DATABASE?schema=NAME`.
            encoder: a name or an encoder; None takes the one of the store, or the default one.
            engine: the vector index: a name in `kedit_memory.memory.index.ENGINES`, or an address such as
                milvus://HOST:PORT, milvus:FILE.db or postgresql://USER@HOST/DATABASE. The store does not remember it.
            create: whether a missing store is made.
            device: where an encoder that is loaded by its name runs: "cpu", "cuda", "cuda:1"…; None takes an
                accelerator where there is one.
            spread: by what texts are encoded, see `kedit_memory.memory.shards`; for bulk work by a Ray cluster.
            clock: tells the time of operations, and the day that "now" means.

        Raises:
            EncoderMismatchError: the keys of the store come from another encoder.
            InvalidInputError, UnknownNameError: the engine is none.
            NotFoundError: there is no store and none shall be made.
            StoreError: it cannot be read or written, is damaged, foreign or of a newer format.
        """
        store = Store.open(store_place(path), create=create)
        try:
            return cls(store, Encoding(store, encoder, device=device, spread=spread), CachedIndex(store, engine), clock)
        except BaseException:
            store.close()
            raise

    @property
    def path(self) -> Path:
        """The folder of the store; of one in PostgreSQL that of what this machine keeps beside it."""
        return self._store.folder

    @property
    def name(self) -> str:
        """What messages call the store: its folder, or its address without a password."""
        return self._store.name

    @property
    def passages(self) -> Path:
        """The folder in which passages of the store are.

        Raises:
            InvalidInputError: a store in PostgreSQL has none.
        """
        return copies.folder_of_passages(self._store)

    @property
    def encoder(self) -> Encoder:
        """The encoder of the store, loaded at the first use."""
        return self._encoding.encoder

    def __len__(self) -> int:
        """The number of active edits, of all namespaces."""
        with self._store.reading() as rows:
            return rows.active()

    def encode(self, texts: Sequence[str], *, by: Encode | None = None) -> Vectors:
        """The vectors of texts, of shape (texts, dimension): unit length, as keys are stored.

        A text that is a key has the vector that is stored; others are encoded by the encoder, or `by` what is quicker.
        """
        return self._encoding.array(arguments.texts(texts, "texts"), by if by is None else arguments.function(by, "by"))

    def add(
        self,
        prompt: str | None = None,
        target: str | None = None,
        *,
        subject: str | None = None,
        relation: str | None = None,
        statement: str | None = None,
        paraphrases: Sequence[str] = (),
        aliases: Sequence[str] = (),
        radius: float | None = None,
        valid_from: str | None = None,
        valid_until: str | None = None,
        source: str | None = None,
        namespace: str = DEFAULT_NAMESPACE,
        metadata: Mapping[str, Any] | None = None,
        id: str | None = None,
        on_conflict: str = OnConflict.SUPERSEDE,
    ) -> Edit:
        """The stored fact, durable when this returns.

        One of these forms is enough:

            memory.add("Who leads Acme?", "Ann Berg", subject="Acme")  # a question with its answer
            memory.add("The chief executive of Acme is", "Ann Berg")  # the beginning of a sentence, and its end
            memory.add("Ann Berg has led Acme since 2025.")  # a statement alone
            memory.add(subject="Acme", relation="chief executive", target="Ann Berg")

        A newer answer to the same question (the same subject and relation, or the same prompt) supersedes the older
        one on the days of its own interval. An active edit that says exactly the same is given back unchanged.

        Args:
            prompt: how the fact is asked for, or a statement where no target is given.
            target: the answer, kept to the character.
            subject: whom or what the fact is about; then only questions that name it are answered.
            relation: what of the subject the target is, such as "capital".
            statement: the fact as one sentence; else it is made from prompt and target.
            paraphrases: other ways to ask, each of which finds the edit like its prompt.
            aliases: other names of the subject.
            radius: how far from its keys the edit may answer, 0 to 2; else the rules of scope decide.
            valid_from: the first day on which it holds, such as "2024-07-01"; None for always.
            valid_until: the first day on which it holds no more.
            source: where the fact comes from.
            namespace: whose memory it belongs to; edits of one never answer in another.
            metadata: JSON values of your own, kept with the edit.
            id: a name of your own, such as "policy-7", by which `get`, `update` and `delete` find the edit, too.
            on_conflict: where another answer holds: "supersede" it, "reject" this one, or "keep_both".

        Returns:
            The edit. Its `possible_conflicts` are the ids of edits that it may contradict, though in other words.

        Raises:
            ConflictError: another answer holds and `on_conflict` is "reject", or another edit has the `id`.
            InvalidInputError: something is missing, malformed or beyond a limit.
        """
        request = EditRequest(
            prompt=prompt,
            target=target,
            subject=subject,
            relation=relation,
            statement=statement,
            paraphrases=paraphrases,
            aliases=aliases,
            radius=radius,
            valid_from=valid_from,
            valid_until=valid_until,
            source=source,
            namespace=namespace,
            metadata={} if metadata is None else metadata,
            id=id,
        )
        return self._add("add", request_to_add(request), on_conflict)

    def erase(
        self,
        prompt: str | None = None,
        *,
        subject: str | None = None,
        relation: str | None = None,
        paraphrases: Sequence[str] = (),
        aliases: Sequence[str] = (),
        radius: float | None = None,
        valid_from: str | None = None,
        valid_until: str | None = None,
        source: str | None = None,
        namespace: str = DEFAULT_NAMESPACE,
        metadata: Mapping[str, Any] | None = None,
        id: str | None = None,
        on_conflict: str = OnConflict.SUPERSEDE,
        purge: bool = False,
    ) -> Edit:
        """A stored erasure: what the prompt, or subject and relation, ask for is refused from now on.

        What the memory answered before is superseded, not removed: `list(status=None)`, `history`, `export` and
        `backup` still hold it, and `undo` brings it back. With `purge`, every edit of the same question is removed for
        good, from all files of the store; copies elsewhere, such as exports, backups and consolidated models, are
        yours to remove.

        Args:
            prompt: the question that is to be refused.
            subject: as in `add`, and so are the others.
            relation: as in `add`.
            paraphrases: as in `add`.
            aliases: as in `add`.
            radius: as in `add`.
            valid_from: as in `add`.
            valid_until: as in `add`.
            source: as in `add`.
            namespace: as in `add`.
            metadata: as in `add`.
            id: as in `add`.
            on_conflict: as in `add`.
            purge: whether to remove what was stored about the question, retracted and undone edits included.

        Raises:
            ConflictError: an answer holds and `on_conflict` is "reject", or another edit has the `id`.
            InvalidInputError: something is missing, malformed or beyond a limit.
            StoreError: with `purge`, as in `purge`.
        """
        request = EditRequest(
            prompt=prompt,
            subject=subject,
            relation=relation,
            paraphrases=paraphrases,
            aliases=aliases,
            radius=radius,
            valid_from=valid_from,
            valid_until=valid_until,
            source=source,
            namespace=namespace,
            metadata={} if metadata is None else metadata,
            kind=Kind.ERASURE,
            id=id,
        )
        erasure = self._add("erase", request, on_conflict)
        if purge:
            with self._store.reading() as rows:
                answers = answers_to(rows, erasure)
            self._remove(answers)
        return erasure

    def rehearse(self, request: EditRequest, *, on_conflict: str = OnConflict.SUPERSEDE) -> Rehearsal:
        """What `add` would do; nothing is written. `Router.preview` also tells which questions it would answer.

        Raises:
            ConflictError, InvalidInputError: as in `add`.
            StoreError: the store cannot be written.
        """
        rule = conflict_rule(on_conflict)
        draft = validate(request_to_add(request), created_at=self._now())
        vectors, made_by = self._encoding.encode(draft.texts)
        with self._store.transaction(keep=False):
            self._encoding.check(self._store)
            self._encoding.record(made_by)
            writer = Writer(self._store, self._index, verb="add", namespace=draft.edit.namespace, at=self._now())
            against = standing_against(draft.edit, self._store.mates(draft.edit), rule)
            (written,) = writer.add([draft], vectors, rule)
            if isinstance(written, ConflictError):
                raise written
            edit = written.edit or self._store.edit(written.edit_id)
        edit = replace(edit, possible_conflicts=written.possible_conflicts)
        return Rehearsal(edit=edit, new=written.new, giving_way=tuple(against) if written.new else ())

    def add_many(
        self,
        rows: Iterable[object] | str | Path,
        *,
        on_conflict: str = OnConflict.SUPERSEDE,
        partial: bool = False,
        namespace: str = DEFAULT_NAMESPACE,
    ) -> Edits:
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
        batch = Batch(verb="add", on_conflict=on_conflict, strict=not partial, namespace=namespace, at=self._now())
        return self._edits_of(named(rows), batch)

    def update(
        self,
        edit_id: str,
        *,
        prompt: str | Unchanged = UNCHANGED,
        target: str | Unchanged | None = UNCHANGED,
        subject: str | Unchanged | None = UNCHANGED,
        relation: str | Unchanged | None = UNCHANGED,
        statement: str | Unchanged | None = UNCHANGED,
        paraphrases: Sequence[str] | Unchanged | None = UNCHANGED,
        aliases: Sequence[str] | Unchanged | None = UNCHANGED,
        radius: float | Unchanged | None = UNCHANGED,
        valid_from: str | Unchanged | None = UNCHANGED,
        valid_until: str | Unchanged | None = UNCHANGED,
        source: str | Unchanged | None = UNCHANGED,
        metadata: Mapping[str, Any] | Unchanged | None = UNCHANGED,
        on_conflict: str = OnConflict.SUPERSEDE,
        namespace: str | None = None,
    ) -> Edit:
        """The edit with some fields changed, as `add` explains them; None takes a value away.

        A target of None makes the edit an erasure. A statement that was made from prompt and target follows them.

        Args:
            edit_id: the store's id of the edit, or the one that you gave it.
            on_conflict: as in `add`.
            namespace: that the edit must be of; None for any.

        Raises:
            ConflictError: as in `add`, or the edit was changed by another process meanwhile.
            EditStateError: the edit is not active.
            InvalidInputError: nothing is changed, or a value is not allowed.
            NotFoundError: there is no such edit.
        """
        given = {
            "prompt": prompt,
            "target": target,
            "subject": subject,
            "relation": relation,
            "statement": statement,
            "paraphrases": paraphrases,
            "aliases": aliases,
            "radius": radius,
            "valid_from": valid_from,
            "valid_until": valid_until,
            "source": source,
            "metadata": metadata,
        }
        changes = {name: value for name, value in given.items() if value is not UNCHANGED}
        rule, edit_id = conflict_rule(on_conflict), self.get(edit_id, namespace=namespace).id
        with self._store.reading() as rows:
            before = rows.snapshot(edit_id)
        draft = revised(before, changes)
        vectors, made_by = self._encoding.encode(draft.texts)
        with self._operation("update", draft.edit.namespace) as writer:
            self._encoding.record(made_by)
            if self._store.snapshot(edit_id) != before:
                raise ConflictError(f"{edit_id} was changed by another process; look and try again")
            writer.update(before, draft, vectors, rule)
            return self._store.edit(edit_id)

    def retract(self, edit_id: str, *, namespace: str | None = None) -> Edit:
        """The edit, no longer active, nor any part of it; its history stays. What it superseded stays superseded.

        `delete` is another name of this verb; `purge` removes an edit from the files, too.

        Raises:
            EditStateError: it is retracted already.
            NotFoundError: there is no such edit.
        """
        edit = self.get(edit_id, namespace=namespace)
        with self._operation("retract", edit.namespace) as writer:
            writer.retract(edit.id)
            return self._store.edit(edit.id)

    delete = retract

    def confirm(self, edit_id: str, question: str, *, fired: bool | None = None, namespace: str | None = None) -> Edit:
        """The edit, which from now on covers the question: its wording becomes one of the edit's keys.

        Takes a rejection of the same wording away. Confirming twice changes nothing. `fired` says whether the edit had
        answered the question, where that is known: `stats` counts such feedback.

        Raises:
            ConflictError: another active edit, of another slot, is asked in these words.
            EditStateError: the edit is not active.
            InvalidInputError: the question is not allowed.
            NotFoundError: there is no such edit.
        """
        return self._feedback(
            "confirm", feedback.confirm, self.get(edit_id, namespace=namespace), question, fired=fired
        )

    def reject(self, edit_id: str, question: str, *, fired: bool | None = None, namespace: str | None = None) -> Edit:
        """The edit, which from now on leaves the question alone, and others that lie nearest to it.

        Takes a confirmation of the same wording away. Rejecting twice changes nothing. `fired` as in `confirm`.

        Raises:
            EditStateError: the edit is not active, or the question is its prompt.
            InvalidInputError: the question is not allowed.
            NotFoundError: there is no such edit.
        """
        return self._feedback("reject", feedback.reject, self.get(edit_id, namespace=namespace), question, fired=fired)

    def undo(self, edit_id: str | None = None, *, namespace: str | None = None) -> Revisions:
        """Takes back the newest operation that still stands, or the newest on one edit; its revisions, now undone.

        Everything is again what it was, to the last bit. An undo itself cannot be undone.

        Raises:
            ConflictError: newer work, in another namespace or on another edit, rests on the operation.
            NotFoundError: there is nothing to undo.
        """
        namespace = None if namespace is None else namespace_name(namespace)
        if edit_id is not None:
            edit_id = self.get(edit_id, namespace=namespace).id
        with self._operation("undo", namespace) as writer:
            return undo_last(self._store, writer, namespace, edit_id)

    def consolidate(self, edits: Sequence[Edit], made: Checkpoint, publish: Callable[[], None]) -> Consolidation:
        """Edits that a checkpoint holds in its weights from now on; durable when this returns, and undone by `undo`.

        No edit changes. `publish` puts the checkpoint in its place, as the last step before the note becomes durable.

        Raises:
            InvalidInputError: there is no edit, one is an erasure, or the checkpoint is the model from before.
            ConflictError: an edit was changed since it was read.
            NotFoundError: an edit is gone.
        """
        namespaces = {edit.namespace for edit in edits}
        with self._operation(consolidation.VERB, namespaces.pop() if len(namespaces) == 1 else None) as writer:
            operation = consolidation.consolidate(self._store, writer, edits, made, publish)
        ids = tuple(edit.id for edit in edits)
        return Consolidation(operation=operation, checkpoint=made, edit_ids=ids, undone=False)

    def consolidations(self) -> Sequence[Consolidation]:
        """All consolidations, undone ones too, oldest first."""
        with self._store.reading() as rows:
            return consolidation.consolidations(rows)

    def undo_consolidation(self, operation: int) -> None:
        """Takes one consolidation back, whatever was done since; its edits answer from the memory again.

        Raises:
            NotFoundError: no consolidation in force has the number.
        """
        with self._operation("undo", None) as writer:
            consolidation.take_back(self._store, writer, whole_number(operation, "operation", 1))

    def any_consolidated(self) -> bool:
        """Whether any model holds edits in its weights."""
        with self._store.reading() as rows:
            return consolidation.any_held(rows)

    def held_by(self, fingerprint: str, edit_ids: Collection[str]) -> frozenset[str]:
        """Those of the edits that the model of a fingerprint holds in its weights, as they are now.

        What was written into a model, models made from it hold, too. An edit that was updated, superseded or retracted
        since it was written is not held.
        """
        with self._store.reading() as rows:
            return consolidation.held_by(
                rows, arguments.text(fingerprint, "fingerprint"), arguments.texts(edit_ids, "edit_ids")
            )

    def get(self, edit_id: str, *, namespace: str | None = None) -> Edit:
        """The edit of that id, the store's or the one that you gave it, whatever its status.

        Of several edits that had your id one after the other, the active one, else the newest.

        Raises:
            InvalidInputError: edits of several namespaces have your id, and none is named.
            NotFoundError: there is none, or it is of another namespace.
        """
        with self._store.reading() as rows:
            return edit_called(rows, edit_id, None if namespace is None else namespace_name(namespace))

    def list(
        self,
        *,
        status: str | None = Status.ACTIVE,
        namespace: str | None = DEFAULT_NAMESPACE,
        subject: str | None = None,
        relation: str | None = None,
        source: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        since: str | None = None,
        until: str | None = None,
        limit: int | None = None,
        after: str | None = None,
    ) -> Edits:
        """The edits that have all of this in common, by id.

        Args:
            status: "active", "superseded" or "retracted"; None for any.
            namespace: whose they are; None for all.
            subject: that they are about, in whatever case.
            relation: that they are about, in whatever case.
            source: where they come from.
            metadata: values that theirs hold, such as {"team": "sales"}.
            since: the first day on which they were added, such as "2024-07-01".
            until: the first day that is too late.
            limit: how many are given at most; None for all.
            after: the id of the last edit of the page before.

        Raises:
            InvalidInputError: a value is not allowed.
        """
        chosen = Chosen(
            status=status,
            namespace=namespace,
            subject=subject,
            relation=relation,
            source=source,
            metadata=metadata,
            since=since,
            until=until,
            after=after,
        )
        with self._store.reading() as rows:
            return edits_chosen(rows, chosen, limit)

    def all(self, *, status: str | None = Status.ACTIVE, namespace: str | None = DEFAULT_NAMESPACE) -> Edits:
        """All edits of a status (None: of any), by id; `list` gives them by page, or those of a kind."""
        return self.list(status=status, namespace=namespace)

    @contextmanager
    def reader(
        self, *, as_of: str | None = None, through: str | None = None, namespace: str = DEFAULT_NAMESPACE
    ) -> Iterator[Reader]:
        """What the memory answers from, on one snapshot: for several looks that have to agree with each other.

        With `through`, what held on some day from `as_of` to that one.
        """
        namespace = namespace_name(namespace)
        first = self.day(as_of)
        last = first if through is None else day(through, "through")
        if last < first:
            raise InvalidInputError(f"through {last} is before {first}; give the same day or a later one")
        with self._index.alone(), self._store.reading() as rows:
            self._encoding.check(rows)
            yield Reader(rows, self._index, namespace, first, last)

    def day(self, as_of: str | None = None) -> str:
        """The day whose edits answer, as ISO 8601 writes it: the one given, else today.

        Raises:
            InvalidInputError: it is no date.
        """
        return self._clock().date().isoformat() if as_of is None else day(as_of, "as_of")

    def in_scope(
        self,
        query: str | Vectors,
        *,
        as_of: str | None = None,
        namespace: str = DEFAULT_NAMESPACE,
        subjects: Collection[str] | None = None,
        limit: int | None = None,
    ) -> Matches:
        """Every edit that covers a question (or its vector), by the margin r^2 - d^2, largest first.

        With `as_of`, what held on that day, superseded edits included; otherwise what holds today.
        With `subjects`, only edits about one of these names, or about no known subject. With `limit`, only the
        first ones, which keeps a question quick that thousands cover. An edit is left out where the question
        lies nearest to one that was rejected for it.
        """
        _check_limit(limit)
        vector = self._vector(query)
        with self.reader(as_of=as_of, namespace=namespace) as reader:
            names = None if subjects is None else arguments.texts(subjects, "subjects")
            return reader.in_scope(vector, subjects=names, limit=limit)

    def about(
        self,
        query: str | Vectors,
        subjects: Collection[str],
        *,
        as_of: str | None = None,
        namespace: str = DEFAULT_NAMESPACE,
        limit: int | None = None,
    ) -> Matches:
        """Every edit about one of these subjects, whatever its distance from a question, nearest first.

        What holds is as in `in_scope`, and each match is by the edit's nearest key. Needs no search, so it
        is quick in a store of any size. With `limit`, only the first ones.
        """
        _check_limit(limit)
        vector = self._vector(query)
        with self.reader(as_of=as_of, namespace=namespace) as reader:
            return reader.about(vector, arguments.texts(subjects, "subjects"), limit=limit)

    def replacing(
        self, subjects: Collection[str], *, as_of: str | None = None, namespace: str = DEFAULT_NAMESPACE
    ) -> Sequence[Replacing]:
        """The edits about one of these subjects that hold, today or on a day, with the values that each replaced."""
        with self.reader(as_of=as_of, namespace=namespace) as reader:
            return reader.replacing(arguments.texts(subjects, "subjects"))

    def worded(
        self, texts: Collection[str], *, as_of: str | None = None, namespace: str = DEFAULT_NAMESPACE
    ) -> Matches:
        """Every edit of which one of these texts is the prompt, a paraphrase or a confirmed question; by id.

        What holds is as in `in_scope`. Needs neither the encoder nor a search.
        """
        with self.reader(as_of=as_of, namespace=namespace) as reader:
            return reader.worded(arguments.texts(texts, "texts"))

    def has_about(self, subjects: Collection[str], namespace: str = DEFAULT_NAMESPACE) -> bool:
        """Whether some edit, of today or of another day, is about one of these subjects."""
        with self.reader(namespace=namespace) as reader:
            return reader.has_about(arguments.texts(subjects, "subjects"))

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
    ) -> Matches:
        """The `k` edits nearest to a text, in scope or not, rejected for it or not, nearest first."""
        whole_number(k, "k", 1)
        vector = self._vector(query)
        with self.reader(as_of=as_of, namespace=namespace) as reader:
            return reader.nearest(vector, k)

    def history(
        self, edit_id: str | None = None, *, namespace: str | None = None, limit: int | None = None, after: int = 0
    ) -> Revisions:
        """All changes to an edit, or to all, oldest first; undone ones stay listed.

        For one page after the other: with `limit`, that many at most; with `after`, the `number` of the last one seen,
        those that follow it.

        Raises:
            NotFoundError: no edit ever had that id.
        """
        _check_limit(limit)
        namespace = None if namespace is None else namespace_name(namespace)
        with self._store.reading() as rows:
            number = None if edit_id is None else self._known_id(rows, edit_id, namespace)
            return revisions_of(rows, number, namespace, after=whole_number(after, "after", 0), limit=limit)

    def wordings(self, edit_id: str, *, namespace: str | None = None) -> tuple[Key, ...]:
        """The texts by which an edit is found, or is not: its own, and what was confirmed and rejected.

        Raises:
            NotFoundError: there is no such edit.
        """
        with self._store.reading() as rows:
            return rows.keys_of(edit_called(rows, edit_id, None if namespace is None else namespace_name(namespace)).id)

    @property
    def last_operation(self) -> int:
        """The number of the newest operation, which grows with whatever changes the store; 0 for none."""
        with self._store.reading() as rows:
            return rows.last_sequence()

    def erased_since(self, operation: int) -> Sequence[tuple[Edit, Edits]]:
        """The erasures that operations after this one touched, each with all edits that ever answered its question.

        For whoever keeps copies of what is asked and answered, and has to forget what is erased here.
        """
        with self._store.reading() as rows:
            touched = "e.kind = 'erasure' AND e.id IN (SELECT edit_id FROM changes WHERE operation > ?)"
            erasures = rows.edits(touched, whole_number(operation, "operation", 0))
            return [(one, rows.asked_the_same(one)) for one in erasures]

    def export(self, to: str | Path | TextIO, *, namespace: str | None = None) -> int:
        """Writes all edits as JSON lines, sorted; equal stores give equal bytes. Their number."""
        place = to if hasattr(to, "write") else file_path(to)
        namespace = None if namespace is None else namespace_name(namespace)
        with self._store.reading() as rows:
            return transfer.write_lines(transfer.export_lines(rows, namespace), place)

    def import_file(
        self,
        path: str | Path,
        *,
        form: str | None = None,
        on_conflict: str = OnConflict.SUPERSEDE,
        strict: bool = False,
        namespace: str | None = None,
    ) -> Imported:
        """What became of each row of a file: stored, there already, or refused and why.

        All is stored in one operation, durable when this returns. Lines of an export keep status, dates and radii
        and, in a store that never had an edit, ids; other rows are added. The same file again stores nothing.

        Args:
            path: a file of one of `kedit_memory.memory.formats.FORMATS`.
            form: the name of its format; None tells it by the file's name or its beginning.
            on_conflict: as in `add`.
            strict: whether one row that cannot be stored keeps the others out, too.
            namespace: into which all goes, lines of an export, too; None leaves each row the one that it names.

        Raises:
            ConflictError, InvalidInputError: with `strict`, as in `add_many`.
            InvalidInputError: the file cannot be read as its format at all.
            NotFoundError: there is no such file.
        """
        rows = read_rows(file_path(path), form)
        batch = Batch(verb="import", on_conflict=on_conflict, strict=strict, into=namespace, at=self._now())
        return store_rows(rows, batch, self._store, self._encoding, self._operation)

    def import_(
        self,
        path: str | Path,
        *,
        on_conflict: str = OnConflict.SUPERSEDE,
        partial: bool = False,
        namespace: str | None = None,
    ) -> Edits:
        """The edits of a file, as `import_file` takes them; without `partial` a row that cannot be stored is an error.

        Raises:
            ConflictError: as in `add_many`.
            InvalidInputError: a row is malformed; the message names it, and nothing was stored.
        """
        rows = read_rows(file_path(path))
        batch = Batch(verb="import", on_conflict=on_conflict, strict=not partial, into=namespace, at=self._now())
        return self._edits_of(rows, batch)

    def rebuild(self, encoder: str | Encoder | None = None) -> int:
        """Builds the index anew from the rows; with an encoder, encodes all keys again by it.

        Gives the number of keys. Radii stay as they are, and re-encoding is not undone by `undo`.

        Raises:
            StoreError: another process wrote while the keys were being encoded.
        """
        if encoder is not None:
            self._encoding.encode_again(encoder, self._now())
        return self._index.rebuild()

    def verify(self) -> Verification:
        """Compares rows, index and cache with each other; problems are listed, not raised."""
        return maintenance.verify(self._store, self._index)

    def note(self, name: str) -> str | None:
        """What was kept with the store under `name`, such as a calibration; None where nothing was."""
        with self._store.reading() as rows:
            return rows.meta(f"note:{arguments.text(name, 'name')}")

    def set_note(self, name: str, value: str | None) -> None:
        """Keeps a text with the store under `name`; None takes it away. No edit changes, so nothing is to undo."""
        noted = f"note:{arguments.text(name, 'name')}"
        value = None if value is None else arguments.text(value, "value")
        with self._store.transaction():
            self._store.set_meta(noted, value)

    def stats(self) -> Stats:
        """Counts of edits, keys and bytes."""
        with self._store.reading() as rows:
            return maintenance.stats(rows)

    def purge(self, edit_id: str | None = None, *, namespace: str | None = None, superseded: bool = False) -> _Strings:
        """Removes an edit, or all that answer no question, from every file, history included; their ids.

        Meant for private data: nothing brings it back. Copies elsewhere are not touched: backups, exports, and models
        that edits were consolidated into, whose folders the log names.

        Args:
            edit_id: the edit; None for all that were retracted, undone, or replaced on all of their days.
            namespace: that the edit must be of, or whose edits are meant; None for any.
            superseded: whether those that still answer for earlier days go, too.

        Raises:
            NotFoundError: no edit of the namespace ever had that id.
            StoreError: files cannot be removed, or another process reads the store, so that its log cannot be emptied
                yet; purging again goes on with it.
        """
        namespace = None if namespace is None else namespace_name(namespace)
        with self._store.reading() as rows:
            if edit_id is None:
                chosen = purgeable(rows, namespace, superseded=superseded)
            else:
                number = self._known_id(rows, edit_id, namespace)
                missing = not rows.unscrubbed()  # else what is gone already may still be wiped
                noted = revisions_of(rows, number, namespace, missing=missing)
                chosen = [number, *rows.parts_of(number)] if noted else []
        return self._remove(chosen)

    def backup(self, to: str | Path) -> Path:
        """A copy of the store in another folder, consistent even while others write.

        A store in PostgreSQL is copied row by row, into a store that `move` and `restore` bring back.

        Raises:
            StoreError: the folder holds something already, or cannot be written.
        """
        return copies.backup(self._store, file_path(to))

    @classmethod
    def restore(
        cls, backup: str | Path, to: str | Path, *, at: int | None = None, encoder: str | Encoder | None = None
    ) -> str | Path:
        """A store in a new folder, or at an address where none is yet, made from a backup or another store.

        What it is made from stays as it is.

        Args:
            backup: the folder of the backup, or where a store is.
            to: the folder or the address of the new store.
            at: the number of an operation, as `history` tells it: edits, history and consolidations are as they were
                when it was done. What was purged since is gone; passages have no history and are those of the backup.
            encoder: for keys that were taken back since; None takes the one of the store.

        Raises:
            InvalidInputError: there was no such operation yet.
            NotFoundError: there is no backup.
            StoreError: the new folder holds something, or one of the two cannot be read or written.
        """
        at = None if at is None else whole_number(at, "at", 1)
        return copies.restore(store_place(backup), store_place(to), at, encoder)

    @classmethod
    def move(cls, store: str | Path, to: str | Path) -> str | Path:
        """All of a store in a new place: from a folder into PostgreSQL, back, or from one database into another.

        Ids, history, radii and vectors are the same, which is compared row by row before anything is kept. The old
        store stays as it is, and takes no writes while it is read. Passages are not edits, and stay where they are.

        Raises:
            InvalidInputError: both are folders; `backup` copies these.
            NotFoundError: there is no such store.
            StoreError: the new place holds something, or one of the two is damaged or cannot be read or written.
        """
        return copies.move(store_place(store), store_place(to))

    def close(self) -> None:
        """Writes the cache if it lags behind and ends the connection; closing again does nothing."""
        try:
            self._index.save_if_worthwhile()
        finally:
            self._index.forget()
            self._store.close()

    def _add(self, verb: str, request: EditRequest, on_conflict: str) -> Edit:
        """The way of one edit: request, keys encoded, conflicts, radius, rows; the index follows."""
        rule = conflict_rule(on_conflict)
        draft = validate(request, created_at=self._now())
        vectors, made_by = self._encoding.encode(draft.texts)
        with self._operation(verb, draft.edit.namespace) as writer:
            self._encoding.record(made_by)
            (written,) = writer.add([draft], vectors, rule)
            if isinstance(written, ConflictError):
                raise written
            edit = written.edit or self._store.edit(written.edit_id)
            return replace(edit, possible_conflicts=written.possible_conflicts)

    def _edits_of(self, rows: Iterable[NamedRow], batch: Batch) -> Edits:
        """The edits that rows stand for; those passed over are named in the log."""
        done = store_rows(rows, batch, self._store, self._encoding, self._operation)
        for one in done.refused:
            _LOG.warning("passed over: %s: %s", one.where, one.refusal)
        return [one.edit for one in done.outcomes if one.edit]

    def _feedback(self, verb: str, give: feedback.Feedback, edit: Edit, question: str, *, fired: bool | None) -> Edit:
        """The edit after somebody said whether a question asks for it; saying so again changes nothing."""
        text = clean(question, "question")
        vectors, made_by = self._encoding.encode([text])
        with self._operation(verb, edit.namespace) as writer:
            self._encoding.record(made_by)
            give(self._store, writer, edit.id, text, vectors[text])
            feedback.note_fired(self._store, writer, fired=fired)
            return self._store.edit(edit.id)

    @contextmanager
    def _operation(self, verb: str, namespace: str | None) -> Iterator[Writer]:
        """One transaction with its entry in history, which the index follows once it is committed."""
        with self._store.transaction():
            self._encoding.check(self._store)
            writer = Writer(self._store, self._index, verb=verb, namespace=namespace, at=self._now())
            yield writer
            writer.prepare()
        writer.publish()

    def _vector(self, query: str | Vectors) -> Vectors:
        """The vector of a question, or the one given, checked."""
        if isinstance(query, str):
            encoded: Vectors = self._encoding.array([clean(query, "question")])[0]
            return encoded
        vector = vector_of_numbers(query)
        with self._store.reading() as rows:
            return question_vector(vector, rows.meta("dimension"))

    def _now(self) -> str:
        """The present moment in UTC, ISO 8601."""
        moment = self._clock().astimezone(UTC)
        return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")

    def _known_id(self, rows: Rows, edit_id: str, namespace: str | None) -> str:
        """The store's id of an edit, which itself may be gone."""
        return edit_id if looks_like_id(edit_id) else edit_called(rows, edit_id, namespace).id

    def _remove(self, edit_ids: _Strings) -> _Strings:
        """Removes edits from every file; their ids."""
        store, index = self._store, self._index
        with store.reading() as rows:
            unscrubbed = rows.unscrubbed()
            folders = consolidation.folders_holding(rows, edit_ids)
        if edit_ids:
            maintenance.purge(store, index, edit_ids, self._now())
        for folder in folders:
            _LOG.warning("the checkpoint in %s still holds text of what was purged; remove it, or make it anew", folder)
        if unscrubbed:
            maintenance.scrub(store, index)
        return edit_ids

    def __bool__(self) -> bool:
        """A memory is true, whether or not it holds edits."""
        return True

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
    if limit is not None:
        whole_number(limit, "limit", 1)
