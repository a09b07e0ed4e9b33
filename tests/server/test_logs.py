"""The log of a session in JSON: a line for each request, and nothing that was written, asked or kept secret."""

from contextlib import closing
from pathlib import Path

import httpx

from kedit_memory.server.keys import KeyRing
from tests.server.conftest import Behind, asking, stored
from tests.server.starting import started, until

CHAT = "/v1/chat/completions"


def test_a_session_leaves_lines_without_texts_or_secrets(tmp_path: Path, behind: Behind) -> None:
    store = stored(tmp_path / "store")
    with closing(KeyRing(store)) as ring:
        secret = ring.make("desk", namespaces=["default"], rights=["admin"])
    headers = {"x-kedit-key": secret, "authorization": "Bearer sk-mine"}
    held = {"KEDIT_TEST_UPSTREAM": "sk-held"}
    config = tmp_path / "serve.toml"
    config.write_text(
        f'store = "{store}"\nlog_format = "json"\n[[upstream]]\nurl = "{behind.url}"\nread_seconds = 1\n'
        'key_variable = "KEDIT_TEST_UPSTREAM"\n'
    )
    behind.says = lambda _: "Nobody, says the oracle."
    with (
        started(store, "--config", str(config), environment=held) as server,
        httpx.Client(base_url=server.url, headers=headers, timeout=60, trust_env=False) as client,
    ):
        statuses = [
            client.post("/edits", json={"prompt": "What is the vault's word?", "target": "Quetzal-99"}),
            client.post("/edits", json={"prompt": "Quetzal", "target": 7}),
            client.post("/edits", json={"target": "Quetzal-99"}),
            client.get("/edits", params={"subject": "Acme"}),
            client.post(CHAT, json=asking("Who leads Acme nowadays?")),
            client.post(CHAT, json=asking("what is the vault's word")),
            client.post(CHAT, json=asking("What is the tallest tree?", stream=True)),
            client.post(CHAT, content=b"{Quetzal"),
            client.post("/passages", json={"passages": [{"text": "Quetzals nest in the vault."}]}),
            client.get("/v1/slow"),
            client.get("/edits", headers={"x-kedit-key": "kedit-guessed"}),
        ]
        until(lambda: server.requests("/v1/slow") and len(server.requests("/edits")) == 5)
        records = [one for one in server.records if "path" in one]
        everything = "\n".join(server.lines)
    assert [one.status_code for one in statuses] == [201, 422, 400, 200, 200, 200, 200, 400, 201, 504, 401]
    assert [(one["path"], one["status"]) for one in records] == [
        (one.request.url.path, one.status_code) for one in statuses
    ]
    assert [one["route"] for one in records[4:7]] == ["direct", "direct", "none"]
    assert all(one["request"] and one["seconds"] > 0 and one["at"] for one in records)
    assert len({one["request"] for one in records}) == len(records)
    for text in (secret, "sk-mine", "sk-held", "kedit-guessed", "uetzal", "vault", "Acme", "Berg", "tree", "oracle"):
        assert text not in everything, text
