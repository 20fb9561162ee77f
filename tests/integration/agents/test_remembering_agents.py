"""Agents that remember from run to run."""

import os
from collections.abc import Generator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import redis

from ark_temporal.llm.mock import MockScript
from ark_temporal.plan.tools import EmbeddingsPlan, MemoryPlan
from tests.integration.agents.scripts import agent_plan
from tests.integration.lab import Lab
from tests.integration.memory.redis_server import answers, redis_server
from tests.integration.plans import NAMESPACE

SAID = "The vault of the desk opens at noon."
SCRIPT = MockScript.model_validate(
    {
        "rules": [
            {
                "contains": "From earlier tasks",
                "toolCalls": [{"name": "search_memory", "arguments": {"query": "when does the vault open"}}],
            },
            {"contains": "From earlier tasks", "reply": "As was said before."},
            {"reply": SAID},
        ]
    }
)


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """A Redis that answers: the one of the environment, the local one, or one of our own."""
    for url in (os.environ.get("REDIS_URL", ""), "redis://127.0.0.1:6379/0"):
        if url and answers(url):
            yield url
            return
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server.url


@pytest.fixture(params=["redis", "vector-store"])
def memory(request: pytest.FixtureRequest) -> Generator[tuple[MemoryPlan, dict[str, dict[str, str]]]]:
    """A memory of the test's own, and the Secrets that a worker needs for it."""
    name = f"notes-{uuid4().hex[:8]}"
    if request.param == "vector-store":
        embeddings = EmbeddingsPlan(provider="hash")
        yield MemoryPlan(name=name, backend="vector-store", endpoint="local", embeddings=embeddings), {}
        return
    url: str = request.getfixturevalue("redis_url")
    yield MemoryPlan(name=name, backend="redis", secret="memory"), {"memory": {"REDIS_URL": url}}
    opened: Any = redis.Redis.from_url(url)  # pyright: ignore[reportUnknownMemberType]
    with opened as client:
        client.delete(f"ark:memory:{NAMESPACE}/{name}", f"ark:memory:{NAMESPACE}/{name}-other")


async def test_a_run_knows_what_another_one_found_out(
    lab: Lab, memory: tuple[MemoryPlan, dict[str, dict[str, str]]]
) -> None:
    plan = agent_plan(memory=memory[0])
    async with lab.working(script=SCRIPT, secrets=memory[1]):
        first = await (await lab.start(plan)).ended()
    async with lab.working(script=SCRIPT, secrets=memory[1]):
        run = await lab.start(plan)
        second = await run.ended()
        assert await run.asked() == second
    assert (first.output, first.step("desk").warnings, first.step("desk").tool_calls) == (SAID, [], [])
    assert SAID not in first.step("desk").prompt
    step = second.step("desk")
    assert (second.phase, second.output, step.warnings) == ("Succeeded", "As was said before.", [])
    recalled, asked = step.prompt.split("</ark:step-output>")
    assert recalled.startswith('From earlier tasks:\n<ark:step-output step="memory">')
    assert SAID in recalled
    assert asked.strip() == "task: desk, please"
    [found] = step.tool_calls
    assert (found.tool, found.effect, found.is_error) == ("search_memory", "read", False)
    assert SAID in found.result


async def test_what_another_memory_keeps_is_not_recalled(
    lab: Lab, memory: tuple[MemoryPlan, dict[str, dict[str, str]]]
) -> None:
    theirs, secrets = memory
    ours = theirs.model_copy(update={"name": f"{theirs.name}-other"})
    async with lab.working(script=SCRIPT, secrets=secrets):
        await (await lab.start(agent_plan(memory=theirs))).ended()
        record = await (await lab.start(agent_plan(memory=ours))).ended()
    assert (record.output, record.step("desk").tool_calls) == (SAID, [])
    assert "From earlier tasks" not in record.step("desk").prompt


async def test_a_run_goes_on_without_its_memory(lab: Lab, tmp_path: Path) -> None:
    search = {"name": "search_memory", "arguments": {"query": "vault"}}
    script = MockScript.model_validate({"rules": [{"toolCalls": [search]}, {"reply": SAID}]})
    plan = agent_plan(memory=MemoryPlan(name="notes", backend="redis", secret="memory"))
    with redis_server(tmp_path) as server:
        async with lab.working(script=script, secrets={"memory": {"REDIS_URL": server.url}}):
            before = await (await lab.start(plan)).ended()
            server.kill()
            after = await (await lab.start(plan)).ended()
    assert (before.phase, before.step("desk").warnings) == ("Succeeded", [])
    step = after.step("desk")
    assert (after.phase, after.output) == ("Succeeded", SAID)
    assert step.prompt.strip() == "task: desk, please"
    [search_call] = step.tool_calls
    assert search_call.is_error
    read, written = step.warnings
    assert read.startswith('Memory "notes": nothing is recalled.')
    assert written.startswith('Memory "notes": the result is not kept.')
    for told in (read, written, search_call.result):
        assert f"Redis at 127.0.0.1:{server.port} cannot be reached" in told
