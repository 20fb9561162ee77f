"""What can be wrong with manifests that are well-formed, found before anything runs."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ark_temporal.manifests.ark_agent import ArkAgent
from ark_temporal.manifests.ark_event import ArkEvent
from ark_temporal.manifests.ark_memory import ArkMemory
from ark_temporal.manifests.ark_notify import ArkNotify
from ark_temporal.manifests.ark_secret import ArkSecret
from ark_temporal.manifests.ark_settings import ArkSettings
from ark_temporal.manifests.ark_team import ArkTeam
from ark_temporal.manifests.base import Resource
from ark_temporal.manifests.bundle import Bundle
from ark_temporal.manifests.checks.agents import check_agent, check_role_parts
from ark_temporal.manifests.checks.approvals import check_agent_approvals, check_team_approvals
from ark_temporal.manifests.checks.blocks import check_memory, check_notify, check_settings
from ark_temporal.manifests.checks.events import check_event, check_event_loops
from ark_temporal.manifests.checks.nested import check_nested_teams, check_team_roles
from ark_temporal.manifests.checks.pipeline import check_pipeline
from ark_temporal.manifests.checks.references import check_references
from ark_temporal.manifests.checks.secrets import check_secret, check_secret_rings
from ark_temporal.manifests.checks.shapes import check_shapes
from ark_temporal.manifests.checks.steps import check_steps
from ark_temporal.manifests.checks.team import check_team
from ark_temporal.manifests.checks.templates import (
    check_agent_templates,
    check_event_templates,
    check_notify_templates,
    check_team_templates,
)
from ark_temporal.manifests.diagnostics import Diagnostic
from ark_temporal.manifests.origins import Finding

_Check = Callable[[Any, Bundle], Iterator[Finding]]

_BY_KIND: Mapping[type[Resource], tuple[_Check, ...]] = {
    ArkAgent: (check_agent, check_agent_approvals, check_agent_templates),
    ArkTeam: (
        check_team,
        check_team_roles,
        check_team_approvals,
        check_role_parts,
        check_pipeline,
        check_shapes,
        check_steps,
        check_team_templates,
    ),
    ArkEvent: (check_event, check_event_templates),
    ArkNotify: (check_notify, check_notify_templates),
    ArkMemory: (check_memory,),
    ArkSecret: (check_secret,),
    ArkSettings: (check_settings,),
}


def check(bundle: Bundle) -> Iterator[Diagnostic]:
    """All findings about the resources of a bundle, in no particular order."""
    for resource in (*bundle.resources, *bundle.flow_teams):
        for each in _BY_KIND.get(type(resource), ()):
            for finding in each(resource, bundle):
                yield bundle.origin(resource).diagnose(finding)
    for search in (check_references, check_event_loops, check_nested_teams, check_secret_rings):
        for resource, finding in search(bundle):
            yield bundle.origin(resource).diagnose(finding)
