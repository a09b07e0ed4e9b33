"""The GRACE path: an edit in scope answers by a value that a model learned for it, put in place of one state.

The codebook (Hartvigsen et al. 2023) keeps the values; which edit answers is decided by the router, not by the distance
of states. Values are learned when an edit is first needed, kept beside the store for each model, and out of the model
but while such an answer is generated, so that no other route can meet them. They can always be learned again.
"""

import logging
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from kedit_memory.editors._codebook_applied import CodebookApplied
from kedit_memory.editors._codebook_editor import CodebookEditor
from kedit_memory.editors.grace_fast import GraceFast
from kedit_memory.errors import EditorError
from kedit_memory.memory.store import VALUES
from kedit_memory.models.language import TextModel, WhiteBoxModel, white_box
from kedit_memory.models.prompts import Prompt
from kedit_memory.records import Edit

_LOG = logging.getLogger(__name__)


class LearnedValues:
    """The values that one model learned for the edits of one store."""

    def __init__(self, store: Path, model: TextModel) -> None:
        self.model: WhiteBoxModel = white_box(model, "the path grace")
        self._folder = store / VALUES / self.model.fingerprint
        self._editor: CodebookEditor = GraceFast()
        self._held: CodebookApplied | None = None

    def learn(self, edits: Sequence[Edit]) -> Mapping[str, str]:
        """Learn what is not known yet; of the edits that cannot be learned, why, by id.

        Raises:
            EditorError: the values cannot be written beside the store.
        """
        known = {one.fact.edit_id: (one.fact.prompt, one.fact.target) for one in self._codebook.outcomes}
        wanted = {edit.id: edit for edit in edits}
        new = [edit for edit in wanted.values() if known.get(edit.id) != (edit.prompt, edit.target)]
        if new:
            with self._codebook.awake():
                self._codebook.add(new)
            self._keep()
        outcomes = {outcome.fact.edit_id: outcome for outcome in self._codebook.outcomes}
        return {name: outcomes[name].reason for name in wanted if not outcomes[name].learned}

    def answer_many(self, edit_id: str, prompts: Sequence[Prompt], *, max_new_tokens: int) -> list[str]:
        """The answers to prompts that one learned edit covers, in order."""
        with self._codebook.awake(), self._codebook.using(edit_id):
            return self.model.answer_many(prompts, max_new_tokens=max_new_tokens)

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

    def _keep(self) -> None:
        """Write all values aside, then put them in place of the old ones."""
        aside = self._folder.with_name(f"{self._folder.name}.new")
        shutil.rmtree(aside, ignore_errors=True)
        self._codebook.save(aside)
        shutil.rmtree(self._folder, ignore_errors=True)
        aside.replace(self._folder)
