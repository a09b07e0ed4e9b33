"""What every way to tell a model a definition promises, and what such ways are made from.

A method is told definitions within a block. One that changes the model is told one, asked about it and about other
entities, and then leaves the model as it was; any other is told all.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

from kedit_memory.evaluation.datasets.onoe import Case, Probe
from kedit_memory.evaluation.method import Bench
from kedit_memory.models.language import ScoringModel
from kedit_memory.models.prompts import Prompt


class DefinitionBench(Bench):
    """What methods are made from.

    Args:
        model: is asked; an editor changes it, and takes its change back.
        taught: what an editor is given as target: the definition's masked span after what stands before it, or all
            that comes after the entity's name.
        strangers: for each case, by its id, the definition of another entity.
        encoder: the name of the encoder of memories; None takes the default one.
        preset: the kind of settings that editors take where they have it.
    """

    def __init__(
        self,
        model: ScoringModel,
        *,
        taught: str,
        strangers: Mapping[str, str],
        encoder: str | None = None,
        preset: str | None = None,
    ) -> None:
        super().__init__(model, encoder=encoder, preset=preset)
        self.model: ScoringModel
        self.taught = taught
        self.strangers = strangers


@dataclass(frozen=True, kw_only=True)
class Told:
    """That definitions are in force; `learned` is whether an editor, asked by its own prompt, gives its own target."""

    learned: bool = True


class Method(ABC):
    """Something that is told definitions, and gives the model its probes."""

    at_once: ClassVar[bool] = False  # whether it finds among all definitions the one that a probe needs, or none
    told_which: ClassVar[bool] = False  # whether it is told whose probe it is, so that it never errs about others
    changes_model: ClassVar[bool] = False  # whether probes come out otherwise with nothing before them

    preset: str | None = None  # the kind of settings that an editor was given

    def __init__(self, bench: DefinitionBench) -> None:
        self.bench = bench

    @contextmanager
    def told(self, cases: Sequence[Case]) -> Iterator[Told]:  # noqa: ARG002 - for those that take something in
        """Within the block the definitions of these cases are in force; one case where the model is changed.

        Raises:
            KeditError: the method cannot take in such a definition.
        """
        yield Told()

    @abstractmethod
    def prompt(self, case: Case, probe: Probe) -> Prompt:
        """A probe of a case as the model reads it, up to the mask."""


class Unedited(Method):
    """The control that is told nothing."""

    def prompt(self, case: Case, probe: Probe) -> Prompt:  # noqa: ARG002
        """The left context alone."""
        return Prompt(question=probe.text.left)
