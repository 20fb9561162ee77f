"""A worker in this process, and the connection to a server that this process started."""

from pathlib import Path
from typing import TYPE_CHECKING

from cli.errors import CommandError

if TYPE_CHECKING:
    from ark_temporal.llm.mock import MockScript
    from ark_temporal.runs.connection import Connection
    from worker.embedded import EmbeddedServer


async def connect_to(server: "EmbeddedServer", storage: Path) -> "Connection":
    """Connect to a server of ours, whatever the environment says about other ones."""
    from temporalio.client import Client

    from ark_temporal.runs.connection import CONNECT_TIMEOUT, Connection
    from ark_temporal.storage import DirectoryDriver, data_converter
    from cli.logs import quiet_engine

    quiet_engine()
    driver = DirectoryDriver(storage)
    client = await Client.connect(
        server.address, data_converter=data_converter(driver), connect_timeout=CONNECT_TIMEOUT
    )
    return Connection(client, server.address, server.ui, driver)


def read_mock_script(path: Path | None) -> "MockScript | None":
    """The script for the mock provider, if one is given.

    Raises:
        CommandError: It cannot be read, or is none.
    """
    if path is None:
        return None
    from ark_temporal.llm.mock import load_mock_script

    try:
        return load_mock_script(path)
    except ValueError as error:
        raise CommandError(str(error)) from None


def check_files(*, prices: Path | None, secrets_dir: Path | None) -> None:
    """Find out about a worker's files before anything is started.

    Raises:
        CommandError: One is missing, or is not what it should be.
    """
    from ark_temporal.llm import load_prices

    try:
        load_prices(prices)
    except OSError as error:
        raise CommandError(f"--prices: {prices} cannot be read: {error.strerror}.") from None
    if secrets_dir is not None and not secrets_dir.is_dir():
        raise CommandError(f"--secrets-dir: {secrets_dir} is not a directory.")
