"""Passages from Wikipedia, asked for by title; the one part of retrieval that uses the network."""

import re
import time
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

import httpx

from kedit_memory.errors import InvalidInputError, KeditError, MissingDependencyError, NotFoundError
from kedit_memory.records import Passage
from kedit_memory.retrieval.corpus import split_text

_HEADING = re.compile(r"^ *(==+) .*? \1 *$", re.MULTILINE)
LONGEST_WAIT = 60  # seconds; a server that asks for more is given up


def fetch(
    titles: Sequence[str],
    *,
    language: str = "en",
    user_agent: str,
    base_url: str | None = None,
    pause: float = 0.5,
    attempts: int = 3,
) -> list[Passage]:
    """The passages of the pages with these titles, in order; redirects are followed.

    Args:
        titles: as in the address of a page, or as it is headed.
        language: of the Wikipedia: "en", "de", "simple"…
        user_agent: names the program and a contact, as Wikipedia asks.
        base_url: another MediaWiki's `api.php`; None is Wikipedia's.
        pause: seconds between two requests, and the first wait before a repeated one; each further wait doubles.
        attempts: how often a request is made before it is given up.

    Raises:
        MissingDependencyError: wikipedia-api is not installed.
        InvalidInputError: a title, the language or the user agent is empty or malformed.
        NotFoundError: no page has such a title.
        KeditError: Wikipedia cannot be reached, or refuses.
    """
    package = _package()
    language = language.strip().lower()
    _check(titles, language, user_agent)
    with _Transport(base_url, pause) as transport:
        wiki = package.Wikipedia(
            user_agent, language, max_retries=max(1, attempts) - 1, retry_wait=pause, transport=transport
        )
        try:
            return [passage for title in titles for passage in _page(wiki, title.strip(), language)]
        except (package.WikipediaException, KeyError) as error:  # KeyError: a part of the answer is missing
            raise KeditError(_explain(package, error, language, attempts)) from error


def _check(titles: Sequence[str], language: str, user_agent: str) -> None:
    if not (language.isascii() and language.replace("-", "").isalnum()):
        raise InvalidInputError(f"no language {language!r}; give the code of a Wikipedia, such as en, de or simple")
    if not (len(user_agent) > 5 and user_agent.isascii() and user_agent.isprintable()):
        raise InvalidInputError(f"{user_agent!r} cannot be sent as a user agent; use six or more ASCII characters")
    for title in titles:
        if not title.strip() or set(title) & set("#<>[]|{}"):
            raise InvalidInputError(f"no page can have the title {title!r}; give it as in the page's heading")


def _package() -> ModuleType:
    try:
        import wikipediaapi
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            "wikipedia-api is not installed; run: pip install 'kedit-memory[wikipedia]'"
        ) from error
    module: ModuleType = wikipediaapi
    return module


class _Transport(httpx.HTTPTransport):
    """Requests at a polite pace, to another address where one is given."""

    def __init__(self, base_url: str | None, pause: float) -> None:
        super().__init__()
        self._base = httpx.URL(base_url) if base_url else None
        self._pause = pause
        self._last: float | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self._last is not None:
            time.sleep(max(0.0, self._last + self._pause - time.monotonic()))
        try:
            response = super().handle_request(self._redirected(request))
        finally:
            self._last = time.monotonic()
        wait = response.headers.get("Retry-After", "")
        if response.status_code == httpx.codes.TOO_MANY_REQUESTS and wait.isdigit() and int(wait) > LONGEST_WAIT:
            response.close()
            raise KeditError(f"Wikipedia asks for a pause of {wait} seconds; try again after it")
        return response

    def _redirected(self, request: httpx.Request) -> httpx.Request:
        if self._base is None:
            return request
        url = self._base.copy_with(query=request.url.query)
        headers = request.headers.copy()
        del headers["Host"]
        return httpx.Request(request.method, url, headers=headers, extensions=request.extensions)


def _page(wiki: Any, title: str, language: str) -> Iterator[Passage]:
    """The passages of one page, section by section."""
    page = wiki.page(title)
    if not page.exists():
        raise NotFoundError(f"no page {title!r} in the {language!r} Wikipedia; give a title as it is spelt there")
    # Where a page has no lead, the package gives the whole page for it, headings included.
    lead = "" if page.sections and _HEADING.match(page.summary) else page.summary
    for part in (lead, *_texts(page.sections)):
        yield from split_text(_HEADING.sub("\n", part), title=page.title, source=page.fullurl)


def _texts(sections: Sequence[Any]) -> Iterator[str]:
    for section in sections:
        yield section.text
        yield from _texts(section.sections)


def _explain(package: ModuleType, error: Exception, language: str, attempts: int) -> str:
    """One line on a request that failed for good."""
    where = f"the {language!r} Wikipedia"
    if isinstance(error, package.WikiRateLimitError):
        return f"{where} asks for fewer requests (gave up after {attempts}); wait some minutes and try again"
    if isinstance(error, package.WikiHttpError):
        return f"{where} answered with status {error.status_code}; check the language code, or try again later"
    if isinstance(error, package.WikiInvalidJsonError | KeyError):
        return (
            f"{where} did not answer as MediaWiki does; check that nothing on the way, such as a portal, answers for it"
        )
    return f"cannot reach {where} (tried {attempts} times); check the network and the language code, or ingest a file"
