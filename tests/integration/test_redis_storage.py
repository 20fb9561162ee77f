"""Payloads and journal in a real Redis."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    StorageDriverClaim,
    StorageDriverRetrieveContext,
    StorageDriverStoreContext,
)
from temporalio.exceptions import ApplicationError

from ark_temporal.runs.connection import ConnectOptions, connect
from ark_temporal.storage import Storage, open_storage
from ark_temporal.storage.encryption import new_key, parse_keys
from ark_temporal.storage.errors import PayloadMissingError, StorageUnavailableError
from ark_temporal.storage.redis_store import RedisDriver, RedisLink
from ark_temporal.storage.redis_store import RedisPlace as Address
from tests.integration.lab import Lab
from tests.integration.llm.stub_server import Match, Reply, Rule, StubServer
from tests.integration.plans import chain
from tests.integration.plans import keys as plan_keys
from tests.integration.processes import free_port
from tests.integration.storage_places import REDIS_URL, RedisPlace, redis_place
from worker.embedded import EmbeddedServer

STORE, RETRIEVE = StorageDriverStoreContext(), StorageDriverRetrieveContext()


@pytest.fixture
def place() -> Iterator[RedisPlace]:
    yield from redis_place()


@contextlib.asynccontextmanager
async def opened(where: str) -> AsyncGenerator[Storage]:
    storage = open_storage(where)
    try:
        yield storage
    finally:
        await storage.aclose()


def keys(place: RedisPlace) -> list[bytes]:
    return sorted(place[1].scan_iter(f"{place[2]}*"))


async def test_payloads_come_back_in_order_and_equal_ones_share_a_key(place: RedisPlace) -> None:
    given = [
        Payload(data=b"one", metadata={"encoding": b"json/plain"}),
        Payload(),
        Payload(data=b"\0" * 3_000_000),
    ]
    async with opened(place[0]) as storage:
        claims = await storage.driver.store(STORE, given)
        assert await storage.driver.store(STORE, given) == claims
        assert len(keys(place)) == 3
        assert await storage.driver.retrieve(RETRIEVE, claims[::-1]) == given[::-1]
    async with opened(place[0]) as another:
        assert await another.driver.retrieve(RETRIEVE, claims) == given


async def test_a_payload_stays_for_ever_or_for_its_ttl_since_it_was_last_used(place: RedisPlace) -> None:
    payload = Payload(data=b"x")
    async with opened(place[0]) as forever, opened(f"{place[0]}&ttl=7200") as passing:
        [claim] = await forever.driver.store(STORE, [payload])
        [key] = keys(place)
        assert place[1].ttl(key) == -1
        for use in (
            lambda: passing.driver.store(STORE, [payload]),
            lambda: passing.driver.retrieve(RETRIEVE, [claim]),
        ):
            place[1].expire(key, 100)
            await use()
            assert place[1].ttl(key) in (7199, 7200)


async def test_a_journal_entry_goes_after_a_week(place: RedisPlace) -> None:
    async with opened(place[0]) as storage:
        assert await storage.journal.find("run/1") is None
        await storage.journal.keep("run/1", b"paid")
        [key] = keys(place)
        assert 7 * 86400 - 2 <= place[1].ttl(key) <= 7 * 86400
    sealed = open_storage(place[0], parse_keys(new_key("k"), "the test"))
    try:
        assert await sealed.journal.find("run/1") == b"paid"
        await sealed.journal.keep("run/1", b"paid again")
        assert b"paid" not in (place[1].get(key) or b"")
        assert await sealed.journal.find("run/1") == b"paid again"
    finally:
        await sealed.aclose()


async def test_what_is_gone_or_changed_is_never_taken_for_the_payload(place: RedisPlace) -> None:
    async with opened(place[0]) as storage:
        claims = await storage.driver.store(STORE, [Payload(data=b"x")])
        place[1].set(keys(place)[0], Payload(data=b"y").SerializeToString())
        with pytest.raises(PayloadMissingError, match="changed or damaged"):
            await storage.driver.retrieve(RETRIEVE, claims)
        place[1].delete(keys(place)[0])
        with pytest.raises(PayloadMissingError, match=r"--storage, and keep its keys .*: a longer ttl"):
            await storage.driver.retrieve(RETRIEVE, claims)
        with pytest.raises(PayloadMissingError, match="no sha256"):
            await storage.driver.retrieve(RETRIEVE, [StorageDriverClaim({"sha256": "*"})])


async def test_a_value_too_large_is_refused_for_good(place: RedisPlace) -> None:
    link = RedisLink(Address(url=REDIS_URL, shown="redis://here", prefix=place[2]))
    try:
        with pytest.raises(ApplicationError, match="1000 that the storage redis://here takes") as caught:
            await RedisDriver(link, limit_bytes=1000).store(STORE, [Payload(data=b"x" * 1001)])
    finally:
        await link.aclose()
    assert (caught.value.type, caught.value.non_retryable) == ("PayloadTooLarge", True)
    assert keys(place) == []


async def test_a_redis_that_is_not_there_is_a_typed_error(place: RedisPlace) -> None:
    async with opened(f"redis://nobody:s3cret@127.0.0.1:{free_port()}/1") as storage:
        with pytest.raises(StorageUnavailableError, match=r"redis://127.0.0.1:\d+/1 does not do") as caught:
            await storage.driver.store(STORE, [Payload(data=b"x")])
        with pytest.raises(StorageUnavailableError):
            await storage.journal.find("x")
    assert "s3cret" not in f"{caught.value!r} {caught.value.__cause__}"


async def test_a_wrong_password_is_a_typed_error_without_the_password(place: RedisPlace) -> None:
    secret = f"s3cret-{secrets.token_hex(4)}"
    address = REDIS_URL.partition("://")[2].rpartition("@")[2]
    async with opened(f"redis://nobody:{secret}@{address}") as storage:
        with pytest.raises(StorageUnavailableError) as caught:
            await storage.driver.retrieve(RETRIEVE, [StorageDriverClaim({"sha256": "a" * 64})])
    assert secret not in f"{caught.value!r} {caught.value.__cause__}"
    assert "WRONGPASS" in str(caught.value) or "invalid username-password" in str(caught.value)


async def test_a_redis_that_does_not_answer_is_asked_once_and_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ark_temporal.storage.redis_store._ANSWER_SECONDS", 0.3)
    asked: list[asyncio.StreamWriter] = []

    async def never_answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(writer)

    async with await asyncio.start_server(never_answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with opened(f"redis://127.0.0.1:{port}") as storage:
            async with asyncio.timeout(5):
                with pytest.raises(StorageUnavailableError):
                    await storage.journal.find("x")
        assert len(asked) == 1
        for writer in asked:
            writer.close()


@pytest.mark.slow
async def test_a_run_with_large_answers_goes_through_redis(
    place: RedisPlace, server: EmbeddedServer, home: Path
) -> None:
    huge = [
        Rule(match=Match(substring=f'"task: {step}, please'), reply=Reply(behaviour="huge", size=3_000_000))
        for step in ("read", "copy")
    ]
    connection = await connect(ConnectOptions(address=server.address, storage=place[0]))
    lab = Lab(connection, home)
    try:
        with StubServer(huge) as stub:
            async with lab.working(plan_keys(stub.url)):
                run = await lab.start(chain("read", "copy"))
                record = await run.ended()
    finally:
        await connection.aclose()
    assert (record.phase, len(record.output)) == ("Succeeded", 3_000_000), record.error
    assert sum(place[1].strlen(key) > 3_000_000 for key in keys(place)) >= 2
    description = await run.handle.describe()
    assert description.raw_description.workflow_execution_info.history_size_bytes < 30_000
