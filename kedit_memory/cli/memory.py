"""The verbs that write to the memory."""

from pathlib import Path
from typing import Annotated, Any

import typer

from kedit_memory.cli import options as o
from kedit_memory.cli.output import counted, edit_line, emit, revision_line
from kedit_memory.cli.progress import step
from kedit_memory.cli.stdin import INPUT, demand_yes, text_of
from kedit_memory.cli.store import open_store
from kedit_memory.errors import InvalidInputError
from kedit_memory.memory import EditMemory
from kedit_memory.memory.documents import edit_document, revision_document
from kedit_memory.records import Edit, EditRequest, OnConflict


def add(
    prompt: Annotated[str | None, typer.Argument(help="A question, a cloze prompt, or a statement alone.")] = None,
    target: Annotated[str | None, typer.Argument(help="The answer; leave it out for a statement.")] = None,
    target_file: Annotated[
        Path | None,
        typer.Option("--target-file", parser=o.path_of, metavar="<path>", help="Take the answer from a file."),
    ] = None,
    subject: o.Subject = None,
    relation: o.Relation = None,
    statement: o.Statement = None,
    paraphrase: o.Paraphrases = None,
    alias: o.Aliases = None,
    radius: o.Radius = None,
    valid_from: o.ValidFrom = None,
    valid_until: o.ValidUntil = None,
    source: o.Source = None,
    metadata: o.Metadata = None,
    own_id: o.OwnId = None,
    on_conflict: o.Conflict = OnConflict.SUPERSEDE,
    preview: Annotated[
        bool,
        typer.Option("--preview", help="Store nothing; say what it would answer and touch."),
    ] = False,
    questions: Annotated[
        Path | None,
        typer.Option(
            "--questions",
            parser=o.path_of,
            metavar="<path>",
            help="For --preview, a log: a question a line, JSON lines, or a table with a column of questions.",
        ),
    ] = None,
    store: o.Store = o.STORE,
    namespace: o.Namespace = o.NAMESPACE,
    encoder: o.Encoder = None,
    as_json: o.Json = False,
) -> None:
    """Add a fact.

    Give question and answer, a statement alone, or --subject, --relation and a target: with these two, a single
    argument is the target. An argument - is read from standard input.
    """
    if questions is not None and not preview:
        raise InvalidInputError("--questions is given without --preview; add it, or leave --questions out")
    prompt, target = _given_texts(prompt, target, target_file)
    if target is None and subject and relation:
        prompt, target = None, prompt
    given: dict[str, Any] = {
        "subject": subject,
        "relation": relation,
        "statement": statement,
        "paraphrases": tuple(paraphrase or ()),
        "aliases": tuple(alias or ()),
        "radius": radius,
        "valid_from": valid_from,
        "valid_until": valid_until,
        "source": source,
        "metadata": o.metadata_of(metadata),
        "namespace": namespace,
        "id": own_id,
    }
    with open_store(store, encoder, create=not preview) as memory:
        if preview:
            request = EditRequest(prompt=prompt, target=target, **given)
            _preview(memory, request, questions, on_conflict=on_conflict, as_json=as_json)
        else:
            _print_new(memory.add(prompt, target, on_conflict=on_conflict, **given), as_json=as_json)


def erase(
    prompt: Annotated[
        str,
        typer.Argument(help="The question that must not be answered any more; - reads it from standard input."),
    ],
    subject: o.Subject = None,
    relation: o.Relation = None,
    paraphrase: o.Paraphrases = None,
    alias: o.Aliases = None,
    radius: o.Radius = None,
    source: o.Source = None,
    own_id: o.OwnId = None,
    purge: Annotated[
        bool, typer.Option("--purge", help="Remove all edits of the question for good, too; they cannot come back.")
    ] = False,
    store: o.Store = o.STORE,
    namespace: o.Namespace = o.NAMESPACE,
    encoder: o.Encoder = None,
    as_json: o.Json = False,
) -> None:
    """Make a question be refused, whatever the memory or the model knows.

    An answer that the memory holds is superseded, not removed: it stays in list --all, history, export and backups
    until `kedit purge`; --purge removes it at once. Exports, backups and models that hold it already are yours to
    remove. Passages that state the fact stay, too; none is put before a question that is refused.
    """
    prompt = text_of(prompt)
    with open_store(store, encoder) as memory:
        edit = memory.erase(
            prompt,
            subject=subject,
            relation=relation,
            paraphrases=tuple(paraphrase or ()),
            aliases=tuple(alias or ()),
            radius=radius,
            source=source,
            namespace=namespace,
            id=own_id,
            purge=purge,
        )
    _print_new(edit, as_json=as_json)


def update(
    edit_id: o.EditId,
    target: Annotated[str | None, typer.Option("--target", help="The new answer.")] = None,
    prompt: Annotated[str | None, typer.Option("--prompt", help="The new wording of the question.")] = None,
    statement: o.Statement = None,
    paraphrase: o.Paraphrases = None,
    alias: o.Aliases = None,
    radius: o.Radius = None,
    valid_from: o.ValidFrom = None,
    valid_until: o.ValidUntil = None,
    source: o.Source = None,
    store: o.ExistingStore = o.STORE,
    namespace: o.Namespace = o.NAMESPACE,
    as_json: o.Json = False,
) -> None:
    """Change fields of an edit; what is not given stays."""
    fields: dict[str, Any] = {
        "target": target,
        "prompt": prompt,
        "statement": statement,
        "paraphrases": tuple(paraphrase) if paraphrase else None,
        "aliases": tuple(alias) if alias else None,
        "radius": radius,
        "valid_from": valid_from,
        "valid_until": valid_until,
        "source": source,
    }
    given = {name: value for name, value in fields.items() if value is not None}
    if not given:
        raise InvalidInputError(f"nothing to change in {edit_id}; give at least one of --target, --prompt, --radius …")
    with open_store(store, create=False) as memory:
        edit = memory.update(edit_id, namespace=namespace, **given)
    _print_edit(edit, as_json=as_json)


def retract(
    edit_id: o.EditId, store: o.ExistingStore = o.STORE, namespace: o.Namespace = o.NAMESPACE, as_json: o.Json = False
) -> None:
    """Take an edit out of use. It stays in history, and undo brings it back."""
    with open_store(store, create=False) as memory:
        edit = memory.retract(edit_id, namespace=namespace)
    _print_edit(edit, as_json=as_json)


def confirm(
    edit_id: o.EditId,
    question: Annotated[
        str, typer.Argument(help="A question that this edit should have answered; - reads it from standard input.")
    ],
    store: o.ExistingStore = o.STORE,
    namespace: o.Namespace = o.NAMESPACE,
    as_json: o.Json = False,
) -> None:
    """Say that a question asks for an edit. The wording finds it from now on."""
    question = text_of(question)
    with open_store(store, create=False) as memory:
        fired = _fired(memory, edit_id, question, namespace)
        edit = memory.confirm(edit_id, question, fired=fired, namespace=namespace)
    _print_edit(edit, as_json=as_json)


def reject(
    edit_id: o.EditId,
    question: Annotated[
        str, typer.Argument(help="A question that this edit should not have answered; - reads it from standard input.")
    ],
    store: o.ExistingStore = o.STORE,
    namespace: o.Namespace = o.NAMESPACE,
    as_json: o.Json = False,
) -> None:
    """Say that a question does not ask for an edit. The wording never finds it again."""
    question = text_of(question)
    with open_store(store, create=False) as memory:
        fired = _fired(memory, edit_id, question, namespace)
        edit = memory.reject(edit_id, question, fired=fired, namespace=namespace)
    _print_edit(edit, as_json=as_json)


def undo(
    edit_id: Annotated[str | None, typer.Argument(help="Take back the last on this edit; else of all.")] = None,
    store: o.ExistingStore = o.STORE,
    namespace: o.Namespace = o.NAMESPACE,
    as_json: o.Json = False,
) -> None:
    """Take back the last operation that was not taken back yet."""
    with open_store(store, create=False) as memory:
        revisions = memory.undo(edit_id, namespace=namespace)
    emit(
        as_json=as_json,
        document={"undone": [revision_document(r) for r in revisions]},
        lines=[revision_line(r) for r in revisions],
    )


def purge(
    edit_id: Annotated[str | None, typer.Argument(help="One edit; else all that answer no question any more.")] = None,
    superseded: Annotated[
        bool, typer.Option("--superseded", help="Without an id, those that answer for earlier days, too (--as-of).")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask: a purge cannot be undone.")] = False,
    store: o.ExistingStore = o.STORE,
    namespace: o.Namespace = o.NAMESPACE,
    as_json: o.Json = False,
) -> None:
    """Remove edits for good, from history and from the files.

    This cannot be undone. Backups, exports and consolidated models keep what they hold.
    """
    if not yes:
        demand_yes(f"Remove {edit_id or 'every edit that answers no question any more'} for good?")
    with open_store(store, create=False) as memory:
        purged = memory.purge(edit_id, namespace=namespace, superseded=superseded)
    emit(as_json=as_json, document={"purged": purged}, lines=[f"{counted(len(purged), 'edit')} removed for good"])


def _preview(memory: EditMemory, request: EditRequest, log: Path | None, *, on_conflict: str, as_json: bool) -> None:
    """Print what an edit would do to the questions of a log and to other edits."""
    from kedit_memory.cli.preview import print_preview
    from kedit_memory.memory.formats.questions import read_questions
    from kedit_memory.routing.router import Router

    asked = read_questions(log) if log is not None else ()
    found = Router(memory).preview(
        request, asked, on_conflict=on_conflict, progress=lambda what, done: step(f"{done:,} {what}")
    )
    print_preview(found, as_json=as_json)


def _given_texts(prompt: str | None, target: str | None, file: Path | None) -> tuple[str | None, str | None]:
    """Prompt and target, from where the arguments say."""
    if prompt == target == INPUT:
        raise InvalidInputError("prompt and target cannot both be standard input; give one, or --target-file")
    if file is not None:
        if target is not None:
            raise InvalidInputError("a target and --target-file are given; leave one out")
        from kedit_memory.memory.formats.content import text_of as content_of

        target = content_of(file)
    return prompt and text_of(prompt), target and text_of(target)


def _print_new(edit: Edit, *, as_json: bool) -> None:
    """Print a new edit, with those that it may contradict."""
    doubts = edit.possible_conflicts
    emit(
        as_json=as_json,
        document=edit_document(edit) | {"possible_conflicts": list(doubts)},
        lines=[edit_line(edit), *([f"it may contradict {', '.join(doubts)}; see `kedit show`"] if doubts else [])],
    )


def _fired(memory: EditMemory, edit_id: str, question: str, namespace: str | None) -> bool:
    """Whether an edit answers a question, as things stand before feedback on it."""
    from kedit_memory.routing.router import Router

    edit = memory.get(edit_id, namespace=namespace)
    (judged,) = Router(memory).judge_many([question], namespace=edit.namespace)
    return judged.fires and judged.edit_id == edit.id


def _print_edit(edit: Edit, *, as_json: bool) -> None:
    emit(as_json=as_json, document=edit_document(edit), lines=[edit_line(edit)])
