"""How the console words things: moments, times, and what was just done."""

from collections.abc import Mapping
from urllib.parse import quote, unquote

_DONE = {
    "add": "Stored as {edit_id}.",
    "known": "{edit_id} says this already; nothing was stored.",
    "update": "{edit_id} was changed.",
    "retract": "{edit_id} answers nothing from now on. Undo brings it back.",
    "erase": "From now on this question is refused.",
    "purge": "From now on this question is refused, and what was stored about it is removed for good.",
    "undo": "The newest change was taken back.",
    "confirm": "{edit_id} answers this question from now on.",
    "reject": "{edit_id} leaves this question alone from now on.",
    "empty": "The log is empty.",
    "import": "{number} edits stored; {known} were there already.",
    "out": "Signed out.",
}
_TOLD = 40  # characters of an id or a number in such a sentence


def done(address: Mapping[str, str]) -> str | None:
    """The sentence that an address asks for, of a few; None for any other."""
    sentence = _DONE.get(address.get("done", ""))
    return sentence and sentence.format_map(
        {name: address.get(name, "")[:_TOLD] for name in ("edit_id", "number", "known")}
    )


def query(**given: object) -> str:
    """The end of an address, without what is empty."""
    pairs = [f"{name}={quote(str(value), safe='')}" for name, value in given.items() if value not in (None, "")]
    return f"?{'&'.join(pairs)}" if pairs else ""


def quoted(text: str) -> str:
    """A text as a cookie may hold it."""
    return quote(text, safe="")


def unquoted(text: str | None) -> str | None:
    """What a cookie holds; None where there is none."""
    return unquote(text) if text else None


def when(moment: str) -> str:
    """A moment in ISO 8601, in UTC, as people read it."""
    return moment[:16].replace("T", " ")


def milliseconds(seconds: float) -> str:
    """A short time."""
    return f"{1000 * seconds:,.1f} ms"
