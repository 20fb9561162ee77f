"""Handing messages to the workflows that send them, so that a run waits for none of them."""

import asyncio
from collections.abc import Iterable

from temporalio import workflow
from temporalio.exceptions import FailureError, WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

with workflow.unsafe.imports_passed_through():
    from ark_temporal.plan.calls import Notification
    from ark_temporal.plan.notices import NotifierStart, notifier_id
    from ark_temporal.runs.names import NOTIFIER, TELL_SIGNAL
    from workflows.unhindered import unhindered

_TRIES = 5
"""How often a notifier may end just when it is told something more."""


class Teller:
    """Hands messages over while a run goes on."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def is_idle(self) -> bool:
        """Whether Temporal has all that was to be told."""
        return all(task.done() for task in self._tasks)

    def tell(self, notifications: Iterable[Notification]) -> None:
        """Have people told."""
        self._tasks += [asyncio.create_task(_hand_over(each)) for each in notifications]

    async def handed_over(self) -> None:
        """Wait until Temporal has all of it; how a run has ended stays, whoever cancels it meanwhile."""
        while not self.is_idle:  # more may be told meanwhile
            await unhindered([*self._tasks])


async def _hand_over(notification: Notification) -> None:
    """Start the notifier of the event, or tell the one that runs."""
    team, event = notification.team, notification.event
    id = notifier_id(notification.namespace, team, event)
    start = NotifierStart(namespace=notification.namespace, team=team, event=event, first=notification)
    for _ in range(_TRIES):
        try:
            await workflow.start_child_workflow(
                NOTIFIER,
                start,
                id=id,
                parent_close_policy=ParentClosePolicy.ABANDON,
                static_summary=f"{event} of {team}",
            )
            return
        except WorkflowAlreadyStartedError:
            workflow.logger.debug("%s runs already, and is told one more.", id)
        try:
            await workflow.get_external_workflow_handle(id).signal(TELL_SIGNAL, notification)
            return
        except FailureError:
            workflow.logger.debug("%s has ended just now, and is started again.", id)
    workflow.logger.warning("Nobody is told of %s: %s neither runs nor starts.", event, id)
