"""The way of a question, in order: link → recall → verify → route → answer."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter

from kedit_memory.errors import InvalidInputError
from kedit_memory.memory import EditMemory
from kedit_memory.memory.add import LONGEST_NAME, clean
from kedit_memory.models.language import TextModel, load_model
from kedit_memory.models.prompts import MAX_NEW_TOKENS
from kedit_memory.records import DEFAULT_NAMESPACE, Answer, Decision, Kind, Mention, RetrievedPassage, Route, Vectors
from kedit_memory.retrieval.bm25 import Bm25Retriever
from kedit_memory.retrieval.corpus import Corpus, read_passages
from kedit_memory.routing.answer import carry_out, fitted
from kedit_memory.routing.gate import PopularityGate
from kedit_memory.routing.link import Linker, fold, world_names
from kedit_memory.routing.popularity import PopularityTable
from kedit_memory.routing.recall import Asked, Recall, recall
from kedit_memory.shipped import passages_file
from kedit_memory.world import World, load_world

_PROPER = re.compile(r"(?<=\w )[A-Z]\w+")  # capitalised within a sentence
PATHS = ("auto", "context", "direct")


@dataclass(frozen=True, kw_only=True)
class RouterConfig:
    """Choices of a router, checked when they are made.

    Attributes:
        path: how an edit in scope answers: `context` puts it before the question, `direct` says the stored
            target, `auto` says the target to the edit's own wording and uses the context for any other.
        max_tier: subjects up to this popularity tier are left to the model's own recall.
        passages: how many passages are put before a question, 0 to retrieve nothing.
        max_new_tokens: where a generated answer is cut.
    """

    path: str = "auto"
    max_tier: int = 2
    passages: int = 3
    max_new_tokens: int = MAX_NEW_TOKENS

    def __post_init__(self) -> None:
        if self.path not in PATHS:
            raise InvalidInputError(f"no path {self.path!r} for edits in scope; choose one of {', '.join(PATHS)}")
        if min(self.max_tier, self.passages) < 0 or self.max_new_tokens < 1:
            raise InvalidInputError("max_tier and passages must be 0 or more, max_new_tokens 1 or more")


class Router:
    """Answers questions from the edits of a memory, from passages, or by the model alone, and says which.

    Args:
        memory: an open store.
        model: a name (see `load_model`), a model, or a function that gives one; loaded at the first question
            that needs it.
        retriever: searches passages; by default BM25 over the shipped ones and those ingested into the store.
        popularity: tiers by name; by default those of the shipped world.
        config: see `RouterConfig`.
    """

    def __init__(
        self,
        memory: EditMemory,
        model: str | TextModel | Callable[[], TextModel] = "kedit-mini",
        *,
        retriever: Bm25Retriever | None = None,
        popularity: PopularityTable | None = None,
        config: RouterConfig | None = None,
    ) -> None:
        self.memory = memory
        self.config = config or RouterConfig()
        self._model = model
        self._retriever = retriever
        self._popularity = popularity
        self._world: World | None = None
        self._linker: Linker | None = None
        self._linked = 0  # the operation up to which the linker knows the store's names

    @property
    def model(self) -> TextModel:
        """The language model, loaded now if it was not."""
        if isinstance(self._model, str):
            self._model = load_model(self._model)
        elif not isinstance(self._model, TextModel):
            self._model = self._model()
        return self._model

    def query(self, question: str, *, as_of: str | None = None, namespace: str = DEFAULT_NAMESPACE) -> Answer:
        """The answer to one question, with its route and reason; `as_of` asks by the edits valid on that day.

        Raises:
            InvalidInputError: the question is empty, too long or not text.
            ModelError: the model cannot be loaded or asked.
        """
        return self.query_many([question], as_of=as_of, namespace=namespace)[0]

    def query_many(
        self, questions: Sequence[str], *, as_of: str | None = None, namespace: str = DEFAULT_NAMESPACE
    ) -> list[Answer]:
        """The answers to many questions, in order; the encoder and the model are asked in batches."""
        decisions = self._decide(questions, as_of, namespace)
        started = perf_counter()
        decisions = fitted(decisions, lambda: self.model, self.config.max_new_tokens)
        texts = carry_out(decisions, lambda: self.model, self.config.max_new_tokens)
        share = (perf_counter() - started) / max(1, len(decisions))
        return [_answer(decision, text, share) for decision, text in zip(decisions, texts, strict=True)]

    def explain(self, question: str, *, as_of: str | None = None, namespace: str = DEFAULT_NAMESPACE) -> Decision:
        """Where a question would go and why; nothing is generated and no language model is loaded."""
        return self._decide([question], as_of, namespace)[0]

    def _decide(self, questions: Sequence[str], as_of: str | None, namespace: str) -> list[Decision]:
        cleaned = [clean(question, "question") for question in questions]
        namespace = clean(namespace, "namespace", LONGEST_NAME)
        if not cleaned:
            return []
        linker = self._current_linker()
        started = perf_counter()
        vectors = self.memory.encode(cleaned)  # (questions, dim)
        share = (perf_counter() - started) / max(1, len(cleaned))
        steps = _Steps(self, linker, as_of, namespace)
        return [steps.decide(q, vector, share) for q, vector in zip(cleaned, vectors, strict=True)]

    def _current_linker(self) -> Linker:
        """The linker, with the names of edits that were added since it was last used."""
        if self._linker is None:
            world = self._shipped_world()
            self._linker = Linker(world_names({name: e.aliases for name, e in world.entities.items()}))
        self._linked, names = self.memory.names(after=self._linked)
        self._linker.add(names)
        return self._linker

    def _shipped_world(self) -> World:
        if self._world is None:
            self._world = load_world()
        return self._world

    @property
    def gate(self) -> PopularityGate:
        """The gate of missed questions."""
        if self._popularity is None:
            self._popularity = PopularityTable.of_world(self._shipped_world())
        return PopularityGate(self._popularity, self.config.max_tier)

    def retrieve(self, question: str, mentions: Sequence[Mention]) -> list[RetrievedPassage]:
        """The best passages that name one of the question's subjects, or where none is known all its proper names."""
        if self.config.passages == 0:
            return []
        if self._retriever is None:
            own = Corpus(self.memory.path).passages.values()
            self._retriever = Bm25Retriever([*read_passages(passages_file()), *own])
        found = self._retriever.search(question, self.config.passages)
        names = {fold(word) for mention in mentions for word in (mention.surface, mention.name)}
        proper = set() if names else {fold(word) for word in _PROPER.findall(question)}
        texts = [fold(f"{f.passage.title} {f.passage.text}") for f in found]
        return [
            f
            for f, text in zip(found, texts, strict=True)
            if (not names or any(name in text for name in names)) and all(word in text for word in proper)
        ]


@dataclass(frozen=True)
class _Steps:
    """The steps of one question, for the settings of one call."""

    router: Router
    linker: Linker
    as_of: str | None
    namespace: str

    def decide(self, question: str, vector: Vectors, encoding: float) -> Decision:
        timings = {"encode": encoding}
        with _timed(timings, "link"):
            mentions = self.linker.link(question)
        with _timed(timings, "recall"):
            asked = Asked(question=question, vector=vector, mentions=mentions)
            found = recall(self.router.memory, self.linker, asked, as_of=self.as_of, namespace=self.namespace)
        if found.covering:
            return self._hit(question, found, timings)
        return self._miss(question, mentions, found, timings)

    def _hit(self, question: str, found: Recall, timings: dict[str, float]) -> Decision:
        best, *others = found.covering
        edit = best.edit
        where = f"edit {edit.id} is in scope (distance {best.distance:.3f} within radius {best.radius:.3f})"
        own_words = fold(question) == fold(edit.prompt)
        path = self.router.config.path
        if edit.kind is Kind.ERASURE:
            route, reason = Route.REFUSAL, f"{where} and erases the fact"
        elif path == "direct" or (path == "auto" and own_words):
            route, reason = Route.DIRECT, where + (", asked in its own words" if own_words else "")
        else:
            route, reason = Route.CONTEXT, f"{where}, so it is put before the question"
        return Decision(
            question=question,
            route=route,
            reason=reason,
            edits=(best,),
            considered=(*others, *found.set_aside),
            timings=timings,
        )

    def _miss(self, question: str, mentions: Sequence[Mention], found: Recall, timings: dict[str, float]) -> Decision:
        gate = self.router.gate
        passages: list[RetrievedPassage] = []
        if gate.wants_passages(mentions):
            with _timed(timings, "retrieve"):
                passages = self.router.retrieve(question, mentions)
        chosen = gate.decide(mentions, passages)
        return Decision(
            question=question,
            route=chosen.route,
            reason=chosen.reason,
            considered=found.set_aside,
            passages=tuple(passages),
            popularity=chosen.popularity,
            timings=timings,
        )


@contextmanager
def _timed(timings: dict[str, float], step: str) -> Iterator[None]:
    started = perf_counter()
    yield
    timings[step] = perf_counter() - started


def _answer(decision: Decision, text: str, seconds: float) -> Answer:
    return Answer(text=text, **(vars(decision) | {"timings": {**decision.timings, "answer": seconds}}))
