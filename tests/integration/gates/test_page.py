"""The examples of docs/approvals.md work: its manifests compile and run, and its plain commands decide."""

import asyncio
import re
import shlex
from io import StringIO
from pathlib import Path

import pytest

from ark_temporal.manifests import load
from ark_temporal.plan.compile import compile_agent, compile_team, select_team
from ark_temporal.plan.record import RunRecord
from tests.integration.gates.asking import BEFORE, about, asking, ended, question, take, until
from tests.integration.lab import Lab
from tests.integration.test_public_names import temporal

PAGE = (Path(__file__).parents[3] / "docs" / "approvals.md").read_text()
TEAM, AGENT = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
COMMANDS = re.findall(r"^temporal workflow (.*)$", PAGE, re.MULTILINE)
DECISIONS = [command for command in COMMANDS if "cook#" in command or "DIGEST" in command]


def words(command: str, run: str, digest: str = "") -> list[str]:
    return ["workflow", *shlex.split(command.replace("RUN", run).replace("DIGEST", digest[:12]))]


async def test_the_team_of_the_page_runs(lab: Lab) -> None:
    bundle = load(["-"], stdin=StringIO(TEAM))
    plan = compile_team(bundle, select_team(bundle, None), provider="mock").plan
    async with lab.working():
        run = await lab.start(plan, {"topic": "a late parcel"})
        asked = await question(run)
        assert (asked.id, asked.kind, asked.message) == ("writer#approval", "question", "Which tone?")
        await take(lab, run, about(asked, "answer", value="warm"))
        output = await until(run, lambda record: any(one.kind == "output" for one in record.awaiting))
        assert "warm" in output.step("writer").prompt
        await take(lab, run, about(output.awaiting[0], "edit", text="A refund of 5 euros."))
        sender = await until(run, lambda record: any(one.id == "sender#approval" for one in record.awaiting))
        gate = sender.awaiting[0]
        assert gate.approvers == ("ann", "bob", "cat")
        assert "A refund of 5 euros." in gate.subject
        await run.handle.terminate()


def test_the_agent_of_the_page_asks_for_all_tools_but_one() -> None:
    plan = compile_agent(load(["-"], stdin=StringIO(AGENT)), None, provider="mock").plan
    [agent] = plan.agents.values()
    gates = agent.mcp_servers[0].gates
    assert (gates["*"].approvers, gates["*"].condition, gates["search"].condition) == (("ann",), "", "false")


def test_the_page_has_commands() -> None:
    assert (len(DECISIONS), len(COMMANDS)) == (5, 9)


@pytest.mark.parametrize("command", DECISIONS)
async def test_the_commands_of_the_page_decide(lab: Lab, command: str) -> None:
    async with lab.working():
        run = await lab.start(asking(BEFORE))
        waited = await question(run)
        await asyncio.to_thread(temporal, lab, *words(command, run.id, waited.digest))
        record = await ended(run)
    [decided] = record.decisions
    assert (decided.by, record.refused) == ("ann", [])
    _check(record, decided.decision, command)


def _check(record: RunRecord, decision: str, command: str) -> None:
    assert decision in command
    if decision == "reject":
        assert record.error is not None
        assert (record.error.type, decision) == ("Rejected", "reject")
        assert record.error.message == 'ann rejected step "cook": not today'
    else:
        assert record.phase == "Succeeded"
        assert (record.steps[0].prompt == "Cook stew.") == (decision == "edit")


async def test_the_other_commands_of_the_page_work(lab: Lab) -> None:
    others = [command for command in COMMANDS if command not in DECISIONS]
    async with lab.working():
        run = await lab.start(asking(BEFORE))
        waited = await question(run)
        async with asyncio.timeout(20):
            for command in others:
                lists = command.startswith("list")
                while not await asyncio.to_thread(temporal, lab, *words(command, run.id)) and lists:
                    await asyncio.sleep(0.2)
        await take(lab, run, about(waited, "approve"))
        assert (await ended(run)).phase == "Succeeded"
