"""`ark-temporal events token`: what a webhook asks for."""

import re
from pathlib import Path
from typing import Annotated

import typer

from cli import options
from cli.errors import CommandError
from cli.exit_codes import ExitCode
from cli.loop import run_async
from cli.output import write_text


def token(
    event: options.Event,
    state_dir: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Where the gateway keeps what it makes itself.",
            show_default="ARK_HOME or ~/.local/share, gateway",
        ),
    ] = None,
    secrets: options.SecretSources = None,
    secrets_dir: options.SecretsDirectory = None,
    allow_commands: options.AllowCommands = False,
) -> None:
    """Print the token that an event's webhook asks for, and make it where there is none.

    It is that of a gateway on this machine, or of one with the same Secrets. Who has it may fire the event.
    """
    from ark_temporal.manifests.base import NAME_PATTERN
    from ark_temporal.secrets import Secrets
    from cli.sources import given_stores
    from worker.gateway.kept import state_directory
    from worker.gateway.triggers.tokens import EventTokens, FreshSecrets

    namespace, _, name = event.rpartition("/")
    if not all(re.fullmatch(NAME_PATTERN, part) for part in (namespace or "default", name)):
        raise CommandError(f'"{event}" is no name of an event.', code=ExitCode.USAGE)
    known = Secrets(given_stores(secrets, secrets_dir, allow_commands=allow_commands), {})
    tokens = EventTokens(FreshSecrets(known), state_directory(state_dir))
    write_text(run_async(tokens.token(namespace or "default", name)))
