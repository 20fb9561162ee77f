"""Values of Secrets reach tools, servers and memories, and come back from none of them into what is kept."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, quote_plus

import pytest
import yaml

from ark_temporal.llm.mock import MockScript
from ark_temporal.plan.calls import ToolOutcome
from ark_temporal.plan.model import Plan
from ark_temporal.plan.record import Decision
from ark_temporal.plan.tools import (
    EmbeddingsPlan,
    GivenValue,
    KeyRef,
    McpServerPlan,
    MemoryPlan,
    OAuthPlan,
    ToolPlan,
    WebhookPlan,
)
from ark_temporal.runs.decide import decide
from ark_temporal.runs.names import TOOL_ACTIVITY
from tests.integration.agents.mcp_plans import results, server_plan
from tests.integration.agents.planted import forms, places
from tests.integration.agents.sink import Sink
from tests.integration.lab import Lab, Run
from tests.integration.mcp.lab_server import CLIENT_ID, CLIENT_SECRET
from tests.integration.mcp.servers import Lab as LabServer
from tests.integration.mcp.servers import lab as lab_server
from tests.integration.memory.qdrant_stub import qdrant_stub
from tests.integration.memory.redis_server import RedisServer, redis_server
from tests.integration.plans import NAMESPACE, plan, step
from tests.integration.processes import worker_process

pytestmark = pytest.mark.slow

HEADER = "head/er+planted=value 1"
TOKEN = "bearer-planted/token=="
WRONG_TOKEN = "stale+planted/token="
WRONG_CLIENT_SECRET = "another planted+secret/of=oauth"
HOOK = "hook-planted/4711"
ENV = 'env "planted" välue\\1'
PASSWORD = "redis planted/p@ss+word"
WRONG_PASSWORD = "no-such/p@ss+planted"
VECTOR_KEY = "vector-planted/key="
WRONG_VECTOR_KEY = "stale-vector-planted/key="
TWO_LINES = "planted in the first line\nand planted in the second"
"""Fits into no header; clients quote what they refuse to send."""

PLANTED = (
    *(HEADER, TOKEN, WRONG_TOKEN, CLIENT_SECRET, WRONG_CLIENT_SECRET, HOOK, ENV),
    *(PASSWORD, WRONG_PASSWORD, VECTOR_KEY, WRONG_VECTOR_KEY),
    *(f"{CLIENT_ID}:{quote_plus(secret)}" for secret in (CLIENT_SECRET, WRONG_CLIENT_SECRET)),
    *TWO_LINES.splitlines(),
    "lab-token-",
)
MARK = "marked-0815-plainly"
"""Is no secret and has to be found, or the search does not look."""


@dataclass(frozen=True)
class World:
    """All that is called and asked."""

    web: LabServer
    guarded: LabServer
    stdio: LabServer
    hook: Sink
    broken: Sink
    redis: RedisServer
    vectors: str

    @property
    def secrets(self) -> dict[str, dict[str, str]]:
        """What the worker is given."""
        where = f"127.0.0.1:{self.redis.port}/0"
        return {
            "tools": {
                "header": HEADER,
                "token": TOKEN,
                "wrong-token": WRONG_TOKEN,
                "client": CLIENT_SECRET,
                "wrong-client": WRONG_CLIENT_SECRET,
                "hook": f"Bearer {HOOK}",
                "env": ENV,
                "lines": TWO_LINES,
            },
            "redis": {"REDIS_URL": f"redis://:{quote(PASSWORD, safe='')}@{where}"},
            "wrong-redis": {"REDIS_URL": f"redis://:{quote(WRONG_PASSWORD, safe='')}@{where}"},
            "vectors": {"VECTOR_STORE_API_KEY": VECTOR_KEY},
            "wrong-vectors": {"VECTOR_STORE_API_KEY": WRONG_VECTOR_KEY},
            "odd-vectors": {"VECTOR_STORE_API_KEY": TWO_LINES},
        }


@pytest.fixture
def world(tmp_path: Path) -> Generator[World]:
    """Servers that repeat what they were sent."""
    folders = {name: tmp_path / "servers" / name for name in ("web", "guarded", "stdio", "redis")}
    for folder in folders.values():
        folder.mkdir(parents=True)
    repeats = f'{{"mark": "{MARK}", "told": "{{{{authorization}}}}", "and": "{"." * 100_000}"}}'
    with ExitStack() as stack:
        yield World(
            web=stack.enter_context(lab_server("http", folders["web"])),
            guarded=stack.enter_context(lab_server("simple", folders["guarded"], "--guarded")),
            stdio=stack.enter_context(lab_server("stdio", folders["stdio"])),
            hook=stack.enter_context(Sink(answer=repeats)),
            broken=stack.enter_context(Sink(status=500, answer=repeats)),
            redis=stack.enter_context(redis_server(folders["redis"], "--requirepass", PASSWORD)),
            vectors=stack.enter_context(qdrant_stub(VECTOR_KEY)).url,
        )


CALLS: Mapping[str, Sequence[str]] = {
    "tools": ("web__seen", "oauth__seen", "stdio__environment", "hook", "broken"),
    "barred": (),
    "dying": ("frail__die",),
    "redis": ("search_memory",),
    "wrong-redis": ("search_memory",),
    "vectors": ("search_memory",),
    "wrong-vectors": ("search_memory",),
    "odd-vectors": ("search_memory",),
}
SCRIPT: dict[str, Any] = {
    "rules": [
        *(
            {"role": role, "toolCalls": [{"name": name, "arguments": {"query": "x"}} for name in names]}
            for role, names in CALLS.items()
            if names
        ),
        {"reply": "Done."},
    ]
}


@pytest.mark.parametrize("where", ["here", "process"])
async def test_no_planted_value_is_anywhere(
    lab: Lab,
    home: Path,
    world: World,
    where: Literal["here", "process"],
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("httpcore", "httpcore2"):
        caplog.set_level(logging.INFO, logger=name)  # below, they log all that they refuse to send
    logs: list[str] = []
    async with _working(lab, home, world, where, logs):
        runs = {name: await lab.start(one) for name, one in _plans(world).items()}
        await _reject(runs["dying"])
        records = {name: await run.ended() for name, run in runs.items()}
    steps = {name: record.step(name) for name, record in records.items()}
    brought = await results(runs["tools"], TOOL_ACTIVITY, ToolOutcome)
    told = {call.tool: brought[call.id].content for call in steps["tools"].tool_calls}
    warnings = {name: " ".join(each.warnings) for name, each in steps.items()}
    assert {name: record.phase for name, record in records.items() if record.phase != "Succeeded"} == {
        "dying": "Failed"
    }
    # All of it was sent, and repeated.
    assert [sink.asked[0].headers["authorization"] for sink in (world.hook, world.broken)] == [
        f"Bearer {HOOK}"
    ] * 2
    assert {name for name, text in told.items() if "[redacted]" in text} == set(CALLS["tools"])
    assert "about to die with [redacted]" in steps["dying"].tool_calls[0].result
    assert warnings["barred"].count("the agent works without them") == 4
    assert not warnings["redis"] + warnings["vectors"]
    for name in ("wrong-redis", "wrong-vectors", "odd-vectors"):
        assert "nothing is recalled" in warnings[name]
        assert "the result is not kept" in warnings[name]
        assert steps[name].tool_calls[0].is_error

    kept = [each async for each in places(list(runs.values()), home, but="secrets.yaml")]
    kept += [("log", text.encode()) for text in (caplog.text, *capfd.readouterr(), *logs)]
    kept += [("records", record.model_dump_json().encode()) for record in records.values()]
    marked = {place.split()[0] for place, data in kept if MARK.encode() in data}
    assert marked >= {"event", "file", "record"}
    found = [
        f"{value!r} in {place}"
        for place, data in kept
        for value in PLANTED
        if any(form in data for form in forms(value))
    ]
    assert found == []


@contextlib.asynccontextmanager
async def _working(
    lab: Lab, home: Path, world: World, where: Literal["here", "process"], logs: list[str]
) -> AsyncGenerator[None]:
    """A worker in this process, or one in its own whose log is kept."""
    if where == "here":
        async with lab.working(script=MockScript.model_validate(SCRIPT), secrets=world.secrets):
            yield
        return
    home.mkdir(exist_ok=True)
    (home / "script.yaml").write_text(yaml.safe_dump(SCRIPT))
    documents = [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "stringData": values,
        }
        for name, values in world.secrets.items()
    ]
    (home / "secrets.yaml").write_text(yaml.safe_dump_all(documents))
    words = ("--task-queue", lab.queue, "--storage", str(lab.directory), "--allow-commands")
    files = (str(home / "secrets.yaml"), "--mock-script", str(home / "script.yaml"))
    with worker_process(home, lab.connection.address, *words, *files) as worker:
        yield
        assert await asyncio.to_thread(worker.stop) == 0
    logs.append(worker.log)


def _plans(world: World) -> dict[str, Plan]:
    def oauth(key: str) -> OAuthPlan:
        url = f"{world.guarded.origin}/token"
        return OAuthPlan(token_url=url, client_id=CLIENT_ID, client_secret=KeyRef(name="tools", key=key))

    def webhook(name: str, sink: Sink) -> ToolPlan:
        there = WebhookPlan(url=sink.url, headers={"Authorization": _secret("hook")})
        return ToolPlan(name=name, effect="idempotent", webhook=there)

    def vectors(secret: str) -> MemoryPlan:
        embeddings = EmbeddingsPlan(provider="hash")
        return MemoryPlan(
            name="notes", backend="vector-store", endpoint=world.vectors, secret=secret, embeddings=embeddings
        )

    plain, token = GivenValue(value=MARK), KeyRef(name="tools", key="token")
    # Of another name, since runs share the process of a server that is the same.
    stdio, frail = (
        server_plan(world.stdio, name, env={"LAB_SECRET": _secret("env")}) for name in ("stdio", "frail")
    )
    servers: Sequence[McpServerPlan] = (
        server_plan(world.web, "web", headers={"X-Plain": plain, "X-Secret": _secret("header")}, token=token),
        server_plan(world.guarded, "oauth", oauth=oauth("client")),
        stdio,
    )
    barred: Sequence[McpServerPlan] = (
        server_plan(world.guarded, "stale", token=KeyRef(name="tools", key="wrong-token")),
        server_plan(world.guarded, "stranger", oauth=oauth("wrong-client")),
        server_plan(world.web, "split", headers={"X-Secret": _secret("lines")}),
        server_plan(world.web, "torn", token=KeyRef(name="tools", key="lines")),
    )
    agents: dict[str, dict[str, Any]] = {
        "tools": {
            "mcp_servers": servers,
            "tools": (webhook("hook", world.hook), webhook("broken", world.broken)),
        },
        "barred": {"mcp_servers": barred},
        "dying": {"mcp_servers": (frail,)},
        **{
            name: {"memory": MemoryPlan(name="notes", backend="redis", secret=name)}
            for name in ("redis", "wrong-redis")
        },
        **{name: {"memory": vectors(name)} for name in ("vectors", "wrong-vectors", "odd-vectors")},
    }
    return {
        name: plan(step(name), case=None, agents={"timeout_seconds": 60} | fields)
        for name, fields in agents.items()
    }


def _secret(key: str) -> GivenValue:
    return GivenValue(ref=KeyRef(name="tools", key=key))


async def _reject(run: Run) -> None:
    """Let a run fail whose tool's process died over its call."""
    async with asyncio.timeout(30):
        while not (waits := (await run.record()).awaiting):
            await asyncio.sleep(0.05)
    await decide(run.connection, run.id, Decision(id=waits[0].id, decision="reject"))
