"""The way out for every tool: an HTTP client that connects only to what was checked."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final, cast

import httpcore2
import httpx2

from ark_temporal.tools._egress_policy import EgressPolicy
from ark_temporal.tools._egress_rules import parse_address
from ark_temporal.tools.types import ToolError

__all__ = ["EgressPolicy", "Resolver", "guarded_client", "guarded_socket"]

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Finds the addresses of a host and port; an OSError says that there are none."""

_CONNECT_SECONDS: Final = 10.0
_MAX_ADDRESSES: Final = 8

_KEEPALIVE_SECONDS: Final = 1.5
"""Less than servers wait, so that no call is lost on a connection that its server is just closing."""

_SocketOption = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]


def guarded_client(
    policy: EgressPolicy,
    *,
    headers: Mapping[str, str] | None = None,
    timeout: httpx2.Timeout | float = 60.0,
    max_connections: int = 10,
    resolver: Resolver | None = None,
) -> httpx2.AsyncClient:
    """An HTTP client for tools.

    A host's addresses are looked up once for each connection, checked, and connected to as they are: a
    name that stands for something else a moment later gains nothing. Certificates, SNI and `Host` are still
    about the name. No redirect is followed and no cookie is kept.

    Proxies of the environment are not used: a proxy looks names up by itself, so nobody would check where
    its connections end. Certificates of the environment (`SSL_CERT_FILE`, `SSL_CERT_DIR`) are.

    Args:
        policy: What may be reached.
        headers: Sent with each request.
        timeout: Seconds, for each phase of a request; who calls also bounds the whole.
        max_connections: Connections at once; further requests wait.
        resolver: Looks names up instead of the system.

    Raises:
        ToolError: From a request: `ToolForbidden` for a host that may not be reached, `ToolUnreachable` for
            one that has no address. All other failures are those of httpx2.
    """
    if not isinstance(timeout, httpx2.Timeout):
        timeout = httpx2.Timeout(timeout, connect=min(timeout, _CONNECT_SECONDS))
    return httpx2.AsyncClient(
        headers={"Accept-Encoding": "identity", **(headers or {})},
        timeout=timeout,
        transport=_GuardedTransport(_GuardedBackend(policy, resolver or _look_up), max_connections),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        follow_redirects=False,
        trust_env=False,
    )


async def guarded_socket(
    policy: EgressPolicy, host: str, port: int, *, resolver: Resolver | None = None
) -> socket.socket:
    """A connection for what is not HTTP: looked up once, checked, and connected to as it is.

    Args:
        policy: What may be reached.
        host: Its name or address.
        port: Its port.
        resolver: Looks names up instead of the system.

    Returns:
        The connected socket; who calls closes it, and bounds the time.

    Raises:
        ToolError: `ToolForbidden` for a host that may not be reached, `ToolUnreachable` for one that has no
            address.
        OSError: No address takes the connection.
    """
    addresses = await _GuardedBackend(policy, resolver or _look_up).addresses(host, port)
    failure = OSError(f"{host} has no address")
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        connection = socket.socket(family, socket.SOCK_STREAM)
        connection.setblocking(False)
        try:
            async with asyncio.timeout(_CONNECT_SECONDS / len(addresses)):
                await asyncio.get_running_loop().sock_connect(connection, (address, port))
            return connection
        except OSError as error:
            failure = error
            connection.close()
        except BaseException:
            connection.close()
            raise
    raise failure


class _GuardedTransport(httpx2.AsyncHTTPTransport):
    def __init__(self, backend: httpcore2.AsyncNetworkBackend, max_connections: int) -> None:
        tls = httpx2.create_ssl_context()
        super().__init__(verify=tls, trust_env=False)
        if not isinstance(getattr(self, "_pool", None), httpcore2.AsyncConnectionPool):
            raise TypeError("This release of httpx2 has no connection pool that egress policies could guard.")
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=max_connections,
            max_keepalive_connections=max_connections,
            keepalive_expiry=_KEEPALIVE_SECONDS,
            network_backend=backend,
        )


class _GuardedBackend(httpcore2.AsyncNetworkBackend):
    """Connects to addresses that a policy permits. It has no Unix sockets."""

    def __init__(self, policy: EgressPolicy, resolver: Resolver) -> None:
        self._policy = policy
        self._resolver = resolver
        # Where anyio is missing, the name is an empty stand-in, which is all that a type checker sees.
        self._network = cast(httpcore2.AsyncNetworkBackend, httpcore2.AnyIOBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - so httpcore2 calls it
        local_address: str | None = None,
        socket_options: Iterable[_SocketOption] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Look up, check, connect: to one address after the other, all within the timeout."""
        loop = asyncio.get_running_loop()
        end = None if timeout is None else loop.time() + timeout
        try:
            async with asyncio.timeout_at(end):
                addresses = await self.addresses(host, port)
        except TimeoutError:
            raise _unreachable(host, "looking its name up took too long") from None
        failure: Exception = httpcore2.ConnectError()
        for count, address in enumerate(addresses):
            share = None if end is None else max(0.0, end - loop.time()) / (len(addresses) - count)
            try:
                return await self._network.connect_tcp(address, port, share, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure

    async def sleep(self, seconds: float) -> None:
        await self._network.sleep(seconds)

    async def addresses(self, host: str, port: int) -> Sequence[str]:
        """Those that may be connected to."""
        self._policy.check_host(host, port)
        if parse_address(host) is not None:
            return self._policy.permitted(host, port, (host,))
        try:
            found = await self._resolver(host, port)
        except TimeoutError:
            raise
        except OSError as error:
            raise _unreachable(host, f"its name is not known ({error.strerror or 'no address'})") from None
        except UnicodeError:
            raise _unreachable(host, "it is no host name", retryable=False) from None
        if not found:
            raise _unreachable(host, "its name stands for no address")
        return self._policy.permitted(host, port, found)[:_MAX_ADDRESSES]


async def _look_up(host: str, port: int) -> Sequence[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _unreachable(host: str, why: str, *, retryable: bool = True) -> ToolError:
    return ToolError(
        "ToolUnreachable", f'The host "{host}" cannot be reached: {why}.', sent=False, retryable=retryable
    )
