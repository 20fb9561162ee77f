"""Looking for values that must not be anywhere."""

import base64
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from urllib.parse import quote, quote_plus

from tests.integration.lab import Run


async def places(runs: Sequence[Run], home: Path, *, but: str = "") -> AsyncIterator[tuple[str, bytes]]:
    """All that is kept of runs, as bytes: what Temporal has, records, and the files under a directory.

    Args:
        runs: Runs that have ended.
        home: Where payload storage, journal and memories are.
        but: The name of files that are no output of ours.
    """
    for run in runs:
        for event in await run.events():
            yield f"event {event.event_id} of {run.id}", event.SerializeToString()
        description = await run.handle.describe()
        yield f"description of {run.id}", description.raw_description.SerializeToString()
        yield f"record of {run.id}", (await run.record()).model_dump_json().encode()
    for file in home.rglob("*"):
        if file.is_file() and file.name != but:
            yield f"file {file.relative_to(home)}", file.read_bytes()


def forms(value: str) -> Iterator[bytes]:
    """How a value may be written."""
    yield value.encode()
    yield json.dumps(value)[1:-1].encode()
    yield json.dumps(json.dumps(value)[1:-1])[1:-1].encode()
    yield json.dumps(value, ensure_ascii=False)[1:-1].encode()
    yield repr(value)[1:-1].encode()
    yield quote(value, safe="").encode()
    yield quote_plus(value).encode()
    yield base64.b64encode(value.encode()).rstrip(b"=")
