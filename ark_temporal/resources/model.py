"""An applied resource, and what is asked of it. Public: any Temporal client may use it."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar, Literal, NamedTuple

from pydantic import Field, JsonValue

from ark_temporal.wire import FrozenWire, Wire

KEPT_REVISIONS = 50
"""How many revisions a resource keeps; older ones are forgotten."""

BEING_DELETED = "BeingDeleted"
"""Type of the error with which a resource refuses what comes while it is being deleted."""

OVERTAKEN = "Overtaken"
"""Type of the error with which a resource refuses what was meant for an earlier revision."""

Change = Literal["created", "configured", "unchanged"]


class ResourceName(NamedTuple):
    """Which resource.

    Attributes:
        kind: As the manifests write it, such as `ArkTeam`.
    """

    kind: str
    namespace: str
    name: str

    @property
    def workflow_id(self) -> str:
        """The id of its workflow: `<kind>/<namespace>/<name>`, the kind in small letters."""
        return f"{self.kind.lower()}/{self.namespace}/{self.name}"

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


class Revision(FrozenWire):
    """One state that a resource was given.

    Attributes:
        manifest: The whole document.
        digest: sha256 over its canonical JSON, in hex.
        by: Who applied it.
        comment: Why.
        from_revision: The revision that it brings back; 0 where it is new.
    """

    number: int
    manifest: dict[str, JsonValue]
    digest: str
    by: str = ""
    at: datetime
    comment: str = ""
    from_revision: int = 0


class Scheduled(FrozenWire):
    """How far the schedule of an ArkEvent is: the answer of the activity `sync_schedule`.

    Attributes:
        revision: The one that it is in step with.
        reason: Why that one has no schedule where it should have one, such as `InvalidCron`.
        message: The same, as a sentence.
    """

    revision: int = 0
    reason: str = ""
    message: str = ""


class ScheduleRequest(FrozenWire):
    """The argument of the activity `sync_schedule`.

    Attributes:
        revision: What the schedule is to be in step with; None where the event is deleted.
    """

    namespace: str
    event: str
    revision: Revision | None = None


class ResourceState(Wire):
    """A resource as its workflow knows it.

    Attributes:
        revisions: The latest ones, the oldest first; the last is in force.
        scheduled: Of an ArkEvent: how far its schedule is.
    """

    kind: str
    namespace: str
    name: str
    revisions: list[Revision] = Field(default_factory=list[Revision])
    scheduled: Scheduled | None = None

    @property
    def current(self) -> Revision | None:
        """The revision in force; None before the first."""
        return self.revisions[-1] if self.revisions else None


class ResourceStart(FrozenWire):
    """The argument of the workflow `Resource`.

    Attributes:
        state: What it knows, where it continues as new.
    """

    kind: str
    namespace: str
    name: str
    state: ResourceState | None = None


class ApplyRequest(FrozenWire):
    """The argument of the update `apply`.

    Attributes:
        manifest: The whole document, without a status.
        only_after: Only where this revision is in force; 0 is any.
    """

    manifest: dict[str, JsonValue]
    by: str = ""
    comment: str = ""
    only_after: int = 0


class RollbackRequest(FrozenWire):
    """The argument of the update `rollback`.

    Attributes:
        to: The revision to bring back; None takes the one before that in force.
    """

    to: int | None = None
    by: str = ""
    comment: str = ""


class Applied(FrozenWire):
    """What became of a resource: the answer of `apply` and `rollback`."""

    always: ClassVar[frozenset[str]] = frozenset({"change", "revision"})

    revision: int
    change: Change


class ResourceMemo(Wire):
    """What a resource's memo says, so that lists need to ask nobody. One value: each costs."""

    kind: str = ""
    revision: int = 0
    digest: str = ""
    by: str = ""
    at: datetime | None = None


def manifest_digest(manifest: Mapping[str, JsonValue]) -> str:
    """The identity of a document: sha256 over its canonical JSON, in hex."""
    canonical = json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
