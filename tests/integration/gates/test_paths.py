"""Every decision, by every path that a decision can take: our programs, the plain command, our command."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import pytest
from temporalio.client import WorkflowUpdateFailedError

from ark_temporal.llm.mock import MockScript
from ark_temporal.plan.model import Plan
from ark_temporal.plan.people import GatePlan
from ark_temporal.plan.record import Awaiting, Decision, DecisionRecord, RunRecord
from ark_temporal.plan.tools import ToolPlan, WebhookPlan
from ark_temporal.runs.names import (
    APPROVE_SIGNAL,
    DECIDE_UPDATE,
    PAUSE_SIGNAL,
    REJECT_SIGNAL,
    RESUME_SIGNAL,
)
from tests.e2e.command import Command
from tests.integration.agents.scripts import agent_plan, calling
from tests.integration.agents.sink import Sink
from tests.integration.gates.asking import AFTER, BEFORE, asking, ended, plainly, question, take, until
from tests.integration.lab import Lab, Run

Path_ = Literal["update", "plain update", "signal", "command"]

QUESTION = GatePlan(asks=True, answer_schema={"type": "integer"}, message="How many?")
EDITS: Mapping[str, Any] = {"approval": "Cook stew.", "output": "Stew.", "tool": {"sum": 4}}


async def by_update(lab: Lab, run: Run, decision: Decision, home: Path) -> None:
    await take(lab, run, decision)


async def by_plain_update(lab: Lab, run: Run, decision: Decision, home: Path) -> None:
    answer = await plainly(lab, run, "update", "decide", decision.model_dump(mode="json"))
    assert "closed" not in answer["result"]
    assert decision.id in answer["result"]["message"]


async def by_signal(lab: Lab, run: Run, decision: Decision, home: Path) -> None:
    said = {"digest": decision.digest[:12], "by": decision.by, "comment": decision.comment}
    await plainly(lab, run, "signal", decision.decision, said)


async def by_command(lab: Lab, run: Run, decision: Decision, home: Path) -> None:
    words = ["approvals", decision.decision, run.id, decision.id, "--by", decision.by]
    words += ["--comment", decision.comment, "--address", lab.connection.address]
    words += ["--digest", decision.digest] if decision.decision in ("approve", "edit") else []
    words += ["--text", decision.text] if decision.text else []
    words += ["--json", json.dumps(decision.value)] if decision.value is not None else []
    done = await asyncio.to_thread(Command(home).run, *words, "--storage", str(lab.directory))
    assert done.code == 0, done.err


PATHS: Mapping[Path_, Callable[[Lab, Run, Decision, Path], Awaitable[None]]] = {
    "update": by_update,
    "plain update": by_plain_update,
    "signal": by_signal,
    "command": by_command,
}

CASES: list[tuple[Path_, str, str]] = [
    *(
        (path, kind, verdict)
        for path in ("update", "plain update")
        for kind in ("approval", "output", "tool")
        for verdict in ("approve", "edit", "reject")
    ),
    *(
        ("signal", kind, verdict)
        for kind in ("approval", "output", "tool")
        for verdict in ("approve", "reject")
    ),
    *((path, "question", verdict) for path in ("update", "plain update") for verdict in ("answer", "reject")),
    ("signal", "question", "reject"),
    ("command", "approval", "approve"),
    ("command", "output", "edit"),
    ("command", "tool", "reject"),
    ("command", "question", "answer"),
]


def plan_of(kind: str, sink: Sink) -> Plan:
    if kind == "tool":
        pay = ToolPlan(
            name="pay", effect="unsafe", webhook=WebhookPlan(url=f"{sink.url}/pay"), gate=GatePlan()
        )
        return agent_plan(pay)
    gate = {"approval": BEFORE, "output": AFTER, "question": QUESTION}[kind]
    prompt = "Cook {{ .steps.cook.answer }} eggs." if kind == "question" else "Cook."
    return asking(gate, prompt=prompt)


def decision_about(waited: Awaiting, verdict: str) -> Decision:
    content = {"edit": EDITS.get(waited.kind), "answer": 3}.get(verdict)
    named = {"text": content} if isinstance(content, str) else {"value": content}
    fields = {"id": waited.id, "digest": waited.digest, "decision": verdict, "by": "ann", "comment": "since"}
    return Decision.model_validate(fields | named)


@pytest.mark.slow
@pytest.mark.parametrize(("path", "kind", "verdict"), CASES)
async def test_every_decision_by_every_path(
    lab: Lab, home: Path, path: Path_, kind: str, verdict: str
) -> None:
    script = calling({"name": "pay", "arguments": {"sum": 9}}) if kind == "tool" else MockScript()
    with Sink() as sink:
        async with lab.working(script=script):
            run = await lab.start(plan_of(kind, sink))
            waited = await question(run)
            assert waited.kind == kind
            await PATHS[path](lab, run, decision_about(waited, verdict), home)
            record = await ended(run)
        [decided] = record.decisions
        assert (decided.id, decided.kind, decided.decision) == (waited.id, kind, verdict)
        assert (decided.by, decided.comment, record.refused) == ("ann", "since", [])
        assert (
            [asked.json for asked in sink.asked]
            == {"approve": [{"sum": 9}], "edit": [{"sum": 4}]}.get(verdict, [])
            if kind == "tool"
            else not sink.asked
        )
    _check_outcome(record, kind, verdict, decided)


def _check_outcome(record: RunRecord, kind: str, verdict: str, decided: DecisionRecord) -> None:
    if verdict == "reject" and kind != "tool":
        assert record.error is not None
        assert (record.phase, record.error.type) == ("Failed", "Rejected")
        assert "ann rejected" in record.error.message
        return
    assert record.phase == "Succeeded", record.error
    step = record.steps[0]
    if kind == "tool":
        [call] = step.tool_calls
        assert call.is_error == (verdict == "reject")
        assert ("rejected by ann: since" in call.result) == (verdict == "reject")
    elif kind == "question":
        assert (step.answer, step.prompt.strip()) == (3, "task: Cook 3 eggs.")
    elif verdict == "edit":
        assert (step.prompt if kind == "approval" else record.output) == EDITS[kind] == decided.subject
    else:
        assert step.prompt == "task: Cook.\n"


async def test_two_paths_at_once_take_effect_once(lab: Lab) -> None:
    async with lab.working():
        for _ in range(10):
            run = await lab.start(asking(BEFORE, AFTER))
            decision = decision_about(await question(run), "approve")
            said = {"digest": decision.digest, "by": "ann"}
            await asyncio.gather(
                run.handle.signal(APPROVE_SIGNAL, said),
                take(lab, run, decision.model_copy(update={"by": "bob"})),
            )
            record = await until(run, lambda record: bool(record.awaiting))
            [decided] = record.decisions
            assert decided.by in ("ann", "bob")
            assert len(record.refused) == (0 if decided.by == "ann" else 1)
            assert [len(step.calls) for step in record.steps] == [1]
            await run.handle.terminate()


async def test_signals_that_are_not_taken_are_listed(lab: Lab) -> None:
    async with lab.working():
        run = await lab.start(asking(GatePlan(approvers=("ann",))))
        waited = await question(run)
        short = waited.digest[:12]
        for name, said in (
            ("approve", {"digest": short, "by": "eve"}),
            ("approve", {"id": waited.id, "by": "ann"}),
            ("approve", {"digest": "0" * 12, "by": "ann"}),
            ("reject", {"id": "another", "by": "ann"}),
            ("reject", {"id": waited.id}),
        ):
            await plainly(lab, run, "signal", name, said)
        record = await until(run, lambda record: len(record.refused) == 5)
        first, second, third, fourth, fifth = record.refused
        assert first == 'approve by eve: eve may not decide "cook#approval"; these may: ann.'
        assert "the digest of what you saw is needed" in second
        assert "does not wait for a decision about" in third
        assert '"another"; it waits for: cook#approval.' in fourth
        assert fifth == 'reject by somebody: "cook#approval" wants to know who decides: give `by`.'
        await plainly(lab, run, "signal", "approve", {"digest": short, "by": "ann"})
        record = await ended(run)
    assert (record.phase, len(record.refused)) == ("Succeeded", 5)


@pytest.mark.parametrize("arguments", [["words"], [{"surprise": True}], [[1]], [{"by": 5}], ["a", "b"]])
async def test_a_signal_that_cannot_be_read_changes_nothing(lab: Lab, arguments: list[object]) -> None:
    async with lab.working():
        run = await lab.start(asking(BEFORE))
        waited = await question(run)
        for name in (APPROVE_SIGNAL, REJECT_SIGNAL, PAUSE_SIGNAL, RESUME_SIGNAL):
            await run.handle.signal(name, args=arguments)
        assert (await question(run)).digest == waited.digest
        await take(lab, run, decision_about(waited, "approve"))
        record = await ended(run)
    assert (record.phase, len(record.decisions), record.refused) == ("Succeeded", 1, [])


@pytest.mark.parametrize("arguments", [[], ["words"], [{"decision": "approve"}] * 2, [{"decision": 5}]])
async def test_an_update_that_cannot_be_read_is_refused(lab: Lab, arguments: list[object]) -> None:
    async with lab.working():
        run = await lab.start(asking(BEFORE))
        waited = await question(run)
        with pytest.raises(WorkflowUpdateFailedError):
            await run.handle.execute_update(DECIDE_UPDATE, args=arguments)  # pyright: ignore[reportUnknownMemberType]
        await take(lab, run, decision_about(waited, "approve"))
        record = await ended(run)
    assert (record.phase, len(record.decisions)) == ("Succeeded", 1)
