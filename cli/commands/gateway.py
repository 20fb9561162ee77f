"""`ark-temporal gateway`: runs, approvals, manifests and events over HTTP."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import collect_garbage_as_usual, options
from cli.errors import CommandError
from cli.loop import run_async
from cli.output import write_text
from cli.terminal import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ark_temporal.runs.connection import ConnectOptions
    from ark_temporal.secrets import SecretStore
    from worker.gateway.services import GatewayOptions

PATIENCE_SECONDS = 60.0
"""How long to wait for a Temporal that is not there yet."""

app = typer.Typer(
    name="gateway",
    rich_markup_mode=None,
    invoke_without_command=True,
)

_HOST = Annotated[str, typer.Option(metavar="HOST", help="On which address to listen.")]
_PORT = Annotated[
    int, typer.Option(metavar="PORT", min=0, max=65535, help="On which port; 0 takes a free one.")
]
_PUBLIC = Annotated[
    str | None,
    typer.Option(
        "--public-url",
        metavar="URL",
        envvar="ARK_GATEWAY_URL",
        help="Where others reach it, for the links that it gives.",
        show_default="where it listens",
    ),
]
_ACCESS = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Who may use the API. Without it, one token that may do everything is made and kept.",
        show_default=False,
    ),
]
_STATE = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Where it keeps what it makes itself: tokens.",
        show_default="ARK_HOME or ~/.local/share, gateway",
    ),
]
_FILES = Annotated[
    list[str] | None,
    typer.Option(
        "--filename",
        "-f",
        metavar="SOURCE",
        help="Manifests whose Secrets, ConfigMaps and ArkSecrets are served. May be repeated.",
        show_default=False,
    ),
]
_RATES = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        envvar="ARK_RATE_LIMITS",
        help="The Redis in which all gateways count calls of webhooks: redis://HOST:PORT/DB.",
        show_default="each counts its own",
    ),
]
_TLS_CERT = Annotated[
    Path | None,
    typer.Option(
        "--https-cert", metavar="FILE", help="Serve HTTPS with this certificate.", show_default=False
    ),
]
_TLS_KEY = Annotated[
    Path | None, typer.Option("--https-key", metavar="FILE", help="And this key.", show_default=False)
]
_NAMES = Annotated[
    list[str] | None,
    typer.Option(
        "--known-as",
        metavar="HOST",
        help="Another name under which it may be addressed. May be repeated.",
        show_default=False,
    ),
]
_ORIGINS = Annotated[
    list[str] | None,
    typer.Option(
        "--cors-origin",
        metavar="URL",
        help="Pages that a browser may call the API from. May be repeated.",
        show_default=False,
    ),
]


@app.callback(invoke_without_command=True)
@options.connects
def gateway(
    context: typer.Context,
    connect: "ConnectOptions",
    host: _HOST = "127.0.0.1",
    port: _PORT = 8092,
    public_url: _PUBLIC = None,
    access: _ACCESS = None,
    state_dir: _STATE = None,
    secrets: options.SecretSources = None,
    secrets_dir: options.SecretsDirectory = None,
    allow_commands: options.AllowCommands = False,
    provider: options.EventsProvider = "auto",
    rate_limits: _RATES = None,
    https_cert: _TLS_CERT = None,
    https_key: _TLS_KEY = None,
    known_as: _NAMES = None,
    cors_origin: _ORIGINS = None,
) -> None:
    """Serve runs, approvals, manifests and events over HTTP.

    The API is under /api/v1, webhooks are under /triggers, approval links under /approve (with ARK_LINK_KEY),
    and /healthz and /readyz say how it is. On an address that others reach it wants --access. SIGTERM and
    Ctrl-C let requests under way finish for a moment.
    """
    if context.invoked_subcommand is not None:
        return
    from cli.sources import forced_provider, given_stores
    from worker.gateway.access.config import AccessFileError, load_access
    from worker.gateway.app import GatewayError, refuse_openness
    from worker.gateway.services import GatewayOptions

    settings = GatewayOptions(
        host=host,
        port=port,
        public_url=_checked_url(public_url),
        state_directory=state_dir,
        provider=forced_provider(provider),
        rate_limits=rate_limits,
        access=access,
        hosts=tuple(known_as or ()),
        cors_origins=tuple(cors_origin or ()),
        tls=_tls(https_cert, https_key),
        link_key=read_link_key(),
    )
    try:
        refuse_openness(settings)
        if access is not None:
            load_access(access)  # before anything is started; it is read again then
    except (GatewayError, AccessFileError) as error:
        raise CommandError(f"The gateway does not start. {error}") from None
    run_async(_serve(connect, settings, given_stores(secrets, secrets_dir, allow_commands=allow_commands)))


@app.command()
def token(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose it is.", show_default=False)],
    role: Annotated[
        list[str],
        typer.Option(
            metavar="[NAMESPACE=]ROLE",
            help="What it may do: viewer, submitter, approver or admin; in all namespaces without one. "
            "May be repeated.",
            show_default=False,
        ),
    ],
) -> None:
    """Make a token for the API.

    It is printed once, on standard output. Standard error has the lines for the access file, which hold its
    hash and not the token.
    """
    from worker.gateway.access.config import new_token, read_grants, token_entry

    try:
        grants = read_grants(role)
    except ValueError as error:
        raise CommandError(f"--role: {error}") from None
    made = new_token()
    say("For the access file:")
    say(token_entry(name, made, grants).rstrip())
    write_text(made)


def read_link_key() -> bytes | None:
    """The key that approval links are signed with, from the environment.

    Raises:
        CommandError: It is too short.
    """
    import os

    from ark_temporal.runs.approval_links import link_key

    try:
        return link_key(os.environ)
    except ValueError as error:
        raise CommandError(str(error)) from None


async def _serve(
    connect: "ConnectOptions", settings: "GatewayOptions", stores: "Sequence[SecretStore]"
) -> None:
    import os
    import signal

    from ark_temporal.secrets import Secrets
    from cli.connecting import connect_patiently
    from cli.following import Interrupts
    from cli.logs import log_to_stderr
    from worker.gateway.access.config import AccessFileError
    from worker.gateway.app import GatewayError, admin_token_file, gateway
    from worker.serving import CannotListenError

    collect_garbage_as_usual()
    log = log_to_stderr()
    connection = await connect_patiently(connect, PATIENCE_SECONDS)
    with Interrupts.caught(signal.SIGINT, signal.SIGTERM) as interrupts:
        try:
            async with gateway(connection, Secrets(stores, os.environ), settings) as url:
                who = settings.access or f"one token, in {admin_token_file(settings)}"
                log.info("ready: gateway at %s (API under /api/v1, webhooks under /triggers)", url)
                log.info(
                    'Temporal namespace "%s" at %s; access: %s; approval links: %s',
                    connection.client.namespace,
                    connection.address,
                    who,
                    "yes" if settings.link_key else "no, ARK_LINK_KEY is not set",
                )
                await interrupts.next()
                log.info("stopping: letting requests under way finish")
        except (GatewayError, AccessFileError, CannotListenError) as error:
            raise CommandError(f"The gateway does not start. {error}") from None
    log.info("stopped")


def _tls(cert: Path | None, key: Path | None) -> tuple[Path, Path] | None:
    if (cert is None) != (key is None):
        raise CommandError("--https-cert and --https-key go together: give both.")
    return (cert, key) if cert is not None and key is not None else None


def _checked_url(url: str | None) -> str | None:
    from urllib.parse import urlsplit

    if url is None:
        return None
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and not parts.query and not parts.fragment
    except ValueError:
        good = False
    if not good or "@" in url:
        raise CommandError(f'--public-url: "{url}" is no address such as https://ark.example.com.')
    return url.rstrip("/")
