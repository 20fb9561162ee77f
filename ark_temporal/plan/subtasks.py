"""A plan for one agent and one task: what subtasks and standalone agents run."""

from ark_temporal.plan.model import AgentPlan, InputPlan, Plan, PromptInput, StepPlan

MAX_DEPTH = 8
"""How many runs may stand above one: a subtask of a subtask has two."""


def subtask_plan(agent: AgentPlan, namespace: str) -> Plan:
    """A plan in which an agent does the task that its input names."""
    task = PromptInput(name="task", template="{{ .input.task }}")
    return Plan(
        kind="agent",
        team=agent.agent,
        namespace=namespace,
        inputs=(InputPlan(name="task", required=True, description="What is to be done."),),
        agents={agent.role: agent},
        steps=(StepPlan(name=agent.role, role=agent.role, inputs=(task,)),),
    )
