"""The activity that keeps the schedule of an event in step with what is applied."""

from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from ark_temporal.events.cron import CronError
from ark_temporal.events.schedules import put_schedule, remove_schedule
from ark_temporal.manifests import ArkEvent, load
from ark_temporal.resources.applying import texts_of
from ark_temporal.resources.model import Revision, Scheduled, ScheduleRequest
from ark_temporal.runs.names import SCHEDULE_ACTIVITY

_FOR_GOOD = frozenset(
    {
        RPCStatusCode.PERMISSION_DENIED,
        RPCStatusCode.UNAUTHENTICATED,
        RPCStatusCode.UNIMPLEMENTED,
        RPCStatusCode.INVALID_ARGUMENT,
    }
)
"""Answers that asking again does not change."""


class Scheduling:
    """The activity `sync_schedule`.

    Args:
        client: Where the schedules are.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    @activity.defn(name=SCHEDULE_ACTIVITY)
    async def sync_schedule(self, request: ScheduleRequest) -> Scheduled:
        """Make, change or remove the schedule of an event, so that it is what its revision asks for.

        An event whose times cannot be understood has no schedule; the answer says why.

        Raises:
            ApplicationError: Temporal refuses, which no retry would change.
        """
        try:
            return await self._sync(request)
        except RPCError as error:
            if error.status not in _FOR_GOOD:
                raise
            raise ApplicationError(
                f"Temporal refuses: {error.message}.", type="ScheduleRefused", non_retryable=True
            ) from None

    async def _sync(self, request: ScheduleRequest) -> Scheduled:
        revision = request.revision
        event, problem = _event(request, revision) if revision else (None, "")
        number = revision.number if revision else 0
        if event is None or event.spec.source.type != "cron":
            await remove_schedule(self._client, request.namespace, request.event)
            reason = "InvalidSource" if problem else ""
            return Scheduled(revision=number, reason=reason, message=problem)
        try:
            await put_schedule(self._client, event, number)
        except CronError as error:
            problem = str(error)
        except RPCError as error:
            if error.status != RPCStatusCode.INVALID_ARGUMENT:
                raise
            problem = f"Temporal does not take it: {error.message}."
        else:
            return Scheduled(revision=number)
        await remove_schedule(self._client, request.namespace, request.event)
        return Scheduled(revision=number, reason="InvalidCron", message=problem)


def _event(request: ScheduleRequest, revision: Revision) -> tuple[ArkEvent | None, str]:
    """The event that a revision is, or what is wrong with it. What it refers to is not looked for."""
    bundle = load([], texts=texts_of([revision]))
    event = bundle.find(ArkEvent, request.event, request.namespace)
    if event is not None:
        return event, ""
    called = f"{request.namespace}/{request.event}"
    return None, str(bundle.errors[0]) if bundle.errors else f'It is no ArkEvent "{called}".'
