"""Answers that must have a form: mended within bounds, over a real socket."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ark_temporal.plan.model import ValidationPlan
from ark_temporal.plan.record import RunRecord
from tests.integration.lab import Lab
from tests.integration.llm.stub_server import Reply, StubServer
from tests.integration.plans import keys, plan, step

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "degrees": {"type": "integer"}},
    "required": ["city", "degrees"],
}
GOOD = '{"city": "Oslo", "degrees": 7}'


@dataclass
class Talk(StubServer):
    """A model that has texts to say in turn, by a text of what it is asked."""

    texts: Mapping[str, list[str]] = field(default_factory=dict[str, list[str]])

    def _reply(self, raw: str) -> Reply:
        left = next(texts for asked, texts in self.texts.items() if asked in raw)
        return Reply(text=left.pop(0))


async def run(
    lab: Lab, *texts: str, judge: tuple[str, ...] = (), **fields: Any
) -> tuple[RunRecord, StubServer]:
    """Run one step whose model says these texts in turn, and those when it is to judge."""
    with Talk(texts={"Is this right?": list(judge), "weather, please": list(texts)}) as stub:
        async with lab.working(keys(stub.url)):
            record = await (await lab.start(plan(step("weather", **fields)))).ended()
    return record, stub


async def test_json_in_a_code_fence_is_accepted(lab: Lab) -> None:
    record, stub = await run(lab, f"Here it is:\n```json\n{GOOD}\n```\n", output_schema=SCHEMA)
    assert (record.phase, len(stub.requests)) == ("Succeeded", 1)
    assert record.step("weather").data == {"city": "Oslo", "degrees": 7}


async def test_a_wrong_answer_is_sent_back_with_what_is_wrong(lab: Lab) -> None:
    record, stub = await run(lab, '{"city": "Oslo", "degrees": "warm"}', GOOD, output_schema=SCHEMA)
    assert record.phase == "Succeeded"
    weather = record.step("weather")
    assert [call.purpose for call in weather.calls] == ["task", "repair"]
    [problem] = weather.calls[0].problems
    assert "$.degrees" in problem
    assert weather.validation_attempts == 2
    assert weather.data == {"city": "Oslo", "degrees": 7}
    assert weather.token_usage.total_tokens == 2 * weather.calls[0].token_usage.total_tokens
    _, asked, again = stub.requests[1].body["messages"][-3:]
    assert asked["content"] == '{"city": "Oslo", "degrees": "warm"}'
    assert problem in again["content"]


async def test_repairs_end_with_a_typed_error_and_every_call_in_the_record(lab: Lab) -> None:
    record, stub = await run(lab, "I do not know.", "Still not.", "Never.", GOOD, output_schema=SCHEMA)
    assert len(stub.requests) == 3
    assert record.error is not None
    assert (record.phase, record.error.type, record.error.step) == ("Failed", "OutputInvalid", "weather")
    calls = record.step("weather").calls
    assert [call.purpose for call in calls] == ["task", "repair", "repair"]
    assert all(call.problems and call.completion_time for call in calls)
    assert record.step("weather").output == "Never."


async def test_a_judge_who_objects_is_answered(lab: Lab) -> None:
    validation = ValidationPlan(semantic="Is this right?", on_failure="retry", max_retries=2)
    verdicts = ("INVALID: it is colder.", "VALID")
    record, stub = await run(
        lab, "Oslo, 30 degrees", "Oslo, 3 degrees", judge=verdicts, validation=validation
    )
    assert (record.phase, record.output) == ("Succeeded", "Oslo, 3 degrees")
    calls = record.step("weather").calls
    assert [call.purpose for call in calls] == ["task", "validate", "repair", "validate"]
    assert calls[1].problems == ["it is colder"]
    assert "it is colder" in json.dumps(stub.requests[2].body)
    assert len({call.id for call in calls}) == 4


async def test_a_judge_who_never_agrees_fails_the_step(lab: Lab) -> None:
    validation = ValidationPlan(semantic="Is this right?", on_failure="retry", max_retries=1)
    record, _ = await run(lab, "30", "31", judge=("NO", "NO: worse"), validation=validation)
    assert record.error is not None
    assert (record.phase, record.error.type) == ("Failed", "ValidationFailed")
    assert "worse" in record.error.message
    assert len(record.step("weather").calls) == 4


async def test_a_pattern_that_cannot_be_applied_fails_the_step_at_once(lab: Lab) -> None:
    validation = ValidationPlan(contains="(?<=a)b", on_failure="retry", max_retries=2)
    record, stub = await run(lab, "ab", validation=validation)
    assert record.error is not None
    assert (record.phase, record.error.type, len(stub.requests)) == ("Failed", "SchemaUnusable", 1)
