"""Definitions in a memory, as edits or as passages: the router says which of them a probe is given."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

from kedit_memory import world
from kedit_memory.errors import CapabilityError, InvalidInputError
from kedit_memory.evaluation.datasets.onoe import Case, Probe, described, passages
from kedit_memory.evaluation.tasks.definitions.method import DefinitionBench, Method, Told
from kedit_memory.memory import EditMemory
from kedit_memory.models.prompts import Prompt
from kedit_memory.records import Decision, EditRequest
from kedit_memory.retrieval.corpus import Corpus
from kedit_memory.retrieval.documents import Document
from kedit_memory.retrieval.ingest import ingest_documents
from kedit_memory.routing.asking import prompt_of
from kedit_memory.routing.background import Background
from kedit_memory.routing.router import Router, RouterConfig


class Remembered(Method, ABC):
    """The router with a store of its own that holds all definitions; what it would put before a question is used."""

    at_once: ClassVar[bool] = True
    config: ClassVar[RouterConfig]

    def __init__(self, bench: DefinitionBench) -> None:
        super().__init__(bench)
        self._router: Router | None = None

    @abstractmethod
    def store(self, memory: EditMemory, cases: Sequence[Case]) -> None:
        """Put the definitions into an empty store."""

    def background(self) -> Background:
        """What the router is given beside its store: nothing."""
        return Background()

    @contextmanager
    def told(self, cases: Sequence[Case]) -> Iterator[Told]:
        """Store them, and ask a router about them."""
        with (
            TemporaryDirectory() as folder,
            EditMemory.open(Path(folder) / "store", encoder=self.bench.encoder) as memory,
        ):
            self.store(memory, cases)
            self._router = Router(
                memory,
                self.bench.model,
                background=self.background(),
                verifier=self.bench.verifier,
                config=self.config,
            )
            try:
                yield Told()
            finally:
                self._router = None

    def prompt(self, case: Case, probe: Probe) -> Prompt:  # noqa: ARG002
        """The left context after what the router puts before it; alone where it leaves the question to the model."""
        if self._router is None:
            raise InvalidInputError("no definition is in force; ask within `told`")
        if not probe.text.left.strip():
            return Prompt(question=probe.text.left)
        found: Decision = self._router.explain(probe.text.left)
        return replace(prompt_of(found), question=probe.text.left)


class RememberedEdits(Remembered):
    """Each definition is an edit, a statement with its subject; the router says which of them a probe asks for."""

    config: ClassVar[RouterConfig] = RouterConfig(path="context", passages=0)

    def store(self, memory: EditMemory, cases: Sequence[Case]) -> None:
        """One edit an entity."""
        memory.add_many([
            EditRequest(statement=description, subject=entity) for entity, description in described(cases).items()
        ])  # fmt: skip


class RememberedPassages(Remembered):
    """Each definition is a passage among those of the world; the router's gate says when they are looked for."""

    config: ClassVar[RouterConfig] = RouterConfig()

    def background(self) -> Background:
        """The world."""
        return world.background()

    def store(self, memory: EditMemory, cases: Sequence[Case]) -> None:
        """One passage an entity, ingested as one document."""
        document = Document(name="definitions", source="definitions", digest="", read=lambda: iter(passages(cases)))
        with closing(Corpus(memory.path)) as corpus:
            ingest_documents(corpus, [document])


def _gives_text(why: str, bench: DefinitionBench) -> Method:  # noqa: ARG001 - as every method is made
    """In place of a path of the memory that says a text.

    Raises:
        CapabilityError: always, with why there is nothing to measure.
    """
    raise CapabilityError(f"this path {why}; it gives no probability of a text")


says_the_text = partial(_gives_text, "says the stored text")
learns_the_answer = partial(_gives_text, "learns the answer to one prompt")
lets_another_answer = partial(_gives_text, "lets another model read the edit and answer")
