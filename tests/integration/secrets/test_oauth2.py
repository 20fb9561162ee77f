"""Access tokens by client credentials, from a real server on a socket."""

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest

from ark_temporal.plan.references import KeyRef
from ark_temporal.secrets import Lookups, SecretError
from tests.integration.secrets.reading import Reader
from tests.integration.secrets.servers import TokenServer

SECRET = "planted:client/secret+%"
NOTHING: dict[str, Any] = {}
TOKEN = KeyRef(name="keys", key="token")


def spec(server: TokenServer, **fields: Any) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "tokenURL": f"{server.url}/token",
        "clientId": "the client",
        "clientSecretFrom": {"secretKeyRef": {"name": "client", "key": "secret"}},
        "timeoutSeconds": 2,
    }
    return {"provider": "oauth2", "oauth2": settings | fields}


def reader(server: TokenServer, **fields: Any) -> Reader:
    return Reader({"keys": spec(server, **fields)}, given={"client": {"secret": SECRET}})


def token_server(**fields: Any) -> TokenServer:
    return TokenServer(clients={"the client": SECRET}, **fields)


@pytest.mark.parametrize("style", ["basic", "body"])
async def test_a_token_is_fetched_and_used_until_it_is_due(style: str) -> None:
    server = token_server()
    with server.listening():
        read = reader(server, style=style, scopes=["a", "b"], audience="https://api", params={"x": "1"})
        assert await read.value("token") == "token-planted-1"
        assert await read.value("authorization") == "Bearer token-planted-1"
        assert await read.value("other") is None
    [asked] = server.asked
    assert asked.form.items() >= {"scope": "a b", "audience": "https://api", "x": "1"}.items()
    assert ("authorization" in asked.headers) == (style == "basic")
    assert ("client_secret" in asked.form) == (style == "body")


async def test_fifty_at_once_make_one_request_and_one_more_when_the_token_is_due() -> None:
    server = token_server(lives="2", delay=0.2)  # some servers write the number as text
    with server.listening():
        read = reader(server, skewSeconds=1)
        assert set(await asyncio.gather(*(read.value("token") for _ in range(50)))) == {"token-planted-1"}
        await asyncio.sleep(1.1)
        assert set(await asyncio.gather(*(read.value("token") for _ in range(50)))) == {"token-planted-2"}
    assert len(server.asked) == 2


@pytest.mark.slow
async def test_a_token_serves_until_it_ends_where_the_server_is_gone_and_no_longer() -> None:
    server = token_server(lives=4)
    read = reader(server, skewSeconds=3)
    with server.listening():
        assert await read.value("token") == "token-planted-1"
    await asyncio.sleep(2.1)
    assert await read.value("token") == "token-planted-1"
    await asyncio.sleep(2)
    assert "cannot be connected to" in str(await read.failure())
    with server.listening():
        await asyncio.sleep(2.1)  # a provider that has failed is left alone for a moment
        assert await read.value("token") == "token-planted-2"


async def test_a_token_that_was_refused_is_replaced() -> None:
    server = token_server()
    with server.listening():
        read = reader(server)
        lookups = [Lookups(read.secrets, "default") for _ in range(20)]
        assert {await each.text(TOKEN) for each in lookups} == {"token-planted-1"}
        assert await asyncio.gather(*(each.are_renewed() for each in lookups)) == [True] * 20
        assert await read.value("token") == "token-planted-2"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ((401, {"error": "invalid_client", "error_description": SECRET}), "HTTP 401 (invalid_client)"),
        ((400, {"error": f"planted {SECRET}"}), "HTTP 400. Check"),
        ((503, NOTHING), "HTTP 503. Look at the server"),
        ((302, NOTHING), "HTTP 302"),
        ((200, NOTHING), "holds no token"),
        ((200, {"access_token": "planted\r\nX: 1"}), "holds no token"),
        ((200, {"access_token": "planted", "token_type": "mac"}), "holds no bearer token"),
    ],
)
async def test_what_the_server_says_instead_is_explained_without_its_words(
    answer: tuple[int, dict[str, Any]], why: str
) -> None:
    server = token_server(wrong=answer)
    with server.listening():
        error = await reader(server).failure()
    assert why in str(error)
    assert error.retryable


async def test_a_wrong_secret_is_not_repeated() -> None:
    server = TokenServer(clients={"the client": "another"})
    with server.listening():
        assert "HTTP 401 (invalid_client)" in str(await reader(server).failure())


async def test_an_answer_is_bounded_in_size_and_time() -> None:
    server = token_server(raw=b'{"access_token": "' + b"planted" * 200_000 + b'"}')
    with server.listening():
        assert "more than 1048576 bytes" in str(await reader(server).failure())
    server.raw = b"<html>planted</html>"
    with server.listening():
        assert "holds no token" in str(await reader(server).failure())
    server.delay = 1.5
    with server.listening():
        assert "no answer in time" in str(await reader(server, timeoutSeconds=1).failure())


async def test_a_certificate_of_nobody_known_is_refused(tls: ssl.SSLContext, tmp_path: Path) -> None:
    server = token_server()
    with server.listening(tls):
        assert "the certificate of https://127.0.0.1" in str(await reader(server).failure())
    assert server.asked == []


async def test_what_it_proves_itself_with_must_be_there() -> None:
    server = token_server()
    missing = {"file": "/not/there"}
    error = await Reader({"keys": spec(server, clientSecretFrom=missing)}).failure()
    assert "the file /not/there is missing or empty" in str(error)
    error = await Reader({"keys": spec(server)}).failure()
    assert 'the key "secret" of the Secret "client" is missing or empty' in str(error)


async def test_a_clients_secret_that_was_replaced_is_read_anew(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(SECRET)
    kept = {"provider": "file", "refreshSeconds": 3600, "file": {"directory": str(tmp_path)}}
    server = token_server(lives=0)
    with server.listening():
        read = Reader({"keys": spec(server), "client": kept})
        assert await read.value("token") == "token-planted-1"
        (tmp_path / "secret").write_text("planted-new")
        server.clients = {"the client": "planted-new"}
        await read.failure()
        async with asyncio.timeout(30):
            while (await value_or_none(read)) != "token-planted-2":
                await asyncio.sleep(0.1)


async def value_or_none(read: Reader) -> str | None:
    try:
        return await read.value("token")
    except SecretError:
        return None
