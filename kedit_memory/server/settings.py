"""What the server goes by: options and a file, checked once, before anything listens."""

import fnmatch
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import httpx

from kedit_memory.errors import InvalidInputError
from kedit_memory.places import is_address

_ANSWERS = ("auto", "context", "direct")
FORMATS = ("text", "json")  # of logs


@dataclass(frozen=True, kw_only=True)
class Upstream:
    """An endpoint behind the server.

    Attributes:
        url: the base URL, which `/chat/completions` follows.
        models: patterns of the names that it serves, such as `gpt-*`.
        key_variable: the environment variable that holds its key; without one the caller's own is passed on.
        connect_seconds: to wait for a connection.
        read_seconds: to wait for the next bytes.
    """

    url: str
    models: tuple[str, ...] = ("*",)
    key_variable: str | None = None
    connect_seconds: float = 5.0
    read_seconds: float = 600.0

    def __post_init__(self) -> None:
        try:
            url = httpx.URL(self.url)
        except httpx.InvalidURL as error:
            raise InvalidInputError(f"the upstream {self.url!r} is no URL: {error}") from error
        if url.scheme not in {"http", "https"} or not url.host or url.userinfo or url.query:
            raise InvalidInputError(
                f"the upstream {self.url!r} is no base URL; write http://HOST:PORT/v1 or https://HOST/v1, and its key "
                "into a variable that key_variable names"
            )
        if self.key_variable and not os.environ.get(self.key_variable):
            raise InvalidInputError(
                f"the upstream {self.url} takes its key from {self.key_variable}, which is not set; set it, or leave "
                "key_variable out to pass on the callers' own"
            )
        if min(self.connect_seconds, self.read_seconds) <= 0:
            raise InvalidInputError(f"the upstream {self.url} is given no time; seconds must be more than 0")

    def serves(self, model: str) -> bool:
        """Whether it is asked for a model of this name."""
        return any(fnmatch.fnmatchcase(model, pattern) for pattern in self.models)

    @property
    def key(self) -> str | None:
        """Its own key; None where the caller's is passed on."""
        return os.environ[self.key_variable] if self.key_variable else None


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All that the server goes by.

    Attributes:
        store: the folder of the memory, or its address.
        engine: what finds its keys; see `EditMemory.open`.
        upstreams: where questions go; the first that serves a request's model is asked.
        models: names of models of this machine, see `load_model`; a request for another goes to an upstream.
        answer: how an edit in scope answers: `context`, the model reads it; `direct`, its target is the reply; `auto`,
            its target to its own wording, else the model reads it.
        related: how many edits that speak of a question and do not answer it the model reads; 0 leaves no trace.
        host: where it listens.
        port: see `host`.
        body_bytes: the largest request.
        waiting: questions that may wait for a decision before further ones are refused for a while.
        request_seconds: that a request may take, from its first byte to the last one of its reply.
        rate: requests a minute of each key, or without keys of each address; None for no limit. A key may have its own.
        burst: requests that may come at once, where there is a rate.
        workers: processes that serve.
        log_format: `text`, or `json` with a line for each request.
        log_decisions: how many of the newest decisions are kept, with their questions; 0 keeps none, and takes away
            those that were kept.
    """

    store: str | Path
    engine: str = "faiss"
    upstreams: tuple[Upstream, ...] = ()
    models: tuple[str, ...] = ()
    answer: str = "auto"
    related: int = 0
    host: str = "127.0.0.1"
    port: int = 8321
    body_bytes: int = 10_000_000
    waiting: int = 256
    request_seconds: float = 900.0
    rate: int | None = None
    burst: int = 60
    workers: int = 1
    log_format: str = "text"
    log_decisions: int = 0

    def __post_init__(self) -> None:
        if self.answer not in _ANSWERS:
            raise InvalidInputError(f"no way to answer {self.answer!r}; choose one of {', '.join(_ANSWERS)}")
        if not 0 <= self.port < 65536:
            raise InvalidInputError(f"port {self.port} is not allowed; give 1 to 65535, or 0 for a free one")
        for name in ("body_bytes", "waiting", "rate", "burst", "workers"):
            if not _whole(value := getattr(self, name), least=1) and (name != "rate" or value is not None):
                raise InvalidInputError(f"{name} is {value!r}; give a whole number from 1 on")
        if not _positive(self.request_seconds):
            raise InvalidInputError(f"request_seconds is {self.request_seconds!r}; give a number above 0")
        if self.log_format not in FORMATS:
            raise InvalidInputError(f"no log format {self.log_format!r}; choose one of {', '.join(FORMATS)}")
        if not _whole(self.related, least=0):
            raise InvalidInputError(f"related is {self.related!r}; give how many edits, or 0 for none")
        if not _whole(self.log_decisions, least=0):
            raise InvalidInputError(f"{self.log_decisions} decisions cannot be kept; give how many, or 0 for none")


def _whole(value: object, *, least: int) -> bool:
    return isinstance(value, int) and value >= least


def _positive(value: object) -> bool:
    return isinstance(value, (int, float)) and value > 0


def read_file(file: Path) -> dict[str, Any]:
    """The settings in a TOML file, upstreams as tables `[[upstream]]`; a relative store lies beside the file.

    Raises:
        InvalidInputError: it cannot be read, or sets what is not known.
    """
    try:
        told = tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"{file} cannot be read ({error}); mend it, or name another file") from error
    upstreams = told.pop("upstream", [])
    known = {one.name for one in fields(Settings)} - {"upstreams"}
    if unknown := sorted(told.keys() - known):
        raise InvalidInputError(f"{file} sets {unknown[0]!r}; it may set {', '.join(sorted(known))} and [[upstream]]")
    if "store" in told and not is_address(told["store"]):
        told["store"] = file.parent / Path(told["store"]).expanduser()
    if "models" in told:
        told["models"] = tuple(told["models"])
    return told | {"upstreams": tuple(_upstream(file, one) for one in upstreams)}


def _upstream(file: Path, told: Mapping[str, Any]) -> Upstream:
    known = {one.name for one in fields(Upstream)}
    if unknown := sorted(told.keys() - known):
        raise InvalidInputError(f"{file} sets {unknown[0]!r} of an upstream; it may set {', '.join(sorted(known))}")
    if "url" not in told:
        raise InvalidInputError(f"{file} has an upstream without a url; give its base URL")
    return Upstream(**(dict(told) | ({"models": tuple(told["models"])} if "models" in told else {})))
