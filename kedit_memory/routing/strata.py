"""What kind a question is for an edit, of which each has a threshold that was certified on its own cases.

A stratum is what can be seen of the two without a model that judges: how the edit was found, and what the texts hold.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache

from kedit_memory.memory.subjects import may_be_name
from kedit_memory.routing.foreign import is_foreign
from kedit_memory.routing.guard.values import values_in
from kedit_memory.routing.question import EXACT, FUZZY, LINKED, UNLINKED, Candidate, Question
from kedit_memory.words import words

_REMEMBERED = 64  # texts: those of a question are compared with each of its candidates

FOREIGN = "foreign"
DIALOGUE = "dialogue"
VALUES = "values"
STATEMENT = "statement"
MEANING = "meaning"
# Those with a threshold, in the order in which they are looked for, as they are called in a sentence.
DESCRIPTIONS = {
    FOREIGN: "questions in another language than English",
    DIALOGUE: "questions that follow on others",
    FUZZY: "questions with a misspelt name or pieces of one",
    VALUES: "questions about numbers, dates, times, versions and the like",
    LINKED: "questions that name the edit's subject",
    STATEMENT: "questions that a statement answers, found by words and meaning",
    MEANING: "questions found by words and meaning",
}
STRATA = tuple(DESCRIPTIONS)


def stratum_of(question: Question, candidate: Candidate, *, across: bool = False) -> str:
    """The stratum of a question and an edit that may answer it: `EXACT`, or the first of `STRATA` that fits.

    What a multilingual encoder weighed `across` languages is of that of other languages than English.
    """
    return FOREIGN if across and candidate.found != EXACT else next(_fitting(question, candidate))


def may_answer(question: Question, candidate: Candidate, *, across: bool = False) -> bool:
    """Whether a score counts at all.

    What reads English judges no question in another language by its meaning alone, but where a multilingual encoder
    weighs it `across` languages. And where an edit is about what may be a name, a question about it has a word of that.
    """
    if candidate.found != UNLINKED or across:
        return True
    edit = candidate.match.edit
    if edit.subject and may_be_name(edit.subject, edit.prompt) and not _calls(question, edit.names):
        return False
    return not is_foreign(question.text)


def _calls(question: Question, names: Iterable[str]) -> bool:
    said = [_words(text) for text in (question.text, *question.turns)]
    return any(word in one for name in names for word in words(name) for one in said)


@lru_cache(_REMEMBERED)
def _words(text: str) -> frozenset[str]:
    return frozenset(words(text))


def _fitting(question: Question, candidate: Candidate) -> Iterator[str]:
    if candidate.found == EXACT:
        yield EXACT
    if is_foreign(question.text):
        yield FOREIGN
    if question.turns:
        yield DIALOGUE
    if candidate.found == FUZZY:
        yield FUZZY
    if any(values_in(text, candidate.called) for text in (question.text, candidate.wording)):
        yield VALUES
    if candidate.found == LINKED:
        yield LINKED
    if candidate.match.edit.prompt == candidate.match.edit.target:
        yield STATEMENT
    yield MEANING
