"""Worker processes for agents with tools, and agents that ask a stub of a model."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from difflib import unified_diff
from pathlib import Path
from typing import Any

from temporalio.worker import Replayer

from ark_temporal.plan.model import Plan
from ark_temporal.plan.record import RunRecord
from ark_temporal.plan.tools import ToolPlan
from tests.e2e.command import environment
from tests.integration.agents.tool_worker import Settings
from tests.integration.lab import Lab, Run
from tests.integration.llm.providers import COMPATIBLE, Case
from tests.integration.llm.stub_server import Match, Reply, Rule, StubServer
from tests.integration.llm.wire_formats import ScriptedCall
from tests.integration.plans import KEYS, keys, plan, step
from tests.integration.processes import Process, process
from worker.sandbox import workflow_sandbox
from workflows.pipeline import Pipeline

TOOLS = "tests.integration.agents.desk_tools"


@contextmanager
def tool_worker(
    lab: Lab,
    home: Path,
    *,
    storage: str = "",
    model: StubServer | None = None,
    environ: dict[str, str] | None = None,
    **settings: Any,
) -> Generator[Process]:
    """A worker in a process of its own, once it is ready.

    Args:
        lab: Whose queue it works on.
        home: For its data and its log.
        storage: Its payload storage, if it is not the lab's directory.
        model: Where its agents find their model.
        environ: Its environment, over a clean one.
        **settings: As `tool_worker.Settings` has them.
    """
    home.mkdir(parents=True, exist_ok=True)
    given: dict[str, Any] = {
        "address": lab.connection.address,
        "queue": lab.queue,
        "storage": storage or str(lab.directory),
        "memory": lab.directory / "memory",
        "tools": [TOOLS],
    }
    secrets = {**settings.pop("secrets", {}), **({KEYS: keys(model.url)} if model else {})}
    whole = Settings.model_validate(given | settings | {"secrets": secrets})
    command = [sys.executable, "-m", "tests.integration.agents.tool_worker", whole.model_dump_json()]
    errors = home / f"worker-{len(list(home.glob('worker-*.log')))}.log"
    with process(command, errors, environment(home, **(environ or {}))) as started:
        started.wait_for("ready: ")
        yield started


def stubbed_plan(*tools: ToolPlan, case: Case = COMPATIBLE, **agent: Any) -> Plan:
    """One step, `desk`, of an agent with these tools, which asks the stub server."""
    return plan(step("desk"), case=case, agents={"tools": tools, "timeout_seconds": 120} | agent)


def adding(turns: int, *, hang_in: int = 0, reply: str = "All done.") -> list[Rule]:
    """A model that adds in so many turns, whatever it is told, and then replies.

    Which turn it is, it sees by the calls that stand in the conversation.

    Args:
        turns: How many.
        hang_in: The turn in which its first request gets no answer; 0 answers all.
        reply: Its last word.
    """
    rules: list[Rule] = []
    for turn in range(turns, 0, -1):
        here = f'"call-{turn - 1}"' if turn > 1 else ""
        calls = [ScriptedCall(name="add", arguments={"a": turn, "b": 100}, id=f"call-{turn}")]
        rules.append(Rule(match=Match(substring=here), reply=Reply(tool_calls=calls)))
        if turn == hang_in:
            rules.insert(-1, Rule(match=Match(substring=here, nth=1), reply=Reply(behaviour="hang")))
    return [Rule(match=Match(substring=f'"call-{turns}"'), reply=Reply(text=reply)), *rules]


async def ended_alike(run: Run, seconds: float = 40, *, replayed: bool = False) -> RunRecord:
    """Wait for a run's end; its record then, which history and workflow tell alike.

    A workflow that was replayed takes in several of its tasks at once where they brought about nothing, and
    tells later times for them.
    """
    record = await run.ended(seconds)
    read, told = (one.model_dump_json(indent=1).splitlines() for one in (record, await run.asked()))
    if replayed:
        read, told = ([line for line in each if '"completionTime"' not in line] for each in (read, told))
    difference = "\n".join(unified_diff(read, told, "history", "workflow", lineterm=""))
    assert not difference, difference
    return record


async def replay(run: Run) -> None:
    """Workflow code decides the same again."""
    converter = run.connection.client.data_converter
    replayer = Replayer(workflows=[Pipeline], data_converter=converter, workflow_runner=workflow_sandbox())
    await replayer.replay_workflow(await run.handle.fetch_history())
