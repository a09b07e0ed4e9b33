"""When an answer counts, and how sure a share is."""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

_ARTICLE = re.compile(r"\b(?:a|an|the)\b")
_NOT_WORD = re.compile(r"[^\w\s]")


def normalise(text: str) -> str:
    """Text as answers are compared: lower case, no accents, punctuation, articles or doubled blanks.

    An article that is all there is stays: "A" is an answer, the empty text is none.
    """
    letters = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    words = " ".join(_NOT_WORD.sub(" ", plain).split())
    return " ".join(_ARTICLE.sub(" ", words).split()) or words


def is_answer(text: str, accepted: Iterable[str]) -> bool:
    """Whether `text` is one of the accepted answers, after normalisation; equality, not containment."""
    given = normalise(text)
    return bool(given) and any(given == normalise(answer) for answer in accepted)


def begins_with_answer(text: str, accepted: Iterable[str]) -> bool:
    """Whether `text`, after normalisation, is one of the accepted answers or goes on after it, as a base model does."""
    given = f"{normalise(text)} "
    return any(given.startswith(f"{answer} ") for answer in map(normalise, accepted) if answer)


def wilson(successes: int, cases: int) -> tuple[float, float]:
    """The 95% interval of a share (Wilson, 1927); (0, 1) for no cases."""
    if cases == 0:
        return 0.0, 1.0
    z = 1.959964
    share = successes / cases
    centre = share + z * z / (2 * cases)
    half = z * math.sqrt(share * (1 - share) / cases + z * z / (4 * cases * cases))
    scale = 1 + z * z / cases
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)


def ngram_entropy(text: str) -> float:
    """How varied a text is, in bits: the weighted mean of the entropies of its bigrams (1/3) and trigrams (2/3).

    Fluency as knowledge editing measures it (Meng et al. 2022, appendix; Zhang et al. 2018); a text that repeats
    itself scores low, and one too short for a trigram is scored by what it has.
    """
    words = text.split()
    return (_entropy(words, 2) + 2 * _entropy(words, 3)) / 3


def _entropy(words: Sequence[str], size: int) -> float:
    counts = Counter(tuple(words[place : place + size]) for place in range(len(words) - size + 1))
    total = sum(counts.values())
    return math.fsum(-count / total * math.log2(count / total) for count in counts.values())
