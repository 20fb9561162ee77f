"""Records the histories that later code must be able to replay.

Run at a release, from the repository's root: `python -m tests.replay.record`. It runs every example and a
team for each way in which a run can go, with the mock provider, and writes `histories/<version>/<name>.json`.
Histories of earlier releases stay.
"""

import asyncio
import json
import logging
import os
import re
import sys
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from io import StringIO
from pathlib import Path

from pydantic import JsonValue
from temporalio.client import WorkflowFailureError, WorkflowHandle

from ark_temporal.llm.mock import MockScript
from ark_temporal.manifests import load
from ark_temporal.plan.compile import compile_agent, compile_team, select_team
from ark_temporal.plan.model import Plan
from ark_temporal.plan.record import AwaitingKind, Decision, RunRecord, Verdict
from ark_temporal.resources import store
from ark_temporal.resources.model import ApplyRequest, ResourceName, RollbackRequest
from ark_temporal.runs.attributes import ensure_attributes
from ark_temporal.runs.connection import Connection, ConnectOptions, connect
from ark_temporal.runs.names import DECIDE_UPDATE, RECORD_QUERY
from ark_temporal.runs.submit import submit
from ark_temporal.runs.watch import read_record
from tests.integration.processes import free_port, plain_server
from tests.replay import around
from tests.replay.places import place
from worker.assembly import WorkerOptions, running_worker

ROOT = Path(__file__).parents[2]
HISTORIES = Path(__file__).parent / "histories"
TEAMS = Path(__file__).parent / "teams.yaml"

_DECISIONS: Mapping[AwaitingKind, Verdict] = {
    "tool-outcome": "answer",
    "question": "answer",
    "failed-step": "retry",
    "approval": "approve",
    "output": "approve",
    "tool": "approve",
}

_PROCESS = re.compile(r"\d+@[\w.-]+")
"""How Temporal names a process: its number and its machine."""

_HERE = re.compile(r"(?<=127\.0\.0\.1:)\d+")
"""The port of what tools were called on."""


def _hand(role: str) -> dict[str, JsonValue]:
    return {"name": "delegate", "arguments": {"role": role, "prompt": "Do your part."}}


_HAND = _hand("helps")
_ADD = {"name": "add", "arguments": {"a": "$turn"}}

CONTINUED = "continues-2"
"""The execution that went on."""

CHILDREN = ("starts-subtask-sub-1", "handed-on-helps-1", "handed-on-crew-1", "long-list-reads-1")
"""Runs that others have started: a subtask, a task that was handed on, a team, and a part of a list."""

RESOURCE = "resource"
"""A manifest that was applied, applied again, rolled back and deleted."""

LONG_LIST = json.dumps(list(range(101)))
"""One item more than a run works on itself."""

SCRIPT = MockScript.model_validate(
    {
        "rules": [
            {"role": "refuses", "fail": {"type": "ModelBadRequest", "message": "It does not want to."}},
            {"role": "flaky", "fail": {"type": "ModelOverloaded", "attempts": 1}},
            {"role": "mumbles", "purpose": "task", "reply": "no JSON at all"},
            {"role": "judged", "purpose": "validate", "call": 0, "reply": "INVALID: too short"},
            {"role": "slow", "reply": "late", "delaySeconds": 60},
            {"role": "counter", "call": 0, "reply": {"done": False}},
            {"role": "counter", "call": 1, "reply": {"done": True}},
            {"role": "adds", "toolCalls": [{"name": "add", "arguments": {"a": 1}}, {"name": "broken"}]},
            {"role": "adds", "contains": "stuck", "times": 1, "toolCalls": [{"name": "flies"}]},
            {"role": "adds-and-mumbles", "purpose": "task", "toolCalls": [_ADD]},
            {"role": "adds-and-mumbles", "purpose": "task", "reply": "no JSON at all"},
            {"role": "adds-for-ever", "toolCalls": [_ADD], "turns": 99},
            {"role": "adds-long", "toolCalls": [_ADD], "turns": 9},
            {"role": "searches", "toolCalls": [{"name": "archive__search", "arguments": {"for": "rivers"}}]},
            {"role": "pays", "toolCalls": [{"name": "pay", "arguments": {"sum": 9}}]},
            {"role": "hands-on", "toolCalls": [_HAND | {"repeat": 2}, _hand("crew"), _hand("ceo")]},
            {"role": "router", "reply": {"capability": "sailing", "reason": "It is about boats."}},
            {"role": "picks", "reply": {"choice": 2, "reason": "It is better."}},
            {"role": "fails-once", "times": 1, "fail": {"type": "ModelBadRequest"}},
            {"role": "books", "toolCalls": [{"name": "add", "arguments": {"a": 2}}]},
            {"role": "submits", "contains": "count", "reply": "three"},
            {"role": "submits", "toolCalls": [{"name": "submit_subtask", "arguments": {"prompt": "count"}}]},
        ]
    }
)


def plans(port: int = 9) -> dict[str, tuple[Plan, Mapping[str, JsonValue]]]:
    """What is recorded: a plan and its input, by the name of the history; tools are on the port."""
    found: dict[str, tuple[Plan, Mapping[str, JsonValue]]] = {}
    for folder in sorted((ROOT / "examples").iterdir()):
        if folder.is_dir():
            bundle = load([folder])
            if bundle.teams:
                plan = compile_team(bundle, select_team(bundle, None), provider="mock").plan
                found[f"example-{folder.name}"] = (plan, {"topic": "rivers"})
            else:
                plan = compile_agent(bundle, None, provider="mock").plan
                found[f"example-{folder.name}"] = (plan, {"task": "rivers"})
    bundle = load(["-"], stdin=StringIO(_teams(port)))
    for team in bundle.teams:
        found[team.metadata.name] = (compile_team(bundle, team, provider="mock").plan, {})
    return found


def _teams(port: int) -> str:
    return TEAMS.read_text().replace("PORT", str(port)).replace('"LIST"', f"'{LONG_LIST}'")


async def record(connection: Connection, name: str, plan: Plan, given: Mapping[str, JsonValue]) -> str:
    """Run a plan to its end, whichever it is, and give its history as JSON."""
    run = await submit(connection, plan, given, id=name)
    handle = connection.client.get_workflow_handle(run.id)
    first = (await handle.describe()).run_id
    if name == "cancelled":
        await asyncio.sleep(1)
        await handle.cancel()
    deciding = asyncio.create_task(_decide_all(connection, handle))
    try:
        await handle.result()
    except WorkflowFailureError:
        print(f"{name}: ended without success, as it should", file=sys.stderr)
    finally:
        deciding.cancel()
    told = await handle.query(RECORD_QUERY, result_type=RunRecord)
    assert told == await read_record(connection, name), f"{name}: the history says something else"
    return await history(connection, name, first)


async def history(connection: Connection, id: str, execution: str | None = None) -> str:
    """A workflow's history as JSON; of its latest execution unless told otherwise."""
    handle = connection.client.get_workflow_handle(id, run_id=execution)
    recorded = json.loads((await handle.fetch_history()).to_json())
    return json.dumps(_without_machine(recorded), indent=1, ensure_ascii=False) + "\n"


async def _decide_all(connection: Connection, handle: WorkflowHandle[object, object]) -> None:
    """Decide whatever the run asks, as soon as it asks."""
    while True:
        await asyncio.sleep(0.1)
        for asked in (await read_record(connection, handle.id)).awaiting:
            if "nobody" in asked.approvers:
                continue  # which is for time to decide
            voted = [vote.by for vote in asked.votes]
            decision = Decision(
                id=asked.id,
                digest=asked.digest,
                decision=_DECISIONS[asked.kind],
                text="paid",
                by="bob" if "ann" in voted else "ann",
                comment="I looked",
            )
            await handle.execute_update(DECIDE_UPDATE, decision)  # pyright: ignore[reportUnknownMemberType]


async def _apply_and_delete(connection: Connection) -> str:
    """What a resource goes through, as its history."""
    name = ResourceName("ArkTeam", "default", "blog")
    for number in (1, 1, 2):
        await store.apply(connection, name, ApplyRequest(manifest={"n": number}, by="ann"))
    await store.rollback(connection, name, RollbackRequest(by="bob"))
    await store.delete(connection, name)
    await connection.client.get_workflow_handle(name.workflow_id).result()
    return await history(connection, name.workflow_id)


def _without_machine(value: JsonValue) -> JsonValue:
    """A history without what says where it was recorded: process names, and paths in stack traces."""
    if isinstance(value, list):
        return [_without_machine(item) for item in value]
    if isinstance(value, dict):
        return {key: "" if key == "stackTrace" else _without_machine(item) for key, item in value.items()}
    return _HERE.sub("9", _PROCESS.sub("worker", value)) if isinstance(value, str) else value


async def main() -> None:
    """Record all histories of this version."""
    logging.disable(logging.WARNING)  # failures are what some of them are about
    os.environ["ARK_HOME"] = home = tempfile.mkdtemp(prefix="ark-histories-")
    folder = HISTORIES / version("ark-temporal")
    folder.mkdir(parents=True, exist_ok=True)
    port, log = free_port(), Path(home) / "server.log"
    # A server that suggests to continue as new already after a few turns.
    few = ("--dynamic-config-value", "limit.historyCount.suggestContinueAsNew=60")
    with plain_server(port, log, *few), place() as tools:
        connection = await connect(ConnectOptions(address=f"127.0.0.1:{port}"))
        await ensure_attributes(connection.client)
        options = WorkerOptions(
            mock_script=SCRIPT, tools=["tests.integration.agents.desk_tools"], stores=[around.secrets(tools)]
        )
        async with running_worker(connection, options):
            for name, (plan, given) in plans(tools).items():
                (folder / f"{name}.json").write_text(await record(connection, name, plan, given))
            (folder / f"{CONTINUED}.json").write_text(await history(connection, "continues"))
            for child in CHILDREN:
                (folder / f"{child}.json").write_text(await history(connection, child))
            (folder / f"{RESOURCE}.json").write_text(await _apply_and_delete(connection))
            await around.happen(connection)
            for name, id in around.WORKFLOWS.items():
                (folder / f"{name}.json").write_text(await history(connection, id))


if __name__ == "__main__":
    asyncio.run(main())
    sys.stdout.flush()
    os._exit(0)  # Temporal's engine may crash an interpreter that ends in the ordinary way
