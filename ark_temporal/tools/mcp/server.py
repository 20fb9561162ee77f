"""An MCP server as a worker uses it, and what it offers."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from pydantic import SecretStr

from ark_temporal.tools.types import Effect, ToolInfo

GivenText = str | SecretStr
"""A value from a manifest. Only one that is a `SecretStr` is hidden where a server repeats it."""


@dataclass(frozen=True)
class McpOAuth:
    """OAuth 2.0 client credentials.

    Attributes:
        token_url: Where tokens are fetched.
        client_id: Who asks.
        client_secret: Sent in the `Authorization` header of the request for a token, and nowhere else.
        scopes: What is asked for; empty leaves it to the token server.
    """

    token_url: str = field(repr=False)
    client_id: str
    client_secret: SecretStr
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True)
class McpServer:
    """An MCP server, with its secrets resolved. Exactly one of `url` and `command` is set.

    Attributes:
        name: Prefix of its tools.
        url: Its endpoint. One that ends in `/mcp` is taken for streamable HTTP, in `/sse` for SSE, and any
            other for the simple dialect; what it does speak is found out where that is wrong.
        command: A program and its arguments, spoken to over its standard input and output.
        env: Environment of the command, over a minimal one of the worker's. Nothing else is inherited.
        headers: Sent with every request.
        token: A bearer token.
        oauth: Where to fetch bearer tokens instead.
        effects: What its tools do, by their own names or `*`; wins over what the server says.
        only: The tools that are offered, by their own names; none named means all.
        timeout_seconds: The longest that listing its tools takes.
    """

    name: str
    url: str = field(default="", repr=False)
    command: tuple[str, ...] = field(default=(), repr=False)
    env: Mapping[str, GivenText] = field(default_factory=dict[str, GivenText], repr=False)
    headers: Mapping[str, GivenText] = field(default_factory=dict[str, GivenText], repr=False)
    token: SecretStr | None = field(default=None, repr=False)
    oauth: McpOAuth | None = field(default=None, repr=False)
    effects: Mapping[str, Effect] = field(default_factory=dict[str, Effect])
    only: tuple[str, ...] = ()
    timeout_seconds: float = 60.0

    def identity(self) -> str:
        """The same for servers that may share a process or connections: a digest, for it covers secrets."""
        oauth = self.oauth
        parts = (
            self.name,
            self.url,
            self.command,
            sorted(plain(self.env).items()),
            sorted(plain(self.headers).items()),
            self.token and self.token.get_secret_value(),
            oauth
            and (oauth.token_url, oauth.client_id, oauth.client_secret.get_secret_value(), oauth.scopes),
        )
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def secrets(self) -> Iterator[str]:
        """Every value that must not be shown."""
        for value in (*self.env.values(), *self.headers.values(), self.token):
            if isinstance(value, SecretStr):
                yield value.get_secret_value()
        if self.oauth:
            yield self.oauth.client_secret.get_secret_value()
        yield urlsplit(self.url).password or ""


@dataclass(frozen=True)
class ToolListing:
    """The tools of one server.

    Attributes:
        tools: Those that may be called.
        warnings: What is not as the manifest says, and what was left out. Sentences.
    """

    tools: tuple[ToolInfo, ...] = ()
    warnings: tuple[str, ...] = ()


def plain(values: Mapping[str, GivenText]) -> dict[str, str]:
    """The values as they are sent."""
    return {
        name: value.get_secret_value() if isinstance(value, SecretStr) else value
        for name, value in values.items()
    }
