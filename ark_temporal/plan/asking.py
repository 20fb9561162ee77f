"""The requests that a step makes: for its task, to mend an answer, to judge one, to call tools."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import JsonValue

from ark_temporal.llm.types import ToolSpec
from ark_temporal.plan.calls import GivenResult, ModelCall, OutputChecks, ToolInvocation
from ark_temporal.plan.model import AgentPlan, StepPlan
from ark_temporal.plan.prompts import envelope
from ark_temporal.plan.record import Purpose, StepRecord
from ark_temporal.plan.shapes import CapabilityPlan, RoutingPlan
from ark_temporal.plan.toolbox import Tool


@dataclass(frozen=True)
class Asker:
    """Who asks, and where in which run.

    Attributes:
        plan: The step as planned.
        step: The step so far.
        agent: Who answers.
        namespace: Of the team.
        run: Id of the run.
        run_began: When the run began; together with its id it names the run among all there ever were.
    """

    plan: StepPlan
    step: StepRecord
    agent: AgentPlan
    namespace: str
    run: str
    run_began: datetime

    def id(self, suffix: str = "") -> str:
        """Unique in a run and readable in the Web UI."""
        id = step_id(self.step)
        return f"{id}#{suffix}" if suffix else id


def step_id(step: StepRecord) -> str:
    """What a step's requests are called by: its name, a `#` in it doubled, its iteration, its restarts."""
    name = step.name.replace("#", "##")
    iteration = f"#{step.iterations}" if step.iterations > 1 else ""
    return f"{name}{iteration}~{step.restarts + 1}" if step.restarts else f"{name}{iteration}"


def task_call(
    asker: Asker, *, prompt: str, tools: Sequence[ToolSpec], tool_lists: Sequence[str], number: int
) -> ModelCall:
    """Ask for the step's task: a conversation's first call.

    Args:
        asker: Who asks.
        prompt: What is asked.
        tools: What the model may call, as far as the plan knows it.
        tool_lists: Ids of the discoveries that know the rest.
        number: How many calls of this purpose the role made before in this run.
    """
    agent = asker.agent
    return ModelCall(
        id=asker.id(),
        step=asker.step.name,
        role=agent.role,
        namespace=asker.namespace,
        iteration=asker.step.iterations,
        call=number,
        provider=agent.provider,
        model=agent.model,
        system=agent.system,
        env_from=agent.env_from,
        prompt=prompt,
        tools=tuple(tools),
        tool_lists=tuple(tool_lists),
        max_output_tokens=agent.max_tokens_per_call,
        temperature=agent.temperature,
        timeout_seconds=agent.timeout_seconds,
        checks=_checks(asker.plan),
    )


def next_call(
    asker: Asker,
    previous: ModelCall,
    *,
    number: int,
    results: Sequence[GivenResult] = (),
    feedback: str = "",
    retry: int = 0,
) -> ModelCall:
    """Go on in a conversation: with the results of its tool calls, or with what is wrong about its answer.

    Args:
        asker: Who asks.
        previous: The conversation's call before.
        number: How many calls of this purpose the role made before in this run.
        results: Results that no activity has.
        feedback: What is said to the previous answer.
        retry: How often this iteration was asked again, this time included; 0 after tool calls.
    """
    purpose: Purpose = "repair" if feedback else "task"
    return ModelCall(
        id=asker.id(f"repair-{retry}" if feedback else f"turn-{previous.turn + 1}"),
        step=asker.step.name,
        role=asker.agent.role,
        namespace=asker.namespace,
        purpose=purpose,
        iteration=asker.step.iterations,
        call=number,
        turn=previous.turn + 1,
        model=asker.agent.model,
        previous=previous.id,
        results=tuple(results),
        feedback=feedback,
        timeout_seconds=asker.agent.timeout_seconds,
    )


def judge_call(asker: Asker, *, retries: int, number: int) -> ModelCall:
    """Ask whether the step's latest answer passes its `validate.semantic`.

    Args:
        asker: Who asks.
        retries: How often this iteration was asked again before.
        number: How many calls of this purpose the role made before in this run.
    """
    step, agent = asker.step, asker.agent
    question = asker.plan.validation.semantic if asker.plan.validation else None
    return ModelCall(
        id=asker.id(f"validate-{retries + 1}"),
        step=step.name,
        role=agent.role,
        namespace=asker.namespace,
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


def route_call(asker: Asker, routing: RoutingPlan, task: str, number: int) -> ModelCall:
    """Ask which capability fits a task best.

    Args:
        asker: The router.
        routing: What there is to choose from.
        task: What is to be done.
        number: How many calls of this purpose the role made before in this run.
    """
    agent = asker.agent
    lines = [f"- {one.id}{_told(one)}" for one in routing.capabilities]
    schema: JsonValue = {
        "type": "object",
        "required": ["capability"],
        "properties": {
            "capability": {"type": "string", "enum": [one.id for one in routing.capabilities]},
            "reason": {"type": "string"},
        },
    }
    return ModelCall(
        id=asker.id("route"),
        step=asker.step.name,
        role=agent.role,
        namespace=asker.namespace,
        purpose="route",
        iteration=asker.step.iterations,
        call=number,
        provider=agent.provider,
        model=agent.model,
        system=agent.system,
        env_from=agent.env_from,
        prompt="Capabilities:\n" + "\n".join(lines) + f"\n\nTask:\n{task}",
        max_output_tokens=agent.max_tokens_per_call,
        temperature=agent.temperature,
        timeout_seconds=agent.timeout_seconds,
        checks=OutputChecks(output_schema=schema),
    )


def tool_call(
    asker: Asker, tool: Tool, *, model_call: ModelCall, index: int, arguments: dict[str, JsonValue]
) -> ToolInvocation:
    """Call a tool.

    Args:
        asker: Who asks.
        tool: What is called.
        model_call: The model call whose answer wants it.
        index: The call's place in that answer.
        arguments: What the model gives.
    """
    id = asker.id(f"tool-{model_call.turn}.{index + 1}")
    searches = tool.declared is not None and tool.declared.type == "builtin"
    return ToolInvocation(
        id=id,
        step=asker.step.name,
        role=asker.agent.role,
        namespace=asker.namespace,
        model_call=model_call.id,
        index=index,
        tool=tool.name,
        arguments=arguments,
        key=effect_key(asker, id),
        effect=tool.effect,
        timeout_seconds=tool.timeout_seconds,
        declared=tool.declared,
        server=tool.server,
        remote_name=tool.remote_name,
        memory=asker.agent.memory if searches else None,
        env_from=asker.agent.env_from if searches else (),
    )


def effect_key(asker: Asker, id: str) -> str:
    """The key of one intended effect.

    It stays over attempts, crashes, replays, resets and continued runs, which change neither a run's id and
    beginning nor the ids of its requests.
    """
    whole = f"{asker.run}\n{asker.run_began.isoformat()}\n{id}"
    return hashlib.sha256(whole.encode()).hexdigest()[:32]


def feedback_on(problem: str) -> str:
    """What is said to a model about an answer that was not accepted."""
    return f"This answer was not accepted. {problem}\nAnswer again in full, with that mended."


def _told(capability: CapabilityPlan) -> str:
    tags = f" [{', '.join(capability.tags)}]" if capability.tags else ""
    return f"{tags}: {' '.join(capability.description.split())}" if capability.description else tags


def _checks(plan: StepPlan) -> OutputChecks | None:
    validation = plan.validation
    checks = OutputChecks(
        output_schema=plan.output_schema,
        json_schema=validation.json_schema if validation else None,
        contains=validation.contains if validation else None,
        reject_patterns=validation.reject_patterns if validation else (),
    )
    return None if checks == OutputChecks() else checks
