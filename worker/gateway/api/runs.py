"""Runs: starting, listing, reading and waiting for them."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import ConfigDict, Field, JsonValue, model_validator
from pydantic.json_schema import SkipJsonSchema
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
from temporalio.exceptions import TemporalError

from ark_temporal.manifests.base import NAME_PATTERN
from ark_temporal.plan.model import Plan
from ark_temporal.plan.record import RunError, RunPhase, RunRecord, TokenUsage
from ark_temporal.resources.catalog import Applied
from ark_temporal.runs.find import (
    NOT_PARTS,
    NOT_PARTS_OF_RUNS,
    OUR_RUNS,
    RunSummary,
    in_phase,
    quoted,
    summary_of,
)
from ark_temporal.runs.names import keyed_run_id
from ark_temporal.runs.pages import Place, list_page
from ark_temporal.runs.submit import Submitted, submit
from ark_temporal.runs.watch import read_record
from ark_temporal.wire import Wire
from worker.gateway.access.roles import Principal
from worker.gateway.api.callers import Caller, Services, narrowed, open_run, require, text_list
from worker.gateway.api.problems import ApiError, not_found, problems
from worker.gateway.api.shapes import (
    RUN_ID_PATTERN,
    CursorQuery,
    IdempotencyKey,
    LimitQuery,
    Name,
    NamespaceQuery,
    RequestModel,
    RunIdPath,
    TeamQuery,
    Traceparent,
    good_traceparent,
    read_cursor,
    without_default,
    write_cursor,
)
from worker.gateway.services import GatewayServices

router = APIRouter(prefix="/runs", tags=["runs"])

_LONGEST_WAIT = 60
ListedPhase = Literal["Running", "Succeeded", "Failed", "Cancelled", "Terminated"]


class RunRequest(RequestModel):
    """What to run: a team or an agent that is applied."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [{"required": ["team"]}, {"required": ["agent"]}],
            "examples": [{"team": "blog", "input": {"topic": "rivers"}}],
        }
    )

    team: Annotated[str, Field(pattern=NAME_PATTERN, max_length=253, json_schema_extra=without_default)] = ""
    agent: Annotated[str, Field(pattern=NAME_PATTERN, max_length=253, json_schema_extra=without_default)] = ""
    namespace: Name = "default"
    input: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue], description="The run's input.")
    id: Annotated[str, Field(pattern=RUN_ID_PATTERN, json_schema_extra=without_default)] = Field(
        default="", description="The run's id; with that of a run that exists, nothing is started."
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> "RunRequest":
        if bool(self.team) == bool(self.agent):
            raise ValueError("Give `team` or `agent`, and not both.")
        return self


class StartedRun(Wire):
    """A run that was started, or was there before.

    Attributes:
        url: Where the API has it.
        existed: Whether it was there before.
        other_plan: Whether that one follows another plan than the one in force.
        ui: Where Temporal's Web UI shows it.
    """

    id: str
    url: str
    existed: bool = False
    other_plan: bool = False
    ui: str = ""


class RunPage(Wire):
    """Runs, the one that started last first.

    Attributes:
        next_cursor: Where the next page begins; not there after the last.
    """

    items: list[RunSummary]
    next_cursor: str = ""


class RunResult(Wire):
    """How a run came out, or how far it is.

    Attributes:
        awaiting: Ids of what it waits for people to decide.
    """

    id: str
    url: str
    phase: RunPhase
    reason: str = ""
    output: str = ""
    token_usage: TokenUsage = Field(default_factory=TokenUsage)
    cost_usd: float | None = None
    error: RunError | None = None
    awaiting: list[str] = Field(default_factory=list[str])


@router.post(
    "",
    summary="Start a run",
    status_code=201,
    response_model=StartedRun,
    responses={
        200: {"model": StartedRun, "description": "It was there before; nothing was started."},
        **problems(400, 401, 403, 404, 409, 413, 422, 503),
    },
    openapi_extra={"x-ark-role": "submitter"},
)
async def start_run(
    request: Request,
    response: Response,
    wanted: RunRequest,
    services: Services,
    caller: Caller,
    idempotency_key: IdempotencyKey = None,
    traceparent: Traceparent = None,
) -> StartedRun:
    """Run a team or an agent as it is in force. `id` goes before `Idempotency-Key`."""
    require(caller, "submitter", wanted.namespace)
    applied = await services.catalog.applied(wanted.namespace)
    plan = plan_of(applied, wanted)
    keyed = idempotency_key and keyed_run_id(
        plan.team, wanted.namespace, plan.kind, plan.team, idempotency_key
    )
    started = await start(
        services,
        caller,
        applied,
        plan,
        wanted.input,
        id=wanted.id or keyed,
        traceparent=traceparent,
    )
    response.status_code = 200 if started.existed else 201
    told = _started(request, services, started)
    response.headers["Location"] = told.url
    return told


def plan_of(applied: Applied, wanted: RunRequest) -> Plan:
    """The plan in force of what is wanted.

    Raises:
        ApiError: It is not applied.
        CompileError: It cannot be run.
    """
    try:
        return applied.plan(wanted.team) if wanted.team else applied.agent_plan(wanted.agent)
    except LookupError:
        what = f'team "{wanted.team}"' if wanted.team else f'agent "{wanted.agent}"'
        raise not_found(f'There is no {what} applied in the namespace "{wanted.namespace}".') from None


async def start(
    services: GatewayServices,
    caller: Principal,
    applied: Applied,
    plan: Plan,
    given: Mapping[str, JsonValue],
    *,
    id: str | None,
    traceparent: str | None,
) -> Submitted:
    """Start a run in the caller's name.

    Raises:
        ApiError: 409: the id is that of a run in another namespace.
        InputError: The input does not fit.
        ConnectionFailedError: Temporal refuses the run.
    """
    connection = services.connection
    started = await submit(
        connection,
        plan,
        given,
        id=id,
        submitted_by=caller.name,
        listeners=applied.listeners(plan.team) if plan.kind == "team" else (),
        traceparent=good_traceparent(traceparent),
    )
    if started.existed:
        try:
            await open_run(connection, caller, started.id)
        except ApiError:
            raise ApiError(409, "id-taken", "That id is taken; choose another.") from None
    return started


@router.get(
    "",
    summary="List runs",
    response_model=RunPage,
    responses=problems(401, 404, 422, 503),
    openapi_extra={"x-ark-role": "viewer"},
)
async def list_runs(
    services: Services,
    caller: Caller,
    namespace: NamespaceQuery = None,
    team: TeamQuery = None,
    phase: Annotated[ListedPhase | SkipJsonSchema[None], Query(description="Only in this phase.")] = None,
    trigger: Annotated[Name | SkipJsonSchema[None], Query(description="Only of this event.")] = None,
    parts: Annotated[bool, Query(description="With the runs that other runs have started.")] = False,
    limit: LimitQuery = 20,
    cursor: CursorQuery = None,
) -> RunPage:
    """Runs, the one that started last first. Each is on one page, while others start and end."""
    connection = services.connection
    searchable = await connection.searchable()
    seen = narrowed(caller, namespace)
    if seen is not None and not seen:
        return RunPage(items=[])
    filters = [OUR_RUNS]
    if seen is not None and searchable:
        filters.append(f"ArkNamespace IN ({text_list(seen)})")
    for name, value in (("ArkTeam", team), ("ArkTrigger", trigger)):
        if value and not searchable:
            raise ApiError(409, "not-searchable", f"This Temporal does not know {name}, so it cannot filter.")
        filters += [f"{name} = '{quoted(value)}'"] if value else []
    filters += [in_phase(phase)] if phase else []
    if not parts:
        filters.append(NOT_PARTS_OF_RUNS if searchable else NOT_PARTS)
    page = await list_page(connection, " AND ".join(filters), limit, read_place(cursor))
    items = [await summary_of(each) for each in page.runs]
    kept = [each for each in items if seen is None or each.namespace in seen]
    return RunPage(items=kept, next_cursor=write_place(page.end))


@router.get(
    "/{id}",
    summary="Read a run's record",
    response_model=RunRecord,
    responses=problems(401, 404, 422, 503),
    openapi_extra={"x-ark-role": "viewer"},
)
async def read_run(run_id: RunIdPath, services: Services, caller: Caller) -> RunRecord:
    """What a run did so far: its steps, calls, tokens, cost, and what it waits for."""
    await open_run(services.connection, caller, run_id)
    return await read_record(services.connection, run_id)


@router.get(
    "/{id}/result",
    summary="Wait for a run's result",
    response_model=RunResult,
    responses={
        202: {"model": RunResult, "description": "It goes on."},
        **problems(401, 404, 422, 503),
    },
    openapi_extra={"x-ark-role": "viewer"},
)
async def read_result(
    request: Request,
    response: Response,
    run_id: RunIdPath,
    services: Services,
    caller: Caller,
    wait: Annotated[int, Query(description="Seconds to wait for its end.", ge=0, le=_LONGEST_WAIT)] = 0,
) -> RunResult:
    """How a run came out: 200 once it has ended, however it did; 202 while it goes on."""
    run = await open_run(services.connection, caller, run_id)
    if wait and run.status == WorkflowExecutionStatus.RUNNING:
        await until_ended(services, run_id, wait)
    record = await read_record(services.connection, run_id)
    response.status_code = 200 if record.ended else 202
    return result_of(record, run_url(request, services, run_id))


async def until_ended(services: GatewayServices, run_id: str, seconds: float) -> None:
    """Wait for a run's end, whatever it is, but no longer than so many seconds."""
    try:
        async with asyncio.timeout(seconds):
            await services.connection.client.get_workflow_handle(run_id).result()
    except (TimeoutError, WorkflowFailureError):
        return
    except TemporalError:  # it went on in another execution just now, or cannot be read: its record says
        return


def result_of(record: RunRecord, url: str) -> RunResult:
    """What a record says about a run's result."""
    facts = {name: getattr(record, name) for name in ("id", "phase", "reason", "output", "error")}
    return RunResult(
        **facts,
        url=url,
        token_usage=record.token_usage,
        cost_usd=record.cost_usd,
        awaiting=[each.id for each in record.awaiting],
    )


def run_url(request: Request, services: GatewayServices, run_id: str) -> str:
    """Where the API has a run."""
    return services.url + request.app.url_path_for("read_run", id=run_id)


def read_place(cursor: str | None) -> Place | None:
    """The place among runs that a cursor stands for.

    Raises:
        ApiError: 404: it is none of ours.
    """
    if not cursor:
        return None
    told: Any = read_cursor(cursor)
    try:
        return Place(datetime.fromtimestamp(told["t"] / 1e6, UTC), str(told["id"]), float(told["s"]))
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        raise not_found("There is no page there: the cursor is not one that this list gave.") from None


def write_place(place: Place | None) -> str:
    """The cursor of a place; empty for none."""
    if place is None:
        return ""
    return write_cursor({"t": round(place.start.timestamp() * 1e6), "id": place.id, "s": place.span})


def _started(request: Request, services: GatewayServices, started: Submitted) -> StartedRun:
    return StartedRun(
        id=started.id,
        url=run_url(request, services, started.id),
        existed=started.existed,
        other_plan=started.other_plan,
        ui=services.connection.run_url(started.id) or "",
    )
