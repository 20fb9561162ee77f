"""One mail, handed to an SMTP server once. Temporal owns all retries."""

import asyncio
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Final, Literal

import aiosmtplib
import httpx2

from ark_temporal.foreign_errors import certificate_error
from ark_temporal.notify.sending import NotSentError
from ark_temporal.tools.types import ToolError

MAIL_SECONDS: Final = 15.0
"""From looking the host up to the server's last word."""

Connect = Callable[[str, int], Awaitable[socket.socket]]
"""Connects to a host and port, or raises what `guarded_socket` raises."""

_PORTS: Final[Mapping[str, int]] = {"starttls": 587, "tls": 465, "none": 25}
_ENHANCED: Final = re.compile(r"[245]\.\d{1,3}\.\d{1,3}(?=\s|$)")
"""A status such as `5.7.1`. Nothing else of what a server says is worth the risk of repeating a secret."""


@dataclass(frozen=True)
class MailServer:
    """Who takes a mail.

    Attributes:
        port: 0 is the usual one of `tls`.
        username: Empty where nobody logs in.
    """

    host: str
    port: int = 0
    tls: Literal["starttls", "tls", "none"] = "starttls"
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)


async def send_mail(
    connect: Connect,
    server: MailServer,
    message: EmailMessage,
    *,
    trust: ssl.SSLContext | None = None,
) -> str:
    """Hand a mail over. Who takes it for one recipient has taken it.

    Args:
        connect: Checks where it connects to.
        server: With the values of secrets.
        message: The mail.
        trust: Which certificates count; by default those of the system.

    Returns:
        For how many recipients the server did not take it, in a sentence; empty where for none.

    Raises:
        NotSentError: Its message has no word of the server's but its status.
    """
    try:
        async with asyncio.timeout(MAIL_SECONDS):
            connection = await connect(server.host, server.port or _PORTS[server.tls])
            refused = await _converse(connection, server, message, trust or httpx2.create_ssl_context())
    except ToolError as error:
        raise NotSentError(str(error), retryable=error.retryable) from None
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        raise _failure(error, server) from None
    return f"The server did not take it for {refused} of its recipients." if refused else ""


async def _converse(
    connection: socket.socket, server: MailServer, message: EmailMessage, trust: ssl.SSLContext
) -> int:
    client = aiosmtplib.SMTP(
        hostname=server.host,
        sock=connection,
        local_hostname=_own_name(connection),
        use_tls=server.tls == "tls",
        start_tls=server.tls == "starttls",
        tls_context=trust,
        username=server.username or None,
        password=server.password or None,
        timeout=MAIL_SECONDS,
    )
    try:
        async with client:
            refused, _ = await client.send_message(message)
    finally:
        connection.close()
    return len(refused)


def _own_name(connection: socket.socket) -> str:
    """Who we are to the server: an address, as RFC 5321 lets those do who have no name."""
    address: str = connection.getsockname()[0]
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


def _failure(error: Exception, server: MailServer) -> NotSentError:
    certificate = certificate_error(error)
    if certificate is not None:
        why = f"Its certificate is not valid: {certificate.verify_message}."
        return NotSentError(why, retryable=False)
    match error:
        case aiosmtplib.SMTPRecipientsRefused():
            codes = [(each.code, each.message) for each in error.recipients]
            retryable = any(code < 500 for code, _ in codes)
            told = ", ".join(sorted({_status(code, said) for code, said in codes}))
            return NotSentError(f"It takes no mail for any of the recipients: {told}.", retryable=retryable)
        case aiosmtplib.SMTPAuthenticationError():
            why = f"It does not take the user name and the password: {_status(error.code, error.message)}."
            return NotSentError(why, retryable=error.code < 500)
        case aiosmtplib.SMTPResponseException():
            why = f"It answered {_status(error.code, error.message)}."
            return NotSentError(why, retryable=not 500 <= error.code < 600)
        case aiosmtplib.SMTPTimeoutError() | TimeoutError():
            return NotSentError(f"It did not take it within {MAIL_SECONDS:g} seconds.", retryable=True)
        case aiosmtplib.SMTPConnectError() | ConnectionRefusedError():
            return NotSentError("It cannot be connected to.", retryable=True)
        case OSError():
            return NotSentError("The connection was lost before it took the mail.", retryable=True)
        case aiosmtplib.SMTPException():
            what = "STARTTLS" if server.tls == "starttls" else "TLS as the channel asks for it"
            why = f"It does not support {what}, or no way to log in that we know. See the channel's `tls`."
            return NotSentError(why, retryable=False)
        case _:
            return NotSentError("The mail cannot be written in SMTP.", retryable=False)


def _status(code: int, said: str) -> str:
    """What a server means, without its words."""
    enhanced = _ENHANCED.match(said.strip())
    return f"{code} {enhanced.group()}" if enhanced else str(code)
