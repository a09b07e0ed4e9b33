"""Phrases of a question that stand for something by a fact about a name: "the capital of Norway", "Ann Berg's wife"."""

import re
from collections.abc import Iterator

from kedit_memory.words import words

_LONGEST = 6  # words behind a name that a phrase may go on with
_POSSESSED = 3  # and behind its possessive
_STARTS = 2  # articles before a name with which a phrase may begin
_QUOTES = "\"'“”‘’«»„"
_ARTICLE = re.compile(r"\b(?:the|an?) ", re.IGNORECASE)
_POSSESSIVE = re.compile(r"(?:['’]s|(?<=s)['’]) ")
_WORD = re.compile(r" ?[\w$€£%&+.'’-]*\w")
_CLAUSE = re.compile(r"\b(?:that|which|who|whom|whose|where|when)\b", re.IGNORECASE)
_OPEN_CLAUSE = re.compile(rf"{_CLAUSE.pattern}(?: the)? $", re.IGNORECASE)  # what a name begins, it does not end
_BEFORE_NAMES = re.compile(
    r"\b(?:of|in|at|on|by|for|from|to|with|behind|under|over|near|around|about|after|before|named|called|is|was)"
    r"(?: the)? $",
    re.IGNORECASE,
)
_NAME_GOES_ON = re.compile(r" [A-Z]")  # "the band of Liverpool FC Juniors" is not about the club
_PREPOSITION = re.compile(r" (?:of|in|at|on|by|for|from|to|with)\b", re.IGNORECASE)
_SAYING = frozenset(words("name called currently current exactly please know full"))  # how something is said

Span = tuple[int, int]  # characters [start, end)


def phrases(text: str, start: int, end: int) -> Iterator[list[Span]]:
    """Where a phrase around the name at [start, end) may lie, the innermost first; each with the ends that it may have.

    A phrase is smaller than the question: besides it something is left that is asked.
    """
    if start and text[start - 1] in _QUOTES and text[end : end + 1] in tuple(_QUOTES):
        start, end = start - 1, end + 1
    found = []
    owning = _POSSESSIVE.match(text, end)
    if owning:
        found.append([(_with_article(text, start), last) for last in _ends(text, owning.end(), _POSSESSED)])
    opening = [at for at in _ARTICLE.finditer(text, 0, start) if words(text[at.end() : start])]
    for article in opening[: -_STARTS - 1 : -1]:
        before = text[article.start() : start]
        clause, joined = bool(_CLAUSE.search(before)), bool(_BEFORE_NAMES.search(before))
        closed = not owning and (joined or clause) and not _OPEN_CLAUSE.search(before)  # else "the film Up" is one
        ends = [*([end] if closed else ()), *(_ends(text, end, _LONGEST) if clause or not joined else ())]
        found.append([(article.start(), last) for last in ends])
    for group in found:
        if kept := [span for span in group if _left(text, span) and not _NAME_GOES_ON.match(text, span[1])]:
            yield kept


def head(phrase: str) -> str:
    """The word that tells what a phrase is: "country" of "the home country of Ann Berg" and "Ann Berg's country"."""
    owned = _POSSESSIVE.search(phrase)
    told = (
        phrase[owned.end() :]
        if owned
        else re.split(rf" (?:of|in|at|by|for|from|to|with) |{_CLAUSE.pattern}", phrase)[0]
    )
    found = _WORD.findall(told)
    return found[-1].strip().casefold() if found else ""


def put(text: str, span: Span, name: str) -> str:
    """The text with a name in the place of a phrase."""
    start, end = span
    return f"{text[:start]}{name}{text[end:]}"


def _with_article(text: str, start: int) -> int:
    """Where a name begins, with the article that stands before it."""
    return start - 4 if text[:start].casefold().endswith("the ") else start


def _ends(text: str, start: int, most: int) -> Iterator[int]:
    """The ends of the words from a place on, as long as nothing but blanks stands between them."""
    for _ in range(most):
        found = _WORD.match(text, start)
        if found is None:
            return
        start = found.end()
        if not _PREPOSITION.match(text, start):  # it belongs to what stands before it: "is a citizen of"
            yield start


def _left(text: str, span: Span) -> bool:
    """Whether something is asked beside a phrase."""
    start, end = span
    return bool(set(words(f"{text[:start]} {text[end:]}")) - _SAYING)
