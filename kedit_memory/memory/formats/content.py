"""What a file holds as text: UTF-8, or UTF-16 that says so; one in another encoding is told by the byte."""

import codecs
import io
from collections.abc import Iterator
from pathlib import Path

from kedit_memory.errors import InvalidInputError, NotFoundError

_UTF_16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


def lines_of(path: Path) -> Iterator[tuple[int, str | InvalidInputError]]:
    """The lines of a file with their numbers, line breaks kept; what cannot be decoded is an error in its place.

    Raises:
        NotFoundError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            yield from _utf_16_lines(path) if file.peek(2)[:2] in _UTF_16 else _utf_8_lines(file)
    except OSError as error:
        raise _unread(path, error) from error


def text_of(path: Path) -> str:
    """The whole text of a file.

    Raises:
        NotFoundError: it cannot be read.
        InvalidInputError: it is in another encoding.
    """
    return decoded(bytes_of(path), str(path))


def bytes_of(path: Path) -> bytes:
    """What a file holds.

    Raises:
        NotFoundError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unread(path, error) from error


def decoded(content: bytes, name: str) -> str:
    """Text in UTF-8, or in UTF-16 that begins with its mark; a mark is taken away.

    Raises:
        InvalidInputError: it is in another encoding; the message names the first byte that shows it.
    """
    encoding = _UTF_16.get(content[:2], "utf-8")
    try:
        return content.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise InvalidInputError(
            f"{name} is not {encoding.upper()} (byte {error.start}); save it as UTF-8 and try again"
        ) from error


def _utf_8_lines(file: io.BufferedReader) -> Iterator[tuple[int, str | InvalidInputError]]:
    place = 0  # bytes before the line
    for number, line in enumerate(file, start=1):
        try:
            yield number, line.decode("utf-8").removeprefix("\ufeff" if number == 1 else "")
        except UnicodeDecodeError as error:
            where = f"line {number}: not UTF-8 (byte {place + error.start} of the file)"
            yield number, InvalidInputError(f"{where}; save the file as UTF-8")
        place += len(line)


def _utf_16_lines(path: Path) -> Iterator[tuple[int, str]]:
    yield from enumerate(io.StringIO(text_of(path), newline="\n"), start=1)


def _unread(path: Path, error: OSError) -> NotFoundError:
    return NotFoundError(f"{path} cannot be read ({error.strerror}); name a file that can")
