"""Values that a program prints."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping

from pydantic import TypeAdapter, ValidationError

from ark_temporal.manifests.ark_secret import ArkSecret, CommandSecret
from ark_temporal.secrets._credentials import Surroundings, named
from ark_temporal.secrets.errors import SecretError
from ark_temporal.secrets.stores import MAX_VALUE_BYTES

_PASSED = ("PATH", "HOME", "LANG")
_OBJECT = TypeAdapter(dict[str, str])


async def from_command(secret: ArkSecret, around: Surroundings) -> Mapping[str, str]:
    """What the program prints.

    Raises:
        SecretError: It may not be started, fails, takes too long, or prints something else than agreed.
            What it prints is not in the message, on standard error neither: both may hold a secret.
    """
    settings, label = secret.spec.command, named(secret)
    assert settings is not None, "manifests were checked"
    if not around.allow_commands:
        why = f"{label} is a program, and this process may start none. Start it with --allow-commands."
        raise SecretError(why, retryable=False)
    output = await _output(settings, label, around.environment)
    try:
        text = output.decode()
    except UnicodeDecodeError:
        raise SecretError(f"{label} prints something that is not UTF-8 text.") from None
    return {settings.key: text.rstrip("\r\n")} if settings.key is not None else _object(text, label)


def _object(text: str, label: str) -> Mapping[str, str]:
    try:
        return _OBJECT.validate_json(text, strict=True)
    except ValidationError:
        raise SecretError(
            f"{label} does not print one JSON object of strings. Let it, or name the `key` that all of it is "
            "for."
        ) from None


async def _output(settings: CommandSecret, label: str, environment: Mapping[str, str]) -> bytes:
    passed = (*_PASSED, *settings.pass_env)
    try:
        process = await asyncio.create_subprocess_exec(
            *settings.argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={name: environment[name] for name in passed if name in environment},
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "no argument may hold a NUL character"
        raise SecretError(f"{label}: {settings.argv[0]} cannot be started ({why}).") from None
    try:
        async with asyncio.timeout(settings.timeout_seconds):
            output = await _bounded(process, label)
            status = await process.wait()
    except TimeoutError:
        seconds = settings.timeout_seconds
        raise SecretError(f"{label}: {settings.argv[0]} did not end within {seconds} seconds.") from None
    finally:
        _kill(process)
        await process.wait()
    if status != 0:
        raise SecretError(
            f"{label}: {settings.argv[0]} ended with status {status}. What it says about that is not shown, "
            "since it may hold a secret: start it by hand."
        )
    return output


async def _bounded(process: asyncio.subprocess.Process, label: str) -> bytes:
    assert process.stdout is not None, "it is a pipe"
    output = bytearray()
    while chunk := await process.stdout.read(65_536):
        output += chunk
        if len(output) > MAX_VALUE_BYTES:
            raise SecretError(f"{label} prints more than {MAX_VALUE_BYTES} bytes.")
    return bytes(output)


def _kill(process: asyncio.subprocess.Process) -> None:
    """End the program and all that it started; what has ended already stays as it is."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
