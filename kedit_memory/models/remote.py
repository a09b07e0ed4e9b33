"""A model behind an OpenAI-compatible endpoint: a `TextModel`, asked over HTTP."""

import hashlib
import ipaddress
import json
import logging
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from kedit_memory.errors import InvalidInputError, ModelError
from kedit_memory.models.formats import clean, messages
from kedit_memory.models.language import OnText, Reply
from kedit_memory.models.prompts import MAX_NEW_TOKENS, AnswersOne, Prompt
from kedit_memory.records import Message

logger = logging.getLogger(__name__)

_MAX_PAUSE = 30.0  # seconds; an endpoint that asks for more is given up
_LARGEST = 64 << 20  # bytes of an answer, which a hostile endpoint never ends
_LONGEST_LINE = 1 << 20  # characters of one piece of a stream
_SECONDS = re.compile(r"[0-9]{1,9}")
_OF_THE_WAY = {b"content-encoding", b"content-length", b"transfer-encoding"}  # headers on how the content came
_NONSENSE = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    RecursionError,
)  # of JSON of another kind
_SHOWN = 200  # characters of a server's own words in a message


@dataclass(frozen=True, kw_only=True)
class Completion:
    """A generated text, whether it was cut, and its tokens' log-probabilities where the server gives them."""

    text: str
    cut: bool = False
    log_probabilities: tuple[float, ...] | None = None


class OpenAIModel(AnswersOne):
    """A `TextModel` that asks `{url}/chat/completions`, at temperature 0.

    Connection errors, 429 and 5xx are tried again, after a pause that doubles each time or that the
    server names. The API key appears in no message.
    """

    def __init__(
        self,
        name: str,
        url: str,
        *,
        api_key: str | None = None,
        timeout: float = 60.0,
        attempts: int = 4,
        pause: float = 0.5,
    ) -> None:
        """Connects to nothing yet.

        Args:
            name: The model's name at the endpoint.
            url: Where "/chat/completions" follows, such as "http://127.0.0.1:8000/v1".
            api_key: Sent as a bearer token.
            timeout: Seconds to wait for a connection, or for the next bytes of an answer.
            attempts: Requests made at most for one prompt.
            pause: Seconds before the second attempt.

        Raises:
            InvalidInputError: The URL or key cannot be used.
        """
        self.name = name
        self.url = _checked_url(url)
        self.attempts = max(1, attempts)
        self.pause = pause
        self._key = _checked_key(api_key)
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        # A proxy named by the environment is for the outside; it cannot reach this machine's own ports.
        self._client = httpx.Client(
            timeout=timeout, headers=headers, trust_env=not is_loopback(httpx.URL(self.url).host)
        )

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits over name and URL; a change of the weights behind them goes unseen."""
        return hashlib.sha256(f"{self.name}\n{self.url}".encode()).hexdigest()[:16]

    def close(self) -> None:
        """Closes the connections that are kept open between requests."""
        self._client.close()

    def generate(
        self,
        prompts: Sequence[Prompt | str],
        *,
        max_new_tokens: int = MAX_NEW_TOKENS,
        stop: Sequence[str] = (),
    ) -> list[str]:
        """The generated texts, in order; a plain string is sent as a user message.

        Raises:
            ModelError: The endpoint cannot be reached, refuses, or answers with something else.
        """
        return [self.complete(prompt, max_new_tokens=max_new_tokens, stop=stop).text for prompt in prompts]

    def answer_many(self, prompts: Sequence[Prompt], *, max_new_tokens: int = MAX_NEW_TOKENS) -> list[str]:
        """The short answers to many questions, in order: the first line of each; errors as in `generate`."""
        texts = self.generate(prompts, max_new_tokens=max_new_tokens)
        return [clean(text.strip(), prompt.cloze) for text, prompt in zip(texts, prompts, strict=True)]

    def reply_many(
        self, prompts: Sequence[Prompt], *, max_new_tokens: int | None = None, on_text: OnText | None = None
    ) -> list[Reply]:
        """What the model replies, as long as the endpoint lets it go on; errors as in `generate`.

        Raises:
            InvalidInputError: pieces of several replies are asked for.
        """
        if on_text is None:
            found = [self.complete(prompt, max_new_tokens=max_new_tokens) for prompt in prompts]
            return [Reply(text=one.text, cut=one.cut) for one in found]
        if len(prompts) > 1:
            raise InvalidInputError(f"on_text takes one reply as it comes, not those to {len(prompts)} prompts")
        return [self._stream(prompt, max_new_tokens, on_text) for prompt in prompts]

    def complete(
        self,
        prompt: Prompt | str,
        *,
        max_new_tokens: int | None = MAX_NEW_TOKENS,
        stop: Sequence[str] = (),
        log_probabilities: bool = False,
    ) -> Completion:
        """One generated text, by default a short one; with None as long as the endpoint lets it be.

        Errors as in `generate`.
        """
        body = self._body(prompt, max_new_tokens)
        if stop:
            body["stop"] = list(stop)
        if log_probabilities:
            body["logprobs"] = True
        with self._posted(body) as response:
            return self._parse(response)

    def _body(self, prompt: Prompt | str, max_new_tokens: int | None) -> dict[str, Any]:
        turns = [Message("user", prompt)] if isinstance(prompt, str) else messages(prompt)
        body: dict[str, Any] = {
            "model": self.name,
            "messages": [turn._asdict() for turn in turns],
            "temperature": 0,
        }
        if max_new_tokens is not None:
            body["max_tokens"] = max_new_tokens
        return body

    def _stream(self, prompt: Prompt, max_new_tokens: int | None, on_text: OnText) -> Reply:
        """One reply by server-sent events: each line "data: {chunk}", the last "data: [DONE]"."""
        pieces: list[str] = []
        cut = False
        with self._posted(self._body(prompt, max_new_tokens) | {"stream": True}) as response:
            for piece, ends_there in self._pieces(response):
                cut = cut or ends_there
                if piece:
                    pieces.append(piece)
                    on_text(piece)
        return Reply(text="".join(pieces), cut=cut)

    def _pieces(self, response: httpx.Response) -> Iterator[tuple[str, bool]]:
        """The pieces of a reply as they come, and whether each is the last one of a reply that was cut."""
        try:
            for line in _lines(response):
                choice = _chunk(line)
                piece = (choice.get("delta") or {}).get("content") or ""
                if not isinstance(piece, str):
                    raise TypeError("its content is no text")
                yield piece, choice.get("finish_reason") == "length"
        except httpx.RequestError as error:
            raise ModelError(f"{self.url} broke off an answer ({self._hide(str(error))}): ask again") from error
        except _NONSENSE as error:
            raise ModelError(f"{self.url} sent a piece that is none of a chat completion: {error}") from error

    @contextmanager
    def _posted(self, body: dict[str, Any]) -> Iterator[httpx.Response]:
        """The response to a request that the endpoint took, read whole unless it streams."""
        for attempt in range(1, self.attempts + 1):
            last = attempt == self.attempts
            request = self._client.build_request("POST", f"{self.url}/chat/completions", json=body)
            try:
                response = self._client.send(request, stream=True)
                if not (body.get("stream") and response.is_success):
                    response = self._whole(response)
            except httpx.RequestError as error:
                if last:
                    raise ModelError(
                        f"no answer from {self.url} after {attempt} attempts "
                        f"({self._hide(str(error) or type(error).__name__)}): "
                        "check that the server runs and the URL is right"
                    ) from error
                self._wait(attempt, None)
                continue
            with closing(response):
                if response.is_success:
                    yield response
                    return
            again = response.status_code == 429 or response.status_code >= 500
            if last or not again:
                raise ModelError(self._refusal(response))
            self._wait(attempt, response.headers.get("retry-after"))
        raise AssertionError("the last attempt returns or raises")

    def _wait(self, attempt: int, asked: str | None) -> None:
        pause = min(self.pause * 2 ** (attempt - 1), _MAX_PAUSE)
        if asked is not None and _SECONDS.fullmatch(asked):
            pause = float(asked)
        if pause > _MAX_PAUSE:
            raise ModelError(f"{self.url} asks for a pause of {pause:.0f} seconds: try again after it")
        logger.info("attempt %d at %s failed, trying again in %.1f s", attempt, self.url, pause)
        time.sleep(pause)

    def _whole(self, response: httpx.Response) -> httpx.Response:
        """The response with all of its content; one that does not end is given up."""
        content = bytearray()
        with closing(response):
            for part in response.iter_bytes():
                content += part
                if len(content) > _LARGEST:
                    raise ModelError(f"{self.url} answers with more than {_LARGEST:,} bytes: check what it is")
        kept = [(name, value) for name, value in response.headers.raw if name.lower() not in _OF_THE_WAY]
        return httpx.Response(response.status_code, headers=kept, content=bytes(content))

    def _refusal(self, response: httpx.Response) -> str:
        hint = {
            401: ": give the endpoint's API key",
            403: ": the API key may not use this model",
            404: f": check the URL and that the model is named {self.name!r}",
            429: ": too many requests, try later",
        }.get(response.status_code, "")
        words = next((line.strip() for line in response.text.splitlines() if line.strip()), "")
        said = f" ({self._hide(words)[:_SHOWN]})" if words else ""
        return f"{self.url} answered {response.status_code}{said}{hint}"

    def _parse(self, response: httpx.Response) -> Completion:
        try:
            choice = response.json()["choices"][0]
            text = choice["message"]["content"]
            scores = (choice.get("logprobs") or {}).get("content")
            values = tuple(float(token["logprob"]) for token in scores) if scores else None
        except _NONSENSE as error:
            raise self._not_a_completion(response) from error
        if not isinstance(text, str):
            raise self._not_a_completion(response)
        return Completion(text=text, cut=choice.get("finish_reason") == "length", log_probabilities=values)

    def _not_a_completion(self, response: httpx.Response) -> ModelError:
        words = self._hide(" ".join(response.text.split()))[:_SHOWN]
        return ModelError(
            f"{self.url} answered with no chat completion ({words or 'an empty body'}): "
            "check that the URL ends where /chat/completions follows, most often in /v1"
        )

    def _hide(self, words: str) -> str:
        return words.replace(self._key, "***") if self._key else words


def _lines(response: httpx.Response) -> Iterator[str]:
    """The lines of a stream as they come.

    Raises:
        ValueError: one does not end.
    """
    rest = ""
    for part in response.iter_text():
        *lines, rest = (rest + part).split("\n")
        yield from lines
        if len(rest) > _LONGEST_LINE:
            raise ValueError(f"it has more than {_LONGEST_LINE:,} characters")
    yield rest


def _chunk(line: str) -> dict[str, Any]:
    """The first choice of a line of a stream; empty for a blank line, a comment or the end."""
    data = line.removeprefix("data:").strip() if line.startswith("data:") else ""
    if not data or data == "[DONE]":
        return {}
    choices = json.loads(data)["choices"]
    return dict(choices[0]) if choices else {}


def _checked_url(url: str) -> str:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise InvalidInputError(f"{url!r} is no URL: {error}") from error
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise InvalidInputError(f"{url!r} is no URL: write http://HOST:PORT/v1 or https://HOST/v1")
    if parsed.userinfo:
        raise InvalidInputError("the URL holds a password: give it as the API key instead")
    return url.rstrip("/")


def _checked_key(key: str | None) -> str | None:
    if not key:
        return None
    # httpx repeats a header that it refuses, key included: refuse it here, unseen.
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise InvalidInputError("the API key holds a space, a line break or a non-ASCII character: copy it again")
    return key


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, seen from itself."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
