"""Errors as people and programs read them: RFC 9457 problems, each with a ``hint`` at what mends it."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import orjson
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from orderbook.errors import BadQuery, Busy, OrderbookError, OutOfTime, Refused, Unavailable

MEDIA_TYPE: Final = "application/problem+json"

log = structlog.get_logger(__name__)


class ProblemDetails(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str = "about:blank"
    title: str = Field(description="the status in words")
    status: int
    detail: str = Field(description="what happened")
    hint: str = Field(description="what mends it")
    errors: list[dict[str, str]] | None = Field(None, description="one for each wrong parameter")


class Problem(Exception):
    """Ends a request with this answer."""

    def __init__(
        self, status: int, detail: str, hint: str, *, headers: Mapping[str, str] | None = None, **members: Any
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.hint = hint
        self.headers = dict(headers or {})
        self.members = members

    def response(self) -> Response:
        """As it is sent."""
        status = HTTPStatus(self.status)
        told = {"type": "about:blank", "title": status.phrase, "status": self.status, "detail": self.detail}
        body = orjson.dumps({**told, "hint": self.hint, **self.members})
        return Response(body, self.status, {"Cache-Control": "no-store", **self.headers}, MEDIA_TYPE)


def answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problems that a route may answer with, for its description; those of every route are among them."""
    every = {400, 401, 403, 405, 413, 422, 429, 500, 503, *statuses}
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in sorted(every)}


def install(app: FastAPI) -> None:
    """Let every failure of the application end as a problem."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _wrong_parameters)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(OrderbookError, _of_ours)
    app.add_exception_handler(Exception, _unexpected)


def _problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return error.response()


def _wrong_parameters(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = [
        {"where": ".".join(str(part) for part in problem["loc"]), "what": str(problem["msg"])[:200]}
        for problem in error.errors()
    ]
    told = "; ".join(f"{problem['where']}: {problem['what']}" for problem in found)[:1000]
    return Problem(422, told, "see /docs for what this address takes", errors=found).response()


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    hints = {404: "see /docs for what there is", 405: "see /docs for the methods of this address"}
    hint = hints.get(error.status_code, "see /docs")
    detail = f"{request.method} {request.url.path[:200]}: {error.detail}"
    return Problem(error.status_code, detail, hint, headers=error.headers).response()


def of(error: OrderbookError) -> Problem:
    """What a failure of ours is to a client."""
    text = " ".join(str(error).split())[:500]
    match error:
        case Busy():
            return Problem(503, text, "try again in a second", headers={"Retry-After": "1"})
        case OutOfTime():
            return Problem(503, "the answer took longer than a request may", "ask for less: fewer symbols or days")
        case Unavailable():
            return Problem(503, text, "GET /readyz says which service is away", headers={"Retry-After": "2"})
        case BadQuery():
            return Problem(400, text, "mend the query")
        case Refused():
            return Problem(409, text, "see the detail")
        case _:
            log.error("request failed", error=text)
            return Problem(500, "something failed that should not", "see the log of the API")


def _of_ours(_: Request, error: Exception) -> Response:
    assert isinstance(error, OrderbookError)
    return of(error).response()


def _unexpected(_: Request, error: Exception) -> Response:
    log.error("request failed", exc_info=error)
    return Problem(500, "something failed that should not", "see the log of the API").response()
