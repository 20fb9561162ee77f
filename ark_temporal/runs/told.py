"""Whether people were told of a run: what the notifiers of its team say."""

import asyncio
from collections.abc import Iterator, Sequence

from temporalio.service import RPCError, RPCStatusCode

from ark_temporal.plan.model import Plan
from ark_temporal.plan.notices import NotifierState, notifier_id
from ark_temporal.plan.record import RunRecord
from ark_temporal.plan.telling import AGENT_DEGRADED, BUDGET_WARNING, end_event
from ark_temporal.runs.connection import Connection
from ark_temporal.runs.names import STATE_QUERY

_PAUSE_SECONDS = 0.1


async def until_told(connection: Connection, plan: Plan, record: RunRecord, *, seconds: float) -> list[str]:
    """Wait until people were told of a run that has ended.

    Args:
        connection: Where it ran, with a worker that still works.
        plan: What it ran.
        record: How it ended.
        seconds: How long to wait.

    Returns:
        Of what they were not told by then, in sentences.
    """
    events = list(_events(plan, record))
    untold = await asyncio.gather(*(_until_told(connection, plan, event, seconds) for event in events))
    return [sentence for sentences in untold for sentence in sentences]


def _events(plan: Plan, record: RunRecord) -> Iterator[str]:
    """The events of which a run of the plan may have told."""
    notify = plan.notify
    if notify is not None:
        yield from (each for each in (end_event(record), BUDGET_WARNING) if each and notify.tells(each))
    if notify is not None or any(agent.notify is not None for agent in plan.agents.values()):
        yield AGENT_DEGRADED


async def _until_told(connection: Connection, plan: Plan, event: str, seconds: float) -> Sequence[str]:
    id = notifier_id(plan.namespace, plan.team, event)
    handle = connection.client.get_workflow_handle(id)
    state = NotifierState()
    try:
        async with asyncio.timeout(seconds):
            while True:
                state = await handle.query(STATE_QUERY, result_type=NotifierState)
                if not state.waiting:
                    break
                await asyncio.sleep(_PAUSE_SECONDS)
    except TimeoutError:
        pass  # what waits then is told below
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND:
            raise
        return []
    said = [*state.problems, *(await _last_failures(connection, id) if state.waiting else [])]
    return [f"Not everybody was told of {event}: {why}" for why in said]


async def _last_failures(connection: Connection, id: str) -> list[str]:
    """What the latest attempts of messages that wait came to."""
    description = await connection.client.get_workflow_handle(id).describe()
    pending = description.raw_description.pending_activities
    said = [each.last_failure.message for each in pending if each.last_failure.message]
    return said or ["Nobody has answered by now."]
