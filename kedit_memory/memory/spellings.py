"""What a name is found by when it is misspelt or in pieces: its words with letters left out, and how two of them begin.

Two words that differ by a few slips have a form in common once as many letters are left out of each (symmetric
deletion, as in Garbe's SymSpell); beginnings alone are varied, since long words have very many such forms.
"""

from functools import lru_cache

from kedit_memory.text import LONGEST_LINE, fold, parts, words

LONG = 8  # letters; a longer word may hold two slips
STEM = 4  # letters that spellings of one word share at its beginning
SMALL = frozenset("a an and at by da de del der di du for from in la le of on or s the to van von with".split())  # noqa: SIM905
_GUESSED = 4  # letters; a shorter word is only found as it is
_BEGINNING = 7  # letters of a word that are varied
_PAIRED = 8  # words of a name that make pairs
_REMEMBERED = 1 << 14  # words whose spellings are kept at hand


def words_of(name: str) -> dict[str, frozenset[str]]:
    """The words of a name with their spellings; those that a sign joins, and the two of a short name, also as one."""
    folded = fold(name[:LONGEST_LINE])
    found = {word: spellings(word) for word in parts(folded)}
    joined = [parts(folded[start:end]) for start, end in words(folded)]
    found |= {" ".join(of): spellings("".join(of)) for of in joined if len(of) > 1}
    if len(found) == len(joined) == 2:
        found[" ".join(parts(folded))] = frozenset([beginning("".join(parts(folded)))])
    return found


def pairs_of(text: str, within: int = _PAIRED) -> set[str]:
    """How two words of a folded text begin, for every two that are at most `within` words apart."""
    stems = [word[:STEM] for word in dict.fromkeys(parts(text)) if word not in SMALL]
    near = ((stems[i], other) for i in range(len(stems)) for other in stems[i + 1 : i + within])
    return {" ".join(sorted(pair)) for pair in near}


def beginning(word: str) -> str:
    """The part of a word that is varied."""
    return word[:_BEGINNING]


@lru_cache(_REMEMBERED)
def spellings(word: str) -> frozenset[str]:
    """The beginning of a word with up to as many letters left out as it may hold slips; digits all stay."""
    kept = {beginning(word)}
    if len(word) >= _GUESSED:
        for _ in range(1 + (len(word) > LONG)):
            kept |= {text[:i] + text[i + 1 :] for text in kept for i in range(len(text)) if not text[i].isdigit()}
    return frozenset(kept)
