"""A Temporal that answers at once and runs nothing: what is left is what its callers cost.

It speaks gRPC over a socket, as Temporal does, and keeps the one promise that counts here: an id is started
once. `python -m benchmarks.stub_temporal MANIFEST...` shows those documents as applied resources. Its port is
its first line of output; when it is told to end, it prints what it has started.
"""

import asyncio
import json
import signal
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc  # pyright: ignore[reportMissingTypeStubs]
import yaml
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from temporalio.api.common.v1 import GrpcStatus, Memo, Payload, Payloads
from temporalio.api.enums.v1 import IndexedValueType, WorkflowExecutionStatus
from temporalio.api.errordetails.v1 import WorkflowExecutionAlreadyStartedFailure
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest, ListSearchAttributesResponse
from temporalio.api.workflowservice.v1 import (
    DescribeWorkflowExecutionRequest,
    DescribeWorkflowExecutionResponse,
    GetSystemInfoRequest,
    GetSystemInfoResponse,
    ListWorkflowExecutionsRequest,
    ListWorkflowExecutionsResponse,
    QueryWorkflowRequest,
    QueryWorkflowResponse,
    StartWorkflowExecutionRequest,
    StartWorkflowExecutionResponse,
)

from ark_temporal.resources.model import ResourceMemo, ResourceName, Revision, manifest_digest
from ark_temporal.runs.attributes import SEARCH_ATTRIBUTES
from ark_temporal.runs.names import MEMO, RESOURCE
from ark_temporal.storage.converter import SharedPayloadConverter

_ALREADY_EXISTS = 6


class AlreadyStartedError(Exception):
    """The id is taken."""


class StubTemporal:
    """Answers what a gateway asks."""

    def __init__(self, manifests: list[dict[str, Any]]) -> None:
        self.started: dict[str, Memo] = {}
        self.refused = 0
        self._converter = SharedPayloadConverter()
        names = [
            ResourceName(each["kind"], each["metadata"].get("namespace", "default"), each["metadata"]["name"])
            for each in manifests
        ]
        self._resources = {
            name.workflow_id: (name, Revision(number=1, manifest=each, digest=manifest_digest(each), at=_NOW))
            for name, each in zip(names, manifests, strict=True)
        }

    def start(self, request: StartWorkflowExecutionRequest) -> StartWorkflowExecutionResponse:
        """Start a workflow, once for each id."""
        if request.workflow_id in self.started:
            self.refused += 1
            raise AlreadyStartedError
        self.started[request.workflow_id] = request.memo
        return StartWorkflowExecutionResponse(run_id=f"run-{len(self.started)}", started=True)

    def describe(self, request: DescribeWorkflowExecutionRequest) -> DescribeWorkflowExecutionResponse:
        """A workflow that was started."""
        answer = DescribeWorkflowExecutionResponse()
        info = answer.workflow_execution_info
        info.execution.workflow_id = request.execution.workflow_id
        info.status = WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_RUNNING
        info.memo.CopyFrom(self.started[request.execution.workflow_id])
        return answer

    def list(self, request: ListWorkflowExecutionsRequest) -> ListWorkflowExecutionsResponse:
        """The applied resources."""
        answer = ListWorkflowExecutionsResponse()
        for id, (name, revision) in self._resources.items():
            info = answer.executions.add()
            info.execution.workflow_id, info.type.name = id, RESOURCE
            info.status = WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_RUNNING
            memo = ResourceMemo(kind=name.kind, revision=1, digest=revision.digest, at=_NOW)
            info.memo.fields[MEMO].CopyFrom(self._payload(memo))
        return answer

    def query(self, request: QueryWorkflowRequest) -> QueryWorkflowResponse:
        """The revision in force of one of them."""
        _, revision = self._resources[request.execution.workflow_id]
        return QueryWorkflowResponse(query_result=Payloads(payloads=[self._payload(revision)]))

    def attributes(self, request: ListSearchAttributesRequest) -> ListSearchAttributesResponse:
        """All of our search attributes are known."""
        keyword = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
        return ListSearchAttributesResponse(custom_attributes=dict.fromkeys(SEARCH_ATTRIBUTES, keyword))

    def _payload(self, value: object) -> Payload:
        return self._converter.to_payloads([value])[0]


_NOW = datetime(2026, 1, 1, tzinfo=UTC)


class _Handlers(grpc.GenericRpcHandler):
    def __init__(self, stub: StubTemporal) -> None:
        service = "/temporal.api.workflowservice.v1.WorkflowService/"
        self._methods: Mapping[str, tuple[type[Message], Callable[[Any], Message]]] = {
            service + "StartWorkflowExecution": (StartWorkflowExecutionRequest, stub.start),
            service + "DescribeWorkflowExecution": (DescribeWorkflowExecutionRequest, stub.describe),
            service + "ListWorkflowExecutions": (ListWorkflowExecutionsRequest, stub.list),
            service + "QueryWorkflow": (QueryWorkflowRequest, stub.query),
            service + "GetSystemInfo": (GetSystemInfoRequest, lambda _: GetSystemInfoResponse()),
            "/temporal.api.operatorservice.v1.OperatorService/ListSearchAttributes": (
                ListSearchAttributesRequest,
                stub.attributes,
            ),
        }
        self.unknown: Counter[str] = Counter()

    def service(self, handler_call_details: Any) -> Any:
        found = self._methods.get(handler_call_details.method)
        if found is None:
            self.unknown[handler_call_details.method] += 1
            return None
        kind, answer = found

        async def handle(request: bytes, context: Any) -> bytes:
            try:
                return answer(kind.FromString(request)).SerializeToString()
            except AlreadyStartedError:
                context.set_trailing_metadata((("grpc-status-details-bin", _already_started()),))
                await context.abort(grpc.StatusCode.ALREADY_EXISTS, "Workflow execution already started.")
                raise

        return grpc.unary_unary_rpc_method_handler(handle)  # pyright: ignore[reportUnknownVariableType]


def _already_started() -> bytes:
    detail = AnyMessage()
    detail.Pack(WorkflowExecutionAlreadyStartedFailure(run_id="first"))
    return GrpcStatus(code=_ALREADY_EXISTS, message="started before", details=[detail]).SerializeToString()


async def main(stub: StubTemporal) -> None:
    """Serve until the process is told to end."""
    handlers = _Handlers(stub)
    server: Any = grpc.aio.server()
    server.add_generic_rpc_handlers((handlers,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()
    print(json.dumps({"started": len(stub.started), "refused": stub.refused, "unknown": handlers.unknown}))
    await server.stop(None)


if __name__ == "__main__":
    written = [each for path in sys.argv[1:] for each in yaml.safe_load_all(Path(path).read_text())]
    asyncio.run(main(StubTemporal(written)))
