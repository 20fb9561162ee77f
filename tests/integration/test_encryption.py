"""With encryption keys, nothing that a run was told or said can be read without them."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.common import SearchAttributeKey

from ark_temporal.runs.connection import ConnectOptions, connect
from ark_temporal.runs.find import list_runs
from ark_temporal.runs.pending import look_at_pending
from ark_temporal.runs.watch import read_record
from ark_temporal.storage.converter import STORED_FROM_BYTES
from ark_temporal.storage.encryption import EncryptionError, new_key
from tests.e2e.command import Command
from tests.integration.lab import Lab, Run
from tests.integration.llm.stub_server import Match, Reply, Rule, StubServer
from tests.integration.plans import chain, keys
from tests.integration.processes import worker_process
from worker.embedded import EmbeddedServer

PROMPT, ANSWER = "Codename ZEBRAFISH is the client", "The budget is 31337 ducats"
OLD, NEW = new_key("old"), new_key("new")
PLAN = chain("read", "copy").model_copy(update={"inputs": ()})


@pytest.fixture
async def sealed(server: EmbeddedServer, home: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """The shared server, with payload storage and an encryption key."""
    monkeypatch.setenv("ARK_ENCRYPTION_KEYS", OLD)
    return await connected(server, home)


async def connected(server: EmbeddedServer, home: Path) -> Lab:
    directory = home / "payloads"
    return Lab(await connect(ConnectOptions(address=server.address, storage=str(directory))), directory)


def stub() -> StubServer:
    """A model whose second answer is so large that it is stored, and which fails once."""
    large = f"{ANSWER}. " * (STORED_FROM_BYTES // len(ANSWER) + 1)
    flaky = Reply(status=500, text=f"{PROMPT}? {ANSWER}!")
    return StubServer(
        [
            Rule(match=Match(substring='"task: copy, please', nth=1), reply=flaky),
            Rule(match=Match(substring='"task: copy, please'), reply=Reply(text=large)),
            Rule(match=Match(substring='"task: read, please'), reply=Reply(text=f"{PROMPT}. {ANSWER}.")),
        ]
    )


async def start(lab: Lab) -> Run:
    return await lab.start(PLAN, {"secret": PROMPT})


async def places(lab: Lab, run: Run) -> AsyncIterator[tuple[str, bytes]]:
    """All that is kept of a run, as bytes."""
    for event in await run.events():
        yield f"event {event.event_id}", event.SerializeToString()
    description = await run.handle.describe()
    yield "the description", description.raw_description.SerializeToString()
    for file in lab.directory.rglob("*"):
        if file.is_file():
            yield f"the stored {file.name}", file.read_bytes()


async def test_nothing_of_a_run_is_readable_but_its_search_attributes(sealed: Lab) -> None:
    with stub() as model:
        async with sealed.working(keys(model.url)):
            run = await start(sealed)
            record = await run.ended()
            asked = await run.asked()
    assert record.phase == "Succeeded", record.error
    assert (PROMPT in str(record.input), ANSWER in record.output) == (True, True)
    assert asked == record
    assert record.step("copy").calls[0].attempts == 2
    found = [each async for each in places(sealed, run)]
    assert any(name.startswith("the stored") for name, _ in found)
    for planted in (PROMPT, ANSWER, "ZEBRAFISH", "31337", "read, please", model.url):
        assert [name for name, data in found if planted.encode() in data] == []
    description = await run.handle.describe()
    attributes = description.typed_search_attributes
    told = [attributes[SearchAttributeKey.for_keyword(name)] for name in ("ArkTeam", "ArkPhase")]
    assert told == ["lab", "Succeeded"]


async def test_a_failure_is_ciphertext_and_is_read_with_the_key(sealed: Lab) -> None:
    refused = Reply(status=400, text=f"{PROMPT}? {ANSWER}!")
    with StubServer([Rule(match=Match(substring='"task: read, please'), reply=refused)]) as model:
        async with sealed.working(keys(model.url)):
            run = await start(sealed)
            record = await run.ended()
    assert record.error is not None
    assert "ZEBRAFISH" in record.error.message
    found = [each async for each in places(sealed, run)]
    assert [name for name, data in found if b"ZEBRAFISH" in data or b"31337" in data] == []
    assert any(b"Encoded failure" in data for _, data in found)


async def test_keys_change_and_what_is_read_without_them_says_so(
    sealed: Lab, server: EmbeddedServer, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stub() as model:
        async with sealed.working(keys(model.url)):
            before = await start(sealed)
            record = await before.ended()
        monkeypatch.setenv("ARK_ENCRYPTION_KEYS", f"{NEW},{OLD}")
        rotated = await connected(server, home)
        async with rotated.working(keys(model.url)):
            after = await start(rotated)
            assert (await after.ended()).phase == "Succeeded"
    assert await read_record(rotated.connection, before.id) == record
    with pytest.raises(EncryptionError, match='with the key "new", and here are only: "old"'):
        await read_record(sealed.connection, after.id)
    monkeypatch.delenv("ARK_ENCRYPTION_KEYS")
    blind = await connected(server, home)
    with pytest.raises(EncryptionError, match=r'with the key "new", and no encryption key is set here\.'):
        await read_record(blind.connection, after.id)
    with pytest.raises(EncryptionError):
        [each async for each in list_runs(blind.connection)]


async def test_why_a_call_is_tried_again_is_told_to_who_has_the_key(sealed: Lab) -> None:
    flaky = Reply(status=500, text=f"{PROMPT}?", headers={"retry-after": "60"})
    with StubServer([Rule(match=Match(substring='"task: read, please'), reply=flaky)]) as model:
        async with sealed.working(keys(model.url)):
            run = await start(sealed)
            async with asyncio.timeout(20):
                while not (waiting := await look_at_pending(sealed.connection, run.id)).retries:
                    await asyncio.sleep(0.05)
            await run.handle.terminate()
    assert "ZEBRAFISH" in waiting.retries[0].last_error


@pytest.mark.slow
async def test_worker_and_command_are_told_by_a_file(sealed: Lab, home: Path, tmp_path: Path) -> None:
    file = tmp_path / "encryption-keys"
    file.write_text(f"{OLD}\n{NEW}\n")
    where = ("--address", sealed.connection.address, "--storage", str(sealed.directory))
    environ = {"ARK_ENCRYPTION_KEYS_FILE": str(file)}
    command = Command(home)
    with stub() as model:
        told = {"OPENAI_BASE_URL": f"{model.url}/v1", "OPENAI_API_KEY": "sk-lab"}
        words = ("--task-queue", sealed.queue, "--storage", str(sealed.directory))
        with worker_process(home, sealed.connection.address, *words, **environ, **told):
            run = await start(sealed)
            assert (await run.handle.result()) is not None
    shown = command.run("runs", "show", run.id, "-o", "json", *where, env=environ)
    assert ANSWER in json.loads(shown.out)["output"]
    for variables, message in (
        ({}, "no encryption key is set here"),
        ({"ARK_ENCRYPTION_KEYS": new_key("other")}, 'here are only: "other"'),
        ({"ARK_ENCRYPTION_KEYS": "s3cret"}, 'is not "id:key"'),
    ):
        ended = command.run("runs", "show", run.id, *where, env=variables)
        assert (ended.code, ended.out) == (2, "")
        assert message in ended.err
        assert "s3cret" not in ended.err
        assert "Traceback" not in ended.err
