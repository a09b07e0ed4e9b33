"""What `deploy` and the Dockerfile say, as far as that can be told without building an image."""

import http.server
import json
import re
import shutil
import subprocess
import sys
import threading
import tomllib
from pathlib import Path

import pytest

from kedit_memory.server.settings import Settings, read_file
from tests.server.conftest import Behind, stored
from tests.server.starting import started

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
README = (ROOT / "README.md").read_text("utf-8")


@pytest.fixture(scope="module")
def dockerfile() -> list[tuple[str, str]]:
    """Its instructions, in order."""
    parsing = pytest.importorskip("dockerfile_parse")
    parsed = parsing.DockerfileParser(str(ROOT / "Dockerfile"), cache_content=True)
    return [(one["instruction"], one["value"]) for one in parsed.structure if one["instruction"] != "COMMENT"]


def test_the_image_is_built_in_two_stages_and_runs_without_rights(dockerfile: list[tuple[str, str]]) -> None:
    names = [name for name, _ in dockerfile]
    assert names.count("FROM") == 2
    last = dockerfile[len(names) - 1 - names[::-1].index("FROM") :]
    values = {name: value for name, value in last if name != "RUN"}
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", values["USER"])
    assert [name for name, _ in last].index("USER") > max(n for n, (name, _) in enumerate(last) if name == "RUN")
    assert values["VOLUME"] == "/data"
    assert values["COPY"].startswith("--from=build ")
    assert not {"pip", "ADD"} & {word for name, value in last for word in (name, *value.split())}
    environment = dict(word.split("=", 1) for word in values["ENV"].split())
    assert environment["HF_HUB_OFFLINE"] == "1"
    assert all(environment[name].startswith("/data") for name in ("HOME", "XDG_CACHE_HOME", "KEDIT_STORE"))
    assert json.loads(values["ENTRYPOINT"]) == ["kedit"]
    assert json.loads(values["CMD"])[0] == "serve"


def test_it_installs_as_readme_says(dockerfile: list[tuple[str, str]]) -> None:
    (wanted,) = re.findall(r"^pip install (-c lock\.txt '\.\[offline,server\]')$", README, re.MULTILINE)
    runs = " ".join(value for name, value in dockerfile if name == "RUN")
    assert f"pip install --no-cache-dir {wanted}" in runs
    assert "grep '^torch==' lock.txt" in runs
    (torch,) = [line for line in (ROOT / "lock.txt").read_text().splitlines() if line.startswith("torch==")]
    assert " " not in torch  # no marker: the line is what pip is given


def test_what_is_copied_is_there_and_not_ignored(dockerfile: list[tuple[str, str]]) -> None:
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    copied = [
        word for name, value in dockerfile if name == "COPY" and "--from" not in value for word in value.split()[:-1]
    ]
    assert sorted(copied) == sorted(kept)
    assert all((ROOT / name).exists() for name in copied)


def health_check(dockerfile: list[tuple[str, str]], port: str) -> int:
    """How the health check of the image ends for a server on a port."""
    (value,) = (value for name, value in dockerfile if name == "HEALTHCHECK")
    words = json.loads(value[value.index("CMD") + 3 :])
    assert words[0] == "python"
    assert "8321" in words[-1]
    command = [sys.executable, *words[1:-1], words[-1].replace("8321", port)]
    return subprocess.run(command, check=False, capture_output=True).returncode


def test_the_health_check_tells_ready_from_not(dockerfile, tmp_path: Path, behind: Behind) -> None:
    class Unready(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(503)

        def log_message(self, *_: object) -> None: ...

    with started(stored(tmp_path / "store"), "--upstream", behind.url) as server:
        port = server.url.rpartition(":")[2]
        assert health_check(dockerfile, port) == 0
    assert health_check(dockerfile, port) != 0
    with http.server.HTTPServer(("127.0.0.1", 0), Unready) as unready:
        threading.Thread(target=unready.handle_request).start()
        assert health_check(dockerfile, str(unready.server_port)) != 0


def test_the_compose_file_says_what_it_must() -> None:
    yaml = pytest.importorskip("yaml")
    told = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    service = told["services"]["kedit"]
    assert (DEPLOY / service["build"]["context"]).resolve() == ROOT
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert [one.partition(":")[0] for one in service["tmpfs"]] == ["/tmp"]  # noqa: S108 - the container's own
    volumes = dict(one.split(":", 1) for one in service["volumes"])
    assert volumes == {"data": "/data", "./serve.toml": "/etc/kedit/serve.toml:ro"}
    assert set(told["volumes"]) == {"data"}
    assert service["command"] == ["serve", "--config", "/etc/kedit/serve.toml"]
    assert all(one.startswith("127.0.0.1:") and one.endswith(":8321") for one in service["ports"])
    held = tomllib.loads((DEPLOY / "serve.toml").read_text())["upstream"][0]["key_variable"]
    assert held in service["environment"]


def test_the_example_of_settings_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXAMPLE_API_KEY", "sk-1")
    settings = Settings(**read_file(DEPLOY / "serve.toml"))
    assert str(settings.store).startswith("/data/")
    assert (settings.host, settings.log_format) == ("0.0.0.0", "json")  # noqa: S104 - within the container
    assert settings.workers > 1
    assert settings.rate


def test_the_unit_is_one_that_systemd_reads(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not here")
    unit = tmp_path / "kedit.service"
    text = (DEPLOY / "kedit.service").read_text("utf-8")
    assert "ExecStart=/opt/kedit/bin/kedit serve --config /etc/kedit/serve.toml\n" in text
    unit.write_text(text.replace("/opt/kedit/bin/kedit", "/bin/true"))
    done = subprocess.run([analyze, "verify", str(unit)], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr.strip()) == (0, "")
    rated = subprocess.run(
        [analyze, "security", "--offline=true", "--threshold=20", str(unit)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert rated.returncode == 0, rated.stdout[-300:]
