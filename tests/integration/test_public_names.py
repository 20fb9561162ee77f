"""Runs by the plain `temporal` command: what it starts, asks and stops is documented and public."""

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError

from ark_temporal.llm.mock import MockRule, MockScript
from ark_temporal.plan.record import RunRecord
from ark_temporal.plan.start import PipelineInput
from tests.integration.lab import Lab
from tests.integration.plans import chain
from worker.embedded import server_binary

PLAN = chain("a", "b", case=None)


def temporal(lab: Lab, *words: str) -> Any:
    """Run the plain command; the JSON that it prints."""
    command = [str(server_binary()), *words, "--address", lab.connection.address, "-o", "json"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout) if ended.stdout.strip() else None


def start(lab: Lab, tmp_path: Path, argument: object | None) -> str:
    """Start a `Pipeline` with an argument, or with none."""
    id = f"plain-{lab.queue}"
    words = ["workflow", "start", "--type", "Pipeline", "--task-queue", lab.queue, "--workflow-id", id]
    if argument is not None:
        file = tmp_path / "input.json"
        file.write_text(json.dumps(argument))
        words += ["--input-file", str(file)]
    assert temporal(lab, *words)["workflowId"] == id
    return id


def plain(**changed: object) -> dict[str, Any]:
    """A workflow's argument, as a program in another language writes it."""
    written = json.loads(PipelineInput(plan=PLAN).model_dump_json())
    return {**written, "plan": {**written["plan"], **changed}}


async def failed(lab: Lab, id: str) -> ApplicationError:
    """Wait for a workflow to fail, and why it did."""
    with pytest.raises(WorkflowFailureError) as caught:
        async with asyncio.timeout(30):
            await lab.run(id).handle.result()
    assert isinstance(caught.value.cause, ApplicationError)
    return caught.value.cause


async def test_start_query_and_result(lab: Lab, tmp_path: Path) -> None:
    async with lab.working():
        id = start(lab, tmp_path, plain())
        record = await lab.run(id).ended()
        answer = await asyncio.to_thread(
            temporal, lab, "workflow", "query", "--workflow-id", id, "--type", "record"
        )
        shown = await asyncio.to_thread(temporal, lab, "workflow", "result", "--workflow-id", id)
    assert record.phase == "Succeeded"
    assert RunRecord.model_validate(answer["queryResult"][0]) == record
    assert shown["result"]["output"] == record.output


async def test_cancel(lab: Lab, tmp_path: Path) -> None:
    script = MockScript(rules=(MockRule.model_validate({"role": "b", "delaySeconds": 5}),))
    async with lab.working(script=script):
        run = lab.run(start(lab, tmp_path, plain()))
        await run.until_running("b")
        await asyncio.to_thread(temporal, lab, "workflow", "cancel", "--workflow-id", run.id)
        record = await run.ended()
    assert record.phase == "Cancelled"


@pytest.mark.parametrize(
    "argument",
    [
        {"plan": "not a plan"},
        {"plan": {"team": "x", "agents": {}, "steps": []}},
        "text",
        plain(version=2),
        plain(surprise=True),
        plain(namespace=5),
        None,
    ],
    ids=["no plan", "no steps", "text", "version", "unknown field", "wrong type", "nothing"],
)
async def test_what_is_no_plan_fails_at_once_with_a_typed_error(
    lab: Lab, tmp_path: Path, argument: object
) -> None:
    async with lab.working():
        id = start(lab, tmp_path, argument)
        failure = await failed(lab, id)
    assert failure.type == "InvalidInput"
    assert "Pipeline" in failure.message
    assert "https://errors.pydantic.dev" not in failure.message


async def test_a_plan_of_another_version_says_so(lab: Lab, tmp_path: Path) -> None:
    async with lab.working():
        failure = await failed(lab, start(lab, tmp_path, plain(version=2)))
    assert "plan.version" in failure.message
