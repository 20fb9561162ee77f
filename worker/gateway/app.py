"""The gateway as an ASGI application, and serving it."""

import contextlib
import socket
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from ark_temporal.resources.catalog import Catalog
from ark_temporal.runs.connection import Connection
from ark_temporal.secrets import Secrets
from ark_temporal.tools.egress import EgressPolicy, guarded_client
from worker.gateway import api, links, triggers
from worker.gateway.access.authentication import Access
from worker.gateway.access.config import AccessConfig, AccessFile, ApiToken, hash_token, new_token
from worker.gateway.access.jwt import JwtVerifier
from worker.gateway.api import health, openapi, problems
from worker.gateway.api.front import Front
from worker.gateway.kept import made_once, state_directory
from worker.gateway.services import GatewayOptions, GatewayServices
from worker.gateway.triggers.rates import Rates
from worker.serving import serving

AT_ONCE = 2000
"""Requests at the same time, streams of events among them; more are answered with 503."""

ADMIN = "admin"
"""Whom the token is for that a gateway without an access file makes."""

_CORS_HEADERS = ("Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID", "traceparent")
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class GatewayError(RuntimeError):
    """The gateway does not start."""


def gateway_app(services: GatewayServices) -> FastAPI:
    """All routes of the gateway."""
    options = services.options
    app = FastAPI(title="ark-temporal", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.services = services
    app.include_router(triggers.router(services))
    app.include_router(api.router())
    app.include_router(links.router)
    app.include_router(health.router)
    openapi.install(app)
    problems.install(app)
    app.add_middleware(Front, access=services.access, hosts=_hosts(services))
    if options.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=[origin.rstrip("/") for origin in options.cors_origins],
            allow_methods=["GET", "POST", "PUT", "DELETE"],
            allow_headers=_CORS_HEADERS,
            expose_headers=["Location", "Retry-After", "X-Request-Id"],
        )
    return app


@contextlib.asynccontextmanager
async def gateway(
    connection: Connection,
    secrets: Secrets,
    options: GatewayOptions,
    listener: socket.socket | None = None,
) -> AsyncGenerator[str]:
    """Serve the gateway while the block runs; gives the URL at which others reach it.

    Args:
        connection: Where runs are.
        secrets: What it checks calls against.
        options: How it is set up.
        listener: What listens there already; None listens when it begins.

    Raises:
        GatewayError: It would let everybody in, or an option is none.
        AccessFileError: The access file cannot be read, or is none.
        CannotListenError: The port is taken, or the host is none of ours.
    """
    refuse_openness(options)
    async with contextlib.AsyncExitStack() as stack:
        http = await stack.enter_async_context(guarded_client(EgressPolicy(), timeout=5.0))
        verifier, rates = JwtVerifier(http), _rates(options)
        stack.push_async_callback(rates.aclose)
        services = GatewayServices(
            connection=connection,
            catalog=Catalog(connection, options.provider),
            secrets=secrets,
            options=options,
            access=_access(options, secrets, verifier),
            verifier=verifier,
            rates=rates,
        )
        routes = _Late()
        listens = await stack.enter_async_context(
            serving(routes, options.host, options.port, at_once=AT_ONCE, tls=options.tls, listener=listener)
        )
        url = (options.public_url or listens).rstrip("/")
        routes.app = gateway_app(replace(services, url=url))
        yield url


def refuse_openness(options: GatewayOptions) -> None:
    """Refuse to listen where others are without knowing who may do what.

    Raises:
        GatewayError: It would.
    """
    if options.host not in _LOOPBACK and options.access is None:
        raise GatewayError(
            f"On {options.host} others reach the gateway: name a file that says who may do what, --access. "
            "`ark-temporal gateway token NAME --role ROLE` makes its entries."
        )


def admin_token_file(options: GatewayOptions) -> Path:
    """Where the one token is of a gateway without an access file."""
    return state_directory(options.state_directory) / "admin.token"


def kept_secret(file: Path) -> str:
    """A secret that is made once and kept in a file that only its owner reads.

    Raises:
        GatewayError: The file cannot be read or written.
    """
    try:
        secret = made_once(file, new_token)
    except (OSError, UnicodeDecodeError) as error:
        raise GatewayError(f"{file} cannot be kept there: {error}.") from None
    if len(secret) < 32:
        raise GatewayError(f"{file} is no secret of ours: remove it, and another is made.")
    return secret


def _rates(options: GatewayOptions) -> Rates:
    try:
        return Rates(options.rate_limits)
    except ValueError as error:
        raise GatewayError(f"--rate-limits: {error}") from None


def _access(options: GatewayOptions, secrets: Secrets, verifier: JwtVerifier) -> Access:
    if options.access is not None:
        return Access(AccessFile(options.access).current, secrets, verifier)
    token = kept_secret(admin_token_file(options))
    everything = {"*": frozenset({ADMIN})}
    only = AccessConfig(
        tokens=[ApiToken.model_validate({"name": ADMIN, "sha256": hash_token(token), "roles": everything})]
    )
    return Access(lambda: only, secrets, verifier)


def _hosts(services: GatewayServices) -> frozenset[str]:
    """The names of the gateway; none where it is reached by any that its operator gives it."""
    options = services.options
    named = {urlsplit(options.public_url).hostname or ""} if options.public_url else set[str]()
    named |= set(options.hosts)
    return frozenset({*named, "localhost"}) if named or options.host in _LOOPBACK else frozenset()


class _Late:
    """An application that is known once the server listens, since it says where it is."""

    app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.app is not None, "it is set before the server takes its first request"
        await self.app(scope, receive, send)
