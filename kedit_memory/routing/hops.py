"""A question over several stored facts: phrases in it that facts stand behind give way to what these say.

"Who is the mayor of the capital of Norway?" asks for the mayor of Bergen once "the capital of Norway" is found to ask
for an edit that says Bergen. Each phrase is judged as a question of its own, by the same reader, thresholds and guard,
and so is what is left in the end; a phrase that is not certain leaves the question as it is.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from kedit_memory.questions import Wanted, is_question, wanted
from kedit_memory.retrieval.splitting import sentences
from kedit_memory.routing.phrases import Span, head, phrases, put
from kedit_memory.routing.question import EXACT, LINKED, Candidate, Hop, Question, Weighed
from kedit_memory.text import fold
from kedit_memory.words import words

MOST = 4  # edits that one question is led through, besides the one that answers
_LIKELIEST = 3  # of the ends that a phrase may have, tried with what is then left
_SURER = 0.1  # scores by which a phrase asks for an edit rather than the question that it stands in
_ALIKE = 0.01  # scores by which no end is told from a later one

# A question that asks for all but what is told, or that is broken off.
_ELSEWHERE = re.compile(r"\b(?:not|never|no longer|except|besides|other than|without)\b|n['’]t\b|[;:]", re.IGNORECASE)
_CAPITAL = re.compile(r" [A-Z]")
_BROKEN = re.compile(r"[,–—]")
# What a phrase is that needs no word in common with the fact behind it.
_KIND = re.compile(
    r"country|nation|state|city|town|place|person|man|woman|company|firm|team|club|school|university|language|continent|"
    r"year|thing|one|river|sport|genre|birthplace|nationality|homeland|citizenship|position|job|profession",
    re.IGNORECASE,
)
_WHO = re.compile(
    r"\w{3,}(?:er|or|ist|ian|ect|ant|ent)|wife|husband|spouse|king|queen|head|chief|boss|ceo|captain|coach|monarch|"
    r"mother|father|brother|sister|son|daughter|child|sibling",
    re.IGNORECASE,
)


class Judging(Protocol):
    """What judges questions; see `Scope`."""

    def verify(self, questions: Sequence[Question]) -> list[Question]:
        """Recalled questions with their candidates weighed."""
        ...

    def alone(self, questions: Sequence[Question]) -> list[Question]:
        """Questions linked, recalled and verified."""
        ...

    def following(self, question: Question) -> Question:
        """The question with what follows from edits as its candidates."""
        ...


@dataclass(frozen=True, kw_only=True)
class _Step:
    hop: Hop
    left: Question  # judged


def led(scope: Judging, question: Question) -> Question:
    """The question, with the edits that lead to what it asks for, and the one that answers that, if one does.

    What an edit answers as it stands is only led further where the whole way is found, or where a phrase of it asks for
    that very edit much more surely: "Who is the mayor of the capital of Norway?" seems to ask for the capital.
    """
    hops: list[Hop] = []
    found = left = question
    while len(hops) < MOST and (step := _step(scope, left)):
        hops.append(step.hop)
        left = step.left
        if _goes_on(left, step.hop):
            found = replace(
                question, hops=tuple(hops), weighed=left.weighed, stratum=left.stratum, fires=True, model_says=None
            )
        elif _tells(question, step.hop) and (not found.fires or _surer(step.hop, found.best)):
            found = replace(question, hops=tuple(hops), left=left.text, fires=False)
    return found


def _step(scope: Judging, question: Question) -> _Step | None:
    """The first phrase that certainly asks for an edit, and what is left with the edit's answer in its place."""
    for candidates, spans in _phrases(scope, question):
        person = any(wanted(one.match.edit.prompt) is Wanted.PERSON for one in candidates)
        asking = [
            replace(question, text=f"{'Who' if person else 'What'} is {question.text[slice(*span)]}?", weighed=(),
                    candidates=candidates, fires=False)
            for span in spans
        ]  # fmt: skip
        found = [(span, one.best) for span, one in zip(spans, scope.verify(asking), strict=True) if one.fires]
        if not found:
            continue
        surest = max(best.score for _, best in found)
        found.sort(key=lambda one: (one[1].score < surest - _ALIKE, one[0][1]))
        texts = [put(question.text, span, best.edit.target or "") for span, best in found[:_LIKELIEST]]
        left = scope.alone([_asking(question, text) for text in texts])
        steps = [
            _Step(hop=Hop(phrase=question.text[slice(*span)], by=best), left=one)
            for (span, best), one in zip(found, left, strict=False)
        ]
        return next((one for one in steps if _goes_on(one.left, one.hop)), steps[0])
    return None


def _phrases(scope: Judging, question: Question) -> Iterator[tuple[tuple[Candidate, ...], list[Span]]]:
    """Phrases of a question with the edits that they may ask for; none where it leans on turns, or asks for no fact."""
    if question.turns or question.stratum == EXACT or wanted(question.text) in (Wanted.YES_NO, Wanted.TASK):
        return
    if not is_question(question.text) or _ELSEWHERE.search(question.text) or len(list(sentences(question.text))) > 1:
        return
    other = {one.edit.id for one in question.weighed if one.differs}  # "after the tour" asks for nothing before it
    named = [one for one in question.candidates if one.found == LINKED and _says_what(one)]
    named = [one for one in named if one.match.edit.id not in other]
    for mention in question.mentions if named else ():
        about = tuple(one for one in named if not mention.fuzzy and mention.surface in one.names)
        whole = about and not _is_part_of_a_name(question.text, mention.start, mention.end)
        for spans in phrases(question.text, mention.start, mention.end) if whole else ():
            yield about, spans
    for one in scope.following(question).candidates:
        place = question.text.find(one.names[0])
        for spans in phrases(question.text, place, place + len(one.names[0])):
            yield (one,), spans


def _is_part_of_a_name(text: str, start: int, end: int) -> bool:
    """Whether a name goes on before or behind its place: "Little Adam Smith" is somebody else."""
    before, behind = text[:start].split(), text[end:]
    return bool(before[1:] and text[start - 1].isspace() and before[-1][0].isupper()) or bool(_CAPITAL.match(behind))


def _says_what(candidate: Candidate) -> bool:
    """Whether an edit says a thing that can stand in the place of a phrase."""
    edit = candidate.match.edit
    return bool(edit.target) and edit.prompt != edit.target


def _asking(question: Question, text: str) -> Question:
    return Question(text=text, as_of=question.as_of, namespace=question.namespace)


def _goes_on(left: Question, hop: Hop) -> bool:
    """Whether an edit answers what is left, about what the one before it says."""
    if not left.fires:
        return False
    best, told = left.best, fold(hop.by.edit.target or "")
    return best.candidate.found == EXACT or told in {fold(name) for name in best.candidate.called}


def _tells(question: Question, hop: Hop) -> bool:
    """Whether a phrase is what its edit says, so that a model may be told so: not "the discovery of" its discoverer."""
    told, edit = head(hop.phrase), hop.by.edit
    if _BROKEN.search(question.text):
        return False
    wording = set(words(" ".join((edit.relation or "", hop.by.candidate.wording, edit.prompt, *edit.paraphrases))))
    person = wanted(edit.prompt) is Wanted.PERSON and _WHO.fullmatch(told)
    return bool(person or _KIND.fullmatch(told) or wording & set(words(told)))


def _surer(hop: Hop, best: Weighed) -> bool:
    """Whether a phrase asks for the edit that seemed to answer, much more surely than the question did."""
    return hop.by.edit.id == best.edit.id and hop.by.score > best.score + _SURER
