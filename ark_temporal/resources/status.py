"""How an applied resource is: found out when somebody asks, and kept nowhere."""

import asyncio

from ark_temporal.events.status import view_event
from ark_temporal.manifests import ArkAgent, ArkEvent, ArkFlow, ArkService, ArkTeam, Bundle
from ark_temporal.plan.compile import CompileError, compile_agent, compile_team
from ark_temporal.resources import store
from ark_temporal.resources.applying import load_applied
from ark_temporal.resources.conditions import Condition, ResourceStatus, errors_of, ready
from ark_temporal.resources.model import ResourceName
from ark_temporal.runs.connection import Connection

_ACCEPTED = Condition(type="Ready", status="True", reason="Accepted")


async def status_of(connection: Connection, name: ResourceName) -> ResourceStatus:
    """The status of an applied resource.

    Raises:
        ResourceNotFoundError: There is no such resource.
        ConnectionFailedError: Temporal does not answer, or no worker did in time.
    """
    if name.kind == ArkEvent.KIND:
        return (await view_event(connection, name.namespace, name.name)).status
    bundle, state = await asyncio.gather(
        load_applied(connection, name.namespace), store.read_state(connection, name)
    )
    number = state.current.number if state.current is not None else 0
    return ResourceStatus(observed_generation=number, conditions=conditions_in(bundle, name))


def conditions_in(bundle: Bundle, name: ResourceName) -> list[Condition]:
    """The conditions of a resource that is no event, among all that is applied in its namespace.

    They say what can be known from what is applied, and nothing of what models, tools and memories are like
    at the moment.
    """
    problems = errors_of(bundle, name)
    if name.kind == ArkService.KIND:
        return [_of_service(bundle, name, problems)]
    problems = problems or _cannot_be_compiled(bundle, name)
    condition = ready(problems[0], "InvalidSpec") if problems else _ACCEPTED
    if name.kind == ArkAgent.KIND:
        return [condition, condition.model_copy(update={"type": "Available"})]
    return [condition]


def _of_service(bundle: Bundle, name: ResourceName, problems: list[str]) -> Condition:
    service = bundle.find(ArkService, name.name, name.namespace)
    if service is None:
        without = any("selector" in each for each in problems)
        return ready((problems or [""])[0], "NoSelector" if without else "InvalidSpec")
    if problems:
        gone = any("selector" in each for each in problems)
        return ready(problems[0], "DeploymentNotFound" if gone else "InvalidSpec")
    return Condition(type="Ready", status="True", reason="Reconciled")


def _cannot_be_compiled(bundle: Bundle, name: ResourceName) -> list[str]:
    try:
        if name.kind in (ArkTeam.KIND, ArkFlow.KIND):
            team = bundle.find_team(name.name, name.namespace)
            if team is not None:
                compile_team(bundle, team)
        elif name.kind == ArkAgent.KIND and bundle.find(ArkAgent, name.name, name.namespace):
            compile_agent(bundle, f"{name.namespace}/{name.name}")
    except (CompileError, LookupError) as error:
        return [str(error)]
    return []
