"""The way of a question, in order: link → recall → verify → route → answer."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

from kedit_memory.errors import InvalidInputError
from kedit_memory.memory import EditMemory
from kedit_memory.memory.index import load_engine
from kedit_memory.models.cross_encoder import load_cross_encoder
from kedit_memory.models.instructions import instruct
from kedit_memory.models.language import OnText, TextModel
from kedit_memory.models.named import load_model
from kedit_memory.models.sources import COUNTERFACTUAL
from kedit_memory.popularity.table import PopularityTable
from kedit_memory.records import (
    DEFAULT_NAMESPACE,
    Answer,
    Decision,
    Kind,
    Mention,
    Message,
    OutdatedPassage,
    RetrievedPassage,
    Route,
)
from kedit_memory.retrieval.base import Retriever, kind_of
from kedit_memory.retrieval.corpus import has_passages
from kedit_memory.retrieval.dense import ENGINE
from kedit_memory.retrieval.generated import LONGEST, GeneratedPassages, Written
from kedit_memory.retrieval.passages import Sifted, asking_for, default_retriever, sift, told_aside
from kedit_memory.retrieval.relevance import Relevance
from kedit_memory.retrieval.rerank import PairScorer, RerankedRetriever
from kedit_memory.routing.answer import Speakers, answer_many
from kedit_memory.routing.background import Background
from kedit_memory.routing.contradictions import Contradictions, left_out, without
from kedit_memory.routing.dialogue import turns_of
from kedit_memory.routing.gate.calibration import NOTE as GATE
from kedit_memory.routing.gate.calibration import GateCalibration
from kedit_memory.routing.gate.choice import calibration_for, choose_gate
from kedit_memory.routing.gate.gate import Gate
from kedit_memory.routing.gate.uncertainty import OwnAnswer, can_read, own_answers
from kedit_memory.routing.question import EXACT, NEAR_SHOWN, Judged, Question, timed
from kedit_memory.routing.scope import SCOPES, Scope
from kedit_memory.routing.verify import ScopeVerifier
from kedit_memory.text import LONGEST_NAME, clean, clean_line

if TYPE_CHECKING:
    from kedit_memory.routing.learned_values import LearnedValues

RETRIEVED, GENERATED = "retrieved", "generated"
UNREADABLE = "I cannot read that question."
PATHS = ("auto", "context", "direct", "grace", "serac")


@dataclass(frozen=True, kw_only=True)
class RouterConfig:
    """Choices of a router, checked when they are made.

    Attributes:
        path: how an edit in scope answers: `context` puts it before the question, `direct` says the stored
            target, `grace` puts a value that the model learned for it in place of one of its states (which needs a
            model whose states are at hand), `serac` has the counterfactual model read it and answer in the model's
            place, `auto` says the target to the edit's own wording and uses the context
            for any other.
        scope: what decides whether an edit answers a question that names its subject: `verified`, the pair model;
            `radius`, the reach of the edit's keys; `auto`, the pair model unless its weights are not installed or the
            store's encoder has none either.
        max_tier: subjects up to this popularity tier are left to the model's own recall, where no gate is calibrated
            for the model.
        passages: how many passages are put before a question, 0 to retrieve nothing.
        passages_from: `retrieved`, by a search; `generated`, one that the model writes for the question (GenRead, Yu et
            al., ICLR 2023), which needs a model that follows instructions.
        max_new_tokens: where a generated answer is cut; by default it is as long as the model makes it.
    """

    path: str = "auto"
    scope: str = "auto"
    max_tier: int = 2
    passages: int = 3
    passages_from: str = RETRIEVED
    max_new_tokens: int | None = None

    def __post_init__(self) -> None:
        if self.path not in PATHS:
            raise InvalidInputError(f"no path {self.path!r} for edits in scope; choose one of {', '.join(PATHS)}")
        if self.scope not in SCOPES:
            raise InvalidInputError(f"no scope {self.scope!r}; choose one of {', '.join(SCOPES)}")
        if self.passages_from not in (RETRIEVED, GENERATED):
            raise InvalidInputError(f"no passages_from {self.passages_from!r}; choose one of {RETRIEVED}, {GENERATED}")
        if min(self.max_tier, self.passages) < 0 or (self.max_new_tokens or 1) < 1:
            raise InvalidInputError("max_tier and passages must be 0 or more, max_new_tokens 1 or more")


class Router:
    """Answers questions from the edits of a memory, from passages, or by the model alone, and says which.

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
        self._values: LearnedValues | None = None
        self.config = config or RouterConfig()
        if self.config.passages_from == GENERATED and (retriever is not None or reranker is not None):
            raise InvalidInputError(
                "passages are to be generated, so no retriever and no reranker is asked; leave them out, or "
                f"choose passages_from {RETRIEVED!r}"
            )
        self._reranker = reranker
        self._model = model
        self._asks: TextModel | None = None  # the model, once it is loaded
        self._counterfactual = counterfactual
        self._reads: TextModel | None = None  # the counterfactual model, once it is loaded
        self._retriever = retriever
        self._searches: dict[str, Retriever] = {}  # by namespace
        self._relevance: Relevance | None = None
        self._popularity = popularity
        self._gate: Gate | None = None
        self._scope: Scope | None = None
        self._verifier = verifier

    @property
    def model(self) -> TextModel:
        """The language model, loaded now if it was not."""
        if self._asks is None:
            self._asks = _loaded(self._model)
        return self._asks

    @property
    def counterfactual(self) -> TextModel:
        """The model that reads edits on the path `serac`, loaded now if it was not."""
        if self._reads is None:
            self._reads = _loaded(self._counterfactual)
        return self._reads

    def query(
        self,
        question: str | None = None,
        *,
        messages: Sequence[Message | Mapping[str, Any]] | None = None,
        as_of: str | None = None,
        namespace: str = DEFAULT_NAMESPACE,
        on_text: OnText | None = None,
    ) -> Answer:
        """The answer to one question, with its route and reason.

        Args:
            question: a question or a cloze prompt.
            messages: in its place a dialogue, each turn with `role` and `content`; the last one, the user's, is the
                question, and a chat model reads those before it.
            as_of: the day (ISO 8601) whose valid edits answer.
            namespace: of the edits.
            on_text: is given the answer in pieces: as they are generated, where it need not be compared with an edit.

        Raises:
            InvalidInputError: the question is empty, too long or not text, or the messages are no dialogue.
            CapabilityError: a model without a chat template is asked to go on with a dialogue.
            ModelError: the model cannot be loaded or asked.
        """
        asked, turns = turns_of(question, messages)
        (decision,) = self._decide([asked], as_of, namespace)
        return self._answered([_as_asked(decision, asked, turns)], on_text)[0]

    def query_many(
        self, questions: Sequence[str], *, as_of: str | None = None, namespace: str = DEFAULT_NAMESPACE
    ) -> list[Answer]:
        """The answers to many questions, in order; the encoder and the model are asked in batches.

        A question that cannot be read, which `query` raises for, is refused with that reason and stops no other.
        """
        unread = {place: why for place, text in enumerate(questions) if (why := _unreadable(text, place))}
        asked = {place: text for place, text in enumerate(questions) if place not in unread}
        decisions = self._decide(list(asked.values()), as_of, namespace)
        # The model is asked word for word, whatever was folded to find an edit.
        worded = [_as_asked(one, text) for one, text in zip(decisions, asked.values(), strict=True)]
        answers = dict(zip(asked, self._answered(worded), strict=True))
        refused = {
            place: Answer(question=str(questions[place]), route=Route.REFUSAL, reason=why, text=UNREADABLE)
            for place, why in unread.items()
        }
        return [one for _, one in sorted((answers | refused).items())]

    def _answered(self, decisions: Sequence[Decision], on_text: OnText | None = None) -> list[Answer]:
        started = perf_counter()
        speakers = Speakers(
            model=lambda: self.model,
            counterfactual=lambda: self.counterfactual,
            values=lambda: self.values,
            max_new_tokens=self.config.max_new_tokens,
        )
        answers = answer_many(decisions, speakers, on_text)
        share = (perf_counter() - started) / max(1, len(answers))
        return [replace(one, timings={**one.timings, "answer": share}) for one in answers]

    def explain(self, question: str, *, as_of: str | None = None, namespace: str = DEFAULT_NAMESPACE) -> Decision:
        """Where a question would go and why.

        No language model is loaded, unless an edit in scope may be one that some model holds in its weights, or the
        gate weighs the model's own answer or wants a passage of the model's own, which is then generated.
        """
        return self._decide([question], as_of, namespace, near=True)[0]

    def link(self, question: str, *, namespace: str = DEFAULT_NAMESPACE) -> tuple[Mention, ...]:
        """The known names in a question."""
        text = clean(question, "question")
        with self.memory.reader(namespace=namespace) as reader:
            return self.scope.linker(reader).link(text)

    def judge_many(self, questions: Sequence[str], *, namespace: str = DEFAULT_NAMESPACE) -> list[Judged]:
        """The best candidate of each question with its score, before any threshold; nothing is generated."""
        return [one.judged for one in self.scope.find(_questions(questions, None, namespace))]

    @property
    def values(self) -> "LearnedValues":
        """What the model learned of the store's edits, for the path `grace`.

        Raises:
            CapabilityError: the model does not show its states.
        """
        if self._values is None:
            from kedit_memory.routing.learned_values import LearnedValues  # loads torch

            self._values = LearnedValues(self.memory.path, self.model)
        return self._values

    @property
    def scope(self) -> Scope:
        """What says which edits a question may mean; nothing is loaded for it until it is asked."""
        if self._scope is None:
            how = self.config.scope
            self._scope = Scope(self.memory, self.background, verifier=self._verifier, how=how)
        return self._scope

    def _decide(
        self, questions: Sequence[str], as_of: str | None, namespace: str, *, near: bool = False
    ) -> list[Decision]:
        verified = self.scope.find(_questions(questions, as_of, namespace), near=near)
        held = self._held(verified)
        return [self._route(one, held) for one in verified]

    def _route(self, question: Question, held: Collection[str]) -> Decision:
        if not question.fires:
            return self._miss(question)
        return self._consolidated(question) if question.best.edit.id in held else self._hit(question)

    def _held(self, questions: Sequence[Question]) -> Collection[str]:
        """The edits in scope that the model holds in its weights; which model it is, is asked only where some does."""
        firing = {one.best.edit.id for one in questions if one.fires}
        return self.memory.held_by(self.model.fingerprint, firing) if firing and self.memory.any_consolidated() else ()

    def _consolidated(self, question: Question) -> Decision:
        """The model's own answer, without passages: they were written before the edit, and would speak against it."""
        best = question.best
        where = f"edit {best.edit.id} is in scope ({self.scope.why(best)})"
        return Decision(
            question=question.text,
            route=Route.PARAMETRIC,
            reason=f"{where} and consolidated: the model's weights hold it",
            considered=tuple(one.match for one in question.weighed[:NEAR_SHOWN]),
            timings=question.timings,
        )

    def _hit(self, question: Question) -> Decision:
        best, *others = question.weighed
        match, edit = best.match, best.edit
        where = f"edit {edit.id} is in scope ({self.scope.why(best)})"
        own_words = best.candidate.stratum == EXACT
        path = self.config.path
        if edit.kind is Kind.ERASURE:
            route, reason = Route.REFUSAL, f"{where} and erases the fact"
        elif path == "direct" or (path == "auto" and own_words):
            route, reason = Route.DIRECT, where
        elif path == "grace":
            route, reason = Route.GRACE, f"{where}, and its learned value takes the place of the model's state"
        elif path == "serac":
            route, reason = Route.SERAC, f"{where}, and the counterfactual model reads it and answers"
        else:
            route, reason = Route.CONTEXT, f"{where}, so it is put before the question"
        return Decision(
            question=question.text,
            route=route,
            reason=reason,
            edits=(match,),
            considered=tuple(one.match for one in others[:NEAR_SHOWN]),
            timings=question.timings,
        )

    def _miss(self, question: Question) -> Decision:
        if nothing := self.nothing_to_search(question.namespace):
            return self._alone(question, nothing)
        text, mentions, timings = question.text, question.mentions, dict(question.timings)
        outdated: list[OutdatedPassage] = []
        aside: list[RetrievedPassage] = []

        def search() -> list[RetrievedPassage]:
            with timed(timings, "retrieve"):
                sifted = self._sifted(text, mentions, question.namespace)
            aside.extend(sifted.aside)
            with timed(timings, "compare"):
                outdated.extend(self._outdated(sifted.kept, question))
            return without(sifted.kept, outdated)

        def ask(asked: str) -> OwnAnswer | None:
            with timed(timings, "ask"):  # with the time in which the model is loaded
                if not can_read(self.model, asked, max_new_tokens=self.config.max_new_tokens):
                    return None
                return own_answers(self.model, [asked], max_new_tokens=self.config.max_new_tokens)[0]

        gate = self.gate
        with timed(timings, "gate"):
            chosen = gate.decide(text, mentions, search, ask)
        timings["gate"] -= sum(timings.get(step, 0.0) for step in ("retrieve", "compare", "ask"))
        return Decision(
            question=text,
            route=chosen.route,
            reason=f"{chosen.reason}{told_aside(aside)}{left_out(outdated)}",
            considered=question.near,
            passages=chosen.passages,
            outdated=tuple(outdated),
            popularity=chosen.popularity,
            own_answer=chosen.own_answer,
            timings=timings,
        )

    def nothing_to_search(self, namespace: str = DEFAULT_NAMESPACE) -> str:
        """Why no passage can be found for a namespace, in words; empty where one may be."""
        if self.config.passages == 0:
            return "no passages are wanted"
        given = self._retriever is not None or self.config.passages_from == GENERATED or self.background.passages
        return "" if given or has_passages(self.memory.path, namespace) else "the store has no passages"

    def _alone(self, question: Question, why: str) -> Decision:
        """The model's own answer, without a gate: there is nothing to choose."""
        return Decision(
            question=question.text,
            route=Route.PARAMETRIC,
            reason=f"no edit in scope; {why}; the model answers alone",
            considered=question.near,
            timings=question.timings,
        )

    def _outdated(self, found: Sequence[RetrievedPassage], question: Question) -> tuple[OutdatedPassage, ...]:
        """The passages that an edit of the question's namespace and day speaks against."""
        if not found:
            return ()
        with self.memory.reader(as_of=question.as_of, namespace=question.namespace) as reader:
            return Contradictions(reader, self.scope.linker(reader), self.background).among(found)

    @property
    def gate(self) -> Gate:
        """The gate of missed questions: calibrated for the model, where that is known by name, else of tiers."""
        if self._gate is None:
            table = self._popularity or self.background.popularity
            calibration = None if self._popularity else self._calibration()
            self._gate = choose_gate(calibration, self.background, table, self.config.max_tier)
        return self._gate

    def _calibration(self) -> GateCalibration | None:
        name = self._model if isinstance(self._model, str) else getattr(self._model, "name", None)
        search, kept = kind_of(self.retriever()), self.memory.note(GATE)
        return calibration_for(name, search, self.config.passages, kept, self.background.name)

    def retriever(self, namespace: str = DEFAULT_NAMESPACE) -> Retriever:
        """What a namespace's passages come from: a search, reranked where that is asked for, or the model."""
        if namespace not in self._searches:
            generated = self.config.passages_from == GENERATED
            self._searches[namespace] = GeneratedPassages(self._write) if generated else self._search(namespace)
        return self._searches[namespace]

    def _search(self, namespace: str) -> Retriever:
        """The search given, or that over the namespace's passages; reranked where that is asked for."""
        search, by = self._retriever, self._reranker
        if search is None:
            beside, engine = self.background.passages, load_engine(ENGINE)
            search = default_retriever(self.memory.path, self.memory.encoder, engine, beside, namespace=namespace)
        if by is None:
            return search
        return RerankedRetriever(search, load_cross_encoder(by) if isinstance(by, str) else by)

    def _write(self, instruction: str) -> Written:
        """A passage that the model writes when told to; one that follows no instructions says so (CapabilityError)."""
        text = instruct(self.model, instruction, "a generated passage (GenRead)", max_new_tokens=LONGEST)
        return Written(text=text, by=self.model.name)

    def retrieve(self, question: str, mentions: Sequence[Mention]) -> list[RetrievedPassage]:
        """The default namespace's best passages that speak of a question, those that contradict an edit among them."""
        return list(self._sifted(question, mentions, DEFAULT_NAMESPACE).kept)

    def _sifted(self, question: str, mentions: Sequence[Mention], namespace: str) -> Sifted:
        """What the search finds, parted by whether it speaks of the question."""
        if self.config.passages == 0:
            return Sifted()
        asked = question if self.config.passages_from == GENERATED else asking_for(question, mentions)
        if self._relevance is None:
            self._relevance = Relevance(self.memory.encoder)
        found = self.retriever(namespace).search(asked, self.config.passages)
        return sift(question, mentions, found, self._relevance)


def _unreadable(question: object, place: int) -> str:
    """Why one of many questions cannot be read; empty where it can."""
    try:
        clean(question, f"questions[{place}]")
    except InvalidInputError as error:
        return str(error)
    return ""


def _as_asked(decision: Decision, question: str, turns: tuple[Message, ...] = ()) -> Decision:
    """The decision for the very words and the dialogue; an own answer to anything else is none."""
    own = decision.own_answer if decision.question == question and not turns else None
    return replace(decision, question=question, turns=turns, own_answer=own)


def _questions(texts: Sequence[str], as_of: str | None, namespace: str) -> list[Question]:
    """Questions at the beginning of their way, in normal form."""
    namespace = clean_line(namespace, "namespace", LONGEST_NAME)
    return [Question(text=clean(text, "question"), as_of=as_of, namespace=namespace) for text in texts]


def _loaded(model: str | TextModel | Callable[[], TextModel]) -> TextModel:
    if isinstance(model, str):
        return load_model(model)
    return model if isinstance(model, TextModel) else model()
