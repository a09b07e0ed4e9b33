"""Where the public sets lie, as the commands that measure on them find out."""

import os
from pathlib import Path

from kedit_memory.errors import NotFoundError

_BESIDE = Path(__file__).resolve().parents[3] / "shared" / "data"  # beside a checkout


def public_sets(path: Path | None, *, needed: bool) -> Path | None:
    """The folder of the public sets: as given, as KEDIT_DATA says, or beside the checkout.

    Raises:
        NotFoundError: the folder that was named is absent, or there is none and it is needed.
    """
    named = path or (Path(os.environ["KEDIT_DATA"]) if os.environ.get("KEDIT_DATA") else None)
    if named is not None and not named.is_dir():
        raise NotFoundError(f"no folder {named}; name the folder of the public sets with --path or KEDIT_DATA")
    folder = named or (_BESIDE if _BESIDE.is_dir() else None)
    if folder is None and needed:
        raise NotFoundError(
            f"no public sets: none at {_BESIDE}, and neither --path nor KEDIT_DATA is given; name their folder, or "
            "measure with --dataset world"
        )
    return folder
