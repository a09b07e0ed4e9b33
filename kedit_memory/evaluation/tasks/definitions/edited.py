"""Definitions as edits of the model itself, by the editors of the table."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import ClassVar

from kedit_memory.errors import CapabilityError, InvalidInputError
from kedit_memory.evaluation.datasets.onoe import Case
from kedit_memory.evaluation.methods import Scored
from kedit_memory.evaluation.tasks.definitions.method import DefinitionBench, Told, Unedited
from kedit_memory.models.language import white_box
from kedit_memory.records import EditRequest

SPAN, REST = "span", "rest"
TAUGHT = (SPAN, REST)


class Edited(Unedited):
    """The definition put into the model by an editor of the table, and taken out again."""

    changes_model: ClassVar[bool] = True

    def __init__(self, name: str, bench: DefinitionBench) -> None:
        super().__init__(bench)
        self._model = white_box(bench.model, f"the editor {name}")
        self._editor = bench.editor(name)
        self._name = name
        self.preset = bench.preset(name).kind

    @contextmanager
    def told(self, cases: Sequence[Case]) -> Iterator[Told]:
        """Edit the model; errors as in `Editor.apply`.

        Raises:
            CapabilityError: also where the edit answers only at a prompt's last token, so that no span can be scored.
        """
        applied = self._editor.apply(self._model, [edit_of(case, self.bench.taught) for case in cases])
        with ExitStack() as stack:
            stack.callback(applied.undo)
            if isinstance(applied, Scored):
                raise CapabilityError(
                    f"{self._name} answers at the end of its prompt; it scores no span of a given text"
                )
            yield Told(learned=all(one.learned for one in applied.outcomes))


def edit_of(case: Case, taught: str) -> EditRequest:
    """A definition as an edit: what stands before the masked span and the span, or the entity's name and the rest.

    Raises:
        InvalidInputError: the rest is wanted, and the definition does not name the entity or ends with it.
    """
    if taught == SPAN:
        return EditRequest(prompt=case.definition.left.strip(), target=case.target, subject=case.entity)
    before, name, rest = case.description.partition(case.entity)
    if not name or not rest.strip():
        raise InvalidInputError(
            f"the definition of {case.entity!r} does not name it with a text behind; teach the span"
        )
    return EditRequest(prompt=f"{before}{name}".strip(), target=rest.strip(), subject=case.entity)
