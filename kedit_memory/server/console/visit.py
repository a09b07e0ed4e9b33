"""A visit of a browser: who comes, what the form says, and the page that is given back.

A form counts only where it holds the session's token and comes from this very server. Who has no session yet has an id
without rights, which the form to sign in needs, too.
"""

import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from kedit_memory.errors import KeditError
from kedit_memory.server.access import Caller
from kedit_memory.server.console import words
from kedit_memory.server.console.sessions import Sessions, new_id, token_of
from kedit_memory.server.errors import Refused, invalid, refused
from kedit_memory.server.keys import EVERY, Right
from kedit_memory.server.parts import Parts
from kedit_memory.text import shortened, visible

SESSION, NAMESPACE = "kedit-session", "kedit-namespace"  # cookies
TOKEN = "token"  # noqa: S105 - the name of a field
_NO_KEY = 401
_FIELDS = 100  # of a form
FAULTS = (Refused, KeditError, ValidationError)


@dataclass(frozen=True, kw_only=True)
class Visit:
    """A request with who sent it and what they filled in; `caller` is None on the page where they sign in."""

    request: Request
    parts: Parts
    sessions: Sessions
    session: str
    caller_or_none: Caller | None
    form: FormData

    @property
    def caller(self) -> Caller:
        """Who comes."""
        if self.caller_or_none is None:
            raise Refused(_NO_KEY, "sign in first", code="no_key")
        return self.caller_or_none

    @property
    def namespace(self) -> str:
        """Whose memory is looked at."""
        return self.caller.namespace

    @property
    def may_write(self) -> bool:
        """Whether forms that change something are shown."""
        return self.caller_or_none is not None and Right.WRITE in self.caller_or_none.rights

    def said(self, name: str) -> str:
        """A field of the form, or of the address; an empty text where it is not there."""
        value = self.form.get(name) if self.request.method == "POST" else self.request.query_params.get(name)
        return value.strip() if isinstance(value, str) else ""

    def number(self, name: str, least: int = 0, most: int = 2**63 - 1) -> int | None:
        """A field that is a whole number; None where it is left out.

        Raises:
            Refused: it is none, or out of range.
        """
        said = self.said(name)
        if not said:
            return None
        if not (said.isascii() and said.isdigit() and least <= int(said[:20]) <= most):
            raise Refused(422, f"{name} is {said[:40]!r}; give a whole number from {least} to {most}", code="invalid")
        return int(said)

    def page(self, template: str, *, status: int = 200, fault: Exception | None = None, **shown: Any) -> Response:
        """A page; `fault` says what went wrong with what was asked."""
        told = None if fault is None else as_refused(fault)
        caller, done = self.caller_or_none, words.done(self.request.query_params)
        content = (
            _environment()
            .get_template(template)
            .render(
                caller=caller,
                namespaces=self.parts.access.namespaces(caller) if caller else (),
                every=EVERY,
                signed_in=caller is not None and not self.parts.access.is_open,
                may_write=self.may_write,
                csrf=lambda: Markup('<input type="hidden" name="{}" value="{}">').format(TOKEN, token_of(self.session)),
                path=self.request.url.path,
                root=self.request.scope["root_path"],
                done=done,
                fault=told,
                said=lambda: _said(told, done),
                **shown,
            )
        )
        return HTMLResponse(content, told.status_code if told else status)

    def to(self, place: str) -> Response:
        """On to another page, once something was done."""
        return RedirectResponse(f"{self.request.scope['root_path']}/{place}", 303)


Work: TypeAlias = Callable[[Visit], Response]
Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, kw_only=True)
class Door:
    """Lets visitors in to pages."""

    parts: Parts
    sessions: Sessions
    part: int  # bytes of one field of a form

    def page(self, work: Work, *, right: Right | None = Right.READ) -> Endpoint:
        """The endpoint of a page that does some work for whoever has a right; None for anybody."""

        async def endpoint(request: Request) -> Response:
            visit, fresh = self._visit(request)
            try:
                if request.method == "POST":
                    visit = replace(
                        visit, form=await request.form(max_fields=_FIELDS, max_files=1, max_part_size=self.part)
                    )
                    _check_form(visit)
                visit = await run_in_threadpool(self._named, visit, right)
                response = await run_in_threadpool(work, visit)
            except FAULTS as fault:
                response = _refusal(visit, fault)
            if fresh:
                set_cookie(request, response, SESSION, visit.session)
            return response

        return endpoint

    def _visit(self, request: Request) -> tuple[Visit, bool]:
        """A visit of nobody yet, and whether its session is new."""
        session = request.cookies.get(SESSION)
        visit = Visit(
            request=request, parts=self.parts, sessions=self.sessions, session=session or new_id(),
            caller_or_none=None, form=FormData(),
        )  # fmt: skip
        return visit, session is None

    def _named(self, visit: Visit, right: Right | None) -> Visit:
        """The visit with who comes; where anybody may, with nobody."""
        if right is None:
            return visit
        chosen = visit.request.cookies.get(NAMESPACE)
        key = self.sessions.key_of(visit.session)
        visitor = self.parts.access.visitor
        return replace(
            visit,
            caller_or_none=visitor(visit.request, right, key=key, namespace=words.unquoted(chosen)),
        )


def set_cookie(request: Request, response: Response, name: str, value: str) -> None:
    """Have a browser keep something until it is closed, which no script reads and no other site sends."""
    secure = request.url.scheme == "https"
    response.set_cookie(name, value, path=request.scope["root_path"], httponly=True, samesite="strict", secure=secure)


def _said(fault: Refused | None, done: str | None) -> Markup:
    """What went wrong, or what was done."""
    if fault is not None:
        return Markup('<p class="fault" role="alert" tabindex="-1">{}</p>').format(visible(fault.detail))
    return Markup('<p class="done" role="status" data-say>{}</p>').format(visible(done)) if done else Markup()


def as_refused(fault: Exception) -> Refused:
    """Whatever may be wrong with a request, as one kind."""
    if isinstance(fault, Refused):
        return fault
    return invalid(fault) if isinstance(fault, ValidationError) else refused(_ours(fault))


def _ours(fault: Exception) -> KeditError:
    if isinstance(fault, KeditError):
        return fault
    raise fault


def _refusal(visit: Visit, fault: Exception) -> Response:
    """To the page where one signs in, where that helps; else a page that says why."""
    told = as_refused(fault)
    if told.status_code != _NO_KEY:
        return visit.page("refused.html", fault=told)
    root = visit.request.scope["root_path"]
    if "hx-request" in visit.request.headers:
        return Response(status_code=_NO_KEY, headers={"HX-Redirect": f"{root}/login"})
    return RedirectResponse(f"{root}/login", 303)


def _check_form(visit: Visit) -> None:
    """Raises `Refused` for a form that is not one of our own pages'."""
    token, headers = visit.form.get(TOKEN), visit.request.headers
    given = token if isinstance(token, str) else ""
    origin = headers.get("origin")
    foreign = origin is not None and urlsplit(origin).netloc != headers.get("host")
    if foreign or not hmac.compare_digest(given.encode(), token_of(visit.session).encode()):
        raise Refused(403, "this form is out of date, or not from this server; load the page again", code="no_token")


def uploaded(visit: Visit, name: str) -> UploadFile | None:
    """A file of the form; None where none was chosen."""
    value = visit.form.get(name)
    return value if isinstance(value, UploadFile) and value.filename else None


@cache
def _environment() -> Environment:
    folder = files("kedit_memory.server.console") / "templates"
    environment = Environment(
        loader=FileSystemLoader(str(folder)), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    filters: Mapping[str, Callable[..., Any]] = {
        "shown": visible,
        "short": lambda text, width=140: visible(shortened(text, width)),
        "when": words.when,
        "milliseconds": words.milliseconds,
    }
    environment.filters.update(filters)
    return environment
