"""What text may be stored, in which normal form, and how it is shown in a terminal."""

import re
import unicodedata

from kedit_memory.errors import InvalidInputError

LONGEST_TEXT = 32_000  # characters of a question, an answer, a statement
LONGEST_LINE = 4_000  # of a subject, a relation, an alias, a source
LONGEST_NAME = 200  # of a namespace

_BLANK_START = re.compile(r"\A(?:[^\S\n]*\n)+")  # blank lines before the first one that holds something
# What moves the cursor or the direction of what follows: C0, C1, and the bidirectional embeddings, overrides, isolates.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def clean(value: object, name: str, limit: int = LONGEST_TEXT) -> str:
    """Text to be compared, such as a question: NFC, outer whitespace removed, lines ended by LF.

    Raises:
        InvalidInputError: no text, empty, too long, with control characters or lone surrogates.
    """
    return _checked(unicodedata.normalize("NFC", _text(value, name)).strip(), name, limit)


def clean_line(value: object, name: str, limit: int = LONGEST_LINE) -> str:
    """Text of one line, such as a name, in normal form; errors as in `clean`."""
    return _checked(unicodedata.normalize("NFC", _text(value, name)).strip(), name, limit, lines=False)


def verbatim(value: object, name: str) -> str:
    """Text to be given back as it is, such as an answer: only outer whitespace goes, and CRLF becomes LF.

    The indentation of the first of several lines stays. Errors as in `clean`.
    """
    text = _text(value, name).rstrip()
    return _checked(_BLANK_START.sub("", text) if "\n" in text.lstrip() else text.lstrip(), name, LONGEST_TEXT)


def shortened(text: str, width: int) -> str:
    """The first line of a text, at most `width` characters; an ellipsis stands for what is left out."""
    first = text.strip().partition("\n")[0].rstrip()
    return first if first == text.strip() and len(first) <= width else f"{first[: width - 1].rstrip()}…"


def visible(text: str) -> str:
    """Text that is safe to print: characters that would steer a terminal are written as escapes."""
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise InvalidInputError(f"{name} is {type(value).__name__}, not text; give a string")
    return value.replace("\r\n", "\n")


def _checked(text: str, name: str, limit: int, *, lines: bool = True) -> str:
    if not text:
        raise InvalidInputError(f"{name} is empty; give 1 to {limit} characters of text")
    if len(text) > limit:
        raise InvalidInputError(f"{name} has {len(text)} characters, {limit} are allowed; shorten it")
    for character in "" if text.isprintable() else text:  # mostly nothing to look for
        category = unicodedata.category(character)
        if category == "Cs":
            raise InvalidInputError(f"{name} holds text that is not valid UTF-8; re-encode it")
        if category == "Cc" and not (lines and character in "\n\t"):
            allowed = "printable text, line breaks and tabs are" if lines else "printable text in one line is"
            raise InvalidInputError(
                f"{name} holds the control character U+{ord(character):04X}; only {allowed} allowed, remove it"
            )
    return text
