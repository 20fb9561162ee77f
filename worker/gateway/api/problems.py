"""Answers that say what went wrong: problem details by RFC 9457, the same shape everywhere."""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.routing import Match
from temporalio.service import RPCError

from ark_temporal.plan.compile import CompileError
from ark_temporal.plan.inputs import InputError
from ark_temporal.resources.store import ResourceNotFoundError, ResourceRefusedError
from ark_temporal.runs.connection import ConnectionFailedError
from ark_temporal.runs.decide import DecisionRefusedError
from ark_temporal.runs.find import RunNotFoundError
from ark_temporal.runs.history import HistoryError
from ark_temporal.runs.retry import RetryRefusedError
from ark_temporal.runs.seeds import SeedError
from ark_temporal.storage.encryption import EncryptionError
from ark_temporal.storage.errors import PayloadMissingError, StorageUnavailableError

PROBLEM_JSON = "application/problem+json"
RETRY_AFTER_SECONDS = 2

_TYPE = "urn:ark-temporal:problem:"


class ProblemPart(BaseModel):
    """One of several things that are wrong."""

    place: str = Field(description="Where, such as `body.team` or `spec.pipeline[0].role`.")
    message: str = Field(description="What, in a sentence.")
    hint: str = Field(default="", description="How to mend it.")


class Problem(BaseModel):
    """What went wrong, as RFC 9457 has it."""

    type: str = Field(description="The kind of problem, for programs.", examples=[f"{_TYPE}not-found"])
    title: str = Field(description="The kind of problem, for people.", examples=["Not Found"])
    status: int = Field(description="The HTTP status.", examples=[404])
    detail: str = Field(description="What happened.", examples=['There is no run "x" on this Temporal.'])
    errors: list[ProblemPart] = Field(
        default_factory=list[ProblemPart], description="Each thing that is wrong, with its place."
    )


class ApiError(Exception):
    """A request cannot be answered as it was meant.

    Args:
        status: The HTTP status.
        kind: The last part of the problem's type.
        detail: A full sentence.
        errors: The parts.
        headers: Of the answer.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        errors: Sequence[ProblemPart] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.kind, self.detail, self.errors = status, kind, detail, errors
        self.headers = headers


def not_found(detail: str) -> ApiError:
    """There is none, or none that the caller sees."""
    return ApiError(404, "not-found", detail)


def problem_response(error: ApiError) -> JSONResponse:
    """The answer that says it."""
    problem = Problem(
        type=_TYPE + error.kind,
        title=HTTPStatus(error.status).phrase,
        status=error.status,
        detail=error.detail,
        errors=list(error.errors),
    )
    told = problem.model_dump(exclude_defaults=True)
    headers = dict(error.headers or {})
    if error.status == 503:
        headers.setdefault("Retry-After", str(RETRY_AFTER_SECONDS))
    return JSONResponse(told, error.status, headers, media_type=PROBLEM_JSON)


def problems(*statuses: int, **described: str) -> dict[int | str, dict[str, Any]]:
    """What a route's documentation says about answers of these statuses.

    Args:
        statuses: Those that mean what they always mean.
        described: Others, by `s409="..."`.
    """
    usual = {
        400: "The body cannot be read.",
        401: "Nobody we know asks.",
        403: "The caller's roles do not allow it.",
        404: "There is none, or none that the caller sees.",
        409: "It cannot be done as things are.",
        413: "The body is too large.",
        422: "The request is not as it must be.",
        429: "Too many at the same time.",
        503: "Temporal or its workers do not answer; try again.",
    }
    told = {status: usual[status] for status in statuses}
    told |= {int(name[1:]): text for name, text in described.items()}
    content = {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": text, "content": content} for status, text in sorted(told.items())}


_KNOWN: Sequence[tuple[type[Exception], int, str]] = (
    (RunNotFoundError, 404, "not-found"),
    (HistoryError, 404, "not-found"),
    (ResourceNotFoundError, 404, "not-found"),
    (ResourceRefusedError, 409, "refused"),
    (DecisionRefusedError, 409, "decision-refused"),
    (RetryRefusedError, 409, "refused"),
    (CompileError, 409, "cannot-run"),
    (SeedError, 404, "not-found"),
    (PayloadMissingError, 503, "unavailable"),
    (StorageUnavailableError, 503, "unavailable"),
    (EncryptionError, 503, "unavailable"),
    (ConnectionFailedError, 503, "unavailable"),
)


def explain(error: Exception) -> ApiError | None:
    """An error of the library as a problem; None where it can only be a bug of ours."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, InputError):
        parts = [ProblemPart(place="body.input", message=each) for each in error.problems]
        return ApiError(422, "input", "The input does not fit.", parts)
    if isinstance(error, RPCError):
        return ApiError(503, "unavailable", "Temporal does not answer as it should.")
    for kind, status, name in _KNOWN:
        if isinstance(error, kind):
            return ApiError(status, name, str(error))
    return None


def install(app: FastAPI) -> None:
    """Have an application answer errors so."""

    async def known(_: Request, error: Exception) -> JSONResponse:
        told = explain(error)
        assert told is not None, "only errors that are known are handled here"
        return problem_response(told)

    async def invalid(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError), "it is registered for that one"
        parts = [_part(each) for each in cast("Sequence[Mapping[str, Any]]", error.errors())[:20]]
        return problem_response(ApiError(422, "invalid", "The request is not as it must be.", parts))

    async def refused(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException), "it is registered for that one"
        headers = dict(error.headers or {})
        if error.status_code == 405:
            headers["Allow"] = ", ".join(sorted(_methods(request)))
        kind = re.sub(r"[^a-z]+", "-", HTTPStatus(error.status_code).phrase.lower())
        detail = "The body is too large." if error.status_code == 413 else f"{error.detail}."
        return problem_response(ApiError(error.status_code, kind, detail, headers=headers))

    for kind in (ApiError, InputError, RPCError, *(each for each, _, _ in _KNOWN)):
        app.add_exception_handler(kind, known)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, refused)


def _part(error: Mapping[str, Any]) -> ProblemPart:
    place = "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in error["loc"])
    message = str(error["msg"]).removeprefix("Value error, ")
    return ProblemPart(place=place.lstrip("."), message=message[:300])


def _methods(request: Request) -> set[str]:
    """The methods that the address takes, of all routes together."""
    found: set[str] = set()
    for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"):
        scope = {**request.scope, "method": method}
        if any(route.matches(scope)[0] == Match.FULL for route in request.app.routes):
            found.add(method)
    return found
