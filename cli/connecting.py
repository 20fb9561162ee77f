"""Connecting as commands do."""

import asyncio
import time
from typing import TYPE_CHECKING

from cli.errors import CommandError

if TYPE_CHECKING:
    from ark_temporal.runs.connection import Connection, ConnectOptions

_RETRY_SECONDS = 2.0


async def connect(options: "ConnectOptions") -> "Connection":
    """Connect to the Temporal that the options, the environment or a running `dev` name.

    Raises:
        CommandError: The storage is not one that is supported, or the encryption keys are none.
        ConnectionFailedError: Temporal cannot be reached, or refuses us.
    """
    from ark_temporal.runs import connection
    from cli.logs import quiet_engine

    quiet_engine()
    try:
        return await connection.connect(options)
    except ValueError as error:
        raise CommandError(str(error)) from None


async def connect_patiently(options: "ConnectOptions", seconds: float) -> "Connection":
    """Connect to a Temporal that may still be starting, and say so while it is not there.

    Raises:
        ConnectionFailedError: It is not there after so many seconds, or refuses us.
    """
    from ark_temporal.runs.connection import ConnectionFailedError
    from cli.terminal import complain

    deadline, told = time.monotonic() + seconds, False
    while True:
        try:
            return await connect(options)
        except ConnectionFailedError as error:
            if "authorise" in str(error) or time.monotonic() + _RETRY_SECONDS > deadline:
                raise
            if not told:
                complain(f"{error} Trying again for {seconds:.0f} seconds ...", "warning")
                told = True
        await asyncio.sleep(_RETRY_SECONDS)
