"""All kinds by name."""

from collections.abc import Mapping

from ark_temporal.manifests.ark_agent import ArkAgent
from ark_temporal.manifests.ark_event import ArkEvent
from ark_temporal.manifests.ark_flow import ArkFlow
from ark_temporal.manifests.ark_memory import ArkMemory
from ark_temporal.manifests.ark_named import ArkBudget
from ark_temporal.manifests.ark_notify import ArkNotify
from ark_temporal.manifests.ark_optimizer import ArkOptimizer
from ark_temporal.manifests.ark_registry import ArkRegistry
from ark_temporal.manifests.ark_run import ArkRun
from ark_temporal.manifests.ark_secret import ArkSecret
from ark_temporal.manifests.ark_service import ArkService
from ark_temporal.manifests.ark_settings import ArkSettings
from ark_temporal.manifests.ark_team import ArkTeam
from ark_temporal.manifests.base import Resource
from ark_temporal.manifests.kubernetes import ConfigMap, Secret

ARK_KINDS: Mapping[str, type[Resource]] = {
    model.KIND: model
    for model in (
        ArkTeam,
        ArkAgent,
        ArkEvent,
        ArkNotify,
        ArkSettings,
        ArkMemory,
        ArkRegistry,
        ArkService,
        ArkFlow,
        ArkRun,
        ArkOptimizer,
        ArkBudget,
        ArkSecret,
    )
}
"""The kinds of the arkonis.dev group."""

CORE_KINDS: Mapping[str, type[Resource]] = {model.KIND: model for model in (Secret, ConfigMap)}
"""The kinds of Kubernetes' core group that manifests refer to."""

KINDS: Mapping[str, type[Resource]] = {**ARK_KINDS, **CORE_KINDS}


def kind_named(name: str) -> type[Resource] | None:
    """Finds a kind by its name or a short name, in any case; None when there is none."""
    wanted = name.lower()
    for kind, model in KINDS.items():
        if wanted in (kind.lower(), f"{kind.lower()}s", *model.SHORT_NAMES):
            return model
    return None
