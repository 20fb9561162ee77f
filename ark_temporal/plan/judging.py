"""What stands against an answer, and what is said when there is no way on."""

from pydantic import JsonValue

from ark_temporal.linear_schema import UnusableSchemaError, violations
from ark_temporal.plan.calls import CallFailure, ToolInvocation
from ark_temporal.plan.model import StepPlan
from ark_temporal.plan.output import NoJsonError, extract_json
from ark_temporal.plan.record import RunError, StepRecord

SCHEMA_REPAIRS = 2
"""How often a model is asked to mend an answer that does not match its step's `outputSchema`."""


def allowed_retries(plan: StepPlan, *, schema_problem: bool) -> int:
    """How often a step's model may be asked again in one iteration."""
    validation = plan.validation
    retries = validation.max_retries if validation and validation.on_failure == "retry" else 0
    return max(SCHEMA_REPAIRS, retries) if schema_problem else retries


def no_more_retries(step: StepRecord, problem: str, *, tries: int, schema_problem: bool) -> RunError:
    """The last answer that was allowed was not acceptable either."""
    asked = "the only answer" if tries == 1 else f"the last of {tries} answers"
    return RunError(
        type="OutputInvalid" if schema_problem else "ValidationFailed",
        message=f'Step "{step.name}": {asked} was not acceptable. {problem}',
        step=step.name,
        attempt=tries,
    )


def refused(step: StepRecord, model: str) -> RunError:
    """The model does not want to."""
    message = f'The model {model} refused to answer step "{step.name}".'
    return RunError(type="ModelRefused", message=message, step=step.name)


def cut_off(step: StepRecord, model: str) -> RunError:
    """The model had no room left to say anything."""
    message = (
        f'The model {model} was cut off before it said anything in step "{step.name}". Raise '
        "limits.maxTokensPerCall, or give it a smaller task."
    )
    return RunError(type="AnswerCutOff", message=message, step=step.name)


def tool_outcome_unknown(request: ToolInvocation, failure: CallFailure) -> str:
    """What a person is asked about a tool call that may or may not have taken effect."""
    return (
        f"Tool {request.tool!r} was called once with the key {request.key}, and nobody knows whether it took "
        f"effect: {failure.message} Find out, then decide: `retry` calls it again with the same key, "
        "`answer` goes on with the answer that you give, `reject` fails the step."
    )


def asks_for_json(plan: StepPlan) -> bool:
    """Whether a step's answer is JSON."""
    validation = plan.validation
    return plan.output_schema is not None or (validation is not None and validation.json_schema is not None)


def schema_problem(value: JsonValue, schema: JsonValue) -> str:
    """Why a value does not match a schema; empty when it does."""
    try:
        wrong = [f"{error.json_path}: {error.message[:300]}" for error in violations(value, schema)]
    except (UnusableSchemaError, RecursionError):
        return "It cannot be checked against the schema."
    return "; ".join(wrong[:5])


def parse_data(plan: StepPlan, text: str, *, always: bool = False) -> JsonValue:
    """The answer's JSON where a schema asked for one; the worker has checked it against that schema.

    Args:
        plan: The step.
        text: The answer.
        always: Read it as JSON even where no schema asks for that.
    """
    if not always and not asks_for_json(plan):
        return None
    try:
        return extract_json(text)
    except NoJsonError:  # a schema such as `true` accepts text that is not JSON
        return None
