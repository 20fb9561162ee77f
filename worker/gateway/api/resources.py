"""Applied manifests: listing, reading, applying, rolling back and deleting them."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, cast

from fastapi import APIRouter, Body, Path, Query, Request, Response
from pydantic import JsonValue
from pydantic.json_schema import SkipJsonSchema

from ark_temporal.events.status import EventStatus
from ark_temporal.manifests import Bundle, load
from ark_temporal.manifests.base import NAME_PATTERN
from ark_temporal.resources import store
from ark_temporal.resources.applying import documents, texts_of, to_yaml
from ark_temporal.resources.conditions import ResourceStatus
from ark_temporal.resources.model import (
    ApplyRequest,
    Change,
    ResourceName,
    ResourceState,
    RollbackRequest,
    manifest_digest,
)
from ark_temporal.resources.prompts import missing_prompts
from ark_temporal.resources.status import status_of
from ark_temporal.runs.connection import Connection
from worker.gateway.access.roles import Principal, Role
from worker.gateway.api.callers import Caller, Services, narrowed, see_or_lack
from worker.gateway.api.problems import ApiError, ProblemPart, not_found, problems
from worker.gateway.api.resource_models import (
    AppliedRevision,
    History,
    ListedResource,
    ResourcePage,
    ResourceView,
    RevisionInfo,
    Rollback,
)
from worker.gateway.api.shapes import (
    CursorQuery,
    LimitQuery,
    NamespaceQuery,
    Revision,
    paged,
)
from worker.gateway.services import GatewayServices

router = APIRouter(prefix="/resources", tags=["resources"])

Kind = Literal[
    "ArkTeam",
    "ArkAgent",
    "ArkEvent",
    "ArkNotify",
    "ArkSettings",
    "ArkMemory",
    "ArkRegistry",
    "ArkService",
    "ArkFlow",
    "ArkOptimizer",
    "ArkBudget",
    "ConfigMap",
]
"""What can be applied. A Secret cannot: its values stay where workers find them."""

KindPath = Annotated[Kind, Path(description="The resource's kind.", examples=["ArkTeam"])]
NamespacePath = Annotated[str, Path(description="Its namespace.", pattern=NAME_PATTERN, max_length=253)]
NamePath = Annotated[str, Path(description="Its name.", pattern=NAME_PATTERN, max_length=253)]

_MANIFEST = {
    "apiVersion": "arkonis.dev/v1alpha1",
    "kind": "ArkAgent",
    "metadata": {"name": "clerk"},
    "spec": {"model": "claude-haiku-4-5", "systemPrompt": "You keep the books."},
}


@router.get(
    "",
    summary="List what is applied",
    response_model=ResourcePage,
    responses=problems(401, 404, 422, 503),
    openapi_extra={"x-ark-role": "viewer"},
)
async def list_resources(
    services: Services,
    caller: Caller,
    kind: Annotated[Kind | SkipJsonSchema[None], Query(description="Only of this kind.")] = None,
    namespace: NamespaceQuery = None,
    limit: LimitQuery = 20,
    cursor: CursorQuery = None,
) -> ResourcePage:
    """What is applied, by kind, namespace and name; what was applied a moment ago may be missing."""
    seen = narrowed(caller, namespace)
    if seen is not None and not seen:
        return ResourcePage(items=[])
    listed = store.list_resources(services.connection, kind=kind or "", namespace=namespace or "")
    found = {
        each.name.workflow_id: each async for each in listed if seen is None or each.name.namespace in seen
    }
    names, more = paged(found, cursor, limit)
    items = [
        ListedResource(
            kind=found[id].name.kind,
            namespace=found[id].name.namespace,
            name=found[id].name.name,
            **found[id].memo.model_dump(by_alias=False, exclude={"kind"}),
        )
        for id in names
        if found[id].memo.revision
    ]
    return ResourcePage(items=items, next_cursor=more)


@router.get(
    "/{kind}/{namespace}/{name}",
    summary="Read a resource",
    response_model=ResourceView,
    responses=problems(401, 404, 422, 503),
    openapi_extra={"x-ark-role": "viewer"},
)
async def read_resource(
    kind: KindPath,
    namespace: NamespacePath,
    name: NamePath,
    services: Services,
    caller: Caller,
    revision: Annotated[
        Revision | SkipJsonSchema[None], Query(description="By default the one in force.")
    ] = None,
) -> ResourceView:
    """The document in force, or that of an earlier revision."""
    resource = ResourceName(kind, namespace, name)
    state = await _state(services, caller, "viewer", resource)
    for each in reversed(state.revisions):
        if revision in (None, each.number):
            return ResourceView(**resource._asdict(), **each.model_dump(by_alias=False))
    raise not_found(f"{resource} has no revision {revision} any more.")


@router.get(
    "/{kind}/{namespace}/{name}/history",
    summary="Read a resource's revisions",
    response_model=History,
    responses=problems(401, 404, 422, 503),
    openapi_extra={"x-ark-role": "viewer"},
)
async def read_history(
    kind: KindPath, namespace: NamespacePath, name: NamePath, services: Services, caller: Caller
) -> History:
    """Who changed it, when and why; the last 50 revisions are kept."""
    state = await _state(services, caller, "viewer", ResourceName(kind, namespace, name))
    return History(
        items=[
            RevisionInfo(**each.model_dump(by_alias=False, exclude={"manifest"}))
            for each in reversed(state.revisions)
        ]
    )


@router.get(
    "/{kind}/{namespace}/{name}/status",
    summary="Read how a resource is",
    response_model=EventStatus,
    responses=problems(401, 404, 422, 503),
    openapi_extra={"x-ark-role": "viewer"},
)
async def read_status(
    kind: KindPath, namespace: NamespacePath, name: NamePath, services: Services, caller: Caller
) -> ResourceStatus:
    """Whether it is ready and why not; of an event, also when it fires."""
    resource = ResourceName(kind, namespace, name)
    await _state(services, caller, "viewer", resource)
    return await status_of(services.connection, resource)


@router.put(
    "/{kind}/{namespace}/{name}",
    summary="Apply a document",
    response_model=AppliedRevision,
    responses={
        201: {"model": AppliedRevision, "description": "It is the resource's first."},
        **problems(400, 401, 403, 404, 409, 413, 422, 503),
    },
    openapi_extra={"x-ark-role": "admin"},
)
async def apply(
    request: Request,
    response: Response,
    kind: KindPath,
    namespace: NamespacePath,
    name: NamePath,
    manifest: Annotated[dict[str, JsonValue], Body(description="The whole document.", examples=[_MANIFEST])],
    services: Services,
    caller: Caller,
    comment: Annotated[str, Query(description="Why; kept with the revision.", max_length=2000)] = "",
    dry_run: Annotated[bool, Query(alias="dryRun", description="Only check it.")] = False,
    only_after: Annotated[
        Revision | SkipJsonSchema[None],
        Query(alias="onlyAfter", description="Only where this revision is in force."),
    ] = None,
) -> AppliedRevision:
    """Bring a document in force, checked together with all that is applied beside it.

    What is in force already changes nothing. Documents that need each other go by `ark-temporal apply`.
    """
    resource = ResourceName(kind, namespace, name)
    see_or_lack(caller, "admin", namespace, str(store.not_there(resource)))
    bundle = await _checked(services.connection, resource, manifest)
    warnings = [str(each.message) for each in bundle.diagnostics if each.file == _label(resource)]
    written = documents(bundle)[resource]
    if dry_run:
        return await _would_be(services, resource, written, warnings)
    wanted = ApplyRequest(manifest=written, by=caller.name, comment=comment, only_after=only_after or 0)
    done = await store.apply(services.connection, resource, wanted)
    if done.change == "created":
        response.status_code = 201
        response.headers["Location"] = services.url + request.url.path
    return AppliedRevision(revision=done.revision, change=done.change, warnings=warnings)


@router.delete(
    "/{kind}/{namespace}/{name}",
    summary="Delete a resource",
    status_code=204,
    responses=problems(401, 403, 404, 409, 422, 503),
    openapi_extra={"x-ark-role": "admin"},
)
async def delete(
    kind: KindPath, namespace: NamespacePath, name: NamePath, services: Services, caller: Caller
) -> None:
    """End a resource; runs that go on keep what they began with."""
    resource = ResourceName(kind, namespace, name)
    see_or_lack(caller, "admin", namespace, str(store.not_there(resource)))
    await store.delete(services.connection, resource)


@router.post(
    "/{kind}/{namespace}/{name}/rollback",
    summary="Bring an earlier revision back",
    response_model=AppliedRevision,
    responses=problems(400, 401, 403, 404, 409, 413, 422, 503),
    openapi_extra={"x-ark-role": "admin"},
)
async def rollback(
    kind: KindPath,
    namespace: NamespacePath,
    name: NamePath,
    wanted: Rollback,
    services: Services,
    caller: Caller,
) -> AppliedRevision:
    """Bring an earlier document in force, as a revision of its own."""
    resource = ResourceName(kind, namespace, name)
    see_or_lack(caller, "admin", namespace, str(store.not_there(resource)))
    asked = RollbackRequest(to=wanted.to or None, by=caller.name)
    done = await store.rollback(services.connection, resource, asked)
    return AppliedRevision(revision=done.revision, change=done.change)


async def _state(
    services: GatewayServices, caller: Principal, role: Role, resource: ResourceName
) -> ResourceState:
    see_or_lack(caller, role, resource.namespace, str(store.not_there(resource)))
    state = await store.read_state(services.connection, resource)
    if not state.revisions:
        raise not_found(str(store.not_there(resource)))
    return state


async def _checked(
    connection: Connection, resource: ResourceName, manifest: Mapping[str, JsonValue]
) -> Bundle:
    """A document together with all that is applied beside it.

    Raises:
        ApiError: 422, with all that is wrong.
    """
    told = _told_name(manifest)
    wanted = (resource.kind, resource.namespace, resource.name)
    if told != wanted:
        detail = f"The document is {' '.join(map(str, told))}, and the address says {' '.join(wanted)}."
        raise ApiError(422, "manifest", detail, [ProblemPart(place="metadata", message=detail)])
    listed = store.list_resources(connection, namespace=resource.namespace)
    beside = [each.name async for each in listed if each.name != resource]
    texts = texts_of(await store.read_current(connection, beside))
    bundle = load([], texts={**texts, _label(resource): to_yaml(manifest)})
    if errors := [*bundle.errors, *missing_prompts(bundle, {resource})]:
        parts = [
            ProblemPart(place=_place(each.file, each.path, resource), message=each.message, hint=each.hint)
            for each in errors[:20]
        ]
        raise ApiError(422, "manifest", "The document cannot be applied; nothing was changed.", parts)
    if resource not in documents(bundle):
        raise ApiError(422, "manifest", f"The document is none of {resource} that can be applied.")
    return bundle


def _told_name(manifest: Mapping[str, Any]) -> tuple[object, object, object]:
    written: object = manifest.get("metadata")
    metadata = cast("dict[str, object]", written) if isinstance(written, dict) else {}
    return manifest.get("kind"), metadata.get("namespace") or "default", metadata.get("name")


async def _would_be(
    services: GatewayServices, resource: ResourceName, written: dict[str, JsonValue], warnings: Sequence[str]
) -> AppliedRevision:
    try:
        current = (await store.read_state(services.connection, resource)).current
    except store.ResourceNotFoundError:
        current = None
    change: Change = "configured" if current else "created"
    if current and current.digest == manifest_digest(written):
        change = "unchanged"
    return AppliedRevision(revision=current.number if current else 0, change=change, warnings=list(warnings))


def _label(resource: ResourceName) -> str:
    return f"the document of {resource}"


def _place(file: str, path: str, resource: ResourceName) -> str:
    """A place in the document, or in another one that does not go with it."""
    within = path.partition(" ")[2]
    return within if file == _label(resource) else f"{file} {within}".strip()
