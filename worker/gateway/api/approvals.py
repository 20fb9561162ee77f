"""What runs wait for people to decide, and deciding it."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import ConfigDict, Field, JsonValue

from ark_temporal.plan.record import Decision, DecisionTaken, Verdict
from ark_temporal.runs.decide import DecisionRefusedError, decide, describe_past
from ark_temporal.runs.find import OUR_RUNS, RunNotFoundError, quoted
from ark_temporal.runs.history import HistoryError
from ark_temporal.runs.pages import list_page
from ark_temporal.runs.questions import Question, questions_of
from ark_temporal.runs.watch import read_record
from ark_temporal.wire import Wire
from worker.gateway.api.callers import Caller, Services, narrowed, open_run, text_list
from worker.gateway.api.problems import not_found, problems
from worker.gateway.api.runs import read_place, write_place
from worker.gateway.api.shapes import (
    CursorQuery,
    LimitQuery,
    NamespaceQuery,
    RequestModel,
    RunIdPath,
    TeamQuery,
    without_default,
)
from worker.gateway.services import GatewayServices

router = APIRouter(tags=["approvals"])

ApprovalPath = Annotated[
    str,
    Path(
        alias="approval",
        description="What it is about, such as `cook#approval` (in a URL `cook%23approval`).",
        min_length=1,
        max_length=500,
    ),
]


class QuestionPage(Wire):
    """What runs wait for, that of the run that started last first.

    Attributes:
        next_cursor: Where the next page begins; not there after the last.
    """

    items: list[Question]
    next_cursor: str = ""


class DecisionRequest(RequestModel):
    """What is decided. Who decides is whoever asks."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"decision": "approve", "digest": "3fa9c1d2"},
                {"decision": "reject", "digest": "3fa9c1d2", "comment": "not today"},
                {"decision": "answer", "digest": "3fa9c1d2", "text": "warm"},
            ]
        }
    )

    decision: Verdict
    digest: Annotated[str, Field(min_length=8, max_length=64)] = Field(
        description="Of what was seen, or its first 8 characters and more: nothing else is decided."
    )
    text: Annotated[str, Field(json_schema_extra=without_default)] = Field(
        default="", description="The answer, the edited subject, or the corrected prompt."
    )
    value: JsonValue = Field(
        default=None, description="The same as JSON, where it is JSON; goes before `text`."
    )
    model: Annotated[str, Field(json_schema_extra=without_default)] = Field(
        default="", description="Another model, for `retry` of a failed step."
    )
    comment: str = Field(default="", max_length=2000, description="Why; kept in the run's record.")


@router.get(
    "/approvals",
    summary="List what waits for people",
    response_model=QuestionPage,
    responses=problems(401, 404, 422, 503),
    openapi_extra={"x-ark-role": "viewer"},
)
async def list_approvals(
    services: Services,
    caller: Caller,
    namespace: NamespaceQuery = None,
    team: TeamQuery = None,
    mine: Annotated[bool, Query(description="Only what the caller may decide.")] = False,
    limit: LimitQuery = 20,
    cursor: CursorQuery = None,
) -> QuestionPage:
    """What runs wait for people to decide: a page has the questions of at most `limit` runs."""
    seen = narrowed(caller, namespace)
    if seen is not None and not seen:
        return QuestionPage(items=[])
    page = await list_page(
        services.connection, await _waiting(services, seen, team), limit, read_place(cursor)
    )
    found: list[Question] = []
    for run in page.runs:
        found += await _questions(services, run.id)
    items = [
        each
        for each in found
        if (seen is None or each.namespace in seen)
        and team in (None, each.team)
        and (not mine or (each.wants(caller.name) and caller.may("approver", each.namespace)))
    ]
    return QuestionPage(items=items, next_cursor=write_place(page.end))


@router.get(
    "/runs/{id}/approvals/{approval}",
    summary="Read what a run waits for",
    response_model=Question,
    responses=problems(401, 404, 422, 503),
    openapi_extra={"x-ark-role": "viewer"},
)
async def read_approval(
    run_id: RunIdPath, approval: ApprovalPath, services: Services, caller: Caller
) -> Question:
    """What exactly is decided about, with its digest, and who may decide."""
    await open_run(services.connection, caller, run_id)
    for question in await _questions(services, run_id):
        if question.awaiting.id == approval:
            return question
    raise not_found(f'The run "{run_id}" does not wait for a decision about "{approval}".')


@router.post(
    "/runs/{id}/approvals/{approval}/decision",
    summary="Decide",
    response_model=DecisionTaken,
    responses=problems(
        400,
        401,
        403,
        404,
        413,
        422,
        503,
        s409="The run does not wait for it, waits for another decision, or shows something else by now.",
    ),
    openapi_extra={"x-ark-role": "approver"},
)
async def decide_approval(
    run_id: RunIdPath,
    approval: ApprovalPath,
    wanted: DecisionRequest,
    services: Services,
    caller: Caller,
) -> DecisionTaken:
    """Decide in the caller's own name. The same decision twice counts once, and says who took it."""
    await open_run(services.connection, caller, run_id, "approver")
    decision = Decision(id=approval, by=caller.name, **wanted.model_dump())
    try:
        taken = await decide(services.connection, run_id, decision)
    except DecisionRefusedError as error:
        record = await read_record(services.connection, run_id)
        if not any(each.id == approval for each in record.awaiting):
            for past in reversed(record.decisions):
                if past.id == approval:
                    raise DecisionRefusedError(describe_past(past)) from None
        raise error from None
    return taken if taken.message else DecisionTaken(message=f'"{approval}": {wanted.decision}.')


async def _waiting(services: GatewayServices, seen: frozenset[str] | None, team: str | None) -> str:
    """The list filter of runs that may wait; one without `ArkPhase` says nothing about that."""
    query = f"{OUR_RUNS} AND ExecutionStatus = 'Running'"
    if not await services.connection.searchable():
        return query
    query += " AND (ArkAwaiting IS NOT NULL OR ArkPhase IS NULL)"
    if seen is not None:
        query += f" AND ArkNamespace IN ({text_list(seen)})"
    return query + (f" AND ArkTeam = '{quoted(team)}'" if team else "")


async def _questions(services: GatewayServices, run_id: str) -> list[Question]:
    """What a run waits for; nothing where it is gone since, or somebody else's workflow."""
    try:
        return questions_of(await read_record(services.connection, run_id))
    except (RunNotFoundError, HistoryError):
        return []
