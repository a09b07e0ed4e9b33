"""A text as it is read: without the courtesy before it, and without what only dresses its subject's name."""

import re
from collections.abc import Sequence

from kedit_memory.questions import core

_TITLES = (
    r"(?:(?:(?:the )?late|mr|mrs|ms|mx|miss|dr|prof|professor|doctor|sir|dame|lord|lady|madam|rev|reverend|hon|"
    r"herr|frau|monsieur|madame|señor|señora|don|doña)\.? )+"
)
_OPENING, _CLOSING = r"[\"'“”‘’«»„‹›`*_(\[]+", r"[\"'“”‘’«»„“‹›`*_)\]]+"


def bare(text: str, names: Sequence[str]) -> str:
    """The text without a greeting or "please tell me" before it, and without titles, quotes and brackets of the names.

    A title is nobody's name: Dr. Ann Berg is Ann Berg. One that stands in a name that was given is part of it.
    """
    plain = core(text)
    for name in sorted(filter(None, names), key=len, reverse=True):
        known = re.escape(name)
        if not re.search(known, plain, re.IGNORECASE):
            continue
        plain = re.sub(rf"(?<!\w){_TITLES}(?={known}(?!\w))", "", plain, flags=re.IGNORECASE)
        plain = re.sub(rf"(?<!\w){_OPENING}({known}){_CLOSING}(?!\w)", r"\1", plain, flags=re.IGNORECASE)
    return plain
