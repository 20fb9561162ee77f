"""What a storage directory holds, and cleaning it."""

import asyncio
import contextlib
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.converter import StorageDriverRetrieveContext, StorageDriverStoreContext

from ark_temporal.storage import DirectoryDriver, open_storage
from ark_temporal.storage.cleaning import clean, survey
from ark_temporal.storage.files import UNFINISHED

STORE, RETRIEVE = StorageDriverStoreContext(), StorageDriverRetrieveContext()
MONTH_AGO = datetime.now(UTC) - timedelta(days=30)


def age(path: Path, days: float) -> Path:
    then = time.time() - days * 86400
    os.utime(path, (then, then))
    return path


def files(root: Path) -> set[Path]:
    return {path for path in root.rglob("*") if path.is_file()}


@pytest.fixture
async def root(tmp_path: Path) -> Path:
    """Payloads, journal entries and a write that never ended: one of each is 40 days old, one is new."""
    root = tmp_path / "store"
    storage = open_storage(str(root))
    for word in (b"old", b"new"):
        before = files(root)
        await storage.driver.store(STORE, [Payload(data=word * 100)])
        await storage.journal.keep(f"key of {word}", word)
        unfinished = next(iter(files(root) - before)).parent / f"{UNFINISHED}{word.decode()}"
        unfinished.write_bytes(word)
        if word == b"old":
            for path in files(root):
                age(path, 40)
    return root


def test_a_survey_counts_by_kind(root: Path) -> None:
    held = survey(root)
    assert (held.payloads.files, held.journal.files, held.unfinished.files) == (2, 2, 2)
    assert held.bytes == sum(path.stat().st_size for path in files(root))
    assert held.payloads.oldest is not None
    assert abs(datetime.now(UTC) - held.payloads.oldest - timedelta(days=40)) < timedelta(minutes=1)


def test_what_is_unused_goes_and_nothing_else(root: Path) -> None:
    foreign = [
        root / "notes.txt",
        root / "ab" / "notes.txt",
        root / "longer" / ("a" * 64),
        root / "journal" / "x",
    ]
    for path in foreign:
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine")
        age(path, 400)
    young = {path for path in files(root) if path.stat().st_mtime > MONTH_AGO.timestamp()}
    told = clean(root, MONTH_AGO, dry_run=True)
    assert told.files == 3
    assert len(files(root)) == 10
    removed = clean(root, MONTH_AGO)
    assert (removed.payloads.files, removed.journal.files, removed.unfinished.files) == (1, 1, 1)
    assert removed == told
    assert files(root) == young | set(foreign)
    assert clean(root, MONTH_AGO).files == 0


def test_links_lead_nowhere(root: Path, tmp_path: Path) -> None:
    precious = tmp_path / "elsewhere" / ("b" * 64)
    precious.parent.mkdir()
    precious.write_text("mine")
    age(precious, 400)
    (root / "zz").symlink_to(precious.parent)
    clean(root, datetime.now(UTC))
    assert precious.exists()


def test_a_place_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert survey(tmp_path / "nowhere").files == 0
    assert clean(tmp_path / "nowhere", MONTH_AGO).files == 0


async def test_a_payload_that_is_stored_while_cleaning_stays(tmp_path: Path) -> None:
    """Cleaners and writers of the same payload at once: whoever was told that it is stored finds it."""
    driver, payload = DirectoryDriver(tmp_path), Payload(data=b"x" * 1000)
    [claim] = await driver.store(STORE, [payload])
    [file] = files(tmp_path)
    since = datetime.now(UTC) - timedelta(hours=1)
    ended = time.monotonic() + 2

    def keep_cleaning() -> None:
        while time.monotonic() < ended:
            clean(tmp_path, since)

    cleaning = [asyncio.create_task(asyncio.to_thread(keep_cleaning)) for _ in range(2)]
    stored = 0
    while time.monotonic() < ended:
        if file.exists():
            with contextlib.suppress(FileNotFoundError):
                age(file, 10)
        [claim] = await driver.store(STORE, [payload])
        await asyncio.sleep(0.001)
        assert await driver.retrieve(RETRIEVE, [claim]) == [payload]
        stored += 1
    await asyncio.gather(*cleaning)
    assert stored > 50
