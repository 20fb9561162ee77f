"""What is said about something that happens in a run, as JSON: in streams of the command and of the API."""

from pydantic import JsonValue

from ark_temporal.plan.record import RunRecord, StepRecord


def started_json(record: RunRecord) -> dict[str, JsonValue]:
    """A run that is seen for the first time."""
    names: list[JsonValue] = [step.name for step in record.steps]
    facts: dict[str, JsonValue] = {"run": record.id, "team": record.team, "namespace": record.namespace}
    return {**facts, "plan": record.plan, "steps": names}


def step_json(step: StepRecord) -> dict[str, JsonValue]:
    """A step that is in another phase or iteration, without its prompt and calls."""
    told = step.model_dump(mode="json", exclude={"name", "calls", "tool_calls", "prompt", "branches"})
    return {"step": step.name, **told}
