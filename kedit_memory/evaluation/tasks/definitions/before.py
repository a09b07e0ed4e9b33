"""Definitions put before a probe: the right one, another one, or the one that a search finds."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar

from kedit_memory.evaluation.datasets.onoe import Case, Probe, passages
from kedit_memory.evaluation.tasks.definitions.method import DefinitionBench, Method, Told
from kedit_memory.models.prompts import Prompt
from kedit_memory.retrieval.bm25 import Bm25Retriever


class DefinitionBefore(Method):
    """The definition of the right entity before its probe, in one text: "prepending" of the paper."""

    told_which: ClassVar[bool] = True

    def prompt(self, case: Case, probe: Probe) -> Prompt:
        """The definition, then the left context."""
        return Prompt(question=f"{case.description} {probe.text.left}")


class DefinitionAsFact(Method):
    """The same in the format of the router's context path, as if it always knew the right edit."""

    told_which: ClassVar[bool] = True

    def prompt(self, case: Case, probe: Probe) -> Prompt:
        """The left context after the definition as a fact."""
        return Prompt(question=probe.text.left, facts=(case.description,))


class StrangerBefore(Method):
    """The control that has the definition of another entity before the probe."""

    told_which: ClassVar[bool] = True

    def prompt(self, case: Case, probe: Probe) -> Prompt:
        """The other definition, then the left context."""
        return Prompt(question=f"{self.bench.strangers[case.id]} {probe.text.left}")


class Retrieved(Method):
    """The control that has the best definition by BM25 before every probe: retrieval without scope or gate."""

    at_once: ClassVar[bool] = True

    def __init__(self, bench: DefinitionBench) -> None:
        super().__init__(bench)
        self._search = Bm25Retriever(())

    @contextmanager
    def told(self, cases: Sequence[Case]) -> Iterator[Told]:
        """Search these definitions."""
        self._search = Bm25Retriever(passages(cases))
        yield Told()

    def prompt(self, case: Case, probe: Probe) -> Prompt:  # noqa: ARG002
        """The left context after the best passage; alone where none shares a word with it."""
        found = self._search.search(probe.text.left, 1)
        return Prompt(question=probe.text.left, passages=tuple(one.passage.text for one in found))
