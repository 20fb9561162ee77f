"""How an applied resource is: found out when somebody asks, and kept nowhere."""

from ark_temporal.manifests import ArkAgent, ArkTeam
from ark_temporal.resources.applying import load_applied
from ark_temporal.resources.model import ResourceName
from ark_temporal.runs.connection import Connection


async def conditions_of(connection: Connection, name: ResourceName) -> list[dict[str, str]]:
    """The conditions of a resource, as `type`, `status`, `reason` and `message`.

    Raises:
        ConnectionFailedError: Temporal does not answer, or no worker did in time.
    """
    from ark_temporal.plan.compile import CompileError, compile_agent, compile_team

    bundle = await load_applied(connection, name.namespace)
    label = str(name)
    problems = [str(each) for each in bundle.errors if each.path.startswith(label)]
    if not problems:
        try:
            if (team := bundle.find(ArkTeam, name.name, name.namespace)) and name.kind == "ArkTeam":
                compile_team(bundle, team)
            elif name.kind == "ArkAgent" and bundle.find(ArkAgent, name.name, name.namespace):
                compile_agent(bundle, f"{name.namespace}/{name.name}")
        except (CompileError, LookupError) as error:
            problems = [str(error)]
    if problems:
        return [{"type": "Ready", "status": "False", "reason": "InvalidSpec", "message": problems[0]}]
    return [{"type": "Ready", "status": "True", "reason": "Accepted", "message": ""}]
