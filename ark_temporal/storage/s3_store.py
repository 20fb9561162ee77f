"""Payloads and journal in S3, or in what speaks its protocol. Payloads through Temporal's own S3 driver."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.contrib.aws.s3driver import S3StorageDriver, S3StorageDriverClient
from temporalio.converter import (
    StorageDriverClaim,
    StorageDriverRetrieveContext,
    StorageDriverStoreContext,
)

from ark_temporal.storage.content import LARGEST_VALUE_BYTES
from ark_temporal.storage.errors import (
    PayloadMissingError,
    StorageError,
    StorageUnavailableError,
    refuse_oversize,
)
from ark_temporal.storage.journal import entry_name

_CONNECT_SECONDS, _ANSWER_SECONDS = 5, 30
_ABSENT = frozenset({"404", "NoSuchKey", "NotFound"})


@dataclass(frozen=True)
class S3Place:
    """A place in an S3. Credentials come from where AWS's own tools find them.

    Attributes:
        bucket: The bucket; it must exist.
        prefix: How all keys begin; empty, or ends with a slash.
        endpoint: URL of a server that is not AWS.
        region: The bucket's region; None takes the environment's.
    """

    bucket: str
    prefix: str = ""
    endpoint: str | None = None
    region: str | None = None

    @property
    def shown(self) -> str:
        """The place for people."""
        return f"s3://{self.bucket}/{self.prefix}"


class ObjectMissingError(LookupError):
    """There is no such object."""


class S3Link:
    """The connections to one bucket, made when first used."""

    def __init__(self, place: S3Place) -> None:
        self.place = place
        self._opened = contextlib.AsyncExitStack()
        self._opening = asyncio.Lock()
        self._client: Any = None

    async def put(self, key: str, data: bytes) -> None:
        """Write an object.

        Raises:
            StorageUnavailableError: S3 does not answer, or refuses it.
        """
        async with self._asking() as client:
            await client.put_object(Bucket=self.place.bucket, Key=key, Body=data)

    async def has(self, key: str) -> bool:
        """Whether there is such an object.

        Raises:
            StorageUnavailableError: S3 does not answer, or refuses us.
        """
        try:
            async with self._asking() as client:
                await client.head_object(Bucket=self.place.bucket, Key=key)
        except ObjectMissingError:
            return False
        return True

    async def get(self, key: str) -> bytes:
        """Read an object.

        Raises:
            ObjectMissingError: There is none.
            StorageUnavailableError: S3 does not answer, or refuses us; or the object cannot be ours.
        """
        async with self._asking() as client:
            answer = await client.get_object(Bucket=self.place.bucket, Key=key)
            async with answer["Body"] as body:
                if int(answer["ContentLength"]) > LARGEST_VALUE_BYTES:
                    raise StorageUnavailableError(
                        f"An object in {self.place.shown} is larger than any of ours can be."
                    )
                return await body.read()

    async def aclose(self) -> None:
        """Close the connections."""
        self._client = None
        await self._opened.aclose()

    @contextlib.asynccontextmanager
    async def _asking(self) -> "AsyncGenerator[Any]":
        from aiohttp import ClientError as TransportError
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield await self._connected()
        except ClientError as error:
            code = _code(error)
            if code in _ABSENT:
                raise ObjectMissingError from None
            raise self._unavailable(f"it answers {code}") from None
        except (BotoCoreError, TransportError, OSError) as error:
            raise self._unavailable(type(error).__name__) from None

    async def _connected(self) -> Any:
        async with self._opening:
            if self._client is None:
                from aiobotocore.config import AioConfig
                from aiobotocore.session import AioSession

                needed = "when_required" if self.place.endpoint else "when_supported"
                config: Any = AioConfig(
                    connect_timeout=_CONNECT_SECONDS,
                    read_timeout=_ANSWER_SECONDS,
                    retries={"total_max_attempts": 1},  # Temporal owns all retries
                    s3={"addressing_style": "path"} if self.place.endpoint else None,
                    request_checksum_calculation=needed,  # not every server knows the newer checksums
                    response_checksum_validation=needed,
                )
                session: Any = AioSession()
                self._client = await self._opened.enter_async_context(
                    session.create_client(
                        "s3",
                        region_name=self.place.region,
                        endpoint_url=self.place.endpoint,
                        config=config,
                    )
                )
        return self._client

    def _unavailable(self, reason: str) -> StorageUnavailableError:
        return StorageUnavailableError(
            f"The storage {self.place.shown} does not do its work: {reason}. It needs the rights to list the "
            "bucket, and to get and put objects under that prefix."
        )


class S3Driver(S3StorageDriver):
    """Temporal's S3 driver, with our prefix in its keys and our errors.

    Its claims have the bucket and the whole key, so that Temporal's driver in any language can read them, and
    so can we when the prefix has changed.
    """

    def __init__(self, link: S3Link) -> None:
        super().__init__(_Objects(link), link.place.bucket, max_payload_size=LARGEST_VALUE_BYTES)
        self._place = link.place

    async def store(
        self, context: StorageDriverStoreContext, payloads: Sequence[Payload]
    ) -> list[StorageDriverClaim]:
        """Keep payloads and say how to find them again.

        Raises:
            ApplicationError: One is larger than the storage takes.
            StorageUnavailableError: S3 does not answer, or refuses it.
        """
        for payload in payloads:
            refuse_oversize(payload.ByteSize(), LARGEST_VALUE_BYTES, f"the storage {self._place.shown}")
        try:
            claims = await super().store(context, payloads)
        except RuntimeError as error:
            raise _ours(error) from None
        return [
            StorageDriverClaim({**claim.claim_data, "key": self._place.prefix + claim.claim_data["key"]})
            for claim in claims
        ]

    async def retrieve(
        self, context: StorageDriverRetrieveContext, claims: Sequence[StorageDriverClaim]
    ) -> list[Payload]:
        """Read payloads back.

        Raises:
            PayloadMissingError: One is not here, or is not what it was.
            StorageUnavailableError: S3 does not answer.
        """
        for claim in claims:
            if claim.claim_data.get("bucket") != self._place.bucket or "key" not in claim.claim_data:
                raise PayloadMissingError(
                    f"A history names a payload that is not in {self._place.shown}: give every worker and "
                    "client the same --storage."
                )
        try:
            return await super().retrieve(context, claims)
        except ValueError:
            raise PayloadMissingError(
                f"A payload in {self._place.shown} has been changed or damaged."
            ) from None
        except RuntimeError as error:
            raise _ours(error) from None


class S3Journal:
    """A journal in S3. Its entries stay until the bucket's lifecycle removes them."""

    def __init__(self, link: S3Link) -> None:
        self._link = link

    async def find(self, key: str) -> bytes | None:
        """The value that was kept under the key, if it is still there."""
        try:
            return await self._link.get(self._key(key))
        except ObjectMissingError:
            return None

    async def keep(self, key: str, value: bytes) -> None:
        """Keep a value."""
        refuse_oversize(len(value), LARGEST_VALUE_BYTES, f"the journal in {self._link.place.shown}")
        await self._link.put(self._key(key), value)

    def _key(self, key: str) -> str:
        return f"{self._link.place.prefix}journal/{entry_name(key)}"


class _Objects(S3StorageDriverClient):
    """What Temporal's driver asks of a client; the prefix is in the keys of claims, and in no other."""

    def __init__(self, link: S3Link) -> None:
        self._link = link

    async def put_object(self, *, bucket: str, key: str, data: bytes) -> None:
        await self._link.put(self._link.place.prefix + key, data)

    async def object_exists(self, *, bucket: str, key: str) -> bool:
        return await self._link.has(self._link.place.prefix + key)

    async def get_object(self, *, bucket: str, key: str) -> bytes:
        try:
            return await self._link.get(key)
        except ObjectMissingError:
            place = self._link.place.shown
            raise PayloadMissingError(
                f"A payload is not in {place}: give every worker and client the same --storage, and let the "
                "bucket's lifecycle keep objects as long as the runs that use them."
            ) from None


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", "an error"))


def _ours(error: RuntimeError) -> RuntimeError:
    """What our client raised, out of what Temporal's driver has wrapped it in."""
    return error.__cause__ if isinstance(error.__cause__, StorageError) else error
