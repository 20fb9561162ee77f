"""What happens in a run, as it happens: server-sent events that a client can go on reading where it was."""

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Header
from pydantic.json_schema import SkipJsonSchema
from starlette.responses import Response, StreamingResponse
from temporalio.client import WorkflowExecutionStatus

from ark_temporal.runs.connection import Connection, ConnectionFailedError
from ark_temporal.runs.find import RunNotFoundError
from ark_temporal.runs.transitions import Mark, Transition, parse_mark, transitions
from worker.gateway.api.callers import Caller, Services, open_run
from worker.gateway.api.problems import ApiError, problems
from worker.gateway.api.shapes import RunIdPath

router = APIRouter(prefix="/runs/{id}", tags=["runs"])

HEARTBEAT_SECONDS = 15.0
LONGEST_SECONDS = 3600.0
"""After so long a stream ends; its client comes back with `Last-Event-ID`, and with a token that is good."""

MOST_STREAMS = 500

_RECONNECT_SECONDS = 2.0
_RETRY_MILLISECONDS = 2000
_EXAMPLE = """\
event: step
id: 8f0c1c0e-5f52-4f34-9a5c-0c3a2b8f7d11.7.1
data: {"step": "write", "phase": "Running", "iterations": 1}

"""

_EVENT = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "description": "For `Last-Event-ID`."},
        "event": {
            "type": "string",
            "enum": ["started", "step", "tool", "awaiting", "decided", "paused", "resumed", "ended"],
        },
        "data": {"type": "string", "contentMediaType": "application/json"},
        "retry": {"type": "integer", "minimum": 0},
    },
}

_log = logging.getLogger("ark-temporal.gateway")


class EventStream(StreamingResponse):
    """An answer of server-sent events."""

    media_type = "text/event-stream"


@router.get(
    "/events",
    summary="Follow a run",
    response_class=EventStream,
    responses={
        200: {
            "description": "Events `started`, `step`, `tool`, `awaiting`, `decided`, `paused`, `resumed`, "
            "and `ended` as the last; their data is JSON. Comments keep the connection open.",
            "content": {"text/event-stream": {"schema": _EVENT, "example": _EXAMPLE}},
        },
        204: {"description": "It has ended, and nothing came after that event."},
        **problems(401, 404, 422, 429, 503),
    },
    openapi_extra={"x-ark-role": "viewer"},
)
async def follow_run(
    run_id: RunIdPath,
    services: Services,
    caller: Caller,
    last_event_id: Annotated[
        str | SkipJsonSchema[None],
        Header(alias="Last-Event-ID", description="Where to go on: the id of the last event seen."),
    ] = None,
) -> Response:
    """Each thing that happens once, under an id that it has for every client and every gateway.

    A client that comes back with `Last-Event-ID` misses nothing and sees nothing twice; an id that the run
    does not have begins at the beginning.
    """
    run = await open_run(services.connection, caller, run_id)
    after = parse_mark(last_event_id or "")
    if after is not None and run.status != WorkflowExecutionStatus.RUNNING:
        async with contextlib.aclosing(transitions(services.connection, run_id, after)) as rest:
            if await anext(rest, None) is None:
                return Response(status_code=204)
    if _seats.taken >= MOST_STREAMS:
        raise ApiError(429, "too-many-streams", f"{MOST_STREAMS} streams are open here; try again later.")
    return EventStream(_stream(services.connection, run_id, after))


@dataclass
class _Seats:
    """How many streams are open in this process."""

    taken: int = 0

    @contextlib.contextmanager
    def one(self) -> Generator[None]:
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1


_seats = _Seats()


async def _stream(connection: Connection, run_id: str, after: Mark | None) -> AsyncGenerator[bytes]:
    with _seats.one():
        queue: asyncio.Queue[Transition | None] = asyncio.Queue(maxsize=100)
        reading = asyncio.create_task(_read(connection, run_id, after, queue))
        until = asyncio.get_running_loop().time() + LONGEST_SECONDS
        try:
            yield f"retry: {_RETRY_MILLISECONDS}\n\n".encode()
            while asyncio.get_running_loop().time() < until:
                try:
                    async with asyncio.timeout(HEARTBEAT_SECONDS):
                        transition = await queue.get()
                except TimeoutError:
                    yield b": still here\n\n"
                    continue
                if transition is None:
                    return
                yield _event(transition)
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


async def _read(
    connection: Connection, run_id: str, after: Mark | None, queue: "asyncio.Queue[Transition | None]"
) -> None:
    """Read until the run has ended, over outages of Temporal."""
    while True:
        try:
            async for transition in transitions(connection, run_id, after):
                await queue.put(transition)
                after = transition.mark
            break
        except ConnectionFailedError:
            await asyncio.sleep(_RECONNECT_SECONDS)
        except RunNotFoundError:  # it was deleted meanwhile
            break
        except Exception as error:  # noqa: BLE001 - the answer has begun, so that it can only end
            _log.error("the events of %s cannot be read: %s", run_id, type(error).__name__)
            break
    await queue.put(None)


def _event(transition: Transition) -> bytes:
    data = json.dumps(transition.data, ensure_ascii=False, separators=(",", ":"))
    return f"event: {transition.name}\nid: {transition.mark}\ndata: {data}\n\n".encode()
