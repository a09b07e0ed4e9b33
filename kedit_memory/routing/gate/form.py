"""What the form of a question tells of how hard it is: how it is asked, how long, of whom, and by how many steps."""

import math
import re

_OPENERS = {
    "who": r"who|whom|whose",
    "what": r"what|name",
    "which": r"which",
    "when": r"when|(?:in )?(?:what|which) (?:year|date|day)",
    "where": r"where",
    "why": r"why",
    "how": r"how(?! (?:many|much|long|old))",
    "how_many": r"how (?:many|much|long|old)",
    "yes_or_no": r"is|are|was|were|do|does|did|has|have|had|can|could|will",
}
_SIGNS = {
    "number": r"\d",
    "year": r"\b(?:1[5-9]|20)\d\d\b",
    "compares": r"\b(?:both|same|older|younger|earlier|later|larger|more|most|than|or|first|last)\b",
    "steps": r"\b(?:of the|that|which|whose|who)\b.*\b(?:of|that|which|whose|who|in|by)\b",
    "possessive": r"\w['\u2019]s?\b",
    "quotes": r"[\"\u201c\u201d]",
    "time": r"\b(?:year|date|day|born|died|founded|began|released)\b",
    "person": r"\b(?:he|she|his|her|actor|actress|singer|author|director|played|plays|wrote|sings|sang)\b",
    "work": r"\b(?:song|film|movie|book|novel|album|show|series|season|episode|game)\b",
    "place": r"\b(?:city|country|state|town|county|river|located|capital)\b",
}
_FIRST = {name: re.compile(rf"\W*(?:{pattern})\b", re.IGNORECASE) for name, pattern in _OPENERS.items()}
_WITHIN = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in _SIGNS.items()}
_ASKS = re.compile(r"\b(?:who|whom|whose|what|which|when|where|why|how)\b", re.IGNORECASE)

FEATURES = (*_OPENERS, *_SIGNS, "asks_late", "words", "capitals", "word_length", "lower_case", "marked")


def form_of(question: str) -> tuple[float, ...]:
    """The values of `FEATURES`, each between 0 and about 5."""
    words = question.split() or [""]
    capitals = sum(word[:1].isupper() for word in words[1:])
    opened = [bool(pattern.match(question)) for pattern in _FIRST.values()]
    return (
        *map(float, opened),
        *(float(bool(pattern.search(question))) for pattern in _WITHIN.values()),
        float(not any(opened) and bool(_ASKS.search(question))),
        math.log(len(words)),
        math.log1p(capitals),
        sum(map(len, words)) / len(words) / 5,
        float(question == question.lower()),
        float(question.rstrip().endswith("?")),
    )
