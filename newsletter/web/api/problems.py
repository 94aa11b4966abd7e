"""What goes wrong, as problem details (RFC 9457): never a traceback, never more than its reader may know."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import structlog
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from newsletter.errors import (
    AddressError,
    ConfigurationError,
    ConflictError,
    NotFoundError,
    PreconditionError,
    QueryError,
    StoreError,
)

logger = structlog.get_logger(__name__)

Handler = Callable[[Request, Exception], Coroutine[Any, Any, Response]]
PROBLEM: Final = "application/problem+json"
LONGEST: Final = 500  # characters of a text that comes from the request
MOST_ERRORS: Final = 50
RETRY_S: Final = 60
SAYINGS: Final = {
    400: "The request could not be understood.",
    404: "There is nothing at this address.",
    405: "This address does not take such a request.",
    413: "The request is larger than the API takes.",
    500: "Something went wrong here. It has been noted.",
    503: "The store is busy or away. Try again in a minute.",
}


class Fault(BaseModel):
    """One thing that is wrong with a request: ``at`` says where, as ``body.zone`` or ``query.limit``."""

    at: str
    message: str


class Problem(BaseModel):
    """Problem details (RFC 9457)."""

    type: str = Field(default="about:blank", description="Always `about:blank`: the status says what kind it is.")
    title: str = Field(description="The status in words.")
    status: int
    detail: str = Field(description="What is wrong, for a person.")
    code: str = Field(description="The same for a program: it stays as it is from version to version.")
    errors: list[Fault] | None = Field(default=None, description="Everything that is wrong with what was sent.")


class RefusedError(Exception):
    """A request that is answered with a problem; ``errors`` are all its faults."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        errors: Sequence[Fault] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = errors
        self.headers = headers or {}

    @property
    def answer(self) -> Response:
        """The answer that it is."""
        return problem(self.status, self.code, self.detail, self.errors, self.headers)


def problem(
    status: int, code: str, detail: str, errors: Sequence[Fault] = (), headers: Mapping[str, str] | None = None
) -> Response:
    """Return problem details as an answer."""
    title = HTTPStatus(status).phrase
    document = Problem(
        title=title, status=status, detail=printable(detail), code=code, errors=list(errors)[:MOST_ERRORS] or None
    )
    return Response(document.model_dump_json(exclude_none=True), status, {**(headers or {})}, media_type=PROBLEM)


def printable(text: str) -> str:
    """Return a text of bounded length that every encoding can write."""
    return text.encode("utf-8", "replace").decode()[:LONGEST]


def invalid(at: str, message: str) -> RefusedError:
    """Return the refusal of one value."""
    return RefusedError(422, "invalid", "The request does not fit its description.", [Fault(at=at, message=message)])


def missing(what: str) -> RefusedError:
    """Return the refusal to tell of something that is not there."""
    return RefusedError(404, "not_found", f"There is no {what}.")


async def on_refused(_: Request, error: Exception) -> Response:
    """Answer a request that an endpoint refused."""
    assert isinstance(error, RefusedError)  # noqa: S101 (it is registered for these)
    return error.answer


async def on_http(_: Request, error: Exception) -> Response:
    """Answer what the framework refuses: unknown addresses and methods, malformed bodies."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    status = status if status in SAYINGS else 400
    code = HTTPStatus(status).name.lower()
    return problem(status, code, SAYINGS[status], headers=getattr(error, "headers", None))


async def on_invalid(_: Request, error: Exception) -> Response:
    """Answer a request that does not fit its description; what was sent is not repeated."""
    found = error.errors() if isinstance(error, RequestValidationError) else []
    if any(each["type"] == "json_invalid" for each in found):
        return problem(400, "bad_request", "The body is not JSON.")
    faults = [Fault(at=place_of(each["loc"]), message=message_of(each)) for each in found]
    return problem(422, "invalid", "The request does not fit its description.", faults)


def place_of(location: Sequence[Any]) -> str:
    """Return where in a request something is, as ``body.consent.given_at``."""
    return printable(".".join(str(step) for step in location))[:100]


def message_of(error: Mapping[str, Any]) -> str:
    """Return what is wrong with a value, and what to do."""
    context = error.get("ctx") or {}
    if error["type"] == "complaint":
        return printable(": ".join(part for part in (context["message"], context["advice"]) if part))
    return printable(str(error["msg"]))


async def on_known(_: Request, error: Exception) -> Response:
    """Answer an error of ours; advice about the command line is left out."""
    said = str(error).partition(";")[0]
    if isinstance(error, NotFoundError):
        return problem(404, "not_found", said)
    if isinstance(error, PreconditionError):
        return problem(412, "changed_meanwhile", said)
    if isinstance(error, ConflictError):
        return problem(409, "conflict", said)
    if isinstance(error, ConfigurationError):
        return problem(422, "invalid", said)
    return problem(422, "invalid", str(error))


async def on_store(_: Request, error: Exception) -> Response:
    """Answer while the store cannot be reached: whoever asks may come again."""
    logger.error("api.store_failed", error=str(error))
    return problem(503, "store_unavailable", SAYINGS[503], headers={"Retry-After": str(RETRY_S)})


async def on_broken(_: Request, error: Exception) -> Response:
    """Answer after an error of ours; the log of the server holds its traceback."""
    logger.error("api.broken", error=type(error).__name__)
    return problem(500, "internal_server_error", SAYINGS[500], headers={"Cache-Control": "no-store"})


HANDLERS: Final[dict[int | type[Exception], Handler]] = {
    RefusedError: on_refused,
    HTTPException: on_http,
    RequestValidationError: on_invalid,
    NotFoundError: on_known,
    ConflictError: on_known,
    ConfigurationError: on_known,
    AddressError: on_known,
    QueryError: on_known,
    StoreError: on_store,
    Exception: on_broken,
}
