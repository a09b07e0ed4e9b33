"""Fetch public sets as they are published, each file checked by its checksum.

    python scripts/fetch_data.py --list
    python scripts/fetch_data.py zsre counterfact --to ../shared/data

The addresses, licences and checksums are those of data/sources.toml. A file that is there already and is as published
is not fetched again; one that differs is kept unless --replace is given. Nothing else in this project uses the network
for data.
"""

import argparse
import contextlib
import http.client
import os
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

from kedit_memory.errors import InvalidInputError, KeditError, UnknownNameError
from kedit_memory.evaluation.datasets.sources import (
    PublicSet,
    PublishedFile,
    State,
    checksum_of,
    read_sources,
    sources,
)

_CHUNK = 1 << 16
_SECONDS = 60  # without a byte, after which a server is given up


def main(arguments: Sequence[str] | None = None) -> int:
    """Fetch the sets that are named; 0 if all of their files are there, 1 if one could not be fetched."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="sets to fetch")
    parser.add_argument("--list", action="store_true", help="say which sets there are, and fetch nothing")
    parser.add_argument("--to", type=Path, help="the folder of public sets (default: KEDIT_DATA)")
    parser.add_argument("--replace", action="store_true", help="fetch files anew that differ from the published ones")
    parser.add_argument("--sources", type=Path, help="a file in the form of data/sources.toml, in its place")
    given = parser.parse_args(arguments)
    try:
        known = read_sources(given.sources) if given.sources else sources()
        if given.list or not given.names:
            for one in known.values():
                print(f"{one.name:18} {one.title}; {one.licence}; {len(one.files)} files")
            return 0
        chosen = [_named(name, known) for name in given.names]
        folder = _folder(given.to)
        failed = sum(not fetch_set(one, folder, replace=given.replace) for one in chosen)
    except KeditError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 1 if failed else 0


def fetch_set(one: PublicSet, data: Path, *, replace: bool = False) -> bool:
    """Whether all files of a set are there after what is missing was fetched; each file's fate is printed."""
    print(f"{one.name}: {one.title} ({one.paper}); licence: {one.licence}")
    fates = [_fetched(file, data / one.folder, replace=replace) for file in one.files]
    for file, fate in zip(one.files, fates, strict=True):
        print(f"  {file.path}: {fate or 'as published'}")
    return all(not fate or fate.startswith("fetched") for fate in fates)


def _fetched(file: PublishedFile, folder: Path, *, replace: bool) -> str:
    """What became of a file; empty where it was there."""
    state = file.state(folder)
    if state is State.PUBLISHED or (state is State.UNKNOWN and not replace):
        return "" if state is State.PUBLISHED else "fetched before, not checked: no checksum is known"
    if state is State.OTHER and not replace:
        return "differs from the published file and is kept; --replace fetches it anew"
    target = folder / file.path
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f"{target.name}.part")
    try:
        _download(file.address, aside)
        found = checksum_of(aside, file.checksum or "sha256:")
        if file.checksum and found != file.checksum:
            return f"refused: {file.address} gave {found}, and {file.checksum} is expected"
        aside.replace(target)
    except (http.client.HTTPException, OSError) as error:
        return f"not fetched: {file.address}: {error}"
    finally:
        with contextlib.suppress(FileNotFoundError):
            aside.unlink()
    return "fetched" if file.checksum else f"fetched, not checked: no checksum is known; it is {found}"


def _download(address: str, aside: Path) -> None:
    with urllib.request.urlopen(address, timeout=_SECONDS) as answer, aside.open("wb") as into:  # noqa: S310 - checked
        while part := answer.read(_CHUNK):
            into.write(part)
        length = answer.headers.get("Content-Length")
        if length and int(length) != into.tell():
            raise OSError(f"{into.tell()} of {length} bytes came")


def _named(name: str, known: Mapping[str, PublicSet]) -> PublicSet:
    if name not in known:
        raise UnknownNameError("public set", name, known)
    return known[name]


def _folder(to: Path | None) -> Path:
    named = to or (Path(os.environ["KEDIT_DATA"]) if os.environ.get("KEDIT_DATA") else None)
    if named is None:
        raise InvalidInputError("no folder for the sets; give --to FOLDER or set KEDIT_DATA")
    return named


if __name__ == "__main__":
    sys.exit(main())
