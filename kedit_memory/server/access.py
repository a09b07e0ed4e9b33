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
from kedit_memory.server.keys import EVERY, KeyRing, Right
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
        needed = secret is not None and not (self._open_here and not self._ring.any())
        key = self._ring.opened_by(secret) if secret is not None and needed else None
        if key is None:
            self._rates.take(f"the address {request.client.host if request.client else ''}")
        else:
            self._rates.take(f"the key {key.name!r}", key.rate, key.burst)
        if not needed:
            return self._without_key(request)
        if key is None:
            raise Refused(401, "this key opens nothing: it is unknown, expired or revoked", code="invalid_key")
        if right not in key.rights:
            raise Refused(403, f"the key {key.name!r} has no right to {right.value}", code="no_right")
        wanted = _namespace(request)
        if wanted is not None and key.namespaces != (EVERY,) and wanted not in key.namespaces:
            raise Refused(403, f"the key {key.name!r} does not open namespace {wanted!r}", code="no_right")
        first = DEFAULT_NAMESPACE if key.namespaces == (EVERY,) else key.namespaces[0]
        return Caller(name=key.name, namespace=wanted or first, rights=key.rights)

    def _without_key(self, request: Request) -> Caller:
        if not self._open_here or self._ring.any():
            raise Refused(401, f"no key: send one as {KEY}, or as a bearer token", code="no_key")
        if not is_loopback(request.url.hostname or ""):  # a page that was led here by a name of its own
            raise Refused(403, "without a key this server is asked as localhost or 127.0.0.1 alone", code="no_key")
        return Caller(name="local", namespace=_namespace(request) or DEFAULT_NAMESPACE, rights=frozenset(Right))


def _token(request: Request) -> str | None:
    given = request.headers.get("authorization", "")
    return given[len(_BEARER) :].strip() if given.lower().startswith(_BEARER) else None


def _namespace(request: Request) -> str | None:
    given = request.headers.get(NAMESPACE)
    try:
        return None if given is None else clean_line(given, "namespace", LONGEST_NAME)
    except InvalidInputError as error:
        raise Refused(400, str(error), code="invalid_input") from error
