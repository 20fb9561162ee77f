"""Secrets in a key-value store, over the HTTP API of Vault and OpenBao."""

import asyncio
import logging
import ssl
from pathlib import Path
from typing import Any

import pytest

from tests.integration.secrets.reading import Reader
from tests.integration.secrets.servers import StubVault

TOKEN = "hvs.planted-root"
BY_TOKEN = {"token": {"env": "VAULT_TOKEN"}}
BY_ROLE = {"appRole": {"roleId": {"env": "ROLE_ID"}, "secretId": {"env": "SECRET_ID"}}}
ENVIRONMENT = {"VAULT_TOKEN": TOKEN, "ROLE_ID": "role-id-1", "SECRET_ID": "secret-id-planted-1"}


def vault(**fields: Any) -> StubVault:
    """A Vault with one secret."""
    made = StubVault(tokens={TOKEN: 0}, **fields)
    made.write("team/models", openai="sk-planted-1", region="eu")
    made.old["team/models"] = {"openai": "sk-planted-old"}
    return made


def spec(server: StubVault, refresh: int = 0, **fields: Any) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "address": server.url,
        "path": "team/models",
        "auth": BY_TOKEN,
        "timeoutSeconds": 2,
        "keys": {"OPENAI_API_KEY": "openai"},
    }
    return {"provider": "vault", "refreshSeconds": refresh, "vault": settings | fields}


def reader(server: StubVault, refresh: int = 0, **fields: Any) -> Reader:
    return Reader({"keys": spec(server, refresh, **fields)}, ENVIRONMENT)


async def test_both_versions_of_the_store_are_read() -> None:
    server = vault()
    with server.listening():
        assert await reader(server).values() == {"OPENAI_API_KEY": "sk-planted-1"}
        old = await reader(server, kv=1, mount="kv").values()
        assert old == {"OPENAI_API_KEY": "sk-planted-old"}
    assert server.paths()[1] == "GET /v1/secret/data/team/models"
    assert server.paths()[-1] == "GET /v1/kv/team/models"


async def test_without_keys_all_fields_come_and_no_text_becomes_json() -> None:
    server = vault()
    server.write("team/models", openai="sk-planted", tries=3, hosts=["a"], on=True)
    with server.listening():
        found = await reader(server, keys=None).values()
    assert found == {"openai": "sk-planted", "tries": "3", "hosts": '["a"]', "on": "true"}


async def test_a_version_is_pinned_and_the_last_one_rotates() -> None:
    server = vault()
    with server.listening():
        pinned, last = reader(server, version=1), reader(server)
        assert await last.value("OPENAI_API_KEY") == "sk-planted-1"
        server.write("team/models", openai="sk-planted-2")
        assert await last.value("OPENAI_API_KEY") == "sk-planted-2"
        assert await pinned.value("OPENAI_API_KEY") == "sk-planted-1"


async def test_what_is_not_there_or_deleted_is_no_secret() -> None:
    server = vault()
    with server.listening():
        assert await reader(server, path="team/others").values() is None
        server.versions["team/models"].append(None)
        assert await reader(server).values() is None


async def test_a_field_that_is_not_there_and_a_store_that_is_none_are_errors() -> None:
    server = vault()
    with server.listening():
        error = await reader(server, keys={"K": "other"}).failure()
        assert 'no field "other"' in str(error)
        assert "no handler for route" in str(await reader(server, mount="elsewhere").failure())


@pytest.mark.parametrize("method", ["appRole", "kubernetes"])
async def test_a_login_serves_until_it_is_revoked_or_ends(method: str, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("jwt-planted-of-the-pod\n")
    kubernetes = {"kubernetes": {"role": "ark", "tokenFile": str(tmp_path / "token")}}
    server = vault(lease=2)
    with server.listening():
        read = reader(server, auth=kubernetes if method == "kubernetes" else BY_ROLE)
        for _ in range(3):
            assert await read.values() == {"OPENAI_API_KEY": "sk-planted-1"}
        assert server.logins == 1
        server.tokens.clear()
        assert await read.values() == {"OPENAI_API_KEY": "sk-planted-1"}
        assert server.logins == 2
        await asyncio.sleep(1.5)  # before the lease of 2 seconds is over
        assert await read.values() == {"OPENAI_API_KEY": "sk-planted-1"}
        assert server.logins == 3


async def test_a_token_that_was_given_is_renewed_where_it_can_be() -> None:
    server = vault()
    server.tokens = {TOKEN: 1}
    with server.listening():
        read = reader(server)
        await read.values()
        await read.values()
        assert server.paths().count("POST /v1/auth/token/renew-self") == 1
        await asyncio.sleep(0.8)
        await read.values()
        assert server.paths().count("POST /v1/auth/token/renew-self") == 2


async def test_a_namespace_is_told(tmp_path: Path) -> None:
    server = vault(namespace="team-a")
    with server.listening():
        assert await reader(server, namespace="team-a").values() == {"OPENAI_API_KEY": "sk-planted-1"}
        await reader(server).failure()


@pytest.mark.parametrize(
    ("environment", "auth", "why"),
    [
        ({"VAULT_TOKEN": "hvs.planted-bad"}, BY_TOKEN, "HTTP 403: permission denied"),
        ({}, BY_TOKEN, "the variable VAULT_TOKEN of this process is missing or empty"),
        ({**ENVIRONMENT, "SECRET_ID": "planted-wrong"}, BY_ROLE, "HTTP 400: invalid role or secret ID [red"),
        ({}, {"kubernetes": {"role": "ark", "tokenFile": "/not/there"}}, "is not at /not/there"),
    ],
)
async def test_who_is_not_let_in_is_told_why_without_what_was_sent(
    environment: dict[str, str], auth: dict[str, Any], why: str
) -> None:
    server = vault()
    with server.listening():
        error = await Reader({"keys": spec(server, auth=auth)}, environment).failure()
    assert why in str(error)
    assert error.retryable


async def test_a_sealed_vault_and_one_that_is_down_are_bridged_over(caplog: pytest.LogCaptureFixture) -> None:
    server = vault()
    read = reader(server)
    with server.listening():
        assert await read.value("OPENAI_API_KEY") == "sk-planted-1"
        server.sealed = True
        with caplog.at_level(logging.WARNING):
            assert await read.value("OPENAI_API_KEY") == "sk-planted-1"
        assert "HTTP 503: Vault is sealed). Unseal it." in caplog.text
        assert "Unseal it" in str(await reader(server).failure())
    assert await read.value("OPENAI_API_KEY") == "sk-planted-1"
    assert "cannot be connected to" in str(await reader(server).failure())
    server.sealed = False
    server.write("team/models", openai="sk-planted-2")
    with server.listening():
        async with asyncio.timeout(30):
            while await read.value("OPENAI_API_KEY") != "sk-planted-2":
                await asyncio.sleep(0.1)
    assert "planted" not in caplog.text


async def test_a_certificate_is_checked_against_the_file_that_is_named(
    tls: ssl.SSLContext, certificate: Path, tmp_path: Path
) -> None:
    server = vault()
    with server.listening(tls):
        assert await reader(server, caFile=str(certificate)).values() == {"OPENAI_API_KEY": "sk-planted-1"}
        assert "certificate of https" in str(await reader(server).failure())
        assert "holds no certificates" in str(await reader(server, caFile=str(tmp_path / "no")).failure())


async def test_an_answer_that_is_too_long_or_too_late_is_an_error() -> None:
    server = vault(raw=b'{"data": "' + b"planted" * 200_000 + b'"}')
    with server.listening():
        assert "more than 1048576 bytes" in str(await reader(server).failure())
        server.raw, server.delay = None, 1.5
        assert "no answer in time" in str(await reader(server, timeoutSeconds=1).failure())


async def test_one_request_serves_all_who_ask_at_once() -> None:
    server = vault(delay=0.1)
    with server.listening():
        read = reader(server, refresh=30)
        await asyncio.gather(*(read.values() for _ in range(50)))
    assert server.paths() == ["POST /v1/auth/token/renew-self", "GET /v1/secret/data/team/models"]
