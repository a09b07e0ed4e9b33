"""The words by which passages and edits are found, the same for every index.

Words are folded (case, accents) and stemmed by the language that their script is mostly written for, by Snowball's
stemmers (Porter 2001). For Latin letters that is English; on German and Spanish it does no harm. Scripts without blanks
have no words to cut: pairs of Chinese, Japanese and Korean characters do as well as a dictionary's words (Nie, Gao,
Zhang and Zhou 2000, "On the use of words and n-grams for Chinese information retrieval"), triples of Thai ones and
their like.

Words that say how something is asked carry no content, unless they are names: "The Who", "hepatitis A", "It". Names
that carry signs, such as C++, .NET and AT&T, are words with them, too.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache

import regex
import Stemmer

from kedit_memory.questions import FUNCTION_WORDS
from kedit_memory.records import Passage

STOP = FUNCTION_WORDS
RULES = f"2, snowball {Stemmer.version()}"  # an index made by others has other words

PAIRED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\u3005\u30fc"  # scripts whose characters are syllables or words
UNSPACED = r"\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"  # alphabets that leave no blank between words
_WORD = re.compile(r"\w+")
_RUN = regex.compile(rf"[{PAIRED}]+|[{UNSPACED}]+|[\w--[{PAIRED}{UNSPACED}]]+", regex.VERSION1)
_SIGN = re.compile(r"[&!$@*+#]|(?<![\w.])\.[a-z]")
_SIGNED = re.compile(r"(?<![\w.])\.[a-z]\w++|\b\w++(?:[&!$@*+]\w++)++|\b\w++(?:\+{1,2}|#)(?!\w)")
_ACCENT = regex.compile(r"(?<=[\p{Latin}\p{Greek}\p{Cyrillic}\p{Arabic}\p{Hebrew}]\p{Mn}*)\p{Mn}+")
_GRAMS = ((regex.compile(rf"[{PAIRED}]", regex.V1), 2), (regex.compile(rf"[{UNSPACED}]", regex.V1), 3))
_STEMMERS = (
    (regex.compile(r"\p{Latin}"), Stemmer.Stemmer("english")),
    (regex.compile(r"\p{Cyrillic}"), Stemmer.Stemmer("russian")),
    (regex.compile(r"\p{Arabic}"), Stemmer.Stemmer("arabic")),
    (regex.compile(r"\p{Devanagari}"), Stemmer.Stemmer("hindi")),
)
_CAPITALIZED = re.compile(r"\b[A-Z]\w*+")
_BEFORE, _AFTER = re.compile(r"(\w+)(\W*)$"), re.compile(r"\W*(\w+)")
_SENTENCE_ENDS = frozenset(".!?:;\n")
_NEAR = 32  # characters in which a neighbour is looked for
_REMEMBERED = 1 << 17  # words whose stems are kept at hand


def words(text: str) -> list[str]:
    """The words of a text that carry content; those with signs come last."""
    return _content(_without_accents(text).casefold())


def words_of(passage: Passage) -> list[str]:
    """The words by which a passage is found: those of its title and its text, and those of names in them."""
    title, text = _without_accents(passage.title), _without_accents(passage.text)
    found = [*(words(title) or _every(title)), *_content(text.casefold())]
    found += _pairs(title, _stops(_WORD, title))
    named = _named(text)
    return [*found, *_pairs(text, named), *_alone(text, named)]


def words_asked(question: str) -> list[str]:
    """The words by which a question finds passages; where nothing in it carries content, all of them."""
    text = _without_accents(question)
    found = [*_content(text.casefold()), *_pairs(text, _stops(_WORD, text)), *_alone(text, _named(text))]
    return found or _every(text)


def _content(folded: str) -> list[str]:
    if folded.isascii():
        found = [_stem(word) for word in _WORD.findall(folded) if word not in STOP]
    else:
        found = [form for run in _RUN.findall(folded) if run not in STOP for form in _forms(run)]
    return [*found, *_SIGNED.findall(folded)] if _SIGN.search(folded) else found  # most texts have no sign


def _every(text: str) -> list[str]:
    """All words of a text, those without content too."""
    return [form for run in _RUN.findall(text.casefold()) for form in _forms(run)]


def _forms(run: str) -> list[str]:
    """What a word, or a run of a script without blanks, is found by."""
    for script, size in _GRAMS:
        if script.match(run):
            return [run[start : start + size] for start in range(max(1, len(run) - size + 1))]
    return [run if run in STOP else _stem(run)]


@lru_cache(_REMEMBERED)
def _stem(word: str) -> str:
    return next((str(stemmer.stemWord(word)) for script, stemmer in _STEMMERS if script.match(word)), word)


def _without_accents(text: str) -> str:
    if text.isascii():
        return text
    return unicodedata.normalize("NFC", _ACCENT.sub("", unicodedata.normalize("NFKD", text)))


def _stops(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    """What a pattern finds in a text that is a stop word."""
    return (found for found in pattern.finditer(text) if found[0].casefold() in STOP)


def _named(text: str) -> list[re.Match[str]]:
    """Stop words that are written as names are: with a capital that no sentence begins, where not all have one."""
    found = [stop for stop in _stops(_CAPITALIZED, text) if not _opens(text, stop)]
    return found if any(word[0][0].islower() for word in _WORD.finditer(text)) else []


def _pairs(text: str, stops: Iterable[re.Match[str]]) -> Iterator[str]:
    """Stop words together with the word before: "hepatit_a", "the_who"."""
    for stop in stops:
        before = _before(text, stop)
        if before and not before[2].strip():
            yield f"{_forms(before[1].casefold())[-1]}_{stop[0].casefold()}"


def _alone(text: str, stops: Iterable[re.Match[str]]) -> Iterator[str]:
    """Stop words that are no part of a longer name: no neighbour with a capital carries content."""
    for stop in stops:
        near = [found[1] for found in (_before(text, stop), _AFTER.match(text, stop.end())) if found]
        if not any(word[0].isupper() and word.casefold() not in STOP for word in near):
            yield stop[0].casefold()


def _opens(text: str, word: re.Match[str]) -> bool:
    """Whether a word begins a sentence."""
    before = _before(text, word)
    return before is None or not _SENTENCE_ENDS.isdisjoint(before[2])


def _before(text: str, word: re.Match[str]) -> re.Match[str] | None:
    """The word before another one, and what stands between them."""
    return _BEFORE.search(text, max(0, word.start() - _NEAR), word.start())
