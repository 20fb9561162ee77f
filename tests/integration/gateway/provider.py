"""A small OpenID Connect provider on a real socket, whose keys change and which may be down."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from tests.integration.raw_http import RawServer, answer, serving

AUDIENCE = "ark"


@dataclass
class Provider:
    """The provider, and the tokens that it gives."""

    private: dict[str, Any] = field(default_factory=dict[str, Any])
    down: bool = False
    slow: float = 0.0
    headers: str = ""
    server: RawServer | None = None

    @property
    def url(self) -> str:
        assert self.server is not None
        return self.server.url("").rstrip("/")

    @property
    def asked(self) -> int:
        """How often it was asked for anything."""
        assert self.server is not None
        return len(self.server.requests)

    def rotate(self, *names: str, kind: str = "RSA") -> None:
        """Give up all keys, and make new ones."""
        self.private = {name: _new_key(kind) for name in names}

    def token(self, key: str, *, algorithm: str = "RS256", kid: str | None = "", **claims: Any) -> str:
        """A token; claims that are None are left out."""
        now = int(time.time())
        told = {"iss": self.url, "aud": AUDIENCE, "sub": "ann", "iat": now, "exp": now + 60} | claims
        headers = {"kid": kid or key} if kid is not None else {}
        given = {name: value for name, value in told.items() if value is not None}
        return jwt.encode(given, self.private[key], algorithm=algorithm, headers=headers)

    async def reply(self, writer: asyncio.StreamWriter) -> None:
        """Answer the request that has just come in."""
        assert self.server is not None
        await asyncio.sleep(self.slow)
        if self.down:
            writer.write(answer("down", status="503 Service Unavailable"))
        elif self.server.requests[-1].target.startswith("/.well-known/"):
            document = {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
            writer.write(answer(json.dumps(document), "application/json"))
        else:
            keys = json.dumps({"keys": [_public(name, key) for name, key in self.private.items()]})
            writer.write(answer(keys, "application/json", headers=self.headers))
        await writer.drain()


@contextlib.asynccontextmanager
async def provider() -> AsyncGenerator[Provider]:
    """A provider with one key, called `one`."""
    made = Provider()
    made.rotate("one")
    async with serving(made.reply) as made.server:
        yield made


def _new_key(kind: str) -> Any:
    if kind == "EC":
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _public(name: str, key: Any) -> dict[str, Any]:
    if isinstance(key, bytes):
        return {"kty": "oct", "kid": name, "k": "c2VjcmV0"}
    algorithm = ECAlgorithm if hasattr(key, "curve") else RSAAlgorithm
    return {**json.loads(algorithm.to_jwk(key.public_key())), "kid": name, "use": "sig"}
