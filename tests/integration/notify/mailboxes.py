"""An SMTP server on a real socket, that keeps what it is given."""

import asyncio
import contextlib
import ssl
import warnings
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from functools import partial
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


@dataclass
class Mailbox:
    """What came in, and what it answers.

    Attributes:
        answer: To a mail; empty takes it.
        refused: Recipients that it does not know, and how it says so.
        logins: With what clients logged in.
        greeted: What clients called themselves.
        connections: How often somebody came.
    """

    port: int = 0
    answer: str = ""
    refused: dict[str, str] = field(default_factory=dict[str, str])
    raw: list[bytes] = field(default_factory=list[bytes])
    to: list[list[str]] = field(default_factory=list[list[str]])
    logins: list[tuple[bytes, bytes]] = field(default_factory=list[tuple[bytes, bytes]])
    greeted: list[str] = field(default_factory=list[str])
    password: bytes = b""
    connections: int = 0

    @property
    def mails(self) -> list[EmailMessage]:
        """What came in, parsed."""
        return [message_from_bytes(each, policy=default) for each in self.raw]

    async def handle_EHLO(  # noqa: N802 - so aiosmtpd calls it
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        """Who comes."""
        session.host_name = hostname
        self.greeted.append(hostname)
        return responses

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Whether a recipient is known."""
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Take a mail."""
        if self.answer:
            return self.answer
        content = envelope.content
        assert isinstance(content, bytes)
        self.raw.append(content)
        self.to.append(list(envelope.rcpt_tos))
        return "250 OK"

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        """Whether somebody may come in."""
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == self.password, handled=False)


@contextlib.asynccontextmanager
async def serving_mail(
    box: Mailbox,
    *,
    tls: ssl.SSLContext | None = None,
    starttls: ssl.SSLContext | None = None,
    password: bytes = b"",
) -> AsyncGenerator[Mailbox]:
    """A server on this machine.

    Args:
        box: Takes the mails.
        tls: Speaks TLS from the first byte.
        starttls: Offers STARTTLS, and asks for it.
        password: Of whoever may send; empty lets anybody.
    """
    box.password = password
    protocol = partial(
        SMTP,
        box,
        hostname="mail.example",
        tls_context=starttls,
        require_starttls=starttls is not None,
        auth_required=bool(password),
        auth_require_tls=starttls is not None,
        authenticator=box.authenticate if password else None,
        auth_exclude_mechanism=[] if password else ["LOGIN", "PLAIN"],
    )

    came: list[SMTP] = []

    def connected() -> SMTP:
        box.connections += 1
        with warnings.catch_warnings():  # it warns of logins without TLS, of which it may know nothing
            warnings.simplefilter("ignore", UserWarning)
            came.append(protocol())
        return came[-1]

    server = await asyncio.get_running_loop().create_server(connected, "127.0.0.1", box.port, ssl=tls)
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        server.close()
        for each in came:
            if each.transport is not None:
                each.transport.close()
        await asyncio.sleep(0.05)  # connections need a turn of the loop, those of TLS two, to be gone
