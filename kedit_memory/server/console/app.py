"""The console as an application of its own, mounted under `/console`: its pages, its files, and its headers."""

from collections.abc import Mapping
from importlib.resources import files

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kedit_memory.server.console import adding, asking, changing, decided, edits, entry, mapped, overview, transfer
from kedit_memory.server.console.sessions import Sessions
from kedit_memory.server.console.visit import Door, Work
from kedit_memory.server.keys import Right
from kedit_memory.server.parts import Parts

_HEADERS = {
    # `same-origin`, not `no-referrer`: with that, browsers do not tell where a form comes from.
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
}
_READ: Mapping[str, Work] = {
    "edits": edits.listed,
    "edits/{edit_id}": edits.one,
    "decisions": decided.listed,
    "map": mapped.drawn,
    "overview": overview.shown,
    "transfer": transfer.offered,
    "export": transfer.exported,
}
_ASK: Mapping[str, Work] = {"ask": asking.asked}
_WRITE: Mapping[str, Work] = {
    "add": adding.added,
    "erase": changing.erased,
    "edits/{edit_id}/change": changing.changed,
    "decisions/empty": decided.emptied,
}
_POST: Mapping[str, Work] = {
    "undo": changing.undone,
    "edits/{edit_id}/retract": changing.retracted,
    "edits/{edit_id}/{verb:str}": changing.told,
    "decisions/{number:int}/{verb:str}": decided.told,
    "import": transfer.imported,
}


def console(parts: Parts, sessions: Sessions, *, body_bytes: int) -> ASGIApp:
    """The console of some parts; a field of a form may be as large as a request may."""
    door = Door(parts=parts, sessions=sessions, part=body_bytes)
    both = ["GET", "POST"]
    routes: list[Route | Mount] = [
        Mount("/static", StaticFiles(directory=str(files(__package__) / "static"))),
        Route("/", _first),
        Route("/login", door.page(entry.signed_in, right=None), methods=both),
        Route("/logout", door.page(entry.signed_out, right=None), methods=["POST"]),
        Route("/namespace", door.page(entry.chosen), methods=["POST"]),
    ]
    for pages, right, methods in (
        (_READ, Right.READ, ["GET"]), (_ASK, Right.READ, both), (_WRITE, Right.WRITE, both),
        (_POST, Right.WRITE, ["POST"]),
    ):  # fmt: skip
        routes += [Route(f"/{path}", door.page(work, right=right), methods=methods) for path, work in pages.items()]
    routes.append(Route("/{path:path}", door.page(entry.unknown, right=None)))
    return _Headed(Starlette(routes=routes))


async def _first(request: Request) -> Response:
    return RedirectResponse(f"{request.scope['root_path']}/edits", 303)


class _Headed:
    """Adds to each response what keeps browsers from doing more with it than showing it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                headers.setdefault("cache-control", "no-cache" if "etag" in headers else "no-store")
            await send(message)

        await self._app(scope, receive, sending)
