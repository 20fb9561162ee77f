"""Lab servers, as plans name them and as histories tell of them."""

from typing import Any, TypeVar

from ark_temporal.plan.tools import GivenValue, McpServerPlan
from tests.integration.lab import Run
from tests.integration.mcp.servers import Lab as LabServer

T = TypeVar("T")


def server_plan(lab: LabServer, name: str, **fields: Any) -> McpServerPlan:
    """A server of that name in a plan; `env` comes on top of what the server itself needs."""
    there = lab.server()
    env = {key: GivenValue(value=str(value)) for key, value in there.env.items()} | fields.pop("env", {})
    given: dict[str, Any] = {"timeout_seconds": 20} | fields
    return McpServerPlan(name=name, url=there.url, command=there.command, env=env, **given)


async def results(run: Run, activity: str, kind: type[T]) -> dict[str, T]:
    """What all activities of a type brought, by their ids."""
    converter = run.connection.client.data_converter
    ids: dict[int, str] = {}
    found: dict[str, T] = {}
    for event in await run.events():
        if event.HasField("activity_task_scheduled_event_attributes"):
            asked = event.activity_task_scheduled_event_attributes
            if asked.activity_type.name == activity:
                ids[event.event_id] = asked.activity_id
        if event.HasField("activity_task_completed_event_attributes"):
            done = event.activity_task_completed_event_attributes
            if done.scheduled_event_id in ids:
                [result] = await converter.decode(done.result.payloads, [kind])
                found[ids[done.scheduled_event_id]] = result
    return found
