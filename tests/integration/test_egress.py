"""The HTTP client of tools, on real sockets: it connects to what was checked, and to nothing else."""

import asyncio
import socket
from collections.abc import Sequence
from pathlib import Path

import httpx2
import pytest

from ark_temporal.tools.egress import EgressPolicy, Resolver, guarded_client
from ark_temporal.tools.types import ToolError
from tests.integration.certificates import server_side, write_certificate
from tests.integration.raw_http import RawServer, answer, serving

OPEN = EgressPolicy()


def standing_for(*answers: Sequence[str]) -> tuple[Resolver, list[tuple[str, int]]]:
    """A resolver that gives one answer after the other, the last for ever, and what it was asked."""
    asked: list[tuple[str, int]] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append((host, port))
        return answers[min(len(asked), len(answers)) - 1]

    return resolve, asked


async def refusal(url: str, policy: EgressPolicy = OPEN, resolver: Resolver | None = None) -> ToolError:
    async with guarded_client(policy, resolver=resolver, timeout=5) as client:
        with pytest.raises(ToolError) as caught:
            await client.get(url)
    return caught.value


async def test_hosts_of_this_machine_are_reached_by_name_and_by_address() -> None:
    async with serving(answer("here")) as server, guarded_client(EgressPolicy()) as client:
        for host in ("127.0.0.1", "localhost", "LOCALHOST", "2130706433", "0x7f.1"):
            response = await client.get(server.url(host=host))
            assert response.text == "here"
        assert [request.values("host") for request in server.requests[:2]] == [
            [f"127.0.0.1:{server.port}"],
            [f"localhost:{server.port}"],
        ]


async def test_ipv6_is_reached() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("This machine has no IPv6.")
    async with serving(answer("six"), host="::1") as server, guarded_client(EgressPolicy()) as client:
        assert (await client.get(server.url())).text == "six"
    denying = EgressPolicy(deny=("::1",))
    assert (await refusal(server.url(), denying)).type == "ToolForbidden"
    assert (await refusal(server.url(host="[0:0:0:0:0:0:0:1]"), denying)).type == "ToolForbidden"
    assert (await refusal(server.url(host="[::]"), denying)).type == "ToolForbidden"


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "2852039166",
        "0xa9fea9fe",
        "0xA9.0xFE.0xA9.0xFE",
        "169.254.43518",
        "169.16689662",
        "025177524776",
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]",
        "[0:0:0:0:0:ffff:a9fe:a9fe]",
        "[64:ff9b::169.254.169.254]",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "[fe80::1%25lo]",
        "100.100.100.200",
        "1684301000",
        "metadata.google.internal",
        "metadata.google.internal.",
        "METADATA.Google.Internal",
        "169。254。169。254",
    ],
)
async def test_metadata_is_refused_in_every_spelling(host: str) -> None:
    error = await refusal(f"http://{host}/latest/meta-data/")
    assert (error.type, error.sent, error.retryable) == ("ToolForbidden", False, False)
    assert "metadata" in str(error)
    assert "latest" not in str(error)


async def test_no_connection_is_made_to_what_is_denied() -> None:
    async with serving(answer()) as server:
        for policy in (
            EgressPolicy(deny=("127.0.0.0/8",)),
            EgressPolicy(allow=("10.0.0.0/8",)),
            EgressPolicy(allow=(f"127.0.0.1:{server.port + 1}",)),
            EgressPolicy(deny=(f"*:{server.port}",)),
            EgressPolicy().narrowed(EgressPolicy(allow=("elsewhere.example",))),
        ):
            for host in ("127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]"):
                error = await refusal(server.url(host=host), policy)
                assert (error.type, error.sent) == ("ToolForbidden", False)
        assert server.connections == 0


async def test_a_name_that_changes_its_mind_gains_nothing() -> None:
    """What the first lookup gave is checked and connected to; a new connection is checked anew."""
    resolver, asked = standing_for(["127.0.0.1"], ["169.254.169.254"])
    async with (
        serving(answer("inside", headers="Connection: close\r\n")) as server,
        guarded_client(EgressPolicy(), resolver=resolver) as client,
    ):
        response = await client.get(server.url(host="rebind.example"))
        assert response.text == "inside"
        assert asked == [("rebind.example", server.port)]
        assert server.requests[0].values("host") == [f"rebind.example:{server.port}"]
        with pytest.raises(ToolError) as caught:
            await client.get(server.url(host="rebind.example"))
    assert caught.value.type == "ToolForbidden"
    assert "rebind.example" in str(caught.value)
    assert "169.254.169.254" in str(caught.value)
    assert len(asked) == 2


async def test_names_are_not_looked_up_where_the_name_is_refused() -> None:
    resolver, asked = standing_for(["127.0.0.1"])
    for policy in (EgressPolicy(allow=("good.example",)), EgressPolicy(deny=("secret-data.evil.example",))):
        assert (await refusal("http://secret-data.evil.example/", policy, resolver)).type == "ToolForbidden"
    assert asked == []


async def test_the_next_address_is_tried_when_one_does_not_answer() -> None:
    async with serving(answer("second")) as server:
        resolver, _ = standing_for(["127.0.0.2", "127.0.0.1"])
        async with guarded_client(EgressPolicy(), resolver=resolver) as client:
            assert (await client.get(server.url(host="two.example"))).text == "second"
        allowed = EgressPolicy(allow=("127.0.0.2",))
        resolver, _ = standing_for(["127.0.0.2", "127.0.0.1"])
        async with guarded_client(allowed, resolver=resolver) as client:
            with pytest.raises(httpx2.ConnectError):
                await client.get(server.url(host="two.example"))
        assert server.connections == 1


async def test_a_host_without_an_address_is_unreachable() -> None:
    error = await refusal("http://no-such-host.invalid/x?token=secret")
    assert (error.type, error.sent, error.retryable) == ("ToolUnreachable", False, True)
    assert "no-such-host.invalid" in str(error)
    assert "secret" not in str(error)
    nothing, _ = standing_for([])
    assert (await refusal("http://empty.example/", resolver=nothing)).type == "ToolUnreachable"
    assert (await refusal(f"http://{'x' * 70}.example/")).type == "ToolUnreachable"


async def test_a_slow_lookup_ends_with_the_time_to_connect() -> None:
    async def never(host: str, port: int) -> Sequence[str]:
        await asyncio.sleep(60)
        return []

    async with guarded_client(EgressPolicy(), resolver=never, timeout=0.2) as client:
        with pytest.raises(ToolError) as caught:
            await client.get("http://slow.example/")
    assert (caught.value.type, caught.value.sent) == ("ToolUnreachable", False)


async def test_no_redirect_is_followed_and_no_cookie_kept() -> None:
    reply = answer("", status="302 Found", headers="Location: /next\r\nSet-Cookie: session=1; Path=/\r\n")
    async with serving(reply) as server, guarded_client(EgressPolicy(), headers={"X-Own": "1"}) as client:
        for _ in range(2):
            assert (await client.get(server.url())).status_code == 302
        assert len(server.requests) == 2
        assert [request.target for request in server.requests] == ["/", "/"]
        assert server.requests[1].values("cookie") == []
        assert server.requests[1].values("x-own") == ["1"]
        assert server.connections == 1


async def test_proxies_and_passwords_of_the_environment_are_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login user password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    async with serving(answer("proxy")) as proxy, serving(answer("target")) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url())
        async with guarded_client(EgressPolicy()) as client:
            assert (await client.get(server.url())).text == "target"
        assert server.requests[0].values("authorization") == []
        assert proxy.connections == 0


async def test_connections_are_bounded_and_shared() -> None:
    async def slowly(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.05)
        writer.write(answer(headers="Connection: close\r\n"))

    async with serving(slowly) as server, guarded_client(EgressPolicy(), max_connections=3) as client:
        began = asyncio.get_running_loop().time()
        await asyncio.gather(*(client.get(server.url()) for _ in range(12)))
        assert asyncio.get_running_loop().time() - began > 0.18
        assert len(server.requests) == 12


async def test_certificates_and_sni_are_about_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: list[str | None] = []
    files = write_certificate(tmp_path, "api.example.com", "192.0.2.1")
    context = server_side(files)
    context.sni_callback = lambda connection, name, _: names.append(name)
    monkeypatch.setenv("SSL_CERT_FILE", str(files[0]))
    resolver, _ = standing_for(["127.0.0.1"])
    async with (
        serving(answer("safe"), tls=context) as server,
        guarded_client(EgressPolicy(), resolver=resolver) as client,
    ):
        assert (await client.get(server.url(host="api.example.com"))).text == "safe"
        assert names == ["api.example.com"]
        assert server.requests[0].values("host") == [f"api.example.com:{server.port}"]
        with pytest.raises(httpx2.ConnectError, match="match"):
            await client.get(server.url(host="other.example.com"))
    await untrusted(server, resolver, monkeypatch)


async def untrusted(server: RawServer, resolver: Resolver, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same certificate, once nobody vouches for it."""
    monkeypatch.delenv("SSL_CERT_FILE")
    async with guarded_client(EgressPolicy(), resolver=resolver) as client:
        with pytest.raises(httpx2.ConnectError):
            await client.get(server.url(host="api.example.com"))
