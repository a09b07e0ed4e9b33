"""The streams of edits that a model learns one after the other, and what it is asked beside them.

A stream corrects what the unedited model gets wrong: an edit whose answer the model gives anyway is left out. What is
asked to see whether old knowledge stays never touches an edited fact.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kedit_memory import registry
from kedit_memory.errors import InvalidInputError
from kedit_memory.evaluation.case import Case, Question
from kedit_memory.evaluation.judges import DEFAULT, JUDGES, Judge
from kedit_memory.evaluation.method import Text
from kedit_memory.models.classifier import Editable
from kedit_memory.models.prompts import MAX_NEW_TOKENS, Prompt
from kedit_memory.world import world_folder

HELD_OUT, REPHRASING = "held_out", "rephrasing"  # wordings that the model was never trained on, and others
_SPARE = 1.5  # candidates for an edit, of which some are answered already

# A line for each stream: the name that users give, and what draws it, a `MakeStream`.
STREAMS: Mapping[str, str] = {
    "world": "kedit_memory.evaluation.tasks.lifelong.world:world_stream",
    "zsre": "kedit_memory.evaluation.tasks.lifelong.zsre:zsre_stream",
    "hallucination": "kedit_memory.evaluation.tasks.lifelong.hallucination:hallucination_stream",
    "collapse": "kedit_memory.evaluation.tasks.lifelong.collapse:collapse_stream",
    "scotus": "kedit_memory.evaluation.tasks.lifelong.scotus:scotus_stream",
}
OF_PUBLIC_SETS = frozenset({"zsre", "hallucination", "scotus"})
WITH_PUBLIC_SETS = frozenset({"collapse"})  # which take of them what is there


@dataclass(frozen=True, kw_only=True)
class Stream:
    """Edits in their order, and what is asked at each measurement.

    Attributes:
        tests: questions on what the model was taught, none of them edited.
        outside: questions of each kind of out-of-scope prompt.
        texts: the model's original test data as running text, where that is what it is judged by.
        right: generations that the unedited model gets right, word for word.
        max_new_tokens: where answers are cut; long enough for every target.
        data: what the rows' checksum is taken of.
        note: which rows of the set were left out, empty where none was.
    """

    name: str
    edits: tuple[Case, ...]
    tests: tuple[Question, ...] = ()
    outside: tuple[Question, ...] = ()
    texts: tuple[Text, ...] = ()
    right: tuple[Text, ...] = ()
    max_new_tokens: int = MAX_NEW_TOKENS
    data: Path = field(default_factory=world_folder)
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """How much of a stream, and who judges what the model gets wrong before.

    `questions` is the most of each kind, `phrasings` what each edit is given.
    """

    edits: int
    questions: int
    phrasings: int = 0
    seed: int = 1
    judge: Judge = JUDGES[DEFAULT]


# What draws a stream, for a model and from the folder of the public sets where it is of one of these.
MakeStream = Callable[[Editable, Wanted, Path | None], Stream]


def load_stream(name: str) -> MakeStream:
    """What draws the stream of a name.

    Raises:
        UnknownNameError: there is no such stream.
    """
    make: MakeStream = registry.load("stream", name, STREAMS)
    return make


def wrong_before(model: Editable, candidates: Iterator[Case], wanted: Wanted, max_new_tokens: int) -> tuple[Case, ...]:
    """The first edits, as many as are wanted, whose answer the model does not give, one for each question.

    Raises:
        InvalidInputError: there are fewer.
    """
    kept: dict[str, Case] = {}
    count = wanted.edits
    while len(kept) < count:
        batch = [one for one, _ in zip(candidates, range(int(_SPARE * (count - len(kept))) + 1), strict=False)]
        if not batch:
            raise InvalidInputError(
                f"{count} edits were asked for; the stream has {len(kept)} that the model gets wrong"
            )
        answers = model.answer_many([Prompt(question=one.prompt) for one in batch], max_new_tokens=max_new_tokens)
        for edit, answer in zip(batch, answers, strict=True):
            if not wanted.judge(answer, edit.own):
                kept.setdefault(edit.prompt, edit)
    return tuple(kept.values())[:count]
