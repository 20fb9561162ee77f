"""ArkServices: addresses at which agents take tasks."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import ConfigDict, Field, JsonValue

from ark_temporal.manifests import ArkAgent, ArkService
from ark_temporal.plan.inputs import TASK_INPUT
from ark_temporal.plan.model import Plan
from ark_temporal.plan.subtasks import plan_for
from ark_temporal.resources.catalog import Applied
from ark_temporal.runs.names import keyed_run_id
from ark_temporal.runs.watch import read_record
from worker.gateway.api.callers import Caller, Services, see_or_lack
from worker.gateway.api.problems import ApiError, not_found, problems
from worker.gateway.api.resources import NamePath, NamespacePath
from worker.gateway.api.runs import RunResult, result_of, run_url, start, until_ended
from worker.gateway.api.shapes import IdempotencyKey, RequestModel, Traceparent

router = APIRouter(prefix="/services", tags=["services"])

META_INPUT = "meta"
"""The input that has what a caller says about a task."""


class TaskRequest(RequestModel):
    """A task for an agent."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"prompt": "Sum up the week.", "meta": {"ticket": "4711"}}]}
    )

    prompt: str = Field(min_length=1, description="What is to be done.")
    meta: dict[str, JsonValue] = Field(
        default_factory=dict[str, JsonValue],
        description="What there is to say about it; kept in the run's input as `meta`.",
    )


@router.post(
    "/{namespace}/{name}/task",
    summary="Give an agent a task",
    response_model=RunResult,
    responses={
        202: {"model": RunResult, "description": "It goes on; `url` is where it is."},
        **problems(400, 401, 403, 404, 413, 422, 503, s409="The agent cannot be run, or did not succeed."),
    },
    openapi_extra={"x-ark-role": "submitter"},
)
async def give_task(
    request: Request,
    response: Response,
    namespace: NamespacePath,
    name: NamePath,
    wanted: TaskRequest,
    services: Services,
    caller: Caller,
    idempotency_key: IdempotencyKey = None,
    traceparent: Traceparent = None,
    wait: Annotated[int, Query(description="Seconds to wait for the answer.", ge=0, le=60)] = 30,
) -> RunResult:
    """Have the service's agent do a task: 200 with its answer, or 202 where that takes longer."""
    missing = f'There is no service "{namespace}/{name}".'
    see_or_lack(caller, "submitter", namespace, missing)
    applied = await services.catalog.applied(namespace)
    service = applied.bundle.find(ArkService, name, namespace)
    if service is None:
        raise not_found(missing)
    plan = _plan(applied, service.spec.selector.ark_agent)
    given: dict[str, JsonValue] = {TASK_INPUT: wanted.prompt}
    started = await start(
        services,
        caller,
        applied,
        plan,
        {**given, META_INPUT: wanted.meta} if wanted.meta else given,
        id=idempotency_key and keyed_run_id(plan.team, namespace, "service", name, idempotency_key),
        traceparent=traceparent,
    )
    if wait:
        await until_ended(services, started.id, wait)
    record = await read_record(services.connection, started.id)
    url = run_url(request, services, started.id)
    response.headers["Location"] = url
    if record.ended and record.phase != "Succeeded":
        why = record.error.message if record.error else f"It was {record.phase.lower()}."
        raise ApiError(
            409, "run-failed", f"The run {started.id} did not succeed: {why}", headers={"Location": url}
        )
    response.status_code = 200 if record.ended else 202
    return result_of(record, url)


def _plan(applied: Applied, agent: str) -> Plan:
    """The plan of an ArkAgent, or of the agent behind a team's inline role: `<team>-<role>`.

    Raises:
        ApiError: There is none of that name.
        CompileError: It cannot be run.
    """
    if applied.bundle.find(ArkAgent, agent, applied.namespace) is not None:
        return applied.agent_plan(agent)
    for team in applied.bundle.teams:
        if agent.startswith(f"{team.metadata.name}-") and team.metadata.namespace == applied.namespace:
            plan = applied.plan(team.metadata.name)
            for role, each in plan.agents.items():
                if each.agent == agent:
                    return plan_for(plan, role)
    raise ApiError(409, "cannot-run", f'The service\'s agent "{agent}" is not applied.')
