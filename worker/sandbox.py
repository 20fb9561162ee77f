"""The sandbox that our workflows run in: Temporal's own, without what it asks for nothing."""

from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.converter import (
    SerializationContext,
    StorageDriverStoreContext,
    StorageDriverWorkflowInfo,
)
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from temporalio.workflow import Info

_PASSED_THROUGH = (
    *("ark_temporal", "pydantic", "pydantic_core", "annotated_types"),
    *("jsonschema", "jsonschema_specifications", "referencing", "rpds", "attr", "attrs"),
)
"""Loaded once for all workflows: pure code of ours, what it is made of, and what checks people's answers."""


def workflow_sandbox() -> SandboxedWorkflowRunner:
    """The runner for workers and for replays."""
    return _Sandbox(SandboxRestrictions.default.with_passthrough_modules(*_PASSED_THROUGH))


class _Sandbox(SandboxedWorkflowRunner):
    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        return _ContextFree(super().create_instance(det))


class _ContextFree(WorkflowInstance):
    """A workflow that does not ask inside the sandbox which context a payload stands in.

    The worker asks for every payload, and asking costs more than the conversion: a tenth of a short run's
    CPU. Our converter does not look at the answer, and storage gets one that holds for all of a workflow's
    payloads: the workflow itself.
    """

    def __init__(self, sandboxed: WorkflowInstance) -> None:
        self._sandboxed = sandboxed
        info = sandboxed.get_info()
        self._stores_for = StorageDriverStoreContext(
            target=StorageDriverWorkflowInfo(
                namespace=info.namespace, id=info.workflow_id, run_id=info.run_id, type=info.workflow_type
            )
        )

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        return self._sandboxed.activate(act)

    def get_serialization_context(self, command_info: object) -> SerializationContext | None:
        return None

    def get_external_store_context(self, command_info: object) -> StorageDriverStoreContext:
        return self._stores_for

    def get_info(self) -> Info:
        return self._sandboxed.get_info()

    def get_thread_id(self) -> int | None:
        return self._sandboxed.get_thread_id()
