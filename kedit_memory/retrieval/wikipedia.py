"""Passages from Wikipedia, asked for by title; the one part of retrieval that uses the network."""

import hashlib
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any

import httpx

from kedit_memory.errors import InvalidInputError, KeditError, MissingDependencyError, NotFoundError
from kedit_memory.records import Passage
from kedit_memory.retrieval.documents import Document
from kedit_memory.retrieval.fetched import LONGEST_WAIT, Access, Fetched, check_agent, seconds_to_wait
from kedit_memory.retrieval.splitting import split_text

_HEADING = re.compile(r"^ *(==+) .*? \1 *$", re.MULTILINE)
_POLITE = Access()
_FACTS = {"prop": "info|pageprops", "ppprop": "disambiguation"}  # MediaWiki's mark, whatever a wiki's language
_ARTICLES = 0  # the namespace of articles
_SHOWN = 10  # pages that are named where a title stands for several


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page as it was fetched: its title after redirects, its address, the text of its lead and of each section."""

    title: str
    url: str
    parts: tuple[str, ...]

    def passages(self) -> Iterator[Passage]:
        """Its text, section by section."""
        for part in self.parts:
            yield from split_text(_HEADING.sub("\n", part), title=self.title, source=self.url)

    def document(self) -> Document:
        """The page as a document that can be ingested again when it has changed."""
        content = hashlib.sha256("\0".join((self.title, *self.parts)).encode()).hexdigest()
        return Document(name=self.url, source=self.url, digest=content, read=self.passages)


def fetch(
    titles: Sequence[str],
    *,
    language: str = "en",
    user_agent: str,
    kept: Fetched | None = None,
    access: Access = _POLITE,
) -> list[Page]:
    """The pages with these titles, in order; redirects are followed.

    Args:
        titles: as in the address of a page, or as it is headed.
        language: of the Wikipedia: "en", "de", "simple"…
        user_agent: names the program and a contact, as Wikipedia asks.
        kept: pages fetched before, which are not asked for again while they are young.
        access: how it is asked; its base_url is another MediaWiki's `api.php`.

    Raises:
        MissingDependencyError: wikipedia-api is not installed.
        InvalidInputError: a title, the language or the user agent is empty or malformed, or a title stands for several
            pages; the message names them.
        NotFoundError: no page has such a title.
        KeditError: Wikipedia cannot be reached, or refuses.
    """
    package = _package()
    language = language.strip().lower()
    _check(titles, language, user_agent)
    titles = [title.strip() for title in titles]
    with _Transport(access) as transport:
        again = {"max_retries": access.attempts - 1, "retry_wait": access.pause}
        texts = package.Wikipedia(user_agent, language, transport=transport, **again)
        facts = package.Wikipedia(user_agent, language, transport=transport, extra_api_params=_FACTS, **again)
        try:
            ask = partial(_page, facts, texts, language=language)
            return [_remembered(kept, title, language) or _keep(kept, title, language, ask(title)) for title in titles]
        except (package.WikipediaException, KeyError) as error:  # KeyError: a part of the answer is missing
            raise KeditError(_explain(package, error, language, access.attempts)) from error


def _check(titles: Sequence[str], language: str, user_agent: str) -> None:
    if not (language.isascii() and language.replace("-", "").isalnum()):
        raise InvalidInputError(f"no language {language!r}; give the code of a Wikipedia, such as en, de or simple")
    check_agent(user_agent)
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

    def __init__(self, access: Access) -> None:
        super().__init__()
        self._base = httpx.URL(access.base_url) if access.base_url else None
        self._pause = access.pause
        self._last: float | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self._last is not None:
            time.sleep(max(0.0, self._last + self._pause - time.monotonic()))
        try:
            response = super().handle_request(self._redirected(request))
        finally:
            self._last = time.monotonic()
        wait = seconds_to_wait(response.headers.get("Retry-After", ""))
        if wait is None:
            response.headers.pop("Retry-After", None)  # what the package cannot read it would fail at
        elif response.status_code == httpx.codes.TOO_MANY_REQUESTS and wait > LONGEST_WAIT:
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


def _remembered(kept: Fetched | None, title: str, language: str) -> Page | None:
    found = kept.get(f"wikipedia/{language}/{title}") if kept else None
    try:
        return Page(title=found[0]["title"], url=found[0]["url"], parts=tuple(found[0]["parts"])) if found else None
    except (LookupError, TypeError):  # damaged: it is asked for again
        return None


def _keep(kept: Fetched | None, title: str, language: str, page: Page) -> Page:
    if kept:
        kept.put(f"wikipedia/{language}/{title}", vars(page))
    return page


def _page(facts: Any, texts: Any, title: str, *, language: str) -> Page:
    """The page of a title, from what answers for facts about pages and what answers for their texts."""
    about, page = facts.page(title), texts.page(title)
    if not about.exists():
        raise NotFoundError(f"no page {title!r} in the {language!r} Wikipedia; give a title as it is spelt there")
    if "disambiguation" in getattr(about, "pageprops", {}):
        choices = _choices(page)
        raise InvalidInputError(f"{title!r} has several pages in the {language!r} Wikipedia; give one: {choices}")
    # Where a page has no lead, the package gives the whole page for it, headings included.
    lead = "" if page.sections and _HEADING.match(page.summary) else page.summary
    return Page(title=about.title, url=about.fullurl, parts=(lead, *_texts(page.sections)))


def _choices(page: Any) -> str:
    """The articles that a page of several meanings leads to, in the order in which it names them."""
    text = page.text
    titles = [title for title, link in page.links.items() if link.ns == _ARTICLES]
    named = sorted((title for title in titles if title in text), key=text.find) or titles
    more = len(named) - _SHOWN
    return ", ".join(map(repr, named[:_SHOWN])) + (f" and {more} more" if more > 0 else "")


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
