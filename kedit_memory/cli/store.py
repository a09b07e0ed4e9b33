"""Opening the store that a command works on."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from kedit_memory.cli.output import counted, revision_line
from kedit_memory.cli.progress import say
from kedit_memory.cli.settings import CHOSEN
from kedit_memory.errors import InvalidInputError, NotFoundError
from kedit_memory.memory import EditMemory
from kedit_memory.memory.folder import DATABASE
from kedit_memory.memory.shards import Spread, here
from kedit_memory.places import is_address, without_password

_HOME = Path("index")  # where stores are by custom


@contextmanager
def open_store(
    store: str | Path,
    encoder: str | None = None,
    *,
    create: bool = True,
    device: str | None = None,
    spread: Spread = here,
) -> Iterator[EditMemory]:
    """The store in a folder, or at an address, whose encoder runs on a device; what is interrupted says what was done.

    Raises:
        NotFoundError: there is no store and none shall be made; the message names those near by.
    """
    began = datetime.now(UTC).isoformat(timespec="microseconds")
    memory, made = _opened(store, create=create, encoder=encoder, device=device, spread=spread)
    with memory:
        if made:
            say(f"made a new store in {without_password(store)}")
        try:
            yield memory
        except KeyboardInterrupt as error:
            error.add_note(_done_since(memory, began))
            raise


def folder_of(store: str) -> Path:
    """The folder of a store that keeps passages.

    Raises:
        InvalidInputError: it is in no folder.
    """
    if is_address(store):
        raise InvalidInputError(f"{without_password(store)} takes no passages; name a store in a folder by --store")
    return Path(store)


def _opened(store: str | Path, *, create: bool, **how: Any) -> tuple[EditMemory, bool]:
    """The memory, and whether it was made now."""
    how["engine"] = CHOSEN.engine
    if is_address(str(store)):
        try:
            return EditMemory.open(str(store), create=False, **how), False
        except NotFoundError:
            if not create:
                raise
        return EditMemory.open(str(store), **how), True
    folder = Path(store)
    absent = not (folder / DATABASE).is_file()
    if absent and not create:
        raise NotFoundError(
            f"no store at {folder}{_others(folder)} Name an existing one by --store, or add an edit first"
        )
    return EditMemory.open(folder, create=create, **how), absent


def _others(store: Path) -> str:
    """The store in a folder, beside it or in the usual place whose path is most like it, in words."""
    around = (store, store.parent, _HOME)
    places = list(dict.fromkeys(str(one) for folder in around for one in _stores_in(folder)))
    if not places:
        return "."
    near = get_close_matches(str(store), places, n=1) or places[:1]
    more = f" ({len(places)} are near by)" if len(places) > 1 else ""
    return f"; did you mean {near[0]}?{more}"


def _stores_in(folder: Path) -> list[Path]:
    try:
        return sorted(place.parent for place in folder.glob(f"*/{DATABASE}"))
    except OSError:  # unreadable: nothing to offer
        return []


def _done_since(memory: EditMemory, moment: str) -> str:
    """What the store took since a moment, in words."""
    done = [one for one in memory.history() if one.at >= moment and not one.undone]
    if not done:
        return f"nothing was changed in {memory.name}"
    first = f"{counted(len(done), 'change')} in {memory.name}, which `kedit undo` takes back"
    return f"{first}: {revision_line(done[0]).strip()}{' …' if len(done) > 1 else ''}"
