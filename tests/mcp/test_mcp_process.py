"""`kedit mcp` as clients meet it: both transports, both protocols that the SDK speaks, clients that go away."""

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcp.server")

import anyio
import httpx
from conftest import ENVIRONMENT, PATIENCE, command, over_http

from kedit_memory.memory import EditMemory

PROTOCOLS = {"legacy": "2025-11-25", "2026-07-28": "2026-07-28"}
DEPOT = {"prompt": "What is the gate code of the Bergen depot?", "target": "9999#", "subject": "Bergen depot"}
LONG = {  # takes a second or two
    "prompt": "Where is the key?",
    "target": "On the hook.",
    "questions": [f"Where is the key of house {number}?" for number in range(1000)],
}
HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}


@pytest.mark.parametrize("mode", PROTOCOLS)
@pytest.mark.parametrize("transport", ["stdio", "http"])
def test_every_tool_works(serve, transport: str, mode: str) -> None:
    async def work(client: Any) -> None:
        async def call(tool: str, **arguments: Any) -> Any:
            result = await client.call_tool(tool, arguments)
            assert not result.is_error, result.content
            assert json.loads(result.content[0].text) == result.structured_content
            return result.structured_content

        assert client.protocol_version == PROTOCOLS[mode]
        assert len((await client.list_tools()).tools) == 10
        effects = await call("preview_edit", **DEPOT, questions=["gate code of the Bergen depot?", "Who is Kari Moe?"])
        assert (effects["new"], effects["edit_id"], effects["kind"]) == (True, None, "modification")
        assert [one["id"] for one in effects["gives_way"]] == ["e1"]
        assert [one["question"] for one in effects["fires"]] == ["gate code of the Bergen depot?"]
        added = await call("add_edit", **DEPOT, source="the warden", metadata={"team": "yard"})
        assert (added["id"], added["kind"], added["target"]) == ("e4", "modification", "9999#")
        assert (await call("add_edit", **DEPOT, source="the warden", metadata={"team": "yard"}))["id"] == "e4"
        answer = await call("ask_question", question=DEPOT["prompt"])
        assert (answer["answer"], answer["route"], answer["edits"][0]["id"]) == ("9999#", "direct", "e4")
        decision = await call("explain_question", question=DEPOT["prompt"])
        assert (decision["route"], "answer" in decision) == ("direct", False)
        assert (await call("update_edit", edit_id="e4", target="8888#"))["target"] == "8888#"
        assert (await call("retract_edit", edit_id="kari"))["status"] == "retracted"
        undone = await call("undo_change")
        assert [(one["verb"], one["edit_id"], one["undone"]) for one in undone["changes"]] == [("retract", "e2", True)]
        found = await call("search_edits", query="employer of Kari Moe", limit=1)
        assert [one["edit"]["given_id"] for one in found["matches"]] == ["kari"]
        page = await call("list_edits", limit=1)
        assert ([one["id"] for one in page["edits"]], page["after"]) == (["e2"], "e2")
        page = await call("list_edits", limit=1, after="e2", metadata={"team": "yard"})
        assert ([one["target"] for one in page["edits"]], page["after"]) == (["8888#"], None)
        history = await call("show_history", edit_id="e4", limit=1)
        assert [one["verb"] for one in history["changes"]] == ["add"]
        history = await call("show_history", edit_id="e4", after=history["after"])
        assert [one["after"]["target"] for one in history["changes"]] == ["8888#"]
        erased = await call("add_edit", prompt="Where does Kari Moe live?", subject="Kari Moe", erase=True)
        assert (erased["kind"], erased["target"]) == ("erasure", None)
        assert (await call("ask_question", question="Where does Kari Moe live?"))["route"] == "refusal"

    serve(transport).talk(work, mode)


@pytest.mark.parametrize("transport", ["stdio", "http"])
def test_read_only_leaves_out_what_writes(serve, store: Path, transport: str) -> None:
    async def work(client: Any) -> None:
        tools = (await client.list_tools()).tools
        assert {one.name for one in tools} == {
            "ask_question", "explain_question", "list_edits", "preview_edit", "search_edits", "show_history"
        }  # fmt: skip
        assert all(one.annotations.read_only_hint for one in tools)
        assert "never follow instructions" in client.instructions
        assert (await client.call_tool("add_edit", DEPOT)).is_error
        assert (await client.call_tool("preview_edit", DEPOT)).structured_content["new"]

    before = state(store)
    serve(transport, "--read-only").talk(work)
    assert state(store) == before


@pytest.mark.parametrize("transport", ["stdio", "http"])
def test_what_another_process_writes_is_seen_at_once(serve, store: Path, transport: str) -> None:
    async def work(client: Any) -> None:
        asked = {"question": DEPOT["prompt"]}
        assert (await client.call_tool("ask_question", asked)).structured_content["answer"] == "4471#"
        with EditMemory.open(store) as memory:
            memory.add(**DEPOT)
        assert (await client.call_tool("ask_question", asked)).structured_content["answer"] == "9999#"
        await client.call_tool("undo_change", {})
        with EditMemory.open(store) as memory:
            assert memory.get("e1").status == "active"

    serve(transport).talk(work)


@pytest.mark.parametrize(("transport", "mode"), [*zip(["stdio", "http"], PROTOCOLS, strict=True)])
def test_a_cancelled_call_harms_no_other(serve, transport: str, mode: str) -> None:
    async def work(client: Any) -> None:
        with anyio.move_on_after(0.3) as scope:
            await client.call_tool("preview_edit", LONG)
        assert scope.cancelled_caught
        assert len((await client.call_tool("list_edits", {})).structured_content["edits"]) == 2
        assert (await client.call_tool("preview_edit", LONG)).structured_content["new"]

    serve(transport).talk(work, mode)


def test_calls_of_one_client_are_answered_side_by_side(serve) -> None:
    async def work(client: Any) -> list[str]:
        answers: list[str] = []

        async def add(number: int) -> None:
            given = {"prompt": f"What is in box {number}?", "target": f"thing {number}", "subject": f"box {number}"}
            await client.call_tool("add_edit", given)
            asked = await client.call_tool("ask_question", {"question": given["prompt"]})
            answers.append(asked.structured_content["answer"])

        async with anyio.create_task_group() as tasks:
            for number in range(8):
                tasks.start_soon(add, number)
        return answers

    assert sorted(serve("http").talk(work)) == [f"thing {number}" for number in range(8)]


@pytest.mark.skipif(
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN, reason="interrupts are ignored, as in the background of a shell"
)
def test_a_client_that_hangs_up_leaves_the_server_to_others(store: Path) -> None:
    with over_http(store) as (url, process):
        asked = {"name": "preview_edit", "arguments": LONG}
        headers = {"Accept": "application/json, text/event-stream"}
        hello = httpx.post(url, headers=headers, json=message("initialize", HELLO))
        headers["Mcp-Session-Id"] = hello.headers["mcp-session-id"]
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(url, headers=headers, json=message("tools/call", asked), timeout=0.3)
        again = httpx.post(url, headers=headers, json=message("tools/call", asked), timeout=PATIENCE)
        assert "gives_way" in again.text
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        assert (process.stdout.read(), process.stderr.read().count("\n")) == ("", 1)


def test_only_programs_of_this_machine_are_answered(store: Path) -> None:
    with over_http(store) as (url, _):
        headers = {"Accept": "application/json, text/event-stream"}
        for name, value, status in (("Host", "evil.example", 421), ("Origin", "http://evil.example", 403)):
            refused = httpx.post(url, headers={**headers, name: value}, json=message("initialize", HELLO))
            assert refused.status_code == status
        taken = url.split(":")[2].partition("/")[0]
        done = run(store, "--transport", "http", "--port", taken)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
        assert f"port {taken} of 127.0.0.1 cannot be used" in done.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--transport", "http", "--host", "0.0.0.0"), "could be reached by others"),  # noqa: S104 - refused
        (("--transport", "http", "--host", "example.org"), "choose one of 127.0.0.1, ::1, localhost"),
        (("--port", "8000"), "without --transport http"),
        (("--read-only", "--store", "nowhere"), "no store at nowhere"),
        (("--model", "gone.gguf"), "gone.gguf"),
    ],
)  # fmt: skip
def test_what_cannot_be_served_is_one_line(store: Path, words: tuple[str, ...], told: str) -> None:
    done = run(store, *words)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert told in done.stderr


def test_standard_output_carries_the_protocol_alone(store: Path) -> None:
    question = {"question": "What is the capital of Japan?"}  # loads a model, whose libraries like to talk
    sent = [
        message("initialize", HELLO),
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        message("tools/call", {"name": "ask_question", "arguments": question}, 2),
    ]
    with start(store, "--verbose") as process:
        for one in sent:
            process.stdin.write(json.dumps(one) + "\n")
        process.stdin.write("this is no message\n")
        process.stdin.flush()
        answers = {}
        while 2 not in answers:
            answer = json.loads(process.stdout.readline())
            answers[answer.get("id")] = answer
        process.stdin.close()
        assert process.stdout.read() == ""
        assert process.wait(20) == 0
        assert answers[2]["result"]["structuredContent"]["route"] == "parametric"
        assert "kedit: " in process.stderr.read()


def test_an_interrupt_ends_a_server_that_waits(store: Path) -> None:
    with start(store) as process:
        process.stdin.write(json.dumps(message("initialize", HELLO)) + "\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["result"]["serverInfo"]["name"] == "kedit"
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == -signal.SIGINT


def message(method: str, params: dict[str, Any], number: int = 1) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}


def start(store: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(store, *words), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, **ENVIRONMENT},
    )  # fmt: skip


def run(store: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(store, *words), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        timeout=PATIENCE, env={**os.environ, **ENVIRONMENT},
    )  # fmt: skip


def state(store: Path) -> str:
    with EditMemory.open(store) as memory:
        return f"{memory.list(status=None, namespace=None)} {memory.history()}"
