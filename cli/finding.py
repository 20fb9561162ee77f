"""The run that a command is about."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ark_temporal.runs.connection import Connection, ConnectOptions


async def found(connect: "ConnectOptions", name: str) -> "tuple[Connection, str]":
    """The connection, and the id behind a name such as `latest`.

    Raises:
        RunNotFoundError: `latest`, and there is no run yet.
    """
    from ark_temporal.runs.find import find_run
    from cli import connecting

    connection = await connecting.connect(connect)
    return connection, await find_run(connection, name)
