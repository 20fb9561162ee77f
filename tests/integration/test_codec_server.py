"""What Temporal's Web UI and command see through the codec server."""

import asyncio
import base64
import json
import socket
import subprocess
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from google.protobuf.json_format import MessageToDict
from temporalio.api.common.v1 import Payload, Payloads

from ark_temporal.runs.connection import ConnectOptions, connect
from ark_temporal.storage import DirectoryDriver, data_converter
from ark_temporal.storage.converter import STORED_FROM_BYTES
from ark_temporal.storage.encryption import new_key, parse_keys
from tests.integration.lab import Lab, Run
from tests.integration.plans import chain
from worker.codec_server import CodecServerError, CodecServerOptions, codec_server
from worker.embedded import EmbeddedServer, server_binary

KEYRING = parse_keys(new_key("k"), "the test")
PROMPT = "Codename ZEBRAFISH"
LARGE = PROMPT + "." * 2 * STORED_FROM_BYTES
UI, TOKEN = "http://localhost:8233", "t0ken-of-the-test"


@pytest.fixture
async def client() -> AsyncGenerator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=20) as client:
        yield client


@pytest.fixture
async def url(tmp_path: Path) -> AsyncGenerator[str]:
    converter = data_converter(DirectoryDriver(tmp_path), KEYRING)
    async with codec_server(converter, CodecServerOptions(port=0, origins=[UI])) as url:
        yield url


def body(*payloads: Payload) -> dict[str, Any]:
    """Payloads as the Web UI sends them."""
    return MessageToDict(Payloads(payloads=payloads))


def read(answer: "httpx.Response") -> list[str]:
    """The texts that an answer has."""
    assert answer.status_code == 200, answer.text
    return [json.loads(base64.b64decode(each["data"])) for each in answer.json()["payloads"]]


async def encoded(tmp_path: Path, *values: str) -> list[Payload]:
    return await data_converter(DirectoryDriver(tmp_path), KEYRING).encode(values)


@pytest.mark.parametrize("path", ["/decode", "/default/decode", "/any/where/decode"])
async def test_encrypted_and_stored_payloads_are_decoded(
    url: str, client: httpx.AsyncClient, tmp_path: Path, path: str
) -> None:
    payloads = await encoded(tmp_path, PROMPT, LARGE, PROMPT)
    answer = await client.post(url + path, json=body(*payloads), headers={"X-Namespace": "default"})
    assert read(answer) == [PROMPT, LARGE, PROMPT]


async def test_references_are_kept_where_asked_and_downloaded_later(
    url: str, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    small, large = await encoded(tmp_path, PROMPT, LARGE)
    answer = await client.post(f"{url}/decode?preserveStorageRefs=true", json=body(large, small, large))
    told = answer.json()["payloads"]
    assert [told[0], told[2]] == body(large, large)["payloads"]
    assert json.loads(base64.b64decode(told[1]["data"])) == PROMPT
    assert read(await client.post(f"{url}/download", json=body(large))) == [LARGE]
    refused = await client.post(f"{url}/download", json=body(small))
    assert refused.status_code == 400


async def test_what_is_typed_into_the_web_ui_is_encrypted_and_stored(
    url: str, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    plain = await data_converter(None).encode([PROMPT, LARGE])
    answer = await client.post(f"{url}/encode", json=body(*plain))
    assert PROMPT.encode() not in base64.b64decode(answer.json()["payloads"][0]["data"])
    assert len(answer.content) < 2000
    assert read(await client.post(f"{url}/decode", json=answer.json())) == [PROMPT, LARGE]


async def test_what_is_not_encrypted_is_left_as_it_is(url: str, client: httpx.AsyncClient) -> None:
    plain = await data_converter(None).encode([PROMPT])
    assert read(await client.post(f"{url}/decode", json=body(*plain))) == [PROMPT]
    assert (await client.post(f"{url}/decode", json={})).json() == {}


async def test_errors_say_what_is_wrong(url: str, client: httpx.AsyncClient, tmp_path: Path) -> None:
    [small, large] = await encoded(tmp_path, PROMPT, LARGE)
    [foreign] = await data_converter(None, parse_keys(new_key("lost"), "the test")).encode([PROMPT])
    next(path for path in tmp_path.rglob("*") if path.is_file()).unlink()
    small.metadata["encoding"] = b"binary/encrypted"
    for path, sent, status, told in (
        ("/decode", json.dumps(body(foreign)), 422, 'the key "lost"'),
        ("/decode", json.dumps(body(large)), 404, "is not in the storage directory"),
        ("/decode", "[]", 400, "must be JSON"),
        ("/decode", "", 400, "must be JSON"),
        ("/decode", "{", 400, "must be JSON"),
        ("/decode", '{"payloads": [{"data": 3}]}', 400, "must be JSON"),
        ("/", "{}", 404, "only /encode"),
        ("/decode", "x" * (16 * 1024 * 1024 + 1), 413, "may have"),
    ):
        answer = await client.post(url + path, content=sent)
        assert (answer.status_code, told in answer.json()["error"]) == (status, True), answer.text
    assert (await client.get(f"{url}/decode")).status_code == 405


async def test_a_body_of_unknown_length_is_limited_too(url: str, client: httpx.AsyncClient) -> None:
    async def endless() -> AsyncGenerator[bytes]:
        for _ in range(40):
            yield b" " * 1024 * 1024

    try:
        answer = await client.post(f"{url}/decode", content=endless())
    except httpx.TransportError:
        return  # it hung up before all was sent
    assert answer.status_code == 413


async def test_only_pages_that_are_named_may_ask(url: str, client: httpx.AsyncClient, tmp_path: Path) -> None:
    payloads = body(*await encoded(tmp_path, PROMPT))
    asks = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,x-namespace",
    }
    preflight = await client.options(f"{url}/decode", headers={"Origin": UI, **asks})
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == UI
    assert "x-namespace" in preflight.headers["access-control-allow-headers"].lower()
    answer = await client.post(f"{url}/decode", json=payloads, headers={"Origin": UI})
    assert answer.headers["access-control-allow-origin"] == UI
    assert read(answer) == [PROMPT]
    evil = {"Origin": "http://evil.example"}
    assert (
        "access-control-allow-origin"
        not in (await client.options(f"{url}/decode", headers={**evil, **asks})).headers
    )
    refused = await client.post(f"{url}/decode", json=payloads, headers=evil)
    assert (refused.status_code, PROMPT in refused.text) == (403, False)


async def test_with_a_token_nobody_else_is_let_in(client: httpx.AsyncClient, tmp_path: Path) -> None:
    payloads = body(*await encoded(tmp_path, PROMPT))
    converter = data_converter(DirectoryDriver(tmp_path), KEYRING)
    options = CodecServerOptions(port=0, token=TOKEN)
    assert TOKEN not in repr(options)
    async with codec_server(converter, options) as url:
        for given in (
            {},
            {"Authorization": "Bearer wrong"},
            {"Authorization": TOKEN},
            {"Authorization": "Bearer ü"},
        ):
            headers = [(name.encode(), value.encode()) for name, value in given.items()]
            answer = await client.post(f"{url}/decode", json=payloads, headers=headers)
            assert (answer.status_code, TOKEN in answer.text) == (401, False)
        answer = await client.post(
            f"{url}/decode", json=payloads, headers={"Authorization": f"Bearer {TOKEN}"}
        )
    assert read(answer) == [PROMPT]


async def test_a_port_that_is_taken_is_said() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(
            CodecServerError, match=f"Nothing can listen on 127.0.0.1:{port}: Address already in use"
        ):
            async with codec_server(data_converter(None), CodecServerOptions(port=port)):
                pass


async def test_temporals_own_command_reads_a_run_through_it(
    server: EmbeddedServer, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, directory = new_key("k"), home / "payloads"
    monkeypatch.setenv("ARK_ENCRYPTION_KEYS", key)
    lab = Lab(await connect(ConnectOptions(address=server.address, storage=str(directory))), directory)
    run = await lab.start(chain("read", case=None), {"secret": LARGE})
    converter = data_converter(DirectoryDriver(directory), parse_keys(key, "the test"))
    async with codec_server(converter, CodecServerOptions(port=0, token=TOKEN)) as url:
        through = ("--codec-endpoint", f"{url}/{{namespace}}", "--codec-auth", f"Bearer {TOKEN}")
        assert PROMPT in await _input(server, run, *through)
        assert PROMPT not in await _input(server, run)
    await run.handle.terminate()


async def _input(server: EmbeddedServer, run: Run, *more: str) -> str:
    """A run's input, as `temporal workflow show` tells it."""
    show = [str(server_binary()), "workflow", "show", "-w", run.id, "-o", "json", "--address", server.address]
    told = await asyncio.to_thread(
        subprocess.run, [*show, *more], capture_output=True, text=True, timeout=40, check=True
    )
    started = json.loads(told.stdout)["events"][0]["workflowExecutionStartedEventAttributes"]
    return base64.b64decode(started["input"]["payloads"][0]["data"]).decode(errors="replace")
