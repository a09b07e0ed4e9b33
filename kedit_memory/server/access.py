"""Who asks, for which namespace, and whether they may.

A key comes in `x-kedit-key`, or as a bearer token where that is not the upstream's. Nobody needs one on this machine
alone while no key was made.
"""

from dataclasses import dataclass

from starlette.requests import Request

from kedit_memory.errors import InvalidInputError
from kedit_memory.models.remote import is_loopback
from kedit_memory.records import DEFAULT_NAMESPACE
from kedit_memory.server.errors import Refused
from kedit_memory.server.keys import EVERY, Key, KeyRing, Right
from kedit_memory.server.rates import Rates
from kedit_memory.text import LONGEST_NAME, clean_line

KEY, NAMESPACE = "x-kedit-key", "x-kedit-namespace"
_BEARER = "bearer "


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who asks: the name of a key, and for which namespace."""

    name: str
    namespace: str
    rights: frozenset[Right]


class Access:
    """Lets callers in, as often as `rates` allows; `open_here` where the server listens on this machine alone.

    What comes with a key that opens something counts as that key's, all else as its address's.
    """

    def __init__(self, ring: KeyRing, rates: Rates, *, open_here: bool) -> None:
        self._ring, self._rates, self._open_here = ring, rates, open_here

    def caller(self, request: Request, right: Right, *, bearer: bool = True) -> Caller:
        """Who sent a request, if they have a right.

        Raises:
            Refused: there is no key, or none that opens this, or too many requests came with it.
        """
        secret = request.headers.get(KEY) or (_token(request) if bearer else None)
        needed = secret is not None and not self.is_open
        key = self._ring.opened_by(secret) if secret is not None and needed else None
        self._count(request, key)
        wanted = _checked(request.headers.get(NAMESPACE))
        return _entitled(key, right, wanted) if needed else self._without_key(request, wanted)

    @property
    def is_open(self) -> bool:
        """Whether nobody needs a key."""
        return self._open_here and not self._ring.any()

    def key(self, request: Request, *, secret: str) -> Key | None:
        """The key with a secret, which a request brings in its body; None where that opens nothing.

        Raises:
            Refused: too many requests came with it, or with others that open nothing.
        """
        key = self._ring.opened_by(secret)
        self._count(request, key)
        return key

    def visitor(self, request: Request, right: Right, *, key: str | None, namespace: str | None) -> Caller:
        """Who looks at a page, if they have a right: whoever opened the session, by the name of their key.

        Raises:
            Refused: as in `caller`.
        """
        held = None if key is None or self.is_open else self._ring.named(key)
        self._count(request, held)
        wanted = _checked(namespace)
        if key is None or self.is_open:
            return self._without_key(request, wanted)
        return _entitled(held, right, wanted)

    def namespaces(self, caller: Caller) -> tuple[str, ...]:
        """Those that a caller may choose among; `EVERY` alone for any."""
        key = self._ring.named(caller.name)
        return (EVERY,) if key is None else key.namespaces

    def _count(self, request: Request, key: Key | None) -> None:
        if key is None:
            self._rates.take(f"the address {request.client.host if request.client else ''}")
        else:
            self._rates.take(f"the key {key.name!r}", key.rate, key.burst)

    def _without_key(self, request: Request, wanted: str | None) -> Caller:
        if not self.is_open:
            raise Refused(401, f"no key: send one as {KEY}, or as a bearer token", code="no_key")
        if not is_loopback(request.url.hostname or ""):  # a page that was led here by a name of its own
            raise Refused(403, "without a key this server is asked as localhost or 127.0.0.1 alone", code="no_key")
        return Caller(name="local", namespace=wanted or DEFAULT_NAMESPACE, rights=frozenset(Right))


def _entitled(key: Key | None, right: Right, wanted: str | None) -> Caller:
    """Who holds a key, if it opens what is wanted."""
    if key is None:
        raise Refused(401, "this key opens nothing: it is unknown, expired or revoked", code="invalid_key")
    if right not in key.rights:
        raise Refused(403, f"the key {key.name!r} has no right to {right.value}", code="no_right")
    if wanted is not None and key.namespaces != (EVERY,) and wanted not in key.namespaces:
        raise Refused(403, f"the key {key.name!r} does not open namespace {wanted!r}", code="no_right")
    first = DEFAULT_NAMESPACE if key.namespaces == (EVERY,) else key.namespaces[0]
    return Caller(name=key.name, namespace=wanted or first, rights=key.rights)


def _token(request: Request) -> str | None:
    given = request.headers.get("authorization", "")
    return given[len(_BEARER) :].strip() if given.lower().startswith(_BEARER) else None


def _checked(given: str | None) -> str | None:
    """A namespace that was asked for."""
    try:
        return None if given is None else clean_line(given, "namespace", LONGEST_NAME)
    except InvalidInputError as error:
        raise Refused(400, str(error), code="invalid_input") from error
