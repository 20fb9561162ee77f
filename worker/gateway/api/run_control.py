"""Holding runs up, ending them, and starting them again."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Body, Request, Response
from pydantic import ConfigDict, Field

from ark_temporal.plan.record import Control
from ark_temporal.runs.end import cancel_run, terminate_run
from ark_temporal.runs.pause import control_run
from ark_temporal.runs.retry import Changes, read_origin, retry_run
from ark_temporal.wire import Wire
from worker.gateway.api.callers import Caller, Services, open_run
from worker.gateway.api.problems import ApiError, problems
from worker.gateway.api.runs import StartedRun, run_url
from worker.gateway.api.shapes import RequestModel, RunIdPath, without_default

router = APIRouter(prefix="/runs/{id}", tags=["runs"])

_MESSAGE = 2000


class Comment(RequestModel):
    """Why."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"comment": "until the prices are mended"}]})

    comment: str = Field(default="", max_length=_MESSAGE)


class Reason(RequestModel):
    """Why a run is terminated."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "it charges the wrong account"}]})

    reason: str = Field(min_length=1, max_length=_MESSAGE)


class RetryRequest(RequestModel):
    """Where to start again."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"step": "review"}, {}]})

    step: Annotated[str, Field(min_length=1, max_length=253, json_schema_extra=without_default)] = Field(
        default="", description="The step to start from; by default the first that failed."
    )


class Told(Wire):
    """What was told to whom.

    Attributes:
        runs: The runs that were told: the run, and those below it where they are told too.
    """

    id: str
    runs: list[str] = Field(default_factory=list[str])


class RetriedRun(StartedRun):
    """A run that starts where another one ended.

    Attributes:
        kept: The steps whose results it takes over.
        partly: The steps of which it takes over those parts that were done.
    """

    kept: list[str] = Field(default_factory=list[str])
    partly: list[str] = Field(default_factory=list[str])


_ENDED = "It has ended already."
_USUAL = problems(400, 401, 403, 404, 413, 422, 503, s409=_ENDED)
_BODILESS = problems(401, 403, 404, 422, 503, s409=_ENDED)


@router.post(
    "/cancel",
    summary="Cancel a run",
    status_code=202,
    response_model=Told,
    responses=_BODILESS,
    openapi_extra={"x-ark-role": "submitter"},
)
async def cancel(run_id: RunIdPath, services: Services, caller: Caller) -> Told:
    """Ask a run to stop: it ends its calls and the runs below it, and keeps its record."""
    await open_run(services.connection, caller, run_id, "submitter")
    if not await cancel_run(services.connection, run_id):
        raise _ended(run_id)
    return Told(id=run_id, runs=[run_id])


@router.post(
    "/terminate",
    summary="Terminate a run",
    status_code=202,
    response_model=Told,
    responses=_USUAL,
    openapi_extra={"x-ark-role": "admin"},
)
async def terminate(run_id: RunIdPath, wanted: Reason, services: Services, caller: Caller) -> Told:
    """End a run at once, without its own code having a say. Cancel it where that is enough."""
    await open_run(services.connection, caller, run_id, "admin")
    if not await terminate_run(services.connection, run_id, f"{wanted.reason} (by {caller.name})"):
        raise _ended(run_id)
    return Told(id=run_id, runs=[run_id])


@router.post(
    "/pause",
    summary="Hold a run up",
    status_code=202,
    response_model=Told,
    responses=_USUAL,
    openapi_extra={"x-ark-role": "submitter"},
)
async def pause(run_id: RunIdPath, wanted: Comment, services: Services, caller: Caller) -> Told:
    """Have a run and all runs below it begin nothing more; what is under way goes on."""
    control = Control(action="pause", by=caller.name, comment=wanted.comment)
    return await _control(run_id, services, caller, control)


@router.post(
    "/resume",
    summary="Let a run go on",
    status_code=202,
    response_model=Told,
    responses=_USUAL,
    openapi_extra={"x-ark-role": "submitter"},
)
async def resume(run_id: RunIdPath, wanted: Comment, services: Services, caller: Caller) -> Told:
    """Let a run that is held up go on, with all runs below it."""
    control = Control(action="resume", by=caller.name, comment=wanted.comment)
    return await _control(run_id, services, caller, control)


@router.post(
    "/retry",
    summary="Start a run again where it failed",
    status_code=201,
    response_model=RetriedRun,
    responses={
        200: {"model": RetriedRun, "description": "That retry was there before; nothing was started."},
        **problems(400, 401, 403, 404, 409, 413, 422, 503),
    },
    openapi_extra={"x-ark-role": "submitter"},
)
async def retry(
    request: Request,
    response: Response,
    run_id: RunIdPath,
    wanted: Annotated[RetryRequest, Body()],
    services: Services,
    caller: Caller,
) -> RetriedRun:
    """Start it from the step that failed, with the results that it has. Asked for twice it is one retry."""
    connection = services.connection
    await open_run(connection, caller, run_id, "submitter")
    async with asyncio.timeout(60):
        origin = await read_origin(connection, run_id)
        changes = Changes(by=caller.name)
        resumed = await retry_run(connection, origin, step=wanted.step or None, changes=changes)
    response.status_code = 200 if resumed.run.existed else 201
    response.headers["Location"] = run_url(request, services, resumed.run.id)
    return RetriedRun(
        id=resumed.run.id,
        url=response.headers["Location"],
        existed=resumed.run.existed,
        ui=connection.run_url(resumed.run.id) or "",
        kept=list(resumed.kept),
        partly=list(resumed.partly),
    )


async def _control(run_id: str, services: Services, caller: Caller, control: Control) -> Told:
    await open_run(services.connection, caller, run_id, "submitter")
    runs = await control_run(services.connection, run_id, control)
    if not runs:
        raise _ended(run_id)
    return Told(id=run_id, runs=runs)


def _ended(run_id: str) -> ApiError:
    return ApiError(409, "ended", f"The run {run_id} has ended already.")
