"""Values from this machine: variables and files."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from ark_temporal.manifests.ark_secret import ArkSecret
from ark_temporal.secrets._credentials import Surroundings, named
from ark_temporal.secrets.stores import read_value, values_in


async def from_env(secret: ArkSecret, around: Surroundings) -> Mapping[str, str] | None:
    """The variables that are set; None where none of them is."""
    wanted = secret.spec.env or {}
    found = {key: around.environment[name] for key, name in wanted.items() if name in around.environment}
    return found or None


async def from_files(secret: ArkSecret, around: Surroundings) -> Mapping[str, str] | None:
    """The files that are there; None where none of them is.

    Raises:
        SecretError: One of them cannot be read.
    """
    return await asyncio.to_thread(_read, secret)


def _read(secret: ArkSecret) -> Mapping[str, str] | None:
    settings, label = secret.spec.file, named(secret)
    assert settings is not None, "manifests were checked"
    if settings.directory is not None:
        return values_in(Path(settings.directory), label)
    read = {key: read_value(Path(name), label) for key, name in (settings.keys or {}).items()}
    return {key: value for key, value in read.items() if value is not None} or None
