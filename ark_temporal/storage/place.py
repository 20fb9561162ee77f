"""The storage that `--storage` names, and what belongs to it."""

import importlib.util
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit, urlunsplit
from urllib.request import url2pathname

from temporalio.converter import StorageDriver

from ark_temporal.storage.directory import DirectoryDriver
from ark_temporal.storage.encryption import Keyring
from ark_temporal.storage.journal import DirectoryJournal, Journal, SealedJournal

JOURNAL_FOLDER = "journal"
_SHORTEST_TTL_SECONDS = 3600


async def _nothing_to_close() -> None:
    pass


@dataclass(frozen=True)
class Storage:
    """Where payloads and journal are kept.

    Attributes:
        driver: Keeps payloads that are too large for a history.
        journal: Keeps what must not be paid for twice.
        shown: The place for people, without credentials.
    """

    driver: StorageDriver
    journal: Journal
    shown: str
    _close: Callable[[], Awaitable[None]] = field(default=_nothing_to_close, repr=False)

    async def aclose(self) -> None:
        """Close what connections there are. They are made again when they are needed."""
        await self._close()


def directory_storage(root: Path, keyring: Keyring | None = None) -> Storage:
    """Storage in a directory of this machine."""
    journal = SealedJournal(DirectoryJournal(root / JOURNAL_FOLDER), keyring)
    return Storage(DirectoryDriver(root), journal, str(root))


def open_storage(where: str, keyring: Keyring | None = None) -> Storage:
    """The storage of that name: a directory as path or `file:` URL, `redis:`, `rediss:` or `s3:`.

    Nothing is asked yet: whether it answers shows when it is used.

    Args:
        where: Its name.
        keyring: Encrypts the journal. Payloads are encrypted before they come to the storage.

    Raises:
        ValueError: It is none of these, or a package for it is missing. The message has no credential in it.
    """
    scheme, there, _ = where.partition("://")
    if scheme.startswith("file:") or (scheme == "file" and there):
        return directory_storage(_directory(where), keyring)
    if not there:
        return directory_storage(Path(where).expanduser().absolute(), keyring)
    parts = urlsplit(where)
    match parts.scheme:
        case "redis" | "rediss":
            return _redis(parts, keyring)
        case "s3":
            return _s3(parts, keyring)
        case _:
            raise ValueError(
                f"Payload storage {scheme}:// is not supported: give a directory, redis://HOST:PORT/DB or "
                "s3://BUCKET/PREFIX."
            )


def _directory(where: str) -> Path:
    parts = urlsplit(where)
    if parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
        raise ValueError(f"Payload storage {where} names no directory of this machine: write file:///path.")
    return Path(url2pathname(parts.path))


def _redis(parts: SplitResult, keyring: Keyring | None) -> Storage:
    from ark_temporal.storage.redis_store import (
        DEFAULT_PREFIX,
        RedisDriver,
        RedisJournal,
        RedisLink,
        RedisPlace,
    )

    _need("redis", "redis", parts.scheme)
    shown = f"{parts.scheme}://{_host(parts)}{parts.path}"
    given = _options(parts, shown, "prefix", "ttl", "ssl_ca_certs")
    ttl = given.get("ttl")
    if ttl is not None and (not ttl.isdecimal() or int(ttl) < _SHORTEST_TTL_SECONDS):
        raise ValueError(
            f"Payload storage {shown}: ttl must be a number of seconds, at least {_SHORTEST_TTL_SECONDS}, "
            "and longer than any run takes plus the time that Temporal keeps it."
        )
    place = RedisPlace(
        url=urlunsplit(parts._replace(query="", fragment="")),
        shown=shown,
        prefix=given.get("prefix", DEFAULT_PREFIX),
        ttl_seconds=int(ttl) if ttl else None,
        ca_path=given.get("ssl_ca_certs"),
        password=unquote(parts.password) if parts.password else None,
    )
    link = RedisLink(place)
    return Storage(RedisDriver(link), SealedJournal(RedisJournal(link), keyring), shown, link.aclose)


def _s3(parts: SplitResult, keyring: Keyring | None) -> Storage:
    from ark_temporal.storage.s3_store import S3Driver, S3Journal, S3Link, S3Place

    if "@" in parts.netloc or ":" in parts.netloc or not parts.netloc:
        raise ValueError(
            "Payload storage s3:// is followed by a bucket's name alone: credentials come from where AWS's "
            "own tools find them, such as AWS_ACCESS_KEY_ID or the pod's role."
        )
    _need("aiobotocore", "ark-temporal[s3]", "s3")
    prefix = unquote(parts.path).strip("/")
    given = _options(parts, f"s3://{parts.netloc}/{prefix}", "endpoint", "region")
    endpoint = given.get("endpoint")
    if endpoint is not None and (not endpoint.startswith(("http://", "https://")) or "@" in endpoint):
        raise ValueError(
            f"Payload storage s3://{parts.netloc}: endpoint must be an http:// or https:// URL without "
            f"credentials, for example ?endpoint={quote('http://minio:9000', safe=':/')}."
        )
    place = S3Place(
        bucket=parts.netloc,
        prefix=f"{prefix}/" if prefix else "",
        endpoint=endpoint,
        region=given.get("region"),
    )
    link = S3Link(place)
    return Storage(S3Driver(link), SealedJournal(S3Journal(link), keyring), place.shown, link.aclose)


def _host(parts: SplitResult) -> str:
    """Host and port without credentials, which may have confused the parser."""
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host:
        raise ValueError(
            f"Payload storage {parts.scheme}:// needs HOST:PORT/DB behind it; a password's special "
            "characters are written as %XX."
        )
    return f"{host}:{port or 6379}"


def _options(parts: SplitResult, shown: str, *known: str) -> dict[str, str]:
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    for name in given:
        if name not in known:
            raise ValueError(f'Payload storage {shown} has no option "{name}": it has {", ".join(known)}.')
    return given


def _need(module: str, install: str, scheme: str) -> None:
    if importlib.util.find_spec(module) is None:
        raise ValueError(
            f"Payload storage {scheme}:// needs the package {module}, which is not installed: "
            f"pip install '{install}'."
        )
