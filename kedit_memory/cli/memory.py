"""The verbs of the memory."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from kedit_memory.cli import options as o
from kedit_memory.cli.output import (
    edit_document,
    edit_line,
    edit_lines,
    emit,
    match_document,
    match_line,
    revision_document,
    revision_line,
)
from kedit_memory.errors import InvalidInputError
from kedit_memory.memory import EditMemory
from kedit_memory.memory.formats.content import decoded, text_of
from kedit_memory.records import Edit, OnConflict, Status

_INPUT = "-"  # stands for what standard input holds
EditId = Annotated[str, typer.Argument(help="The identifier of an edit, such as e12.")]


def open_store(store: Path, encoder: str | None = None, *, create: bool = True) -> EditMemory:
    """The store that a command works on."""
    return EditMemory.open(store, encoder=encoder, create=create)


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
    on_conflict: o.Conflict = OnConflict.SUPERSEDE,
    store: o.Store = o.STORE,
    namespace: o.Namespace = o.NAMESPACE,
    encoder: o.Encoder = None,
    as_json: o.Json = False,
) -> None:
    """Add a fact.

    Give question and answer, a statement alone, or --subject, --relation and a target: with these two, a single
    argument is the target. An argument - is read from standard input.
    """
    prompt, target = _given_texts(prompt, target, target_file)
    if target is None and subject and relation:
        prompt, target = None, prompt
    with open_store(store, encoder) as memory:
        edit = memory.add(
            prompt,
            target,
            subject=subject,
            relation=relation,
            statement=statement,
            paraphrases=tuple(paraphrase or ()),
            aliases=tuple(alias or ()),
            radius=radius,
            valid_from=valid_from,
            valid_until=valid_until,
            source=source,
            on_conflict=on_conflict,
            namespace=namespace,
        )
    _print_edit(edit, as_json=as_json)


def erase(
    prompt: Annotated[str, typer.Argument(help="The question that must not be answered any more.")],
    subject: o.Subject = None,
    relation: o.Relation = None,
    paraphrase: o.Paraphrases = None,
    alias: o.Aliases = None,
    radius: o.Radius = None,
    source: o.Source = None,
    store: o.Store = o.STORE,
    namespace: o.Namespace = o.NAMESPACE,
    encoder: o.Encoder = None,
    as_json: o.Json = False,
) -> None:
    """Make a question be refused. The fact is forgotten, by the memory and in the model's answers."""
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
        )
    _print_edit(edit, as_json=as_json)


def update(
    edit_id: EditId,
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
    edit_id: EditId, store: o.ExistingStore = o.STORE, namespace: o.Namespace = o.NAMESPACE, as_json: o.Json = False
) -> None:
    """Take an edit out of use. It stays in history, and undo brings it back."""
    with open_store(store, create=False) as memory:
        edit = memory.retract(edit_id, namespace=namespace)
    _print_edit(edit, as_json=as_json)


def confirm(
    edit_id: EditId,
    question: Annotated[str, typer.Argument(help="A question that this edit should have answered.")],
    store: o.ExistingStore = o.STORE,
    namespace: o.Namespace = o.NAMESPACE,
    as_json: o.Json = False,
) -> None:
    """Say that a question asks for an edit. The wording finds it from now on."""
    with open_store(store, create=False) as memory:
        edit = memory.confirm(edit_id, question, namespace=namespace)
    _print_edit(edit, as_json=as_json)


def reject(
    edit_id: EditId,
    question: Annotated[str, typer.Argument(help="A question that this edit should not have answered.")],
    store: o.ExistingStore = o.STORE,
    namespace: o.Namespace = o.NAMESPACE,
    as_json: o.Json = False,
) -> None:
    """Say that a question does not ask for an edit. The wording never finds it again."""
    with open_store(store, create=False) as memory:
        edit = memory.reject(edit_id, question, namespace=namespace)
    _print_edit(edit, as_json=as_json)


def undo(store: o.ExistingStore = o.STORE, namespace: o.Namespace = o.NAMESPACE, as_json: o.Json = False) -> None:
    """Take back the last operation that was not taken back yet."""
    with open_store(store, create=False) as memory:
        revisions = memory.undo(namespace=namespace)
    emit(
        as_json=as_json,
        document={"undone": [revision_document(r) for r in revisions]},
        lines=[revision_line(r) for r in revisions],
    )


def list_edits(
    every: Annotated[bool, typer.Option("--all", help="Superseded and retracted edits too.")] = False,
    store: o.ExistingStore = o.STORE,
    namespace: o.Namespace = o.NAMESPACE,
    as_json: o.Json = False,
) -> None:
    """List edits, oldest first."""
    with open_store(store, create=False) as memory:
        edits = memory.all(status=None if every else Status.ACTIVE, namespace=namespace)
    emit(
        as_json=as_json,
        document={"edits": [edit_document(e) for e in edits]},
        lines=[edit_line(e) for e in edits] or ["no edits"],
    )


def show(
    edit_id: EditId, store: o.ExistingStore = o.STORE, namespace: o.Namespace = o.NAMESPACE, as_json: o.Json = False
) -> None:
    """Show every field of one edit."""
    with open_store(store, create=False) as memory:
        edit = memory.get(edit_id, namespace=namespace)
    emit(as_json=as_json, document=edit_document(edit), lines=edit_lines(edit))


def history(
    edit_id: Annotated[str | None, typer.Argument(help="One edit; all of them when left out.")] = None,
    store: o.ExistingStore = o.STORE,
    namespace: o.Namespace = o.NAMESPACE,
    as_json: o.Json = False,
) -> None:
    """List what was done, oldest first."""
    with open_store(store, create=False) as memory:
        revisions = memory.history(edit_id, namespace=namespace)
    emit(
        as_json=as_json,
        document={"history": [revision_document(r) for r in revisions]},
        lines=[revision_line(r) for r in revisions] or ["no history"],
    )


def search(
    text: Annotated[str, typer.Argument(help="A question or any text.")],
    count: Annotated[int, typer.Option("--count", "-k", min=1, max=1000, help="How many edits to list.")] = 10,
    store: o.ExistingStore = o.STORE,
    namespace: o.Namespace = o.NAMESPACE,
    as_json: o.Json = False,
) -> None:
    """List the edits nearest in meaning to a text, in scope or not."""
    with open_store(store, create=False) as memory:
        matches = memory.search(text, count, namespace=namespace)
    emit(
        as_json=as_json,
        document={"matches": [match_document(m) for m in matches]},
        lines=[match_line(m) for m in matches] or ["no edits"],
    )


def backup(
    folder: Annotated[Path, typer.Argument(help="A new folder for the copy.")],
    store: o.ExistingStore = o.STORE,
    as_json: o.Json = False,
) -> None:
    """Copy the store, passages included, while it stays in use."""
    with open_store(store, create=False) as memory:
        memory.backup(folder)
    emit(as_json=as_json, document={"backup": str(folder)}, lines=[f"copied to {folder}"])


def purge(
    edit_id: Annotated[str | None, typer.Argument(help="One edit; all that are not active when left out.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask: a purge cannot be undone.")] = False,
    store: o.ExistingStore = o.STORE,
    namespace: o.Namespace = o.NAMESPACE,
    as_json: o.Json = False,
) -> None:
    """Remove edits for good, from history and from the files. This cannot be undone."""
    if not yes:
        _confirm(f"Remove {edit_id or 'every edit that is not active'} for good?")
    with open_store(store, create=False) as memory:
        purged = memory.purge(edit_id, namespace=namespace)
    emit(as_json=as_json, document={"purged": purged}, lines=[f"{len(purged)} edits removed for good"])


def _confirm(question: str) -> None:
    """Go on only if somebody at a terminal says yes."""
    answer = ""
    if sys.stdin and sys.stdin.isatty():
        print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
        answer = sys.stdin.readline()
    if answer.strip().casefold() not in {"y", "yes"}:
        raise InvalidInputError("not confirmed, so nothing was removed; answer y at the terminal, or give --yes")


def _given_texts(prompt: str | None, target: str | None, file: Path | None) -> tuple[str | None, str | None]:
    """Prompt and target, from where the arguments say."""
    if prompt == target == _INPUT:
        raise InvalidInputError("prompt and target cannot both be standard input; give one, or --target-file")
    if file is not None:
        if target is not None:
            raise InvalidInputError("a target and --target-file are given; leave one out")
        target = text_of(file)
    return _from_input(prompt), _from_input(target)


def _from_input(text: str | None) -> str | None:
    if text != _INPUT:
        return text
    if sys.stdin is None:
        raise InvalidInputError("standard input is closed; give the text as an argument, or --target-file")
    return decoded(sys.stdin.buffer.read(), "standard input")


def _print_edit(edit: Edit, *, as_json: bool) -> None:
    emit(as_json=as_json, document=edit_document(edit), lines=[edit_line(edit)])
