"""`runs diff`, and the commands around it, as a shell calls them."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.e2e.command import Command, Ended
from tests.integration.lab import Lab
from tests.integration.llm.stub_server import Match, Reply, Rule, StubServer
from tests.integration.plans import chain, keys

pytestmark = pytest.mark.slow


async def ark(lab: Lab, home: Path, *words: str) -> Ended:
    """Run the command against the lab's server."""
    place = ("--address", lab.connection.address, "--storage", str(lab.directory))
    return await asyncio.to_thread(Command(home).run, *words, *place)


async def test_a_fork_is_compared_with_its_run(lab: Lab, home: Path) -> None:
    async with lab.working():
        run = await lab.start(chain("a", "b", case=None), id=f"run-{lab.queue}")
        await run.ended()
        same = await ark(lab, home, "runs", "fork", run.id, "--from", "b", "--id", f"same-{lab.queue}")
        assert (same.code, same.out) == (0, f"same-{lab.queue}\n")
        assert "takes over 1 step: a" in same.err
        words = ("runs", "fork", run.id, "--from", "b", "--set", "a.output=OTHER", "--watch", "-o", "json")
        other = await ark(lab, home, *words)
        assert other.code == 0, other.err
        forked = json.loads(other.out)
        await lab.run(f"same-{lab.queue}").ended()
        equal = await ark(lab, home, "runs", "diff", run.id, f"same-{lab.queue}")
        differs = await ark(lab, home, "runs", "diff", run.id, forked["id"], "-o", "json")
        missing = await ark(lab, home, "runs", "diff", run.id, "nowhere")
    assert (equal.code, equal.err) == (0, "")
    assert run.id in equal.out
    told = json.loads(differs.out)
    assert (differs.code, told["same"]) == (1, False)
    assert "+OTHER" in told["steps"][0]["output"]
    assert told["steps"][0]["b"]["reusedFrom"] == run.id
    assert (missing.code, missing.out) == (2, "")
    assert 'no run "nowhere"' in missing.err


PLAN = """\
apiVersion: arkonis.dev/v1alpha1
kind: ArkTeam
metadata: {name: lab, namespace: lab}
spec:
  roles:
    - {name: a, model: mock-small, systemPrompt: x}
    - {name: b, model: mock-small, systemPrompt: x}
  pipeline:
    - {role: a, inputs: {task: "a, please"}}
    - {role: b, dependsOn: [a], inputs: {task: "the mended prompt"}}
"""


async def test_a_failed_run_is_looked_at_and_retried_with_edited_manifests(lab: Lab, home: Path) -> None:
    manifest = home.parent / "lab.yaml"
    manifest.write_text(PLAN)
    broken = Rule(match=Match(substring="b, please"), reply=Reply(status=400))
    with StubServer([broken]) as stub:
        async with lab.working(keys(stub.url)):
            run = await lab.start(chain("a", "b"), id=f"failed-{lab.queue}")
            assert (await run.ended()).phase == "Failed"
            shown = await ark(lab, home, "dlq", "show", run.id)
            assert (shown.code, shown.err) == (0, "")
            assert "ModelBadRequest" in shown.out
            assert "keeps    1 step: a" in shown.out
            wrong = await ark(lab, home, "runs", "retry", run.id, "--from", "bb")
            assert (wrong.code, wrong.out) == (2, "")
            assert 'Did you mean "b"?' in wrong.err
            words = ("runs", "retry", run.id, "--plan", str(manifest), "--by", "ada", "-o", "json", "--watch")
            retried = await ark(lab, home, *words)
            listed = await ark(lab, home, "runs", "list", "-o", "json")
    record = json.loads(retried.out)
    assert retried.code == 0, retried.err
    assert (record["id"], record["submittedBy"]) == (f"{run.id}-retry-1", "ada")
    assert record["steps"][1]["prompt"] == "task: the mended prompt\n"
    assert "The new plan would do a differently" in retried.err
    assert run.id in {each["id"] for each in json.loads(listed.out)}
