"""The workflow behind an applied resource: it lives as long as the resource does."""

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from ark_temporal.plan.record import at_nanoseconds
    from ark_temporal.resources import entity
    from ark_temporal.resources.model import (
        Applied,
        ApplyRequest,
        ResourceStart,
        ResourceState,
        Revision,
        RollbackRequest,
    )
    from ark_temporal.runs.names import MEMO

_MOST_UPDATES = 500
_TOO_MANY_UPDATES = 1_900
"""Temporal takes 2,000 updates in one execution; long before that, the resource goes on in another.

At a quiet moment: those that come just then are aborted, and while they keep coming, Temporal lets it not go.
"""

_QUIET_SECONDS = 1


@workflow.defn(name="Resource")
class Resource:
    """Keeps a resource's revisions, and takes what is applied one after another."""

    @workflow.init
    def __init__(self, start: ResourceStart) -> None:
        self._state = start.state or ResourceState(
            kind=start.kind, namespace=start.namespace, name=start.name
        )
        self._is_deleted = False
        self._updates = 0

    @workflow.run
    async def run(self, start: ResourceStart) -> None:
        """Live until the resource is deleted."""
        while not self._is_deleted:
            await workflow.wait_condition(lambda: self._is_deleted or self._is_long)
            before = self._updates
            if not self._is_deleted:
                await workflow.sleep(_QUIET_SECONDS, summary="goes on in another execution when nobody asks")
            await workflow.wait_condition(workflow.all_handlers_finished)
            if not self._is_deleted and (self._updates == before or self._updates >= _TOO_MANY_UPDATES):
                workflow.continue_as_new(start.model_copy(update={"state": self._state}))

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
        if problem := entity.refuse_rollback(self._state, request):
            raise ApplicationError(problem, type="RollbackRefused")

    @workflow.update(name="delete")
    def delete(self) -> None:
        """End the resource; runs that it has started go on."""
        self._is_deleted = True

    @property
    def _is_long(self) -> bool:
        return self._updates >= _MOST_UPDATES or workflow.info().is_continue_as_new_suggested()

    def _tell(self, applied: Applied) -> None:
        """Leave what lists show where they find it."""
        self._updates += 1
        if applied.change == "unchanged":
            return
        memo = entity.memo_of(self._state)
        workflow.upsert_memo({MEMO: memo})
        by = memo.by or "nobody named"
        workflow.set_current_details(f"revision {memo.revision} · {memo.digest[:12]} · by {by}")
