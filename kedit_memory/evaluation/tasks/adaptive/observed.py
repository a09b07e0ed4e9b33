"""Both answers to each question, alone and with passages, and all signals: got once, so that resplits are cheap."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter

from kedit_memory.evaluation.case import Question
from kedit_memory.evaluation.judges import JUDGES, Judge
from kedit_memory.evaluation.run import Progress, quiet
from kedit_memory.models.language import TextModel, WhiteBoxModel
from kedit_memory.models.prompts import Prompt
from kedit_memory.records import Decision, Mention, RetrievedPassage, Route
from kedit_memory.routing.asking import fitted, prompt_of
from kedit_memory.routing.gate.signals import Signal, Signals, Sources, with_retrieval
from kedit_memory.routing.gate.uncertainty import own_answers, tells

ALONE, READING, DECIDING, SEARCHING = "alone", "reading", "deciding", "searching"  # steps that take time
_BATCH = 50  # questions between two lines of progress


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """A question with the answers that count and what keeps it on one side of a split."""

    text: str
    answers: tuple[str, ...]
    group: str


@dataclass(frozen=True, kw_only=True)
class Observed:
    """One question answered both ways.

    Attributes:
        signals: all that the model can give.
        alone: the model's own answer; `alone_right` whether it counts.
        read: the answer with the passages before the question, the own answer where none was found.
        titles: of those passages.
        seconds: spent on this question, by step; of batches the mean.
    """

    text: str
    group: str
    signals: Signals
    alone: str
    alone_right: bool
    read: str
    read_right: bool
    titles: tuple[str, ...]
    seconds: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Observer:
    """What answers and gates questions while they are observed.

    Attributes:
        model: that answers.
        link: gives the names in a question.
        search: gives the passages that go before a question with these names.
        sources: of cheap signals.
        max_new_tokens: where an answer is cut.
        judge: says which answers count.
    """

    model: TextModel
    link: Callable[[str], Sequence[Mention]]
    search: Callable[[str, Sequence[Mention]], Sequence[RetrievedPassage]]
    sources: Sources
    max_new_tokens: int
    judge: Judge

    def observe(self, asked: Sequence[Labelled], progress: Progress = quiet) -> list[Observed]:
        """Every question answered both ways, in order."""
        found: list[Observed] = []
        for start in range(0, len(asked), _BATCH):
            found += self._batch(asked[start : start + _BATCH])
            progress(f"answered {len(found):,} of {len(asked):,} questions both ways")
        return found

    def _batch(self, asked: Sequence[Labelled]) -> list[Observed]:
        started = perf_counter()
        links = [self.link(one.text) for one in asked]
        wanted = frozenset({Signal.FORM, Signal.POPULARITY, Signal.RELATION})
        signals = [self.sources.before(one.text, link, wanted) for one, link in zip(asked, links, strict=True)]
        decided = perf_counter()
        found = [self.search(one.text, link) for one, link in zip(asked, links, strict=True)]
        searched = perf_counter()
        alone, signals = self._alone([one.text for one in asked], signals)
        answered = perf_counter()
        read = self._read(asked, found, alone)
        finished = perf_counter()
        spent = {
            DECIDING: decided - started, SEARCHING: searched - decided, ALONE: answered - searched,
            READING: finished - answered,
        }  # fmt: skip
        seconds = {step: total / len(asked) for step, total in spent.items()}
        return [
            Observed(
                text=one.text,
                group=one.group,
                signals=with_retrieval(known, link, passages),
                alone=own,
                alone_right=self._right(own, one),
                read=given,
                read_right=self._right(given, one),
                titles=tuple(passage.passage.title for passage in passages),
                seconds=seconds,
            )
            for one, link, known, passages, own, given in zip(asked, links, signals, found, alone, read, strict=True)
        ]

    def _alone(self, questions: Sequence[str], signals: Sequence[Signals]) -> tuple[list[str], list[Signals]]:
        """The model's own answers, and the signals with its uncertainty where it tells."""
        if not tells(self.model):
            prompts = [prompt_of(_decision(question, ())) for question in questions]
            return self._replies(prompts), list(signals)
        answers = own_answers(self.model, questions, max_new_tokens=self.max_new_tokens)
        return [one.text for one in answers], [one.added_to(known) for one, known in zip(answers, signals, strict=True)]

    def _right(self, said: str, asked: Labelled) -> bool:
        return self.judge(said, Question(text=asked.text, accepted=asked.answers))

    def _read(
        self, asked: Sequence[Labelled], found: Sequence[Sequence[RetrievedPassage]], alone: Sequence[str]
    ) -> list[str]:
        decisions = [_decision(one.text, passages) for one, passages in zip(asked, found, strict=True)]
        decisions = fitted(decisions, lambda: self.model, self.max_new_tokens)
        prompts = [prompt_of(decision) for decision in decisions if decision.passages]
        texts = iter(self._replies(prompts))
        return [next(texts) if one.passages else own for one, own in zip(decisions, alone, strict=True)]

    def _replies(self, prompts: Sequence[Prompt]) -> list[str]:
        return [reply.text for reply in self.model.reply_many(prompts, max_new_tokens=self.max_new_tokens)]


def judge_for(model: TextModel) -> Judge:
    """Who judges a model's answers: short ones have to be an accepted one, a reply of a chat model to hold one."""
    short = isinstance(model, WhiteBoxModel) and bool(model.format.stop)
    return JUDGES["equal" if short else "contains"]


def _decision(question: str, passages: Sequence[RetrievedPassage]) -> Decision:
    return Decision(question=question, route=Route.RETRIEVAL, reason="", passages=tuple(passages))
