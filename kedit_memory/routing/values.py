"""The GRACE path: an edit in scope answers by a value that a model learned for it, put in place of one state.

The codebook (Hartvigsen et al. 2023) keeps the values; which edit answers is decided by the router, not by the distance
of states. Values are learned when an edit is first needed, kept beside the store for each model, and out of the model
but while such an answer is generated, so that no other route can meet them. They can always be learned again.
"""

import logging
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter

from kedit_memory.editors._codebook_applied import CodebookApplied
from kedit_memory.editors._codebook_editor import CodebookEditor
from kedit_memory.editors.grace_fast import GraceFast
from kedit_memory.errors import EditorError
from kedit_memory.memory.store import VALUES
from kedit_memory.models.language import TextModel, WhiteBoxModel, white_box
from kedit_memory.models.prompts import Prompt
from kedit_memory.records import Edit

_REST = 9.0  # times as long as writing all values took, nothing is written: of a stream, a tenth of the time at most

_LOG = logging.getLogger(__name__)


class LearnedValues:
    """The values that one model learned for the edits of one store."""

    def __init__(self, store: Path, model: TextModel) -> None:
        self.model: WhiteBoxModel = white_box(model, "the path grace")
        self._folder = store / VALUES / self.model.fingerprint
        self._editor: CodebookEditor = GraceFast()
        self._held: CodebookApplied | None = None
        self._saved = self._folder.is_dir()
        self._due = 0.0  # when they may be written again, by `perf_counter`

    def learn(self, edits: Sequence[Edit]) -> Mapping[str, str]:
        """Learn what is not known yet; of the edits that cannot be learned, why, by id.

        Raises:
            EditorError: the values cannot be written beside the store.
        """
        if self._purged():
            self._held, self._saved = None, False
        wanted = {edit.id: edit for edit in edits}
        new = [edit for edit in wanted.values() if not self._knows(edit)]
        if new:
            with self._codebook.awake():
                self._codebook.add(new)
            self._keep()
        outcomes = {name: self._codebook.outcome_of(name) for name in wanted}
        return {name: one.reason for name, one in outcomes.items() if one is not None and not one.learned}

    def answer_many(self, edit_id: str, prompts: Sequence[Prompt], *, max_new_tokens: int) -> list[str]:
        """The answers to prompts that one learned edit covers, in order."""
        with self._codebook.awake(), self._codebook.using(edit_id):
            return self.model.answer_many(prompts, max_new_tokens=max_new_tokens)

    def _knows(self, edit: Edit) -> bool:
        known = self._codebook.outcome_of(edit.id)
        return known is not None and (known.fact.prompt, known.fact.target) == (edit.prompt, edit.target)

    @property
    def _codebook(self) -> CodebookApplied:
        """The codebook, out of the model; a damaged one gives way to an empty one, whose values are learned again."""
        if self._held is None:
            self._held = self._loaded() if self._folder.is_dir() else self._editor.open(self.model)
            self._held.undo()
        return self._held

    def _loaded(self) -> CodebookApplied:
        try:
            return self._editor.load(self.model, self._folder)
        except EditorError as error:
            _LOG.warning("%s; its values are learned again", error)
            return self._editor.open(self.model)

    def _purged(self) -> bool:
        """Whether the files were taken away, as a purge does: then nothing that was learned may be written again."""
        return self._saved and not self._folder.is_dir()

    def _keep(self) -> None:
        """Write all values aside, then put them in place of the old ones; not if they were written just now.

        What a process that ends does not write is learned again when it is needed.
        """
        began = perf_counter()
        if began < self._due:
            return
        aside = self._folder.with_name(f"{self._folder.name}.new")
        shutil.rmtree(aside, ignore_errors=True)
        self._codebook.save(aside)
        if self._purged():
            shutil.rmtree(aside)
            return
        shutil.rmtree(self._folder, ignore_errors=True)
        aside.replace(self._folder)
        self._saved = True
        now = perf_counter()
        self._due = now + _REST * (now - began)
