"""Where a provider finds what it proves itself with."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ark_temporal.manifests.ark_secret import ArkSecret, Credential
from ark_temporal.plan.references import KeyRef
from ark_temporal.secrets.errors import SecretError
from ark_temporal.secrets.stores import read_value

LookUp = Callable[[KeyRef, str], Awaitable[str | None]]
"""The value of a key of a Secret of a namespace, or None where it is not known."""


@dataclass(frozen=True)
class Surroundings:
    """What providers may use of the process that they are in.

    Attributes:
        environment: Its variables.
        look_up: Finds other Secrets.
        refused: Told of an ArkSecret whose credentials were refused: they are read anew at their next use.
        allow_commands: Whether programs may be started.
    """

    environment: Mapping[str, str] = field(repr=False)
    look_up: LookUp = field(repr=False)
    refused: Callable[[ArkSecret], None] = field(repr=False)
    allow_commands: bool


def named(secret: ArkSecret) -> str:
    """What errors call an ArkSecret."""
    metadata = secret.metadata
    return f'ArkSecret "{metadata.namespace}/{metadata.name}" ({secret.spec.provider})'


async def credential(secret: ArkSecret, wanted: Credential, around: Surroundings) -> str:
    """The value of a credential.

    Raises:
        SecretError: It is not there.
    """
    if wanted.env is not None:
        value, where = around.environment.get(wanted.env), f"the variable {wanted.env} of this process"
    elif wanted.file is not None:
        value = await asyncio.to_thread(read_value, Path(wanted.file), named(secret))
        where = f"the file {wanted.file}"
    else:
        ref = wanted.secret_key_ref
        assert ref is not None, "the manifest's model demands one of the three"
        value = await around.look_up(KeyRef(name=ref.name, key=ref.key), secret.metadata.namespace)
        where = f'the key "{ref.key}" of the Secret "{ref.name}"'
    if not value or not value.strip():
        raise SecretError(f"{named(secret)} cannot prove itself: {where} is missing or empty. Provide it.")
    return value.strip()
