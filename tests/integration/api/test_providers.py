"""Tokens of OpenID Connect providers: verified by their keys, and given roles by their claims."""

import json
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from ark_temporal.secrets import Secrets
from tests.integration.raw_http import RawServer, answer, serving
from worker.gateway.access.authentication import Access, NotAuthenticatedError
from worker.gateway.access.config import AccessConfig
from worker.gateway.access.jwt import (
    REFETCH_SECONDS,
    STALE_SECONDS,
    JwtVerifier,
    KeysUnavailableError,
    TokenRefusedError,
)

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())


class Clock:
    """Seconds that pass when a test says so."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Provider:
    """A provider on a real socket, whose keys can change."""

    def __init__(self) -> None:
        self.keys: list[dict[str, Any]] = [self.public(RSA, "one")]
        self.status = "200 OK"
        self.headers = ""
        self.server: RawServer | None = None

    @property
    def issuer(self) -> str:
        assert self.server is not None
        return self.server.url("")

    @property
    def fetched(self) -> int:
        assert self.server is not None
        return sum(each.target == "/keys" for each in self.server.requests)

    @staticmethod
    def public(key: Any, id: str, **more: str) -> dict[str, Any]:
        if isinstance(key, rsa.RSAPrivateKey):
            return {**json.loads(RSAAlgorithm.to_jwk(key.public_key())), "kid": id, **more}
        return {**json.loads(ECAlgorithm.to_jwk(key.public_key())), "kid": id, **more}

    async def reply(self, writer: Any) -> None:
        assert self.server is not None
        if self.server.requests[-1].target == "/.well-known/openid-configuration":
            told = {"issuer": self.issuer, "jwks_uri": self.server.url("/keys")}
        else:
            told = {"keys": self.keys}
        writer.write(
            answer(json.dumps(told), "application/json", self.status, self.headers + "Connection: close\r\n")
        )
        await writer.drain()

    def token(self, key: Any = RSA, id: str | None = "one", algorithm: str = "RS256", **claims: Any) -> str:
        now = int(time.time())
        told = {"iss": self.issuer, "aud": "ark", "sub": "ann", "iat": now, "exp": now + 60, **claims}
        told = {name: value for name, value in told.items() if value is not None}
        return jwt.encode(told, key, algorithm, headers={"kid": id} if id else {})


@asynccontextmanager
async def provider() -> AsyncGenerator[tuple[Provider, JwtVerifier, Clock]]:
    made, clock = Provider(), Clock()
    async with serving(made.reply) as server, httpx2.AsyncClient(timeout=5) as http:
        made.server = server
        yield made, JwtVerifier(http, clock=clock), clock


async def verify(made: Provider, verifier: JwtVerifier, token: str, **claims: str) -> Any:
    return await verifier.verify(token, issuer=made.issuer, audience="ark", jwks_url=None, claims=claims)


async def test_a_token_that_is_good_is_taken_and_its_keys_are_kept() -> None:
    async with provider() as (made, verifier, clock):
        for _ in range(5):
            assert (await verify(made, verifier, made.token()))["sub"] == "ann"
        assert made.fetched == 1
        claims = made.token(groups=["a", "b"], verified=True, level=3)
        assert await verify(made, verifier, claims, groups="b", verified="true", level="3")
        assert await verify(made, verifier, made.token(id=None))
        clock.now += 601
        await verify(made, verifier, made.token())
        assert made.fetched == 2
        made.headers = "Cache-Control: public, max-age=5000\r\n"
        clock.now += 601
        await verify(made, verifier, made.token())
        clock.now += 4000
        await verify(made, verifier, made.token())
        assert made.fetched == 3


async def test_tokens_that_are_not_good_are_refused() -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    async with provider() as (made, verifier, _):
        now = int(time.time())
        good = made.token()
        head, told = {"kid": "one"}, {"iss": made.issuer}
        for token, why in (
            (made.token(other), "signature is wrong"),
            (made.token(exp=now - 120), "has expired"),
            (made.token(exp=None), "not valid"),
            (made.token(nbf=now + 600), "not valid"),
            (made.token(aud="other"), "not valid"),
            (made.token(aud=None), "not valid"),
            (made.token(iss="https://evil.example"), "not valid"),
            (made.token(id="unknown"), "does not publish"),
            (made.token(EC, algorithm="ES256"), "not valid"),
            (jwt.encode(told, b"known to all" * 4, "HS256", headers=head), "private key"),
            (jwt.encode(told, "", "none", headers=head), "private key"),
            (good[:-4] + "AAAA", "signature is wrong"),
            ("a.b.c", "no JSON Web Token"),
            ("x" * 20_000, "too long"),
        ):
            with pytest.raises(TokenRefusedError, match=why):
                await verify(made, verifier, token)
        with pytest.raises(TokenRefusedError, match='claim "hd"'):
            await verify(made, verifier, good, hd="example.com")


async def test_keys_that_are_new_are_fetched_but_not_for_whoever_asks() -> None:
    async with provider() as (made, verifier, clock):
        await verify(made, verifier, made.token())
        made.keys.append(made.public(EC, "two", alg="ES256"))
        for _ in range(10):
            with pytest.raises(TokenRefusedError):
                await verify(made, verifier, made.token(EC, "two", "ES256"))
        assert made.fetched == 1
        clock.now += REFETCH_SECONDS
        assert await verify(made, verifier, made.token(EC, "two", "ES256"))
        assert made.fetched == 2
        made.keys[1]["use"] = "enc"
        clock.now += 601
        with pytest.raises(TokenRefusedError):
            await verify(made, verifier, made.token(EC, "two", "ES256"))


async def test_a_provider_that_is_away_is_outlived_for_a_while() -> None:
    async with provider() as (made, verifier, clock):
        await verify(made, verifier, made.token())
        made.status = "503 Away"
        clock.now += 3600
        assert await verify(made, verifier, made.token())
        clock.now += STALE_SECONDS
        with pytest.raises(KeysUnavailableError, match="the answer is 503"):
            await verify(made, verifier, made.token())
        made.status = "200 OK"
        clock.now += REFETCH_SECONDS
        assert await verify(made, verifier, made.token())


async def test_keys_from_places_that_others_can_change_are_not_read() -> None:
    async with provider() as (made, verifier, _):
        token = made.token(iss="http://login.example")
        with pytest.raises(KeysUnavailableError, match="not https"):
            await verifier.verify(
                token, issuer="http://login.example", audience="ark", jwks_url=None, claims={}
            )
        with pytest.raises(KeysUnavailableError, match="not https"):
            await verifier.verify(
                made.token(), issuer=made.issuer, audience="ark", jwks_url="file:///etc/passwd", claims={}
            )


async def test_claims_give_roles() -> None:
    async with provider() as (made, verifier, _):
        config = AccessConfig.model_validate(
            {
                "issuers": [
                    {
                        "issuer": made.issuer,
                        "audience": "ark",
                        "nameClaim": "email",
                        "namePrefix": "sso:",
                        "claims": {"hd": "example.com"},
                        "roles": [
                            {"claim": "groups", "value": "approvers", "roles": {"shop": ["approver"]}},
                            {"claim": "groups", "value": "writers", "roles": {"shop": ["submitter"]}},
                            {"claim": "email", "value": "*", "roles": {"public": ["viewer"]}},
                        ],
                    }
                ]
            }
        )
        access = Access(lambda: config, Secrets([], {}), verifier)
        usual: dict[str, Any] = {"email": "ann@example.com", "hd": "example.com"}
        token = made.token(**usual, groups=["approvers", "writers"])
        ann = await access.principal(f"bearer {token}")
        assert ann.name == "sso:ann@example.com"
        assert ann.may("approver", "shop")
        assert ann.may("submitter", "shop")
        assert not ann.may("admin", "shop")
        assert ann.namespaces == {"shop", "public"}
        guest = await access.principal(f"Bearer {made.token(**usual)}")
        assert guest.namespaces == {"public"}
        for bad in (
            made.token(email="a", hd="evil"),
            made.token(hd="example.com"),
            made.token(EC, algorithm="ES256"),
        ):
            with pytest.raises(NotAuthenticatedError):
                await access.principal(f"Bearer {bad}")
        stranger = jwt.encode({"iss": "https://other.example"}, RSA, "RS256")
        with pytest.raises(NotAuthenticatedError, match="none of ours"):
            await access.principal(f"Bearer {stranger}")
