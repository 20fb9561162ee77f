"""Payloads kept outside of history."""

import asyncio
import os
import resource
import time
from pathlib import Path

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    DataConverter,
    StorageDriverClaim,
    StorageDriverRetrieveContext,
    StorageDriverStoreContext,
)

from ark_temporal.plan.start import PipelineResult
from ark_temporal.storage import DirectoryDriver, data_converter, open_storage
from ark_temporal.storage.converter import STORED_FROM_BYTES
from ark_temporal.storage.errors import PayloadMissingError

STORE, RETRIEVE = StorageDriverStoreContext(), StorageDriverRetrieveContext()


def payload(data: bytes, **metadata: bytes) -> Payload:
    return Payload(data=data, metadata=metadata)


def files(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file())


async def test_payloads_come_back_in_order_and_whole(tmp_path: Path) -> None:
    driver = DirectoryDriver(tmp_path / "new" / "store")
    given = [payload(b"one", encoding=b"json/plain"), payload(b""), payload(b"\0" * 100_000)]
    claims = await driver.store(STORE, given)
    assert await driver.retrieve(RETRIEVE, claims) == given
    assert await DirectoryDriver(driver.root).retrieve(RETRIEVE, claims[::-1]) == given[::-1]


async def test_equal_payloads_share_one_file_whatever_the_order_of_their_metadata(tmp_path: Path) -> None:
    driver = DirectoryDriver(tmp_path)
    metadata = {f"key{number}": b"x" for number in range(50)}
    turned = dict(reversed(metadata.items()))
    claims = await driver.store(STORE, [payload(b"x", **metadata), payload(b"x", **turned)])
    assert claims[0] == claims[1]
    assert len(files(tmp_path)) == 1
    await driver.store(STORE, [payload(b"x", **metadata, other=b"x")])
    assert len(files(tmp_path)) == 2


async def test_a_stored_payload_is_not_for_everyone(tmp_path: Path) -> None:
    await DirectoryDriver(tmp_path).store(STORE, [payload(b"x")])
    [file] = files(tmp_path)
    assert file.stat().st_mode & 0o077 == 0
    assert file.parent.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("damage", [b"", b"other", None])
async def test_a_damaged_file_is_never_taken_for_the_payload(tmp_path: Path, damage: bytes | None) -> None:
    driver = DirectoryDriver(tmp_path)
    claims = await driver.store(STORE, [payload(b"a long enough payload")])
    [file] = files(tmp_path)
    file.write_bytes(file.read_bytes()[:-1] if damage is None else damage)
    with pytest.raises(PayloadMissingError, match="changed or damaged"):
        await driver.retrieve(RETRIEVE, claims)


async def test_a_missing_file_says_where_it_was_looked_for_and_what_to_do(tmp_path: Path) -> None:
    claims = await DirectoryDriver(tmp_path / "here").store(STORE, [payload(b"x")])
    with pytest.raises(PayloadMissingError) as caught:
        await DirectoryDriver(tmp_path / "there").retrieve(RETRIEVE, claims)
    assert str(tmp_path / "there") in str(caught.value)
    assert "--storage" in str(caught.value)


@pytest.mark.parametrize("digest", ["../../secret", "", "a" * 63, "A" * 64, "/etc/passwd", "a" * 64 + "\n"])
async def test_a_claim_cannot_lead_out_of_the_directory(tmp_path: Path, digest: str) -> None:
    (tmp_path / "secret").write_bytes(payload(b"x").SerializeToString())
    driver = DirectoryDriver(tmp_path / "store" / "below")
    with pytest.raises(PayloadMissingError, match="no sha256"):
        await driver.retrieve(RETRIEVE, [StorageDriverClaim({"sha256": digest})])


async def test_a_claim_of_another_driver_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PayloadMissingError):
        await DirectoryDriver(tmp_path).retrieve(RETRIEVE, [StorageDriverClaim({"key": "x"})])


async def test_many_writers_of_one_payload_leave_one_whole_file(tmp_path: Path) -> None:
    big = payload(b"x" * 1_000_000)
    drivers = [DirectoryDriver(tmp_path) for _ in range(16)]
    claims = await asyncio.gather(*(driver.store(STORE, [big, big]) for driver in drivers))
    assert len(files(tmp_path)) == 1
    assert await drivers[0].retrieve(RETRIEVE, claims[-1]) == [big, big]


async def test_what_is_stored_or_read_again_counts_as_used(tmp_path: Path) -> None:
    driver = DirectoryDriver(tmp_path)
    claims = await driver.store(STORE, [payload(b"x")])
    [file] = files(tmp_path)
    for use in (lambda: driver.store(STORE, [payload(b"x")]), lambda: driver.retrieve(RETRIEVE, claims)):
        os.utime(file, (1, 1))
        await use()
        assert time.time() - file.stat().st_mtime < 60
    assert files(tmp_path) == [file]


async def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            await DirectoryDriver(tmp_path).store(STORE, [payload(b"x" * 1_000_000)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert files(tmp_path) == []


async def test_only_what_is_large_is_stored(tmp_path: Path) -> None:
    converter = data_converter(DirectoryDriver(tmp_path))
    small = await converter.encode([PipelineResult(output="x" * 1000)])
    assert files(tmp_path) == []
    large = PipelineResult(output="x" * STORED_FROM_BYTES)
    encoded = await converter.encode([large])
    assert len(files(tmp_path)) == 1
    assert sum(each.ByteSize() for each in encoded) < 2000
    assert await converter.decode(encoded, [PipelineResult]) == [large]
    assert await converter.decode(small, [PipelineResult]) == [PipelineResult(output="x" * 1000)]


async def test_without_storage_everything_stays_in_the_payload(tmp_path: Path) -> None:
    result = PipelineResult(output="x" * 2 * STORED_FROM_BYTES)
    converter: DataConverter = data_converter(None)
    [encoded] = await converter.encode([result])
    assert encoded.ByteSize() > 2 * STORED_FROM_BYTES
    assert await converter.decode([encoded], [PipelineResult]) == [result]


@pytest.mark.parametrize(
    ("where", "root"),
    [
        ("/var/ark", "/var/ark"),
        ("file:///var/ark", "/var/ark"),
        ("file://localhost/var/ark", "/var/ark"),
        ("file:///var/an%20ark", "/var/an ark"),
        ("~/ark", str(Path.home() / "ark")),
        ("ark", str(Path.cwd() / "ark")),
    ],
)
def test_storage_is_named_by_a_path_or_a_file_url(where: str, root: str) -> None:
    storage = open_storage(where)
    assert isinstance(storage.driver, DirectoryDriver)
    assert storage.driver.root == Path(root)
    assert storage.shown == root


@pytest.mark.parametrize(
    ("where", "name", "shown"),
    [
        ("redis://cache.example", "ark-redis", "redis://cache.example:6379"),
        (
            "rediss://me:s3cret@cache.example:6380/2?prefix=x:&ttl=7200",
            "ark-redis",
            "rediss://cache.example:6380/2",
        ),
        ("s3://bucket", "aws.s3driver", "s3://bucket/"),
        ("s3://bucket/a/b/?endpoint=http://minio:9000&region=eu-west-1", "aws.s3driver", "s3://bucket/a/b/"),
    ],
)
def test_storage_of_a_cluster_is_named_by_a_url_that_is_shown_without_credentials(
    where: str, name: str, shown: str
) -> None:
    storage = open_storage(where)
    assert (storage.driver.name(), storage.shown) == (name, shown)
    assert "s3cret" not in repr(storage)


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("gs://bucket/x", "gs:// is not supported"),
        ("file://server/x", "no directory"),
        ("file:x", "no directory"),
        ("file://", "no directory"),
        ("redis://", "HOST:PORT/DB"),
        ("redis://me:s3cret@", "HOST:PORT/DB"),
        ("redis://me:s3/cret@host", "HOST:PORT/DB"),
        ("redis://:s3cret@host?ttl=soon", "ttl must be"),
        ("redis://:s3cret@host?ttl=10", "at least 3600"),
        ("redis://:s3cret@host?pre=x", "it has prefix, ttl"),
        ("s3://", "bucket's name"),
        ("s3://AKIA:s3cret@bucket", "AWS_ACCESS_KEY_ID"),
        ("s3://bucket?endpoint=minio:9000", "endpoint must be"),
        ("s3://bucket?endpoint=http://me:s3cret@minio", "endpoint must be"),
        ("s3://bucket?bucket=x", "it has endpoint, region"),
    ],
)
def test_what_names_no_storage_is_refused_in_a_sentence_without_credentials(where: str, told: str) -> None:
    with pytest.raises(ValueError, match=r"^Payload storage .*\.$") as caught:
        open_storage(where)
    assert told in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None or caught.value.__suppress_context__
