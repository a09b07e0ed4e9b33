"""What text may be stored, what the same text is, and how text is shown in a terminal."""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from itertools import islice

import regex

from kedit_memory.errors import InvalidInputError

LONGEST_TEXT = 32_000  # characters of a question, an answer, a statement
LONGEST_LINE = 4_000  # of a subject, a relation, an alias, a source
LONGEST_NAME = 200  # of a namespace
LONGEST_KEY = 32  # tokens of a name by which it is looked up

_BLANK_START = re.compile(r"\A(?:[^\S\n]*\n)+")  # blank lines before the first one that holds something
# What moves the cursor or the direction of what follows: C0, C1, and the bidirectional embeddings, overrides, isolates.
_UNREADABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")  # what no text may hold: see `_checked`
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


def legible(text: str, limit: int) -> str:
    """What `clean` takes of any text at all: without the characters that it refuses, and of a very long one the end."""
    plain = unicodedata.normalize("NFC", text.replace("\r\n", "\n"))
    return _UNREADABLE.sub(lambda found: " " if found[0].isspace() else "", plain)[-limit:]


def verbatim(value: object, name: str) -> str:
    """Text to be given back as it is, such as an answer: only outer whitespace goes, and CRLF becomes LF.

    The indentation of the first of several lines stays. Errors as in `clean`.
    """
    text = _text(value, name).rstrip()
    return _checked(_BLANK_START.sub("", text) if "\n" in text.lstrip() else text.lstrip(), name, LONGEST_TEXT)


@lru_cache(maxsize=2048)  # an edit's texts are folded again for each that it is compared with
def fold(text: str) -> str:
    """Text as it is compared: slots, prompts, names and aliases are the same where this is equal.

    Case, blanks, invisible characters and typographic variants of apostrophes, quotes and hyphens do not matter, nor do
    marks that a script can do without: accents of Latin and Greek, vowel points of Hebrew and Arabic, stress in
    Cyrillic. Marks that make another letter stay, such as Japanese voicing, the Cyrillic short i, all of Indic ones.
    """
    if text.isascii():
        return " ".join(text.translate(_ASCII).split())
    return " ".join("".join(map(_folded_piece, _pieces(text))).split())


def fold_with_offsets(text: str) -> tuple[str, list[int]]:
    """The folded text and, for each of its characters and for its end, the place in `text` that it comes from."""
    if text.isascii():
        plain = fold(text)
        if len(plain) == len(text):  # nothing was left out: most of what is long is read this way
            return plain, list(range(len(text) + 1))
    folded: list[str] = []
    offsets: list[int] = []
    place = 0
    for piece in _pieces(text):
        for part in _folded_piece(piece):
            if part != " " or (folded and folded[-1] != " "):  # one blank for several, none at the start
                folded.append(part)
                offsets.append(place)
        place += len(piece)
    offsets.append(len(text))
    if folded and folded[-1] == " ":
        folded.pop()
        offsets.pop()
    return "".join(folded), offsets


def tokens(folded: str) -> list[tuple[int, int]]:
    """Where the tokens of a folded text are: words, marks, and the characters of scripts that leave no blanks."""
    return [found.span() for found in _TOKEN.finditer(folded)]


def words(folded: str) -> list[tuple[int, int]]:
    """Where the words of a folded text are; apostrophes, points and hyphens within one belong to it."""
    return [found.span() for found in _WORD.finditer(folded)]


def part_places(folded: str) -> list[tuple[int, int]]:
    """Where the words of a folded text are, those apart that a sign joins."""
    return [found.span() for found in _PART.finditer(folded)]


def parts(folded: str) -> list[str]:
    """The words of a folded text, those apart that a sign joins."""
    found: list[str] = _PART.findall(folded)
    return found


def name_key(name: str) -> str:
    """What a name is looked up by: its folded tokens; a name of very many tokens goes by its first ones."""
    return " ".join(found[0] for found in islice(_TOKEN.finditer(fold(name[:LONGEST_LINE])), LONGEST_KEY))


def words_key(name: str) -> str:
    """The words of a name alone, as many as it is looked up by."""
    return " ".join(parts(fold(name[:LONGEST_LINE]))[:LONGEST_KEY])


def _pieces(text: str) -> Sequence[str]:
    """The characters of a text, with those that compose to one kept together."""
    if text.isascii() or (unicodedata.is_normalized("NFC", text) and not _JOINS.search(text)):
        return text
    pieces: list[str] = _PIECE.findall(text)
    return pieces


class _Folded(dict[str, str]):
    """Single characters as they are folded, worked out at the first use: passages are long, and folded often."""

    def __missing__(self, character: str) -> str:
        self[character] = folded = _fold_piece(character)
        return folded


def _folded_piece(piece: str) -> str:
    return _FOLDED[piece] if len(piece) == 1 else _fold_piece(piece)


def _fold_piece(piece: str) -> str:
    """One character with its marks, folded. Case is folded between two decompositions, since it takes some apart."""
    lower = _bare(unicodedata.normalize("NFKD", piece.translate(_PLAIN))).casefold()
    plain = _bare(unicodedata.normalize("NFKD", lower)).translate(_PLAIN)
    return unicodedata.normalize("NFC", "".join(" " if part.isspace() else part for part in plain))


def _bare(decomposed: str) -> str:
    """Decomposed characters without the marks that do not matter."""
    kept = ""
    for part in decomposed:
        if not _MARK.match(part) or (kept and _matters(kept, part)):
            kept += part
    return kept


def _matters(before: str, mark: str) -> bool:
    """Whether a mark makes another letter of what stands before it."""
    letter = next((part for part in reversed(before) if not _MARK.match(part)), "")
    if not _MARKED.match(letter) or _POINT.match(mark):
        return False
    return not _STRESS.match(mark) or len(unicodedata.normalize("NFC", letter + mark)) == 1


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


# What is typed in several ways: apostrophes, quotes, hyphens; letters that Unicode does not take apart; and what is not
# seen: soft hyphens, zero-width blanks, marks of direction.
_VARIANTS = {
    "'": "\u2018\u2019\u201a\u201b\u2032\u02b9\u02bb\u02bc\u02be\u02bf\u00b4\u2039\u203a",
    '"': "\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb",
    "-": "\u2010\u2011\u2012\u2013\u2212\u05be",
    "": "\u00ad\u200b\u200e\u200f\u061c\u2060\ufeff",
    "o": "ø", "l": "ł", "d": "đð", "th": "þ", "ae": "æ", "oe": "œ", "i": "\u0131",
}  # fmt: skip
_PLAIN = {ord(variant): plain for plain, variants in _VARIANTS.items() for variant in variants}
_FOLDED = _Folded()

_MARK = regex.compile(r"\p{M}")
_MARKED = regex.compile(r"[\p{L}\p{N}--\p{Latin}\p{Greek}]", regex.V1)  # letters that marks may change
_POINT = regex.compile("[\u0591-\u05c7\u064b-\u0652\u0670]")  # vowel points of Hebrew and Arabic
_STRESS = regex.compile("[\u0300\u0301]")
_JOINS = regex.compile("[\\p{M}\uff9e\uff9f\u1161-\u11ff]")
_PIECE = regex.compile(
    "[\u1100-\u1112][\u1161-\u1175][\u11a8-\u11c2]?|[\uac00-\ud7a3][\u11a8-\u11c2]|(?s:.)[\\p{M}\uff9e\uff9f]*"
)

_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\u3005\u30fc\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_TOKEN = regex.compile(rf"[{_UNSPACED}]\p{{M}}*+|[\p{{L}}\p{{N}}\p{{M}}--{_UNSPACED}]++|\S", regex.V1)
_PART = regex.compile(r"[\p{L}\p{N}\p{M}]+")
_WORD = regex.compile(rf"{_PART.pattern}(?:['.-]{_PART.pattern})*")
_ASCII = {code: _fold_piece(chr(code)) for code in range(128)}
