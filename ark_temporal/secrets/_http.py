"""One request to a provider of secrets.

The addresses come from manifests that whoever runs the process gave it, as its own configuration: what tools
may reach (`--allow-host`) does not bind them. Redirects are not followed and proxies not used, so that no
credential goes anywhere else.
"""

import asyncio
import functools
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

import httpx2

from ark_temporal.foreign_errors import certificate_error
from ark_temporal.secrets.errors import SecretError

MAX_REPLY_BYTES = 1024 * 1024
"""The most that is read of an answer."""


@dataclass(frozen=True)
class Answer:
    """What came back.

    Attributes:
        body: The JSON object; empty where it was none.
    """

    status: int
    body: Mapping[str, object] = field(repr=False)

    def part(self, name: str) -> Mapping[str, object]:
        """An object inside the object; empty where there is none."""
        return as_object(self.body.get(name))


@dataclass(frozen=True)
class Server:
    """A server that gives secrets.

    Attributes:
        label: Whose it is, for errors.
        ca_file: Who signed its certificate, where it is nobody known.
    """

    label: str
    timeout_seconds: float
    ca_file: str | None = None

    async def ask(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> Answer:
        """Ask once, and read the answer whatever its status.

        Raises:
            SecretError: There was no whole answer.
        """
        where = _origin(url)
        try:
            async with (
                asyncio.timeout(self.timeout_seconds),
                httpx2.AsyncClient(
                    verify=await asyncio.to_thread(_tls, self.ca_file),
                    timeout=self.timeout_seconds,
                    follow_redirects=False,
                    trust_env=False,
                ) as client,
                client.stream(method, url, headers=headers, data=form, json=body) as response,
            ):
                return Answer(response.status_code, _parsed(await self._read(response, where)))
        except (TimeoutError, httpx2.TimeoutException):
            why = f"{where} gave no answer in time"
        except (ssl.SSLError, FileNotFoundError, IsADirectoryError):
            raise SecretError(f"{self.label}: the file {self.ca_file} holds no certificates.") from None
        except (httpx2.HTTPError, OSError) as error:
            why = _reason(error, where)
        except (httpx2.InvalidURL, UnicodeError, ValueError) as error:
            if isinstance(error, SecretError):
                raise
            raise SecretError(f"{self.label}: the request to {where} cannot be written in HTTP.") from None
        raise SecretError(f"{self.label}: {why}.")

    async def _read(self, response: httpx2.Response, where: str) -> bytes:
        content = bytearray()
        async for chunk in response.aiter_bytes():
            content += chunk
            if len(content) > MAX_REPLY_BYTES:
                raise SecretError(f"{self.label}: {where} sends more than {MAX_REPLY_BYTES} bytes.")
        return bytes(content)


def as_object(value: object) -> Mapping[str, object]:
    """A JSON object, or an empty one."""
    return cast(Mapping[str, object], value) if isinstance(value, dict) else {}


def as_texts(value: object) -> list[str]:
    """The texts of a JSON list."""
    return (
        [each for each in cast(list[object], value) if isinstance(each, str)]
        if isinstance(value, list)
        else []
    )


def _parsed(content: bytes) -> Mapping[str, object]:
    try:
        return as_object(json.loads(content))
    except (ValueError, RecursionError):
        return {}


@functools.cache
def _tls(ca_file: str | None) -> ssl.SSLContext:
    """Reading all certificates of a machine takes long enough to do it once."""
    if ca_file is None:
        return httpx2.create_ssl_context()
    return ssl.create_default_context(cafile=ca_file)


def _origin(url: str) -> str:
    """An address without what may be secret in it."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0].rpartition('@')[2].partition('?')[0]}"


def _reason(error: Exception, where: str) -> str:
    if (certificate := certificate_error(error)) is not None:
        return f"the certificate of {where} is not valid: {certificate.verify_message}"
    if isinstance(error, httpx2.ConnectError):
        return f"{where} cannot be connected to"
    return f"the connection to {where} was lost before the answer was complete"
