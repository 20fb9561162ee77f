"""The journal in a directory."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ark_temporal.storage import Keyring, open_storage
from ark_temporal.storage.encryption import EncryptionError, new_key, parse_keys
from ark_temporal.storage.errors import StorageUnavailableError
from ark_temporal.storage.journal import DirectoryJournal, Journal

KEY = "blog-team-run-1/research/1/call"
ANSWER = b"an answer that was paid for"


def keyring(*keys: str) -> Keyring:
    return parse_keys(",".join(keys), "the test")


def files(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file())


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return open_storage(str(tmp_path)).journal


@pytest.mark.parametrize("key", [KEY, "", "../../escape", "a/b\0c", "ключ" * 500])
@pytest.mark.parametrize("value", [ANSWER, b"", bytes(range(256)), b"\1" * 1_000_000])
async def test_what_is_kept_is_found_under_its_key_alone(journal: Journal, key: str, value: bytes) -> None:
    assert await journal.find(key) is None
    await journal.keep(key, value)
    assert await journal.find(key) == value
    assert await journal.find(key + "x") is None


async def test_it_is_a_place_in_the_storage_and_for_this_user_alone(tmp_path: Path) -> None:
    root = tmp_path / "home" / "storage"
    await open_storage(str(root)).journal.keep("../../escape", ANSWER)
    [file] = files(tmp_path)
    assert file.is_relative_to(root / "journal")
    assert file.stat().st_mode & 0o077 == 0
    assert file.parent.stat().st_mode & 0o077 == 0


async def test_the_later_of_two_values_counts(journal: Journal) -> None:
    await asyncio.gather(*(journal.keep(KEY, b"x" * size) for size in range(0, 600_000, 30_000)))
    found = await journal.find(KEY)
    assert found is not None
    assert found == b"x" * len(found)
    await journal.keep(KEY, ANSWER)
    assert await journal.find(KEY) == ANSWER


@pytest.mark.parametrize("damage", [b"", b"other", b"\0" * 60])
async def test_a_damaged_entry_is_as_if_it_were_not_there(tmp_path: Path, damage: bytes) -> None:
    journal = DirectoryJournal(tmp_path)
    await journal.keep(KEY, ANSWER)
    [file] = files(tmp_path)
    file.write_bytes(damage)
    assert await journal.find(KEY) is None


async def test_a_directory_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    journal = DirectoryJournal(tmp_path / "file")
    with pytest.raises(StorageUnavailableError, match="cannot be used: Not a directory"):
        await journal.keep(KEY, ANSWER)
    with pytest.raises(StorageUnavailableError):
        await journal.find(KEY)


def test_an_entry_outlives_the_death_of_its_process(tmp_path: Path) -> None:
    """Killed right after `keep`, with nothing flushed by anybody."""
    code = (
        "import asyncio, os, signal, sys\n"
        "from ark_temporal.storage import open_storage\n"
        "asyncio.run(open_storage(sys.argv[1]).journal.keep('key', b'v' * 3000))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(tmp_path)], timeout=60, check=False)
    assert ended.returncode == -9
    assert asyncio.run(open_storage(str(tmp_path)).journal.find("key")) == b"v" * 3000


async def test_keeping_a_few_kilobytes_takes_no_time_to_speak_of(journal: Journal) -> None:
    value, took = os.urandom(4096), list[float]()
    for number in range(300):
        start = time.perf_counter()
        await journal.keep(f"run/{number}", value)
        took.append(time.perf_counter() - start)
    assert sorted(took)[len(took) // 2] < 0.001


async def test_values_are_encrypted_where_payloads_are(tmp_path: Path) -> None:
    old, new = new_key("old"), new_key("new")
    where = str(tmp_path)
    await open_storage(where, keyring(old)).journal.keep(KEY, ANSWER)
    [file] = files(tmp_path)
    assert ANSWER not in file.read_bytes()
    assert await open_storage(where, keyring(new, old)).journal.find(KEY) == ANSWER
    with pytest.raises(EncryptionError, match='"old"'):
        await open_storage(where).journal.find(KEY)
    with pytest.raises(EncryptionError, match='"old"'):
        await open_storage(where, keyring(new)).journal.find(KEY)
    await open_storage(where).journal.keep("plain", ANSWER)
    assert await open_storage(where, keyring(new)).journal.find("plain") == ANSWER


async def test_an_encrypted_entry_is_bound_to_its_key(tmp_path: Path) -> None:
    journal = open_storage(str(tmp_path), keyring(new_key("k"))).journal
    await journal.keep("mine", ANSWER)
    [mine] = files(tmp_path)
    await journal.keep("yours", b"another")
    [yours] = set(files(tmp_path)) - {mine}
    yours.write_bytes(mine.read_bytes())
    with pytest.raises(EncryptionError, match="cannot be decrypted"):
        await journal.find("yours")
