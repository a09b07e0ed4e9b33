"""Ways to put edits into a model, one file each; `load_editor` finds one by its name."""

from typing import Any

from kedit_memory import registry
from kedit_memory.editors.base import Applied, Editor, Fact, Outcome, configured, named_options
from kedit_memory.editors.presets import Preset
from kedit_memory.editors.session import Session

# A line for each method: the name that users give, and where its class is.
EDITORS: dict[str, str] = {
    "grace": "kedit_memory.editors.grace:Grace",
    "grace-fast": "kedit_memory.editors.grace_fast:GraceFast",
    "ft": "kedit_memory.editors.ft:FineTuning",
    "ft-last": "kedit_memory.editors.ft:LastLayer",
    "ft-l": "kedit_memory.editors.ft:ConstrainedLayer",
    "ft-ewc": "kedit_memory.editors.ft_ewc:ElasticTuning",
    "ft-retrain": "kedit_memory.editors.ft_retrain:RetrainedTuning",
    "lora": "kedit_memory.editors.lora:Lora",
    "ext-sub": "kedit_memory.editors.ext_sub:ExtSub",
    "serac": "kedit_memory.editors.serac:Serac",
    "defer": "kedit_memory.editors.defer:Defer",
    "memory": "kedit_memory.editors.memory_network:MemoryNetwork",
    "ike": "kedit_memory.editors.ike:InContext",
    "rome": "kedit_memory.editors.rome:Rome",
    "memit": "kedit_memory.editors.memit:Memit",
    "alphaedit": "kedit_memory.editors.alphaedit:AlphaEdit",
    "mend": "kedit_memory.editors.mend:Mend",
    "ke": "kedit_memory.editors.ke:KnowledgeEditor",
    "kn": "kedit_memory.editors.kn:KnowledgeNeurons",
    "dinm": "kedit_memory.editors.dinm:Dinm",
    "wise": "kedit_memory.editors.wise:Wise",
    "neuraldb": "kedit_memory.editors.neuraldb:NeuralDB",
    "melo": "kedit_memory.editors.melo:Melo",
}


def load_editor(name: str, **options: Any) -> Editor:
    """The editor of a name, with its options.

    Raises:
        UnknownNameError: no editor has the name.
        InvalidInputError: it has no such option, or refuses the value.
    """
    editor: Editor = configured(registry.load("editor", name, EDITORS), name, options)
    return editor


def named_editor(text: str, preset: Preset | None = None) -> Editor:
    """The editor of a name that options may follow, as in `grace:stack=encoder:initial_radius=3`.

    Options that are named go before those of a preset.

    Raises:
        UnknownNameError: no editor has the name.
        InvalidInputError: it has no such option, or refuses the value.
    """
    name, *options = text.split(":")
    return load_editor(name, **{**(preset.options if preset else {}), **named_options(options)})


__all__ = ["EDITORS", "Applied", "Editor", "Fact", "Outcome", "Preset", "Session", "load_editor", "named_editor"]
