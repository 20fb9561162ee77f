"""Payloads and journal on a server that speaks S3."""

import contextlib
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    StorageDriverClaim,
    StorageDriverRetrieveContext,
    StorageDriverStoreContext,
    StorageDriverWorkflowInfo,
)

from ark_temporal.runs.connection import ConnectOptions, connect
from ark_temporal.storage import Storage, open_storage
from ark_temporal.storage.errors import PayloadMissingError, StorageUnavailableError
from tests.integration.lab import Lab
from tests.integration.llm.stub_server import Match, Reply, Rule, StubServer
from tests.integration.plans import chain
from tests.integration.plans import keys as plan_keys
from tests.integration.processes import free_port
from tests.integration.storage_places import CREDENTIALS, REGION, s3_server
from worker.embedded import EmbeddedServer

STORE = StorageDriverStoreContext(
    target=StorageDriverWorkflowInfo(namespace="default", id="run-1", run_id="r", type="Pipeline")
)
RETRIEVE = StorageDriverRetrieveContext()
BUCKET = "ark-payloads"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    yield from s3_server()


@pytest.fixture
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An empty bucket, as Amazon's own client sees it."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    resource: Any = boto3.resource("s3", endpoint_url=endpoint, region_name=REGION)  # pyright: ignore
    bucket = resource.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    yield bucket
    bucket.objects.all().delete()
    bucket.delete()
    resource.meta.client.close()


@contextlib.asynccontextmanager
async def opened(endpoint: str, prefix: str = "team/ark", bucket: str = BUCKET) -> AsyncGenerator[Storage]:
    storage = open_storage(f"s3://{bucket}/{prefix}?endpoint={endpoint}&region={REGION}")
    try:
        yield storage
    finally:
        await storage.aclose()


def keys(bucket: Any) -> list[str]:
    return [each.key for each in bucket.objects.all()]


async def test_payloads_come_back_and_equal_ones_of_a_run_share_an_object(endpoint: str, bucket: Any) -> None:
    given = [Payload(data=b"one", metadata={"encoding": b"json/plain"}), Payload(data=b"\0" * 3_000_000)]
    async with opened(endpoint) as storage:
        claims = await storage.driver.store(STORE, given)
        assert await storage.driver.store(STORE, given) == claims
        assert len(keys(bucket)) == 2
        assert all(key.startswith("team/ark/v0/ns/default/wt/Pipeline/wi/run-1/") for key in keys(bucket))
        assert await storage.driver.retrieve(RETRIEVE, claims[::-1]) == given[::-1]
    assert sorted(claim.claim_data["key"] for claim in claims) == keys(bucket)
    async with opened(endpoint, prefix="moved") as moved:
        assert await moved.driver.retrieve(RETRIEVE, claims) == given


async def test_the_journal_has_a_place_beside(endpoint: str, bucket: Any) -> None:
    async with opened(endpoint) as storage:
        assert await storage.journal.find("run/1") is None
        await storage.journal.keep("run/1", b"first")
        await storage.journal.keep("run/1", b"paid")
        assert await storage.journal.find("run/1") == b"paid"
    [key] = keys(bucket)
    assert key.startswith("team/ark/journal/")


async def test_what_is_gone_changed_or_elsewhere_is_never_taken_for_the_payload(
    endpoint: str, bucket: Any
) -> None:
    async with opened(endpoint) as storage:
        [claim] = await storage.driver.store(STORE, [Payload(data=b"x")])
        bucket.put_object(Key=claim.claim_data["key"], Body=Payload(data=b"y").SerializeToString())
        with pytest.raises(PayloadMissingError, match="changed or damaged"):
            await storage.driver.retrieve(RETRIEVE, [claim])
        bucket.objects.all().delete()
        with pytest.raises(PayloadMissingError, match="s3://ark-payloads/team/ark/: give every worker"):
            await storage.driver.retrieve(RETRIEVE, [claim])
        elsewhere = StorageDriverClaim({**claim.claim_data, "bucket": "payroll"})
        with pytest.raises(PayloadMissingError, match="names a payload that is not in"):
            await storage.driver.retrieve(RETRIEVE, [elsewhere])


async def test_an_s3_that_refuses_or_is_not_there_is_a_typed_error(endpoint: str, bucket: Any) -> None:
    async with (
        opened(endpoint, bucket="not-there") as refusing,
        opened(f"http://127.0.0.1:{free_port()}") as gone,
    ):
        for storage in (refusing, gone):
            for work in (storage.driver.store(STORE, [Payload(data=b"x")]), storage.journal.keep("x", b"y")):
                with pytest.raises(StorageUnavailableError, match="does not do its work") as caught:
                    await work
                told = f"{caught.value!r} {caught.value.__cause__}"
                assert not any(value in told for value in CREDENTIALS.values())


@pytest.mark.slow
async def test_a_run_with_large_answers_goes_through_s3(
    endpoint: str, bucket: Any, server: EmbeddedServer, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    where = f"s3://{BUCKET}/runs?endpoint={endpoint}&region={REGION}"
    connection = await connect(ConnectOptions(address=server.address, storage=where))
    lab = Lab(connection, home)
    large = Rule(match=Match(substring='"task: read, please'), reply=Reply(behaviour="huge", size=3_000_000))
    try:
        with StubServer([large]) as stub:
            async with lab.working(plan_keys(stub.url)):
                record = await (await lab.start(chain("read"))).ended()
    finally:
        await connection.aclose()
    assert (record.phase, len(record.output)) == ("Succeeded", 3_000_000), record.error
    stored = [each.key for each in bucket.objects.all() if each.size > 3_000_000]
    assert any(key.startswith("runs/v0/ns/default/") for key in stored)
