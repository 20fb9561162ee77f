"""What a webhook tool sends: arguments in the query or in the body, headers that HTTP can carry."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import parse_qsl, quote

import httpx2
from pydantic import JsonValue

from ark_temporal.tools.types import ToolError

_MAX_URL: Final = 16 * 1024
"""Characters; servers take 8 to 64 thousand."""

_HOST = re.compile(rb"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+(%[A-Za-z0-9._-]+)?")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")

_FRAMING: Final = frozenset(
    {"host", "connection", "content-length", "transfer-encoding", "upgrade", "te", "trailer"}
)
"""They say where a request goes and where it ends, which follows from its URL and its body."""


class UnfitArgumentsError(ValueError):
    """Arguments that cannot be sent; the message is for the model."""


def parse_url(text: str) -> httpx2.URL:
    """The address of a webhook, without its fragment.

    Raises:
        ToolError: `ToolNotConfigured`. Its message quotes nothing of the address, which may hold a secret.
    """
    try:
        url = httpx2.URL(text).copy_with(fragment=None)
        port = url.port
    except (httpx2.InvalidURL, ValueError):
        raise not_configured("The address of the webhook is not a URL.") from None
    if url.scheme not in ("http", "https") or not _HOST.fullmatch(url.raw_host):
        raise not_configured("The address of the webhook has to begin with http:// or https:// and a host.")
    if url.userinfo:
        raise not_configured(
            "The address of the webhook holds a user name or password. Put them in a header, from a Secret."
        )
    if port is not None and not 0 < port < 65536:
        raise not_configured(
            f"The address of the webhook has the port {port}, and there is none above 65535."
        )
    return url


def with_query(url: httpx2.URL, arguments: Mapping[str, JsonValue]) -> httpx2.URL:
    """The URL with the arguments after whatever its query holds.

    A list is sent as one parameter for each item, anything nested as JSON, and null not at all.

    Raises:
        UnfitArgumentsError: They would change a parameter of the URL itself, or are too long.
    """
    own = url.query.decode("ascii")
    fixed = {name for name, _ in parse_qsl(own, keep_blank_values=True)}
    pieces = [own] if own else []
    for name, value in arguments.items():
        if name in fixed:
            raise UnfitArgumentsError(f"Argument {name} cannot be given: the tool sets it itself.")
        try:
            pieces.extend(f"{quote(name, safe='')}={quote(text, safe='')}" for text in _texts(value))
        except UnicodeEncodeError:
            raise UnfitArgumentsError(f"Argument {name} holds half of a character.") from None
    query = "&".join(pieces)
    if len(query) + len(url.raw_path) > _MAX_URL:
        raise UnfitArgumentsError(
            f"The arguments are too long: they go into the tool's URL, which holds {_MAX_URL:,} characters."
        )
    return url.copy_with(query=query.encode("ascii")) if pieces else url


def header_items(headers: Mapping[str, str], key: str, *, has_body: bool) -> list[tuple[bytes, bytes]]:
    """The headers as they are sent.

    Raises:
        ToolError: `ToolNotConfigured`: HTTP cannot carry one of them. Its value is not told.
    """
    sent: dict[str, tuple[str, str]] = (
        {"content-type": ("Content-Type", "application/json")} if has_body else {}
    )
    for name, value in headers.items():
        _check_header(name, value)
        sent[name.lower()] = (name, value)
    _check_header("Idempotency-Key", key)
    sent["idempotency-key"] = ("Idempotency-Key", key)
    return [(name.encode("ascii"), value.strip(" \t").encode("latin-1")) for name, value in sent.values()]


def not_configured(message: str) -> ToolError:
    """An error that only a change of the manifest or of a Secret mends."""
    return ToolError("ToolNotConfigured", message, sent=False, retryable=False)


def _texts(value: JsonValue) -> Iterator[str]:
    if value is None:
        return
    for item in value if isinstance(value, list) else [value]:
        yield item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)


def _check_header(name: str, value: str) -> None:
    if not _TOKEN.fullmatch(name):
        raise not_configured(f"The webhook's header {name[:100]!r} has a name that HTTP does not allow.")
    if name.lower() in _FRAMING:
        raise not_configured(
            f"The webhook's header {name!r} cannot be set: it follows from the URL and the body. Remove it."
        )
    if "\n" in value or "\r" in value:
        raise not_configured(
            f"The value of the webhook's header {name!r} holds a line break, which HTTP does not allow. "
            "Often it is the one at the end of a Secret; write the Secret without it."
        )
    if _CONTROL.search(value):
        raise not_configured(f"The value of the webhook's header {name!r} holds a control character.")
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        raise not_configured(
            f"The value of the webhook's header {name!r} holds characters that HTTP headers do not have. "
            "They are limited to those of Latin-1."
        ) from None
