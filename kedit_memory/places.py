"""Where a store is: the path of a folder, or the address of a database, whose password no message shows."""

import re

_ADDRESS = re.compile(r"postgres(ql)?://", re.IGNORECASE)
_PASSWORD = re.compile(r"(?<=://)([^/?#@:]*):.*(?=@)|(?<=[?&])((?:ssl)?password)=[^&]*", re.IGNORECASE)


def is_address(place: str) -> bool:
    """Whether a text is the address of a database rather than a path."""
    return _ADDRESS.match(place) is not None


def without_password(place: object) -> str:
    """The address of a store, or any text that holds one, as it may be shown."""
    return _PASSWORD.sub(lambda found: found[1] if found[2] is None else f"{found[2]}=***", str(place))
