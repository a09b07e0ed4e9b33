"""The commands by name, with where each is found, and the one that somebody means by another word."""

from difflib import get_close_matches

COMMANDS = {
    "demo": "kedit_memory.cli.demo:demo",
    "add": "kedit_memory.cli.memory:add",
    "erase": "kedit_memory.cli.memory:erase",
    "update": "kedit_memory.cli.memory:update",
    "retract": "kedit_memory.cli.memory:retract",
    "confirm": "kedit_memory.cli.memory:confirm",
    "reject": "kedit_memory.cli.memory:reject",
    "undo": "kedit_memory.cli.memory:undo",
    "list": "kedit_memory.cli.reading:list_edits",
    "show": "kedit_memory.cli.reading:show",
    "history": "kedit_memory.cli.reading:history",
    "search": "kedit_memory.cli.reading:search",
    "import": "kedit_memory.cli.transfer:import_edits",
    "export": "kedit_memory.cli.transfer:export",
    "backup": "kedit_memory.cli.check:backup",
    "restore": "kedit_memory.cli.check:restore",
    "move": "kedit_memory.cli.check:move",
    "purge": "kedit_memory.cli.memory:purge",
    "ask": "kedit_memory.cli.ask:ask",
    "chat": "kedit_memory.cli.chat:chat",
    "ingest": "kedit_memory.cli.ingest:ingest",
    "passages": "kedit_memory.cli.passages:app",
    "serve": "kedit_memory.cli.serve:serve",
    "keys": "kedit_memory.cli.keys:app",
    "calibrate": "kedit_memory.cli.calibrate:app",
    "evaluate": "kedit_memory.cli.evaluate:app",
    "models": "kedit_memory.cli.models:app",
    "edit": "kedit_memory.cli.edit:edit",
    "train": "kedit_memory.cli.train:train",
    "consolidate": "kedit_memory.cli.consolidate:consolidate",
    "compare": "kedit_memory.cli.compare:compare",
    "score": "kedit_memory.cli.rows:score",
    "report": "kedit_memory.cli.rows:report",
    "compare-reports": "kedit_memory.cli.rows:compare_reports",
    "trace": "kedit_memory.cli.trace:trace",
    "mcp": "kedit_memory.cli.mcp:mcp",
    "stats": "kedit_memory.cli.stats:stats",
    "verify": "kedit_memory.cli.check:verify",
    "rebuild": "kedit_memory.cli.check:rebuild",
    "doctor": "kedit_memory.cli.doctor:doctor",
}
# What other programs call these, and people type.
_MEANT = {
    "retract": "delete remove rm del drop disable",
    "erase": "forget unlearn redact",
    "add": "insert create new set put learn teach remember store",
    "update": "change modify replace",
    "list": "ls all",
    "show": "get view cat info",
    "search": "find grep lookup recall",
    "history": "log changes revisions",
    "undo": "revert rollback",
    "ask": "query question answer run explain",
    "import": "load read",
    "export": "dump save write",
    "backup": "copy snapshot",
    "restore": "recover rewind",
    "move": "migrate transfer mv",
    "purge": "clean vacuum gc",
    "stats": "count size numbers statistics",
    "verify": "check fsck validate",
    "rebuild": "reindex repair",
    "doctor": "status config version settings",
    "models": "model download pull",
    "train": "fit finetune",
    "serve": "server proxy start listen api",
    "keys": "key token tokens",
}


def meant(word: str) -> str:
    """The command that somebody means, in words; nothing where none is like it."""
    sense = {word: name for name, words in _MEANT.items() for word in words.split()}
    (near,) = get_close_matches(word, [*COMMANDS, *sense], n=1) or [""]
    return f"; did you mean {sense.get(near, near)!r}?" if near else ""
