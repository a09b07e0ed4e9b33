"""Where public sets come from: the file of sources, checksums, the script that fetches, the page that counts."""

import hashlib
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import datasets_report
import fetch_data
import pytest

from kedit_memory.errors import InvalidInputError
from kedit_memory.evaluation.datasets.sources import PublishedFile, State, checksum_of, read_sources, sources

BODY = b'[{"prompt": "Who?"}]\n'
SHA256 = f"sha256:{hashlib.sha256(BODY).hexdigest()}"
GIT = "git:7867f587da6bf23c146593df8b68e9b70ee97dcc"  # as `git hash-object` says
TOLD = 'title = "T"\npaper = "P"\nmeasures = "m"\nform = "f"\nlicence = "MIT"\nfolder = "toy set"\n'


def listed(base, **files):
    names = "".join(f'"{name}" = "{checksum}"\n' for name, checksum in files.items())
    head = f'[toy]\n{TOLD}[[toy.from]]\nbase = "{base}"\n[toy.from.named]\n"sub/b.json" = "b%20c.json"\n'
    return f"{head}[toy.from.files]\n{names}"


@pytest.fixture
def published(tmp_path):
    """A server of two files, and how often it was asked for each path."""
    folder, asked = tmp_path / "published", []
    folder.mkdir()
    for name in ("a.json", "b c.json"):
        (folder / name).write_bytes(BODY)

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self):
            if self.path != "/short.json":
                super().do_GET()
                return
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(BODY)

        def log_message(self, *_):
            asked.append(self.path)

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", asked
    server.shutdown()
    server.server_close()


def run(tmp_path, toml, *options):
    (tmp_path / "sources.toml").write_text(toml, "utf-8")
    return fetch_data.main(
        ["toy", "--to", str(tmp_path / "data"), "--sources", str(tmp_path / "sources.toml"), *options]
    )


def test_files_are_fetched_once_under_their_names_and_checked(tmp_path, published, capsys):
    base, asked = published
    toml = listed(base, **{"a.json": SHA256, "sub/b.json": ""})
    assert run(tmp_path, toml) == 0
    told = capsys.readouterr().out
    assert "licence: MIT" in told
    assert "a.json: fetched\n" in told
    assert f"sub/b.json: fetched, not checked: no checksum is known; it is {SHA256}" in told
    for name in ("a.json", "sub/b.json"):
        assert (tmp_path / "data/toy set" / name).read_bytes() == BODY
    assert asked == ["/a.json", "/b%20c.json"]
    assert run(tmp_path, toml) == 0
    assert "a.json: as published" in capsys.readouterr().out
    assert len(asked) == 2


def test_what_is_not_as_published_is_refused_and_leaves_nothing(tmp_path, published, capsys):
    base, _ = published
    assert run(tmp_path, listed(base, **{"a.json": "sha256:" + "0" * 64, "none.json": SHA256, "short.json": ""})) == 1
    told = capsys.readouterr().out
    assert f"a.json: refused: {base}a.json gave {SHA256}, and sha256:000" in told
    assert f"none.json: not fetched: {base}none.json: HTTP Error 404" in told
    assert f"short.json: not fetched: {base}short.json: {len(BODY)} of 100 bytes came" in told
    assert list((tmp_path / "data/toy set").iterdir()) == []


def test_a_file_that_differs_is_kept_unless_it_is_to_be_replaced(tmp_path, published, capsys):
    base, asked = published
    own = tmp_path / "data/toy set/a.json"
    own.parent.mkdir(parents=True)
    own.write_text("mine")
    assert run(tmp_path, listed(base, **{"a.json": SHA256})) == 1
    assert "differs from the published file and is kept; --replace" in capsys.readouterr().out
    assert (own.read_text(), asked) == ("mine", [])
    assert run(tmp_path, listed(base, **{"a.json": SHA256}), "--replace") == 0
    assert own.read_bytes() == BODY


def test_nothing_is_fetched_unless_a_set_and_a_folder_are_named(monkeypatch, capsys):
    monkeypatch.delenv("KEDIT_DATA", raising=False)
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: pytest.fail("the network was used"))
    assert fetch_data.main([]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in sources())
    assert fetch_data.main(["zsre"]) == 2
    assert capsys.readouterr().err == "error: no folder for the sets; give --to FOLDER or set KEDIT_DATA\n"
    assert fetch_data.main(["zsrr", "--to", "x"]) == 2
    assert "did you mean 'zsre'" in capsys.readouterr().err


def test_a_checksum_of_git_is_the_name_that_git_gives_the_bytes(tmp_path):
    file = tmp_path / "a.json"
    file.write_bytes(BODY)
    assert checksum_of(file, "git:") == GIT
    assert checksum_of(file, "sha256:") == SHA256
    published = {checksum: PublishedFile(path="a.json", address="", checksum=checksum) for checksum in (SHA256, "")}
    assert published[SHA256].state(tmp_path) is State.PUBLISHED
    assert published[""].state(tmp_path) is State.UNKNOWN
    assert published[SHA256].state(tmp_path / "none") is State.ABSENT
    file.write_bytes(b"x")
    assert published[SHA256].state(tmp_path) is State.OTHER


@pytest.mark.parametrize(
    ("files", "base", "message"),
    [
        ({"a.json": "sha256:12"}, "https://x/", "is neither sha256"),
        ({"a.json": "md5:" + "0" * 32}, "https://x/", "is neither sha256"),
        ({"../a.json": SHA256}, "https://x/", "is no path within the folder of its set"),
        ({"/a.json": SHA256}, "https://x/", "is no path within the folder of its set"),
        ({"a.json": SHA256}, "file:///etc/", "is none of the web; begin it with https://"),
    ],
)
def test_a_file_of_sources_that_cannot_be_trusted_is_refused(tmp_path, files, base, message):
    (tmp_path / "sources.toml").write_text(listed(base, **files), "utf-8")
    with pytest.raises(InvalidInputError, match=message):
        read_sources(tmp_path / "sources.toml")


def test_the_shipped_sources_are_pinned_where_they_have_a_checksum():
    files = [file for one in sources().values() for file in one.files]
    assert all(len(one.files) >= 1 for one in sources().values())
    unpinned = [file.path for file in files if "raw.githubusercontent.com" not in file.address]
    assert unpinned == [file.path for file in files if not file.checksum] == ["counterfact.json"]


def test_the_page_of_sets_counts_what_is_there(tmp_path):
    (tmp_path / "zsre").mkdir()
    row = '{"prompt": "Who?", "target_new": "Ann", "subject": "Zog", "rephrase_prompt": "Who is it?"}'
    (tmp_path / "zsre/ZsRE-test-all.json").write_text(f'[{row}, {{"prompt": "x"}}]', "utf-8")
    page = datasets_report.page(tmp_path)
    (line,) = [line for line in page.splitlines() if line.startswith("| `zsre`:")]
    assert line.endswith("| MIT | 1 of 1, 0 as published | 1 | 2 | 1: no target_new |")
    assert sum(line.endswith("| - | - | - |") for line in page.splitlines()) == len(sources()) - 1
