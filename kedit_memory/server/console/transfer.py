"""Edits of a file taken in, all or none, and given out again."""

import os
import tempfile
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from starlette.background import BackgroundTask
from starlette.responses import FileResponse, Response

from kedit_memory.memory import EditMemory
from kedit_memory.records import OnConflict, Outcome
from kedit_memory.server.console.visit import FAULTS, Visit, uploaded
from kedit_memory.server.console.words import query
from kedit_memory.server.errors import Refused

_NAMED = 100  # lines that are named where they cannot be stored


def offered(visit: Visit) -> Response:
    """The form for a file, and the file of all edits."""
    return _page(visit)


def exported(visit: Visit) -> Response:
    """All edits of the namespace as JSON lines."""
    handle, name = tempfile.mkstemp(suffix=".jsonl")
    os.close(handle)
    file = Path(name)
    try:
        visit.parts.memory.export(file, namespace=visit.namespace)
    except BaseException:
        file.unlink()
        raise
    return FileResponse(
        file, media_type="application/jsonl", filename="edits.jsonl", background=BackgroundTask(file.unlink)
    )


def imported(visit: Visit) -> Response:
    """The edits once all lines are stored; else which lines cannot be, and nothing is."""
    try:
        upload = uploaded(visit, "file")
        if upload is None:
            raise Refused(400, "no file was chosen; choose one of JSON lines", code="no_file")
        rule = visit.said("on_conflict") or OnConflict.SUPERSEDE.value
        with TemporaryDirectory(prefix="kedit-") as folder:
            file = Path(folder) / "edits.jsonl"
            file.write_bytes(upload.file.read())
            wrong = _wrong(file, Path(folder) / "store")
            if wrong:
                said = f"{len(wrong)} of the lines cannot be stored, so nothing was"
                return _page(visit, Refused(400, said, code="invalid_input"), wrong=wrong)
            done = visit.parts.memory.import_file(
                file, form="jsonl", on_conflict=rule, strict=True, namespace=visit.namespace
            )
    except FAULTS as fault:
        return _page(visit, fault)
    visit.parts.audit.write(visit.caller, "import", *(one.id for one in done.stored))
    return visit.to(f"transfer{query(done='import', number=len(done.stored), known=len(done.known))}")


def _wrong(file: Path, store: Path) -> list[Outcome]:
    """The lines that no store takes: they are tried in an empty one, so that all are named and not the first alone."""
    with EditMemory.open(store, encoder="hashing") as memory:
        tried = memory.import_file(file, form="jsonl", on_conflict=OnConflict.KEEP_BOTH)
    return [replace(one, where=one.where.removeprefix(f"{file}")) for one in tried.refused]


def _page(visit: Visit, fault: Exception | None = None, wrong: list[Outcome] | None = None) -> Response:
    lines = wrong or []
    return visit.page(
        "transfer.html", fault=fault, wrong=lines[:_NAMED], more=max(0, len(lines) - _NAMED), conflicts=list(OnConflict)
    )
