"""The GRACE path: an edit in scope answers by a value that a model learned for it, put in place of one state.

The codebook (Hartvigsen et al. 2023) keeps the values; which edit answers is decided by the router, not by the distance
of states. Values are learned when an edit is first needed, kept beside the store for each model, and out of the model
but while such an answer is generated, so that no other route can meet them. They can always be learned again.

A value that was learned from one wording does not always make the model say the target in another one. Such a wording
learns a value of its own, the first time that it is asked.
"""

import hashlib
import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter

from kedit_memory.editors._codebook_applied import CodebookApplied
from kedit_memory.editors._codebook_editor import CodebookEditor
from kedit_memory.editors._teaching import says
from kedit_memory.editors.base import Outcome, facts
from kedit_memory.editors.grace_fast import GraceFast
from kedit_memory.errors import EditorError
from kedit_memory.memory.folder import VALUES
from kedit_memory.models.language import TextModel, WhiteBoxModel, white_box
from kedit_memory.models.prompts import Prompt
from kedit_memory.records import Edit

_REST = 9.0  # times as long as writing all values took, nothing is written: of a stream, a tenth of the time at most

MOST_WORDINGS = 64  # of one edit that learn a value of their own; any other is answered by the edit's

_OF = ":"  # between the id of an edit and what names one of its wordings

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
            self._held, self._saved, self._due = None, False, 0.0
        wanted = {edit.id: edit for edit in edits}
        new = [edit for edit in wanted.values() if self._outcome(edit) is None]
        if new:
            with self._codebook.awake():
                self._codebook.add(new)
            self._keep()
        outcomes = {name: self._codebook.outcome_of(name) for name in wanted}
        return {name: one.reason for name, one in outcomes.items() if one is not None and not one.learned}

    def answer_many(self, edit: Edit, prompts: Sequence[Prompt], *, max_new_tokens: int) -> list[str | None]:
        """The answers to prompts that one learned edit covers, in order; None where no value makes the model say them.

        Raises:
            EditorError: a value cannot be written beside the store.
        """
        wordings = [_wording(edit, prompt) for prompt in prompts]
        names = [self._name_for(edit, one) for one in wordings]
        texts = self._said(names, prompts, max_new_tokens)
        new = [
            one
            for one, name, text in zip(wordings, names, texts, strict=True)
            if name == edit.id and not (text and says(self.model, facts([one])[0], text))
        ]
        room = MOST_WORDINGS - self._count_of(edit) if new else 0
        if room <= 0:
            return texts
        self.learn(list({one.id: one for one in new}.values())[:room])
        now = [self._name_for(edit, one) for one in wordings]
        changed = [place for place, name in enumerate(now) if name != names[place]]
        again = self._said([now[i] for i in changed], [prompts[i] for i in changed], max_new_tokens)
        for place, text in zip(changed, again, strict=True):
            texts[place] = text
        return texts

    def _said(self, names: Sequence[str | None], prompts: Sequence[Prompt], max_new_tokens: int) -> list[str | None]:
        """The answer to each prompt by the value of that name; None where there is no name."""
        texts: list[str | None] = [None] * len(prompts)
        for name in dict.fromkeys(names):
            if name is None:
                continue
            mine = [place for place, one in enumerate(names) if one == name]
            with self._codebook.awake(), self._codebook.using(name):
                said = self.model.answer_many([prompts[i] for i in mine], max_new_tokens=max_new_tokens)
            for place, text in zip(mine, said, strict=True):
                texts[place] = text
        return texts

    def _name_for(self, edit: Edit, wording: Edit) -> str | None:
        """Whose value answers a wording: its own where it needed one, else the edit's; None if it cannot be learned."""
        outcome = self._outcome(wording)
        if outcome is None:
            return edit.id
        return wording.id if outcome.learned else None

    def _count_of(self, edit: Edit) -> int:
        """How many other wordings of an edit were tried."""
        return sum(name.startswith(f"{edit.id}{_OF}") for name in self._codebook.owners)

    def _outcome(self, edit: Edit) -> Outcome | None:
        """How learning an edit went; None where it, or what it says by now, was never tried."""
        outcome = self._codebook.outcome_of(edit.id)
        same = outcome is not None and (outcome.fact.prompt, outcome.fact.target) == (edit.prompt, edit.target)
        return outcome if same else None

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


def _wording(edit: Edit, prompt: Prompt) -> Edit:
    """The edit as it is learned for another wording, under a name of its own."""
    digest = hashlib.sha256(prompt.question.encode()).hexdigest()[:16]
    return replace(edit, id=f"{edit.id}{_OF}{digest}", prompt=prompt.question, paraphrases=())
