"""What users write: manifests of `arkonis.dev/v1alpha1`, loaded with the place of everything that is wrong.

`load(["team.yaml", "agents/"])` gives a `Bundle`: the resources as immutable models, and `Diagnostic`s with
file, line and column. Nothing is raised for what is wrong with a manifest.
"""

from ark_temporal.manifests.agent_parts import (
    AgentParts,
    Autoscaling,
    Capability,
    EnvFromSource,
    Limits,
    LivenessProbe,
    NetworkPolicy,
    PromptRef,
    Resources,
)
from ark_temporal.manifests.approval import Approval, Deciders, Escalation, ToolApproval
from ark_temporal.manifests.ark_agent import ArkAgent, ArkAgentSpec
from ark_temporal.manifests.ark_event import ArkEvent, ArkEventSpec, EventSource, EventTarget, TeamOutput
from ark_temporal.manifests.ark_flow import ArkFlow, ArkFlowSpec, FlowStep, flow_as_team
from ark_temporal.manifests.ark_memory import (
    ArkMemory,
    ArkMemorySpec,
    Embeddings,
    RedisMemory,
    VectorStoreMemory,
)
from ark_temporal.manifests.ark_named import ArkBudget
from ark_temporal.manifests.ark_notify import (
    ArkNotify,
    ArkNotifySpec,
    Channel,
    NotifyEvent,
    RateLimiting,
    SlackChannel,
    WebhookChannel,
)
from ark_temporal.manifests.ark_optimizer import ArkOptimizer, ArkOptimizerSpec
from ark_temporal.manifests.ark_registry import ArkRegistry, ArkRegistrySpec, RegistryPolicy
from ark_temporal.manifests.ark_run import ArkRun
from ark_temporal.manifests.ark_secret import ArkSecret
from ark_temporal.manifests.ark_service import ArkService, ArkServiceSpec
from ark_temporal.manifests.ark_settings import ArkSettings, ArkSettingsSpec, Fragment
from ark_temporal.manifests.ark_team import (
    ArkTeam,
    ArkTeamSpec,
    ArtifactStore,
    Role,
    Routing,
    TeamAutoscaling,
    TeamInput,
    TeamLimits,
)
from ark_temporal.manifests.base import (
    API_VERSION,
    DEFAULT_NAMESPACE,
    JsonSchemaText,
    KeyRef,
    Metadata,
    NameRef,
    Resource,
    SourceRef,
)
from ark_temporal.manifests.bundle import Bundle, Loaded
from ark_temporal.manifests.diagnostics import Diagnostic, Location, Severity
from ark_temporal.manifests.explain import Explanation, FieldSummary, UnknownPathError, explain
from ark_temporal.manifests.kinds import KINDS, kind_named
from ark_temporal.manifests.kubernetes import ConfigMap, Secret
from ark_temporal.manifests.loader import load
from ark_temporal.manifests.mcp import McpAuth, McpServer
from ark_temporal.manifests.pipeline import (
    Loop,
    OutputArtifact,
    PipelineStep,
    RegistryLookup,
    Validation,
)
from ark_temporal.manifests.reference import render_reference
from ark_temporal.manifests.schema import json_schema
from ark_temporal.manifests.shapes import Ensemble, Map, Switch
from ark_temporal.manifests.tools import Tool
from ark_temporal.manifests.values import GivenValue

__all__ = [
    "API_VERSION",
    "DEFAULT_NAMESPACE",
    "KINDS",
    "AgentParts",
    "Approval",
    "ArkAgent",
    "ArkAgentSpec",
    "ArkBudget",
    "ArkEvent",
    "ArkEventSpec",
    "ArkFlow",
    "ArkFlowSpec",
    "ArkMemory",
    "ArkMemorySpec",
    "ArkNotify",
    "ArkNotifySpec",
    "ArkOptimizer",
    "ArkOptimizerSpec",
    "ArkRegistry",
    "ArkRegistrySpec",
    "ArkRun",
    "ArkSecret",
    "ArkService",
    "ArkServiceSpec",
    "ArkSettings",
    "ArkSettingsSpec",
    "ArkTeam",
    "ArkTeamSpec",
    "ArtifactStore",
    "Autoscaling",
    "Bundle",
    "Capability",
    "Channel",
    "ConfigMap",
    "Deciders",
    "Diagnostic",
    "Embeddings",
    "Ensemble",
    "EnvFromSource",
    "Escalation",
    "EventSource",
    "EventTarget",
    "Explanation",
    "FieldSummary",
    "FlowStep",
    "Fragment",
    "GivenValue",
    "JsonSchemaText",
    "KeyRef",
    "Limits",
    "LivenessProbe",
    "Loaded",
    "Location",
    "Loop",
    "Map",
    "McpAuth",
    "McpServer",
    "Metadata",
    "NameRef",
    "NetworkPolicy",
    "NotifyEvent",
    "OutputArtifact",
    "PipelineStep",
    "PromptRef",
    "RateLimiting",
    "RedisMemory",
    "RegistryLookup",
    "RegistryPolicy",
    "Resource",
    "Resources",
    "Role",
    "Routing",
    "Secret",
    "Severity",
    "SlackChannel",
    "SourceRef",
    "Switch",
    "TeamAutoscaling",
    "TeamInput",
    "TeamLimits",
    "TeamOutput",
    "Tool",
    "ToolApproval",
    "UnknownPathError",
    "Validation",
    "VectorStoreMemory",
    "WebhookChannel",
    "explain",
    "flow_as_team",
    "json_schema",
    "kind_named",
    "load",
    "render_reference",
]
