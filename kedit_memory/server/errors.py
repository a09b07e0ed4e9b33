"""What is said of an error: the tree of `kedit_memory.errors` as status codes, in the shape of OpenAI's API."""

import json
from collections.abc import Mapping
from typing import Any, Literal

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from kedit_memory.errors import (
    ConflictError,
    InvalidInputError,
    KeditError,
    MissingDependencyError,
    ModelError,
    NotFoundError,
    StoreError,
)


class Told(BaseModel):
    """What is said of an error."""

    message: str
    type: str
    param: str | None
    code: str


class ErrorBody(BaseModel):
    """Every response to a request that is not carried out; clients of OpenAI and of Anthropic can read it."""

    type: Literal["error"]
    error: Told


class Refused(HTTPException):
    """A request that is not carried out, with the status and the line that say why."""

    def __init__(self, status: int, message: str, *, code: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, message, headers)
        self.code = code


def too_large(most: int) -> Refused:
    """What is said of a request with more than so many bytes."""
    return Refused(413, f"the request has more than {most:,} bytes; send less", code="too_large")


# The first kind that fits; a store that cannot be read is nobody's fault who asks.
_STATUS: tuple[tuple[type[KeditError], int, str], ...] = (
    (ConflictError, 409, "conflict"),
    (InvalidInputError, 400, "invalid_input"),
    (NotFoundError, 404, "not_found"),
    (StoreError, 503, "store_unavailable"),
    (MissingDependencyError, 501, "missing_dependency"),
    (ModelError, 502, "model_error"),
    (KeditError, 500, "error"),
)
# For OpenAPI: what every route may say.
DOCUMENTED: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorBody, "description": words}
    for status, words in {
        400: "A value is not allowed",
        401: "No key, or one that opens nothing",
        403: "The key has no right to this",
        404: "There is no such thing",
        409: "Another answer or edit stands against it",
        413: "The request is too large",
        422: "The request is not of this form",
        429: "Too many requests wait, or come too fast",
        500: "The server failed",
        503: "The store cannot be read or written",
        504: "It took too long",
    }.items()
}
_KINDS = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}
_WHERE = {"body", "query", "path"}  # of a request something stands; of no help to whoever mends it
_OURS = 500  # the first status that is no fault of the request


def refusal(error: Refused) -> JSONResponse:
    """The response to a request that is refused."""
    return _response(error.status_code, error.detail, error.code, error.headers)


def failure(error: KeditError) -> JSONResponse:
    """The response to a request that raised one of our errors."""
    return refusal(refused(error))


def refused(error: KeditError) -> Refused:
    """One of our errors with its status."""
    status, code = next((status, code) for kind, status, code in _STATUS if isinstance(error, kind))
    return Refused(status, str(error), code=code)


def invalid(error: ValidationError | RequestValidationError) -> Refused:
    """What is wrong with a value that is not of its form, by the first that is."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if part not in _WHERE) or "the body"
    return Refused(422, f"{place}: {first['msg']}", code="invalid_request")


def crash() -> JSONResponse:
    """The response where something broke that nobody foresaw; the log tells what, not the answer."""
    return _response(500, "the server failed to answer this request; its log says why", "internal_error")


def broken(error: Refused) -> bytes:
    """The event that tells of an error where a stream of events has begun already, whatever was sent of the last."""
    return f"\n\nevent: error\ndata: {json.dumps(_told(error.status_code, error.detail, error.code))}\n\n".encode()


def _response(status: int, message: str, code: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse(_told(status, message, code), status, headers=headers)


def _told(status: int, message: str, code: str) -> dict[str, Any]:
    kind = _KINDS.get(status, "server_error" if status >= _OURS else "invalid_request_error")
    return {"type": "error", "error": {"message": message, "type": kind, "param": None, "code": code}}
