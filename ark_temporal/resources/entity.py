"""What happens to a resource, as a function of its state. No clock, no I/O, no engine."""

from datetime import datetime

from ark_temporal.resources.model import (
    KEPT_REVISIONS,
    Applied,
    ApplyRequest,
    ResourceMemo,
    ResourceState,
    Revision,
    RollbackRequest,
    manifest_digest,
)

EVENT = "ArkEvent"
"""The kind whose resources own a schedule."""


def refuse_rollback(state: ResourceState, request: RollbackRequest) -> str:
    """Why a revision cannot be brought back; empty when it can."""
    known = [revision.number for revision in state.revisions]
    wanted = _wanted(state, request)
    if wanted is None:
        return "There is no revision before that in force."
    if wanted not in known:
        return f"There is no revision {wanted} any more; there are {known[0]} to {known[-1]}."
    return ""


def refuse_apply(state: ResourceState, request: ApplyRequest) -> str:
    """Why a document cannot be brought in force; empty when it can."""
    number = state.current.number if state.current is not None else 0
    if request.only_after and request.only_after != number:
        return f"Revision {number} is in force, and not {request.only_after}: look again what it says."
    return ""


def apply(state: ResourceState, request: ApplyRequest, now: datetime) -> Applied:
    """Bring a document in force; one that is in force already changes nothing."""
    digest, current = manifest_digest(request.manifest), state.current
    if current is not None and current.digest == digest:
        return Applied(revision=current.number, change="unchanged")
    revision = Revision(
        number=current.number + 1 if current is not None else 1,
        manifest=request.manifest,
        digest=digest,
        by=request.by,
        at=now,
        comment=request.comment,
    )
    _add(state, revision)
    return Applied(revision=revision.number, change="configured" if current is not None else "created")


def rollback(state: ResourceState, request: RollbackRequest, now: datetime) -> Applied:
    """Bring an earlier revision in force again, as a new one; one that is in force changes nothing.

    Only for a request that `refuse_rollback` does not refuse.
    """
    current, wanted = state.current, _wanted(state, request)
    old = next(revision for revision in state.revisions if revision.number == wanted)
    assert current is not None, "a resource without a revision has none to bring back"
    if old.digest == current.digest:
        return Applied(revision=current.number, change="unchanged")
    again = old.model_copy(
        update={
            "number": current.number + 1,
            "by": request.by,
            "at": now,
            "comment": request.comment,
            "from_revision": old.number,
        }
    )
    _add(state, again)
    return Applied(revision=again.number, change="configured")


def is_out_of_step(state: ResourceState) -> bool:
    """Whether the schedule of an event is not what its revision in force asks for."""
    if state.kind != EVENT or state.current is None:
        return False
    return state.scheduled is None or state.scheduled.revision != state.current.number


def memo_of(state: ResourceState) -> ResourceMemo:
    """What lists show of it."""
    current = state.current
    if current is None:
        return ResourceMemo(kind=state.kind)
    return ResourceMemo(
        kind=state.kind, revision=current.number, digest=current.digest, by=current.by, at=current.at
    )


def _wanted(state: ResourceState, request: RollbackRequest) -> int | None:
    if request.to is not None:
        return request.to
    return state.revisions[-2].number if len(state.revisions) > 1 else None


def _add(state: ResourceState, revision: Revision) -> None:
    state.revisions.append(revision)
    del state.revisions[:-KEPT_REVISIONS]
