"""What runs have used: tokens and cost over a time, and dead letters."""

import asyncio
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BeforeValidator, Field
from pydantic.json_schema import SkipJsonSchema

from ark_temporal.plan.record import RunRecord, StepRecord, TokenUsage
from ark_temporal.runs.connection import Connection
from ark_temporal.runs.dead_letters import Letter, list_letters
from ark_temporal.runs.find import NOT_PARTS, NOT_PARTS_OF_RUNS, OUR_RUNS, RunNotFoundError
from ark_temporal.runs.history import HistoryError
from ark_temporal.runs.pages import list_page
from ark_temporal.runs.watch import read_record
from ark_temporal.wire import Wire
from worker.gateway.api.callers import Caller, Services, narrowed, text_list
from worker.gateway.api.problems import ApiError, problems
from worker.gateway.api.shapes import NamespaceQuery, TeamQuery

router = APIRouter()

MOST_RUNS = 400
"""So many runs are read for one answer."""

_AT_ONCE = 16
_EARLIEST, _LATEST_YEAR = datetime(2015, 1, 1, tzinfo=UTC), 9000
_USUAL_TIME = timedelta(days=1)

_WRITTEN = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}.*")


def _as_text(value: object) -> object:
    """A date as RFC 3339 has it; pydantic would take a bare number too."""
    if isinstance(value, str) and not _WRITTEN.fullmatch(value):
        raise ValueError("Write it as 2026-01-31T12:00:00Z.")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_as_text)]
Group = Literal["team", "agent", "namespace"]


class Usage(Wire):
    """What some runs have used.

    Attributes:
        key: The team, agent or namespace; a team as `namespace/name`, an agent as `namespace/name` too.
        runs: How many runs.
        cost_usd: Of all calls whose price is known; not there where none is.
    """

    always = frozenset({"token_usage"})

    key: str
    runs: int
    token_usage: TokenUsage = Field(default_factory=TokenUsage)
    cost_usd: float | None = None


class UsageReport(Wire):
    """What runs that started in a time have used so far, those below them included.

    Attributes:
        since: Runs that started then or later, in UTC.
        until: And before then.
        covered_since: The earliest start of the runs that were read.
        complete: Whether all runs of that time were read; else only the latest ones.
        runs: How many were read.
    """

    always = frozenset({"complete", "groups"})

    since: datetime
    until: datetime
    covered_since: datetime
    complete: bool
    runs: int
    groups: list[Usage]


class Letters(Wire):
    """Runs that could not be done, the latest first.

    Attributes:
        complete: Whether these are all.
    """

    always = frozenset({"complete"})

    items: list[Letter]
    complete: bool


@router.get(
    "/usage",
    summary="Tokens and cost",
    tags=["usage"],
    response_model=UsageReport,
    responses=problems(401, 422, 503, s409="The time ends before it begins."),
    openapi_extra={"x-ark-role": "viewer"},
)
async def read_usage(
    services: Services,
    caller: Caller,
    namespace: NamespaceQuery = None,
    since: Annotated[
        Moment | SkipJsonSchema[None],
        Query(description="Runs that started then or later; by default a day ago."),
    ] = None,
    until: Annotated[
        Moment | SkipJsonSchema[None], Query(description="Runs that started before; by default now.")
    ] = None,
    by: Annotated[Group, Query(description="What to sum up by.")] = "team",
) -> UsageReport:
    """Of the runs that started in a time, the latest 400 at most; `complete` says whether those are all."""
    end = _utc(until) if until else datetime.now(UTC)
    begin = _utc(since) if since else end - _USUAL_TIME
    if begin >= end:
        raise ApiError(409, "empty-time", "`since` must be before `until`.")
    seen = narrowed(caller, namespace)
    connection = services.connection
    searchable = await connection.searchable()
    query = f"{OUR_RUNS} AND {NOT_PARTS_OF_RUNS if searchable else NOT_PARTS}"
    query += f" AND StartTime >= '{_text(begin)}' AND StartTime < '{_text(end)}'"
    if seen is not None and searchable:
        query += f" AND ArkNamespace IN ({text_list(seen or {''})})"
    page = await list_page(connection, query, MOST_RUNS)
    records = await _records(connection, [each.id for each in page.runs])
    read = [each for each in records if seen is None or each.namespace in seen]
    return UsageReport(
        since=begin,
        until=end,
        covered_since=page.end.start if page.end else begin,
        complete=page.end is None,
        runs=len(read),
        groups=_sum(read, by),
    )


@router.get(
    "/dead-letters",
    summary="List dead letters",
    tags=["runs"],
    response_model=Letters,
    responses=problems(401, 422, 503),
    openapi_extra={"x-ark-role": "viewer"},
)
async def list_dead_letters(
    services: Services,
    caller: Caller,
    namespace: NamespaceQuery = None,
    team: TeamQuery = None,
    limit: Annotated[int, Query(description="At most so many.", ge=1, le=100)] = 20,
) -> Letters:
    """Runs that failed and were not retried, and runs that wait because a step of theirs failed."""
    seen = narrowed(caller, namespace)
    if seen is not None and not seen:
        return Letters(items=[], complete=True)
    searchable = await services.connection.searchable()
    query = f"ArkNamespace IN ({text_list(seen)})" if seen is not None and searchable else ""
    if team and searchable:
        query += f"{' AND ' if query else ''}ArkTeam = '{team}'"
    items: list[Letter] = []
    async for letter in list_letters(services.connection, query=query):
        if (seen is None or letter.namespace in seen) and team in (None, letter.team):
            if len(items) == limit:
                return Letters(items=items, complete=False)
            items.append(letter)
    return Letters(items=items, complete=True)


async def _records(connection: Connection, runs: Iterable[str]) -> list[RunRecord]:
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(run: str) -> RunRecord | None:
        async with gate:
            try:
                return await read_record(connection, run)
            except (RunNotFoundError, HistoryError):  # gone since, or somebody else's workflow
                return None

    found = await asyncio.gather(*(one(run) for run in runs))
    return [each for each in found if each is not None]


def _sum(records: Iterable[RunRecord], by: Group) -> list[Usage]:
    """What they have used, the group that has used most first."""
    groups: dict[str, Usage] = {}
    for record in records:
        counted: set[str] = set()
        for key, usage, cost in _shares(record, by):
            group = groups.setdefault(key, Usage(key=key, runs=0))
            group.runs += key not in counted
            counted.add(key)
            group.token_usage.add(usage)
            if cost is not None:
                group.cost_usd = (group.cost_usd or 0.0) + cost
    return sorted(groups.values(), key=lambda each: (-each.token_usage.total_tokens, each.key))


def _shares(record: RunRecord, by: Group) -> Iterator[tuple[str, TokenUsage, float | None]]:
    if by == "agent":
        yield from ((_agent(record, step), step.token_usage, step.cost_usd) for step in record.steps)
    else:
        key = record.namespace if by == "namespace" else f"{record.namespace}/{record.team}"
        yield key, record.token_usage, record.cost_usd


def _agent(record: RunRecord, step: StepRecord) -> str:
    """Who did a step: the agent that was chosen when it ran, else the role that the plan names."""
    return f"{record.namespace}/{step.resolved_agent or f'{record.team}-{step.role}'}"


def _utc(moment: datetime) -> datetime:
    """The moment in UTC; one of another age is the nearest that runs may have."""
    if moment.year < _EARLIEST.year + 1:
        return _EARLIEST
    return min(moment.astimezone(UTC), datetime.now(UTC)) if moment.year < _LATEST_YEAR else datetime.now(UTC)


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
