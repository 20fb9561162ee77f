"""Tokens of OpenID Connect providers: what counts, and what happens when keys change or are not to be had."""

import asyncio
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

import jwt
import pytest

from ark_temporal.tools.egress import EgressPolicy, guarded_client
from tests.integration.gateway.place import Gateway, event, team
from tests.integration.gateway.provider import AUDIENCE, Provider, provider
from worker.gateway.access.jwt import JwtVerifier, KeysUnavailableError, TokenRefusedError


@dataclass
class Clock:
    """A clock that goes when it is told."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def oidc() -> AsyncGenerator[Provider]:
    async with provider() as made:
        yield made


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def keys(clock: Clock) -> AsyncGenerator[JwtVerifier]:
    async with guarded_client(EgressPolicy(), timeout=20.0) as http:
        yield JwtVerifier(http, clock=clock)


async def is_good(keys: JwtVerifier, oidc: Provider, token: str, **fields: Any) -> bool:
    given: dict[str, Any] = {
        "issuer": oidc.url,
        "audience": AUDIENCE,
        "jwks_url": f"{oidc.url}/keys",
        "claims": {},
        **fields,
    }
    try:
        await keys.verify(token, **given)
    except TokenRefusedError:
        return False
    return True


async def test_a_token_is_good_when_all_of_it_is(oidc: Provider, keys: JwtVerifier) -> None:
    now = int(time.time())
    assert await is_good(keys, oidc, oidc.token("one"))
    assert await is_good(keys, oidc, oidc.token("one", kid=None)), "there is only one key"
    assert await is_good(keys, oidc, oidc.token("one", algorithm="PS256"))
    assert await is_good(keys, oidc, oidc.token("one", aud=["other", AUDIENCE]))
    assert await is_good(keys, oidc, oidc.token("one", exp=now - 10)), "clocks differ a little"
    bad: list[dict[str, Any]] = [
        {"exp": now - 100},
        {"exp": None},
        {"nbf": now + 100},
        {"iss": "https://other.example"},
        {"iss": None},
        {"aud": "other"},
        {"aud": None},
        {"kid": "unknown"},
    ]
    for claims in bad:
        assert not await is_good(keys, oidc, oidc.token("one", **claims)), claims
    token = oidc.token("one")
    for other in (
        token[:-4],
        token[:-1] + ("A" if token[-1] != "A" else "B") + "=",
        "a.b.c",
        "..",
        token + ".x",
    ):
        assert not await is_good(keys, oidc, other)


async def test_further_claims(oidc: Provider, keys: JwtVerifier) -> None:
    token = oidc.token("one", repository="octo/repo", groups=["ops", "dev"], admin=True)
    assert await is_good(
        keys, oidc, token, claims={"repository": "octo/repo", "groups": "dev", "admin": "true"}
    )
    for claims in ({"repository": "octo"}, {"groups": "de"}, {"admin": "True"}, {"missing": ""}):
        assert not await is_good(keys, oidc, token, claims=claims)


async def test_signatures_that_anybody_can_make_are_refused(oidc: Provider, keys: JwtVerifier) -> None:
    assert await is_good(keys, oidc, oidc.token("one"))
    claims = {"iss": oidc.url, "aud": AUDIENCE, "sub": "eve", "exp": int(time.time()) + 60}
    assert not await is_good(keys, oidc, jwt.encode(claims, "", algorithm="none", headers={"kid": "one"}))
    secret = b"a secret of thirty-two characters"
    assert not await is_good(keys, oidc, jwt.encode(claims, secret, "HS256", headers={"kid": "one"}))
    other = Provider(server=oidc.server)
    other.rotate("one")
    assert not await is_good(keys, oidc, other.token("one")), "another key of that name"
    other.rotate("one", kind="EC")
    assert not await is_good(keys, oidc, other.token("one", algorithm="ES256"))


async def test_keys_are_fetched_once_and_again_when_they_change(
    oidc: Provider, keys: JwtVerifier, clock: Clock
) -> None:
    good = await asyncio.gather(*(is_good(keys, oidc, oidc.token("one")) for _ in range(20)))
    assert (all(good), oidc.asked) == (True, 1)
    old = oidc.token("one")
    oidc.rotate("two", kind="EC")
    clock.now += 31
    assert await is_good(keys, oidc, oidc.token("two", algorithm="ES256"))
    assert not await is_good(keys, oidc, old)
    assert oidc.asked == 2
    for _ in range(20):
        assert not await is_good(keys, oidc, oidc.token("two", algorithm="ES256", kid="made up"))
    assert oidc.asked == 2, "unknown keys are asked for every 30 seconds at most"
    clock.now += 31
    assert not await is_good(keys, oidc, oidc.token("two", algorithm="ES256", kid="made up"))
    assert oidc.asked == 3


async def test_keys_are_good_as_long_as_the_provider_says(
    oidc: Provider, keys: JwtVerifier, clock: Clock
) -> None:
    oidc.headers = "Cache-Control: public, max-age=120\r\n"
    assert await is_good(keys, oidc, oidc.token("one"))
    clock.now += 119
    assert await is_good(keys, oidc, oidc.token("one"))
    assert oidc.asked == 1
    clock.now += 2
    assert await is_good(keys, oidc, oidc.token("one"))
    assert oidc.asked == 2


async def test_a_provider_that_is_down_holds_up_nobody_for_a_day(
    oidc: Provider, keys: JwtVerifier, clock: Clock
) -> None:
    token = oidc.token("one", exp=int(time.time()) + 100_000)
    assert await is_good(keys, oidc, token)
    oidc.down = True
    clock.now += 3600
    for _ in range(5):
        assert await is_good(keys, oidc, token)
    assert oidc.asked == 2, "it is not asked again at once"
    clock.now += 24 * 3600
    with pytest.raises(KeysUnavailableError):
        await is_good(keys, oidc, token)
    oidc.down = False
    clock.now += 31
    assert await is_good(keys, oidc, token)


async def test_where_the_keys_are_is_discovered(oidc: Provider, keys: JwtVerifier) -> None:
    assert await is_good(keys, oidc, oidc.token("one"), jwks_url=None)
    assert [each.target for each in (oidc.server.requests if oidc.server else [])] == [
        "/.well-known/openid-configuration",
        "/keys",
    ]
    with pytest.raises(KeysUnavailableError):
        await is_good(keys, oidc, oidc.token("one"), jwks_url=None, issuer=f"{oidc.url}/other")


@pytest.mark.parametrize(
    "url", ["http://keys.example/jwks", "ftp://127.0.0.1/keys", "http://169.254.169.254/", "x"]
)
async def test_keys_are_not_fetched_from_where_anybody_could_change_them(
    oidc: Provider, keys: JwtVerifier, url: str
) -> None:
    with pytest.raises(KeysUnavailableError):
        await is_good(keys, oidc, oidc.token("one"), jwks_url=url)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_webhook_lets_tokens_in(gateway: Gateway) -> None:
    async with provider() as oidc:
        settings = {"issuer": oidc.url, "audience": AUDIENCE, "claims": {"repository": "octo/repo"}}
        await gateway.apply(team("echo"), event("ci", auth=[{"type": "jwt", "jwt": settings}]))

        async def call(token: str) -> Any:
            return await gateway.post("ci", {"text": "x"}, headers={"authorization": f"Bearer {token}"})

        answer = await call(oidc.token("one", repository="octo/repo", sub="repo:octo/repo"))
        assert answer.status_code == 202, answer.text
        record = await gateway.record(answer.json()["runs"][0]["id"])
        assert record.submitted_by == "jwt:repo:octo/repo"
        for token in (oidc.token("one"), oidc.token("one", repository="octo/repo", exp=1), "x"):
            assert (await call(token)).status_code == 401
        oidc.down = True
        assert (await call(oidc.token("one", repository="octo/repo"))).status_code == 202
        other = {**settings, "audience": "unknown", "issuer": f"{oidc.url}/elsewhere"}
        await gateway.apply(team("echo"), event("cd", auth=[{"type": "jwt", "jwt": other}]))
        refused = await gateway.post("cd", headers={"authorization": f"Bearer {oidc.token('one')}"})
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "30")
