"""Ways to put edits into a model, one file each; `load_editor` finds one by its name."""

from typing import Any

from kedit_memory import registry
from kedit_memory.editors.base import Applied, Editor, Fact, Outcome, configured

# A line for each method: the name that users give, and where its class is.
EDITORS: dict[str, str] = {}


def load_editor(name: str, **options: Any) -> Editor:
    """The editor of a name, with its options.

    Raises:
        UnknownNameError: no editor has the name.
        InvalidInputError: it has no such option, or refuses the value.
    """
    editor: Editor = configured(registry.load("editor", name, EDITORS), name, options)
    return editor


__all__ = ["EDITORS", "Applied", "Editor", "Fact", "Outcome", "load_editor"]
