"""Small plans, whose agents find their keys in one Secret."""

from collections.abc import Mapping, Sequence
from typing import Any

from ark_temporal.plan.model import AgentPlan, EnvSource, Plan, PromptInput, StepPlan
from tests.integration.llm.providers import COMPATIBLE, Case

NAMESPACE = "lab"
KEYS = "model-keys"
KEY = "sk-lab-6f1d0c2b9a"

_BASE_URLS = {"anthropic": "ANTHROPIC_BASE_URL", "gemini": "GOOGLE_GEMINI_BASE_URL"}


def keys(url: str, case: Case = COMPATIBLE, key: str = KEY) -> dict[str, str]:
    """The environment in which a provider's role finds the stub server."""
    return {_BASE_URLS.get(case.provider, "OPENAI_BASE_URL"): url + case.base_path, case.key_variable: key}


def agent(role: str, case: Case | None = COMPATIBLE, **fields: Any) -> AgentPlan:
    """Who answers; without a case, the mock."""
    model, provider = (case.model, None) if case else ("mock-small", "mock")
    env_from = (EnvSource(name=KEYS),) if case else ()
    given: dict[str, Any] = {"timeout_seconds": 30, "env_from": env_from} | fields
    return AgentPlan(role=role, agent=f"lab-{role}", model=model, provider=provider, **given)


def step(name: str, prompt: str = "", *, after: Sequence[str] = (), **fields: Any) -> StepPlan:
    """A step that its role of the same name answers; it is asked `<name>, please` unless told otherwise."""
    inputs = (PromptInput(name="task", template=prompt or f"{name}, please"),)
    given: dict[str, Any] = {"role": name, "inputs": inputs} | fields
    return StepPlan(name=name, depends_on=tuple(after), **given)


def plan(
    *steps: StepPlan, case: Case | None = COMPATIBLE, agents: Mapping[str, Any] | None = None, **fields: Any
) -> Plan:
    """A plan of these steps; `agents` are fields for all of them."""
    roles = {each.role: agent(each.role, case, **(agents or {})) for each in steps}
    given: dict[str, Any] = {"team": "lab", "namespace": NAMESPACE, "agents": roles} | fields
    return Plan(steps=steps, **given)


def chain(*names: str, case: Case | None = COMPATIBLE, **fields: Any) -> Plan:
    """Steps in a row, each of which is told what the one before it said."""
    steps = [
        step(
            name,
            f"{name}, please. {{{{ .steps.{before}.output }}}}" if before else "",
            after=[before] if before else [],
        )
        for before, name in zip(("", *names), names, strict=False)
    ]
    return plan(*steps, case=case, **fields)
