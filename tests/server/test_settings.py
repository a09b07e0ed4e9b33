"""What the server goes by: read from a file, checked before anything listens."""

from pathlib import Path

import pytest

from kedit_memory.errors import InvalidInputError
from kedit_memory.server.settings import Settings, Upstream, read_file

FILE = """
store = "desk"
models = ["smollm2"]
answer = "context"
[[upstream]]
url = "https://api.example.com/v1"
models = ["gpt-*", "o1"]
[[upstream]]
url = "http://127.0.0.1:9/v1"
"""


def test_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "serve.toml").write_text(FILE)
    settings = Settings(**read_file(tmp_path / "serve.toml"))
    assert settings.store == tmp_path / "desk"
    assert (settings.models, settings.answer) == (("smollm2",), "context")
    first, second = settings.upstreams
    assert [first.serves(name) for name in ("gpt-9", "o1", "o2")] == [True, True, False]
    assert second.serves("anything")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("store = ", "cannot be read"),
        ('colour = "red"', "sets 'colour'; it may set answer, body_bytes"),
        ("[[upstream]]", "an upstream without a url"),
        ('[[upstream]]\nurl = "http://x/v1"\nkey = "k"', "sets 'key' of an upstream"),
    ],
)
def test_a_file_that_says_something_else_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "serve.toml").write_text(text)
    with pytest.raises(InvalidInputError, match=message) as told:
        read_file(tmp_path / "serve.toml")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    "url", ["", "api.example.com/v1", "ftp://x/v1", "http://", "http://a:b@x/v1", "http://x/v1?k=1"]
)
def test_an_upstream_has_a_base_url(url: str) -> None:
    with pytest.raises(InvalidInputError, match="is no"):
        Upstream(url=url)


def test_an_upstreams_key_comes_from_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInputError, match="takes its key from KEDIT_NO_SUCH, which is not set"):
        Upstream(url="http://x/v1", key_variable="KEDIT_NO_SUCH")
    monkeypatch.setenv("KEDIT_SUCH", "sk-1")
    assert Upstream(url="http://x/v1", key_variable="KEDIT_SUCH").key == "sk-1"
    assert "sk-1" not in repr(Upstream(url="http://x/v1", key_variable="KEDIT_SUCH"))


@pytest.mark.parametrize(
    "given",
    [
        {"answer": "maybe"},
        {"port": 70_000},
        {"body_bytes": 0},
        {"waiting": 0},
        {"rate": 0},
        {"burst": "9"},
        {"workers": 0},
        {"request_seconds": 0},
        {"request_seconds": "9"},
        {"log_format": "xml"},
        {"log_decisions": -1},
    ],
)
def test_settings_are_checked(tmp_path: Path, given: dict) -> None:
    with pytest.raises(InvalidInputError):
        Settings(store=tmp_path, **given)
