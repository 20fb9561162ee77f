"""The model calls that a step makes: for its task, to mend an answer, to judge one."""

from collections.abc import Sequence

from ark_temporal.plan.calls import Exchange, ModelCall, OutputChecks
from ark_temporal.plan.model import AgentPlan, StepPlan
from ark_temporal.plan.prompts import envelope
from ark_temporal.plan.record import Purpose, StepRecord

MAX_QUOTED_ANSWER = 50_000
"""Characters of a refused answer that are sent back with the request to mend it."""


def task_call(
    plan: StepPlan,
    step: StepRecord,
    agent: AgentPlan,
    *,
    namespace: str,
    exchanges: Sequence[Exchange],
    retries: int,
    number: int,
) -> ModelCall:
    """Ask for the step's task, or, with exchanges, to mend an answer to it.

    Args:
        plan: The step as planned.
        step: The step so far; its prompt is rendered.
        agent: Who answers.
        namespace: Of the team.
        exchanges: Earlier answers that were not accepted, and why.
        retries: How often this iteration was asked again before.
        number: How many calls of this purpose the role made before in this run.
    """
    purpose: Purpose = "repair" if exchanges else "task"
    return ModelCall(
        id=_call_id(step, purpose, retries),
        step=step.name,
        role=agent.role,
        namespace=namespace,
        purpose=purpose,
        iteration=step.iterations,
        call=number,
        provider=agent.provider,
        model=agent.model,
        system=agent.system,
        env_from=agent.env_from,
        prompt=step.prompt,
        exchanges=tuple(exchanges),
        max_output_tokens=agent.max_tokens_per_call,
        temperature=agent.temperature,
        timeout_seconds=agent.timeout_seconds,
        checks=_checks(plan),
    )


def judge_call(
    plan: StepPlan, step: StepRecord, agent: AgentPlan, *, namespace: str, retries: int, number: int
) -> ModelCall:
    """Ask whether the step's latest answer passes its `validate.semantic`. Arguments as in `task_call`."""
    question = plan.validation.semantic if plan.validation else None
    return ModelCall(
        id=_call_id(step, "validate", retries + 1),
        step=step.name,
        role=agent.role,
        namespace=namespace,
        purpose="validate",
        iteration=step.iterations,
        call=number,
        provider=agent.provider,
        model=agent.model,
        env_from=agent.env_from,
        prompt=f"{question}\n\n{envelope(step.output, step.name)}\n",
        max_output_tokens=agent.max_tokens_per_call,
        timeout_seconds=agent.timeout_seconds,
    )


def feedback(answer: str, problem: str) -> Exchange:
    """What is said to a model about an answer that was not accepted."""
    return Exchange(
        answer=answer[:MAX_QUOTED_ANSWER],
        feedback=f"This answer was not accepted. {problem}\nAnswer again in full, with that mended.",
    )


def _call_id(step: StepRecord, purpose: Purpose, number: int) -> str:
    """Unique in a run and readable in the Web UI; a `#` in a step's name is doubled to keep it so."""
    name = step.name.replace("#", "##")
    turn = f"#{step.iterations}" if step.iterations > 1 else ""
    return name + turn if purpose == "task" else f"{name}{turn}#{purpose}-{number}"


def _checks(plan: StepPlan) -> OutputChecks | None:
    validation = plan.validation
    checks = OutputChecks(
        output_schema=plan.output_schema,
        json_schema=validation.json_schema if validation else None,
        contains=validation.contains if validation else None,
        reject_patterns=validation.reject_patterns if validation else (),
    )
    return None if checks == OutputChecks() else checks
