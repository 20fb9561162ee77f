"""Records the histories that later code must be able to replay.

Run at a release, from the repository's root: `python -m tests.replay.record`. It runs every example and a
team for each way in which a run can go, with the mock provider, and writes `histories/<version>/<name>.json`.
Histories of earlier releases stay.
"""

import asyncio
import json
import os
import re
import sys
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from pydantic import JsonValue
from temporalio.client import WorkflowFailureError

from ark_temporal.llm.mock import MockScript
from ark_temporal.manifests import load
from ark_temporal.plan.compile import compile_team, select_team
from ark_temporal.plan.model import Plan
from ark_temporal.runs.connection import Connection, ConnectOptions, connect
from ark_temporal.runs.submit import submit
from worker.assembly import WorkerOptions, running_worker
from worker.embedded import embedded_server

ROOT = Path(__file__).parents[2]
HISTORIES = Path(__file__).parent / "histories"
TEAMS = Path(__file__).parent / "teams.yaml"

_PROCESS = re.compile(r"\d+@[\w.-]+")
"""How Temporal names a process: its number and its machine."""

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
        ]
    }
)


def plans() -> dict[str, tuple[Plan, Mapping[str, JsonValue]]]:
    """What is recorded: a plan and its input, by the name of the history."""
    found: dict[str, tuple[Plan, Mapping[str, JsonValue]]] = {}
    for folder in sorted((ROOT / "examples").iterdir()):
        if folder.is_dir():
            bundle = load([folder])
            plan = compile_team(bundle, select_team(bundle, None), provider="mock").plan
            found[f"example-{folder.name}"] = (plan, {"topic": "rivers"})
    bundle = load([TEAMS])
    for team in bundle.teams:
        found[team.metadata.name] = (compile_team(bundle, team, provider="mock").plan, {})
    return found


async def record(connection: Connection, name: str, plan: Plan, given: Mapping[str, JsonValue]) -> str:
    """Run a plan to its end, whichever it is, and give its history as JSON."""
    run = await submit(connection, plan, given, id=name)
    handle = connection.client.get_workflow_handle(run.id)
    if name == "cancelled":
        await asyncio.sleep(1)
        await handle.cancel()
    try:
        await handle.result()
    except WorkflowFailureError:
        print(f"{name}: ended without success, as it should", file=sys.stderr)
    recorded = json.loads((await handle.fetch_history()).to_json())
    return json.dumps(_without_machine(recorded), indent=1, ensure_ascii=False) + "\n"


def _without_machine(value: JsonValue) -> JsonValue:
    """A history without what says where it was recorded: process names, and paths in stack traces."""
    if isinstance(value, list):
        return [_without_machine(item) for item in value]
    if isinstance(value, dict):
        return {key: "" if key == "stackTrace" else _without_machine(item) for key, item in value.items()}
    return _PROCESS.sub("worker", value) if isinstance(value, str) else value


async def main() -> None:
    """Record all histories of this version."""
    os.environ["ARK_HOME"] = tempfile.mkdtemp(prefix="ark-histories-")
    folder = HISTORIES / version("ark-temporal")
    folder.mkdir(parents=True, exist_ok=True)
    async with embedded_server() as server:
        connection = await connect(ConnectOptions(address=server.address))
        async with running_worker(connection, WorkerOptions(mock_script=SCRIPT)):
            for name, (plan, given) in plans().items():
                (folder / f"{name}.json").write_text(await record(connection, name, plan, given))


if __name__ == "__main__":
    asyncio.run(main())
    sys.stdout.flush()
    os._exit(0)  # Temporal's engine may crash an interpreter that ends in the ordinary way
