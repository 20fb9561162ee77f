"""Keys that are replaced while runs go on: the next call has the new one, and no value is kept anywhere."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from ark_temporal.manifests import ArkSecret
from ark_temporal.plan.model import EnvSource, Plan
from ark_temporal.plan.tools import GivenValue, KeyRef, McpServerPlan, ToolPlan, WebhookPlan
from ark_temporal.secrets import ProvidedStore
from tests.integration.agents.planted import forms, places
from tests.integration.agents.scripts import agent_plan, calling
from tests.integration.lab import Lab, Run
from tests.integration.llm.stub_server import Match, Recorded, Reply, Rule, StubServer
from tests.integration.plans import NAMESPACE, chain
from tests.integration.processes import worker_process
from tests.integration.secrets.reading import bundle, document
from tests.integration.secrets.servers import Asked, SecretServer, StubVault, TokenServer
from tests.integration.secrets.servers import Reply as Answer
from worker.assembly import WorkerOptions, running_worker

pytestmark = pytest.mark.slow

ROLE = ("role-id-1", "secret-id-planted-1")
LOGIN: dict[str, str] = dict(zip(("ROLE_ID", "SECRET_ID"), ROLE, strict=True))
NAMES = ("file-each-use", "file-kept", "vault-each-use", "vault-kept")
"""Secrets by where they are, and whether they are read at each use or kept for an hour."""


@dataclass
class KeyedModel(StubServer):
    """A model's server that lets in whoever has one of these keys, and repeats the keys of the others."""

    accepted: set[str] = field(default_factory=set[str])

    def take(self, recorded: Recorded, method: str, raw: str) -> tuple[int, Reply]:
        number, reply = super().take(recorded, method, raw)
        key = recorded.headers["authorization"].removeprefix("Bearer ")
        if key in self.accepted:
            return number, reply
        return number, Reply(status=401, text=f"Incorrect API key provided: {key}.")

    def keys(self, name: str) -> list[str]:
        """The keys with which the steps of a run were asked for, in order."""
        asked = [each for each in self.requests if f"{step_of(name, '')}, please" in str(each.body)]
        return [each.headers["authorization"].removeprefix("Bearer ") for each in asked]


def old(name: str) -> str:
    return f"sk-planted-old-{name}-7Qx"


def new(name: str) -> str:
    return f"sk-planted-new-{name}-9Rz"


def specs(home: Path, vault: StubVault) -> list[Mapping[str, Any]]:
    """The ArkSecrets."""
    login = {"appRole": {"roleId": {"env": "ROLE_ID"}, "secretId": {"env": "SECRET_ID"}}}
    found: list[Mapping[str, Any]] = []
    for name in NAMES:
        provider = name.partition("-")[0]
        settings: dict[str, Any] = {"directory": str(home / name)}
        if provider == "vault":
            settings = {"address": vault.url, "path": f"lab/{name}", "auth": login}
        refresh = 3600 if name.endswith("kept") else 0
        spec = {"provider": provider, provider: settings, "refreshSeconds": refresh}
        found.append(document(spec, name, NAMESPACE))
    return found


def write_keys(home: Path, vault: StubVault, url: str, keys: Mapping[str, str]) -> None:
    """Put keys where they are found."""
    for name, key in keys.items():
        values = {"OPENAI_API_KEY": key, "OPENAI_BASE_URL": f"{url}/v1"}
        if name.startswith("vault"):
            vault.write(f"lab/{name}", **values)
            continue
        folder = home / name
        folder.mkdir(parents=True, exist_ok=True)
        for variable, value in values.items():
            (folder / variable).write_text(value)


def step_of(name: str, which: str) -> str:
    return f"{which}_of_{name.replace('-', '_')}"


def asking(name: str) -> Plan:
    """Three steps in a row, whose keys are in this Secret."""
    return chain(
        *(step_of(name, which) for which in ("first", "slow", "last")),
        agents={"env_from": (EnvSource(name=name),)},
    )


async def test_a_key_that_is_replaced_during_runs_is_used_at_the_next_call(lab: Lab, home: Path) -> None:
    slow = Rule(match=Match(substring="slow_of_"), reply=Reply(delay=2))
    vault, model = StubVault(role=ROLE), KeyedModel([slow], accepted={old(name) for name in NAMES})
    with model, vault.listening():
        write_keys(home, vault, model.url, {name: old(name) for name in NAMES})
        (home / "secrets.yaml").write_text(yaml.safe_dump_all(specs(home, vault)))
        words = ("--task-queue", lab.queue, "--storage", str(lab.directory), str(home / "secrets.yaml"))
        with worker_process(home, lab.connection.address, *words, **LOGIN) as worker:
            runs = [await lab.start(asking(name)) for name in NAMES]
            await asyncio.to_thread(model.await_requests, 2 * len(NAMES))
            write_keys(home, vault, model.url, {name: new(name) for name in NAMES})
            model.accepted = {new(name) for name in NAMES}
            records = [await run.ended() for run in runs]
            assert worker.stop() == 0
    assert [record.phase for record in records] == ["Succeeded"] * len(NAMES)
    for name, record in zip(NAMES, records, strict=True):
        kept = [old(name)] if name.endswith("kept") else []
        assert model.keys(name) == [old(name), old(name), *kept, new(name)], name
        [call] = record.step(step_of(name, "last")).calls
        assert call.attempts == 1 + len(kept)
    planted = [*(key for name in NAMES for key in (old(name), new(name))), *ROLE, "hvs.planted"]
    await nothing_of(planted, runs, lab, worker.log)


async def nothing_of(planted: list[str], runs: list[Run], lab: Lab, log: str) -> None:
    """Nothing of these is in what Temporal has, in records, in the storage, or in a log."""
    everywhere = [*[each async for each in places(runs, lab.directory)], ("the log", log.encode())]
    assert any(b"please" in data for place, data in everywhere if place.startswith("event")), (
        "it would be found"
    )
    found = [
        f"{value!r} in {place}"
        for place, data in everywhere
        for value in planted
        if any(form in data for form in forms(value))
    ]
    assert found == []


@dataclass
class Guarded(SecretServer):
    """A webhook and an MCP server (simple HTTP) that let in whoever has one token, which changes once."""

    tokens: TokenServer = field(default_factory=TokenServer)
    revoked: set[str] = field(default_factory=set[str])
    done: list[str] = field(default_factory=list[str])

    def reply(self, asked: Asked) -> Answer:
        token = asked.headers.get("authorization", "").removeprefix("Bearer ")
        if not token.startswith("token-planted-") or token in self.revoked:
            return 401, {"error": f"{token} is not good any more"}
        if asked.path == "/tools/list":
            return 200, {"tools": [{"name": "look", "inputSchema": {"type": "object"}}]}
        self.done.append(f"{asked.path} {token}")
        self.revoked.add(token)  # good for one call
        return 200, {"content": [{"type": "text", "text": f"done with {token}"}]}


@pytest.mark.parametrize("kind", ["webhook", "mcp"])
async def test_a_tool_that_refuses_an_old_token_is_called_once_more_with_a_new_one(
    lab: Lab, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    tokens = TokenServer(clients={"me": "client-planted-secret"})
    guarded = Guarded(tokens=tokens)
    settings = {"tokenUrl": tokens.url, "clientId": "me", "clientSecretFrom": {"env": "CLIENT_SECRET"}}
    spec = {"provider": "oauth2", "oauth2": settings}
    given = bundle(document(spec, "token", NAMESPACE)).all(ArkSecret)
    store = ProvidedStore(given, allow_commands=False, environment={"CLIENT_SECRET": "client-planted-secret"})
    token = KeyRef(name="token", key="token")
    if kind == "mcp":
        server = McpServerPlan(name="desk", url=guarded.url, token=token)
        plan, name = agent_plan(mcp_servers=(server,)), "desk__look"
    else:
        headers = {"Authorization": GivenValue(ref=KeyRef(name="token", key="authorization"))}
        webhook = WebhookPlan(url=guarded.url, headers=headers)
        plan, name = agent_plan(ToolPlan(name="pay", effect="unsafe", webhook=webhook)), "pay"
    options = WorkerOptions(
        task_queue=lab.queue, stores=[store], mock_script=calling({"name": name, "arguments": {}}, turns=3)
    )
    with tokens.listening(), guarded.listening():
        async with running_worker(lab.connection, options):
            run = await lab.start(plan)
            record = await run.ended()
    calls = record.step("desk").tool_calls
    assert [(call.is_error, call.attempts) for call in calls] == [(False, 1)] * 3
    assert [each.split()[1] for each in guarded.done] == [f"token-planted-{n}" for n in (1, 2, 3)]
    assert tokens.given == 3
    await nothing_of(["token-planted-", "client-planted-secret"], [run], lab, caplog.text)


async def test_a_provider_that_is_down_fails_the_call_until_it_is_there_again(lab: Lab, home: Path) -> None:
    vault, model = StubVault(role=ROLE, sealed=True), KeyedModel(accepted={new("vault-kept")})
    with model, vault.listening():
        write_keys(home, vault, model.url, {"vault-kept": new("vault-kept")})
        given = bundle(*specs(home, vault)).all(ArkSecret)
        store = ProvidedStore(given, allow_commands=False, environment=LOGIN)
        async with running_worker(lab.connection, WorkerOptions(task_queue=lab.queue, stores=[store])):
            run = await lab.start(asking("vault-kept"))
            async with asyncio.timeout(20):
                while not (failure := await last_failure(run)):
                    await asyncio.sleep(0.05)
            vault.sealed = False
            record = await run.ended()
    assert failure[0] == "SecretUnavailable"
    assert "Vault is sealed" in failure[1]
    assert 'ArkSecret "lab/vault-kept" (vault)' in failure[1]
    assert record.phase == "Succeeded"
    await nothing_of([new("vault-kept"), ROLE[1], "hvs.planted"], [run], lab, "")


async def last_failure(run: Run) -> tuple[str, str] | None:
    """Type and message of what the activity that is retried failed with last."""
    description = await run.handle.describe()
    for pending in description.raw_description.pending_activities:
        if pending.HasField("last_failure"):
            failure = pending.last_failure
            return failure.application_failure_info.type, failure.message
    return None
