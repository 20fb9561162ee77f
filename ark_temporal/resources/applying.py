"""Applying manifests: what changes, in which order, and what is no longer there."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import yaml
from pydantic import JsonValue

from ark_temporal.manifests import Bundle, load
from ark_temporal.manifests.base import Resource
from ark_temporal.manifests.kinds import ARK_KINDS
from ark_temporal.resources import store
from ark_temporal.resources.model import (
    Applied,
    ApplyRequest,
    ResourceMemo,
    ResourceName,
    Revision,
    manifest_digest,
)
from ark_temporal.runs.connection import Connection

KEPT_KINDS = frozenset({*ARK_KINDS, "ConfigMap"} - {"ArkRun", "ArkSecret"})
"""What is applied. A Secret never is: its values stay where workers find them."""

Verb = Literal["created", "configured", "unchanged", "deleted", "failed"]


@dataclass(frozen=True)
class Planned:
    """One document and what applying it would do.

    Attributes:
        manifest: The whole document; None where the resource is deleted.
        verb: What would be done.
    """

    name: ResourceName
    manifest: dict[str, JsonValue] | None
    verb: Verb


@dataclass(frozen=True)
class Done:
    """What was done with a resource.

    Attributes:
        revision: The one in force; 0 where there is none.
        problem: Why it failed.
    """

    name: ResourceName
    verb: Verb
    revision: int = 0
    problem: str = ""


def documents(bundle: Bundle) -> dict[ResourceName, dict[str, JsonValue]]:
    """The documents of a bundle that can be applied, as they were written."""
    found: dict[ResourceName, dict[str, JsonValue]] = {}
    for resource in bundle.resources:
        if resource.KIND in KEPT_KINDS:
            written = bundle.origin(resource).document
            written.pop("status", None)
            found[name_of(resource)] = written
    return found


def name_of(resource: Resource) -> ResourceName:
    """A resource's name among those that are applied."""
    return ResourceName(*resource.key)


async def applied(connection: Connection) -> dict[ResourceName, ResourceMemo]:
    """All applied resources.

    Raises:
        ConnectionFailedError: Temporal does not answer.
    """
    return {each.name: each.memo async for each in store.list_resources(connection)}


def compare(
    wanted: Mapping[ResourceName, dict[str, JsonValue]],
    known: Mapping[ResourceName, ResourceMemo],
    *,
    prune: bool,
) -> list[Planned]:
    """What applying would do.

    Args:
        wanted: The documents.
        known: What is applied.
        prune: Delete what is applied in the same namespaces and no longer wanted.
    """
    planned = [Planned(name, manifest, _verb(known.get(name), manifest)) for name, manifest in wanted.items()]
    if prune:
        namespaces = {name.namespace for name in wanted}
        gone = [name for name in known if name.namespace in namespaces and name not in wanted]
        planned += [Planned(name, None, "deleted") for name in sorted(gone)]
    return planned


async def carry_out(
    connection: Connection, planned: Sequence[Planned], *, by: str, comment: str
) -> AsyncIterator[Done]:
    """Do what was planned, many resources at the same time; one that fails holds up no other.

    Raises:
        ConnectionFailedError: Temporal cannot be reached at all.
    """
    gate = asyncio.Semaphore(store.AT_ONCE)

    async def one(plan: Planned) -> Done:
        async with gate:
            return await _do(connection, plan, by=by, comment=comment)

    tasks = [asyncio.ensure_future(one(plan)) for plan in planned]
    try:
        for task in asyncio.as_completed(tasks):
            yield await task
    finally:
        for task in tasks:
            task.cancel()


async def load_applied(connection: Connection, namespace: str) -> Bundle:
    """The applied resources of a namespace, as manifests.

    Raises:
        ConnectionFailedError: Temporal does not answer, or no worker did in time.
    """
    names = [each.name async for each in store.list_resources(connection, namespace=namespace)]
    return load([], texts=texts_of(await store.read_current(connection, names)))


def texts_of(revisions: Sequence[Revision]) -> dict[str, str]:
    """Applied documents as manifests are written, by what findings call them."""
    return {_label(revision): to_yaml(revision.manifest) for revision in revisions}


def to_yaml(manifest: Mapping[str, JsonValue]) -> str:
    """A document as people write it."""
    return yaml.safe_dump(dict(manifest), sort_keys=False, allow_unicode=True, width=100)


async def _do(connection: Connection, plan: Planned, *, by: str, comment: str) -> Done:
    from ark_temporal.runs.connection import ConnectionFailedError

    try:
        if plan.manifest is None:
            await store.delete(connection, plan.name)
            return Done(plan.name, "deleted")
        if plan.verb == "unchanged":
            return Done(plan.name, "unchanged")
        request = ApplyRequest(manifest=plan.manifest, by=by, comment=comment)
        done: Applied = await store.apply(connection, plan.name, request)
        return Done(plan.name, done.change, done.revision)
    except (store.ResourceNotFoundError, store.ResourceRefusedError, ConnectionFailedError) as error:
        return Done(plan.name, "failed", problem=str(error))


def _verb(known: ResourceMemo | None, manifest: Mapping[str, JsonValue]) -> Verb:
    if known is None:
        return "created"
    return "unchanged" if known.digest == manifest_digest(manifest) else "configured"


def _label(revision: Revision) -> str:
    metadata = revision.manifest.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else ""
    return f"applied {revision.manifest.get('kind')}/{name}, revision {revision.number}"
