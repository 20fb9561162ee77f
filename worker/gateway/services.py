"""What every route of the gateway works with."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ark_temporal.llm.types import Provider
from ark_temporal.resources.catalog import Catalog
from ark_temporal.runs.connection import Connection
from ark_temporal.secrets import Secrets
from worker.gateway.access.authentication import Access
from worker.gateway.access.jwt import JwtVerifier

if TYPE_CHECKING:
    from worker.gateway.triggers.rates import Rates

HOST, PORT = "127.0.0.1", 8092


@dataclass(frozen=True)
class GatewayOptions:
    """How a gateway is set up.

    Attributes:
        port: 0 takes any that is free.
        public_url: How others reach it, for the links that it gives; None takes where it listens.
        state_directory: Where it keeps what it makes itself: the tokens of events.
        provider: Answers for all roles of the runs that it starts, instead of what models' names say.
        rate_limits: The Redis in which all gateways count calls of webhooks, `redis://` or `rediss://`; None
            counts in this process.
        body_seconds: How long the body of a webhook may be in coming.
        access: The file that says who may use the API; None makes one token for all of it, which is kept in
            the state directory.
        hosts: Further names under which it may be addressed.
        cors_origins: Pages that a browser may call the API from, as `https://host:port`.
        tls: Files of its certificate, with those above it, and of its key.
        link_key: What approval links are signed with; None takes none.
    """

    host: str = HOST
    port: int = PORT
    public_url: str | None = None
    state_directory: Path | None = None
    provider: Provider | None = None
    rate_limits: str | None = field(default=None, repr=False)
    body_seconds: float = 30.0
    access: Path | None = None
    hosts: Sequence[str] = ()
    cors_origins: Sequence[str] = ()
    tls: tuple[Path, Path] | None = None
    link_key: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class GatewayServices:
    """What routes use.

    Attributes:
        url: How others reach the gateway, without a slash at its end.
        catalog: What is applied, at most a second old.
        access: Tells who calls the API; None lets nobody.
        verifier: Verifies tokens of OpenID Connect providers; None takes none from webhooks.
        rates: Counts calls of webhooks; None counts them in this process.
    """

    connection: Connection
    catalog: Catalog
    secrets: Secrets
    options: GatewayOptions = field(default_factory=GatewayOptions)
    url: str = ""
    access: Access | None = None
    verifier: JwtVerifier | None = None
    rates: "Rates | None" = None
