"""Mails over real sockets: what they say, who takes them, and what is never in them."""

import asyncio
import logging
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue

from activities.messaging import Messenger
from ark_temporal.notify import NotSentError
from ark_temporal.plan.calls import Notification
from ark_temporal.plan.people import ChannelPlan, EmailPlan, NotifyPlan
from ark_temporal.plan.references import KeyRef
from ark_temporal.secrets import MappingStore, Secrets
from ark_temporal.tools.egress import EgressPolicy, guarded_client
from tests.integration.certificates import server_side, write_certificate
from tests.integration.failures.cases import failing, script
from tests.integration.lab import Lab
from tests.integration.mcp.servers import closed_port
from tests.integration.notify.mailboxes import Mailbox, serving_mail
from tests.integration.notify.telling import ended, notifier, pager, telling
from tests.integration.plans import NAMESPACE

PASSWORD = "sk-mail-password-7f3a"
LOGIN: dict[str, Any] = {
    "username": KeyRef(name="mail", key="user"),
    "password": KeyRef(name="mail", key="password"),
}


def mailing(box: Mailbox, *, template: str = "", **fields: Any) -> ChannelPlan:
    given: dict[str, Any] = {
        "host": "localhost",
        "port": box.port,
        "tls": "none",
        "sender": "Ark <ark@team.example>",
        "to": ("Ännchen <ann@team.example>", "bob@team.example"),
    } | fields
    return ChannelPlan(type="email", template=template, email=EmailPlan(**given))


def happened(
    channel: ChannelPlan, about: Mapping[str, JsonValue] | None = None, **fields: Any
) -> Notification:
    given: dict[str, Any] = {
        "id": "TeamFailed#1",
        "step": "cook",
        "namespace": NAMESPACE,
        "team": "menu",
        "run": "run-1",
        "event": "TeamFailed",
        "notify": NotifyPlan(name="pager", channels=(channel,)),
        "message": "Töpfe fehlen: 鍋",
        "about": about or {},
    } | fields
    return Notification(**given)


async def send(
    notification: Notification, policy: EgressPolicy | None = None, *, is_sample: bool = False
) -> str:
    values = {"user": "ark", "password": PASSWORD}
    secrets = Secrets([MappingStore({("Secret", NAMESPACE, "mail"): values})], {})
    async with guarded_client(EgressPolicy()) as client:
        messenger = Messenger(client, secrets, policy or EgressPolicy())
        return await messenger.send(notification, 0, is_sample=is_sample)


async def refused(notification: Notification, policy: EgressPolicy | None = None) -> NotSentError:
    with pytest.raises(NotSentError) as caught:
        await send(notification, policy)
    assert PASSWORD not in str(caught.value)
    assert caught.value.__cause__ is None
    return caught.value


async def test_a_mail_says_what_happened_in_every_script() -> None:
    async with serving_mail(Mailbox()) as box:
        assert await send(happened(mailing(box))) == ""
        assert await send(happened(mailing(box))) == ""
    first, second = box.mails
    assert first["Subject"] == "TeamFailed: team menu, run run-1"
    assert first["From"] == "Ark <ark@team.example>"
    assert str(first["To"]) == "Ännchen <ann@team.example>, bob@team.example"
    assert first.get_content().strip() == "TeamFailed: Töpfe fehlen: 鍋 (team menu, run run-1, step cook)"
    assert box.to[0] == ["ann@team.example", "bob@team.example"]
    assert first["Message-ID"] == second["Message-ID"] != ""
    assert first["Message-ID"].endswith("@team.example>")
    assert first["Date"] is not None
    assert first["Auto-Submitted"] == "auto-generated"
    assert all(max(map(len, raw.split(b"\r\n"))) < 1000 for raw in box.raw)
    assert box.greeted[0] == "[127.0.0.1]"


async def test_templates_fill_subject_and_text() -> None:
    about: dict[str, JsonValue] = {"run": {"status": {"failedStep": "cook"}}}
    async with serving_mail(Mailbox()) as box:
        channel = mailing(
            box, subject="{{ .Event }} at {{ .run.status.failedStep }}", template="{{ .Message }}!"
        )
        assert await send(happened(channel, about)) == ""
        broken = mailing(box, subject='{{ fail "no" }}', template="{{ .Message }}!")
        assert "does not render" in await send(happened(broken), is_sample=True)
    first, second = box.mails
    assert (first["Subject"], first.get_content().strip()) == ("TeamFailed at cook", "Töpfe fehlen: 鍋!")
    assert second["Subject"] == "[sample] TeamFailed: team menu, run run-1"


@pytest.mark.parametrize(
    "poison", ["x\r\nBcc: eve@evil.example", "x\nBcc: eve@evil.example", "x\u2028y\x00\x0b"]
)
async def test_nothing_that_a_run_says_adds_a_header_or_a_recipient(poison: str) -> None:
    async with serving_mail(Mailbox()) as box:
        channel = mailing(box, subject="about {{ .Message }}", template="{{ .Message }}\n.\nQUIT\n")
        await send(happened(channel, message=poison))
    [mail] = box.mails
    assert mail["Bcc"] is None
    assert box.to == [["ann@team.example", "bob@team.example"]]
    assert "\n" not in mail["Subject"]
    assert mail["Subject"].startswith("about x")
    assert ".\r\nQUIT" in mail.get_content()


@pytest.mark.parametrize("address", ["eve@evil.example\r\nRCPT TO:<x@y>", "a@b, c@d", "no address", ""])
async def test_an_address_that_is_none_sends_nothing(address: str) -> None:
    async with serving_mail(Mailbox()) as box:
        error = await refused(happened(mailing(box, to=(address,))))
        assert box.raw == []
    assert not error.retryable


@pytest.mark.parametrize("how", ["starttls", "tls"])
async def test_tls_either_way_with_a_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    files = write_certificate(tmp_path, "localhost", "192.0.2.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(files[0]))
    side: dict[str, ssl.SSLContext] = {how: server_side(files)}
    async with serving_mail(Mailbox(), password=PASSWORD.encode(), **side) as box:
        assert await send(happened(mailing(box, tls=how, **LOGIN))) == ""
        assert box.logins == [(b"ark", PASSWORD.encode())]
        monkeypatch.delenv("SSL_CERT_FILE")
        error = await refused(happened(mailing(box, tls=how, **LOGIN)))
        assert len(box.logins) == 1, "who is not known is told no password"
    assert len(box.raw) == 1
    assert not error.retryable
    assert "certificate is not valid" in str(error)


async def test_a_server_without_starttls_is_told_nothing() -> None:
    async with serving_mail(Mailbox()) as box:
        error = await refused(happened(mailing(box, tls="starttls", **LOGIN)))
    assert (error.retryable, box.raw, box.logins) == (False, [], [])
    assert "does not support STARTTLS" in str(error)


async def test_a_wrong_password_is_not_tried_again() -> None:
    async with serving_mail(Mailbox(), password=b"another") as box:
        error = await refused(happened(mailing(box, **LOGIN)))
    assert (error.retryable, box.raw) == (False, [])
    assert "does not take the user name and the password: 535 5.7.8" in str(error)


@pytest.mark.parametrize(
    ("answer", "retryable", "told"),
    [
        (f"451 4.7.1 Greylisted, {PASSWORD}", True, "It answered 451 4.7.1."),
        ("554 5.7.1 Spam", False, "It answered 554 5.7.1."),
        ("552 too large", False, "It answered 552."),
    ],
)
async def test_a_status_says_whether_to_try_again(answer: str, retryable: bool, told: str) -> None:
    async with serving_mail(Mailbox(answer=answer)) as box:
        error = await refused(happened(mailing(box)))
    assert (error.retryable, str(error)) == (retryable, told)


@pytest.mark.parametrize(("status", "retryable"), [("450 busy", True), ("550 5.1.1 nobody", False)])
async def test_recipients_that_nobody_knows(status: str, retryable: bool) -> None:
    every = {"ann@team.example": status, "bob@team.example": status}
    async with serving_mail(Mailbox(refused=every)) as box:
        error = await refused(happened(mailing(box)))
        box.refused = {"bob@team.example": status}
        warning = await send(happened(mailing(box)))
    assert error.retryable == retryable
    assert warning == "The server did not take it for 1 of its recipients."
    assert box.to == [["ann@team.example"]]


async def test_a_host_that_may_not_be_reached_is_not_connected_to() -> None:
    async with serving_mail(Mailbox()) as box:
        error = await refused(happened(mailing(box)), EgressPolicy(deny=("127.0.0.0/8",)))
        assert box.connections == 0
        assert await send(happened(mailing(box)), EgressPolicy(allow=("localhost",))) == ""
    assert not error.retryable
    assert "may not be reached" in str(error)


async def test_nobody_there_is_tried_again() -> None:
    error = await refused(happened(mailing(Mailbox(port=closed_port()))))
    assert (error.retryable, str(error)) == (True, "It cannot be connected to.")


async def test_a_server_that_hangs_up_or_says_nonsense_is_tried_again() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        await reader.readline()
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        error = await refused(happened(mailing(Mailbox(port=server.sockets[0].getsockname()[1]))))
    assert error.retryable


async def test_a_run_is_told_of_by_mail_and_nobody_reads_the_password(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving_mail(Mailbox(answer="450 later"), password=PASSWORD.encode()) as box:
        plan = telling("mailed", pager(mailing(box, **LOGIN), window_seconds=0))
        secrets = {"mail": {"user": "ark", "password": PASSWORD}}
        async with lab.working(script=script(failing("cook", message="No pots.")), secrets=secrets):
            run = await lab.start(plan)
            await run.ended()
            async with asyncio.timeout(30):
                while not box.logins:
                    await asyncio.sleep(0.02)
            box.answer = ""
            result = await ended(lab, "mailed", "TeamFailed")
        ours = notifier(lab, "mailed", "TeamFailed")
        written = "".join([str(event) for each in (run, ours) for event in await each.events()])
    [mail] = box.mails
    assert f"No pots. (team mailed, run {run.id}, step cook)" in mail.get_content().replace("\n", " ")
    assert result.delivered == 1
    assert PASSWORD not in written
    assert PASSWORD not in caplog.text
