"""Payloads under the name of their content: the sha256 of their bytes.

Such names make a retried write harmless, let equal payloads share one place, and show damage when read.
"""

import asyncio
import hashlib
import re
from collections.abc import Callable
from typing import TypeVar

from temporalio.api.common.v1 import Payload
from temporalio.converter import StorageDriverClaim

from ark_temporal.storage.errors import PayloadMissingError

T = TypeVar("T")

LARGEST_VALUE_BYTES = 256 * 1024 * 1024
"""More than any run is allowed to have, whatever its encoding adds."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_LONG_BYTES = 1024 * 1024


def seal(payload: Payload) -> tuple[str, bytes]:
    """A payload's name and bytes."""
    data = payload.SerializeToString(deterministic=True)
    return hashlib.sha256(data).hexdigest(), data


def unseal(digest: str, data: bytes, place: str) -> Payload:
    """The payload that the bytes are.

    Raises:
        PayloadMissingError: They are not those that were named.
    """
    if hashlib.sha256(data).hexdigest() != digest:
        raise PayloadMissingError(f"Payload {digest[:12]} in {place} has been changed or damaged.")
    return Payload.FromString(data)


def claimed(claim: StorageDriverClaim) -> str:
    """The name that a claim of ours carries.

    Raises:
        PayloadMissingError: It carries none.
    """
    digest = claim.claim_data.get("sha256", "")
    if not _SHA256.fullmatch(digest):
        raise PayloadMissingError(f"A history names the stored payload {digest!r}, which is no sha256.")
    return digest


def missing(digest: str, place: str, keep: str) -> PayloadMissingError:
    """The error for a payload that is not there.

    Args:
        digest: Its name.
        place: Where it was looked for.
        keep: What keeps payloads alive there, as an imperative clause.
    """
    return PayloadMissingError(
        f"Payload {digest[:12]} is not in {place}: give every worker and client the same --storage, and "
        f"{keep}."
    )


async def aside(size: int, work: Callable[[], T]) -> T:
    """Do work on so many bytes, in a thread where it would hold up the loop."""
    return await asyncio.to_thread(work) if size > _LONG_BYTES else work()
