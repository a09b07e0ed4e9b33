"""Bulk work in shards: a function over each, here or by the workers of a Ray cluster, with the results in order.

    with spread_over("auto") as spread, EditMemory.open("index/big", spread=spread) as memory:
        memory.import_file("million.jsonl")

The function is sent once, and each worker keeps it with whatever it has loaded. It has to be pure: a shard whose worker
dies is done again by another one, and the results are those of a run on one machine.
"""

import os
import socket
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from typing import Any, Protocol, TypeVar

from kedit_memory.errors import InvalidInputError, KeditError, MissingDependencyError

Shard = TypeVar("Shard")
Result = TypeVar("Result")

ANY = "auto"  # the cluster that this machine is a node of
_AGAIN = 3  # times that a shard is done again whose worker died
_AHEAD = 2  # shards for each place that are under way or wait there
_CORE, _GPU = "CPU", "GPU"  # as Ray calls them
_PATIENCE = 5.0  # seconds in which a head has to answer
# Ray reads these when it is loaded: it tells nobody about its use, prints nothing between our results, and gives up a
# wrong address in seconds instead of minutes.
_SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",
    "RAY_NUM_REDIS_GET_RETRIES": "2",
    "RAY_py_gcs_connect_timeout_s": "10",
}


class Spread(Protocol):
    """Gives the result of a function for each shard, in the order of the shards."""

    def __call__(self, work: Callable[[Shard], Result], shards: Iterable[Shard], /) -> Iterator[Result]:
        """Results, the first as soon as it is there; few shards more than can be worked on are taken in advance."""


def here(work: Callable[[Shard], Result], shards: Iterable[Shard], /) -> Iterator[Result]:
    """One shard after the other, in this process."""
    return map(work, shards)


@contextmanager
def spread_over(address: str | None, device: str | None = None) -> Iterator[Spread]:
    """A way to work on shards: by the Ray cluster at an address, or `here` where there is none.

    Each node needs this package in the same version, and the encoders that are used. This machine has to be one of the
    nodes, but need not offer a core.

    Args:
        address: HOST:PORT of the cluster's head, or "auto" for the cluster of this machine.
        device: where the work runs; "cuda" has each shard worked on with a GPU of its own, anything else with a core.

    Raises:
        InvalidInputError: the address is of another form.
        KeditError: no cluster answers there, it has another version of Ray or Python, or it offers no core or GPU.
        MissingDependencyError: ray is not installed.
    """
    if address is None:
        yield here
        return
    ray = _joined(address)
    try:
        needed = _GPU if device == "cuda" else _CORE
        places = int(ray.cluster_resources().get(needed, 0))
        if not places:
            option = f"--num-{needed.lower()}s 1"
            raise KeditError(f"the Ray cluster at {address} offers no {needed}; start a node by `ray start {option}`")
        yield partial(_by_workers, ray, places, {"num_gpus": 1} if needed == _GPU else {"num_cpus": 1})
    finally:
        ray.shutdown()


def _joined(address: str) -> Any:
    """Ray, with this process as a part of the cluster at an address."""
    if address != ANY:
        _check_head(address)
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    try:
        ray = import_module("ray")
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            "--ray needs ray, which is not installed: pip install 'kedit-memory[ray]'"
        ) from error
    try:
        ray.init(address=address, log_to_driver=False, configure_logging=False)
    except (ConnectionError, ValueError, RuntimeError, AssertionError) as error:
        raise KeditError(
            f"the Ray cluster at {address} cannot be joined ({_line(error)}); start one by `ray start --head "
            "--disable-usage-stats`, and on other machines, this one too, `ray start --address HOST:PORT`"
        ) from error
    return ray


def _check_head(address: str) -> None:
    """Refuses what is no address, or where nothing listens; Ray itself would wait for minutes."""
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise InvalidInputError(f"no address of a Ray cluster: {address!r}; give HOST:PORT of its head, or auto")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _PATIENCE).close()
    except OSError as error:
        raise KeditError(
            f"no Ray cluster answers at {address} ({error.strerror or error}); start one by `ray start --head "
            "--disable-usage-stats`, which says its address"
        ) from error


def _by_workers(
    ray: Any, places: int, needs: dict[str, int], work: Callable[[Shard], Result], shards: Iterable[Shard], /
) -> Iterator[Result]:
    """One shard at a time in each place, by tasks of Ray."""

    def run(shard: Shard) -> Result:
        return work(shard)

    task = ray.remote(max_retries=_AGAIN, **needs)(run)
    under_way: deque[tuple[int, Any]] = deque()
    for number, shard in enumerate(shards, start=1):
        under_way.append((number, task.remote(shard)))
        if len(under_way) >= _AHEAD * places:
            yield _result(ray, *under_way.popleft())
    while under_way:
        yield _result(ray, *under_way.popleft())


def _result(ray: Any, number: int, reference: Any) -> Any:
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise KeditError(f"shard {number} failed on a Ray worker: {_line(error.cause or error)}") from error
    except ray.exceptions.RayError as error:
        raise KeditError(
            f"shard {number} was lost with its Ray worker, {_AGAIN + 1} times ({_line(error)}); look at the nodes' "
            "logs in /tmp/ray, and do the work again"
        ) from error


def _line(error: BaseException) -> str:
    """An error with its message in one line."""
    message = " ".join(str(error).split())
    return message if isinstance(error, KeditError) else f"{type(error).__name__}: {message}"
