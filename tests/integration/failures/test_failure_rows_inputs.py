"""Rows about manifests and input: what is wrong there starts nothing, or fails before any model is asked."""

from pathlib import Path

import pytest

from ark_temporal.plan.model import InputPlan
from ark_temporal.plan.start import PipelineInput
from ark_temporal.runs.names import PIPELINE
from ark_temporal.runs.retry import Changes, read_origin, retry_run
from ark_temporal.runs.submit import submit
from tests.e2e.command import Command
from tests.integration.agents.crew import ended_alike
from tests.integration.failures.cases import called, phases, team
from tests.integration.failures.page import Row, proves
from tests.integration.lab import Lab
from tests.integration.plans import step
from tests.integration.processes import free_port

TEAM = """
apiVersion: arkonis.dev/v1alpha1
kind: ArkTeam
metadata: {name: haiku}
spec:
  inputs: [{name: topic, required: true}]
  roles: [{name: poet, model: mock, systemPrompt: You write.}]
  pipeline: [{role: poet, inputs: {prompt: "On {{ .input.topic }}."}}]
"""
BROKEN = TEAM.replace("role: poet, inputs", "role: poett, inputs")
LATER = TEAM.replace("spec:\n", "spec:\n  limits: {maxDailyTokens: 1000}\n")
COMMANDS = {
    "F101": (BROKEN, ("-i", "topic=tea"), 'Did you mean "poet"?'),
    "F102": (LATER, ("-i", "topic=tea"), "Daily token budgets are not enforced yet."),
    "F103": (TEAM, (), 'needs the input "topic"'),
    "F107": (TEAM, ("-i", "topic=tea"), "127.0.0.1"),
}


@pytest.mark.slow
@proves(*COMMANDS, how="command")
def test_what_the_command_sees_starts_nothing(tmp_path: Path, row: Row) -> None:
    manifest, given, told = COMMANDS[row.id]
    file = tmp_path / "team.yaml"
    file.write_text(manifest)
    where = ("run", str(file), "--provider", "mock")
    if row.id == "F107":
        where = ("submit", str(file), "--address", f"127.0.0.1:{free_port()}")
    ended = Command(tmp_path / "home").run(*where, *given)
    assert (ended.code, ended.out) == (row.code, ""), ended.err
    assert told in ended.err
    assert "Traceback" not in ended.err
    if row.id == "F102":
        assert Command(tmp_path / "home").run(*where, *given, "--ignore-unsupported").code == 0


DECLARED = team(step("find"), inputs=(InputPlan(name="count", type="integer", required=True),))


@proves("F104")
async def test_an_input_that_another_client_sends(lab: Lab, row: Row) -> None:
    run = lab.run(f"unchecked-{lab.queue}")
    async with lab.working():
        await lab.connection.client.start_workflow(
            PIPELINE, PipelineInput(plan=DECLARED, input={"count": "many"}), id=run.id, task_queue=lab.queue
        )
        record = await run.ended()
        origin = await read_origin(lab.connection, run.id)
        again = await retry_run(lab.connection, origin, changes=Changes(input={"count": 3}))
        assert (await ended_alike(lab.run(again.run.id))).phase == "Succeeded"
    row.check(record)
    assert (record.input, phases(record), await called(run)) == ({"count": "many"}, {"find": "Pending"}, {})


@proves("F106")
async def test_an_id_that_is_taken_starts_nothing(lab: Lab, row: Row) -> None:
    run = await lab.start(team(step("find")))
    other = await submit(lab.connection, team(step("write")), {}, id=run.id, task_queue=lab.queue)
    assert (other.existed, other.other_plan) == (True, True)
    async with lab.working():
        assert phases(await ended_alike(run)) == {"find": "Succeeded"}
    assert row.words == []
