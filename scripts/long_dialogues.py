"""Measures what `kedit serve` does in dialogues of 50 turns whose correction comes in the middle, in real processes.

    python scripts/long_dialogues.py --json              # 200 dialogues, some 4 minutes on a core
    python scripts/long_dialogues.py --dialogues 40 --show

Each dialogue is about an invented thing and much else (`dialogue_texts`), in chat completions, messages or responses,
streamed or whole. Before its middle the memory knows nothing of the fact, or the value that the model says, too; then
the correction is added over HTTP. Twelve turns of each are asked with all that was said before them. The model behind
is stubborn: whatever it is told, it says the old value. All dialogues share one namespace.

`count/missed` are questions for the corrected fact that went through; `count/stale` those answered with the old value
in spite of a hit; `count/misplaced` turns that ask for something else, or nothing, and were answered by an edit;
`count/changed` misses that are not the caller's own request and the model's own reply, byte for byte. `recall/KIND`
are shares of the questions of one kind that were answered right.
"""

import argparse
import json
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from dialogue_texts import COVERED, TOPICS, Script, Turn, script
from served import BY_PATH, MODEL, Behind, listening, serving, upstream

from kedit_memory.evaluation.intervals import wilson
from kedit_memory.evaluation.report.tables import table
from kedit_memory.evaluation.rows import Row, describe_run, document
from kedit_memory.memory import EditMemory
from kedit_memory.server.relay import events_of

DIALECTS = ("chat/completions", "messages", "responses")
LENGTH = 50
BEFORE = ("before", "stored_before")  # questions for the fact before its correction, by whether the store answers them
FAULTS = ("missed", "stale", "misplaced", "changed")
_CALL = {"id": "call_1", "type": "function", "function": {"name": "clock", "arguments": "{}"}}


@dataclass
class Measured:
    """What became of the turns that were asked, by what they are, and each failure as a line."""

    asked: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)  # by what the turn is
    faults: Counter[str] = field(default_factory=Counter)  # by what went wrong
    lines: list[str] = field(default_factory=list)

    def note(self, fault: str | None, kind: str, line: str) -> None:
        """Count a turn."""
        self.asked[kind] += 1
        if fault:
            self.wrong[kind] += 1
            self.faults[fault] += 1
            self.lines.append(f"{fault}: {line}")


def main() -> None:
    """Start both servers, hold the dialogues, print rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dialogues", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--encoder", default="minilm")
    parser.add_argument("--show", action="store_true", help="tell each failure on standard error")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    measured = measure(arguments.dialogues, arguments.seed, arguments.encoder)
    for line in measured.lines if arguments.show else ():
        print(line, file=sys.stderr)
    rows = list(rows_of(measured, arguments))
    print(document(rows) if arguments.json else table(rows))


def measure(dialogues: int, seed: int, encoder: str) -> Measured:
    """What becomes of so many dialogues, which take the topics in turn."""
    rng = random.Random(seed)
    measured = Measured()
    with tempfile.TemporaryDirectory() as aside, upstream(Behind()) as behind:
        store = Path(aside) / "store"
        EditMemory.open(store, encoder=encoder).close()
        with listening(serving(store, "--upstream", behind.url, "--port", "0")) as (server, _):
            base = server.removesuffix("/v1")
            with httpx.Client(base_url=base, timeout=600, trust_env=False) as client:
                for place in range(dialogues):
                    told = script(rng, TOPICS[place % len(TOPICS)], LENGTH)
                    hold(client, behind, told, DIALECTS[place // 2 % len(DIALECTS)], measured, stream=place % 2 > 0)
    return measured


def hold(client: httpx.Client, behind: Behind, told: Script, path: str, measured: Measured, *, stream: bool) -> None:
    """One dialogue; its correction is added when its turn has come."""
    fact = {"prompt": told.prompt, "subject": told.subject}
    before = client.post("/edits", json={**fact, "target": told.old}).json()["id"] if told.stored_before else None
    current = before
    history: list[dict[str, Any]] = [{"role": "user", "content": "Hello!"}, {"role": "assistant", "content": "Hello."}]
    for place, turn in enumerate(told.turns):
        if place == told.corrected_at:
            current = client.post("/edits", json={**fact, "target": told.new}).raise_for_status().json()["id"]
        if turn.kind == "after_tool":
            history += _tool_turns(path)
        history.append({"role": "user", "content": turn.text})
        reply = turn.reply
        if turn.asked:
            behind.says = lambda _, said=reply: said  # type: ignore[misc]
            answered = ask(client, behind, path, history, stream=stream)
            kind = turn.kind if place >= told.corrected_at or turn.kind not in COVERED else BEFORE[told.stored_before]
            right = told.new if place >= told.corrected_at else told.old
            line = f"{path} turn {place} {turn.kind}: {turn.text!r} -> {answered.edit} {answered.text!r}"
            measured.note(_fault(answered, turn, current, right), kind, line)
            reply = answered.text
        history.append({"role": "assistant", "content": reply})


@dataclass(frozen=True)
class Answered:
    """A reply: the edit that the server names, its text, and whether a miss went through as it was."""

    edit: str | None
    text: str
    same: bool


def ask(
    client: httpx.Client, behind: Behind, path: str, history: Sequence[dict[str, Any]], *, stream: bool
) -> Answered:
    """The last turn of a dialogue, asked with all turns before it."""
    turns = "input" if path == "responses" else "messages"
    raw = json.dumps({"model": MODEL, "stream": stream, turns: list(history)}).encode()
    behind.sent.clear()
    response = client.post(f"/v1/{path}", content=raw, headers={"content-type": "application/json"}).raise_for_status()
    dialect = BY_PATH[path]
    said = dialect.streamed(events_of(response.content) or ()) if stream else dialect.texts(response.json())
    straight = b"".join(behind.reply(path, raw)[1])
    same = [sent.body for sent in behind.sent] == [raw] and response.content == straight
    return Answered(response.headers.get("x-kedit-edit"), "".join(said or ()), same)


def _fault(answered: Answered, turn: Turn, current: str | None, right: str) -> str | None:
    """What is wrong with an answer; `current` is the edit that holds the fact, if one does."""
    if turn.kind not in COVERED or current is None:
        if answered.edit is not None:
            return "misplaced"
        return None if answered.same else "changed"
    if answered.edit is None:
        return "missed"
    if answered.edit != current:
        return "stale" if right not in answered.text else "misplaced"
    return None if right in answered.text else "stale"


def _tool_turns(path: str) -> list[dict[str, Any]]:
    """A call of a tool and its result, as a dialect words them."""
    if path == "responses":
        return [
            {"type": "function_call", "call_id": "call_1", "name": "clock", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "call_1", "output": "It is noon."},
        ]
    if path == "messages":
        return [
            {"role": "assistant", "content": [{"type": "tool_use", "id": "call_1", "name": "clock", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": "It is noon."}]},
            {"role": "assistant", "content": "It is noon."},
        ]
    return [
        {"role": "assistant", "content": None, "tool_calls": [_CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": "It is noon."},
    ]


def rows_of(measured: Measured, arguments: argparse.Namespace) -> Iterator[Row]:
    """Faults by kind, with the share of the turns where they could occur, and what was right by kind of turn."""
    run = describe_run("long_dialogues", "templates", config=vars(arguments), model=arguments.encoder)
    covered = sum(count for kind, count in measured.asked.items() if kind in {*COVERED, BEFORE[True]})
    others = measured.asked.total() - covered
    common: dict[str, Any] = {"run": run, "method": "kedit", "edits": arguments.dialogues, "seed": arguments.seed}
    for fault in FAULTS:
        n = covered if fault in ("missed", "stale") else others
        yield Row(**common, metric="count", kind=fault, value=measured.faults[fault], n=n, unit="turns")
        low, high = wilson(measured.faults[fault], n)
        share = measured.faults[fault] / max(1, n)
        yield Row(**common, metric="rate", kind=fault, value=share, low=low, high=high, n=n, unit="share")
    for kind, n in sorted(measured.asked.items()):
        low, high = wilson(n - measured.wrong[kind], n)
        share = 1 - measured.wrong[kind] / n
        yield Row(**common, metric="recall", kind=kind, value=share, low=low, high=high, n=n, unit="share")


if __name__ == "__main__":
    main()
