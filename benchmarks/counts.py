"""What a run came to, counted from its history: the same figures on every machine."""

from dataclasses import dataclass, field

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client


@dataclass
class Counted:
    """What a run came to, over all of its executions."""

    bytes: int = 0
    events: int = 0
    tasks: int = 0
    executions: int = 0
    children: list[str] = field(default_factory=list[str])

    def add(self, other: "Counted") -> None:
        """Take in what another run came to."""
        self.bytes += other.bytes
        self.events += other.events
        self.tasks += other.tasks
        self.executions += other.executions


async def count(client: Client, id: str, *, first: str | None = None) -> Counted:
    """Count a run that has ended.

    Args:
        client: Where it is.
        id: Its workflow id.
        first: The first of its executions; None where it has one only.
    """
    counted = Counted()
    handle = client.get_workflow_handle(id, run_id=first)
    while True:
        described = (await handle.describe()).raw_description.workflow_execution_info
        counted.executions += 1
        counted.bytes += described.history_size_bytes
        counted.events += described.history_length
        after = ""
        async for event in handle.fetch_history_events():
            counted.tasks += event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
            after = event.workflow_execution_continued_as_new_event_attributes.new_execution_run_id
            child = event.child_workflow_execution_started_event_attributes.workflow_execution.workflow_id
            if child:
                counted.children.append(child)
        if not after:
            return counted
        handle = client.get_workflow_handle(id, run_id=after)


async def count_family(client: Client, id: str) -> Counted:
    """Count a run that has ended together with all runs below it, of one execution each."""
    whole = await count(client, id)
    for child in whole.children:
        whole.add(await count_family(client, child))
    return whole
