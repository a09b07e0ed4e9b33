"""What passages may go before a question: found or written, about it, and spoken against by no edit."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace

from kedit_memory.memory import EditMemory
from kedit_memory.memory.index import load_engine
from kedit_memory.memory.requests import fact_of
from kedit_memory.models.cross_encoder import load_cross_encoder
from kedit_memory.models.instructions import instruct
from kedit_memory.records import DEFAULT_NAMESPACE, Answered, Mention, OutdatedPassage, Passage, RetrievedPassage
from kedit_memory.retrieval.base import Retriever
from kedit_memory.retrieval.corpus import has_passages
from kedit_memory.retrieval.dense import ENGINE
from kedit_memory.retrieval.generated import LONGEST, GeneratedPassages, Written
from kedit_memory.retrieval.passages import Sifted, asking_for, default_retriever, sift
from kedit_memory.retrieval.relevance import Relevance
from kedit_memory.retrieval.rerank import PairScorer, RerankedRetriever
from kedit_memory.routing.answer import Speakers
from kedit_memory.routing.background import Background
from kedit_memory.routing.config import GENERATED, RouterConfig
from kedit_memory.routing.contradictions import Contradictions, without
from kedit_memory.routing.erasures import Erasures
from kedit_memory.routing.guarded import helps
from kedit_memory.routing.once import Once
from kedit_memory.routing.question import UNLINKED, Question, Weighed, timed
from kedit_memory.routing.scope import Scope


@dataclass(frozen=True, kw_only=True)
class Retrieved:
    """What a search found for a question.

    Attributes:
        kept: passages that may go before it.
        aside: those that do not speak of it.
        outdated: those that state what an edit has replaced.
        erased: those that state nothing else about it than what was erased.
        cut: those out of which what was erased was cut.
    """

    kept: tuple[RetrievedPassage, ...] = ()
    aside: tuple[RetrievedPassage, ...] = ()
    outdated: tuple[OutdatedPassage, ...] = ()
    erased: tuple[OutdatedPassage, ...] = ()
    cut: tuple[OutdatedPassage, ...] = ()


class Passages:
    """Finds passages for questions; one thread at a time searches."""

    def __init__(  # noqa: PLR0913 - each is a part that can be replaced
        self,
        memory: EditMemory,
        scope: Scope,
        config: RouterConfig,
        speakers: Speakers,
        *,
        background: Background,
        retriever: Retriever | None,
        reranker: str | PairScorer | None,
    ) -> None:
        self._memory, self._scope, self._config, self._speakers = memory, scope, config, speakers
        self._background, self._given = background, retriever
        self._reranker = Once(lambda: load_cross_encoder(reranker) if isinstance(reranker, str) else reranker)
        self._relevance = Once(lambda: Relevance(memory.encoder))
        self._searches: dict[str, Retriever] = {}  # by namespace
        self._searching = threading.RLock()

    def none_to_find(self, namespace: str) -> str:
        """Why no passage can be found for a namespace, in words; empty where one may be."""
        if self._config.passages == 0:
            return "no passages are wanted"
        given = self._given is not None or self._config.passages_from == GENERATED or self._background.passages
        return "" if given or has_passages(self._memory.path, namespace) else "the store has no passages"

    def about(self, question: Question, timings: dict[str, float]) -> Retrieved:
        """What is found for a question, held against the edits of its namespace and day."""
        with timed(timings, "retrieve"):
            sifted = self.sifted(question.text, question.mentions, question.namespace)
        if not sifted.kept:
            return Retrieved(aside=sifted.aside)
        with timed(timings, "compare"):
            return self._compared(sifted, question)

    def related(self, question: Question, *, hops: bool = False) -> tuple[RetrievedPassage, ...]:
        """Edits that do not answer a question but speak of it, as passages, the nearest first; as many as are wanted.

        Those that it names speak of it, and others that come as near as passages have to. One that differs from it in a
        value only where that helps: what holds for 10 kg is not told to whoever asks for 20 kg. With `hops`, also and
        first those that say what its phrases stand for.
        """
        if not self._config.related:
            return ()
        leading = {hop.by.edit.id: _as_passage(hop.by) for hop in question.hops}
        left = [one for one in question.weighed if one.edit.id not in leading and helps(question, one)]
        first = tuple(leading.values()) if hops else ()
        if not left:  # nothing need be encoded
            return first
        named = [_as_passage(one) for one in left if one.candidate.found != UNLINKED]
        others = [_as_passage(one) for one in left if one.candidate.found == UNLINKED]
        with self._searching:
            speaking = [*named, *sift(question.text, question.mentions, others, self._relevance()).kept]
            scores = self._relevance().scores(question.text, [one.passage for one in speaking])
        near = sorted(zip(scores, speaking, strict=True), key=lambda one: -one[0])[: self._config.related]
        return (*first, *(replace(one, score=score) for score, one in near))

    def sifted(self, question: str, mentions: Sequence[Mention], namespace: str) -> Sifted:
        """What the search finds, parted by whether it speaks of the question."""
        if self._config.passages == 0:
            return Sifted()
        asked = question if self._config.passages_from == GENERATED else asking_for(question, mentions)
        with self._searching:
            found = self.retriever(namespace).search(asked, self._config.passages)
            return sift(question, mentions, found, self._relevance())

    def search(self, text: str, count: int, namespace: str) -> list[RetrievedPassage]:
        """The best passages of a namespace by the search alone, whether or not they speak of a text."""
        if self.none_to_find(namespace):
            return []
        with self._searching:
            return self.retriever(namespace).search(text, count)

    def retriever(self, namespace: str = DEFAULT_NAMESPACE) -> Retriever:
        """What a namespace's passages come from: a search, reranked where that is asked for, or the model."""
        with self._searching:
            if namespace not in self._searches:
                generated = self._config.passages_from == GENERATED
                self._searches[namespace] = GeneratedPassages(self._write) if generated else self._search(namespace)
            return self._searches[namespace]

    def _compared(self, sifted: Sifted, question: Question) -> Retrieved:
        with self._memory.reader(as_of=question.as_of, namespace=question.namespace) as reader:
            linker = self._scope.linker(reader)
            compared = Contradictions(reader, linker, self._background, sifted.kept)
            texts = [f"{one.passage.title} {one.passage.text}" for one in sifted.kept]
            erasures = Erasures.about(reader, texts, compared.linked, self._scope.pair_verifier)
        outdated = compared.outdated
        kept, stating = erasures.cleared(without(sifted.kept, outdated))
        if stating:  # what is left of a passage may not be about the question any more
            with self._searching:
                kept = list(sift(question.text, question.mentions, kept, self._relevance()).kept)
        left = {one.passage.id for one in kept}
        cut = tuple(one for one in stating if one.passage.id in left)
        erased = tuple(one for one in stating if one.passage.id not in left)
        return Retrieved(kept=tuple(kept), aside=sifted.aside, outdated=outdated, erased=erased, cut=cut)

    def _search(self, namespace: str) -> Retriever:
        """The search given, or that over the namespace's passages; reranked where that is asked for."""
        search, scorer = self._given, self._reranker()
        if search is None:
            beside, engine = self._background.passages, load_engine(ENGINE)
            search = default_retriever(self._memory.path, self._memory.encoder, engine, beside, namespace=namespace)
        return search if scorer is None else RerankedRetriever(search, scorer)

    def _write(self, instruction: str) -> Written:
        """A passage that the model writes when told to; one that follows no instructions says so (CapabilityError)."""
        with self._speakers.asking():
            model = self._speakers.model()
            text = instruct(model, instruction, "a generated passage (GenRead)", max_new_tokens=LONGEST)
        return Written(text=text, by=model.name)


def _as_passage(one: Weighed) -> RetrievedPassage:
    fact = fact_of(one.edit)
    text = fact.sentence if isinstance(fact, Answered) else fact
    return RetrievedPassage(
        passage=Passage(id=one.edit.id, title=one.edit.subject or "", text=text, source=one.edit.source),
        score=one.score,
        edit_id=one.edit.id,
    )
