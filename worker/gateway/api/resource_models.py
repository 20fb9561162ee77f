"""What the API says about applied manifests, and what it is told."""

from datetime import datetime

from pydantic import ConfigDict, Field, JsonValue

from ark_temporal.resources.model import Change
from ark_temporal.wire import Wire
from worker.gateway.api.shapes import RequestModel, WholeRevision, without_default


class ListedResource(Wire):
    """An applied resource in a list.

    Attributes:
        revision: The one in force.
        digest: sha256 of its document.
        by: Who applied it.
    """

    kind: str
    namespace: str
    name: str
    revision: int
    digest: str
    by: str = ""
    at: datetime | None = None


class ResourcePage(Wire):
    """Applied resources by kind, namespace and name.

    Attributes:
        next_cursor: Where the next page begins; not there after the last.
    """

    items: list[ListedResource]
    next_cursor: str = ""


class RevisionInfo(Wire):
    """One state that a resource was given, without its document.

    Attributes:
        from_revision: The revision that it brings back; not there where it is new.
    """

    number: int
    digest: str
    by: str = ""
    at: datetime
    comment: str = ""
    from_revision: int = 0


class ResourceView(RevisionInfo):
    """A revision of a resource.

    Attributes:
        manifest: The whole document.
    """

    kind: str
    namespace: str
    name: str
    manifest: dict[str, JsonValue]


class History(Wire):
    """The revisions of a resource that are kept, the latest first."""

    items: list[RevisionInfo]


class AppliedRevision(Wire):
    """What became of a document.

    Attributes:
        revision: The one in force.
        warnings: What there is to say about the document; it does not keep it from being applied.
    """

    revision: int
    change: Change
    warnings: list[str] = Field(default_factory=list[str])


class Rollback(RequestModel):
    """Which revision to bring back."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"to": 3}, {}]})

    to: WholeRevision = Field(
        default=0,
        description="Its number; by default the one before that in force.",
        json_schema_extra=without_default,
    )
