"""Whether a question asks how things are now, so that what a model remembers may be out of date."""

import re

_NOW = re.compile(
    r"\b(?:now|nowadays|today|tonight|currently|current|at present|at the moment|these days|this (?:year|month|week)|"
    r"latest|so far|incumbent|reigning|sitting)\b",
    re.IGNORECASE,
)
# Offices and counts that change hands or grow; asked in the present tense they mean today's.
_CHANGING = re.compile(
    r"\b(?:president|vice president|prime minister|premier|chancellor|monarch|king|queen|emperor|pope|governor|mayor|"
    r"minister|secretary|speaker|ambassador|senator|chair(?:man|woman|person)?|ceo|chief executive|managing director|"
    r"head coach|coach|captain|leader|owner|champion|record holder|population|richest|net worth)\b",
    re.IGNORECASE,
)
_PRESENT = re.compile(
    r"\b(?:is|are|who's|what's|how many|holds?|leads?|owns?|runs?|heads?|rules?|lives?)\b", re.IGNORECASE
)
_PAST = re.compile(r"\b(?:was|were|did|had|first|former|in \d{3,4}|during|before|until|ago)\b", re.IGNORECASE)


def asks_about_now(question: str) -> bool:
    """Whether a question says "now" in some way, or asks in the present tense about what changes."""
    if _NOW.search(question):
        return True
    return bool(_CHANGING.search(question) and _PRESENT.search(question) and not _PAST.search(question))
