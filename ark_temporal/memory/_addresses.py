"""Addresses of servers: checked before use, and shown without what they hold in secret."""

import re
from typing import Final
from urllib.parse import SplitResult, quote, unquote, urlsplit

from ark_temporal.memory.types import MemoryUnavailable

_MAX_QUOTE: Final = 300
_SHORTEST_SECRET: Final = 3


def split_address(what: str, url: str, schemes: tuple[str, ...], example: str) -> SplitResult:
    """Take an address apart.

    Args:
        what: What the address is called, for the error.
        url: The address.
        schemes: Those that it may have.
        example: An address as it should be.

    Raises:
        MemoryUnavailable: It is no such address. The error does not repeat it.
    """
    # A password with a bare `/`, `#` or `?` would otherwise be read as a host, and shown as one.
    try:
        parts = urlsplit(url.strip())
        is_address = parts.scheme in schemes and parts.hostname and parts.port != 0
        broken = "@" in parts.path + parts.query + parts.fragment
    except ValueError:
        parts, is_address, broken = SplitResult("", "", "", "", ""), False, "@" in url
    if broken:
        raise MemoryUnavailable(
            f"{what} cannot be read: its port is no number, or its user or password holds a character that "
            "has a meaning in addresses. Write such characters percent-encoded, for example %2F for a slash.",
            retryable=False,
        )
    if not is_address:
        raise MemoryUnavailable(
            f"{what} is not the address of a server. Write it in full, with its scheme, for example "
            f"{example}.",
            retryable=False,
        )
    return parts


def http_address(what: str, url: str, example: str) -> str:
    """The address of an HTTP server, without a slash at its end.

    Raises:
        MemoryUnavailable: It is none, or it holds a user or a password.
    """
    parts = split_address(what, url, ("http", "https"), example)
    if parts.username or parts.password:
        # HTTP clients log the addresses they ask.
        raise MemoryUnavailable(
            f"{what} holds a user name or a password, which would be written into logs. Take it out; an API "
            "key belongs into its Secret.",
            retryable=False,
        )
    return url.strip().rstrip("/")


def host_of(parts: SplitResult) -> str:
    """Host and port, which are no secret."""
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{host}:{parts.port}" if parts.port else f"{host}"


def quoted(text: str, *secrets: str | None) -> str:
    """A server's words: one line, without secrets, and not too many of them."""
    forms = {
        form for secret in secrets if secret for form in (secret, unquote(secret), quote(secret, safe=""))
    }
    for form in sorted(forms, key=len, reverse=True):
        if len(form) >= _SHORTEST_SECRET:
            text = text.replace(form, "***")
    line = re.sub(r"[\s\x00-\x1f\x7f]+", " ", text).strip().rstrip(".")
    return line if len(line) <= _MAX_QUOTE else f"{line[: _MAX_QUOTE - 1]}…"
