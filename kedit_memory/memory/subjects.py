"""Whether a subject is a name, by which a question must call it, or a phrase that may be worded otherwise."""

import re

from kedit_memory.memory.spellings import SMALL

_WORD = re.compile(r"\w[\w'\u2019.-]*")


def is_name(subject: str, *texts: str) -> bool:
    """Whether a subject is written as a name is: each of its words but small ones has a capital or a digit.

    Not where one of these texts, whose writer uses capitals, has it without ("How many days of annual leave …" for
    "Annual Leave"). A script without capitals does not tell names from phrases; there nothing is taken for a name.
    """
    words = [word for word in _WORD.findall(subject) if word.casefold() not in SMALL]
    if not words or not all(map(_is_marked, words)):
        return False
    plain = subject.lower()
    return plain == subject or not any(_has_plain(text, plain) for text in texts)


def may_be_name(subject: str, prompt: str) -> bool:
    """Whether a subject that is no name for certain is written as one may be: "Life is a Dream", "Vidas robadas".

    A word but its first has a capital, or it stands with its own within a sentence of the prompt.
    """
    later = _WORD.findall(subject)[1:]
    within = re.search(rf"(?<=[\w,'] ){re.escape(subject)}(?!\w)", prompt)
    return any(letter.isupper() for word in later for letter in word) or bool(within and subject[:1].isupper())


def is_unnamed(subject: str | None, *texts: str) -> bool:
    """Whether a question may mean an edit without naming its subject: there is none, or it is no name."""
    return not subject or not is_name(subject, *texts)


def _is_marked(word: str) -> bool:
    return any(letter.isupper() or letter.isdigit() for letter in word)


def _has_plain(text: str, plain: str) -> bool:
    """Whether a text that begins with a capital has these words; to compile a pattern for each subject takes longer."""
    place = text.find(plain) if text[:1].isupper() else -1
    while place >= 0:
        end = place + len(plain)
        if not (_in_word(text[place - 1 : place]) or _in_word(text[end : end + 1])):
            return True
        place = text.find(plain, place + 1)
    return False


def _in_word(letter: str) -> bool:
    return letter.isalnum() or letter == "_"
