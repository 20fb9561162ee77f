"""Bodies of webhooks, as they are and as they should not be, over real sockets."""

import asyncio
import json
from collections.abc import AsyncGenerator

import pytest

from tests.integration.gateway.place import Gateway

pytestmark = pytest.mark.asyncio(loop_scope="module")

FORM = "application/x-www-form-urlencoded"


async def said(gateway: Gateway, body: str | bytes, kind: str, **headers: str) -> str:
    """What the run was asked."""
    sent = {**({"content-type": kind} if kind else {}), **headers}
    answer = await gateway.post("open", body, headers=sent)
    assert answer.status_code == 202, answer.text
    return (await gateway.ended(answer.json()["runs"][0]["id"])).output


async def raw(
    gateway: Gateway, *parts: bytes, path: str = "/triggers/default/open/fire", pause: float = 0
) -> str:
    """Send bytes as they are; the status of the answer, or nothing where there is none."""
    host, port = gateway.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(f"POST {path} HTTP/1.1\r\nHost: localhost\r\n".encode())
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause)
        async with asyncio.timeout(30):
            line = (await reader.readline()).decode()
        return line.split(" ")[1] if line else ""
    except OSError:
        return ""
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ('{"text": "rivers é 😀"}', "application/json"),
        ('{"text": "rivers é 😀"}', "application/json; charset=UTF-8"),
        ('{"text": "rivers é 😀"}', "application/vnd.api+json"),
        ('{"text": "lakes", "text": "rivers é 😀"}', "application/json"),
        ('{"text": "rivers é 😀"}', ""),
        ('{"text": "rivers é 😀"}', FORM),
        ("text=rivers+%C3%A9+%F0%9F%98%80", FORM),
        ("text=lakes&text=rivers%20%C3%A9%20%F0%9F%98%80", FORM),
    ],
)
async def test_bodies_that_are_read(gateway: Gateway, body: str, kind: str) -> None:
    assert "rivers é 😀" in await said(gateway, body, kind)


async def test_the_fields_of_a_multipart_body_are_read_and_files_refused(gateway: Gateway) -> None:
    answer = await gateway.client.post(
        gateway.path("open"), files=[("text", (None, "lakes")), ("text", (None, "rivers é"))]
    )
    assert answer.status_code == 202, answer.text
    assert "rivers é" in (await gateway.ended(answer.json()["runs"][0]["id"])).output
    refused = await gateway.client.post(gateway.path("open"), files={"text": ("a.txt", b"rivers")})
    assert refused.status_code == 415
    assert "Files" in refused.json()["error"]


async def test_nothing_is_a_body_too(gateway: Gateway) -> None:
    assert (await gateway.post("open", headers={})).status_code == 202
    assert (await gateway.post("open", b"", headers={"content-type": "application/json"})).status_code == 202


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (400, b"{", {"content-type": "application/json"}),
        (400, b"{'a': 1}", {"content-type": "application/json"}),
        (400, b"NaN", {"content-type": "application/json"}),
        (400, b'"\\ud800"', {"content-type": "application/json"}),
        (400, b"\xff\xfe", {"content-type": "application/json"}),
        (400, b"[" * 100 + b"]" * 100, {"content-type": "application/json"}),
        (400, b"[" * 100_000, {"content-type": "application/json"}),
        (400, b"text=%ff", {"content-type": FORM}),
        (400, b"&".join([b"a=1"] * 1001), {"content-type": FORM}),
        (400, b"--x\r\nnonsense", {"content-type": "multipart/form-data; boundary=x"}),
        (400, b"x", {"content-type": "multipart/form-data"}),
        (400, b"\xff", {"content-type": "text/plain"}),
        (415, b"<a/>", {"content-type": "application/xml"}),
        (415, b"{}", {"content-type": "application/octet-stream"}),
        (415, b"{}", {"content-type": "application/json; charset=utf-16"}),
        (415, b"{}", {"content-type": "application/json", "content-encoding": "gzip"}),
        (431, b"{}", {"x-long": "x" * 17_000}),
    ],
)
async def test_bodies_that_are_refused(
    gateway: Gateway, status: int, body: bytes, headers: dict[str, str]
) -> None:
    answer = await gateway.post("open", body, headers=headers)
    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"error"}


async def test_a_body_has_an_end(gateway: Gateway) -> None:
    fits = json.dumps({"text": "x" * 150})
    assert (await gateway.post("small", fits, headers={})).status_code == 202
    assert (await gateway.post("small", "x" * 201, headers={})).status_code == 413
    assert (await gateway.post("open", "x" * 1_048_577, headers={})).status_code == 413

    async def endless() -> AsyncGenerator[bytes]:
        for _ in range(1000):
            yield b"x" * 100

    answer = await gateway.client.post(gateway.path("small"), content=endless())
    assert answer.status_code == 413


async def test_a_large_body_is_stored_outside_of_the_history(gateway: Gateway) -> None:
    answer = await gateway.post("open", {"text": "deep " * 100_000}, headers={})
    assert answer.status_code == 202
    assert (await gateway.ended(answer.json()["runs"][0]["id"])).phase == "Succeeded"


async def test_a_body_in_pieces(gateway: Gateway) -> None:
    head = b"Transfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n"
    chunks = b'8\r\n{"text":\r\n', b'5\r\n"x"} \r\n', b"0\r\n\r\n"
    assert await raw(gateway, head, *chunks) == "202"


async def test_a_body_that_does_not_come(gateway: Gateway) -> None:
    assert await raw(gateway, b"Content-Length: 100\r\n\r\n", b"{") == "408"
    chunked = b"Transfer-Encoding: chunked\r\n\r\n"
    assert await raw(gateway, chunked, *([b"1\r\n \r\n"] * 8), pause=0.2) == "408"


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: -1\r\n\r\n",
        b"Content-Length: many\r\n\r\n",
        b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
async def test_lengths_that_are_none(gateway: Gateway, head: bytes) -> None:
    assert await raw(gateway, head) in ("400", "")
    assert (await gateway.post("open", headers={})).status_code == 202


async def test_paths_that_lead_nowhere(gateway: Gateway) -> None:
    for path in (
        "/triggers/default/..%2f..%2fopen/fire",
        "/triggers/default/%00/fire",
        "/triggers/x%0ay/open/fire",
    ):
        assert await raw(gateway, b"Content-Length: 0\r\n\r\n", path=path) == "404"


async def test_the_manifest_s_own_key(gateway: Gateway) -> None:
    one = await gateway.post("ordered", {"order": 7, "text": "a"}, headers={"idempotency-key": "1"})
    two = await gateway.post("ordered", {"order": 7, "text": "a"}, headers={"idempotency-key": "2"})
    assert one.json() == two.json()
    assert (await gateway.post("ordered", {"text": "a"}, headers={})).status_code == 400
