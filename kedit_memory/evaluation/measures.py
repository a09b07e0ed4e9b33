"""How texts are compared, and what is counted of texts and of scores; `judges` says which answers count."""

import hashlib
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

_ARTICLE = re.compile(r"\b(?:a|an|the)\b")
_NOT_WORD = re.compile(r"[^\w\s]")
_MOST_NATS = 700.0  # a token; e to this is still a number


def normalise(text: str) -> str:
    """Text as answers are compared: lower case, no accents, punctuation, articles or doubled blanks.

    An article that is all there is stays: "A" is an answer, the empty text is none.
    """
    letters = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    words = " ".join(_NOT_WORD.sub(" ", plain).split())
    return " ".join(_ARTICLE.sub(" ", words).split()) or words


def mean_of(drawn: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of samples (draws, cases, 2) of totals and how many values they are of: the mean value."""
    found: NDArray[np.float64] = drawn[..., 0].sum(-1) / drawn[..., 1].sum(-1)
    return found


def perplexity_of(drawn: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of samples (draws, texts, 2) of losses in nats and tokens: the perplexity."""
    found: NDArray[np.float64] = np.exp(np.minimum(mean_of(drawn), _MOST_NATS))
    return found


def digest(logits: "torch.Tensor") -> str:
    """A text that is the same for scores that are the same bit for bit."""
    import torch

    values = logits.detach().cpu().contiguous()
    return hashlib.sha256(values.view(torch.uint8).numpy().tobytes()).hexdigest()


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
