"""How often Wikipedia's pages are read, from Wikimedia's page-view service: the popularity of Mallen et al. (ACL 2023).

Asked only when a caller asks; what it answered is kept with its date.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from types import TracebackType
from typing import Any
from urllib.parse import quote

import httpx

from kedit_memory.errors import InvalidInputError, KeditError
from kedit_memory.retrieval.fetched import LONGEST_WAIT, Access, Fetched, check_agent, seconds_to_wait

SERVICE = "https://wikimedia.org/api/rest_v1/metrics/pageviews"
_TIMEOUT = 20.0  # seconds
_POLITE = Access(pause=0.1)
_TRANSIENT = frozenset({429, 500, 502, 503, 504})


@dataclass(frozen=True, kw_only=True)
class Views:
    """Monthly page views, the mean over some months; None where the service has none, which is not zero."""

    title: str
    monthly: float | None
    fetched: str  # the day of the answer


class PageViews:
    """Page views of one Wikipedia, by title; a context manager.

    Args:
        user_agent: names the program and a contact, as Wikimedia asks.
        kept: answers of before.
        project: of Wikimedia, such as en.wikipedia.
        months: how many whole months count, the last one before this month included.
        access: how the service is asked.

    Raises:
        InvalidInputError: the user agent, the project or the months cannot be used.
    """

    def __init__(
        self,
        user_agent: str,
        kept: Fetched,
        *,
        project: str = "en.wikipedia",
        months: int = 12,
        access: Access = _POLITE,
    ) -> None:
        check_agent(user_agent)
        if not (project.isascii() and project.replace(".", "").replace("-", "").isalnum() and 1 <= months <= 60):
            raise InvalidInputError(
                f"cannot ask for {months} months of {project!r}; give 1 to 60 months of a project such as en.wikipedia"
            )
        self._kept, self._project, self._months, self._access = kept, project, months, access
        self._client = httpx.Client(headers={"User-Agent": user_agent}, timeout=_TIMEOUT, follow_redirects=True)
        self._last: float | None = None  # the time of the last request

    def __enter__(self) -> "PageViews":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def of(self, titles: Sequence[str], *, today: date | None = None) -> list[Views]:
        """Views of the pages with these titles, in order.

        Raises:
            InvalidInputError: a title is empty or malformed.
            KeditError: the service cannot be reached, refuses, or answers something else.
        """
        for title in titles:
            if not title.strip() or set(title) & set("#<>[]|{}"):
                raise InvalidInputError(f"no page can have the title {title!r}; give it as in the page's heading")
        first, last = _period(today or datetime.now(UTC).date(), self._months)
        return [self._views(title.strip(), f"{first:%Y%m%d}00", f"{last:%Y%m%d}00") for title in titles]

    def _views(self, title: str, first: str, last: str) -> Views:
        page = quote(title.replace(" ", "_"), safe="")
        path = f"per-article/{self._project}/all-access/user/{page}/monthly/{first}/{last}"
        if kept := self._kept.get(path):
            return Views(title=title, monthly=kept[0], fetched=kept[1])
        answer = self._ask(f"{(self._access.base_url or SERVICE).rstrip('/')}/{path}")
        monthly = None if answer is None else _mean(answer, self._months)
        return Views(title=title, monthly=monthly, fetched=self._kept.put(path, monthly))

    def _ask(self, url: str) -> Any:
        """The answer as JSON; None where the service has no data."""
        wait, response = self._access.pause, None
        for attempt in range(1, self._access.attempts + 1):
            response = self._get(url, attempt)
            if response is not None and response.status_code not in _TRANSIENT:
                return _content(response)
            if attempt < self._access.attempts:
                time.sleep(max(wait, _asked_wait(response)))
                wait *= 2
        if response is None:
            raise KeditError(
                f"cannot reach the page-view service (tried {self._access.attempts} times); check the network, "
                "or use a local table of popularity"
            )
        raise KeditError(
            f"the page-view service answered with status {response.status_code} (gave up after "
            f"{self._access.attempts}); try again later, or use a local table of popularity"
        )

    def _get(self, url: str, attempt: int) -> httpx.Response | None:
        """One request at a polite pace; None where nothing answers."""
        if self._last is not None and attempt == 1:
            time.sleep(max(0.0, self._last + self._access.pause - time.monotonic()))
        try:
            return self._client.get(url)
        except httpx.RequestError:
            return None
        finally:
            self._last = time.monotonic()


def _asked_wait(response: httpx.Response | None) -> float:
    """The seconds that the service asks to wait for."""
    asked = seconds_to_wait(response.headers.get("Retry-After", "")) if response is not None else None
    if asked is not None and asked > LONGEST_WAIT:
        raise KeditError(f"the page-view service asks for a pause of {asked} seconds; try again after it")
    return float(asked or 0)


def _content(response: httpx.Response) -> Any:
    if response.status_code == httpx.codes.NOT_FOUND:
        return None
    if response.status_code != httpx.codes.OK:
        raise KeditError(
            f"the page-view service refused with status {response.status_code}; check the project and the user agent"
        )
    try:
        return response.json()
    except (ValueError, RecursionError) as error:
        raise KeditError(_STRANGE) from error


_STRANGE = "what answered is not the page-view service; check that nothing on the way, such as a portal, answers for it"


def _mean(answer: Any, months: int) -> float:
    """Views a month; a month without an entry had none, as the service leaves such months out."""
    try:
        views = [item["views"] for item in answer["items"]]
    except (KeyError, TypeError) as error:
        raise KeditError(_STRANGE) from error
    if not all(isinstance(count, int) and count >= 0 for count in views):
        raise KeditError(_STRANGE)
    return float(sum(views)) / months


def _period(today: date, months: int) -> tuple[date, date]:
    """The first day of the first month and the last day of the last whole month before today."""
    last = today.replace(day=1) - timedelta(days=1)
    first = date(last.year + (last.month - months) // 12, (last.month - months) % 12 + 1, 1)
    return first, last


def as_counts(views: Sequence[Views]) -> Mapping[str, float]:
    """Views by title, without those that the service does not know."""
    return {one.title: one.monthly for one in views if one.monthly is not None}
