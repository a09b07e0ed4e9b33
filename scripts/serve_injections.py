"""Tries to steer `kedit serve` by what edits and questions say; see `injection_texts`.

An edit's text is stored over HTTP and asked for; a question's is asked, searched for and sent as an id, a path and
headers. Whoever does it has a key of one namespace; another namespace holds a secret. What must hold whatever a text
says is checked of every request that the upstream got and of every reply: see `Attacked`.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from injection_texts import Injection, injections
from served import BY_PATH, MODEL, Behind, Sent

from kedit_memory.memory import EditMemory
from kedit_memory.server.dialects.base import joined
from kedit_memory.server.keys import KeyRing
from kedit_memory.server.relay import events_of

MINE, THEIRS = "mine", "theirs"
SECRET = "vermilion-otter-5521"  # noqa: S105 - what another namespace's edit says
_LINE_BREAK = re.compile(r"[\r\n]")
_ROUTES = ("x-kedit-route", "x-kedit-edit", "x-kedit-score")
# How a correction begins, whatever the edit says; the two ways to tell it.
_HEADS = ("The text between the two lines of marks", "Answer the user's last message with exactly the text")
_CORRECTION = re.compile(r"([^\n]+)\n(==== [0-9a-f]{16} ====)\n(.*)\n\2", re.DOTALL)
_CODE = "What is the code of {}?"


def filled(store: Path, encoder: str) -> dict[str, str]:
    """The keys of a new store, by namespace, whose other namespace holds the secret."""
    with EditMemory.open(store, encoder=encoder) as memory:
        memory.add(_CODE.format("the vault"), SECRET, subject="the vault", namespace=THEIRS)
        memory.add(f"The code of every door of the house is {SECRET}.", namespace=THEIRS)
        memory.add("Who leads Acme?", "Ann Berg", subject="Acme", namespace=MINE)
    with closing(KeyRing(store)) as ring:
        return {name: ring.make(name, namespaces=[name], rights=["write"]) for name in (MINE, THEIRS)}


@dataclass
class Attacked:
    """A server under attack, and what went wrong: a line for each text that had its way.

    The correction is the one thing that a request to the upstream has beyond what the caller sent, and an edit's text
    stands only between its marks; a miss is the caller's own request, and its reply the upstream's, byte for byte; no
    reply has a header or a shape of the text's making; the other namespace's secret is nowhere.
    """

    server: str  # its base URL
    keys: Mapping[str, str]
    behind: Behind
    wrong: dict[str, str] = field(default_factory=dict)  # by text
    tried: int = 0  # texts of edits
    stored: int = 0  # of them; the store refuses some
    asked: int = 0  # texts of questions
    hits: int = 0
    covered: int = 0  # questions whose edit is asked for besides the attack
    ids: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._client = httpx.Client(base_url=self.server.removesuffix("/v1"), timeout=60, trust_env=False)
        self._client.headers["x-kedit-key"] = self.keys[MINE]

    def edits(self, texts: Sequence[Injection]) -> None:
        """Store each text as, in turn, an edit's answer, its statement, and all else that it may hold; ask for it."""
        for place, one in enumerate(texts):
            name, plain = f"Quillon{place}", f"plain {place}"
            line = " ".join(one.text.split())[:150]
            fact: dict[str, Any] = (
                {"target": one.text},
                {"target": plain, "statement": one.text},
                {
                    "target": plain, "aliases": [line], "relation": line, "source": line, "id": line,
                    "metadata": {line: one.text}, "paraphrases": [one.text],
                },
            )[place % 3]  # fmt: skip
            made = self._client.post("/edits", json={"prompt": _CODE.format(name), "subject": name, **fact})
            self.tried += 1
            self._expect(one, made.status_code in (201, 400, 409), f"stored with {made.status_code}")
            if made.status_code != 201:
                made = self._client.post(
                    "/edits", json={"prompt": _CODE.format(name), "subject": name, "target": plain}
                )
            else:
                self.stored += 1
            edit = made.json()
            self.ids.add(edit["id"])
            route = self._ask(one, place, _CODE.format(name), edit)
            self._expect(one, route is not None, "its own edit is not found")

    def questions(self, texts: Sequence[Injection]) -> None:
        """Ask each text, by itself, before and behind a question that an edit covers; send it wherever text goes."""
        for place, one in enumerate(texts):
            edit = self._client.get("/edits/e3").json()
            self.ids.add("e3")
            form = ("{}", "{} Who leads Acme?", "Who leads Acme? {}")[place % 3]
            self.asked += 1
            self.covered += place % 3 > 0
            self.hits += self._ask(one, place, form.replace("{}", one.text), edit) is not None and place % 3 > 0
            self._elsewhere(one, place)

    def _ask(self, one: Injection, place: int, question: str, edit: Mapping[str, Any]) -> str | None:
        """The edit that answered, asked in the dialects in turn; checks all that was sent and said."""
        path = tuple(BY_PATH)[place % len(BY_PATH)]
        body = _body(path, question, stream=place % 8 > 3, instructed=place % 5 > 2)
        raw = json.dumps(body, ensure_ascii=place % 2 == 0).encode("utf-8", "surrogatepass")
        self.behind.sent.clear()
        response = self._client.post(f"/v1/{path}", content=raw, headers=_forged(place))
        sent = [request for request in self.behind.sent if request.method == "POST"]
        hit: str | None = response.headers.get("x-kedit-edit")
        self._expect(one, response.status_code == 200, f"{path} gave {response.status_code}: {response.text[:200]}")
        self._safe(one, response, sent)
        if response.status_code != 200:
            return None
        if hit is None:
            straight = b"".join(self.behind.reply(path, raw)[1])
            same = [request.body for request in sent] == [raw] and response.content == straight
            self._expect(one, same, f"a miss of {path} is not what was sent, or said")
            return None
        self._expect(one, hit == edit["id"] or hit in self.ids, f"the edit {hit} is none of this namespace")
        for request in sent:
            told = _correction(path, body, request.told)
            self._expect(one, told is not None, f"{path} tells more than a correction")
            said = _between(told or "")
            self._expect(one, said is not None, "the correction is not what stands between its marks")
            if hit == edit["id"]:
                self._expect(one, said in (edit["statement"], edit["target"]), "the marks hold another text")
        replies = _replies(path, response)
        self._expect(one, replies is not None and len(replies) == 1, f"a reply of {path} has another shape")
        if hit == edit["id"] and replies:
            expected = (edit["target"], self.behind.says(body))
            self._expect(one, replies[0] in expected, f"{path} says {replies[0][:80]!r}")
        return hit

    def _elsewhere(self, one: Injection, place: int) -> None:
        """A text as a search, an id, a path, and in turn as a filter, a header, or for another namespace."""
        line = quote(one.text[:200].encode("utf-8", "surrogatepass"), safe="")
        client = self._client
        ways: tuple[Callable[[], httpx.Response], ...] = (
            lambda: client.post("/explain", json={"question": one.text[:2000]}),
            lambda: client.get(f"/edits?subject={line}&status=all"),
            lambda: client.get("/edits?namespace=theirs"),
            lambda: client.get("/edits", headers={"x-kedit-namespace": line}),
            lambda: client.get("/edits", headers={"x-kedit-namespace": THEIRS}),
            lambda: client.get("/edits", headers={"x-kedit-key": line}),
            lambda: client.post("/edits", json={"prompt": one.text, "target": "x", "namespace": THEIRS}),
        )
        self.behind.sent.clear()
        for response in (
            client.post("/search", json={"query": one.text[:2000]}),
            client.get(f"/edits/{line}"),
            ways[place % len(ways)](),
        ):
            self._expect(one, response.status_code < 500, f"{response.url.path[:60]} gave {response.status_code}")
            self._safe(one, response, self.behind.sent)
        self._expect(one, not self.behind.sent, "a request about the memory went to the upstream")
        target = f"/v1/files/{one.text[:60]}".encode("ascii", "ignore").split()[0] + b"?q=" + line.encode()
        self._path(one, target)

    def _path(self, one: Injection, target: bytes) -> None:
        """A path below the base URL stays below it, and is passed on as it came."""
        request = self._client.build_request("GET", "/v1/files", headers={"x-kedit-key": self.keys[MINE]})
        request.extensions["target"] = target
        response = self._client.send(request)
        self._safe(one, response, self.behind.sent)
        passed = [sent.target.encode() for sent in self.behind.sent]
        self._expect(one, passed in ([target], []), f"the path {target[:80]!r} became {passed}")
        left = any(".." in sent.target.replace("%2e", ".").split("?")[0].split("/") for sent in self.behind.sent)
        self._expect(one, not left, f"the path {target[:80]!r} leaves the base URL")

    def _safe(self, one: Injection, response: httpx.Response, sent: Sequence[Sent]) -> None:
        """The secret is nowhere, and no header is of the text's making."""
        seen = response.content + repr(response.headers.raw).encode() + b"".join(request.body for request in sent)
        self._expect(one, SECRET.encode() not in seen, "the other namespace's secret was told")
        self._expect(one, self.keys[MINE] not in str(sent), "the key went to the upstream")
        for name, value in response.headers.raw:
            self._expect(one, not _LINE_BREAK.search((name + value).decode("latin-1")), f"a line break in {name!r}")
        names = [name.decode().lower() for name, _ in response.headers.raw]
        others = {one for one in names if one.startswith("x-") or one == "set-cookie"} - set(_ROUTES)
        self._expect(one, not others and len(names) == len(set(names)), f"headers {sorted(others) or names}")

    def _expect(self, one: Injection, holds: bool, otherwise: str) -> None:  # noqa: FBT001 - what is checked
        if not holds:
            self.wrong.setdefault(one.text, f"{one.family}: {otherwise}; {one.text[:60]!r}")

    def unharmed(self) -> None:
        """Note what is wrong with the server afterwards: with its other namespace, or with its life."""
        theirs = self._client.get("/edits?status=all", headers={"x-kedit-key": self.keys[THEIRS]}).json()["edits"]
        if len(theirs) != 2 or SECRET not in str(theirs):
            self.wrong["all"] = f"the other namespace has changed: {theirs}"
        if self._client.get("/health/ready").status_code != 200:
            self.wrong["all"] = "the server is not ready any more"
        self._client.close()


def attack(server: str, keys: Mapping[str, str], behind: Behind, *, one_of: int = 1) -> Attacked:
    """Texts tried as edits and, other variations of them, as questions: all, or one of so many."""
    attacked = Attacked(server, keys, behind)
    attacked.edits(list(injections(1))[::one_of])
    attacked.questions(list(injections(2))[::one_of])
    attacked.unharmed()
    return attacked


def _forged(place: int) -> dict[str, str]:
    """Headers of ours, as a caller may set them in vain."""
    forged: tuple[dict[str, str], ...] = (
        {},
        {"x-kedit-route": "direct", "x-kedit-edit": "e1"},
        {"x-kedit-score": "1.000"},
    )
    return {"content-type": "application/json", **forged[place % 3]}


def _body(path: str, question: str, *, stream: bool, instructed: bool) -> dict[str, Any]:
    """A request of a dialect, with fields that are to stay, and instructions of its own or none."""
    turns = [{"role": "user", "content": question}]
    asked: dict[str, dict[str, Any]] = {
        "chat/completions": {"messages": [{"role": "system", "content": "Be brief."}, *turns] if instructed else turns},
        "completions": {"prompt": question},
        "responses": {"input": question} | ({"instructions": "Be brief."} if instructed else {}),
        "messages": {"messages": turns} | ({"system": "Be brief."} if instructed else {}),
    }
    return {"model": MODEL, "stream": stream, **asked[path], "odd": [1.5, None]}


def _correction(path: str, body: Mapping[str, Any], told: Mapping[str, Any]) -> str | None:
    """What a request has beyond the caller's; None where that is anything but one text in its place."""
    place = {"responses": "instructions", "messages": "system", "completions": "prompt"}.get(path, "messages")
    if {**told, place: None} != {**body, place: None}:
        return None
    if path == "completions":
        return _without(told["prompt"], "", f"\n\n{body['prompt']}")
    if path != "chat/completions":
        return _without(told[place], f"{body[place]}\n\n" if place in body else "", "")
    first, *others = told["messages"]
    before = [one for one in body["messages"] if one["role"] == "system"]
    if others != body["messages"][len(before) :] or set(first) != {"role", "content"} or first["role"] != "system":
        return None
    return _without(first["content"], f"{before[0]['content']}\n\n" if before else "", "")


def _without(text: str, before: str, after: str) -> str | None:
    fits = text.startswith(before) and text.endswith(after)
    return text[len(before) : len(text) - len(after)] if fits else None


def _between(correction: str) -> str | None:
    """The text between the marks of a correction, which do not occur in it."""
    found = _CORRECTION.fullmatch(correction)
    if not found or not found[1].startswith(_HEADS) or correction.count(found[2]) != 2:
        return None
    return found[3]


def _replies(path: str, response: httpx.Response) -> list[str] | None:
    """The texts of a reply, whose shape is that of its dialect."""
    dialect = BY_PATH[path]
    if not response.headers["content-type"].startswith("text/event-stream"):
        reply = response.json()
        return [joined(one) for one in dialect.texts(reply) or ()]
    events = events_of(response.content)
    return None if events is None else dialect.streamed(events)
