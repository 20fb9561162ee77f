"""A worker in this process, and the connection to a server that this process started."""

from pathlib import Path
from typing import TYPE_CHECKING

from cli.errors import CommandError

if TYPE_CHECKING:
    from ark_temporal.llm.mock import MockScript
    from ark_temporal.runs.connection import Connection
    from worker.embedded import EmbeddedServer


async def connect_to(server: "EmbeddedServer", where: str) -> "Connection":
    """Connect to a server of ours, whatever the environment says about other ones.

    Args:
        server: The server.
        where: Its storage.

    Raises:
        CommandError: The storage is not one that is supported, or the encryption keys are none.
    """
    import os

    from ark_temporal.runs.connection import Connection, connect_client
    from ark_temporal.storage import keyring_from, open_storage
    from cli.logs import quiet_engine

    quiet_engine()
    try:
        keyring = keyring_from(os.environ)
        storage = open_storage(where, keyring)
    except ValueError as error:
        raise CommandError(str(error)) from None
    client = await connect_client({"target_host": server.address}, storage, keyring)
    return Connection(client, server.address, server.ui, storage)


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
        PriceListError: The price table is missing, or is none.
        CommandError: The directory is missing.
    """
    from ark_temporal.llm import load_prices

    load_prices(prices)
    if secrets_dir is not None and not secrets_dir.is_dir():
        raise CommandError(f"--secrets-dir: {secrets_dir} is not a directory.")
