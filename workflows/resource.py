"""The workflow behind an applied resource: it lives as long as the resource does."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, RetryState

with workflow.unsafe.imports_passed_through():
    from ark_temporal.plan.record import at_nanoseconds
    from ark_temporal.resources import entity
    from ark_temporal.resources.model import (
        BEING_DELETED,
        OVERTAKEN,
        Applied,
        ApplyRequest,
        ResourceStart,
        ResourceState,
        Revision,
        RollbackRequest,
        Scheduled,
        ScheduleRequest,
    )
    from ark_temporal.runs.names import MEMO, SCHEDULE_ACTIVITY

_MOST_UPDATES = 500
_TOO_MANY_UPDATES = 1_900
"""Temporal takes 2,000 updates in one execution; long before that, the resource goes on in another.

At a quiet moment: those that come just then are aborted, and while they keep coming, Temporal lets it not go.
"""

_QUIET_SECONDS = 1

_SYNCING = timedelta(seconds=30)
_PATIENCE = timedelta(minutes=10)
"""How long to try to bring a schedule in step, before trying anew with what is in force then."""


@workflow.defn(name="Resource")
class Resource:
    """Keeps a resource's revisions, and takes what is applied one after another."""

    @workflow.init
    def __init__(self, start: ResourceStart) -> None:
        self._state = start.state or ResourceState(
            kind=start.kind, namespace=start.namespace, name=start.name
        )
        self._is_deleted = False
        self._is_scheduled = start.kind == entity.EVENT
        self._not_removed = ""
        self._updates = 0

    @workflow.run
    async def run(self, start: ResourceStart) -> None:
        """Live until the resource is deleted."""
        while True:
            await workflow.wait_condition(lambda: self._is_deleted or self._is_out_of_step or self._is_long)
            if self._is_out_of_step:
                await self._sync_schedule()
            elif self._is_deleted:
                break
            if self._is_long and not self._is_deleted:
                await self._go_on(start)
        await workflow.wait_condition(workflow.all_handlers_finished)

    @workflow.query(name="state")
    def state(self) -> ResourceState:
        """The resource with its revisions."""
        return self._state

    @workflow.query(name="current")
    def current(self) -> Revision | None:
        """The revision in force."""
        return self._state.current

    @workflow.update(name="apply")
    def apply(self, request: ApplyRequest) -> Applied:
        """Bring a document in force."""
        applied = entity.apply(self._state, request, at_nanoseconds(workflow.time_ns()))
        self._tell(applied)
        return applied

    @apply.validator
    def _refuse_apply(self, request: ApplyRequest) -> None:
        """Say why a document cannot be brought in force.

        Raises:
            ApplicationError: It cannot.
        """
        self._refuse_deleted()
        if problem := entity.refuse_apply(self._state, request):
            raise ApplicationError(problem, type=OVERTAKEN)

    @workflow.update(name="rollback")
    def rollback(self, request: RollbackRequest) -> Applied:
        """Bring an earlier revision in force again."""
        applied = entity.rollback(self._state, request, at_nanoseconds(workflow.time_ns()))
        self._tell(applied)
        return applied

    @rollback.validator
    def _refuse_rollback(self, request: RollbackRequest) -> None:
        """Say why a revision cannot be brought back.

        Raises:
            ApplicationError: It cannot.
        """
        self._refuse_deleted()
        if problem := entity.refuse_rollback(self._state, request):
            raise ApplicationError(problem, type="RollbackRefused")

    @workflow.update(name="delete")
    async def delete(self) -> None:
        """End the resource, with its schedule if it has one; runs that it has started go on.

        Raises:
            ApplicationError: Its schedule cannot be removed; the resource is still there.
        """
        self._is_deleted = True
        if self._is_out_of_step:
            await workflow.wait_condition(lambda: not (self._is_deleted and self._is_out_of_step))
            if not self._is_deleted:
                raise ApplicationError(self._not_removed, type="ScheduleNotRemoved")

    @property
    def _is_long(self) -> bool:
        return self._updates >= _MOST_UPDATES or workflow.info().is_continue_as_new_suggested()

    @property
    def _is_out_of_step(self) -> bool:
        """Whether there is something to do about the schedule."""
        return self._is_scheduled if self._is_deleted else entity.is_out_of_step(self._state)

    async def _sync_schedule(self) -> None:
        """Bring the schedule in step with what is in force now; what comes meanwhile is for the next time."""
        state, revision = self._state, None if self._is_deleted else self._state.current
        try:
            scheduled = await workflow.execute_activity(
                SCHEDULE_ACTIVITY,
                ScheduleRequest(namespace=state.namespace, event=state.name, revision=revision),
                result_type=Scheduled,
                start_to_close_timeout=_SYNCING,
                schedule_to_close_timeout=_PATIENCE,
                retry_policy=RetryPolicy(maximum_interval=_SYNCING),
                summary=f"schedule of revision {revision.number}" if revision else "remove the schedule",
            )
        except ActivityError as error:
            if error.retry_state != RetryState.NON_RETRYABLE_FAILURE:
                return
            why = getattr(error.cause, "message", str(error.cause))
            self._not_removed = f"Its schedule cannot be removed. {why}"
            self._is_deleted = self._is_deleted and revision is not None
            number = revision.number if revision else 0
            scheduled = Scheduled(revision=number, reason="ScheduleRefused", message=why)
        else:
            self._is_scheduled = revision is not None
        if revision is not None:
            state.scheduled = scheduled

    async def _go_on(self, start: ResourceStart) -> None:
        """Go on in another execution, unless somebody asks just now."""
        before = self._updates
        await workflow.sleep(_QUIET_SECONDS, summary="goes on in another execution when nobody asks")
        await workflow.wait_condition(lambda: self._is_deleted or workflow.all_handlers_finished())
        if not self._is_deleted and (self._updates == before or self._updates >= _TOO_MANY_UPDATES):
            workflow.continue_as_new(start.model_copy(update={"state": self._state}))

    def _refuse_deleted(self) -> None:
        """Refuse what comes too late.

        Raises:
            ApplicationError: The resource is being deleted.
        """
        if self._is_deleted:
            raise ApplicationError("It is being deleted; ask again in a moment.", type=BEING_DELETED)

    def _tell(self, applied: Applied) -> None:
        """Leave what lists show where they find it."""
        self._updates += 1
        if applied.change == "unchanged":
            return
        memo = entity.memo_of(self._state)
        workflow.upsert_memo({MEMO: memo})
        by = memo.by or "nobody named"
        workflow.set_current_details(f"revision {memo.revision} · {memo.digest[:12]} · by {by}")
