"""Starting what an event starts, straight from the process that was told of it.

Many runs of one plan begin here, so what a plan says is written as JSON once and not for each run.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from pydantic_core import to_json
from temporalio.api.common.v1 import Payload
from temporalio.client import WorkflowExecutionDescription
from temporalio.common import RawValue, WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from ark_temporal.events.model import FiringMemo, FiringStart, Prepared, PreparedRun, firing_id
from ark_temporal.plan.model import Plan
from ark_temporal.plan.start import PipelineInput
from ark_temporal.plan.summary import detail_plan, summarize_plan
from ark_temporal.runs.attributes import attributes_of
from ark_temporal.runs.connection import Connection
from ark_temporal.runs.find import RunMemo, read_memo
from ark_temporal.runs.names import EVENT_FIRING, MEMO, TASK_QUEUE, WORKFLOW_OF

START_TIMEOUT = timedelta(seconds=10)
"""How long Temporal may take to take a run in."""

_KNOWN_PLANS = 256
_JSON = {"encoding": b"json/plain"}


class InputTooLargeError(ValueError):
    """A run's plan and input together are more than Temporal and its storage carry."""


@dataclass(frozen=True)
class Told:
    """What became of a happening that was told.

    Attributes:
        runs: Ids of the runs that it has started, now or before.
        fired_at: When it was first told.
        replayed: Whether all of it had been started before.
        busy: Whether it starts nothing, because a run of the event goes on.
    """

    runs: tuple[str, ...]
    fired_at: datetime
    replayed: bool = False
    busy: bool = False


async def start_all(connection: Connection, prepared: Prepared, fired_at: datetime) -> Told:
    """Start each run that is not there yet, all at the same time.

    Where one cannot be started the others are; telling the same again starts the rest.

    Args:
        connection: Where to.
        prepared: The runs.
        fired_at: When the event fired, for those that are started now.

    Raises:
        InputTooLargeError: A run's input is too large; no run was started.
        RPCError: Temporal did not take in all of them.
    """
    starts = [(run, _payload(connection, run.start)) for run in prepared.runs]
    done = await asyncio.gather(
        *(_start(connection, run, payload) for run, payload in starts), return_exceptions=True
    )
    before: list[datetime | None] = []
    for each in done:
        if isinstance(each, BaseException):
            raise each
        if each is not None:
            before.append(each.fired_at)
    known = [moment for moment in before if moment is not None]
    return Told(
        runs=tuple(run.id for run in prepared.runs),
        fired_at=min(known, default=fired_at),
        replayed=len(before) == len(prepared.runs),
    )


async def start_alone(
    connection: Connection, start: FiringStart, prepared: Prepared, fired_at: datetime
) -> Told:
    """Start the runs of an event that starts nothing while runs of it go on.

    One workflow of a fixed id holds the place until they have ended, so that two who tell of different
    happenings at the same time start the runs of one.

    Args:
        connection: Where to.
        start: The event; without what it starts.
        prepared: What it starts.
        fired_at: When the event fired.

    Raises:
        InputTooLargeError: The runs' inputs are too large; nothing was started.
        RPCError: Temporal did not take it in.
    """
    ids = tuple(run.id for run in prepared.runs)
    if (told := await _told_before(connection, ids, fired_at)) is not None:
        return told
    place = firing_id(start.namespace, start.event)
    given = start.model_copy(update={"prepared": prepared})
    payload = _checked(connection, to_json(given))
    try:
        await connection.client.start_workflow(
            EVENT_FIRING,
            payload,
            id=place,
            task_queue=TASK_QUEUE,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
            memo={MEMO: FiringMemo(runs=list(ids), fired_at=fired_at)},
            static_summary=f"{start.event}: one at a time",
            rpc_timeout=START_TIMEOUT,
        )
    except WorkflowAlreadyStartedError:
        return await _who_is_at_it(connection, place, ids, fired_at)
    # Between looking and starting, another telling may have come and its runs have ended.
    return await _told_before(connection, ids, fired_at) or Told(ids, fired_at)


async def _who_is_at_it(connection: Connection, place: str, ids: tuple[str, ...], fired_at: datetime) -> Told:
    description = await _describe(connection, place)
    if description is not None:
        memo = await description.memo_value(MEMO, FiringMemo(), type_hint=FiringMemo)
        if tuple(memo.runs) == ids and memo.fired_at is not None:
            return Told(ids, memo.fired_at, replayed=True)
    if (told := await _told_before(connection, ids, fired_at)) is not None:
        return told
    return Told((), fired_at, busy=True)


async def _told_before(connection: Connection, ids: tuple[str, ...], fired_at: datetime) -> Told | None:
    """The first telling, where its runs are there already and are not those of this moment."""
    description = await _describe(connection, ids[0])
    if description is None:
        return None
    cause = (await read_memo(description)).cause
    if cause is None or cause.fired_at == fired_at:
        return None
    return Told(ids, cause.fired_at, replayed=True)


@dataclass(frozen=True)
class _Existing:
    fired_at: datetime | None


async def _start(connection: Connection, run: PreparedRun, payload: RawValue) -> _Existing | None:
    """Start a run; what is known of it where it exists."""
    plan, start = _known(run.start.plan), run.start
    try:
        await connection.client.start_workflow(
            WORKFLOW_OF[plan.plan.mode],
            payload,
            id=run.id,
            task_queue=TASK_QUEUE,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
            memo={MEMO: RunMemo.of(start, plan.digest)},
            search_attributes=attributes_of(start, plan.digest) if start.search_attributes else None,
            static_summary=plan.summary,
            static_details=plan.details,
            request_eager_start=True,
            rpc_timeout=START_TIMEOUT,
        )
    except WorkflowAlreadyStartedError:
        description = await _describe(connection, run.id)
        cause = (await read_memo(description)).cause if description is not None else None
        return _Existing(cause.fired_at if cause is not None else None)
    return None


async def _describe(connection: Connection, id: str) -> WorkflowExecutionDescription | None:
    try:
        return await connection.client.get_workflow_handle(id).describe(rpc_timeout=START_TIMEOUT)
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            return None
        raise


class _Written:
    """A plan, and what is the same in all runs of it."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    @cached_property
    def json(self) -> bytes:
        return to_json(self.plan)

    @cached_property
    def digest(self) -> str:
        return self.plan.digest()

    @cached_property
    def summary(self) -> str:
        return summarize_plan(self.plan, self.digest)

    @cached_property
    def details(self) -> str:
        return detail_plan(self.plan)


_plans: dict[int, _Written] = {}
"""By the identity of the plan, which the entry keeps alive."""


def _known(plan: Plan) -> _Written:
    written = _plans.get(id(plan))
    if written is None:
        if len(_plans) >= _KNOWN_PLANS:
            del _plans[next(iter(_plans))]
        written = _plans[id(plan)] = _Written(plan)
    return written


def start_json(start: PipelineInput) -> bytes:
    """The JSON of what a run is started with, its plan as it was written the first time."""
    rest = start.model_dump_json(exclude={"plan"}).encode()
    return b'{"plan":' + _known(start.plan).json + (b"," if len(rest) > 2 else b"") + rest[1:]


def _payload(connection: Connection, start: PipelineInput) -> RawValue:
    return _checked(connection, start_json(start))


def _checked(connection: Connection, json: bytes) -> RawValue:
    if len(json) > connection.payload_limit_bytes:
        raise InputTooLargeError(
            f"What the run is started with has {len(json)} bytes; {connection.payload_limit_bytes} are "
            "carried. Send less, or give the gateway and the workers a payload storage."
        )
    return RawValue(Payload(metadata=_JSON, data=json))
