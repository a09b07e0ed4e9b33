"""Edits from files and into files."""

import io
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from kedit_memory.cli import options as o
from kedit_memory.cli.output import counted, emit
from kedit_memory.cli.progress import complain
from kedit_memory.cli.stdin import INPUT
from kedit_memory.cli.store import open_store
from kedit_memory.errors import InvalidInputError, StoreError
from kedit_memory.memory import EditMemory
from kedit_memory.memory.formats import FORMATS
from kedit_memory.memory.shards import spread_over
from kedit_memory.records import Imported, OnConflict

_NAMED = 10  # refused rows that are named one by one


def import_edits(
    file: Annotated[
        Path,
        typer.Argument(
            help="JSONL (an export, or conversations), JSON, CSV; a FAQ as HTML or Markdown; - for standard input."
        ),
    ],
    form: Annotated[
        str | None,
        typer.Option("--format", metavar="<str>", help=f"{', '.join(FORMATS)}; without it, told by name or content."),
    ] = None,
    on_conflict: o.Conflict = OnConflict.SUPERSEDE,
    strict: Annotated[bool, typer.Option("--strict", help="Import nothing where a row cannot be stored.")] = False,
    store: o.Store = o.STORE,
    namespace: o.IntoNamespace = None,
    encoder: o.Encoder = None,
    device: o.EncoderDevice = None,
    ray: o.Ray = None,
    as_json: o.Json = False,
) -> None:
    """Import edits from a file. Rows that cannot be stored are named, and the others are stored.

    Doing it twice changes nothing. Exit status 2 says that a row was refused.
    """
    with (
        _readable(file) as source,
        spread_over(ray, device) as spread,
        open_store(store, encoder, device=o.one_device(device), spread=spread) as memory,
    ):
        taken = memory.import_file(source, form=form, on_conflict=on_conflict, strict=strict, namespace=namespace)
    emit(
        as_json=as_json,
        document={
            "imported": [edit.id for edit in taken.stored],
            "known": [edit.id for edit in taken.known],
            "refused": [{"where": one.where, "reason": one.refusal} for one in taken.refused],
        },
        lines=[f"imported: {len(taken.stored)} new, {len(taken.known)} there already, {len(taken.refused)} refused"],
    )
    _tell_refused(taken)


@contextmanager
def _readable(file: Path) -> Iterator[Path]:
    """The file, or for `-` one that holds what standard input does, until it is read."""
    if str(file) != INPUT:
        yield file
        return
    if sys.stdin is None:
        raise InvalidInputError("standard input is closed; name a file")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "standard-input"
        copy.write_bytes(sys.stdin.buffer.read())
        yield copy


def _tell_refused(taken: Imported) -> None:
    """Name what was refused, which is bad input though the rest is stored."""
    if not taken.refused:
        return
    for one in taken.refused[:_NAMED]:
        complain(f"{one.where}: {one.refusal}")
    more = len(taken.refused) - _NAMED
    rest = f"; {more} more are in the output of --json" if more > 0 else ""
    refused = f"{len(taken.refused)} of {counted(len(taken.outcomes), 'row')}"
    were = "was" if len(taken.refused) == 1 else "were"
    raise InvalidInputError(f"{refused} {were} refused (see above){rest}")


def export(
    file: Annotated[
        Path, typer.Argument(parser=o.path_of, metavar="[FILE]", help="A new file; standard output for -.")
    ] = Path(INPUT),
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    store: o.ExistingStore = o.STORE,
    namespace: o.EveryNamespace = None,
    as_json: o.Json = False,
) -> None:
    """Export edits as JSONL.

    Those of every status and namespace are, unless --namespace names one; the same edits give the same bytes.
    """
    to_file = str(file) != INPUT
    if to_file:
        _check_free(file, force=force)
    with open_store(store, create=False) as memory:
        if to_file:
            count = _write(memory, file, namespace)
            of = f" of namespace {namespace}" if namespace else ""
            emit(as_json=as_json, document={"edits": count, "file": str(file)},
                 lines=[f"{counted(count, 'edit')}{of} in {file}"])  # fmt: skip
        elif as_json:
            lines = io.StringIO()
            memory.export(lines, namespace=namespace)
            emit(
                as_json=True, document={"edits": [json.loads(line) for line in lines.getvalue().splitlines()]}, lines=()
            )
        else:
            memory.export(sys.stdout, namespace=namespace)


def _check_free(file: Path, *, force: bool) -> None:
    """Refuses what must not be replaced, before a store is opened."""
    if file.is_dir():
        raise InvalidInputError(f"{file} is a folder; name a file in it, such as {file / 'edits.jsonl'}")
    if file.is_file() and not force:
        raise InvalidInputError(f"{file} is there already; name another file, or give --force to replace it")


def _write(memory: EditMemory, file: Path, namespace: str | None) -> int:
    """Write an export: a file is replaced once the new one is whole, a device is written to."""
    if file.is_file() or not file.exists():
        return memory.export(file, namespace=namespace)
    try:
        with file.open("w", encoding="utf-8", newline="\n") as stream:
            return memory.export(stream, namespace=namespace)
    except OSError as error:
        raise StoreError(f"{file} cannot be written ({error.strerror}); name another file") from error
