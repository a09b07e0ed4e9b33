"""Opening the store that a command works on."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path

from kedit_memory.cli.output import counted, revision_line
from kedit_memory.cli.progress import say
from kedit_memory.errors import NotFoundError
from kedit_memory.memory import EditMemory
from kedit_memory.memory.folder import DATABASE

_HOME = Path("index")  # where stores are by custom


@contextmanager
def open_store(store: Path, encoder: str | None = None, *, create: bool = True) -> Iterator[EditMemory]:
    """The store in a folder; what is interrupted says what was done.

    Raises:
        NotFoundError: there is no store and none shall be made; the message names those near by.
    """
    absent = not (store / DATABASE).is_file()
    if absent and not create:
        raise NotFoundError(
            f"no store at {store}{_others(store)} Name an existing one by --store, or add an edit first"
        )
    began = datetime.now(UTC).isoformat(timespec="microseconds")
    with EditMemory.open(store, encoder=encoder, create=create) as memory:
        if absent:
            say(f"made a new store in {store}")
        try:
            yield memory
        except KeyboardInterrupt as error:
            error.add_note(_done_since(memory, began))
            raise


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
        return f"nothing was changed in {memory.path}"
    first = f"{counted(len(done), 'change')} in {memory.path}, which `kedit undo` takes back"
    return f"{first}: {revision_line(done[0]).strip()}{' …' if len(done) > 1 else ''}"
