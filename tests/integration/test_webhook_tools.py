"""Tools that are an HTTP request, against servers that answer well, badly, slowly and not at all."""

import asyncio
import gzip
import json
import logging
import socket
import time
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Literal
from urllib.parse import parse_qsl

import pytest
from pydantic import JsonValue

from ark_temporal.tools.egress import EgressPolicy, guarded_client
from ark_temporal.tools.limits import MAX_ANSWER_BYTES
from ark_temporal.tools.types import ToolAnswer, ToolError
from ark_temporal.tools.webhook import WebhookCall, call_webhook
from tests.integration.raw_http import Received, Reply, answer, listening, serving

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
SECRET = "sk-very-secret-value"


async def called(
    call: WebhookCall, arguments: dict[str, JsonValue] | None = None, policy: EgressPolicy | None = None
) -> ToolAnswer:
    async with guarded_client(policy or EgressPolicy()) as client:
        return await call_webhook(client, call, arguments or {}, key="key-1")


async def answered(reply: Reply, method: Method = "POST") -> ToolAnswer:
    """What a tool with this reply answers."""
    async with serving(reply) as server:
        return await called(WebhookCall(server.url(), method))


async def sent(path: str, call: WebhookCall, arguments: dict[str, JsonValue]) -> Received:
    """The request that a call makes."""
    async with serving(answer()) as server:
        result = await called(replace(call, url=server.url(path)), arguments)
        assert result == ToolAnswer(content="ok"), result
        return server.requests[0]


async def failure(call: WebhookCall, policy: EgressPolicy | None = None) -> ToolError:
    with pytest.raises(ToolError) as caught:
        await called(call, policy=policy)
    assert SECRET not in str(caught.value)
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    return caught.value


def kind(error: ToolError) -> tuple[str, bool, bool]:
    return error.type, error.sent, error.retryable


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
async def test_arguments_are_a_json_body(method: Method) -> None:
    arguments: dict[str, JsonValue] = {"title": "Größe", "list": [1, {"a": None}], "on": True}
    request = await sent("/x?v=1#here", WebhookCall("", method, {"Authorization": SECRET}), arguments)
    assert (request.method, request.target) == (method, "/x?v=1")
    assert json.loads(request.body) == arguments
    assert request.values("content-type") == ["application/json"]
    assert request.values("idempotency-key") == ["key-1"]
    assert request.values("authorization") == [SECRET]


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_arguments_are_a_query_after_that_of_the_address(method: Method) -> None:
    arguments: dict[str, JsonValue] = {
        "q": "a b&c=d/ü+",
        "tag": ["x", "y", 3],
        "empty": [],
        "on": True,
        "n": 1.5,
        "nothing": None,
        "nested": {"a": [1]},
        "pairs": [{"k": 1}, ["v"]],
    }
    request = await sent("/find?fixed=%2Fa+b&flag", WebhookCall("", method), arguments)
    assert request.method == method
    assert request.target.startswith("/find?fixed=%2Fa+b&flag&q=a%20b%26c%3Dd%2F%C3%BC%2B&")
    assert parse_qsl(request.target.partition("?")[2], keep_blank_values=True)[3:] == [
        ("tag", "x"),
        ("tag", "y"),
        ("tag", "3"),
        ("on", "true"),
        ("n", "1.5"),
        ("nested", '{"a": [1]}'),
        ("pairs", '{"k": 1}'),
        ("pairs", '["v"]'),
    ]
    assert request.body == b""
    assert request.values("content-type") == []
    assert request.values("idempotency-key") == ["key-1"]


async def test_an_argument_cannot_change_what_the_address_fixes() -> None:
    async with serving(answer()) as server:
        result = await called(WebhookCall(server.url("/?tenant=own"), "GET"), {"tenant": "other"})
        assert result.is_error
        assert "Argument tenant cannot be given" in result.content
        assert server.requests == []


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_arguments_that_do_not_match_the_schema_are_told_and_nothing_is_sent(method: Method) -> None:
    schema: dict[str, JsonValue] = {
        "type": "object",
        "properties": {"n": {"type": "integer"}},
        "required": ["n"],
    }
    async with serving(answer()) as server:
        call = WebhookCall(server.url(), method, input_schema=schema)
        result = await called(call, {"n": "ten"})
        assert result.is_error
        assert "Argument n: 'ten' is not of type 'integer'" in result.content
        assert "'n' is a required property" in (await called(call, {})).content
        assert server.connections == 0


async def test_arguments_that_no_url_holds_are_told() -> None:
    for arguments in ({"q": "x" * 20_000}, {"q": "\ud800"}):
        result = await called(WebhookCall("http://127.0.0.1:1/", "GET"), dict[str, JsonValue](arguments))
        assert result.is_error
        assert "The tool was not called" in result.content


async def test_headers_of_the_manifest_win_but_for_the_key() -> None:
    headers = {"content-type": "application/vnd.api+json", "idempotency-key": "mine", "X-Name": " Müller\t"}
    request = await sent("/", WebhookCall("", "POST", headers), {})
    assert request.values("content-type") == ["application/vnd.api+json"]
    assert request.values("idempotency-key") == ["key-1"]
    assert request.values("x-name") == ["Müller"]


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("X-Key", f"{SECRET}\n", "line break"),
        ("X-Key", f"{SECRET}\r\nX-Evil: 1", "line break"),
        ("X-Key", f"{SECRET}\x00", "control character"),
        ("X-Key", f"{SECRET}€", "Latin-1"),
        ("X Key", SECRET, "name"),
        ("X-Key\n", SECRET, "name"),
        ("", SECRET, "name"),
        ("Host", SECRET, "follows from the URL"),
        ("content-length", "3", "follows from the URL"),
        ("Transfer-Encoding", "chunked", "follows from the URL"),
    ],
)
async def test_a_header_that_http_cannot_carry_is_named_without_its_value(
    name: str, value: str, why: str
) -> None:
    error = await failure(WebhookCall("http://127.0.0.1:1/", headers={name: value}))
    assert kind(error) == ("ToolNotConfigured", False, False)
    assert why in str(error)
    assert repr(name) in str(error)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host/x",
        "file:///etc/passwd",
        "/relative",
        "",
        "http://",
        "http://h:70000/",
        f"http://user:{SECRET}@host/",
        f"http://{SECRET}@host/",
        f"http://[bad/?key={SECRET}",
        f"http://host/\n?key={SECRET}",
        f"http://{SECRET}:x/",
        "http://{{ .input.host }}/",
    ],
)
async def test_an_address_that_is_no_http_url_is_refused_without_quoting_it(url: str) -> None:
    error = await failure(WebhookCall(url))
    assert kind(error) == ("ToolNotConfigured", False, False)
    assert "address of the webhook" in str(error)


async def test_what_is_secret_shows_in_no_repr_and_no_log(caplog: pytest.LogCaptureFixture) -> None:
    call = WebhookCall(f"http://127.0.0.1:1/?key={SECRET}", headers={"X-Key": SECRET})
    assert SECRET not in repr(call)
    with caplog.at_level(logging.INFO):
        await failure(call)
    assert SECRET not in caplog.text


async def test_a_host_that_the_policy_forbids_is_not_called() -> None:
    async with serving(answer()) as server:
        error = await failure(WebhookCall(server.url()), EgressPolicy(deny=("127.0.0.0/8",)))
        assert kind(error) == ("ToolForbidden", False, False)
        assert server.connections == 0


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        ("text/plain", "grün".encode(), "grün"),
        ("text/plain; charset=ISO-8859-1", "grün".encode("latin-1"), "grün"),
        ('text/html; charset="windows-1251"', "привет".encode("cp1251"), "привет"),
        ("text/plain; charset=Shift_JIS", "日本".encode("shift_jis"), "日本"),
        ("text/plain", "grün €".encode("cp1252"), "grün €"),
        ("text/plain; charset=no-such", "grün".encode(), "grün"),
        ("text/plain; charset=punycode", b"abc", "abc"),
        ("text/plain; charset=base64", b"YWJj", "YWJj"),
        ("text/plain; charset=utf-8", b"a\xffb", "a\ufffdb"),
        ("text/plain", "\ufeffbom".encode(), "bom"),
        ("text/csv", "a;b".encode("utf-16"), "a;b"),
        ("application/json", b'{"a": 1}', '{"a": 1}'),
        ("application/json", '{"ü": 1}'.encode("utf-16-le"), '{"ü": 1}'),
        ("application/problem+json; charset=utf-8", b"{}", "{}"),
        (
            "application/xml",
            "<?xml version='1.0' encoding='iso-8859-1'?><ä/>".encode("latin-1"),
            "<?xml version='1.0' encoding='iso-8859-1'?><ä/>",
        ),
        (
            "text/html",
            "<html><meta charset=windows-1252><p>€".encode("cp1252"),
            "<html><meta charset=windows-1252><p>€",
        ),
        ("image/svg+xml", b"<svg/>", "<svg/>"),
        ("application/x-www-form-urlencoded", b"a=1&b=2", "a=1&b=2"),
        ("application/x-ndjson", b"{}\n{}", "{}\n{}"),
        ("application/octet-stream", "grün".encode(), "grün"),
        ("", b"untyped", "untyped"),
        ("", b"\x00\x01", "[binary content: of no stated type, 2 bytes]"),
        ("application/octet-stream", b"\xff\xfe\x00", "[binary content: application/octet-stream, 3 bytes]"),
        ("image/png", b"\x89PNG", "[binary content: image/png, 4 bytes]"),
        ("application/pdf", b"%PDF" * 500, "[binary content: application/pdf, 2,000 bytes]"),
        ("audio/wav; codec=x", b"RIFF", "[binary content: audio/wav, 4 bytes]"),
    ],
)
async def test_answers_of_every_content_type_become_text(content_type: str, body: bytes, text: str) -> None:
    assert await answered(answer(body, content_type)) == ToolAnswer(content=text)


async def test_an_empty_answer_says_so() -> None:
    for status in ("204 No Content", "200 OK"):
        result = await answered(answer(b"", status=status))
        assert result == ToolAnswer(content=f"The tool answered {status}, without content.")


@pytest.mark.parametrize(
    ("encoding", "body"),
    [("gzip", gzip.compress(b"packed", mtime=0)), ("deflate", zlib.compress(b"packed"))],
)
async def test_compressed_answers_are_unpacked(encoding: str, body: bytes) -> None:
    reply = answer(body, headers=f"Content-Encoding: {encoding}\r\n")
    assert await answered(reply) == ToolAnswer(content="packed")


@pytest.mark.parametrize("status", ["400 Bad", "404 Not Found", "422 U", "429 T", "500 E", "503 S"])
async def test_other_statuses_are_errors_with_their_body(status: str) -> None:
    result = await answered(answer('{"error": "no such id"}', "application/json", status))
    code = status[:3]
    assert result.is_error
    assert result.content.startswith(f"HTTP {code} ")
    assert result.content.endswith('\n{"error": "no such id"}')
    assert (await answered(answer(b"", status=status))).content.startswith(f"HTTP {code} ")


async def test_an_error_counts_even_when_its_body_is_long_or_breaks_off() -> None:
    async def broken(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 500 Oops\r\nContent-Length: 100\r\n\r\nbegun")

    assert await answered(broken) == ToolAnswer(
        content="HTTP 500 Internal Server Error\nbegun", is_error=True
    )
    long = await answered(answer(b"x" * 200_000, status="500 Oops"))
    assert long.is_error
    assert len(long.content) < 70_000
    assert long.content.endswith("[cut]")


@pytest.mark.parametrize(
    ("location", "told"),
    [
        (
            f"https://user:{SECRET}@other.example:8443/path?token={SECRET}#x",
            "to https://other.example:8443/path,",
        ),
        ("/elsewhere?x=1", "/elsewhere,"),
        ("//evil.example", "to http://evil.example/,"),
    ],
)
@pytest.mark.parametrize("status", ["301 M", "302 F", "303 S", "307 T", "308 P"])
async def test_a_redirect_is_told_and_not_followed(location: str, told: str, status: str) -> None:
    async with serving(answer(b"", status=status, headers=f"Location: {location}\r\n")) as server:
        result = await called(WebhookCall(server.url(), headers={"Authorization": SECRET}))
        assert len(server.requests) == 1
    assert result.is_error
    assert result.content.startswith(f"HTTP {status[:3]} ")
    assert told in result.content
    assert "not followed" in result.content
    assert SECRET not in result.content
    assert "x=1" not in result.content


async def test_a_server_that_is_not_there_was_sent_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    for url in (f"http://127.0.0.1:{port}/?key={SECRET}", f"http://no-such-host.invalid/?key={SECRET}"):
        error = await failure(WebhookCall(url))
        assert kind(error) == ("ToolUnreachable", False, True)


async def test_a_server_that_does_not_speak_tls_was_sent_nothing() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(answer(status="400 Bad Request"))

    async with listening(plain) as port:
        error = await failure(WebhookCall(f"https://127.0.0.1:{port}/"))
    assert kind(error) == ("ToolUnreachable", False, True)


def writes(*parts: bytes, pause: float = 0.0) -> Callable[[asyncio.StreamWriter], Awaitable[None]]:
    async def reply(writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause)

    return reply


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (writes(), ("ToolConnectionLost", True, True)),
        (writes(b"HTTP/1.1 200 O"), ("ToolConnectionLost", True, True)),
        (writes(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"), ("ToolConnectionLost", True, True)),
        (
            writes(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"),
            ("ToolConnectionLost", True, True),
        ),
        (writes(f"SSH-2.0 {SECRET}\r\n\r\n".encode()), ("ToolBadReply", True, False)),
        (
            writes(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
            ("ToolBadReply", True, False),
        ),
        (answer(b"not gzip", headers="Content-Encoding: gzip\r\n"), ("ToolBadReply", True, False)),
        (
            writes(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000 + b"\r\n\r\n"),
            ("ToolBadReply", True, False),
        ),
    ],
)  # fmt: skip
async def test_half_an_answer_and_nonsense_are_told_apart(
    reply: Reply, expected: tuple[str, bool, bool]
) -> None:
    async with serving(reply) as server:
        error = await failure(WebhookCall(server.url(f"/?key={SECRET}"), headers={"X-Key": SECRET}))
        assert len(server.requests) == 1
    assert kind(error) == expected
    assert f"http://127.0.0.1:{server.port}" in str(error)


DRIP = [b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", *[b"x"] * 200]


async def silent(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(30)


@pytest.mark.parametrize("reply", [silent, writes(*DRIP, pause=0.05)])
async def test_the_deadline_is_of_the_whole_call(reply: Reply) -> None:
    async with serving(reply) as server:
        began = time.monotonic()
        error = await failure(WebhookCall(server.url(), timeout_seconds=0.4))
        assert time.monotonic() - began < 10
    assert kind(error) == ("ToolTimeout", True, True)
    assert "0.4 seconds" in str(error)


async def test_waiting_for_a_connection_is_no_sending() -> None:
    async def slow(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(1)
        writer.write(answer())

    async with serving(slow) as server, guarded_client(EgressPolicy(), max_connections=1) as client:
        first = asyncio.create_task(call_webhook(client, WebhookCall(server.url()), {}, key="1"))
        await asyncio.sleep(0.1)
        with pytest.raises(ToolError) as caught:
            await call_webhook(client, WebhookCall(server.url(), timeout_seconds=0.3), {}, key="2")
        assert kind(caught.value) == ("ToolTimeout", False, True)
        assert (await first).content == "ok"
        assert len(server.requests) == 1


async def test_a_cancelled_call_ends_at_once_and_leaves_the_client_usable() -> None:
    async with (
        serving(silent) as slow,
        serving(answer()) as quick,
        guarded_client(EgressPolicy(), max_connections=1) as client,
    ):
        call = asyncio.create_task(call_webhook(client, WebhookCall(slow.url()), {}, key="1"))
        await asyncio.sleep(0.1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert (await call_webhook(client, WebhookCall(quick.url()), {}, key="2")).content == "ok"


async def test_an_answer_at_the_limit_is_read_and_one_above_it_is_not() -> None:
    whole = await answered(answer(b"x" * MAX_ANSWER_BYTES))
    assert len(whole.content) == MAX_ANSWER_BYTES
    written = 0

    async def endless(writer: asyncio.StreamWriter) -> None:
        nonlocal written
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            written += 65536
            await writer.drain()

    packed = answer(gzip.compress(b"x" * (MAX_ANSWER_BYTES + 1)), headers="Content-Encoding: gzip\r\n")
    for reply in (endless, packed):
        async with serving(reply) as server:
            error = await failure(WebhookCall(server.url()))
        assert kind(error) == ("ToolReplyTooLarge", True, False)
    assert written < 2 * MAX_ANSWER_BYTES


async def test_a_server_that_answers_before_it_has_read_all_is_heard() -> None:
    async def early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer("too large", status="413 Payload Too Large", headers="Connection: close\r\n"))
        await writer.drain()
        writer.write_eof()
        await asyncio.sleep(0.3)

    async with listening(early) as port:
        result = await called(WebhookCall(f"http://127.0.0.1:{port}/"), {"big": "x" * 900_000})
    assert result.is_error
    assert result.content.endswith("too large")
