"""What a person reads in Temporal's own Web UI, without any tool of ours."""

from datetime import timedelta

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.sdk.v1 import WorkflowMetadata

from ark_temporal.llm.mock import MockRule, MockScript
from ark_temporal.plan.model import ValidationPlan
from tests.integration.lab import Lab, Run
from tests.integration.plans import chain, plan, step

JUDGED = plan(
    step("write", validation=ValidationPlan(semantic="Good?", on_failure="retry")),
    step("check", after=["write"]),
    case=None,
    timeout_seconds=60,
)


async def summary(lab: Lab, event: HistoryEvent) -> str:
    [text] = await lab.connection.client.data_converter.decode([event.user_metadata.summary], [str])
    return text


async def current_details(run: Run) -> str:
    answer = await run.handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    return answer.current_details


async def test_the_run_says_what_it_is(lab: Lab) -> None:
    run = await lab.start(chain("write", "check", case=None))
    description = await run.handle.describe()
    told = await description.static_summary()
    assert told is not None
    assert "team lab" in told
    assert "2 steps" in told
    details = await description.static_details()
    assert details is not None
    assert "| check | mock-small | write |" in details
    await run.handle.terminate()


async def test_each_activity_says_which_step_asks_which_model(lab: Lab) -> None:
    rules = (MockRule.model_validate({"purpose": "validate", "call": 0, "reply": "NO: dull"}),)
    async with lab.working(script=MockScript(rules=(*rules, MockRule(purpose="validate", reply="YES")))):
        run = await lab.start(JUDGED)
        record = await run.ended()
    assert record.phase == "Succeeded", record.error
    events = await run.events()
    kinds = EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED, EventType.EVENT_TYPE_TIMER_STARTED
    summaries = [await summary(lab, event) for event in events if event.event_type in kinds]
    deadline = f"deadline: until {record.start_time + timedelta(seconds=60):%Y-%m-%d %H:%M:%S} UTC"
    assert summaries == [
        "write · mock-small",
        deadline,
        "write (validate) · mock-small",
        "write (repair) · mock-small",
        "write (validate) · mock-small",
        "check · mock-small",
    ]


async def test_current_details_show_how_far_the_run_is(lab: Lab) -> None:
    script = MockScript(rules=(MockRule.model_validate({"role": "check", "delaySeconds": 3}),))
    async with lab.working(script=script):
        run = await lab.start(chain("write", "check", case=None))
        await run.until_running("check")
        during = await current_details(run)
        await run.ended()
        after = await current_details(run)
    assert during.startswith("**Running**")
    assert "| ✓ | write |" in during
    assert "| ▸ | check |" in during
    assert after.startswith("**Succeeded**")
    assert "| ✓ | check |" in after


async def test_a_failure_is_read_where_it_stands(lab: Lab) -> None:
    rule = {"role": "check", "fail": {"type": "ModelBadRequest", "message": "No such luck."}}
    async with lab.working(script=MockScript(rules=(MockRule.model_validate(rule),))):
        run = await lab.start(chain("write", "check", case=None))
        await run.ended()
        details = await current_details(run)
    assert details.startswith("**Failed**")
    assert "No such luck." in details
    [failed] = [
        event for event in await run.events() if event.HasField("workflow_execution_failed_event_attributes")
    ]
    failure = failed.workflow_execution_failed_event_attributes.failure
    assert failure.application_failure_info.type == "StepFailed"
    assert "No such luck." in failure.message
