"""Events that start runs: how they are, and firing them by hand."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import ConfigDict, Field, JsonValue

from ark_temporal.events.firing import FiringFailedError, fire_by_hand
from ark_temporal.events.model import FiringResult
from ark_temporal.events.status import EventView, view_events
from ark_temporal.resources import store
from ark_temporal.wire import Wire
from worker.gateway.api.callers import Caller, Services, narrowed, see_or_lack
from worker.gateway.api.problems import ApiError, not_found, problems
from worker.gateway.api.resources import NamePath, NamespacePath
from worker.gateway.api.shapes import (
    CursorQuery,
    IdempotencyKey,
    LimitQuery,
    NamespaceQuery,
    RequestModel,
    Traceparent,
    good_traceparent,
    paged,
)

router = APIRouter(prefix="/events", tags=["events"])


class EventPage(Wire):
    """Events by namespace and name.

    Attributes:
        next_cursor: Where the next page begins; not there after the last.
    """

    items: list[EventView]
    next_cursor: str = ""


class FireRequest(RequestModel):
    """What the event is told."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"body": {"order": 4711}}, {}]})

    body: Annotated[JsonValue, Field(description="What templates see as `.trigger.body`.")] = None


@router.get(
    "",
    summary="List events",
    response_model=EventPage,
    responses=problems(401, 404, 422, 503),
    openapi_extra={"x-ark-role": "viewer"},
)
async def list_events(
    services: Services,
    caller: Caller,
    namespace: NamespaceQuery = None,
    limit: LimitQuery = 20,
    cursor: CursorQuery = None,
) -> EventPage:
    """The events that are applied, with their last and next firing."""
    seen = narrowed(caller, namespace)
    if seen is not None and not seen:
        return EventPage(items=[])
    listed = store.list_resources(services.connection, kind="ArkEvent", namespace=namespace or "")
    found = {each.name.workflow_id: each.name async for each in listed}
    visible = (id for id in found if seen is None or found[id].namespace in seen)
    names, more = paged(visible, cursor, limit)
    items = await view_events(services.connection, [found[id] for id in names])
    return EventPage(items=items, next_cursor=more)


@router.post(
    "/{namespace}/{name}/fire",
    summary="Fire an event",
    response_model=FiringResult,
    responses=problems(400, 401, 403, 404, 409, 413, 422, 503),
    openapi_extra={"x-ark-role": "submitter"},
)
async def fire_event(
    namespace: NamespacePath,
    name: NamePath,
    wanted: FireRequest,
    services: Services,
    caller: Caller,
    idempotency_key: IdempotencyKey = None,
    traceparent: Traceparent = None,
) -> FiringResult:
    """Have it start its runs now, whatever its source is, even while it is suspended."""
    missing = f'There is no event "{namespace}/{name}".'
    see_or_lack(caller, "submitter", namespace, missing)
    applied = await services.catalog.applied(namespace)
    if applied.event(name) is None:
        raise not_found(missing)
    try:
        return await fire_by_hand(
            services.connection,
            namespace,
            name,
            body=wanted.body,
            key=idempotency_key or "",
            by=caller.name,
            principal=caller.name,
            traceparent=good_traceparent(traceparent),
        )
    except FiringFailedError as error:
        raise ApiError(409, "cannot-run", str(error)) from None
