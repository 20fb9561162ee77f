"""Switching an event off and on: a new revision of it, so that what is applied stays the truth."""

from pydantic import JsonValue

from ark_temporal.manifests import ArkEvent
from ark_temporal.resources import store
from ark_temporal.resources.model import Applied, ApplyRequest, ResourceName, Revision
from ark_temporal.runs.connection import Connection

_TRIES = 5


async def set_suspended(
    connection: Connection, namespace: str, event: str, suspended: bool, *, by: str = "", comment: str = ""
) -> Applied:
    """Apply the event's document again with `suspended` as wanted; where it is so already, nothing changes.

    Raises:
        ResourceNotFoundError: There is no such event.
        OvertakenError: Others kept applying it at the same time.
        ConnectionFailedError: Temporal does not answer, or no worker did in time.
    """
    name, tried = ResourceName(ArkEvent.KIND, namespace, event), 0
    while True:
        current = (await store.read_state(connection, name)).current
        if current is None:
            raise store.ResourceNotFoundError(f'There is no ArkEvent "{namespace}/{event}" yet.')
        if _spec(current).get("suspended", False) is suspended:
            return Applied(revision=current.number, change="unchanged")
        manifest: dict[str, JsonValue] = {
            **current.manifest,
            "spec": {**_spec(current), "suspended": suspended},
        }
        request = ApplyRequest(manifest=manifest, by=by, comment=comment, only_after=current.number)
        try:
            return await store.apply(connection, name, request)
        except store.OvertakenError:
            tried += 1
            if tried == _TRIES:
                raise


def _spec(revision: Revision) -> dict[str, JsonValue]:
    spec = revision.manifest.get("spec")
    return spec if isinstance(spec, dict) else {}
