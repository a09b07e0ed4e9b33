"""What editors with a codebook have in common: where it sits, how it gets into a model and how it is loaded."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, get_args

from kedit_memory.editors._codebook_adapter import Adapter, Replacement
from kedit_memory.editors._codebook_applied import CodebookApplied, Lesson
from kedit_memory.editors._codebook_files import load_codebook
from kedit_memory.editors._codebook_frame import Frame
from kedit_memory.editors._codebook_site import KeyToken, Site, Stack, one_of, site_of
from kedit_memory.editors._progress import Options
from kedit_memory.editors.base import Outcome, Wanted, undone_on_failure
from kedit_memory.editors.codebook import Codebook, Distance, Found
from kedit_memory.errors import EditorError, InvalidInputError
from kedit_memory.models.classifier import Editable, editable
from kedit_memory.records import Vectors


@dataclass(frozen=True, kw_only=True)
class CodebookEditor(Options):
    """An editor that learns values into a codebook at one layer; `Grace` and `GraceFast` say how.

    Attributes:
        layer: Where the codebook sits; -1 is the last, None about three quarters of the depth.
        stack: Which half of an encoder-decoder the layer is counted in, None for the encoder.
        distance: How keys are compared: "euclidean", or "cosine" (1 less the cosine).
        key_token: Whose state is the key: "last" of the prompt, or "first" (a classifier's [CLS]).
        iterations: The most steps of Adam for a value.
    """

    name: ClassVar[str]
    learns_paraphrases: ClassVar[bool] = False

    layer: int | None = None
    stack: Stack | None = None
    distance: Distance = "euclidean"
    key_token: KeyToken = "last"  # noqa: S105 - a place in the prompt
    iterations: int = 100

    def __post_init__(self) -> None:
        """Refuse options that mean nothing."""
        if self.stack is not None:
            one_of("stack", self.stack, get_args(Stack))
        one_of("distance", self.distance, get_args(Distance))
        one_of("key_token", self.key_token, get_args(KeyToken))
        self._positive("iterations")

    def apply(self, model: Editable, edits: Sequence[Wanted]) -> CodebookApplied:
        """Learn the edits; `add` of what comes back learns more of them into the same codebook.

        An edit that the model does not answer afterwards is taken out again, and its outcome says so.

        Raises:
            InvalidInputError: no such layer, or an edit without prompt or target, or with a target of no token.
            CapabilityError: the model does not show its states.
            PromptTooLongError: prompt and target do not fit the model's window.
        """
        applied = self.open(model)
        with undone_on_failure(applied):
            applied.add(edits)
        return applied

    def open(self, model: Editable) -> CodebookApplied:
        """An empty codebook in the model, to be added to.

        Raises:
            InvalidInputError: the model has no such layer.
            CapabilityError: it does not show its states.
        """
        model = editable(model, f"the editor {self.name}")
        return self._applied(model, None, self._frame(model))

    def load(self, model: Editable, folder: Path) -> CodebookApplied:
        """Put a saved codebook back, under the options that it was made with.

        Raises:
            EditorError: the folder holds no such codebook, a damaged one, or one for another model.
        """
        codebook, frame, outcomes, record = load_codebook(editable(model, f"the editor {self.name}"), folder, self.name)
        try:
            editor = replace(self, **record["options"])
            applied = editor._applied(model, codebook, frame)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise EditorError(f"the codebook saved in {folder} is damaged: its record does not fit") from error
        applied.restore(outcomes)
        return applied

    def attach(self, model: Any, codebook: Codebook | None = None, frame: Frame | None = None) -> Adapter:
        """A codebook, empty unless given, in a plain transformers model, with the frame in which its keys are compared.

        Raises:
            InvalidInputError: the model has no such layer.
        """
        site = self._site(model)
        if codebook is None:
            tolerance = site.tolerance if frame is None else site.tolerance * frame.stretch
            values = self._value_width(site)
            codebook = Codebook(site.key_width, values=values, distance=self.distance, tolerance=tolerance)
        elif codebook.width != site.key_width:
            raise EditorError(
                f"the codebook has keys of {codebook.width} coordinates; this model's have {site.key_width}"
            )
        return self._adapter(site, codebook, frame)

    def _value_width(self, site: Site) -> int:
        """The coordinates of a value."""
        return site.width

    def _adapter(self, site: Site, codebook: Codebook, frame: Frame | None) -> Adapter:
        return Adapter(site, codebook, self._finder(codebook), self._replaces(), frame)

    def _site(self, model: Any) -> Site:
        """Where the codebook sits in a transformers model."""
        return site_of(model, layer=self.layer, stack=self.stack, key_token=self.key_token)

    def _frame(self, model: Editable) -> Frame | None:  # noqa: ARG002 - GRACE compares keys as they are
        """What a new codebook's keys are compared in."""
        return None

    def _applied(self, model: Editable, codebook: Codebook | None, frame: Frame | None) -> CodebookApplied:
        adapter = self.attach(model.model, codebook, frame)
        made = replace(self, layer=adapter.site.layer, stack=adapter.site.stack)
        record = {"method": self.name, "options": made.options}
        return CodebookApplied(model, adapter, self._learn, record, paraphrases=self.learns_paraphrases)

    def _positive(self, *options: str) -> None:
        for option in options:
            if not getattr(self, option) > 0:
                raise InvalidInputError(f"{option} is {getattr(self, option)}: it must be above 0")

    def _finder(self, codebook: Codebook) -> Callable[[Vectors], Found]:
        raise NotImplementedError

    def _replaces(self) -> Replacement:
        raise NotImplementedError

    def _learn(self, applied: CodebookApplied, lessons: Sequence[Lesson]) -> list[Outcome]:
        raise NotImplementedError
