"""What people are told about runs and agents, event by event, over a real socket."""

import asyncio
import json
from typing import Any

import pytest

from ark_temporal.llm.mock import MockScript
from ark_temporal.plan.model import InputPlan, Plan
from ark_temporal.plan.people import ChannelPlan, NotifyPlan
from ark_temporal.plan.references import KeyRef
from ark_temporal.plan.shapes import MapPlan
from ark_temporal.plan.start import PipelineInput
from tests.integration.agents.sink import Sink
from tests.integration.failures.cases import failing, script
from tests.integration.lab import Lab, Run
from tests.integration.notify.telling import (
    HOOK,
    SLACK,
    all_ended,
    ended,
    is_running,
    pager,
    sinks,
    telling,
    texts,
)
from tests.integration.plans import step

LONG = {"role": "cook", "reply": "soup " * 800}
CASES: dict[str, tuple[Plan, MockScript]] = {
    "TeamSucceeded": (telling("good", pager(HOOK)), script()),
    "TeamFailed": (telling("bad", pager(HOOK)), script(failing("cook", message="No pots."))),
    "TeamTimedOut": (
        telling("late", pager(HOOK), timeout_seconds=1),
        script({"role": "cook", "delaySeconds": 20}),
    ),
    "BudgetExceeded": (telling("dear", pager(HOOK), max_tokens=100), script(LONG)),
}


async def told(lab: Lab, plan: Plan, mock: MockScript, **given: Any) -> tuple[Run, Sink]:
    """What a webhook is told of a run from its beginning until its notifiers have told it."""
    with Sink() as sink:
        async with lab.working(script=mock, secrets=sinks(hook=sink, slack=sink)):
            run = await lab.start(plan, given)
            await run.ended()
            await sink.until_asked(1)
    return run, sink


@pytest.mark.parametrize("event", CASES)
async def test_each_end_of_a_run_is_one_event(lab: Lab, event: str) -> None:
    plan, mock = CASES[event]
    run, sink = await told(lab, plan, mock, dish="Eintopf")
    record = await run.record()
    [message] = [asked.json for asked in sink.asked]
    status = message["status"]
    assert (message["event"], message["team"], message["run"]) == (event, plan.team, run.id)
    assert status["phase"] == record.phase
    assert status["totalTokenUsage"]["totalTokens"] == record.token_usage.total_tokens
    assert status["durationSeconds"] >= 0
    if record.error is not None:
        assert status["message"] == message["message"] == record.error.message
        assert status["reason"] == record.reason
    assert await run.record() == record


RECIPE = """:x: *{{ .team.name }}* <{{ .run.dashboardUrl }}|{{ .run.name }}> {{ .run.status.phase }} at \
{{ .run.status.failedStep }}: {{ .run.status.message }} about {{ .run.spec.input.dish }}, \
{{ .run.status.totalTokenUsage.totalTokens | int | printf "%d" }} tokens, {{ .agent.name }} \
{{ .agent.spec.limits.maxDailyTokens | int | printf "%d" }} \
{{ .agent.status.dailyTokensUsed | int | printf "%d" }}"""


async def test_templates_of_both_shapes_say_what_happened(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARK_UI_URL", "https://ark.example/")
    newer = "{{ .Event }} {{ .TeamName }} {{ .RunName }}: {{ .Message }}"
    channels = tuple(SLACK.model_copy(update={"template": template}) for template in (RECIPE, newer))
    plan = telling("worse", pager(*channels))
    with Sink() as sink:
        async with lab.working(script=script(failing("cook", message="No pots.")), secrets=sinks(slack=sink)):
            run = await lab.start(plan, {"dish": "soup"})
            record = await run.ended()
            await sink.until_asked(2)
    first, second = sorted(texts(sink))
    assert record.error is not None
    url = f"https://ark.example/namespaces/default/workflows/{run.id}"
    what = f"Failed at cook: {record.error.message}"
    assert first == f":x: *worse* <{url}|{run.id}> {what} about soup, 0 tokens, lab-cook 0 0"
    assert second == f"TeamFailed worse {run.id}: {record.error.message}"


async def test_a_run_whose_input_is_refused_is_told_of(lab: Lab) -> None:
    plan = telling("strict", pager(HOOK), inputs=(InputPlan(name="dish", required=True),))
    with Sink() as sink:
        async with lab.working(secrets=sinks(hook=sink)):
            client = lab.connection.client
            await client.start_workflow(
                "Pipeline", PipelineInput(plan=plan), id="refused-run", task_queue=lab.queue
            )
            await sink.until_asked(1)
            await lab.run("refused-run").ended()
    [message] = [asked.json for asked in sink.asked]
    assert (message["event"], message["status"]["reason"]) == ("TeamFailed", "InvalidInput")


async def test_events_that_are_not_listed_and_runs_that_are_cancelled_are_not_told(lab: Lab) -> None:
    quiet = telling("quiet", pager(HOOK, events=("TeamFailed",), window_seconds=0))
    slow = telling("slow", pager(HOOK))
    rule = {"role": "cook", "contains": "slow", "delaySeconds": 20}
    with Sink() as sink:
        async with lab.working(script=script(rule), secrets=sinks(hook=sink)):
            done = await lab.start(quiet)
            cancelled = await lab.start(slow.model_copy(update={"steps": (step("cook", "slow"),)}))
            await cancelled.until_running("cook")
            await cancelled.handle.cancel()
            await all_ended([done, cancelled])
    assert sink.asked == []
    kinds = {event.WhichOneof("attributes") for run in (done, cancelled) for event in await run.events()}
    assert not any("child" in str(kind) for kind in kinds)


async def test_parts_of_runs_and_runs_in_runs_tell_of_no_end(lab: Lab) -> None:
    notify = pager(HOOK, window_seconds=0)
    inner = telling("inner", notify)
    outer = telling(
        "outer",
        notify,
        step("crew"),
        step("each", after=["crew"], map=MapPlan(over="{{ .input.list }}", max_concurrency=50)),
        teams={"crew": inner},
    )
    with Sink() as sink:
        async with lab.working(secrets=sinks(hook=sink)):
            run = await lab.start(outer, {"list": json.dumps(list(range(101)))})
            record = await run.ended()
            await sink.until_asked(1)
            await ended(lab, "outer", "TeamSucceeded")
            await asyncio.sleep(0.3)
    assert record.phase == "Succeeded", record.error
    assert [(asked.json["team"], asked.json["run"]) for asked in sink.asked] == [("outer", run.id)]


async def test_a_budget_that_runs_low_is_told_once_while_the_run_goes_on(lab: Lab) -> None:
    steps = [step("one"), step("two", after=["one"]), step("three", after=["two"])]
    rules = [
        {"role": "one", "reply": "x" * 3200},
        {"role": "two", "reply": "ok"},
        {"role": "three", "delaySeconds": 1},
    ]
    plan = telling("thrifty", pager(HOOK, events=("BudgetWarning",)), *steps, max_tokens=1000)
    with Sink() as sink:
        async with lab.working(script=script(*rules), secrets=sinks(hook=sink)):
            run = await lab.start(plan)
            await run.until_running("three")
            await sink.until_asked(1)
            assert not (await run.record()).ended
            record = await run.ended()
            live = await run.asked()
    [message] = [asked.json for asked in sink.asked]
    assert message["event"] == "BudgetWarning"
    assert "of its 1000 tokens" in message["message"]
    assert message["status"]["phase"] == "Running"
    assert record.phase == "Succeeded"
    assert live == record


async def test_an_agent_without_answers_is_told_of_once_and_by_its_own_channel(lab: Lab) -> None:
    own = NotifyPlan(name="agents", channels=(HOOK,))
    steps = [
        step("one", fallback=("two",)),
        step("again", role="one", fallback=("two",), after=["one"]),
        step("bad", fallback=("two",), after=["one"]),
    ]
    plan = telling("frail", pager(SLACK, events=("TeamFailed",)), *steps, agents={"one": {"notify": own}})
    rules = [failing("one", "ModelAuthenticationError", message="No key."), failing("bad", "ModelBadReply")]
    with Sink() as slack, Sink() as hook:
        async with lab.working(script=script(*rules), secrets=sinks(slack=slack, hook=hook)):
            run = await lab.start(plan)
            record = await run.ended()
            await hook.until_asked(1)
            assert await is_running(lab, "frail", "AgentDegraded"), "its window is open"
            live = await run.asked()
    assert record.phase == "Succeeded", record.error
    [message] = [asked.json for asked in hook.asked]
    assert message["event"] == "AgentDegraded"
    assert message["agent"]["name"] == "lab-one"
    assert message["agent"]["spec"]["model"] == "mock-small"
    assert "No key." in message["message"]
    assert slack.asked == []
    assert live == record


async def test_what_a_run_said_is_cut_and_holds_no_secret(lab: Lab) -> None:
    secret = "sk-very-secret-path"
    slack = ChannelPlan(
        type="slack", url=KeyRef(name="slack", key="url"), template="{{ .run.status.output }}"
    )
    with Sink() as sink:
        said = f"the hook is {sink.url}/{secret} " + "word " * 5000
        secrets = {"slack": {"url": f"{sink.url}/{secret}"}}
        async with lab.working(script=script({"role": "cook", "reply": said}), secrets=secrets):
            run = await lab.start(telling("chatty", pager(slack)))
            await run.ended()
            await sink.until_asked(1)
    [text] = texts(sink)
    assert "[redacted]" in text
    assert secret not in text
    assert len(text) <= 3000
