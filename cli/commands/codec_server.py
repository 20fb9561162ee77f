"""`ark-temporal codec-server`: lets Temporal's Web UI and command read what is encrypted or stored."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import options
from cli.errors import CommandError
from cli.loop import run_async

if TYPE_CHECKING:
    from temporalio.converter import DataConverter

    from worker.codec_server import CodecServerOptions

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def codec_server(
    port: Annotated[int, typer.Option(metavar="PORT", min=0, max=65535, help="Where to listen.")] = 8081,
    host: Annotated[str, typer.Option(metavar="HOST", help="On which address.")] = "127.0.0.1",
    cors_origin: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL",
            help="A Web UI that may ask, such as http://localhost:8233. May be repeated.",
            show_default=False,
        ),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help='Ask for "Authorization: Bearer" with this token.', show_default=False
        ),
    ] = None,
    storage: options.Storage = None,
) -> None:
    """Serve decrypted payloads to Temporal's Web UI and command.

    It needs the storage and the keys of the workers (ARK_ENCRYPTION_KEYS), and no Temporal. Who may ask it
    reads everything: on an address that others reach it wants a token.
    """
    if host not in _LOOPBACK and token_file is None:
        raise CommandError(
            f"On {host} others could read every payload: name a file with a token for them, --token-file. "
            "Behind a proxy that asks who they are, listen on 127.0.0.1."
        )
    token = _token(token_file) if token_file else None
    converter = _converter(storage)

    from worker.codec_server import CodecServerOptions

    run_async(_serve(converter, CodecServerOptions(host, port, cors_origin or (), token)))


async def _serve(converter: "DataConverter", settings: "CodecServerOptions") -> None:
    import signal

    from cli.following import Interrupts
    from cli.logs import log_to_stderr
    from worker.codec_server import CodecServerError, codec_server

    log = log_to_stderr()
    with Interrupts.caught(signal.SIGINT, signal.SIGTERM) as interrupts:
        try:
            async with codec_server(converter, settings) as url:
                log.info("ready: codec server at %s", url)
                await interrupts.next()
        except CodecServerError as error:
            raise CommandError(str(error)) from None


def _converter(where: str | None) -> "DataConverter":
    import os

    from ark_temporal.runs.connection import STORAGE_VARIABLE, local_storage
    from ark_temporal.storage import data_converter, keyring_from, open_storage

    try:
        keyring = keyring_from(os.environ)
        storage = open_storage(where or os.environ.get(STORAGE_VARIABLE) or str(local_storage()), keyring)
    except ValueError as error:
        raise CommandError(str(error)) from None
    return data_converter(storage.driver, keyring)


def _token(file: Path) -> str:
    try:
        token = file.read_text(encoding="ascii").strip()
    except OSError as error:
        raise CommandError(f"--token-file: {file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        token = ""
    if not token:
        raise CommandError(f"--token-file: {file} has no token in it: write one line of ASCII.")
    return token
