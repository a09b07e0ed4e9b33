"""Edits of one model over several calls: what an editor, which has options alone, does not know."""

from collections.abc import Sequence
from pathlib import Path

from kedit_memory.editors.base import Applied, Editor, Fact, Growing, Outcome, Wanted
from kedit_memory.models.language import WhiteBoxModel
from kedit_memory.records import EditRequest


class Session:
    """Edits that one editor puts into one model, in one call after another, each of which knows of those before it.

        session = Session(load_editor("alphaedit"), model)
        session.add(first)
        session.add(second)

    `undo` takes all of them out.
    """

    def __init__(self, editor: Editor, model: WhiteBoxModel) -> None:
        self.editor = editor
        self.model = model
        self._changes: list[Applied] = []
        self._edits: list[Wanted] = []

    @property
    def outcomes(self) -> Sequence[Outcome]:
        """One for each edit in force, in the order given, as it went when it was made."""
        return [outcome for change in self._changes for outcome in change.outcomes]

    def add(self, edits: Sequence[Wanted]) -> Sequence[Outcome]:
        """Put more edits in, and give their outcomes; errors as in `Editor.apply`."""
        last: object = self._changes[-1] if self._changes else None
        if isinstance(last, Growing):
            outcomes = last.add(edits)
        else:
            change = self.editor.following(self._edits).apply(self.model, edits)
            self._changes.append(change)
            outcomes = change.outcomes
        self._edits += edits
        return outcomes

    def undo(self) -> None:
        """Restore the model bit for bit as it was before the session, the last change first."""
        while self._changes:
            self._changes[-1].undo()
            self._changes.pop()
        self._edits.clear()

    def save(self, folder: Path) -> None:
        """Write each change into a numbered folder within this one; `restore` puts them back in their order."""
        for number, change in enumerate(self._changes):
            change.save(Path(folder) / str(number))

    def restore(self, folder: Path) -> None:
        """Put back what a session of this editor has saved, into the unedited model; errors as in `Editor.load`."""
        number = 0
        while (place := Path(folder) / str(number)).is_dir() or not number:
            change = self.editor.load(self.model, place)
            self._changes.append(change)
            self._edits += [_request(outcome.fact) for outcome in change.outcomes]
            number += 1


def _request(fact: Fact) -> EditRequest:
    return EditRequest(
        prompt=fact.prompt, target=fact.target, subject=fact.subject, paraphrases=fact.paraphrases, id=fact.edit_id
    )
