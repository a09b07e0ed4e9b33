"""The way of a question, in order: link → recall → verify → route → answer."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, TypeAlias

from kedit_memory.errors import InvalidInputError
from kedit_memory.memory import EditMemory
from kedit_memory.models.language import OnText, TextModel
from kedit_memory.models.named import load_model
from kedit_memory.models.sources import COUNTERFACTUAL
from kedit_memory.popularity.table import PopularityTable
from kedit_memory.records import (
    DEFAULT_NAMESPACE,
    Answer,
    Decision,
    EditRequest,
    Mention,
    Message,
    OnConflict,
    RetrievedPassage,
    Route,
)
from kedit_memory.retrieval.base import Progress, Retriever, kind_of, silent
from kedit_memory.retrieval.rerank import PairScorer
from kedit_memory.routing.answer import Speakers, answer_many, refused
from kedit_memory.routing.asked import LONGEST_MESSAGE
from kedit_memory.routing.background import Background
from kedit_memory.routing.config import GENERATED, PATHS, RETRIEVED, RouterConfig
from kedit_memory.routing.dialogue import Dialogue, asked_of, turns_of, window
from kedit_memory.routing.erased_values import ErasedValues
from kedit_memory.routing.erasures import Erasures
from kedit_memory.routing.gate.calibration import NOTE as GATE
from kedit_memory.routing.gate.calibration import GateCalibration
from kedit_memory.routing.gate.choice import calibration_for, choose_gate
from kedit_memory.routing.gate.gate import Gate
from kedit_memory.routing.heard import Heard
from kedit_memory.routing.hit import consolidated, hit
from kedit_memory.routing.miss import Misses
from kedit_memory.routing.once import Once
from kedit_memory.routing.passages import Passages
from kedit_memory.routing.preview import Preview, preview
from kedit_memory.routing.question import Judged, Question
from kedit_memory.routing.ruling import Ruling
from kedit_memory.routing.scope import Scope
from kedit_memory.routing.unsure import Unsure
from kedit_memory.routing.verify import ScopeVerifier
from kedit_memory.text import LONGEST_NAME, clean, clean_line

if TYPE_CHECKING:
    from kedit_memory.routing.learned_values import LearnedValues

__all__ = ["GENERATED", "PATHS", "RETRIEVED", "Router", "RouterConfig"]

Asked: TypeAlias = tuple[str, tuple[Message, ...]]  # a question, and the turns before it

UNREADABLE = "I cannot read that question."
_OF_THE_MODEL = (Route.PARAMETRIC, Route.RETRIEVAL)  # where the model says what it likes


class Router:
    """Answers questions from the edits of a memory, from passages, or by the model alone, and says which.

    Threads may share one: what is loaded is loaded once, and a model of this process is asked by one thread at a time.

    Args:
        memory: an open store.
        model: a name (see `load_model`), a model, or a function that gives one; loaded at the first question
            that needs it. A function may have the attribute `name`, by which the gate of the model is found.
        background: what is known beside the store, such as `kedit_memory.world.background()`; by default nothing.
        retriever: searches passages, whatever a question's namespace; by default those ingested into that namespace of
            the store, and those of the background.
        reranker: orders what the search found by reading question and passage together: a scorer, or the name of a
            cross-encoder (see `load_cross_encoder`), loaded at the first search.
        popularity: tiers of names that the store or the background knows, by which alone the gate then decides; by
            default those of the background, beside which a calibrated gate weighs more.
        verifier: weighs the edits that a question may mean; by default the shipped one, with the store's thresholds.
        counterfactual: what reads an edit on the path `serac`, by default the shipped one, which was trained to;
            given and loaded as `model` is.
        config: see `RouterConfig`.
    """

    def __init__(  # noqa: PLR0913 - each is a part that can be replaced
        self,
        memory: EditMemory,
        model: str | TextModel | Callable[[], TextModel] = "kedit-mini",
        *,
        background: Background | None = None,
        retriever: Retriever | None = None,
        reranker: str | PairScorer | None = None,
        popularity: PopularityTable | None = None,
        verifier: ScopeVerifier | None = None,
        counterfactual: str | TextModel | Callable[[], TextModel] = COUNTERFACTUAL,
        config: RouterConfig | None = None,
    ) -> None:
        self.memory = memory
        self.background = background or Background()
        self.config = config or RouterConfig()
        if self.config.passages_from == GENERATED and (retriever is not None or reranker is not None):
            raise InvalidInputError(
                "passages are to be generated, so no retriever and no reranker is asked; leave them out, or "
                f"choose passages_from {RETRIEVED!r}"
            )
        self._given = model
        self._speakers = Speakers(
            model=Once(lambda: _loaded(model, self.config.device)),
            counterfactual=Once(lambda: _loaded(counterfactual, self.config.device)),
            values=Once(self._learned),
            max_new_tokens=self.config.max_new_tokens,
        )
        self._popularity = popularity
        self._gate = Once(self._chosen_gate)
        self.scope = Scope(
            memory,
            self.background,
            verifier=verifier,
            how=self.config.scope,
            unsure=Unsure(self._speakers),
            device=self.config.device,
        )
        self.passages = Passages(
            memory, self.scope, self.config, self._speakers, background=self.background,
            retriever=retriever, reranker=reranker,
        )  # fmt: skip
        self._erased = ErasedValues(self._speakers)
        self._misses = Misses(passages=self.passages, gate=self._gate, speakers=self._speakers)

    @property
    def model(self) -> TextModel:
        """The language model, loaded now if it was not."""
        return self._speakers.model()

    @property
    def counterfactual(self) -> TextModel:
        """The model that reads edits on the path `serac`, loaded now if it was not."""
        return self._speakers.counterfactual()

    @property
    def values(self) -> "LearnedValues":
        """What the model learned of the store's edits, for the path `grace`.

        Raises:
            CapabilityError: the model does not show its states.
        """
        return self._speakers.values()

    @property
    def gate(self) -> Gate:
        """The gate of missed questions: calibrated for the model, where that is known by name, else of tiers."""
        return self._gate()

    def query(
        self,
        question: str | None = None,
        *,
        messages: Dialogue | None = None,
        as_of: str | None = None,
        namespace: str = DEFAULT_NAMESPACE,
        on_text: OnText | None = None,
        max_new_tokens: int | None = None,
    ) -> Answer:
        """The answer to one question, with its route and reason.

        Args:
            question: a question or a cloze prompt.
            messages: in its place a dialogue, each turn with `role` and `content`; the last one, the user's, is the
                question, and a chat model reads those before it. Where the question points back ("And her successor?"),
                the last two turns of the user and of the assistant also say which edit it means.
            as_of: the day (ISO 8601) whose valid edits answer.
            namespace: of the edits.
            on_text: is given the answer in pieces: as they are generated, where it need not be compared with an edit.
            max_new_tokens: in the place of the one in `config`.

        Raises:
            InvalidInputError: the question is empty, too long or not text, or the messages are no dialogue.
            CapabilityError: a model without a chat template is asked to go on with a dialogue.
            ModelError: the model cannot be loaded or asked.
        """
        asked = turns_of(question, messages)
        questions = _questions([asked], as_of, namespace)
        return self._ask(questions, [asked], on_text=on_text, max_new_tokens=max_new_tokens)[0]

    def query_many(
        self, questions: Sequence[str | Dialogue], *, as_of: str | None = None, namespace: str = DEFAULT_NAMESPACE
    ) -> list[Answer]:
        """The answers to many questions, or dialogues as in `query`, in order; models are asked in batches.

        A question that cannot be read, which `query` raises for, is refused with that reason and stops no other.
        """
        read = [_read(one, place) for place, one in enumerate(questions)]
        asked = {place: one for place, one in enumerate(read) if not isinstance(one, InvalidInputError)}
        worded = list(asked.values())
        answers = dict(zip(asked, self._ask(_questions(worded, as_of, namespace), worded), strict=True))
        refusals = {
            place: Answer(question=str(questions[place]), route=Route.REFUSAL, reason=str(one), text=UNREADABLE)
            for place, one in enumerate(read)
            if isinstance(one, InvalidInputError)
        }
        return [one for _, one in sorted((answers | refusals).items())]

    def explain(
        self,
        question: str | None = None,
        *,
        messages: Dialogue | None = None,
        as_of: str | None = None,
        namespace: str = DEFAULT_NAMESPACE,
    ) -> Decision:
        """Where a question, or the last one of a dialogue, would go and why; given as in `query`.

        No language model is loaded, unless an edit in scope may be one that some model holds in its weights, scope is
        in doubt and asks the model, or the gate weighs the model's own answer or wants a passage of the model's own,
        which is then generated.
        """
        asked = _questions([turns_of(question, messages)], as_of, namespace)
        return replace(self._route(self.scope.judge(asked, near=True))[0], question=asked[0].text)

    def load(self) -> None:
        """Load what decisions and writes need, the encoder and the reader, which else the first of them does.

        Raises:
            KeditError: one of them cannot be loaded.
        """
        self.memory.encode(["Is anybody here?"])
        if verifier := self.scope.pair_verifier:
            verifier.load()

    def link(self, question: str, *, namespace: str = DEFAULT_NAMESPACE) -> tuple[Mention, ...]:
        """The known names in a question."""
        text = clean(question, "question", LONGEST_MESSAGE)
        with self.memory.reader(namespace=namespace) as reader:
            return self.scope.linker(reader).link(text)

    def judge_many(self, questions: Sequence[str | Dialogue], *, namespace: str = DEFAULT_NAMESPACE) -> list[Judged]:
        """The best candidate of each question, or dialogue, with its score, before any threshold.

        Nothing is generated. Errors as in `query`.
        """
        asked = _questions([asked_of(one) for one in questions], None, namespace)
        return [
            replace(one.judged, question=message.text)
            for message, one in zip(asked, self.scope.judge(asked), strict=True)
        ]

    def rulings(
        self, questions: Sequence[str | Dialogue], *, as_of: str | None = None, namespace: str = DEFAULT_NAMESPACE
    ) -> list[Ruling]:
        """For each question, or dialogue, the edit that answers it, if one does, and what no answer may tell.

        For a server that stands before another program's model: nothing is generated or retrieved, and what a model of
        ours holds in its weights does not count. Errors as in `query`.
        """
        worded = [asked_of(one) for one in questions]
        judged = self.scope.judge(_questions(worded, as_of, namespace))
        return [
            Ruling(
                decision=self._ruled(one, *given),
                related=() if one.fires else self.passages.related(one, hops=True),
                erasures=self._erasures([one], [one.text]),
                timings=one.timings,
            )
            for one, given in zip(judged, worded, strict=True)
        ]

    def _ruled(self, question: Question, asked: str, turns: tuple[Message, ...]) -> Decision | None:
        if not question.fires:
            return None
        return _as_asked(hit(question, self.scope.why(question), self.config.path), asked, turns)

    def preview(
        self,
        request: EditRequest,
        questions: Iterable[str | Dialogue] = (),
        *,
        on_conflict: str = OnConflict.SUPERSEDE,
        progress: Progress = silent,
    ) -> Preview:
        """What an edit would do if it were added: which logged questions it would answer, which edits it would touch.

        Nothing is written into the store. Of many questions those are read that name the edit's subject, or are among
        the likeliest by meaning or by words.

        Args:
            request: what `EditMemory.add` would be given, or with kind `erasure` `erase`.
            questions: of a log, or dialogues as in `query`; those that cannot be read are counted and passed over.
            on_conflict: as in `EditMemory.add`.
            progress: hears what is being done.

        Raises:
            ConflictError, InvalidInputError: as in `EditMemory.add`.
        """
        return preview(self.scope, request, questions, on_conflict=on_conflict, progress=progress)

    def retrieve(self, question: str, mentions: Sequence[Mention]) -> list[RetrievedPassage]:
        """The default namespace's best passages that speak of a question, those that contradict an edit among them."""
        return list(self.passages.sifted(question, mentions, DEFAULT_NAMESPACE).kept)

    def _ask(
        self,
        questions: Sequence[Question],
        worded: Sequence[Asked],
        *,
        on_text: OnText | None = None,
        max_new_tokens: int | None = None,
    ) -> list[Answer]:
        """The whole way of questions of one namespace and day; models read each as it was worded, after its turns."""
        routed = self._route(self.scope.judge(questions))
        asked = [_as_asked(one, *given) for one, given in zip(routed, worded, strict=True)]
        limited = replace(self._speakers, max_new_tokens=max_new_tokens or self._speakers.max_new_tokens)
        return self._answer(asked, questions, limited, on_text)

    def _route(self, questions: Sequence[Question]) -> list[Decision]:
        """Where verified questions go."""
        held = self._held(questions)
        return [self._routed(one, held=one.stored and one.best.edit.id in held) for one in questions]

    def _routed(self, question: Question, *, held: bool) -> Decision:
        if question.left:
            return self._misses.decide(question)
        if not question.fires:
            return _missed(question, self._misses.decide(question))
        why = self.scope.why(question)
        return consolidated(question, why) if held else hit(question, why, self.config.path)

    def _answer(
        self,
        decisions: Sequence[Decision],
        questions: Sequence[Question],
        speakers: Speakers,
        on_text: OnText | None = None,
    ) -> list[Answer]:
        """What is said; what a model says of an erased fact is not, whether it or the question names the subject."""
        started = perf_counter()
        erasing = self._erasing(questions)
        heard = self._heard(decisions, questions, on_text) if erasing and on_text else None
        answers = answer_many(decisions, speakers, heard or on_text)
        if erasing:
            texts = [f"{one.question} {one.text}" for one in answers if _of_the_model(one)]
            erasures = self._erasures(questions, texts, self._erased)
            answers = [_without_erased(one, erasures) for one in answers]
            if heard is not None:
                heard.finish(answers[0].text)
        share = (perf_counter() - started) / max(1, len(answers))
        return [replace(one, timings={**one.timings, "answer": share}) for one in answers]

    def _heard(self, decisions: Sequence[Decision], questions: Sequence[Question], on_text: OnText) -> Heard | None:
        """What lets a reply of the model be heard; None where an edit answers, which was meant to be heard."""
        if not decisions or not _of_the_model(decisions[0]):
            return None
        asked = decisions[0].question
        return Heard(on_text, lambda said: bool(self._erasures(questions, [f"{asked} {said}"]).erased))

    def _erasing(self, questions: Sequence[Question]) -> bool:
        """Whether anything is erased in the namespace and on the day of the questions."""
        if not questions:
            return False
        with self.memory.reader(as_of=questions[0].as_of, namespace=questions[0].namespace) as reader:
            return reader.any_erasing()

    def _erasures(
        self, questions: Sequence[Question], texts: Sequence[str], values: ErasedValues | None = None
    ) -> Erasures:
        """The erasures about a name of some texts; the questions are of one namespace and day."""
        if not questions or not texts:
            return Erasures()
        first = questions[0]
        with self.memory.reader(as_of=first.as_of, namespace=first.namespace) as reader:
            if not reader.any_erasing():
                return Erasures()
            linked = self.scope.linker(reader).read_many(texts)
            return Erasures.about(reader, texts, linked, self.scope.pair_verifier, values)

    def _held(self, questions: Sequence[Question]) -> frozenset[str]:
        """The edits in scope that the model holds in its weights; which model it is, is asked only where some does."""
        firing = {one.best.edit.id for one in questions if one.stored}
        if not firing or not self.memory.any_consolidated():
            return frozenset()
        return self.memory.held_by(self.model.fingerprint, firing)

    def _learned(self) -> "LearnedValues":
        from kedit_memory.routing.learned_values import LearnedValues  # loads torch

        return LearnedValues(self.memory.path, self.model)

    def _chosen_gate(self) -> Gate:
        table = self._popularity or self.background.popularity
        calibration = None if self._popularity else self._calibration()
        return choose_gate(calibration, self.background, table, self.config.max_tier)

    def _calibration(self) -> GateCalibration | None:
        name = self._given if isinstance(self._given, str) else getattr(self._given, "name", None)
        search, kept = kind_of(self.passages.retriever()), self.memory.note(GATE)
        return calibration_for(name, search, self.config.passages, kept, self.background.name)


def _missed(question: Question, decision: Decision) -> Decision:
    """The decision about a question that no edit answers, with what else was looked at."""
    told = [decision.reason]
    if question.model_says is not None:
        told.append(f"the model was asked whether edit {question.best.edit.id} answers it, and says no")
    if question.when is not None:
        told.append(f"the time asked about: {question.when}")
    return replace(decision, reason="; ".join(told))


def _read(given: object, place: int) -> Asked | InvalidInputError:
    """One of many questions with the turns before it, or why it cannot be read."""
    name = f"questions[{place}]"
    try:
        asked, turns = turns_of(None, given) if isinstance(given, (list, tuple)) else (given, ())
        clean(asked, name, LONGEST_MESSAGE)
    except InvalidInputError as error:
        why = str(error)
        return error if why.startswith(name) else InvalidInputError(f"{name}: {why}")
    return str(asked), turns


def _as_asked(decision: Decision, question: str, turns: tuple[Message, ...]) -> Decision:
    """The decision for the very words and the dialogue; an own answer to anything else is none."""
    own = decision.own_answer if decision.question == question and not turns else None
    return replace(decision, question=question, turns=turns, own_answer=own)


def _questions(asked: Sequence[Asked], as_of: str | None, namespace: str) -> list[Question]:
    """Questions at the beginning of their way, in normal form."""
    namespace = clean_line(namespace, "namespace", LONGEST_NAME)
    return [
        Question(text=clean(text, "question", LONGEST_MESSAGE), as_of=as_of, namespace=namespace, turns=window(turns))
        for text, turns in asked
    ]


def _loaded(model: str | TextModel | Callable[[], TextModel], device: str | None) -> TextModel:
    if isinstance(model, str):
        return load_model(model, device=device)
    return model if isinstance(model, TextModel) else model()


def _of_the_model(one: Decision) -> bool:
    """Whether the model said what it likes: also where it was asked for what edits lead to and do not say."""
    return one.route in _OF_THE_MODEL or bool(one.left)


def _without_erased(answer: Answer, erasures: Erasures) -> Answer:
    """The answer, or a refusal where a model told what was erased; what an edit says was meant to be said."""
    if not _of_the_model(answer):
        return answer
    told = erasures.told_by(answer.question, answer.text)
    return refused(answer, f"the answer told what edit {told.id} has erased, so it is not given") if told else answer
