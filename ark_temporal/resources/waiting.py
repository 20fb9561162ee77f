"""Waiting until what was applied has taken effect everywhere."""

import asyncio
from collections.abc import Sequence

from ark_temporal.resources import store
from ark_temporal.resources.applying import Done, applied
from ark_temporal.resources.entity import EVENT, is_out_of_step
from ark_temporal.resources.model import ResourceMemo, ResourceName
from ark_temporal.runs.connection import Connection

_PAUSE_SECONDS = 0.2


class NotInEffectError(RuntimeError):
    """What was applied has not taken effect in time; it still may."""


async def until_in_effect(connection: Connection, done: Sequence[Done], seconds: float) -> None:
    """Wait until lists show what was done, and the schedules of events are in step with it.

    Raises:
        NotInEffectError: Not after so many seconds.
        ConnectionFailedError: Temporal does not answer, or no worker did in time.
    """
    waiting = [each for each in done if each.verb != "failed"]
    try:
        async with asyncio.timeout(seconds):
            while True:
                known = await applied(connection)
                waiting = [each for each in waiting if not await _is_in_effect(connection, each, known)]
                if not waiting:
                    return
                await asyncio.sleep(_PAUSE_SECONDS)
    except TimeoutError:
        names = ", ".join(str(each.name) for each in waiting[:5])
        raise NotInEffectError(
            f"All was applied, but after {seconds:.0f} seconds this has not taken effect yet: {names}. "
            "`ark-temporal describe` says how it is."
        ) from None


async def _is_in_effect(connection: Connection, done: Done, known: dict[ResourceName, ResourceMemo]) -> bool:
    listed = known.get(done.name)
    if done.verb == "deleted" or listed is None:
        return done.verb == "deleted" and listed is None
    if listed.revision < done.revision:
        return False
    return done.name.kind != EVENT or not is_out_of_step(await store.read_state(connection, done.name))
