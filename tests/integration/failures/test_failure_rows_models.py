"""Rows about model calls."""

import pytest

from ark_temporal.plan.model import ValidationPlan
from tests.integration.failures.cases import NUMBER, Case, failing, team
from tests.integration.failures.page import Row, proves
from tests.integration.lab import Lab
from tests.integration.plans import step

FIRST, LAST = step("find"), step("write", after=["find"])
HALF = {"find": "Succeeded", "write": "Failed"}

CASES = {
    "F201": Case(
        team(FIRST, LAST),
        [failing("find", "ModelRateLimited", attempts=2)],
        called={"find": 3, "write": 1},
        phases={"find": "Succeeded", "write": "Succeeded"},
    ),
    "F202": Case(team(FIRST, LAST), [failing("write")], called={"find": 1, "write": 1}, phases=HALF),
    "F203": Case(
        team(FIRST, LAST), [failing("write", "ModelUnavailable")], called={"find": 1, "write": 4}, phases=HALF
    ),
    "F204": Case(
        team(FIRST, LAST),
        [{"role": "write", "reply": "No.", "stopReason": "refusal"}],
        called={"find": 1, "write": 1},
        phases=HALF,
        told="refused",
    ),
    "F205": Case(
        team(FIRST),
        [{"reply": "Half an", "stopReason": "max_tokens"}],
        called={"find": 1},
        phases={"find": "Succeeded"},
        told="cut off at maxTokensPerCall",
    ),
    "F206": Case(
        team(FIRST, LAST),
        [{"role": "write", "reply": "", "stopReason": "max_tokens"}],
        called={"find": 1, "write": 1},
        phases=HALF,
        told="cut off before it said anything",
    ),
    "F207": Case(
        team(step("count", output_schema=NUMBER)),
        [{"reply": "three"}],
        called={"count": 1, "count#repair-1": 1, "count#repair-2": 1},
        phases={"count": "Failed"},
        told="the last of 3 answers",
    ),
    "F208": Case(
        team(step("find", validation=ValidationPlan(contains="gold"))),
        [{"reply": "silver"}],
        called={"find": 1},
        phases={"find": "Failed"},
        told="the only answer",
    ),
    "F209": Case(
        team(step("find", validation=ValidationPlan(semantic="Gold?", on_failure="retry", max_retries=1))),
        [{"purpose": "validate", "reply": "INVALID: silver"}],
        called={"find": 1, "find#validate-1": 1, "find#repair-1": 1, "find#validate-2": 1},
        phases={"find": "Failed"},
        told="silver",
    ),
    "F210": Case(
        team(step("find", validation=ValidationPlan(semantic="Gold?"))),
        [{"reply": "gold", "purpose": "task"}, {**failing("find"), "purpose": "validate"}],
        called={"find": 1, "find#validate-1": 1},
        phases={"find": "Failed"},
    ),
    "F213": Case(
        team(FIRST, LAST, agents={"write": {"model": "claude-haiku-4-5", "provider": "anthropic"}}),
        called={"find": 1, "write": 1},
        phases=HALF,
        told="ANTHROPIC_API_KEY",
    ),
    "F214": Case(
        team(
            step(
                "find",
                validation=ValidationPlan(contains="(?<=a)b", on_failure="retry", max_retries=2),
            )
        ),
        called={"find": 1},
        phases={"find": "Failed"},
    ),
}


@proves(*CASES)
async def test_a_model_call_that_goes_wrong(lab: Lab, row: Row) -> None:
    _, record = await CASES[row.id].run(lab)
    row.check(record)


TIMED = Case(
    team(step("find"), agents={"find": {"timeout_seconds": 1}}),
    [{"delaySeconds": 30}],
    called={"find": 4},
    phases={"find": "Failed"},
)


@pytest.mark.slow
@proves("F211")
async def test_every_attempt_takes_too_long(lab: Lab, row: Row) -> None:
    _, record = await TIMED.run(lab)
    row.check(record)


async def test_what_a_failed_answer_said_is_kept(lab: Lab) -> None:
    _, wrong = await CASES["F207"].run(lab)
    _, judged = await CASES["F209"].run(lab)
    assert wrong.step("count").output == "three"
    assert all(call.problems for call in wrong.step("count").calls)
    assert [bool(call.problems) for call in judged.step("find").calls] == [False, True, False, True]
